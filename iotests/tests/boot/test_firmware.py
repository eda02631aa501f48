# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: what firmware and ACPI give a guest: SeaBIOS and OVMF boot, OVMF keeps its variables, the tables are sound.

Method: Debian's kernel looks at its tables; the UEFI shell sets a variable and finds it after a reset and in a new
process; the compiler of ACPI's authors takes the DSDT apart and puts it together again.
"""

import base64
import re
import shutil
from pathlib import Path

import pytest

from rondo_iotests import binary, tool
from rondo_iotests.systems import kernel

OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARS = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
VARIABLE = "rondotest -guid 12345678-1234-1234-1234-123456789abc"


def table(vm, name):
    text = vm.console.run(f"base64 /sys/firmware/acpi/tables/{name}")
    return base64.b64decode("".join(text.split()))


@pytest.mark.parametrize("args", [["-smp", "1"], ["-smp", "3", "-no-hpet"]], ids=["default", "smp-no-hpet"])
def test_acpi_tables_are_sound(linux, tmp_path, requires, args):
    requires.peer("iasl")
    vm = linux(args=args).boot()
    names = vm.console.run("ls /sys/firmware/acpi/tables").split()
    assert {"APIC", "DSDT", "FACP", "FACS", "WAET"} <= set(names)
    assert ("HPET" in names) == ("-no-hpet" not in args)
    for name in ("APIC", "DSDT", "FACP"):
        data = table(vm, name)
        assert data[:4].decode() == name and sum(data) % 256 == 0 and int.from_bytes(data[4:8], "little") == len(data)
    (tmp_path / "dsdt.aml").write_bytes(table(vm, "DSDT"))
    tool("iasl", "-d", tmp_path / "dsdt.aml")
    out = tool("iasl", "-p", tmp_path / "again", tmp_path / "dsdt.dsl")
    assert re.search(r"0 Errors, 0 Warnings", out.stdout), out.stdout


def test_no_acpi(linux):
    vm = linux(args=["-no-acpi"]).boot()
    assert "FWCF" not in vm.console.run("dmesg")
    assert vm.console.run("dmesg | grep -c RONDOACP || true") == "0"


def test_the_machine_says_what_it_is(linux):
    uuid = "00112233-4455-6677-8899-aabbccddeeff"
    vm = linux(args=["-uuid", uuid, "-smbios", "type=1,manufacturer=Somebody,serial=4711"]).boot()
    said = vm.console.run("cd /sys/class/dmi/id && cat sys_vendor product_serial product_uuid chassis_vendor").split()
    assert said == ["Somebody", "4711", uuid, "Rondo"]


def test_wrong_kernels(tmp_path, requires):
    requires.program("rondo")
    junk = tmp_path / "junk"
    junk.write_bytes(bytes(4096))
    cut = tmp_path / "cut"
    cut.write_bytes(kernel("cloud").image.read_bytes()[:2048])
    big = tmp_path / "big"
    with open(big, "wb") as f:
        f.truncate(200 << 20)
    base = ["-nodefaults", "-display", "none", "-S", "-m", "128", "-kernel"]
    for args, message in (
            ([junk], f"could not load kernel '{junk}': not a Linux kernel image"),
            ([cut], f"could not load kernel '{cut}': its header announces"),
            (["/nonexistent"], "could not load kernel '/nonexistent': No such file or directory"),
            ([kernel("cloud").image, "-initrd", big], f"could not load '{big}': initrd is too large"),
            ([kernel("cloud").image, "-append", "x" * 5000], "the command line is too long for kernel"),
            ([kernel("cloud").image, "-m", "16"], "MiB of memory below 4 GiB, and there are 15")):
        r = tool(binary("rondo"), *base, *args, check=False)
        assert r.returncode == 1 and message in r.stderr, r.stderr


@pytest.fixture
def ovmf(tmp_path):
    if not OVMF_CODE.exists() or not OVMF_VARS.exists():
        pytest.skip("needs the package ovmf")
    store = tmp_path / "vars.fd"
    shutil.copyfile(OVMF_VARS, store)
    return ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}",
            "-drive", f"if=pflash,format=raw,file={store}"]


def uefi_shell(vm):
    vm.console.wait("Press.*ESC", 600)
    vm.console.type("\x1b")
    vm.console.wait(r"Shell> ")


def uefi_run(vm, command, pattern):
    """The shell drops what comes too fast: each letter waits for its echo."""
    for letter in command:
        vm.console.type(letter)
        vm.console.wait(re.escape(letter))
    vm.console.type("\r")
    return vm.console.wait(pattern)


def test_ovmf_keeps_its_variables(linux, ovmf):
    vm = linux(direct=False, args=ovmf, memory="256")
    uefi_shell(vm)
    uefi_run(vm, f"setvar {VARIABLE} -bs -rt -nv =0x4242", r"Shell> ")
    vm.qmp("system_reset")
    uefi_shell(vm)
    uefi_run(vm, f"setvar {VARIABLE}", r"0002 Bytes\s+42 42")
    vm.console.wait(r"Shell> ")
    uefi_run(vm, "reset -s", "")
    assert vm.wait(120) == 0
    again = linux(direct=False, args=ovmf, memory="256", name="again")
    uefi_shell(again)
    uefi_run(again, f"setvar {VARIABLE}", r"0002 Bytes\s+42 42")


def test_ovmf_boots_the_kernel(linux, ovmf):
    vm = linux(args=ovmf).boot()
    assert "EFI v2" in vm.console.run("dmesg | grep 'efi:'")
    vm.console.type("poweroff -f\n")
    assert vm.wait(120) == 0
