# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: clients that are rude, slow or many get what is theirs, and do no harm to each other.

Method: raw sockets beside the monitor of the fixture. Order is the only clock: replies and events.
"""
import json
import socket

import pytest

from rondo_iotests import QMPClient
from rondo_iotests.qmp import QMPClosed

ARGS = ["-S", "-m", "16"]


@pytest.fixture(params=["rondo", "rondo-sim"])
def machine(request, vm, requires, tmp_path):
    requires.program(request.param)
    return vm(program=request.param,
              args=[*ARGS, *[a for i in range(3) for a in ("-qmp", f"unix:{tmp_path}/q{i},server=on,wait=off")]])


def test_client_that_does_not_read(vm, tmp_path):
    """Replies wait; nothing is lost; other clients are served meanwhile. (While it records, the simulator waits.)"""
    machine = vm(args=[*ARGS, "-qmp", f"unix:{tmp_path}/q0,server=on,wait=off"])
    count = 40
    for i in range(count):
        machine.monitor.send_raw(json.dumps({"execute": "query-qmp-schema", "id": i}).encode())
    other = QMPClient.connect(machine.dir / "q0")
    assert other.execute("query-status")["running"] is False
    other.close()
    ids = [machine.monitor.read_message()["id"] for _ in range(count)]
    assert ids == list(range(count))


def test_half_a_request_is_forgotten_with_its_connection(machine):
    for _ in range(5):
        client = QMPClient.connect(machine.dir / "q0")
        client.send_raw(b'{"execute": "sto')
        client.close()
    client = QMPClient.connect(machine.dir / "q0")
    assert client.execute("query-status")["status"] == "prelaunch"


def test_requests_of_a_client_that_left(machine):
    """Those already read may run; their replies go nowhere, not to the next client."""
    client = QMPClient.connect(machine.dir / "q0")
    client.send_raw(b'{"execute": "query-commands", "id": "old"}' * 50)
    client.close()
    client = QMPClient.connect(machine.dir / "q0")
    assert client.execute("query-name") == {}


def test_many_monitors_at_once(machine):
    clients = [QMPClient.connect(machine.dir / f"q{i}") for i in range(3)]
    waiting = [[client.send("query-status") for _ in range(10)] for client in clients]
    for client, ids in reversed(list(zip(clients, waiting))):
        assert all("return" in client.read_reply(i) for i in ids)
    machine.qmp("cont")
    for client in clients:
        client.wait_event("RESUME")


def test_events_only_after_negotiation(machine):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(machine.dir / "q0"))
    client = QMPClient(sock)
    assert "QMP" in client.read_message()
    machine.qmp("cont")
    machine.wait_event("RESUME")
    client.execute("qmp_capabilities")
    machine.qmp("stop")
    client.wait_event("STOP")
    assert client.take_event("RESUME") is None


def test_value_larger_than_the_limit(machine):
    client = QMPClient.connect(machine.dir / "q0")
    chunk = b"x" * (1 << 20)
    client.send_raw(b'{"execute": "')
    for _ in range(64):
        client.send_raw(chunk)
    client.send_raw(b'x"}\n')
    assert client.read_message()["error"]["desc"] == "JSON token size limit exceeded"
    assert client.execute("query-name") == {}


def test_out_of_band_needs_the_capability_and_the_command(machine):
    error = machine.monitor.read_reply(machine.monitor.send("query-name", oob=True))["error"]
    assert error["desc"] == "QMP input member 'exec-oob' is unexpected"
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(machine.dir / "q0"))
    client = QMPClient(sock)
    client.negotiate(capabilities=["oob"])
    error = client.read_reply(client.send("query-name", oob=True))["error"]
    assert error["desc"] == "The command query-name does not support OOB"


def test_quit_answers_before_the_end(machine):
    client = QMPClient.connect(machine.dir / "q0")
    assert client.execute("quit") == {}
    assert machine.wait_event("SHUTDOWN")["data"]["reason"] == "host-qmp-quit"
    assert machine.wait() == 0
    with pytest.raises(QMPClosed):
        client.read_message()
