# SPDX-License-Identifier: GPL-2.0-or-later
"""gdb commands that speak steps. Loaded by replay/replay --gdb; under rr the same commands use its reverse execution.

    rondo-goto STEP    forwards or backwards to a step
    rondo-step [N]     N steps on (default 1)
    rondo-back [N]     N steps back (default 1)
    rondo-where        the step, and what every thread is about to do

Going back attaches to the nearest earlier checkpoint, a copy of the process that the simulator has forked and that
waits there (replay/checkpoint.h), and runs forward from it: the replay is deterministic, so that is the same place.
"""
import os

import gdb


class Replay:
    def step(self):
        return int(gdb.parse_and_eval("replay_step"))

    def checkpoints(self):
        """Pairs (step, process) that can be gone back to."""
        table, found = gdb.parse_and_eval("replay_checkpoints"), []
        while int(table[len(found)]["step"]):
            entry = table[len(found)]
            found.append((int(entry["step"]), int(entry["pid"])))
        return [(step, pid) for step, pid in found if pid]

    def forward(self, target):
        if self.step() == target:
            return
        gdb.execute(f"set var session.options.stop_at = {target}", to_string=True)
        gdb.execute("continue", to_string=True)
        if not gdb.selected_inferior().pid or self.step() != target:
            raise gdb.GdbError(f"the run ended before step {target}")

    def back(self, target):
        earlier = [c for c in self.checkpoints() if c[0] <= target]
        if not earlier:
            raise gdb.GdbError("there is no checkpoint before that step")
        _, pid = max(earlier)
        gdb.execute("kill", to_string=True)
        gdb.execute(f"attach {pid}", to_string=True)
        # The copy stands just before the place where a step is looked at, so the step of the checkpoint stops, too.
        gdb.execute(f"set var session.options.stop_at = {target}", to_string=True)
        gdb.execute("set var replay_go = 1", to_string=True)
        gdb.execute("continue", to_string=True)

    def goto(self, target):
        if target < 1:
            raise gdb.GdbError("steps are counted from 1")
        if not int(gdb.parse_and_eval("replay_checkpoints")):
            self.travel(target)
        else:
            (self.back if target < self.step() else self.forward)(target)
        self.where()

    def travel(self, target):
        """Under rr: nothing may be written into the recording, but it runs backwards by itself."""
        watch = gdb.Breakpoint("replay_step", gdb.BP_WATCHPOINT, gdb.WP_WRITE, internal=True)
        watch.condition = f"replay_step == {target}"
        try:
            gdb.execute("reverse-continue" if target < self.step() else "continue", to_string=True)
        finally:
            watch.delete()
        if self.step() != target:
            raise gdb.GdbError(f"the recording has no step {target} in that direction")

    def where(self):
        """Reads only: calling into a stopped program is what some kernels' ptrace cannot do."""
        print(f"step {self.step()}")
        threads, current = gdb.parse_and_eval("sim.threads"), int(gdb.parse_and_eval("sim.current"))
        for i in range(int(threads["len"])):
            t = threads["pdata"][i].cast(gdb.lookup_type("SchedThread").pointer()).dereference()
            if not t["done"]:
                kind = gdb.parse_and_eval(f"'sim_inspect.c'::kinds[{int(t['op']['kind'])}].name").string()
                mark = "*" if int(t.address) == current else " "
                print(f"{mark} {t['name'].string()}: {kind} {t['op']['type'].string()} {t['op']['object'].string()}")


replay = Replay()


def command(name, fn):
    class Command(gdb.Command):
        __doc__ = fn.__doc__

        def __init__(self):
            super().__init__(name, gdb.COMMAND_RUNNING)

        def invoke(self, arg, from_tty):
            fn(int(arg) if arg else 1)

    Command()


command("rondo-goto", lambda n: replay.goto(n))
command("rondo-step", lambda n: replay.goto(replay.step() + n))
command("rondo-back", lambda n: replay.goto(replay.step() - n))
command("rondo-where", lambda n: replay.where())

for setting in ("pagination off", "confirm off", "print thread-events off", "breakpoint pending on",
                "startup-with-shell off", "follow-fork-mode parent", "detach-on-fork on", "print inferior-events off"):
    gdb.execute("set " + setting, to_string=True)
gdb.execute("handle SIGCHLD nostop noprint pass", to_string=True)
gdb.execute("break replay_stop", to_string=True)
if "RONDO_STEP" in os.environ:
    gdb.execute("run", to_string=True)      # started with --stop-at and --checkpoints
    replay.where()
