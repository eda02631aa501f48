# SPDX-License-Identifier: GPL-2.0-or-later
"""The explorer must find what is there and nothing else. Method: the canaries of replay/units."""

import subprocess

import pytest
import rondo_iotests as rt

CANARIES = {
    "canary-deadlock": ("deadlock", "cycle: one -> two -> one"),
    "canary-order": ("assert", "Assertion `c->ready' failed"),
    "canary-atomicity": ("assert", "Assertion `c.value == 40' failed"),
    "canary-lost-wake": ("deadlock", "one waits: cond.wait condition ready"),
    "canary-names": ("assert", "Assertion `c->ready' failed"),
    "canary-churn": ("assert", "Assertion `c.value == 2 * CHURN' failed"),
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


@pytest.mark.parametrize("canary", ["canary-spin", "canary-alone"])
def test_livelock_is_a_hang_under_a_fair_schedule(sim, canary):
    report = sim.replay(sim.trace(f"unit {canary}"))
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


def test_hang_replays_with_the_limits_of_its_search(sim):
    """The explorer knows the scenario's usual length and is fair early; the replay must be at the same step."""
    trace = sim.trace("unit canary-spin")
    _, failures = sim.explore(trace, "--runs", 3)
    assert failures and failures[0]["failure"] == "hang" and failures[0]["reproduced"]
    found = failures[0]["trace"]
    end = next(line.split()[2] for line in (sim.folder / found).read_text().splitlines() if line.startswith("fair "))
    report = sim.replay(found)
    assert (report["outcome"], report["steps"]) == ("hang", int(end))


def test_unknown_unit_ends_the_search(sim):
    run = sim.run("--explore", sim.trace("unit nothing"), check=2)
    assert "there is no unit 'nothing'" in run.stderr


@pytest.mark.parametrize("wrong", [("--jobs", "0"), ("--job", "2"), ("--depth", "-1")])
def test_impossible_numbers_are_refused(sim, wrong):
    run = sim.run("--explore", sim.trace("unit canary-order"), *wrong, check=2)
    assert "--job must be below --jobs" in run.stderr


def test_trace_that_cannot_be_written_is_an_error(sim):
    run = sim.run("--explore", sim.trace("unit canary-order"), "--out", "/proc/nowhere", check=2)
    assert "the trace of a failure cannot be written" in run.stderr


def test_search_that_is_stopped_leaves_no_child(sim):
    trace = sim.trace("unit canary-lost-wake")
    cmd = [str(rt.binary("rondo-sim")), "--explore", str(trace), "--keep-going", "--strategy", "default", "--"]
    p = subprocess.Popen(cmd, cwd=sim.folder, stdout=subprocess.PIPE, text=True)
    assert "progress" in p.stdout.readline()
    p.kill()
    p.communicate(timeout=120)              # ends only when the last holder of the pipe is gone


@pytest.mark.parametrize("strategy", ["random", "pct", "pos"])
def test_block_layer_fails_under_no_schedule(sim, strategy):
    trace = sim.trace("unit block-requests", name="block-requests")
    totals, failures = sim.explore(trace, "--strategy", strategy, "--runs", 300, "--keep-going")
    assert totals["runs"] >= 300 and not failures
