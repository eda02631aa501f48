# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables and reports for people and for CI."""

import textwrap
from xml.sax.saxutils import quoteattr


def columns(rows, right=()):
    """Aligned columns; `right`: indexes of numbers."""
    widths = [max(len(str(r[i])) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(str(c).rjust(w) if i in right and r is not rows[0] else str(c).ljust(w)
                               for i, (c, w) in enumerate(zip(r, widths))).rstrip() for r in rows)


def replay_table(rows):
    table = [("bug", "", "mutant", "fixed", "steps", "deviations", "ms", "")]
    for r in rows:
        table.append((r["id"], r["bug"], r.get("outcome", "-"), r.get("fixed", "-").replace("exit", "clean"),
                      r.get("steps", "-"), r.get("deviations", "-"), r.get("ms", "-"), "ok" if r["ok"] else "FAILED"))
    out = [columns(table, right=(4, 5, 6)), ""]
    for r in rows:
        said = r["why"] if not r["ok"] else "; ".join([r["signature"], *r.get("waits", [])[:3]])
        out.append(textwrap.fill(f"{r['id']}: {said}", 116, subsequent_indent="    "))
    failed = sum(not r["ok"] for r in rows)
    return "\n".join(out) + f"\n\n{len(rows) - failed} passed, {failed} failed"


def junit(path, suite, cases):
    """cases: (name, why or None, seconds)."""
    failed = sum(1 for c in cases if c[1])
    lines = ['<?xml version="1.0" encoding="UTF-8"?>',
             f'<testsuite name={quoteattr(suite)} tests="{len(cases)}" failures="{failed}">']
    for name, why, seconds in cases:
        lines.append(f'  <testcase classname={quoteattr(suite)} name={quoteattr(name)} time="{seconds:.3f}">')
        if why:
            lines.append(f'    <failure message={quoteattr(why)}/>')
        lines.append('  </testcase>')
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n</testsuite>\n")
