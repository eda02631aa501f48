# SPDX-License-Identifier: GPL-2.0-or-later
"""From an event log to a story: one column for each thread, numbered steps, the words of the documents."""

import textwrap
from dataclasses import dataclass

# What each kind of step reads like. %o: the object.
WORDS = {
    "thread.start": "starts thread %o", "thread.exit": "ends", "thread.join": "joined %o",
    "lock": "takes %o", "unlock": "drops %o", "cond.wait": "woken from %o", "cond.signal": "signals %o",
    "sem.wait": "passes %o", "sem.post": "posts %o", "event.wait": "passes %o", "event.set": "sets %o",
    "atomic": "changes %o", "atomic.read": "looks at %o", "notify": "notifies %o", "notify.clear": "clears %o",
    "bh.queue": "queues BH %o", "bh.dispatch": "runs BH %o", "poll.enter": "enters poll of %o",
    "poll.sleep": "poll of %o returns", "poll.leave": "leaves poll of %o", "source.dispatch": "dispatches %o",
    "timer.fire": "timer %o fires", "co.schedule": "schedules coroutine %o",
    "co.sched-bh.clear-mark": "clears the scheduled mark of %o", "co.enter": "enters coroutine %o",
    "co.yield": "coroutine %o yields", "pool.take": "takes work of %o", "pool.complete": "completes work of %o",
    "graph.wr.begin": "asks for the graph writer lock", "graph.wr.got": "has the graph writer lock",
    "graph.wr.unlock": "drops the graph writer lock", "graph.rd": "graph reader %o",
    "graph.rd.unlock": "reader done %o",
    "drain.begin": "begins drain of %o", "drain.poll": "polls for drain of %o", "drain.end": "ends drain of %o",
    "job.sleep": "job %o sleeps", "job.pause": "job %o pauses", "job.resume": "job %o resumes",
    "vcpu.slice": "guest runs", "vcpu.exit": "guest exits: %o", "file.read": "reads %o", "file.write": "writes %o",
    "file.flush": "flushes %o", "stream.read": "reads from %o", "stream.write": "writes to %o",
    "mig.switchover.step": "switch-over step %o", "fault": "fault at %o",
}

# Always worth a row; the rest only where the thread changes or the trace deviates.
NOTABLE = {"bh.queue", "bh.dispatch", "co.schedule", "co.sched-bh.clear-mark", "drain.begin", "drain.end",
           "graph.wr.begin", "graph.wr.got", "graph.wr.unlock", "pool.take", "pool.complete", "job.pause", "job.resume",
           "thread.join", "mig.switchover.step", "fault", "vcpu.exit"}


GAP = None      # in a list of rows: some are left out here


@dataclass
class Event:
    step: int
    thread: str
    kind: str
    type: str
    object: str
    occurrence: int
    time_ns: int
    deviation: bool = False

    def words(self):
        if self.kind == "thread.start" and self.object == self.thread:
            return "begins"
        return WORDS.get(self.kind, self.kind + " %o").replace("%o", self.object)


def read_log(path, deviations):
    """The events of a run; those that a deviation of the trace made way for are marked."""
    marks = set()
    for d in deviations:
        f = dict(w.split("=", 1) for w in d[1:] if "=" in w)
        marks.add((f["thread"], f["at"], f["object"], int(f["n"])))
    events = []
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            step, thread, kind, typ, obj, n, t, _ = line.rstrip("\n").split("\t")
            events.append(Event(int(step), thread, kind, typ, obj, int(n), int(t),
                                (thread, kind, obj, int(n)) in marks))
    return events


def select(events, every=False):
    """The rows of the table: notable steps, changes of thread and deviations, repeats folded."""
    if every:
        return [(e, 1) for e in events]
    rows = []
    last = None
    for i, e in enumerate(events):
        change = i + 1 < len(events) and events[i + 1].thread != e.thread or last is not None and last != e.thread
        last = e.thread
        if not (e.deviation or e.kind in NOTABLE or change):
            continue
        if rows and not e.deviation and (rows[-1][0].thread, rows[-1][0].words()) == (e.thread, e.words()):
            rows[-1] = (rows[-1][0], rows[-1][1] + 1)
        else:
            rows.append((e, 1))
    return rows


def fold_middle(rows, limit):
    """Keep the end, where it went wrong, and around the deviations; say how much was left out."""
    if len(rows) <= limit:
        return rows, 0
    keep = set(range(len(rows) - limit // 2, len(rows)))
    for i, (e, _) in enumerate(rows):
        if e.deviation:
            keep.update(range(max(0, i - 3), min(len(rows), i + 4)))
    out = []
    for i in sorted(keep):
        if out and i - 1 not in keep:
            out.append(GAP)
        out.append(rows[i])
    return out, len(rows) - len(keep)


def threads_of(rows):
    seen = []
    for e, _ in (r for r in rows if r is not GAP):
        if e.thread not in seen:
            seen.append(e.thread)
    return seen


def table(rows, width=28):
    threads = threads_of(rows)
    if threads:
        width = max(18, min(36, (132 - 8) // len(threads) - 3))
    line = "+".join(["-" * 8] + ["-" * (width + 2)] * len(threads))
    out = ["   step | " + " | ".join(t[:width].ljust(width) for t in threads), line]
    for row in rows:
        if row is GAP:
            out.append("    ... |" + " |".join(" " * (width + 1) for _ in threads))
            continue
        e, count = row
        text = ("* " if e.deviation else "") + e.words() + (f" (x{count})" if count > 1 else "")
        wrapped = textwrap.wrap(text, width) or [""]
        for i, part in enumerate(wrapped):
            cells = [(part if t == e.thread else "").ljust(width) for t in threads]
            out.append((f"{e.step:7} | " if i == 0 else "        | ") + " | ".join(cells))
    return "\n".join(s.rstrip() for s in out)


def ending(report):
    out = [f"{report['outcome']} on thread {report['thread']}: {report['text']}"]
    out += ["  " + w for w in report.get("waits", [])]
    for t in report.get("threads", []):
        if t.get("stack") and (t["name"] == report["thread"] or report["outcome"] in ("deadlock", "hang")):
            out.append(f"  stack of {t['name']}, innermost first:")
            out += [f"    {f['function']}" + (f" ({f['file']}:{f['line']})" if "file" in f else "") for f in t["stack"]]
    return "\n".join(out)


def html(title, trace_text, rows, left_out, report):
    """A self-contained page. jinja2 escapes everything that came from a run."""
    import jinja2
    env = jinja2.Environment(autoescape=True)
    return env.from_string(PAGE).render(title=title, trace=trace_text, threads=threads_of(rows), rows=rows,
                                        left_out=left_out, report=report, ending=ending(report))


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title><style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #1b1f24; background: #fff }
table { border-collapse: collapse } th { position: sticky; top: 0; background: #f3f4f6; text-align: left }
td, th { border: 1px solid #d8dce0; padding: 2px 8px; vertical-align: top; min-width: 9em }
td.n { min-width: 4em; text-align: right; color: #667 } tr.deviation td { background: #fff4d6 }
td.on { background: #e8f1fd } tr.deviation td.on { background: #ffd88a }
pre { background: #f6f8fa; padding: 1em; overflow-x: auto } .count { color: #667 }
@media (prefers-color-scheme: dark) { body { background: #14171a; color: #dde } th, pre { background: #22272c }
td, th { border-color: #3a4046 } td.on { background: #1d3550 } tr.deviation td { background: #4a3c12 }
tr.deviation td.on { background: #7a5d10 } }
</style></head><body>
<h1>{{ title }}</h1>
<p>{{ report.outcome }} after {{ report.steps }} steps on thread {{ report.thread }}. Highlighted rows are the
deviations from the default schedule; everything else follows from them.
{% if left_out %} {{ left_out }} rows in between are left out
(--all shows them).{% endif %}</p>
<table><tr><th>step</th>{% for t in threads %}<th>{{ t }}</th>{% endfor %}</tr>
{% for row in rows %}{% if not row %}<tr><td class="n">...</td></tr>
{% else %}{% set e, count = row %}<tr{% if e.deviation %} class="deviation"{% endif %}>
<td class="n" title="{{ e.time_ns }} ns">{{ e.step }}</td>
{%- for t in threads %}<td{% if t == e.thread %} class="on"
title="{{ e.kind }} {{ e.type }} {{ e.object }} #{{ e.occurrence }}">{{ e.words() }}
{%- if count > 1 %} <span class="count">x{{ count }}</span>{% endif %}{% else %}>{% endif %}</td>{% endfor %}</tr>
{% endif %}{% endfor %}</table>
<h2>How it ended</h2><pre>{{ ending }}</pre>
<h2>The trace</h2><pre>{{ trace }}</pre>
</body></html>
"""
