# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux on the disks and CD-ROMs of the chipsets: IDE on a PC, AHCI on a q35, with media that change."""

import pytest

from rondo_iotests.images import check_image, create

MACHINES = {
    "pc": {"machine": "pc", "modules": ("ata_piix", "isofs")},
    "q35": {"machine": "q35", "flavour": "generic", "modules": ("ahci", "isofs", "crc32c_generic")},
}


@pytest.fixture(params=MACHINES)
def ata(request, linux, tmp_path):
    disk = create(tmp_path / "disk.qcow2", "64M")
    (tmp_path / "one.iso").write_bytes(b"first".ljust(1 << 20, b"\0"))
    (tmp_path / "two.iso").write_bytes(b"second".ljust(2 << 20, b"\0"))
    vm = linux(args=["-hda", disk, "-drive", f"file={tmp_path}/one.iso,format=raw,media=cdrom,index=2,id=cd"],
               **MACHINES[request.param]).boot()
    vm.disk = disk
    return vm


def test_disk_written_by_linux(ata):
    c = ata.console
    assert c.run("cat /sys/block/sda/device/model").strip() == "RONDO HARDDISK"
    c.run("mke2fs -q /dev/sda 2>/dev/null && mount -t ext4 /dev/sda /mnt")
    c.run("dd if=/dev/urandom of=/mnt/file bs=64k count=256 2>/dev/null; sha256sum /mnt/file >/mnt/sum; umount /mnt")
    c.run("mount -t ext4 /dev/sda /mnt && sha256sum -c /mnt/sum && umount /mnt")
    assert c.run("dmesg | grep -iE 'ata[0-9.]+: (exception|failed|error|lost)|SError' || true") == ""
    c.type("poweroff -f\n")
    assert ata.wait(120) == 0
    check_image(ata.disk)


def test_medium_is_changed(ata, tmp_path):
    c = ata.console
    assert c.run("head -c 5 /dev/sr0") == "first"
    ata.qmp("blockdev-change-medium", device="cd", filename=str(tmp_path / "two.iso"), format="raw")
    assert ata.wait_event("DEVICE_TRAY_MOVED")["data"]["tray-open"] is True
    assert ata.wait_event("DEVICE_TRAY_MOVED")["data"]["tray-open"] is False
    assert c.run("head -c 6 /dev/sr0") == "second"
    assert c.run("cat /sys/block/sr0/size") == "4096"
    ata.qmp("eject", device="cd")
    c.run("! head -c 5 /dev/sr0 2>/dev/null")
    info = [b for b in ata.qmp("query-block") if b["device"] == "cd"][0]
    assert info["removable"] and "tray_open" in info and "inserted" not in info     # Linux may have closed it again
