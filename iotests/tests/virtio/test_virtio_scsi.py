# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: virtio-scsi can be reset, moved, stopped and re-plugged at any time, with requests and snapshots under way.

Method: the guest virtio-scsi-reset, told by single bytes on its serial port what to do.
"""

import os
import socket
import time
from pathlib import Path

import pytest

import rondo_iotests as rt
from rondo_iotests.qmp import DEFAULT_TIMEOUT

GUEST = Path(os.environ["RONDO_BUILD"]) / "iotests" / "guests" / "virtio-scsi-reset.bin"


class Console:
    """The guest's serial port: send one byte, read until the answer is there."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(path))
        self.seen = b""

    def wait(self, text):
        while text not in self.seen:
            data = self.sock.recv(4096)
            assert data, f"the guest is gone; it said {self.seen!r}"
            self.seen += data
        self.seen = self.seen.split(text, 1)[1]

    def order(self, letter):
        self.sock.sendall(letter)
        self.wait(b"done " + letter)


@pytest.fixture
def guest(tmp_path, image, vm, requires):
    def make(extra=(), iothread=True):
        requires.program("rondo")
        serial = tmp_path / "serial.sock"
        disk = image("disk", "64M")
        args = ["-bios", GUEST, "-serial", f"unix:{serial},server=on,wait=off", "-object", "iothread,id=t0",
                "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
                "-blockdev", f"driver=qcow2,node-name=disk,file.driver=file,file.filename={disk}",
                "-device", f"virtio-scsi-pci,id=s0{',iothread=t0' if iothread else ''}",
                "-device", "scsi-hd,drive=disk,id=hd", "-S", *extra]
        machine = vm(args=args)
        console = Console(serial)
        machine.qmp("cont")
        console.wait(b"ready")
        return machine, console
    return make


@pytest.mark.parametrize("iothread", [True, False], ids=["iothread", "main"])
def test_guest_resets(iothread, guest):
    machine, console = guest(iothread=iothread)
    for _ in range(20):
        console.order(b"i")         # a reset with a request in flight
        console.order(b"r")
        console.order(b"w")
    console.sock.sendall(b"q")
    assert machine.wait() == 1


@pytest.mark.parametrize("iothread", [True, False], ids=["iothread", "main"])
def test_system_reset_with_a_request_in_flight(iothread, guest):
    machine, console = guest(iothread=iothread)
    for _ in range(10):
        console.order(b"w")
        machine.qmp("system_reset")
        machine.wait_event("RESET")
        console.wait(b"ready")
    console.order(b"i")


def test_stop_and_cont_between_resets(guest):
    machine, console = guest()
    console.sock.sendall(b"l")      # reset for ever
    for _ in range(20):
        console.wait(b".")
        machine.qmp("stop")
        machine.qmp("cont")
    console.wait(b".")


def test_internal_snapshots_while_the_guest_resets(guest, tmp_path):
    machine, console = guest()
    console.sock.sendall(b"l")
    for i in range(5):
        console.wait(b".")
        machine.qmp("snapshot-save", {"job-id": f"save{i}", "tag": f"t{i}", "vmstate": "disk", "devices": ["disk"]})
        machine.wait_job(f"save{i}")
    machine.qmp("snapshot-load", {"job-id": "load", "tag": "t2", "vmstate": "disk", "devices": ["disk"]})
    machine.wait_job("load")
    machine.qmp("cont")
    console.wait(b"...")
    machine.quit()
    rt.check_image(next(tmp_path.glob("disk*")))


@pytest.mark.parametrize("how", ["guest", "host"])
def test_state_file_while_the_device_is_reset(how, guest, tmp_path):
    """The reset waits for all requests, and the snapshot's own writes end without the thread that waits."""
    machine, console = guest()
    state = tmp_path / "state"
    with open(state, "wb") as f:
        f.truncate(512 << 20)
    if how == "guest":
        console.sock.sendall(b"l")
    machine.qmp("savevm-start", {"statefile": str(state)})
    if how == "host":
        machine.qmp("system_reset")
    deadline = time.monotonic() + DEFAULT_TIMEOUT
    while (info := machine.qmp("query-savevm")).get("status") == "active" and time.monotonic() < deadline:
        machine.qmp("query-status")
    assert info["status"] == "completed", info
    machine.qmp("savevm-end")
    machine.qmp("quit")
    assert machine.wait() == 0


def test_disks_come_and_go(guest, tmp_path, image):
    """A second disk is plugged and unplugged while the iothread looks targets up for the first."""
    machine, console = guest()
    other = image("other", "1M")
    console.sock.sendall(b"l")
    for i in range(10):
        node = f"n{i}"
        machine.qmp("blockdev-add", {"driver": "qcow2", "node-name": node,
                                     "file": {"driver": "file", "filename": str(other)}})
        machine.qmp("device_add", {"driver": "scsi-hd", "id": f"d{i}", "drive": node, "lun": i + 1, "scsi-id": 0})
        console.wait(b".")
        machine.qmp("device_del", {"id": f"d{i}"})
        machine.qmp("blockdev-del", {"node-name": node})
    console.wait(b".")


@pytest.mark.parametrize("iothread", [True, False], ids=["iothread", "main"])
def test_requests_before_and_after_migration(iothread, tmp_path, image, vm, requires):
    requires.program("rondo")
    disk = image("disk", "64M")

    def host(name, *extra):
        args = ["-bios", GUEST, "-serial", f"unix:{tmp_path}/{name}.sock,server=on,wait=off",
                "-object", "iothread,id=t0", "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
                "-blockdev", f"driver=qcow2,node-name=disk,file.driver=file,file.filename={disk}",
                "-device", f"virtio-scsi-pci,id=s0{',iothread=t0' if iothread else ''}",
                "-device", "scsi-hd,drive=disk,id=hd", *extra]
        return vm(name=name, args=args)

    source = host("a", "-S")
    console = Console(tmp_path / "a.sock")
    source.qmp("cont")
    console.wait(b"ready")
    hosts = ["b", "c", "d"]
    for name in hosts:
        console.order(b"w")
        console.order(b"i")
        uri = f"unix:{tmp_path}/{name}.mig"
        target = host(name, "-incoming", uri)
        console.sock.close()
        console = Console(tmp_path / f"{name}.sock")
        source.qmp("migrate", {"uri": uri})
        source.wait_until(lambda: source.qmp("query-migrate").get("status") in ("completed", "failed"),
                          "the migration ended")
        assert source.qmp("query-migrate")["status"] == "completed"
        target.wait_event("RESUME")
        source.quit()
        source = target
        console.order(b"i")
    source.qmp("stop")
    source.quit()
    rt.check_image(disk)


def test_controller_unplugged_under_the_guests_hands(guest):
    """The guest never stops touching its registers; an access that is under way must find the device or nothing."""
    for _ in range(3):
        machine, console = guest(iothread=False)
        console.sock.sendall(b"l")
        console.wait(b"..")
        machine.qmp("device_del", {"id": "hd"})
        machine.qmp("device_del", {"id": "s0"})
        assert machine.qmp("query-status")["status"] == "running"
        machine.quit()
