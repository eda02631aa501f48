# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian system on a disk: made with debootstrap, ext4, started by GRUB from the master boot record.

No loop device is needed: the file system is filled while it is made, and GRUB's image is put where its first sector
expects it, right behind the partition table. debootstrap itself needs root.
"""

import hashlib
import os
import shutil
import struct
from pathlib import Path

from .packages import Missing, cache_dir, made_once, package_version, run

PASSWORD = "rondo"          # of root, on the console only
HOSTNAME = "rondo-guest"
SECTOR = 512
PART_START = 2048           # sectors: the usual 1 MiB, in which the boot loader lives
SIZE = 2 << 30              # bytes
PACKAGES = ("systemd-sysv", "udev", "linux-image-cloud-amd64", "initramfs-tools", "zstd", "grub-common", "grub-pc-bin",
            "dbus", "e2fsprogs", "iproute2", "iputils-ping", "login", "passwd", "util-linux", "kmod")
GRUB_MODULES = ("biosdisk", "part_msdos", "ext2", "normal", "linux", "serial", "terminal", "configfile", "search",
                "echo", "halt", "reboot", "ls", "cat", "test")
UUID = "5f1c9a52-6d1b-4b1e-9d5e-526f6e646f31"

FILES = {
    "etc/hostname": f"{HOSTNAME}\n",
    "etc/fstab": f"UUID={UUID} / ext4 errors=remount-ro 0 1\n",
    "etc/systemd/network/20-ethernet.network": "[Match]\nName=en* eth*\n\n[Network]\nDHCP=ipv4\n",
    "boot/grub/grub.cfg": f"""\
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=1
menuentry "Debian" {{
    search --no-floppy --fs-uuid --set=root {UUID}
    echo "Loading Linux ..."
    linux /vmlinuz root=UUID={UUID} ro console=tty0 console=ttyS0,115200
    initrd /initrd.img
}}
""",
    # Only what the machines of this program have: a small initramfs unpacks fast on a software processor.
    "etc/initramfs-tools/conf.d/rondo": "MODULES=list\nCOMPRESS=zstd\n",
    "etc/initramfs-tools/modules": "virtio_pci\nvirtio_mmio\nvirtio_blk\nvirtio_scsi\nsd_mod\nahci\nata_piix\next4\n",
}


def _fill_root(root):
    release = "bookworm"
    run("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", release, root)
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    run("chroot", root, "sh", "-ec", f"""
        echo 'root:{PASSWORD}' | chpasswd
        systemctl enable systemd-networkd >/dev/null 2>&1
        systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer \\
            e2scrub_reap.service >/dev/null 2>&1
        update-initramfs -u -k all
        ln -sf boot/vmlinuz-*-cloud-amd64 /vmlinuz
        ln -sf boot/initrd.img-*-cloud-amd64 /initrd.img
        grub-mkimage -O i386-pc -p '(hd0,msdos1)/boot/grub' -o /boot/grub/core.img {' '.join(GRUB_MODULES)}
        rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
    """)


def _write_boot_sectors(image, root):
    """The master boot record with one partition, then GRUB's core image from sector 1 on, as its first sector says."""
    boot = bytearray((root / "usr/lib/grub/i386-pc/boot.img").read_bytes()[:SECTOR])
    core = (root / "boot/grub/core.img").read_bytes()
    if len(core) > (PART_START - 1) * SECTOR:
        raise Missing("GRUB's core image does not fit before the first partition")
    sectors = SIZE // SECTOR - PART_START
    chs = b"\xfe\xff\xff"       # beyond what cylinders, heads and sectors can say: use the sector numbers
    boot[446:510] = struct.pack("<B3sB3sII", 0x80, chs, 0x83, chs, PART_START, sectors) + bytes(48)
    boot[510:512] = b"\x55\xaa"
    with open(image, "r+b") as f:
        f.write(bytes(boot) + core)


def _make(work):
    root, raw = work / "root", work / "disk.raw"
    _fill_root(root)
    with open(raw, "wb") as f:
        f.truncate(SIZE)
    run("mke2fs", "-q", "-t", "ext4", "-d", root, "-U", UUID, "-E", f"offset={PART_START * SECTOR}", raw,
        f"{(SIZE - PART_START * SECTOR) // 1024}k")
    _write_boot_sectors(raw, root)
    run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, work / "disk.qcow2")
    shutil.rmtree(root)
    raw.unlink()


def debian_disk():
    """Path of the qcow2 image, which is shared: put an overlay on it. Root's password is PASSWORD."""
    if os.geteuid() != 0:
        raise Missing("making a Debian disk needs root (debootstrap)")
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    path = cache_dir() / f"debian-disk-{package_version('linux-image-cloud-amd64')}-{recipe}"
    with made_once(path) as work:
        if work:
            _make(work)
    return path / "disk.qcow2"
