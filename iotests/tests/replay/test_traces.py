# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces that are wrong, old or no longer apply: a clear error, and nothing is lost."""

DEADLOCK = ["unit canary-deadlock", "switch thread=main at=thread.start object=one n=1 to=one",
            "switch thread=one at=lock object=b n=1 to=main",
                "switch thread=main at=thread.start object=two n=1 to=two"]


def test_trace_of_another_version(sim):
    trace = sim.trace("unit canary-deadlock")
    trace.write_text(trace.read_text().replace("rondo-trace 1", "rondo-trace 9"))
    run = sim.run("--replay", trace, check=2)
    assert "t.trace:1: trace format 9 is not supported" in run.stderr and "record it again" in run.stderr


def test_error_names_line_and_reason(sim):
    trace = sim.trace("unit canary-deadlock", "switch thread=one at=leap object=a n=1 to=two")
    run = sim.run("--replay", trace, check=2)
    assert "t.trace:4: unknown kind of operation 'leap'" in run.stderr


def test_missing_trace(sim):
    run = sim.run("--replay", "nowhere.trace", check=2)
    assert "nowhere.trace" in run.stderr


def test_stale_deviation_is_named(sim):
    report = sim.replay(sim.trace(*DEADLOCK, "switch thread=one at=lock object=c n=7 to=two"))
    assert report["stale"].startswith("deviation 4 never came up: switch thread=one at=lock object=c n=7")


def test_deviation_to_a_thread_that_cannot_run(sim):
    report = sim.replay(sim.trace("unit canary-deadlock", "switch thread=one at=lock object=a n=1 to=nobody"))
    assert "came up but its thread could not run" in report["stale"]


def test_unknown_unit(sim):
    run = sim.run("--replay", sim.trace("unit nothing"), check=2)
    assert "there is no unit 'nothing'" in run.stderr


def test_unknown_option_names_it(sim):
    run = sim.run("--replai", "x", check=2)
    assert "--replai" in run.stderr and "--help" in run.stderr


def test_two_modes_at_once(sim):
    trace = sim.trace("unit canary-deadlock")
    run = sim.run("--replay", trace, "--explore", trace, check=2)
    assert "only one of" in run.stderr
