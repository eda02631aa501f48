# SPDX-License-Identifier: GPL-2.0-or-later
"""The explorer must find what is there and nothing else. Method: the canaries of replay/units."""

import pytest

CANARIES = {
    "canary-deadlock": ("deadlock", "cycle: one -> two -> one"),
    "canary-order": ("assert", "Assertion `c->ready' failed"),
    "canary-atomicity": ("assert", "Assertion `c.value == 40' failed"),
    "canary-lost-wake": ("deadlock", "one waits: cond.wait condition ready"),
}


@pytest.mark.parametrize("strategy", ["random", "pct", "pos"])
@pytest.mark.parametrize("canary", CANARIES)
def test_canary_is_found_minimised_and_replays(sim, canary, strategy):
    outcome, words = CANARIES[canary]
    trace = sim.trace(f"unit {canary}", name=canary)
    _, failures = sim.explore(trace, "--strategy", strategy, "--runs", 5000)
    assert failures, "the explorer found nothing: it is broken"
    found = failures[0]
    assert (found["failure"], found["reproduced"]) == (outcome, True)
    assert words in found["signature"]
    assert found["deviations"] <= 2 + 3 and found["replays"] <= 1000
    report = sim.replay(found["trace"])
    assert report["outcome"] == outcome and "stale" not in report


@pytest.mark.parametrize("canary", CANARIES)
def test_default_schedule_shows_no_canary(sim, canary):
    report = sim.replay(sim.trace(f"unit {canary}"))
    assert report["outcome"] == "exit" and report["status"] == 0


def test_livelock_is_a_hang_under_a_fair_schedule(sim):
    report = sim.replay(sim.trace("unit canary-spin"))
    assert report["outcome"] == "hang" and "no end under a fair schedule" in report["text"]


def test_search_is_repeatable_from_its_seed(sim):
    trace = sim.trace("unit canary-deadlock")
    runs = [sim.explore(trace, "--strategy", "pos", "--seed", 5, "--runs", 2000)[1][0] for _ in range(2)]
    assert [r["seed"] for r in runs] == [runs[0]["seed"]] * 2
    assert runs[0]["signature"] == runs[1]["signature"]


def test_deadlock_report_has_cycle_and_every_stack(sim):
    trace = sim.trace("unit canary-deadlock", "switch thread=main at=thread.start object=one n=1 to=one",
                      "switch thread=one at=lock object=b n=1 to=main",
                      "switch thread=main at=thread.start object=two n=1 to=two")
    report = sim.replay(trace)
    assert "cycle: one -> two -> one" in report["waits"]
    stacks = {t["name"]: [f["function"] for f in t["stack"]] for t in report["threads"]}
    assert "lock_ab" in stacks["one"] and "lock_ba" in stacks["two"] and "canary_run" in stacks["main"]
