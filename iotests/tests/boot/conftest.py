# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots of real systems. A failure shows what the guest said last.

RONDO_BOOT_PROGRAM=qemu runs the same tests with the distribution's QEMU: is it the test that is wrong?
"""

import os

import pytest

from rondo_iotests.images import qemu_img
from rondo_iotests.systems import LinuxVM, Missing, debian_disk

# Enough to take an instrumented build through everything a boot touches; more of the same takes minutes each.
INSTRUMENTED = ("test_cloud_kernel_to_a_shell",)


def pytest_collection_modifyitems(config, items):
    if not os.environ.get("RONDO_INSTRUMENTED"):
        return
    left_out = [i for i in items if "/tests/boot/" in str(i.path) and i.originalname not in INSTRUMENTED]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [i for i in items if i not in left_out]


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
    try:
        base = debian_disk()
    except Missing as e:
        pytest.skip(str(e))
    overlay = tmp_path / "debian.qcow2"
    qemu_img("create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay)
    return overlay
