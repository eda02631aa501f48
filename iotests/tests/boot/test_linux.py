# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernels, started directly: to a shell, with a disk, several processors, and every way to end."""

import pytest

from rondo_iotests.images import check_image, create

# What Linux prints where firmware tables or devices disappoint it.
COMPLAINTS = r"ACPI (BIOS )?(Error|Warning)|ACPI: (Invalid|Unable)|\[Firmware Bug\]|BUG:|WARNING:|Oops:|call trace|" \
             r"nobody cared|soft lockup|rcu.*stall|MP-BIOS bug|unable to handle|IO_APIC.*(fail|not work)"


def test_cloud_kernel_to_a_shell(linux):
    vm = linux().boot()
    c = vm.console
    assert c.run("uname -m") == "x86_64"
    assert c.run("echo $((6 * 7))") == "42"
    assert c.run(f"dmesg | grep -iE '{COMPLAINTS}' || true") == ""
    c.type("poweroff -f\n")
    assert vm.wait(120) == 0


@pytest.mark.parametrize("smp", [4])
def test_processors(linux, smp):
    vm = linux(args=["-smp", smp]).boot()
    c = vm.console
    assert c.run("nproc") == str(smp)
    # Each works, and the timer interrupts each.
    busy = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done"
    c.run(f"for i in $(seq 0 {smp - 1}); do taskset $((1 << i)) sh -c '{busy}'; done")
    assert c.run(f"dmesg | grep -iE '{COMPLAINTS}' || true") == ""


def test_disk_written_by_linux(linux, tmp_path):
    disk = create(tmp_path / "disk.qcow2", "64M")
    vm = linux(args=["-drive", f"file={disk},format=qcow2,if=virtio"]).boot()
    c = vm.console
    c.run("mke2fs -q /dev/vda 2>/dev/null && mount -t ext4 /dev/vda /mnt")
    c.run("dd if=/dev/urandom of=/mnt/file bs=64k count=64 2>/dev/null; sha256sum /mnt/file >/mnt/sum; umount /mnt")
    c.run("mount -t ext4 /dev/vda /mnt && sha256sum -c /mnt/sum && umount /mnt")
    c.type("poweroff -f\n")
    assert vm.wait(120) == 0
    check_image(disk)


def test_reboot_from_the_guest(linux):
    vm = linux().boot()
    vm.console.type("reboot -f\n")
    vm.wait_event("RESET")
    vm.boot()


def test_system_reset_and_powerdown(linux):
    vm = linux().boot()
    vm.qmp("system_reset")
    vm.wait_event("RESET")
    vm.boot()
    vm.console.run("modprobe button 2>/dev/null; ls /dev/input", check=False)
    vm.qmp("system_powerdown")
    vm.wait_event("POWERDOWN")


def test_no_reboot_ends_the_process(linux):
    vm = linux(args=["-no-reboot"]).boot()
    vm.console.type("reboot -f\n")
    assert vm.wait(120) == 0


def test_generic_kernel(linux):
    vm = linux(flavour="generic").boot()
    assert "cloud" not in vm.console.run("uname -r")
    assert vm.console.run(f"dmesg | grep -iE '{COMPLAINTS}' || true") == ""
