# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: a guest moves on every machine, with each kind of disk at hand.

Method: the guest that keeps a checksum of its memory; what the disks hold in flight is for iotests/tests/boot.
"""

import pytest
from rondo_iotests.paths import build_dir

from .conftest import EVENTS, migrate


@pytest.mark.parametrize("machine, device", [
    ("pc", "ide-hd,drive=disk0,bus=ide.0"),
    ("q35", "ide-hd,drive=disk0,bus=ide.2"),
    ("q35", "virtio-blk-pci,drive=disk0"),
    ("microvm", "virtio-blk-device,drive=disk0"),
])
def test_move(vm, image, counting, requires, tmp_path, machine, device):
    requires.program("rondo")
    disk = image("disk", "16M")

    def host(*args):
        made = vm(machine=machine, serial=True, args=[
            "-m", "4", "-bios", build_dir() / "iotests" / "guests" / "counter.bin",
            "-blockdev", f"driver=qcow2,node-name=disk0,file.driver=file,file.filename={disk}",
            "-device", device, *args])
        made.qmp("migrate-set-capabilities", {"capabilities": EVENTS})
        return made

    uri = f"unix:{tmp_path}/m.sock"
    source = host()
    before = counting.wait_more(source)
    target = host("-incoming", uri)
    migrate(source, target, uri)
    assert counting.wait_more(target) > before
