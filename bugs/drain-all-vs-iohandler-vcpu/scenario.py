# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that starts and resets its virtio-scsi controller all the time, and an asynchronous snapshot."""

MACHINE = [
    "-machine", "pc", "-m", "8", "-nodefaults", "-display", "none", "-serial", "null", "-bios", "vscsi-init.bin",
    "-object", "iothread,id=io0",
    "-device", "virtio-scsi-pci,id=scsi0,iothread=io0",
    "-drive", "if=none,id=disk0,format=raw,file=disk.raw",
    "-device", "scsi-hd,drive=disk0,bus=scsi0.0",
    "-qmp", "unix:qmp.sock,server=on,wait=off", "-S",
]


def prepare(env):
    env.guest("vscsi-init.bin")
    env.file("disk.raw", 64 * 1024)
    env.file("state.raw", 0)


def client(vm):
    vm.qmp("cont")
    vm.wait_event("RESET")
    vm.qmp("savevm-start", statefile="state.raw")
    vm.wait_event("STOP")
    vm.wait_event("RESUME")
    vm.qmp("savevm-end")
    vm.qmp_start("quit")
