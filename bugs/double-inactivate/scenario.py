# SPDX-License-Identifier: GPL-2.0-or-later
"""The middle host: a paused VM arrives and is sent on without having run."""

COMMON = [
    "-machine", "pc", "-m", "2", "-nodefaults", "-display", "none", "-serial", "null", "-bios", "counter.bin", "-S",
    "-blockdev", "driver=qcow2,node-name=disk0,file.driver=file,file.filename=disk.qcow2",
    "-device", "virtio-blk-pci,drive=disk0",
    "-qmp", "unix:qmp.sock,server=on,wait=off",
]
MACHINE = [*COMMON, "-incoming", "defer"]
CAPABILITIES = [{"capability": "events", "state": True}, {"capability": "late-block-activate", "state": True}]


def first_host(vm):
    vm.qmp("migrate-set-capabilities", capabilities=CAPABILITIES)
    vm.qmp("migrate", uri="file:first.mig")
    vm.wait_event("MIGRATION", status="completed")
    vm.qmp_start("quit")


def prepare(env):
    env.guest("counter.bin")
    env.img("create", "-f", "qcow2", "disk.qcow2", "1M")
    env.rondo(COMMON, first_host)


def client(vm):
    vm.qmp("migrate-set-capabilities", capabilities=CAPABILITIES)
    vm.qmp("migrate-incoming", uri="file:first.mig")
    vm.wait_event("MIGRATION", status="completed")
    vm.qmp("migrate", uri="file:second.mig")
    vm.wait_event("MIGRATION", status="completed")
    vm.qmp_start("quit")
