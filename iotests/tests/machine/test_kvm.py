# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: the host's processor runs what the software processor runs, and who cannot have it is told why.

Method: the guest programs and SeaBIOS under `-accel kvm`, their output against what every other processor prints. Linux
is not tried: the KVM of some virtual machines (this project's own among them) runs firmware and small guests only.
"""

import os
import subprocess
from pathlib import Path

import pytest

from rondo_iotests.paths import binary, build_dir

PASSED = 1      # value 0 on the debug exit device
DEBUG_EXIT = "isa-debug-exit,iobase=0xf4,iosize=4"
GOLDEN = Path(__file__).parents[1] / "guests" / "golden"


@pytest.fixture
def kvm(requires):
    requires.program("rondo")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        pytest.skip("/dev/kvm cannot be opened")


def guest(name):
    return build_dir() / "iotests" / "guests" / f"{name}.bin"


def start(vm, name, *args, qmp=False, **kwargs):
    return vm(machine="pc", serial=True, qmp=qmp, **kwargs,
              args=["-accel", "kvm", "-m", "4", "-bios", guest(name), "-device", DEBUG_EXIT, *args])


def golden_of_guests(name):
    return (GOLDEN / f"{name}.out").read_text()


def test_hello(kvm, vm):
    machine = start(vm, "hello")
    assert machine.wait() == PASSED
    assert machine.serial() == "hello from the guest\n"


def test_ways_to_reset(kvm, vm):
    machine = start(vm, "reset")
    assert machine.wait() == PASSED
    assert machine.serial() == golden_of_guests("reset")


def test_virtio_blk(kvm, vm, image):
    disk = image("disk", "4M", fmt="raw")
    machine = start(vm, "virtio-blk-rw", "-drive", f"if=none,id=d,format=raw,file={disk}",
                    "-device", "virtio-blk-pci,drive=d")
    assert machine.wait() == PASSED
    assert machine.serial() == golden_of_guests("virtio-blk-rw")


def test_flash_in_its_modes(kvm, vm, tmp_path):
    """The slot goes when the guest sends a command and comes back when it reads again."""
    flash = tmp_path / "flash.img"
    flash.write_bytes(bytes(64 * 1024))
    machine = vm(machine="pc", serial=True, qmp=False, args=[
        "-accel", "kvm", "-m", "4", "-device", DEBUG_EXIT,
        "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={guest('pflash-writer')}",
        "-drive", f"if=pflash,unit=1,format=raw,file={flash}"])
    machine.wait_serial("pflash-writer: start\n....")
    assert flash.read_bytes() != bytes(64 * 1024)


def test_firmware_on_two_processors(kvm, vm, tmp_path):
    """SeaBIOS: real mode, system management left out, start-up messages to the other processor."""
    log = tmp_path / "debug.log"
    machine = vm(machine="pc", args=["-accel", "kvm", "-m", "64", "-smp", "2", "-chardev", f"file,id=d,path={log}",
                                     "-device", "isa-debugcon,iobase=0x402,chardev=d"])
    machine.wait_until(lambda: "No bootable device." in log.read_text(), "SeaBIOS found nothing to start")
    assert "Found 2 cpu(s)" in log.read_text()
    assert machine.qmp("query-kvm") == {"enabled": True, "present": True}


def test_the_software_processor_steps_in(kvm, vm):
    """Stopping, looking and single steps need nothing of KVM."""
    machine = start(vm, "counter", qmp=True)
    machine.wait_serial("counter: 256\n")
    machine.qmp("stop")
    assert "RIP=" in machine.hmp("info registers")
    machine.qmp("cont")
    machine.wait_serial("counter: 1024\n")


@pytest.mark.parametrize("accel, status, said", [
    ("kvm", 1, "KVM cannot be replayed"),
    ("kvm:tcg", PASSED, "falling back to tcg"),
])
def test_without_it(tmp_path, accel, status, said):
    """The simulator never has KVM: what it says is what a host without it says."""
    run = subprocess.run([binary("rondo-sim"), "--", "-nodefaults", "-accel", accel, "-m", "4", "-bios", guest("hello"),
                          "-device", DEBUG_EXIT], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert said in run.stderr
    assert run.returncode == status


@pytest.mark.parametrize("accel", [["-accel", "kvm:tcg"], ["-accel", "kvm", "-accel", "tcg"],
                                   ["-machine", "pc,accel=kvm:soft"], ["-enable-kvm"]])
def test_lists(kvm, vm, accel):
    machine = vm(program="rondo", machine=None, args=[*accel, "-m", "4", "-bios", guest("counter")])
    assert machine.qmp("query-kvm")["enabled"]


def test_unknown_one(vm):
    machine = vm(program="rondo", machine=None, qmp=False, args=["-accel", "kvm:xen"])
    assert machine.wait() == 1
    assert "invalid accelerator xen" in machine.report()
