# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: Debian's SeaBIOS boots from IDE and AHCI, from disks and CD-ROMs.

Method: a boot sector that prints a line and leaves through the debug exit device; El Torito around it for CD-ROMs.
"""

import struct
from pathlib import Path

import pytest

import rondo_iotests as rt

# mov si, text; cld; next: lodsb; test al, al; jz end; mov dx, 0x3f8; out dx, al; jmp next; end: out 0xf4, al; hlt
CODE = bytes.fromhex("be207c fc ac 84c0 7406 baf803 ee ebf5 b000 e6f4 f4 ebfd")
BOOT_SECTOR = (CODE.ljust(0x20, b"\0") + b"booted\n\0").ljust(510, b"\0") + b"\x55\xaa"


def iso_image():
    """The least that firmware looks at: descriptors, boot catalog, boot image without emulation."""
    def sector(data):
        return data.ljust(2048, b"\0")
    primary = b"\1CD001\1" + bytes(73) + struct.pack("<I", 21) + struct.pack(">I", 21)
    boot = b"\0CD001\1" + b"EL TORITO SPECIFICATION".ljust(64, b"\0") + struct.pack("<I", 19)
    validation = bytearray(b"\1\0\0\0" + bytes(24) + b"\0\0\x55\xaa")
    checksum = -sum(struct.unpack("<16H", validation)) & 0xffff
    struct.pack_into("<H", validation, 28, checksum)
    entry = struct.pack("<BBHBBHI", 0x88, 0, 0, 0, 0, 4, 20)
    return (bytes(16 * 2048) + sector(primary) + sector(boot) + sector(b"\xffCD001\1") +
            sector(bytes(validation) + entry) + sector(BOOT_SECTOR))


@pytest.mark.parametrize("args", [
    ["-hda", "DISK"],
    ["-drive", "file=DISK,format=raw,index=3"],
    ["-device", "ahci,id=sata", "-drive", "if=none,id=d,format=raw,file=DISK", "-device", "ide-hd,drive=d,bus=sata.2"],
    ["-cdrom", "ISO"],
    ["-drive", "file=ISO,format=raw,media=cdrom", "-boot", "d"],
    ["-device", "ahci,id=sata", "-drive", "if=none,id=d,format=raw,readonly=on,file=ISO",
     "-device", "ide-cd,drive=d,bus=sata.0"],
], ids=["hda", "index3", "ahci", "cdrom", "drive-cdrom", "ahci-cdrom"])
def test_boot(args, tmp_path, requires):
    requires.program("rondo")
    if not Path("/usr/share/seabios/bios-256k.bin").exists():
        pytest.skip("needs Debian's seabios")
    (tmp_path / "disk.raw").write_bytes(BOOT_SECTOR + bytes(1 << 20))
    (tmp_path / "cd.iso").write_bytes(iso_image())
    args = [a.replace("DISK", str(tmp_path / "disk.raw")).replace("ISO", str(tmp_path / "cd.iso")) for a in args]
    vm = rt.VM(tmp_path, qmp=False, serial=True,
               args=["-m", "64", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *args])
    with vm:
        assert vm.wait(timeout=120) == 1
    assert vm.serial() == "booted\n"
