# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that checks its own memory, and two hosts for it."""

import re

import pytest

from rondo_iotests.paths import build_dir


def wait_status(machine, status):
    """The run state follows the end of a migration a moment after its event, and has none of its own."""
    machine.wait_until(lambda: machine.qmp("query-status")["status"] == status, f"its state is {status}")


def migrate(source, target, uri):
    source.qmp("migrate", {"uri": uri})
    source.wait_event("MIGRATION", {"status": "completed"})
    target.wait_event("MIGRATION", {"status": "completed"})
    wait_status(source, "postmigrate")
    assert target.qmp("query-status")["status"] == "running"


EVENTS = [{"capability": "events", "state": True}]


class Host:
    """Makes VMs with the counter guest; all of one test share the same disk."""

    def __init__(self, vm, disk):
        self.vm, self.disk = vm, disk

    def __call__(self, *args, memory="4", **kwargs):
        machine = self.vm(serial=True, args=[
            "-m", memory, "-bios", build_dir() / "iotests" / "guests" / "counter.bin", "-device", "isa-debug-exit",
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

    def went_back(self, machine):
        """Whether the count fell somewhere: a running guest reports on until the very moment a state is loaded."""
        passes = self.passes(machine)
        return any(later < earlier for earlier, later in zip(passes, passes[1:]))

    def wait_more(self, machine, count=2):
        """Until the guest has made `count` more reports; returns the last."""
        want = len(self.passes(machine)) + count
        machine.wait_until(lambda: len(self.passes(machine)) >= want, f"its guest made {count} more reports")
        assert "mismatch" not in machine.serial()
        return self.passes(machine)[-1]


@pytest.fixture
def counting():
    return Counting()
