# SPDX-License-Identifier: GPL-2.0-or-later
"""A small initramfs: a static busybox, the kernel modules asked for, and an init that ends in a shell.

With a file "task" among its files, it runs that instead and powers off.
"""

import gzip
import hashlib
import re
import stat

from .packages import cache_dir, made_once, unpacked

READY = "RONDO-SHELL-READY"
DISK_MODULES = ("virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi", "sd_mod", "sr_mod", "ext4")
NET_MODULES = ("virtio_net",)

INIT = """\
#!/bin/sh
/bin/busybox mkdir -p /dev /proc /sys /tmp /mnt
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do
    insmod "/modules/$module"
done </modules/order
if [ -f /task ]; then
    sh /task </dev/console >/dev/console 2>&1
    poweroff -f
fi
# From here on the console is the shell's: a message of another processor could come between two letters.
dmesg -n 1
echo @READY@ >/dev/console
# A session of its own gives the shell a terminal, so that Ctrl-C works; a shell that ends is started again.
while :; do
    setsid -c sh -l </dev/console >/dev/console 2>&1
done
"""

SETUP = """\
export PATH=/bin HOME=/ PS1='rondo# '
stty -echo
"""


class Archive:
    """The "newc" cpio format of kernel/Documentation/driver-api/early-userspace/buffer-format.rst."""

    def __init__(self):
        self.parts = []
        self.inode = 0

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self.inode += 1
        raw = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(raw), 0)
        head = b"070701" + b"".join(b"%08x" % f for f in fields) + raw
        self.parts += [head, b"\0" * (-len(head) % 4), data, b"\0" * (-len(data) % 4)]

    def folder(self, name):
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        self._entry(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def console(self):
        self._entry("dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1))

    def bytes(self):
        self._entry("TRAILER!!!", 0)
        return b"".join(self.parts)


def module_order(kern, names):
    """Paths of the modules @names and of what they need, each after what it needs. Built-in ones are left out."""
    paths = {p.name.split(".")[0].replace("-", "_"): p for p in sorted(kern.modules.rglob("*.ko*"))}
    order = []

    def add(name):
        path = paths.get(name.replace("-", "_"))
        if path is None or path in order:
            return
        needs = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for other in needs[1].decode().split(",") if needs and needs[1] else ():
            add(other)
        soft = re.search(rb"\0softdep=pre: ([^\0]*)\0", path.read_bytes())
        for other in soft[1].decode().split() if soft else ():
            add(other)
        if path not in order:
            order.append(path)

    for name in names:
        add(name)
    return order


def make_initramfs(kern, modules=DISK_MODULES + NET_MODULES, files=None):
    """Path of an initramfs for Kernel @kern. @files: more files, name -> (bytes, mode), or None: a folder."""
    busybox = (unpacked("busybox-static") / "bin" / "busybox").read_bytes()
    order = module_order(kern, modules)
    a = Archive()
    for folder in ("bin", "dev", "etc", "modules"):
        a.folder(folder)
    a.console()
    a.file("bin/busybox", busybox, 0o755)
    a.link("bin/sh", "busybox")
    a.file("init", INIT.replace("@READY@", READY).encode(), 0o755)
    a.file("etc/profile", SETUP.encode())
    for path in order:
        a.file(f"modules/{path.name}", path.read_bytes())
    a.file("modules/order", "".join(f"{p.name}\n" for p in order).encode())
    for name, content in sorted((files or {}).items()):
        if content is None:
            a.folder(name)
        else:
            a.file(name, *content)
    data = a.bytes()
    path = cache_dir() / f"initramfs-{kern.version}-{hashlib.sha256(data).hexdigest()[:16]}"
    with made_once(path) as work:
        if work:
            (work / "initrd.gz").write_bytes(gzip.compress(data, 6, mtime=0))
    return path / "initrd.gz"
