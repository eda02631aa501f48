# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that checks its own memory, and two hosts for it."""

import re

import pytest

import rondo_iotests as rt

EVENTS = [{"capability": "events", "state": True}]


class Host:
    """Makes VMs with the counter guest; all of one test share the same disk."""

    def __init__(self, vm, disk):
        self.vm, self.disk = vm, disk

    def __call__(self, *args, memory="4", **kwargs):
        machine = self.vm(serial=True, args=[
            "-m", memory, "-bios", rt.binary("counter.bin"), "-device", "isa-debug-exit",
            "-blockdev", f"driver=qcow2,node-name=disk0,file.driver=file,file.filename={self.disk}",
            "-device", "virtio-blk-pci,drive=disk0", *args], **kwargs)
        machine.qmp("migrate-set-capabilities", {"capabilities": EVENTS})
        return machine


@pytest.fixture
def host(vm, image, requires):
    requires.program("rondo")
    return Host(vm, image("disk", "16M"))


class Counting:
    """What the guest printed: its passes go up, and it never finds its memory different from what it wrote."""

    @staticmethod
    def passes(machine):
        return [int(n) for n in re.findall(r"counter: (\d+)\n", machine.serial())]

    def wait_more(self, machine, count=2):
        """Until the guest has made `count` more reports; returns the last."""
        last = (self.passes(machine) or [0])[-1]
        machine.wait_serial(f"counter: {last + 256 * count}\n")
        assert "mismatch" not in machine.serial()
        return last + 256 * count


@pytest.fixture
def counting():
    return Counting()
