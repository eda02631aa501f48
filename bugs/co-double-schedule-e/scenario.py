# SPDX-License-Identifier: GPL-2.0-or-later
"""An asynchronous snapshot that is ended as soon as it has begun."""

MACHINE = [
    "-machine", "pc", "-m", "8", "-nodefaults", "-display", "none", "-serial", "null",
    "-qmp", "unix:qmp.sock,server=on,wait=off", "-S",
]


def prepare(env):
    env.file("state.raw", 0)


def client(vm):
    vm.qmp("savevm-start", statefile="state.raw")
    vm.qmp("savevm-end")
    vm.qmp_start("quit")
