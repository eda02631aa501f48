# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest of a recording under a stock gdb. Goal: forwards and backwards it is the same run, which does not notice.
Method: a small guest with two processors; gdb in batch mode; the digest of the run with the debugger and without."""

import json
import re
import shutil
import subprocess

import pytest
import rondo_iotests as rt

MACHINE = ("machine -machine pc -smp 2 -nodefaults -display none -serial null -bios selftest.bin "
           "-device isa-debug-exit,iobase=0xf4,iosize=4")
HALT = 0xffff00f0       # where the guest ends, in lib/boot.S
STACK = 0x7ff80         # a place that several calls use
LOOK = ['printf "at %lx rcx %lx rsp %lx\\n", $rip, $rcx, $rsp', "monitor where"]


class Session:
    def __init__(self, sim):
        shutil.copy(rt.binary("selftest.bin"), sim.folder)
        self.sim, self.trace = sim, sim.trace(MACHINE)

    def digest(self):
        return self.sim.replay(self.trace)["digest"]

    def gdb(self, *commands, at=0):
        """What gdb said, and the replay's report if it came to its end."""
        folder = self.sim.folder
        result = folder / "debugged.json"
        result.unlink(missing_ok=True)
        cmd = [str(rt.binary("rondo-sim")), "--replay", str(self.trace), "--result", str(result), "--quiet",
               "--guest-gdb", "unix:g.sock", "--guest-at", str(at), "--"]
        with subprocess.Popen(cmd, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as sim:
            try:
                assert "waiting for a debugger" in sim.stderr.readline()
                line = ["gdb", "-nx", "-q", "-batch", "-ex", "set pagination off", "-ex", "set remotetimeout 60", "-ex",
                        "target remote g.sock"]
                for c in commands:
                    line += ["-ex", c]
                out = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120,
                                     stdin=subprocess.DEVNULL)
                sim.wait(timeout=120)
            finally:
                sim.kill()
        return out.stdout + out.stderr, json.loads(result.read_text()) if result.exists() else None


@pytest.fixture
def session(sim, requires):
    requires.peer("gdb")
    return Session(sim)


def looks(out):
    """Pairs of a line of registers and the place."""
    return list(zip(re.findall(r"^at .*$", out, re.M), re.findall(r"^step \d+, instruction \d+$", out, re.M)))


def test_back_and_forth_is_the_same_run(session):
    """To a breakpoint, on, back by steps and back to it: the same registers at the same place, and the same digest."""
    out, report = session.gdb(f"hbreak *{HALT}", "continue", *LOOK, "reverse-stepi", *LOOK, "reverse-stepi",
                              "reverse-stepi", *LOOK, "stepi", "stepi", *LOOK, "stepi", *LOOK, "reverse-continue",
                              "monitor where", "continue", *LOOK, "detach")
    first, one, three, again, last, *_ = looks(out)
    assert first[0].startswith(f"at {HALT:x} ") and one != first, out
    assert again == one and last == first and three not in (one, first), out
    # Backwards there is no other hit; what follows is the breakpoint once more.
    assert out.count("No more reverse-execution history") == 1, out
    assert "step 1, " not in out and re.search(r"^step \d+, instruction 0$", out, re.M), out
    assert re.findall(r"^at .*$", out, re.M)[-1] == first[0], out
    assert report and report["digest"] == session.digest()


def test_watchpoint_in_both_directions(session):
    """Forwards it stops behind the store with the new value, backwards in front of it with the old one."""
    value = f"*(long*){STACK}"
    show = f'printf "value %ld\\n", {value}'
    out, report = session.gdb(f"watch {value}", "continue", show, "continue", show, "monitor where",
                              "reverse-continue", show, "monitor where", "reverse-continue", show, "continue", show,
                              "continue", show, "monitor where", "detach")
    values = re.findall(r"^value (-?\d+)$", out, re.M)
    assert len(values) == 6 and len(set(values[:2])) == 2, out
    assert values[2] == values[0] and values[3] == "0" and values[4:] == values[:2], out
    places = [int(n) for n in re.findall(r"^step \d+, instruction (\d+)$", out, re.M)]
    assert places[1] == places[0] - 1 and places[2] == places[0], out
    assert report and report["digest"] == session.digest()


def test_begin_and_end(session):
    out, report = session.gdb("reverse-stepi", *LOOK, "continue", *LOOK, "continue", *LOOK, "reverse-continue", *LOOK,
                              "kill")
    begin, end, end_again, begin_again = looks(out)
    assert begin == begin_again and begin[1].endswith("instruction 0") and end == end_again != begin, out
    assert out.count("No more reverse-execution history") == 4, out
    assert report is None       # killed, not ended


def test_any_step(session):
    """A step is the same place whether it is reached first, forwards or backwards."""
    flush = "maintenance flush register-cache"
    out, report = session.gdb(*LOOK, "monitor goto 1200", flush, *LOOK, "monitor goto 300", flush, *LOOK,
                              "monitor goto 900", flush, *LOOK, "monitor goto 300", flush, *LOOK, "detach", at=900)
    nine, twelve, three, nine_again, three_again = looks(out)
    assert nine == nine_again and three == three_again and len({nine, twelve, three}) == 3, out
    assert report and report["digest"] == session.digest()


def test_a_recording_is_not_written_to(session):
    out, report = session.gdb("set $rax = 1", "set {int}0x500 = 1", "stepi", "stepi")     # gdb lets go at its end
    assert "Could not write register" in out and "Cannot access memory" in out, out
    assert report and report["digest"] == session.digest()
