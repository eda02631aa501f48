# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: include arrows point down only, so that a folder can be read, moved or deleted knowing who is above it.

Method: the #include lines of every C file of impl/. ARROWS is the whole truth; anything not listed is an error.
"""

import re

from tree import ROOT, at, c_files, fail_with, is_test, text

# folder -> folders it may include (its own always). Unit tests, benchmarks and fuzz targets may include anything below
# the top, and the platform to look at what happened.
ARROWS = {
    "base": "",
    "platform": "base",
    "sched": "base platform",
    "aio": "base sched",
    "block": "base sched aio",
    "mem": "base platform sched aio",
    "cpu": "base sched aio mem",
    "migration": "base sched aio block mem",
    "net": "base sched aio",
    "ui": "base sched aio",
    "virtio": "base sched aio mem migration devices",
    "scsi": "base sched aio block mem migration devices",
    "devices": "base sched aio block mem cpu migration net ui virtio scsi machine",
    "machine": "base sched aio block mem cpu migration virtio scsi devices",
    "monitor": "base sched aio block mem cpu migration net ui virtio scsi devices machine",
    "gdbstub": "base sched mem cpu machine monitor",
    "tools": "base sched aio block mem cpu migration net ui virtio scsi devices machine monitor gdbstub",
}
# Interfaces that lie higher than their users: the user calls down into an interface, its implementation is elsewhere.
INTERFACES = {
    "machine/runstate.h": {"virtio", "migration", "devices", "cpu", "block", "ui"},
    "migration/vmstate.h": {"cpu"},
    "platform/kvm.h": {"cpu"},
    "monitor/chardev.h": {"devices", "virtio"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def includes(path):
    source = text(path)
    return [(m.group(1), at(path, m.start(1), source)) for m in INCLUDE.finditer(source)]


def test_arrows_point_down():
    problems = []
    for path in c_files("impl"):
        if is_test(path):
            continue
        own = path.parts[1]
        allowed = {own, *ARROWS.get(own, "").split()}
        for header, where in includes(path):
            folder = header.split("/")[0]
            if "/" in header and folder not in allowed and own not in INTERFACES.get(header, ()):
                problems.append(f"{where}: impl/{own} may not include {header}")
    fail_with(problems, "The arrows are in iotests/style/test_layers.py and impl/ARCHITECTURE.md.")


def test_arrows_have_no_cycle_but_the_listed_one():
    """devices and the buses they sit on know each other's interfaces; everything else is a strict order."""
    order = list(ARROWS)
    upward = [(a, b) for a in order for b in ARROWS[a].split() if order.index(b) > order.index(a)]
    assert upward == [("virtio", "devices"), ("scsi", "devices"), ("devices", "machine")]


def test_architecture_shows_the_same_arrows():
    rows = re.findall(r"^\| `(\w+)/` \|[^|]*\| ([^|]*) \|$", text(ROOT / "impl/ARCHITECTURE.md"), re.M)
    shown = {folder: allowed.replace("–", "").strip() for folder, allowed in rows if folder in ARROWS}
    assert shown == ARROWS


def test_impl_never_includes_replay():
    problems = [f"{where}: {header}" for path in c_files("impl") for header, where in includes(path)
                if header.startswith(("replay/", "../", "bugs/", "iotests/"))]
    fail_with(problems, "impl/ is the product; replay/ sits on top of it.")


def test_includes_are_root_relative():
    problems = [f"{where}: {header}" for path in c_files("impl") for header, where in includes(path)
                if "/" not in header]
    fail_with(problems, 'Write #include "folder/file.h".')


def test_internal_headers_stay_in_their_folder():
    problems = []
    for path in c_files("impl", "replay"):
        if is_test(path):
            continue
        for header, where in includes(path):
            folder = header.rsplit("/", 1)[0]
            if header.endswith("_int.h") and header != "block/block_int.h" \
                    and not str(path).startswith(f"impl/{folder}/"):
                problems.append(f"{where}: {header}")
    fail_with(problems, "x_int.h is for its own folder; block_int.h is the driver interface.")


def test_own_header_comes_first():
    """It proves that the header stands alone. A folder's own x_int.h may stand in for it."""
    problems = []
    known = {str(p) for p in c_files("impl")}
    for path in c_files("impl"):
        own = path.with_suffix(".h")
        first = next(iter(includes(path)), None)
        if path.suffix == ".c" and str(own) in known and first and "impl/" + first[0] != str(own) \
                and not (first[0].endswith("_int.h") and f"impl/{first[0]}".startswith(f"{path.parent}/")):
            problems.append(f"{first[1]}: {own.name} should come first, not {first[0]}")
    fail_with(problems)
