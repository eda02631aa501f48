# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that stores into its flash all the time, and one snapshot-save."""

MACHINE = [
    "-machine", "pc", "-m", "2", "-nodefaults", "-display", "none", "-serial", "null",
    "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=pflash-writer.bin",
    "-drive", "if=pflash,unit=1,format=raw,file=flash.raw",
    "-blockdev", "driver=qcow2,node-name=disk0,file.driver=file,file.filename=disk.qcow2",
    "-qmp", "unix:qmp.sock,server=on,wait=off", "-S",
]


def prepare(env):
    env.guest("pflash-writer.bin")
    env.file("flash.raw", 64 * 1024, b"\xff")
    env.img("create", "-f", "qcow2", "disk.qcow2", "1M")


def client(vm):
    vm.qmp("cont")
    vm.qmp("snapshot-save", job_id="save0", tag="snap0", vmstate="disk0", devices=["disk0"])
    vm.wait_event("JOB_STATUS_CHANGE", id="save0", status="concluded")
    vm.qmp("job-dismiss", id="save0")
    vm.qmp_start("quit")
