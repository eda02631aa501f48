# SPDX-License-Identifier: GPL-2.0-or-later
"""The debugger's view of a guest, through the distribution's gdb."""

import shutil
import subprocess

import pytest

import rondo_iotests as rt
from rondo_iotests.paths import binary

pytestmark = pytest.mark.skipif(not shutil.which("gdb"), reason="gdb is not installed")


@pytest.fixture
def vm(tmp_path):
    guest = binary("counter.bin")
    with rt.VM(tmp_path, args=["-S", "-bios", guest, "-gdb", f"unix:{tmp_path}/gdb.sock"]) as machine:
        yield machine


def gdb(vm, *commands):
    """Run gdb's commands on the guest; returns what it printed."""
    cmd = ["gdb", "-nx", "-q", "-batch", "-ex", "set pagination off", "-ex", "set tcp connect-timeout 20",
           "-ex", "set remotetimeout 120",
           "-ex", f"target remote {vm.dir}/gdb.sock"]
    for c in commands:
        cmd += ["-ex", c]
    run = subprocess.run(cmd, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    return run.stdout + run.stderr


def test_registers_at_reset(vm):
    out = gdb(vm, "info registers rip cs cr0 eflags", "p $xmm0.uint128", "p $mxcsr", "info threads")
    assert "0xfff0" in out and "0xf000" in out
    assert "0x60000010" in out
    assert "CPU#0" in out


def test_step_and_write(vm):
    out = gdb(vm, "p $rip", "stepi", "p $rip", "set $rbx = 0x1234", "p/x $rbx", "set {int}0x500 = 0x55aa77",
              "x/wx 0x500")
    assert "= 0x1234" in out and "0x0055aa77" in out


def test_detach_lets_the_guest_go_on(vm):
    gdb(vm, "stepi", "detach")
    vm.wait_until(lambda: any(c["filename"].startswith("disconnected:") for c in vm.qmp("query-chardev")),
                  "gdb's hanging up was noticed")
    assert vm.qmp("query-status")["status"] == "running"


def test_guest_that_was_handed_over_does_not_run(vm):
    vm.qmp("migrate", {"uri": "exec:cat >/dev/null"})
    vm.wait_until(lambda: vm.qmp("query-status")["status"] == "postmigrate", "the guest was handed over")
    out = gdb(vm, "p $rip", "stepi", "continue", "detach")
    assert out.count("E10") == 2, out                                   # EBUSY, in hexadecimal
    assert vm.qmp("query-status")["status"] == "postmigrate"


def test_monitor_command_and_end(vm):
    out = gdb(vm, "monitor info status", "kill")
    assert "VM status" in out
    assert vm.wait() == 0
