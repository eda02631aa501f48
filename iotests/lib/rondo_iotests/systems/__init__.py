# SPDX-License-Identifier: GPL-2.0-or-later
"""Real systems to boot: Debian's kernels with a small initramfs, and a Debian disk with a boot loader.

Everything is made from Debian's packages without touching the system's own: packages are downloaded, unpacked and
built in a cache folder (RONDO_SYSTEMS, else ~/.cache/rondo), each under a name that tells its version and recipe, so
a second call finds it.
"""

from .console import Console, ConsoleClosed
from .disk import debian_disk
from .initramfs import make_initramfs
from .linux import LinuxVM
from .packages import Kernel, Missing, kernel

__all__ = ["Console", "ConsoleClosed", "Kernel", "LinuxVM", "Missing", "debian_disk", "kernel", "make_initramfs"]
