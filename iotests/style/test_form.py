# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: files and functions stay readable, licensed and honest about their size.

Method: limits with a list of today's exceptions (long.toml). An exception holds the exact figure: it may only shrink,
and when the code shrinks the figure has to follow.
"""

import re
import tomllib
from pathlib import Path

from tree import ROOT, at, c_files, code, fail_with, files, functions, is_test, text

FILE_LINES, FUNCTION_LINES, COLUMNS = 600, 70, 120
EXCEPTIONS = tomllib.loads((Path(__file__).parent / "long.toml").read_text())
SOURCE_SUFFIXES = {".c", ".h", ".S", ".s", ".py", ".sh", ".build", ".toml"}


def ratchet(actual, listed, limit, what):
    """actual: name -> figure, of everything; listed: the exceptions."""
    problems = []
    for name, figure in sorted(actual.items()):
        allowed = listed.get(name, limit)
        if figure > allowed:
            problems.append(f"{name}: {figure} lines, at most {allowed}")
        elif name in listed and figure < allowed:
            problems.append(f"{name}: now {max(figure, limit)} lines; lower or remove its entry in long.toml")
    problems += [f"{name}: in long.toml, but there is no such {what}" for name in sorted(set(listed) - set(actual))]
    return problems


def test_file_length():
    actual = {str(p): text(p).count("\n") for p in c_files("impl", "replay")}
    fail_with(ratchet(actual, EXCEPTIONS["files"], FILE_LINES, "file"), "Split by topic.")


def test_function_length():
    actual = {}
    for path in c_files("impl", "replay"):
        for f in functions(path):
            actual[f"{path}:{f.name}"] = max(f.lines, actual.get(f"{path}:{f.name}", 0))
    fail_with(ratchet(actual, EXCEPTIONS["functions"], FUNCTION_LINES, "function"), "One job per function.")


def test_function_reader_sees_functions():
    """A canary for the brace matcher."""
    assert {f.name for f in functions(Path("impl/sched/switch.c"))} >= {"sched_context_switch", "walk"}


def test_line_length():
    problems = []
    for path in files():
        if path.suffix in (".c", ".h", ".S", ".py", ".sh", ".build"):
            problems += [f"{at(path, i)}: {len(line)} columns" for i, line in enumerate(text(path).split("\n"), 1)
                         if len(line) > COLUMNS]
    fail_with(problems, f"At most {COLUMNS} columns.")


def test_tabs_and_trailing_space():
    problems = []
    for path in files():
        if path.suffix in SOURCE_SUFFIXES:
            problems += [at(path, i) for i, line in enumerate(text(path).split("\n"), 1)
                         if "\t" in line or line != line.rstrip()]
    fail_with(problems, "Four spaces; nothing at the end of a line.")


def test_spdx_line():
    problems = []
    for path in files():
        if path.suffix in SOURCE_SUFFIXES or path.parts[0] in (".ci",) or path.name == "check":
            head = text(path).split("\n", 3)[:2]
            if not any("SPDX-License-Identifier: GPL-2.0-or-later" in line for line in head):
                problems.append(str(path))
    fail_with(problems, "The first line (or the second, after #!) is the SPDX line.")


def test_file_comment():
    """The second thing in a C file says what it does."""
    problems = [str(p) for p in c_files("impl", "replay")
                if not re.match(r"/\* SPDX[^\n]*\*/\n/\*", text(p))]
    fail_with(problems, "After the SPDX line comes one comment: what, owns, context, locks, invariants.")


def test_include_guards():
    problems = []
    for path in c_files("impl", "replay"):
        if path.suffix != ".h":
            continue
        parts = path.with_suffix("").parts
        guard = re.sub(r"\W", "_", "_".join(parts[1:] if parts[0] == "impl" else parts)).upper() + "_H"
        m = re.search(r"^#ifndef (\w+)\n#define \1$", text(path), re.M)
        repeated = "included more than once" in text(path)
        if not repeated and (not m or m.group(1) != guard):
            problems.append(f"{path}: want {guard}, have {m.group(1) if m else 'none'}")
    fail_with(problems)


def test_coroutine_names():
    """A header function with `_co_` in its name says that it may only run in a coroutine."""
    problems = []
    for path in c_files("impl"):
        if path.suffix != ".h":
            continue
        source = code(path)
        declaration = r"^(?!typedef)([A-Za-z][\w ]*[ *])((?:bdrv|blk|qcow2|raw|job)_co_\w+)\("
        for m in re.finditer(declaration, source, re.M):
            if m.group(2) != "bdrv_co_enter" and not re.search(r"\bco(routine(_mixed)?_fn|_wrapper\w*)\b", m.group(1)):
                problems.append(f"{at(path, m.start(2), source)}: {m.group(2)}")
    fail_with(problems, "Mark it coroutine_fn (or coroutine_mixed_fn).")


def test_unit_test_beside_the_code():
    """Every folder of impl/ with C code of its own has a unit test, or tests above it have."""
    with_code = {p.parts[1] for p in c_files("impl") if p.suffix == ".c" and not is_test(p)}
    with_test = {p.parts[1] for p in c_files("impl") if p.name.startswith("test-")}
    exempt = EXCEPTIONS["folders_without_unit_test"]
    fail_with([f"impl/{d}" for d in sorted(with_code - with_test - set(exempt))], "Add impl/<folder>/test-x.c.")


def test_exceptions_are_few():
    """The ratchet's own ratchet: the number of exceptions, which only ever falls."""
    counts = EXCEPTIONS["counts"]
    assert len(EXCEPTIONS["files"]) <= counts["files"]
    assert len(EXCEPTIONS["functions"]) <= counts["functions"]
    assert (ROOT / "iotests/style/long.toml").exists()
