# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian system on a disk: SeaBIOS, GRUB, systemd, a login, the network, and a clean shutdown."""

from rondo_iotests.images import check_image


def test_debian_from_its_disk(linux, debian):
    vm = linux(direct=False, memory="1024", args=["-drive", f"file={debian},format=qcow2,if=virtio",
                                                  "-nic", "user,model=virtio-net-pci"])
    vm.log_in()
    c = vm.console
    assert c.run("hostname") == "rondo-guest"
    assert c.run("systemctl is-system-running --wait") == "running"
    c.run("/lib/systemd/systemd-networkd-wait-online --timeout=120")
    assert "10.0.2.15" in c.run("ip -4 -br addr show scope global")
    c.run("ping -c 1 10.0.2.2")
    c.run("dd if=/dev/urandom of=/root/file bs=1M count=8 2>/dev/null && sync")
    vm.qmp("system_powerdown")
    vm.wait_event("SHUTDOWN", timeout=300)
    assert vm.wait(120) == 0
    check_image(debian)
