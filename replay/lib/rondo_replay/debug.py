# SPDX-License-Identifier: GPL-2.0-or-later
"""Replaying under a debugger: gdb with checkpoints anywhere, rr where the processor's counters are to be had."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import sim
from .bugs import SOURCE, Problem


CHECKPOINT_EVERY = 200
ADDRESS = "localhost:1234"      # for a guest's debugger, where gdb looks, too


def _command(bug, fixed):
    return [str(sim.program("rondo-sim" if fixed else bug.mutant)), "--replay", str(bug.trace)]


def gdb(bug, step, fixed):
    """Stop at a step; rondo-goto and rondo-back move in both directions by forked checkpoints."""
    with sim.scratch(bug.scenario) as folder:
        return gdb_in(folder, _command(bug, fixed), step, CHECKPOINT_EVERY)


def gdb_in(folder, command, step, every):
    """The same for any replay. @every: steps between two checkpoints."""
    if not shutil.which("gdb"):
        raise Problem("gdb is not installed; run: apt-get install gdb")
    script = SOURCE / "replay/lib/gdb_rondo.py"
    env = dict(os.environ, RONDO_STEP=str(step))
    options = ["--stop-at", str(step), "--checkpoints", str(every)]
    cmd = ["gdb", "-q", "-x", str(script), "--args", *command, *options, "--"]
    return subprocess.run(cmd, cwd=folder, env=env).returncode


def is_address(text):
    return ":" in text


def guest(folder, command, address, step):
    """Let gdb look at the guest of a replay. Returns when the debugger has let go and the replay has ended."""
    if not is_address(address):
        raise Problem(f"'{address}' is no address; say HOST:PORT or unix:PATH")
    shown = address if not address.startswith("unix:") else str(Path(address[5:]).absolute())
    listen = f"unix:{shown}" if address.startswith("unix:") else f"tcp:{address}"
    sim.note(f"when it waits for a debugger: gdb -ex 'target remote {shown}'")
    return subprocess.run([*command, "--guest-gdb", listen, "--guest-at", str(step or 0), "--"], cwd=folder).returncode


def guest_of(bug, step, fixed, address):
    with sim.scratch(bug.scenario) as folder:
        return guest(folder, _command(bug, fixed), address, step)


def rr_refusal():
    """Why rr cannot record here, in its own words; None if it can."""
    if not shutil.which("rr"):
        return "rr is not installed (apt-get install rr)"
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(["rr", "record", "-o", f"{folder}/probe", "true"], capture_output=True, text=True,
                             stdin=subprocess.DEVNULL)
    if run.returncode == 0:
        return None
    said = [line.split("] ")[-1].split(";")[0].strip() for line in (run.stderr + run.stdout).splitlines()
            if line.startswith("[FATAL") or "perf" in line]
    return said[0].rstrip(".") if said else f"rr record ends with status {run.returncode}"


def rr(bug, fixed):
    why = rr_refusal()
    if why:
        raise Problem(f"rr cannot record here: {why}. Use instead: replay/replay --gdb {bug.id} --at STEP "
                      "(goes backwards too)")
    with sim.scratch(bug.scenario) as folder:
        recording = Path(folder) / "rr"
        subprocess.run(["rr", "record", "-o", str(recording), *_command(bug, fixed), "--stop-at", "1", "--"],
                       cwd=folder)
        script = SOURCE / "replay/lib/gdb_rondo.py"
        return subprocess.run(["rr", "replay", "-x", str(script), str(recording)], cwd=folder).returncode
