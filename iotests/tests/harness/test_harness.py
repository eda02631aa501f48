# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: the harness tells the truth: it times out, notices deaths, keeps events, checks golden files.

Method: against a scripted peer for QMP, and against the distribution's QEMU for machines.
"""

import json
import socket
import sys
import threading

import pytest

import rondo_iotests as rt
from rondo_iotests.qmp import QMPClosed, matches

GREETING = {"QMP": {"version": {}, "capabilities": []}}


class Peer:
    """Sends the given messages after each line it receives, then closes."""

    def __init__(self, path, *answers):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.answers = answers
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        conn, _ = self.listener.accept()
        with conn, conn.makefile("r") as lines:
            conn.sendall(json.dumps(GREETING).encode() + b"\r\n")
            for answer in self.answers:
                line = lines.readline()
                if not line:
                    return
                request = json.loads(line)
                for message in answer:
                    if message.get("id") == "same":
                        message = dict(message, id=request["id"])
                    conn.sendall(json.dumps(message).encode() + b"\r\n")


OK = [{"return": {}, "id": "same"}]


def test_events_before_reply_are_kept(tmp_path):
    event = {"event": "STOP", "data": {"why": {"a": 1, "b": 2}}}
    Peer(tmp_path / "s", OK, [event, {"return": 7, "id": "same"}])
    client = rt.QMPClient.connect(tmp_path / "s")
    assert client.execute("anything") == 7
    assert client.take_event("STOP", {"why": {"a": 2}}) is None
    assert client.wait_event("STOP", {"why": {"a": 1}}) == event
    assert client.events == []


def test_error_reply(tmp_path):
    Peer(tmp_path / "s", OK, [{"error": {"class": "GenericError", "desc": "no"}, "id": "same"}])
    client = rt.QMPClient.connect(tmp_path / "s")
    assert client.execute_error("x").desc == "no"


def test_timeout_names_what_was_seen(tmp_path):
    Peer(tmp_path / "s", OK, [{"event": "RESUME"}, *OK], OK)
    client = rt.QMPClient.connect(tmp_path / "s")
    client.execute("x")
    with pytest.raises(rt.QMPTimeout, match="no event STOP.*seen: RESUME"):
        client.wait_event("STOP", timeout=0.01)


def test_closed_peer(tmp_path):
    Peer(tmp_path / "s", OK)
    client = rt.QMPClient.connect(tmp_path / "s")
    with pytest.raises((QMPClosed, ConnectionError)):
        client.execute("x")


def test_matches():
    assert matches({}, {"a": 1})
    assert matches({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}})
    assert not matches({"a": {"b": 1}}, {"a": 1})
    assert not matches({"a": 1}, {})


def test_stock_machine(vm, requires):
    requires.stock_qemu()
    m = vm(program="qemu", machine="none", args=["-S"])
    assert m.qmp("query-status")["status"] in ("prelaunch", "paused")
    assert "paused" in m.hmp("info status")
    assert m.qmp_error("no-such-command").cls == "CommandNotFound"
    m.qmp("cont")
    m.wait_event("RESUME")
    assert m.quit() == 0


def test_death_is_reported_with_stderr(tmp_path):
    script = tmp_path / "dies"
    script.write_text("#!/bin/sh\necho a last word >&2\nexit 3\n")
    script.chmod(0o755)
    with pytest.raises(rt.VMDied, match="a last word"):
        rt.VM(tmp_path, program=str(script)).start()


def test_waiting_for_what_nothing_announces(tmp_path):
    script = tmp_path / "writes"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/mark\n")
    script.chmod(0o755)
    with rt.VM(tmp_path, program=str(script), qmp=False) as m:
        m.wait_until((tmp_path / "mark").exists, "it left its mark")    # also when it has ended meanwhile
        with pytest.raises(rt.VMDied, match="ended before it left another"):
            m.wait_until((tmp_path / "other").exists, "it left another")
    script.write_text("#!/bin/sh\nexec sleep 1000\n")
    with rt.VM(tmp_path, program=str(script), qmp=False) as m:
        with pytest.raises(TimeoutError, match="not yet: it left another"):
            m.wait_until((tmp_path / "other").exists, "it left another", timeout=0.01)


def test_unexpected_abort_fails(tmp_path):
    script = tmp_path / "aborts"
    script.write_text("#!/bin/sh\nkill -ABRT $$\n")
    script.chmod(0o755)
    m = rt.VM(tmp_path, program=str(script), qmp=False).start()
    m.wait()
    with pytest.raises(rt.VMDied, match="crashed with signal 6"):
        m.close()
    m = rt.VM(tmp_path, name="expected", program=str(script), qmp=False).start()
    m.wait_abort()
    m.close()


def test_golden(tmp_path):
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "x.out").write_text("one\ntwo\n")
    rt.check_golden(tmp_path, "x", "one\ntwo\n", update=False)
    with pytest.raises(AssertionError, match=r"\+three"):
        rt.check_golden(tmp_path, "x", "one\nthree\n", update=False)
    rt.check_golden(tmp_path, "x", "one\nthree\n", update=True)
    rt.check_golden(tmp_path, "x", "one\nthree", update=False)
    with pytest.raises(AssertionError, match="is missing"):
        rt.check_golden(tmp_path, "y", "text", update=False)


def test_filter_replaces_longest_first():
    assert rt.filter_text("/a/b/c took 17 ms", DIR="/a/b", FILE="/a/b/c") == "FILE took N ms"


def test_image_helpers(image, requires, tmp_path):
    requires.peer("qemu-img")
    disk = image("disk", "1M")
    rt.check_image(disk)
    raw = image("disk", "1M", fmt="raw")
    rt.compare(disk, raw, fmt_b="raw")
    with pytest.raises(rt.ToolError, match="status"):
        rt.qemu_img("info", tmp_path / "missing")


def test_interpreter():
    """The harness must run on the distribution's own Python."""
    assert sys.version_info >= (3, 11)
