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


def first_host(vm, uri="file:first.mig"):
    vm.qmp("migrate-set-capabilities", capabilities=CAPABILITIES)
    vm.qmp("migrate", uri=uri)
    vm.wait_event("MIGRATION", status="completed")
    vm.qmp_start("quit")


def middle_host(vm, uri_in, uri_out):
    vm.qmp("migrate-set-capabilities", capabilities=CAPABILITIES)
    vm.qmp("migrate-incoming", uri=uri_in)
    vm.wait_event("MIGRATION", status="completed")
    vm.qmp("migrate", uri=uri_out)
    vm.wait_event("MIGRATION", status="completed")
    vm.qmp_start("quit")


def prepare(env):
    env.guest("counter.bin")
    env.img("create", "-f", "qcow2", "disk.qcow2", "1M")
    env.rondo(COMMON, first_host)


def client(vm):
    middle_host(vm, "file:first.mig", "file:second.mig")


def peer_prepare(env, qemu):
    """QEMU 7.2 has no file: transport, and each program reads only its own machine's stream."""
    env.guest("counter.bin")
    env.img("create", "-f", "qcow2", "disk.qcow2", "1M")
    env.machine([qemu], COMMON, lambda vm: first_host(vm, "exec:cat > first.mig"))


def peer_client(vm):
    middle_host(vm, "exec:cat first.mig", "exec:cat > second.mig")
