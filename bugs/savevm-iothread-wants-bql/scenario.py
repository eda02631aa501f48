# SPDX-License-Identifier: GPL-2.0-or-later
"""A user stops the VM while an asynchronous snapshot runs."""

MACHINE = [
    "-machine", "pc", "-m", "4", "-nodefaults", "-display", "none", "-serial", "null", "-bios", "hello.bin",
    "-qmp", "unix:qmp.sock,server=on,wait=off", "-S",
]


def prepare(env):
    env.guest("hello.bin")
    env.file("state.raw", 0)


def client(vm):
    vm.qmp("cont")
    vm.qmp("savevm-start", statefile="state.raw")
    vm.qmp("stop")
    vm.qmp("savevm-end")
    vm.qmp_start("quit")
