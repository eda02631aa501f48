# SPDX-License-Identifier: GPL-2.0-or-later
"""Replaying under a debugger. Goal: the same step is the same place, whether it is reached forwards or backwards.
Method: gdb in batch mode on a canary whose threads only count."""

import os
import re
import shutil
import subprocess
import time

import pytest
import rondo_iotests as rt
from rondo_replay import debug

SCRIPT = rt.SOURCE / "replay/lib/gdb_rondo.py"


@pytest.fixture
def gdb(sim, requires):
    requires.peer("gdb")
    trace = sim.trace("unit canary-order")

    def run(start, *commands):
        cmd = ["gdb", "-q", "-batch", "-nx", "-x", str(SCRIPT)]
        for c in commands:
            cmd += ["-ex", c]
        cmd += ["-ex", "kill", "--args", str(rt.binary("rondo-sim")), "--replay", str(trace), "--stop-at", str(start),
                "--checkpoints", "50", "--"]
        out = subprocess.run(cmd, cwd=sim.folder, env=dict(os.environ, RONDO_STEP=str(start)), timeout=120, text=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        if "ptrace" in out and "Operation not permitted" in out:
            pytest.skip("this system does not let gdb trace")
        return out
    return run


def steps(out):
    return [int(n) for n in re.findall(r"^step (\d+)$", out, re.M)]


def test_forwards_and_backwards(gdb):
    out = gdb(3, "rondo-goto 108", "rondo-back 4", "rondo-goto 200", "rondo-step", "rondo-back 198", "rondo-where")
    assert steps(out) == [3, 108, 104, 200, 201, 3, 3], out


def test_the_same_step_is_the_same_place(gdb):
    """By a variable of the program that sums up all that has happened: reached first, backwards, and forwards again."""
    show = "printf \"steps %d digest %lx\\n\", (int)sim.steps, sim.digest"
    out = gdb(60, show, "rondo-goto 150", "rondo-goto 60", show, "rondo-goto 10", "rondo-goto 60", show)
    seen = re.findall(r"steps 60 digest [0-9a-f]+", out)
    assert len(seen) == 3 and len(set(seen)) == 1, out


def test_threads_are_shown_by_what_they_are_about_to_do(gdb):
    out = gdb(20)
    assert "* one: atomic counter shared" in out and "  main: thread.join thread one" in out


def test_a_step_that_does_not_exist(gdb):
    assert "the run ended before step 100000" in gdb(3, "rondo-goto 100000")


def test_no_copy_is_left(gdb, sim):
    gdb(3, "rondo-goto 150", "rondo-goto 10")
    deadline = time.monotonic() + 60        # copies look for their debugger every few milliseconds
    while str(sim.folder) in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout:
        assert time.monotonic() < deadline


def test_rr_or_one_line_that_says_what_to_do(replay_tool):
    why = debug.rr_refusal()
    if why is None:
        pytest.skip("rr can record here: this is about machines without a counter")
    run = replay_tool("replay", "--rr", "S3a")
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1 and "rr cannot record here" in run.stderr
    assert "replay/replay --gdb S3a --at STEP" in run.stderr


def test_rr_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "rr is not installed" in debug.rr_refusal()
