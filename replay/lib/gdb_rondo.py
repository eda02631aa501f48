# SPDX-License-Identifier: GPL-2.0-or-later
"""gdb commands that speak steps. Loaded by replay/replay --gdb; under rr the same commands use its reverse execution.

    rondo-goto STEP    forwards or backwards to a step
    rondo-step [N]     N steps on (default 1)
    rondo-back [N]     N steps back (default 1)
    rondo-where        the step, and what every thread is about to do

Going back restarts the nearest earlier checkpoint, a forked copy of the process, and runs forward from there: the
replay is deterministic, so that is the same place.
"""
import os

import gdb

CHECKPOINT_EVERY = 200


class Replay:
    def __init__(self):
        self.checkpoints = {}       # step -> gdb's checkpoint number

    def step(self):
        return int(gdb.parse_and_eval("replay_step"))

    def run_to(self, target):
        gdb.execute(f"set var session.options.stop_at = {target}", to_string=True)
        gdb.execute("continue", to_string=True)

    def checkpoint(self):
        out = gdb.execute("checkpoint", to_string=True)
        self.checkpoints[self.step()] = int(out.split()[1].rstrip(":"))

    def forward(self, target):
        while self.step() < target:
            stop = min(target, (self.step() // CHECKPOINT_EVERY + 1) * CHECKPOINT_EVERY)
            self.run_to(stop)
            if self.step() != stop:
                raise gdb.GdbError("the run ended before that step")
            if stop % CHECKPOINT_EVERY == 0 and stop not in self.checkpoints:
                self.checkpoint()

    def goto(self, target):
        if target < self.step():
            earlier = [s for s in self.checkpoints if s <= target]
            if not earlier:
                raise gdb.GdbError("no checkpoint before that step; start again with --at")
            gdb.execute(f"restart {self.checkpoints[max(earlier)]}", to_string=True)
            # A checkpoint is used up when it runs: leave a copy behind.
            del self.checkpoints[max(earlier)]
            self.checkpoint()
        self.forward(target)
        self.where()

    def where(self):
        print(f"step {self.step()}")
        gdb.execute("call (void)replay_where()", to_string=False)


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
                "startup-with-shell off"):
    gdb.execute("set " + setting, to_string=True)
gdb.execute("handle SIGCHLD nostop noprint pass", to_string=True)
gdb.execute("break replay_stop", to_string=True)
if "RONDO_STEP" in os.environ:
    target = int(os.environ["RONDO_STEP"])
    gdb.execute("run", to_string=True)      # started with --stop-at 1
    replay.checkpoint()
    replay.goto(target)
    gdb.execute("up", to_string=True)
