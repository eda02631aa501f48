# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of all iotests.

    def test_x(vm, image, requires):
        requires.program("rondo")           # skips, and says why, when it is not there
        disk = image("disk", "64M")
        machine = vm(args=["-drive", f"file={disk},format=qcow2"])
"""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "lib"))

import rondo_iotests as rt  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="accept the present output as the expected one")


class Requires:
    """Skips with a reason. A program of our own that should exist is not skipped but missing: it fails."""

    def program(self, name):
        if not rt.have_binary(name):
            pytest.fail(f"this build has no '{name}'")

    def peer(self, name):
        """A program of the distribution, e.g. qemu-img."""
        if not shutil.which(name):
            pytest.skip(f"needs {name} of the distribution")

    def stock_qemu(self):
        if not rt.stock_qemu():
            pytest.skip("needs qemu-system-x86_64 of the distribution")


@pytest.fixture
def requires():
    return Requires()


@pytest.fixture
def image(tmp_path):
    """A factory: image(name, size, fmt="qcow2", by=qemu_img or rondo_img, options=...) -> path."""
    def make(name, size="64M", fmt="qcow2", by=rt.qemu_img, options=None):
        return rt.create(tmp_path / f"{name}.{fmt}", size, fmt, by, options)
    return make


@pytest.fixture
def vm(tmp_path):
    """A factory: vm(args=[...], name="vm", program="rondo", ...) -> started VM. All of them end with the test."""
    machines = []

    def make(**kwargs):
        kwargs.setdefault("name", f"vm{len(machines)}")
        machine = rt.VM(tmp_path, **kwargs)
        machines.append(machine)
        return machine.start()

    yield make
    crashes = []
    for machine in machines:
        try:
            machine.close()
        except rt.VMDied as e:
            crashes.append(str(e))
    if crashes:
        pytest.fail("\n".join(crashes))


@pytest.fixture
def golden(request):
    """golden(name, text): compare with golden/<name>.out beside the test."""
    def check(name, text):
        rt.check_golden(Path(request.path).parent, name, text, request.config.getoption("--update-golden") or None)
    return check
