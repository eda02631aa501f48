# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: the parts of the repository agree: bugs with traces, goldens with tests, the changelog with its format.

Method: the files themselves. Nothing here needs a build.
"""

import re
import stat
import tomllib

from tree import ROOT, at, c_files, code, fail_with, files, text

BUG_FILES = ("README.md", "bug.toml", "mutant.patch", "scenario.py")
TOP = {"impl", "iotests", "replay", "traces", "bugs", "meson.build", "meson_options.txt", "meson.options",
       "CONTRIBUTING.md", "README.md", "LICENSE", "CHANGELOG.md"}


def bugs():
    """slug -> parsed bug.toml."""
    return {p.parts[1]: tomllib.loads(text(p)) for p in files()
            if p.parts[0] == "bugs" and p.name == "bug.toml" and len(p.parts) == 3}


def test_top_level():
    extra = sorted({p.parts[0] for p in files()} - TOP - {n for p in files() if (n := p.parts[0]).startswith(".")})
    fail_with(extra, "The top level is fixed.")


def test_bug_folders_are_complete():
    folders = {p.parts[1] for p in files() if p.parts[0] == "bugs" and len(p.parts) == 3 and p.parts[1] != "eras"}
    borrowed = {slug: bug["mutant_of"] for slug, bug in bugs().items() if "mutant_of" in bug}
    problems = [f"bugs/{d}: no {name}" for d in sorted(folders) for name in BUG_FILES
                if not (ROOT / "bugs" / d / name).exists() and not (name == "mutant.patch" and d in borrowed)]
    problems += [f"bugs/{slug}: mutant_of names {other}, which has no mutant.patch" for slug, other in borrowed.items()
                 if not (ROOT / "bugs" / other / "mutant.patch").exists()]
    fail_with(problems)


def traces_of(bug):
    value = bug.get("trace", bug.get("traces", []))
    return [value] if isinstance(value, str) else value


def test_every_bug_has_its_trace_and_every_trace_its_bug():
    named = {}
    for slug, bug in bugs().items():
        for t in traces_of(bug) or [f"{slug}.trace"]:
            name = t.rsplit("/", 1)[-1]
            named[name if name.endswith(".trace") else name + ".trace"] = slug
    present = {p.name for p in files() if p.parts[0] == "traces" and p.suffix == ".trace"}
    problems = [f"bugs/{slug}: traces/{t} is missing" for t, slug in sorted(named.items()) if t not in present]
    problems += [f"traces/{t}: no bug.toml names it" for t in sorted(present - set(named))]
    fail_with(problems)


def test_no_bug_is_named_in_impl():
    """Faults are a driver, interleavings a trace, old bugs a patch: the product knows none of them."""
    patterns = []
    for slug, bug in bugs().items():
        patterns.append((re.compile(rf"\b{re.escape(slug).replace('-', '[-_ ]')}\b", re.I), slug))
        if "id" in bug:
            patterns.append((re.compile(rf"(?<![\w.]){re.escape(str(bug['id']))}(?![\w])"), bug["id"]))
    patterns.append((re.compile(r"\bBUG_|\binject_bug|\bmutant\b", re.I), "a bug switch"))
    problems = []
    for path in c_files("impl"):
        for pattern, what in patterns:
            problems += [f"{at(path, m.start(), text(path))}: names {what}" for m in pattern.finditer(text(path))]
    fail_with(problems)


def test_driver_slots_are_called_from_dispatch_only():
    """Requests reach a driver through block/dispatch.c only: the one place to assert around a driver."""
    slot = re.compile(r"\bdrv->\s*(bdrv_(?:co|aio)_\w+)\s*\(")
    problems = []
    for path in c_files("impl"):
        if path.name != "dispatch.c" and not path.name.startswith("test-"):
            source = code(path)
            problems += [f"{at(path, m.start(), source)}: {m.group(1)}" for m in slot.finditer(source)]
    fail_with(problems, "Add a wrapper to impl/block/dispatch.c and call that.")


def test_golden_files_are_used():
    problems = []
    for path in files():
        if path.parent.name == "golden":
            users = [p for p in files() if p.parent == path.parent.parent and p.suffix == ".py"]
            if not any(path.stem in text(p) or "golden(" in text(p) for p in users):
                problems.append(str(path))
    fail_with(problems, "No test beside it mentions it.")


def test_changelog_is_kept():
    """Keep a Changelog 1.1: an Unreleased section first, known headings, ISO dates, newest first."""
    lines = (ROOT / "CHANGELOG.md").read_text().split("\n")
    assert lines[0] == "# Changelog"
    versions = [l for l in lines if l.startswith("## ")]
    assert versions and versions[0] == "## [Unreleased]"
    dates = []
    for v in versions[1:]:
        m = re.fullmatch(r"## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", v)
        assert m, f"malformed: {v}"
        dates.append(m.group(2))
    assert dates == sorted(dates, reverse=True)
    known = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    headings = {l[4:] for l in lines if l.startswith("### ")}
    assert headings <= known, f"unknown headings: {sorted(headings - known)}"


def test_documents_link_to_files_that_exist():
    problems = []
    for path in files():
        if path.suffix != ".md":
            continue
        for m in re.finditer(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(#[^)]*)?\)", text(path)):
            target = (ROOT / path.parent / m.group(1)).resolve()
            if not target.exists():
                problems.append(f"{at(path, m.start(), text(path))}: {m.group(1)}")
    fail_with(problems)


def test_the_walk_names_functions_that_exist():
    walk = text(ROOT / "impl/ARCHITECTURE.md").split("## The walk of one guest write")[1]
    problems, steps = [], 0
    for cell in re.findall(r"^\|[^|]*\|[^|]*\|([^|]*)\|", walk, re.M):
        source = None
        for word in re.findall(r"`([^`]+)`", cell):
            if "/" in word:
                source = ROOT / "impl" / word
            elif source is None or not re.search(rf"\b{word}\(", source.read_text() if source.exists() else ""):
                problems.append(f"impl/ARCHITECTURE.md: {source} has no {word}")
            steps += 1
    assert steps > 20
    fail_with(problems)


def test_scripts_are_executable():
    problems = []
    for path in files():
        if text(path).startswith("#!") and not (ROOT / path).stat().st_mode & stat.S_IXUSR:
            problems.append(str(path))
    fail_with(problems)


def test_no_binaries_are_committed():
    problems = [str(p) for p in files() if b"\0" in (ROOT / p).read_bytes()[:8192]]
    fail_with(problems, "Generate it in the build or the test.")
