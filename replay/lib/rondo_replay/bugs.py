# SPDX-License-Identifier: GPL-2.0-or-later
"""The bugs/ folder: one description, one scenario, one patch and one trace for each documented bug."""

import importlib.util
import shlex
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(SOURCE / "iotests" / "lib"))


class Problem(Exception):
    """Something the user can put right; the message says how."""


@dataclass
class Bug:
    slug: str
    folder: Path
    id: str
    title: str
    cls: str
    outcome: str
    signature: str
    stacks: list
    strategy: str = "pct"
    depth: int = 0
    budget_seconds: float = 60
    search_from: str = ""
    mutant_of: str = ""
    heavy: bool = False
    peer: dict = field(default_factory=dict)
    sources: dict = field(default_factory=dict)
    _scenario: object = None

    @property
    def trace(self):
        return SOURCE / "traces" / f"{self.slug}.trace"

    @property
    def mutant(self):
        return f"rondo-sim-{self.mutant_of or self.slug}"

    @property
    def scenario(self):
        if self._scenario is None:
            self._scenario = load_scenario(self.folder / "scenario.py")
        return self._scenario


def load_scenario(path):
    """A scenario module: MACHINE (list of arguments) or UNIT (name); prepare(env) and client(vm) if it needs them."""
    if not path.exists():
        raise Problem(f"{path} does not exist")
    spec = importlib.util.spec_from_file_location("scenario_" + path.parent.name.replace("-", "_"), path)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    if not hasattr(module, "MACHINE") and not hasattr(module, "UNIT"):
        raise Problem(f"{path}: a scenario needs MACHINE = [arguments] or UNIT = 'name'")
    return module


def load_bug(slug):
    folder = SOURCE / "bugs" / slug
    path = folder / "bug.toml"
    try:
        with open(path, "rb") as f:
            d = tomllib.load(f)
        expect, search = d["expect"], d.get("search", {})
        return Bug(slug=slug, folder=folder, id=d["id"], title=d["title"], cls=d["class"], outcome=expect["outcome"],
                   signature=expect["signature"], stacks=expect.get("stacks", []),
                   strategy=search.get("strategy", "pct"),
                   depth=search.get("depth", 0), budget_seconds=search.get("budget_seconds", 60),
                   search_from=search.get("from", ""), mutant_of=d.get("mutant_of", ""), heavy=d.get("heavy", False),
                   peer=d.get("peer", {}), sources=d.get("sources", {}))
    except FileNotFoundError:
        raise Problem(f"no bug '{slug}': there is no {path.relative_to(SOURCE)}") from None
    except tomllib.TOMLDecodeError as e:
        raise Problem(f"{path.relative_to(SOURCE)}: {e}") from None
    except KeyError as e:
        raise Problem(f"{path.relative_to(SOURCE)}: {e} is missing") from None


def all_bugs():
    """Every bug, in the order of their ids."""
    slugs = sorted(p.parent.name for p in (SOURCE / "bugs").glob("*/bug.toml"))
    return sorted((load_bug(s) for s in slugs), key=lambda b: b.id)


def find_bugs(names):
    """Bugs by id (A1), slug, or trace path; all of them for no names."""
    bugs = all_bugs()
    if not names:
        return bugs
    found = []
    for name in names:
        slug = Path(name).stem if name.endswith(".trace") else name
        match = [b for b in bugs if slug in (b.slug, b.id) or b.id.rstrip("abcde") == slug]
        if not match:
            known = ", ".join(f"{b.id} {b.slug}" for b in bugs)
            raise Problem(f"no bug '{name}'; there are: {known}")
        found += match
    return found


def trace_words(path):
    """The lines of a trace as lists of words; comments left out."""
    with open(path, encoding="utf-8") as f:
        return [shlex.split(line) for line in f if line.strip() and not line.startswith("#")]


def trace_deviations(path):
    return [w for w in trace_words(path) if w and w[0] in ("switch", "choose", "slice")]
