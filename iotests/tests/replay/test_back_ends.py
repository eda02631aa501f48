# SPDX-License-Identifier: GPL-2.0-or-later
"""A recorded run is the same run whether the guest's code is interpreted or translated: same outcome, same digest."""

import os

import pytest
from rondo_replay import sim as tools
from rondo_replay.bugs import all_bugs

MACHINES = [b for b in all_bugs() if hasattr(b.scenario, "MACHINE")]


@pytest.mark.parametrize("bug", MACHINES, ids=lambda b: b.slug)
def test_both_back_ends_have_the_same_digest(bug, tmp_path):
    if bug.heavy and os.environ.get("RONDO_INSTRUMENTED"):
        pytest.skip("it boots a real firmware, which takes an instrumented build long")
    text = bug.trace.read_text()
    seen = set()
    for accel in ("tcg", "soft", "tcg,translate=off"):
        trace = tmp_path / "run.trace"
        trace.write_text(text.replace("\nmachine ", f"\nmachine -accel {accel} ", 1))
        with tools.scratch(bug.scenario) as folder:
            report = tools.replay(bug.mutant, trace, folder)
        seen.add((report["outcome"], report["digest"]))
    assert len(seen) == 1, seen
