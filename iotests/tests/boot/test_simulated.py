# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel on the simulated engine: the same machine, one thread of the host, virtual time."""


def test_simulated_boot_to_a_shell(linux):
    vm = linux(program="rondo-sim", args=["-smp", "2"]).boot()
    assert vm.console.run("nproc") == "2"
    vm.console.type("poweroff -f\n")
    assert vm.wait(300) == 0
