# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots of real systems. A failure shows what the guest said last.

RONDO_BOOT_PROGRAM=qemu runs the same tests with the distribution's QEMU: is it the test that is wrong?
"""

import os

import pytest

from rondo_iotests.systems import LinuxVM, Missing, debian_disk


@pytest.fixture
def linux(tmp_path):
    """Make LinuxVMs that are gone at the end: linux(args=..., machine=...)."""
    made = []

    def make(**kwargs):
        kwargs.setdefault("program", os.environ.get("RONDO_BOOT_PROGRAM", "rondo"))
        vm = LinuxVM(tmp_path, **kwargs)
        made.append(vm)
        return vm.start()

    try:
        yield make
    finally:
        for vm in made:
            vm.close()


@pytest.fixture
def debian(tmp_path):
    """An overlay on the Debian disk, whose file name it returns."""
    from rondo_iotests.images import qemu_img
    try:
        base = debian_disk()
    except Missing as e:
        pytest.skip(str(e))
    overlay = tmp_path / "debian.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay)
    return overlay
