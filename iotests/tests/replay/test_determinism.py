# SPDX-License-Identifier: GPL-2.0-or-later
"""Equal inputs, equal digests: with and without address randomisation, on an idle and on a loaded machine."""

import os
import shutil
import subprocess
import sys

import pytest
from rondo_replay.bugs import all_bugs
from rondo_replay import sim as tools

BUGS = all_bugs()


def digests(sim, trace, count, prefix=(), **kwargs):
    return {sim.replay(trace, prefix=prefix, **kwargs)["digest"] for _ in range(count)}


def test_unit_repeats(sim):
    trace = sim.trace("unit canary-atomicity", "switch thread=one at=atomic object=shared n=3 to=two")
    seen = digests(sim, trace, 20)
    if shutil.which("setarch"):
        seen |= digests(sim, trace, 20, prefix=["setarch", "-R"])
    assert len(seen) == 1


@pytest.fixture
def load():
    """Keep every core busy during the test."""
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    yield
    for h in hogs:
        h.kill()
        h.wait()


@pytest.mark.parametrize("bug", BUGS, ids=lambda b: b.slug)
def test_bug_repeats(bug, load):
    """The whole machine: idle runs are those of test_bugs.py; here with load, and with fixed addresses."""
    if bug.heavy and os.environ.get("RONDO_INSTRUMENTED"):
        pytest.skip("it boots a real firmware, which takes an instrumented build long")
    seen = set()
    with tools.scratch(bug.scenario) as folder:
        for program in (bug.mutant, "rondo-sim"):
            times = 2 if bug.heavy else 5
            runs = {tools.replay(program, bug.trace, folder, stacks=False)["digest"] for _ in range(times)}
            seen.add((program, frozenset(runs)))
            assert len(runs) == 1, f"{program} does not repeat"
