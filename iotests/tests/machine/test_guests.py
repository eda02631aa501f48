# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: a guest sees the same machine on Rondo as on QEMU.

Method: the assembly guests, run to their end by both; serial output and exit status must be equal.
"""

import os
import re
from pathlib import Path

import pytest

import rondo_iotests as rt


def guest(name):
    return Path(os.environ["RONDO_BUILD"]) / "iotests" / "guests" / f"{name}.bin"


EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
BLK = ["-device", "virtio-blk-pci,drive=d0"]
SCSI = ["-device", "virtio-scsi-pci,id=s0", "-device", "scsi-hd,drive=d0"]
IOTHREAD = ["-object", "iothread,id=t0"]
CASES = {
    "hello": ("hello", []),
    "reset": ("reset", []),
    "blk": ("virtio-blk-rw", BLK),
    "blk-iothread": ("virtio-blk-rw", [*IOTHREAD, "-device", "virtio-blk-pci,drive=d0,iothread=t0"]),
    "blk-no-poll": ("virtio-blk-rw", ["-object", "iothread,id=t0,poll-max-ns=0", "-device",
                                      "virtio-blk-pci,drive=d0,iothread=t0"]),
    "blk-no-ioeventfd": ("virtio-blk-rw", ["-device", "virtio-blk-pci,drive=d0,ioeventfd=off"]),
    "blk-plain-ring": ("virtio-blk-rw", ["-device", "virtio-blk-pci,drive=d0,event_idx=off,indirect_desc=off"]),
    "blk-modern": ("virtio-blk-rw", ["-device", "virtio-blk-pci,drive=d0,disable-legacy=on"]),
    "scsi": ("virtio-scsi-rw", SCSI),
    "scsi-iothread": ("virtio-scsi-rw", [*IOTHREAD, "-device", "virtio-scsi-pci,id=s0,iothread=t0", "-device",
                                         "scsi-hd,drive=d0"]),
    "scsi-no-ioeventfd": ("virtio-scsi-rw", ["-device", "virtio-scsi-pci,ioeventfd=off", "-device",
                                             "scsi-hd,drive=d0"]),
}


def run(program, directory, name, args):
    directory.mkdir()
    disk = directory / "disk.raw"
    disk.write_bytes(bytes(1 << 20))
    if any("drive=d0" in a for a in args):
        args = ["-drive", f"if=none,id=d0,format=raw,file={disk}", *args]
    vm = rt.VM(directory, program=program, qmp=False, serial=True, args=["-bios", guest(name), *EXIT, *args])
    with vm:
        status = vm.wait()
    return status, vm.serial(), disk.read_bytes()


@pytest.mark.parametrize("case", CASES)
def test_same_as_qemu(case, tmp_path, requires):
    requires.stock_qemu()
    requires.program("rondo")
    name, args = CASES[case]
    ours = run("rondo", tmp_path / "rondo", name, args)
    assert ours[0] == 1, ours[1]
    assert ours == run("qemu", tmp_path / "qemu", name, args)


@pytest.mark.parametrize("program", ["rondo", "rondo-sim"])
def test_guest_exit_status(program, tmp_path, requires):
    """isa-debug-exit ends both engines' program with the status the guest chose."""
    requires.program(program)
    vm = rt.VM(tmp_path, program=program, qmp=False, args=["-bios", guest("hello"), *EXIT])
    with vm:
        assert vm.wait() == 1


def flash_args(fw, flash):
    return ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={fw}",
            "-drive", f"if=pflash,unit=1,format=raw,file={flash}"]


def test_flash_keeps_what_the_guest_programs(tmp_path, vm, requires):
    """The program command reaches the image byte by byte: what is programmed is the guest's pattern, in order."""
    requires.program("rondo")
    flash = tmp_path / "flash.raw"
    flash.write_bytes(bytes(64 << 10))
    machine = vm(serial=True, args=flash_args(guest("pflash-writer"), flash))
    machine.wait_serial(".")
    machine.qmp("stop")
    data = flash.read_bytes()
    assert data[:60 << 10] == bytes(60 << 10)       # only the last 4 KiB are used
    page = data[60 << 10:]
    written = page.rstrip(b"\xff")
    assert all(b == i % 256 for i, b in enumerate(written))
    machine.qmp("cont")


def test_flash_size_is_checked(tmp_path, requires):
    requires.program("rondo")
    flash = tmp_path / "flash.raw"
    flash.write_bytes(bytes(1000))
    r = rt.tool(rt.have_binary("rondo"), "-nodefaults", "-display", "none", "-drive",
                f"if=pflash,format=raw,file={flash}", check=False)
    assert r.returncode == 1
    assert "invalid size" in r.stderr


def test_no_reboot(tmp_path, vm, requires):
    requires.program("rondo")
    machine = vm(serial=True, args=["-bios", guest("counter"), "-no-reboot"])
    machine.wait_serial("counter")
    machine.qmp("system_reset")
    assert machine.wait_event("SHUTDOWN")["data"] == {"guest": False, "reason": "host-qmp-system-reset"}
    assert machine.wait() == 0


def test_reset_restarts_the_guest(vm, requires):
    requires.program("rondo")
    machine = vm(serial=True, args=["-bios", guest("counter")])
    machine.wait_serial("counter: start\n")
    machine.qmp("system_reset")
    assert machine.wait_event("RESET")["data"] == {"guest": False, "reason": "host-qmp-system-reset"}
    machine.wait_until(lambda: machine.serial().count("counter: start\n") == 2, "its guest started again")
    assert machine.qmp("query-status")["status"] == "running"


def test_stop_and_cont(vm, requires):
    requires.program("rondo")
    machine = vm(serial=True, args=["-bios", guest("counter")])
    machine.wait_serial("counter: 256\n")
    machine.qmp("stop")
    machine.wait_event("STOP")
    assert machine.qmp("query-status") == {"running": False, "status": "paused"}
    before = machine.serial()
    machine.qmp("query-status")
    assert machine.serial() == before
    machine.qmp("cont")
    machine.wait_event("RESUME")
    last = int(re.findall(r"counter: (\d+)\n", before)[-1])     # it may have been stopped in the middle of a line
    machine.wait_serial(f"counter: {last + 1024}\n")
