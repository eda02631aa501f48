# SPDX-License-Identifier: GPL-2.0-or-later
"""The files of the repository, and a reader of C good enough for our own layout of it."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@lru_cache(maxsize=None)
def files():
    """Tracked files and new ones that are not ignored, in order, as paths relative to the root."""
    list_files = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    out = subprocess.run(list_files, capture_output=True).stdout if shutil.which("git") else b""
    if out:
        names = [n.decode() for n in out.split(b"\0") if n]
    else:       # an unpacked archive, or a tree of somebody whom git does not trust
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()]
        names = [n for n in names if not n.startswith(("build", ".git/")) and "__pycache__" not in n]
    return [Path(n) for n in sorted(set(names)) if (ROOT / n).is_file()]


@lru_cache(maxsize=None)
def text(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def c_files(*folders):
    return [p for p in files() if p.suffix in (".c", ".h") and (not folders or p.parts[0] in folders)]


def is_test(path):
    return path.name.startswith(("test-", "bench-", "fuzz-"))


@lru_cache(maxsize=None)
def code(path):
    """C with comments and the insides of literals blanked; lines and columns stay."""
    out = []
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    last = 0
    source = text(path)
    for m in pattern.finditer(source):
        out.append(source[last:m.start()])
        token = m.group()
        if token[0] in "\"'":
            out.append(token[0] + " " * (len(token) - 2) + token[0])
        else:
            out.append(re.sub(r"[^\n]", " ", token))
        last = m.end()
    out.append(source[last:])
    return "".join(out)


@dataclass(frozen=True)
class Function:
    path: Path
    name: str
    line: int       # of the signature
    lines: int      # signature to closing brace


@lru_cache(maxsize=None)
def functions(path):
    """Functions of a C file: in our layout a body opens and closes with a brace in column 0."""
    found = []
    lines = code(path).split("\n")
    start = None
    for i, line in enumerate(lines):
        if line.rstrip() == "{":
            start = i
        elif line.startswith("}") and start is not None:
            first = start
            while first > 0 and lines[first - 1].strip() and not lines[first - 1].startswith(("}", "#")) \
                    and not lines[first - 1].rstrip().endswith(";"):
                first -= 1
            signature = " ".join(lines[first:start])
            m = re.search(r"([A-Za-z_]\w*)\s*\((?!\()", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", signature))
            found.append(Function(path, m.group(1) if m else "?", first + 1, i - first + 1))
            start = None
    return found


def at(path, offset_or_line, source=None):
    """"path:line" for messages."""
    if source is not None:
        offset_or_line = source.count("\n", 0, offset_or_line) + 1
    return f"{path}:{offset_or_line}"


def fail_with(problems, advice=""):
    """One assertion for a list of problems, all of them shown."""
    assert not problems, "\n".join([f"{len(problems)} problem(s). {advice}", *problems])
