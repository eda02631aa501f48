# SPDX-License-Identifier: GPL-2.0-or-later
"""Replay the recorded bugs: each on the simulator that has it and on the shipped one.

    replay/replay                 set up, build, replay all, print the table
    replay/replay A1 drain-all-vs-iohandler-main
    replay/replay --gdb A1 --at 120
    replay/replay --guest-gdb A1  the guest of that replay for your gdb, forwards and backwards
    replay/replay --rr A1

A row passes if the mutant fails with exactly the documented failure and the shipped build, on the same trace, does not.
The exit status is 0 only if every row passes.
"""
import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rondo_replay import debug, output, sim  # noqa: E402
from rondo_replay.bugs import Problem, find_bugs, trace_deviations  # noqa: E402


def replay_bug(bug):
    """One row: what happened on both builds."""
    row = {"id": bug.id, "bug": bug.slug, "title": bug.title, "ok": False}
    if not bug.trace.exists():
        return dict(row, why=f"there is no {bug.trace.name}; make one with: replay/explore {bug.id} --save")
    with sim.scratch(bug.scenario) as folder:
        mutant = sim.replay(bug.mutant, bug.trace, folder)
        fixed = sim.replay("rondo-sim", bug.trace, folder, stacks=False)
    row.update(outcome=mutant["outcome"], signature=mutant["text"], fixed=fixed["outcome"], steps=mutant["steps"],
               deviations=len(trace_deviations(bug.trace)), ms=round(mutant["wall-ms"], 1), digest=mutant["digest"],
               waits=mutant["waits"])
    wrong = sim.shows_bug(bug, mutant)
    if wrong:
        stale = ""
        if mutant.get("stale"):
            stale = f"; {mutant['stale']}; search again from it with: replay/explore {bug.id} --save"
        row["why"] = f"mutant: {wrong}{stale}"
    elif fixed["outcome"] != "exit" or fixed["status"] != 0:
        row["why"] = f"shipped build: {fixed['outcome']}: {fixed['text']}"
    else:
        row["ok"] = True
    return row


def main():
    p = argparse.ArgumentParser(prog="replay/replay", description=__doc__.splitlines()[0],
                                epilog="\n".join(__doc__.splitlines()[2:]),
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("bugs", nargs="*", metavar="BUG", help="id, slug or trace; default: all")
    p.add_argument("--json", action="store_true", help="print the rows as JSON")
    p.add_argument("--junit", metavar="FILE", help="also write a JUnit report")
    p.add_argument("--rr", action="store_true", help="replay the mutant under rr record, then open rr replay")
    p.add_argument("--gdb", action="store_true", help="replay the mutant under gdb, stopped --at a step")
    p.add_argument("--guest-gdb", nargs="?", const=debug.ADDRESS, metavar="[HOST]:PORT|unix:PATH",
                   help=f"replay the mutant and let gdb look at its guest (default: {debug.ADDRESS})")
    p.add_argument("--at", type=int, default=1, metavar="STEP",
                   help="with --gdb or --guest-gdb: the step to stop at (default 1)")
    p.add_argument("--fixed", action="store_true",
                   help="with --gdb, --guest-gdb or --rr: the shipped build instead of the mutant")
    args = p.parse_args()
    try:
        sim.set_up()
        if args.guest_gdb and not args.bugs and not debug.is_address(args.guest_gdb):
            args.bugs, args.guest_gdb = [args.guest_gdb], debug.ADDRESS     # --guest-gdb BUG
        bugs = find_bugs(args.bugs)
        if args.rr or args.gdb or args.guest_gdb:
            if len(bugs) != 1:
                raise Problem("name exactly one bug to debug")
            if args.guest_gdb:
                return debug.guest_of(bugs[0], args.at, args.fixed, args.guest_gdb)
            return debug.rr(bugs[0], args.fixed) if args.rr else debug.gdb(bugs[0], args.at, args.fixed)
        if not bugs:
            raise Problem("there are no bugs in bugs/")
        rows = []
        for i, bug in enumerate(bugs):
            sim.note(f"replay {i + 1}/{len(bugs)}: {bug.slug}" if sys.stderr.isatty() else "")
            rows.append(replay_bug(bug))
        if sys.stderr.isatty():
            sim.note("")
        print(json.dumps(rows, indent=2) if args.json else output.replay_table(rows))
        if args.junit:
            output.junit(args.junit, "replay", [(r["bug"], r.get("why"), r.get("ms", 0) / 1000) for r in rows])
        return 0 if all(r["ok"] for r in rows) else 1
    except Problem as e:
        print(f"replay: {e}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
