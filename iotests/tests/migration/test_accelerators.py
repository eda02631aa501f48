# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: a guest moves between the host's processor and ours, both ways, with every page that it wrote.

Method: the guest that keeps a checksum of its memory; under KVM the kernel logs what is written.
"""

import os

import pytest

from .conftest import migrate


@pytest.fixture(autouse=True)
def kvm():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        pytest.skip("/dev/kvm cannot be opened")


@pytest.mark.parametrize("route", ["kvm kvm", "tcg kvm tcg", "soft kvm"])
def test_move(host, counting, tmp_path, route):
    uri = f"unix:{tmp_path}/m.sock"
    first, *rest = route.split()
    machine = host("-accel", first)
    before = counting.wait_more(machine)
    for accel in rest:
        target = host("-accel", accel, "-incoming", uri)
        migrate(machine, target, uri)
        assert counting.wait_more(target) > before
        before = counting.passes(target)[-1]
        machine.quit()
        machine = target


def test_snapshot_of_one_in_the_other(host, counting):
    source = host("-accel", "kvm")
    before = counting.wait_more(source)
    source.hmp("savevm s")
    source.qmp("quit")
    source.wait()
    target = host("-accel", "tcg", "-loadvm", "s")
    assert counting.wait_more(target) > before
