# SPDX-License-Identifier: GPL-2.0-or-later
"""The four conditions of a recorded bug, for every bug: the trace fails on the mutant with the documented signature,
passes on the shipped build, the explorer finds the failure from nothing within its budget, and finds nothing on the
shipped build within the same number of schedules."""

import os

import pytest
from rondo_replay import sim as tools
from rondo_replay.bugs import SOURCE, all_bugs, trace_deviations

BUGS = all_bugs()
FIXED_RUNS_MIN = 300
each_bug = pytest.mark.parametrize("bug", BUGS, ids=lambda b: b.slug)


def test_there_are_bugs_and_each_has_its_parts():
    assert BUGS
    for bug in BUGS:
        for part in ("scenario.py", "README.md"):
            assert (bug.folder / part).exists(), f"bugs/{bug.slug} has no {part}"
        assert (SOURCE / "bugs" / (bug.mutant_of or bug.slug) / "mutant.patch").exists(), f"{bug.slug}: no mutant"
        assert bug.trace.exists(), f"traces/{bug.slug}.trace is missing"
    known = {b.slug for b in BUGS}
    strays = [t.name for t in (SOURCE / "traces").glob("*.trace") if t.stem not in known]
    assert not strays, f"traces without a bug: {strays}"


@each_bug
def test_trace_fails_on_the_mutant_as_documented(bug):
    with tools.scratch(bug.scenario) as folder:
        report = tools.replay(bug.mutant, bug.trace, folder)
    assert tools.shows_bug(bug, report) is None
    assert "stale" not in report


@each_bug
def test_trace_passes_on_the_shipped_build(bug):
    with tools.scratch(bug.scenario) as folder:
        report = tools.replay("rondo-sim", bug.trace, folder)
    assert (report["outcome"], report["status"]) == ("exit", 0), report["text"]


@each_bug
def test_explorer_finds_it_from_nothing_and_nothing_on_the_shipped_build(bug, tmp_path):
    if bug.heavy and os.environ.get("RONDO_INSTRUMENTED"):
        pytest.skip("a search with a real firmware takes an instrumented build minutes")
    with tools.scratch(bug.scenario) as folder:
        trace = tmp_path / f"{bug.slug}.trace"
        tools.record(bug.scenario, bug.slug, trace, folder)
        assert not trace_deviations(trace), "a recording holds no interleaving, only the client"
        totals, failures = tools.explore(bug.mutant, trace, folder, tmp_path, strategy=bug.strategy, depth=bug.depth,
                                         seconds=bug.budget_seconds, jobs=1, begin=bug.search_from)
        assert failures, f"nothing found in {totals}"
        found = failures[0]
        report = tools.replay(bug.mutant, found["trace"], folder)
        assert tools.shows_bug(bug, report) is None
        runs = max(found["run"], FIXED_RUNS_MIN // (5 if bug.heavy else 1))
        totals, failures = tools.explore("rondo-sim", trace, folder, tmp_path, strategy=bug.strategy, depth=bug.depth,
                                         runs=runs, jobs=1, begin=bug.search_from)
        assert not failures, failures
        assert totals["runs"] >= runs
