# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: the QMP server speaks the protocol as existing clients know it, and survives what no client should send.

Method: the same conversations with rondo, with rondo-sim and, where the words are QEMU's own, with the distribution's
QEMU, so that an expectation that is wrong about QEMU fails as well.
"""

import json
import socket
from pathlib import Path

import pytest

from rondo_iotests import QMPClient
from rondo_iotests.qmp import QMPClosed

PROGRAMS = ["rondo", "rondo-sim", "qemu"]
ARGS = ["-S", "-m", "16", "-name", "qmp-test"]


@pytest.fixture(params=PROGRAMS)
def machine(request, vm, requires):
    if request.param == "qemu":
        requires.stock_qemu()
    else:
        requires.program(request.param)
    return vm(program=request.param, args=ARGS)


def test_greeting(machine):
    qmp = machine.monitor.greeting["QMP"]
    assert set(qmp["version"]) == {"qemu", "package"}
    assert set(qmp["version"]["qemu"]) == {"major", "minor", "micro"}
    assert isinstance(qmp["capabilities"], list)


def test_commands_need_negotiation(vm, requires, tmp_path):
    machine = vm(args=[*ARGS, "-qmp", f"unix:{tmp_path}/second,server=on,wait=off"])
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(tmp_path / "second"))
    client = QMPClient(sock)
    client.read_message()
    error = client.execute_error("query-status")
    assert error.cls == "CommandNotFound"
    assert error.desc == "Expecting capabilities negotiation with 'qmp_capabilities'"
    client.execute("qmp_capabilities")
    assert client.execute("query-status")["running"] is False
    assert client.execute_error("qmp_capabilities").cls == "CommandNotFound"
    assert machine.qmp("query-status")["running"] is False


@pytest.mark.parametrize("request_id", [1, -5, "text", 1.5, None, True, ["a", {"b": []}], {"k": "v"}], ids=json.dumps)
def test_id_comes_back_unchanged(machine, request_id):
    machine.monitor.send_raw(json.dumps({"execute": "query-name", "id": request_id}).encode())
    reply = machine.monitor.read_message()
    assert reply == {"return": {"name": "qmp-test"}, "id": request_id}


BAD_REQUESTS = [
    ('{"execute": "no-such-command"}', "CommandNotFound", "The command no-such-command has not been found"),
    ('{"execute": "query-name", "arguments": {"x": 1}}', "GenericError", "Parameter 'x' is unexpected"),
    ('{"execute": "human-monitor-command"}', "GenericError", "Parameter 'command-line' is missing"),
    ('{"execute": "human-monitor-command", "arguments": {"command-line": 7}}', "GenericError",
     "Invalid parameter type for 'command-line', expected: string"),
    ('{"execute": 5}', "GenericError", "QMP input member 'execute' must be a string"),
    ('{"arguments": {}}', "GenericError", "QMP input lacks member 'execute'"),
    ('{"execute": "query-name", "argument": {}}', "GenericError", "QMP input member 'argument' is unexpected"),
    ('{"execute": "query-name", "arguments": []}', "GenericError",
     "QMP input member 'arguments' must be an object"),
    ('["query-name"]', "GenericError", "QMP input must be a JSON object"),
    ('"query-name"', "GenericError", "QMP input must be a JSON object"),
]


@pytest.mark.parametrize("request_text,cls,desc", BAD_REQUESTS, ids=[r[0] for r in BAD_REQUESTS])
def test_bad_request(machine, request_text, cls, desc):
    machine.monitor.send_raw(request_text.encode())
    error = machine.monitor.read_message()["error"]
    assert (error["class"], error["desc"]) == (cls, desc)
    assert machine.qmp("query-name") == {"name": "qmp-test"}


@pytest.mark.parametrize("text", [b"{]\n", b"}\n", b'{"execute": }\n', b"nonsense\n",
                                  b"{'execute': 'query-name' 'x'}\n",
                                  b'{"execute": "query-name\x01"}\n', b"\xff\xfe{}\n"])
def test_malformed_json(machine, text):
    """One error or several, but an error, and the conversation goes on."""
    machine.monitor.send_raw(text)
    first = machine.monitor.read_message()
    assert first["error"]["class"] == "GenericError"
    # A sentinel: whatever else the text provoked comes before its answer.
    machine.monitor.send_raw(b'{"execute": "query-name", "id": "sentinel"}')
    while True:
        reply = machine.monitor.read_message()
        if reply.get("id") == "sentinel":
            break
        assert "error" in reply
    assert reply["return"] == {"name": "qmp-test"}


def test_deep_nesting_is_refused(machine):
    machine.monitor.send_raw(b'{"execute": "query-name", "id": ' + b"[" * 2000 + b"]" * 2000 + b"}\n")
    assert "error" in machine.monitor.read_message()


def test_request_in_pieces_and_several_in_one(machine):
    text = b'{"execute": "query-name", "id": "one"}'
    for i in range(len(text)):
        machine.monitor.send_raw(text[i:i + 1])
    machine.monitor.send_raw(b'{"execute":"query-name","id":2}{"execute":"query-name","id":3}\n')
    ids = [machine.monitor.read_message()["id"] for _ in range(3)]
    assert ids == ["one", 2, 3]


def test_single_quoted_strings(machine):
    machine.monitor.send_raw(b"{'execute': 'query-name', 'id': 'it\\'s'}\n")
    assert machine.monitor.read_message() == {"return": {"name": "qmp-test"}, "id": "it's"}


def test_stop_and_cont_send_events(machine):
    machine.qmp("cont")
    machine.wait_event("RESUME")
    assert machine.qmp("query-status")["status"] == "running"
    machine.qmp("stop")
    event = machine.wait_event("STOP")
    assert set(event["timestamp"]) == {"seconds", "microseconds"}
    assert machine.qmp("query-status") == {**machine.qmp("query-status"), "running": False, "status": "paused"}


def test_threads_have_the_numbers_of_the_system(vm, requires):
    """So that a user can pin them."""
    requires.program("rondo")
    machine = vm(args=[*ARGS, "-smp", "2", "-object", "iothread,id=t0"])
    numbers = [c["thread-id"] for c in machine.qmp("query-cpus-fast") + machine.qmp("query-iothreads")]
    names = [Path(f"/proc/{machine.process.pid}/task/{n}/comm").read_text().strip() for n in numbers]
    assert names == ["CPU 0/TCG", "CPU 1/TCG", "t0"]


def test_target(machine):
    assert machine.qmp("query-target") == {"arch": "x86_64"}


def test_quit(machine):
    machine.qmp("quit")
    event = machine.wait_event("SHUTDOWN")
    assert event["data"] == {"guest": False, "reason": "host-qmp-quit"}
    assert machine.wait() == 0


def test_hmp_through_qmp(machine):
    assert machine.hmp("info name") == "qmp-test\r\n"
    assert machine.hmp("info status").startswith("VM status: paused")
    assert "unknown command: 'frobnicate'" in machine.hmp("frobnicate")


@pytest.mark.parametrize("program", [p for p in PROGRAMS if p != "qemu"])
def test_reply_to_a_client_that_vanished_reaches_no_other(vm, requires, program):
    """QEMU 7.2 is left out: it now and then gives the next client the answer that the last one did not wait for."""
    requires.program(program)
    machine = vm(program=program, args=ARGS)
    for _ in range(10):
        machine.monitor.send("query-commands")
        machine.monitor.close()
        machine.monitor = QMPClient.connect(machine.qmp_path)
        assert machine.qmp("query-name") == {"name": "qmp-test"}


MISTAKES = [
    ("eject", {"device": "nosuch"}), ("blockdev-open-tray", {"id": "nosuch"}), ("device_del", {"id": "nosuch"}),
    ("blockdev-del", {"node-name": "nosuch"}), ("blockdev-add", {"driver": "file", "node-name": "n"}),
    ("blockdev-add", {"driver": "null-co"}), ("blockdev-add", {"driver": "null-co", "node-name": "1n"}),
    ("blockdev-add", {"driver": "qcow2", "node-name": "n", "file": "nosuch"}),
    ("blockdev-add", {"driver": "null-co", "node-name": "n", "foo": 1}), ("device_add", {"driver": "nosuch"}),
    ("device_add", {"id": "x"}), ("device_add", {"driver": "virtio-blk-pci", "drive": "nosuch"}),
    ("job-cancel", {"id": "nosuch"}), ("snapshot-save", {"job-id": "1", "tag": "t", "vmstate": "n", "devices": ["n"]}),
    ("block_resize", {"node-name": "nosuch", "size": 512}), ("closefd", {"fdname": "x"}), ("cont", {"x": 1}),
    ("object-add", {"qom-type": "nosuch", "id": "x"}), ("object-del", {"id": "nosuch"}), ("netdev_del", {"id": "x"}),
    ("set_link", {"name": "x", "up": True}), ("nosuch", None), ("qom-list", {"path": "/nosuch"}),
]


def test_mistakes_get_the_answer_of_the_peer(vm, requires):
    requires.stock_qemu()
    requires.program("rondo")
    ours, peer = (vm(program=p, args=ARGS) for p in ("rondo", "qemu"))
    for command, arguments in MISTAKES:
        replies = [m.monitor.read_reply(m.monitor.send(command, arguments))["error"] for m in (ours, peer)]
        assert replies[0] == replies[1], command


def test_command_list_and_schema_agree(machine):
    commands = {c["name"] for c in machine.qmp("query-commands")}
    schema = machine.qmp("query-qmp-schema")
    assert commands == {e["name"] for e in schema if e["meta-type"] == "command"}
    assert {"quit", "stop", "cont", "query-status"} <= commands


def test_second_monitor_sees_events_too(vm, requires, tmp_path):
    machine = vm(args=[*ARGS, "-qmp", f"unix:{tmp_path}/second,server=on,wait=off"])
    second = QMPClient.connect(tmp_path / "second")
    machine.qmp("cont")
    machine.wait_event("RESUME")
    second.wait_event("RESUME")
    second.close()
    assert machine.qmp("query-status")["running"] is True


def test_tcp_monitor(vm, requires):
    machine = vm(args=[*ARGS, "-qmp", "tcp:127.0.0.1:0,server=on,wait=off"])
    label = [c["filename"] for c in machine.qmp("query-chardev") if "tcp:" in c["filename"]]
    port = int(label[0].split(",")[0].rsplit(":", 1)[1])
    sock = socket.create_connection(("127.0.0.1", port))
    client = QMPClient(sock)
    client.negotiate()
    assert client.execute("query-name") == {"name": "qmp-test"}
    sock.close()
    with pytest.raises((QMPClosed, OSError)):
        client.execute("query-name")
