# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: descriptors that a client passes obey the published rules, and none is closed behind the client's back.

Method: SCM_RIGHTS over the QMP socket; what is open in the process is read from /proc. The rules that older QEMU
already had are also checked with the distribution's QEMU.
"""
import array
import contextlib
import json
import os
import resource
import socket
from pathlib import Path

import pytest

from rondo_iotests import QMPClient

ARGS = ["-S", "-m", "16"]


@pytest.fixture(params=["rondo", "qemu"])
def machine(request, vm, requires):
    if request.param == "qemu":
        requires.stock_qemu()
    return vm(program=request.param, args=ARGS)


@pytest.fixture
def rondo(vm):
    return vm(args=ARGS)


def pass_fd(machine, fd, command, arguments=None):
    """Runs a command with a descriptor; returns its reply."""
    text = json.dumps({"execute": command, "arguments": arguments or {}, "id": "fd"}).encode()
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))
    machine.monitor.sock.sendmsg([text], [rights])
    return machine.monitor.read_reply("fd")


def error(reply):
    return reply["error"]["desc"]


def open_files(machine, path):
    count = 0
    for fd in Path(f"/proc/{machine.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):    # closed meanwhile
            count += os.readlink(fd) == str(path)
    return count


def reconnect(machine):
    machine.monitor.close()
    machine.monitor = QMPClient.connect(machine.qmp_path)


@pytest.fixture
def image_file(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(b"\0" * 65536)
    return path


@pytest.fixture
def read_write(image_file):
    fd = os.open(image_file, os.O_RDWR)
    yield fd
    os.close(fd)


@pytest.fixture
def read_only(image_file):
    fd = os.open(image_file, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_sets_are_numbered_and_listed(machine, read_write):
    first = pass_fd(machine, read_write, "add-fd", {"opaque": "a"})["return"]
    second = pass_fd(machine, read_write, "add-fd")["return"]
    third = pass_fd(machine, read_write, "add-fd", {"fdset-id": first["fdset-id"], "opaque": "b"})["return"]
    assert (first["fdset-id"], second["fdset-id"], third["fdset-id"]) == (0, 1, 0)
    sets = machine.qmp("query-fdsets")
    assert [s["fdset-id"] for s in sets] == [1, 0]
    assert {f["fd"] for f in sets[1]["fds"]} == {first["fd"], third["fd"]}


def test_lowest_free_number_is_given_again(rondo, read_write):
    for expected in (0, 1):
        assert pass_fd(rondo, read_write, "add-fd")["return"]["fdset-id"] == expected
    rondo.qmp("remove-fd", {"fdset-id": 0})
    assert pass_fd(rondo, read_write, "add-fd")["return"]["fdset-id"] == 0


def test_wrong_arguments(machine, image_file, read_write):
    assert machine.monitor.execute_error("add-fd").desc == "No file descriptor supplied via SCM_RIGHTS"
    assert "fdset-id" in error(pass_fd(machine, read_write, "add-fd", {"fdset-id": -1}))
    assert open_files(machine, image_file) == 0
    assert (machine.monitor.execute_error("remove-fd", {"fdset-id": 7}).desc
            == "File descriptor named 'fdset-id:7' not found")
    pass_fd(machine, read_write, "add-fd", {"fdset-id": 7})
    assert (machine.monitor.execute_error("remove-fd", {"fdset-id": 7, "fd": 999}).desc
            == "File descriptor named 'fdset-id:7, fd:999' not found")


def test_named_descriptors(machine, image_file, read_write):
    assert machine.monitor.execute_error("getfd", {"fdname": "x"}).desc == "No file descriptor supplied via SCM_RIGHTS"
    assert "digit" in error(pass_fd(machine, read_write, "getfd", {"fdname": "1x"}))
    assert pass_fd(machine, read_write, "getfd", {"fdname": "x"})["return"] == {}
    assert pass_fd(machine, read_write, "getfd", {"fdname": "x"})["return"] == {}
    assert open_files(machine, image_file) == 1
    machine.qmp("closefd", {"fdname": "x"})
    assert machine.monitor.execute_error("closefd", {"fdname": "x"}).desc == "File descriptor named 'x' not found"
    assert open_files(machine, image_file) == 0


def test_named_descriptors_end_with_their_connection(rondo, image_file, read_write):
    pass_fd(rondo, read_write, "getfd", {"fdname": "x"})
    reconnect(rondo)
    assert rondo.monitor.execute_error("closefd", {"fdname": "x"}).desc == "File descriptor named 'x' not found"
    assert open_files(rondo, image_file) == 0


def test_migration_without_a_free_descriptor(rondo, read_write):
    """A client fills the table of descriptors and asks for more: an error, and the VM lives."""
    resource.prlimit(rondo.process.pid, resource.RLIMIT_NOFILE, (100, 100))
    names = [f"f{i}" for i in range(100)]
    kept = [name for name in names if "return" in pass_fd(rondo, read_write, "getfd", {"fdname": name})]
    assert 0 < len(kept) < len(names)
    assert "Too many open files" in rondo.monitor.execute_error("migrate", {"uri": f"fd:{kept[0]}"}).desc
    assert rondo.qmp("query-status")["status"] == "prelaunch"


@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
def test_set_survives_the_connection(rondo, image_file, read_write, running):
    """A client that hands over a descriptor and loses its connection still finds it."""
    if running:
        rondo.qmp("cont")
    pass_fd(rondo, read_write, "add-fd", {"fdset-id": 4})
    reconnect(rondo)
    assert [s["fdset-id"] for s in rondo.qmp("query-fdsets")] == [4]
    rondo.qmp("blockdev-add", {"driver": "file", "filename": "/dev/fdset/4", "node-name": "disk"})


def test_removed_at_once_also_while_stopped(rondo, image_file, read_write):
    pass_fd(rondo, read_write, "add-fd", {"fdset-id": 4})
    rondo.qmp("remove-fd", {"fdset-id": 4})
    assert rondo.qmp("query-fdsets") == []
    assert open_files(rondo, image_file) == 0
    error = rondo.monitor.execute_error("blockdev-add",
                                        {"driver": "file", "filename": "/dev/fdset/4", "node-name": "disk"})
    assert "Failed to find fdset /dev/fdset/4" in error.desc


def test_access_mode_must_match(rondo, read_only, read_write):
    node = {"driver": "file", "filename": "/dev/fdset/1", "node-name": "disk"}
    pass_fd(rondo, read_only, "add-fd", {"fdset-id": 1})
    error = rondo.monitor.execute_error("blockdev-add", node)
    assert "Failed to find file descriptor with matching flags=0x2" in error.desc
    rondo.qmp("blockdev-add", {**node, "read-only": True})
    rondo.qmp("blockdev-del", {"node-name": "disk"})
    pass_fd(rondo, read_write, "add-fd", {"fdset-id": 1})
    rondo.qmp("blockdev-add", node)


def test_duplicate_keeps_its_set(rondo, image_file, read_write):
    pass_fd(rondo, read_write, "add-fd", {"fdset-id": 2})
    rondo.qmp("blockdev-add", {"driver": "file", "filename": "/dev/fdset/2", "node-name": "disk"})
    assert open_files(rondo, image_file) == 2
    rondo.qmp("remove-fd", {"fdset-id": 2})
    assert rondo.qmp("query-fdsets") == [{"fdset-id": 2, "fds": []}]
    reconnect(rondo)
    assert rondo.qmp("query-fdsets") == [{"fdset-id": 2, "fds": []}]
    rondo.qmp("blockdev-del", {"node-name": "disk"})
    assert rondo.qmp("query-fdsets") == []
    assert open_files(rondo, image_file) == 0


def test_descriptor_nobody_asked_for_is_closed(rondo, image_file, read_write):
    assert "return" in pass_fd(rondo, read_write, "query-name")
    reconnect(rondo)
    rondo.wait_until(lambda: open_files(rondo, image_file) == 0, "the descriptor was closed")
