# SPDX-License-Identifier: GPL-2.0-or-later
"""replay/explain and replay/explore as their users meet them."""

import html.parser
import re
import signal
import subprocess
import time

import pytest
import rondo_iotests as rt
from rondo_replay import explain
from rondo_replay.bugs import trace_deviations

STORY = ["unit canary-deadlock", "switch thread=main at=thread.start object=one n=1 to=one",
         "switch thread=one at=lock object=b n=1 to=main", "switch thread=main at=thread.start object=two n=1 to=two"]


def story(sim, *lines):
    trace = sim.trace(*lines)
    report = sim.run("--replay", trace, "--log", "events.log", "--result", "r.json", "--quiet")
    assert report.returncode in (0, 134), report.stderr
    events = explain.read_log(sim.folder / "events.log", trace_deviations(trace))
    return trace, events


def test_table_tells_the_deadlock(sim, golden):
    _, events = story(sim, *STORY)
    golden("explain-deadlock", explain.table(explain.select(events, True)) + "\n")


def test_every_kind_of_step_has_words():
    kinds = re.findall(r'X\(\w+, "([^"]+)"', (rt.SOURCE / "impl/sched/kinds.h").read_text())
    assert kinds and not set(kinds) - set(explain.WORDS)


class Page(html.parser.HTMLParser):
    """Balanced tags, nothing fetched from elsewhere, no script."""

    def __init__(self):
        super().__init__()
        self.open, self.cells = [], 0

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "link", "img", "iframe", "b")
        assert not [a for a, _ in attrs if a in ("src", "href") or a.startswith("on")]
        self.cells += tag == "td"
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_self_contained_and_escapes_names(sim):
    """The canary's thread names and object name contain quotes, a tag and a number sign."""
    trace, events = story(sim, "unit canary-names")
    rows = explain.select(events[:40], True)
    report = sim.replay(trace)
    text = explain.html("a <b>title</b>", trace.read_text(), rows, 0, report)
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open and page.cells >= 3 * len(rows)
    assert "&lt;b&gt;title" in text and "url(" not in text and "@import" not in text


@pytest.fixture
def explore(sim):
    """A search that finds nothing and does not end by itself."""
    (sim.folder / "endless").mkdir()
    scenario = sim.folder / "endless" / "scenario.py"
    scenario.write_text("# SPDX-License-Identifier: GPL-2.0-or-later\nUNIT = 'block-requests'\n")
    cmd = [str(rt.SOURCE / "replay/explore"), str(scenario), "--budget", "300s", "--jobs", "2"]
    # A shell starts its background jobs with SIGINT ignored, and that is inherited; a user's terminal does not.
    p = subprocess.Popen(cmd, cwd=sim.folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    yield p
    p.kill()
    p.wait()


def running(folder):
    ps = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    return [line for line in ps.splitlines() if "--explore" in line and str(folder) in line]


def test_interrupt_ends_every_process(sim, explore):
    assert "schedules" in explore.stderr.readline()
    assert running(sim.folder)
    explore.send_signal(signal.SIGINT)
    assert explore.wait(60) == 130
    deadline = time.monotonic() + 120
    while running(sim.folder) and time.monotonic() < deadline:
        pass
    assert not running(sim.folder)


def test_folder_for_traces_that_cannot_be_made(replay_tool):
    run = replay_tool("explore", "S3d", "--out", "/proc/nowhere", "--budget", "10")
    assert run.returncode == 2 and "/proc/nowhere" in run.stderr and "Traceback" not in run.stderr
