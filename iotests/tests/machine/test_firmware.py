# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: Debian's SeaBIOS finds virtio disks and starts what is on them.

Method: a boot sector that prints a line and leaves through the debug exit device.
"""

from pathlib import Path

import pytest

import rondo_iotests as rt

# mov si, text; cld; next: lodsb; test al, al; jz end; mov dx, 0x3f8; out dx, al; jmp next; end: out 0xf4, al; hlt
CODE = bytes.fromhex("be207c fc ac 84c0 7406 baf803 ee ebf5 b000 e6f4 f4 ebfd")
BOOT_SECTOR = (CODE.ljust(0x20, b"\0") + b"booted from disk\n\0").ljust(510, b"\0") + b"\x55\xaa"


@pytest.mark.parametrize("device", [["virtio-blk-pci,drive=d"], ["virtio-scsi-pci", "scsi-hd,drive=d"]],
                         ids=["blk", "scsi"])
def test_boot_sector(device, tmp_path, requires):
    requires.program("rondo")
    if not Path("/usr/share/seabios/bios-256k.bin").exists():
        pytest.skip("needs Debian's seabios")
    disk = tmp_path / "disk.raw"
    disk.write_bytes(BOOT_SECTOR + bytes(1 << 20))
    args = ["-m", "64", "-drive", f"if=none,id=d,format=raw,file={disk}",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
    for d in device:
        args += ["-device", d]
    vm = rt.VM(tmp_path, qmp=False, serial=True, args=args)
    with vm:
        assert vm.wait() == 1
    assert vm.serial() == "booted from disk\n"
