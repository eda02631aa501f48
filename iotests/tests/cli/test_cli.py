# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: the command line is QEMU's for what is supported, and says clearly what is wrong otherwise.

Method: the same wrong command line for rondo and for the distribution's QEMU; stderr must be the same but for the
program's name, and the status too.
"""

import shutil
import signal

import pytest

from rondo_iotests import VM, filter_text, have_binary, stock_qemu, tool

BASE = ["-nodefaults", "-display", "none", "-S", "-m", "16"]
WRONG = {
    "unknown-option": ["-frobnicate"],
    "unknown-machine": ["-machine", "nosuch"],
    "unknown-device": ["-device", "nosuch"],
    "unknown-device-property": ["-device", "isa-debug-exit,nosuch=1"],
    "missing-image": ["-drive", "file=/nonexistent/image,format=raw,if=none"],
    "unknown-format": ["-drive", "file=DIR/empty,format=nosuch,if=none"],
    "drive-not-found": ["-device", "virtio-blk-pci,drive=nosuch"],
    "device-without-drive": ["-device", "virtio-blk-pci"],
    "duplicate-device-id": ["-device", "isa-debug-exit,id=x", "-device", "isa-debug-exit,id=x,iobase=0x600"],
    "append-without-kernel": ["-append", "quiet"],
    "initrd-without-kernel": ["-initrd", "/nonexistent"],
    "unknown-boot-drive": ["-boot", "order=z"],
    "impossible-boot-drive": ["-boot", "e"],
    "boot-drive-twice": ["-boot", "cc"],
    "too-many-boot-drives": ["-boot", "order=acdn"],
    "unknown-boot-option": ["-boot", "nosuch=1"],
    "bad-boot-menu": ["-boot", "menu=maybe"],
    "bad-reboot-timeout": ["-boot", "reboot-timeout=70000"],
    "bad-hpet": ["-machine", "pc,hpet=maybe"],
    "bad-memory": ["-m", "lots"],
    "option-without-value": ["-drive"],
    "duplicate-object": ["-object", "iothread,id=t", "-object", "iothread,id=t"],
    "bad-id": ["-object", "iothread,id=1x"],
    "unknown-cpu": ["-cpu", "nosuch"],
    "unknown-cpu-flag": ["-cpu", "qemu64,+nosuch"],
    "unknown-cpu-flag-off": ["-cpu", "qemu64,-nosuch"],
    "unknown-cpu-property": ["-cpu", "qemu64,nosuch=on"],
    "bad-cpu-flag-value": ["-cpu", "qemu64,sse4.1=maybe"],
    "bad-cpu-vendor": ["-cpu", "qemu64,vendor=short"],
    "bad-cpu-family": ["-cpu", "qemu64,family=271"],
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_command_line(name, tmp_path, requires):
    requires.stock_qemu()
    requires.program("rondo")
    (tmp_path / "empty").write_bytes(bytes(4096))
    args = [a.replace("DIR", str(tmp_path)) for a in WRONG[name]]
    ours = tool(have_binary("rondo"), *BASE, *args, check=False)
    peer = tool(stock_qemu(), *BASE, *args, check=False)
    assert peer.returncode == 1, "the test is wrong: QEMU accepts this"
    assert ours.stderr.replace("rondo:", "PROGRAM:") == peer.stderr.replace("qemu-system-x86_64:", "PROGRAM:")
    assert ours.returncode == 1


def test_users_firmware_files_leave_room_for_the_boards_own(vm, requires):
    """As many as are accepted; then the machine, which adds its own after them, still comes up."""
    requires.program("rondo")
    board = ["-boot", "order=c,menu=on,splash-time=10,reboot-timeout=10", "-device", "virtio-net-pci,bootindex=0"]
    for count in range(64, 40, -1):
        files = [a for i in range(count) for a in ("-fw_cfg", f"name=opt/test/{i},string=x")]
        r = tool(have_binary("rondo"), *BASE, *files, *board, "-device", "isa-debug-exit,nosuch=1", check=False)
        assert r.returncode == 1
        if "too many fw_cfg files" not in r.stderr:
            break
    assert 40 < count < 64 and "nosuch" in r.stderr
    vm(args=["-S", "-m", "16", *files, *board]).quit()


@pytest.mark.parametrize("program", ["rondo", "rondo-sim"])
def test_version(program, requires):
    requires.program(program)
    r = tool(have_binary(program), "--version")
    assert r.stdout.startswith("Rondo") or r.stdout.startswith("rondo")
    assert r.stderr == ""


def test_help_is_golden(requires, golden, tmp_path):
    requires.program("rondo")
    r = tool(have_binary("rondo"), "-help")
    golden("rondo-help", filter_text(r.stdout, RONDO=have_binary("rondo")))


def test_every_option_in_the_help_is_accepted(requires):
    """What -help lists is parsed; a second, wrong option ends the run before a machine is made."""
    requires.program("rondo")
    options = [line.split()[0] for line in tool(have_binary("rondo"), "-help").stdout.splitlines()
               if line.startswith("-")]
    assert len(options) > 10
    for option in options:
        r = tool(have_binary("rondo"), option, "-frobnicate", "-frobnicate", check=False)
        assert f"{option}: invalid option" not in r.stderr, option


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_shuts_down_cleanly(sig, vm, requires):
    requires.program("rondo")
    machine = vm(args=["-S", "-m", "16"])
    machine.process.send_signal(sig)
    event = machine.wait_event("SHUTDOWN")
    assert event["data"] == {"guest": False, "reason": "host-signal"}
    assert machine.wait() == 0


def test_monitor_socket_goes_with_the_process(vm, requires):
    requires.program("rondo")
    machine = vm(args=["-S", "-m", "16"])
    assert machine.qmp_path.exists()
    machine.quit()
    assert not machine.qmp_path.exists()


def test_monitor_socket_in_use_by_a_file(tmp_path, requires):
    requires.program("rondo")
    machine = VM(tmp_path)
    machine.qmp_path.write_text("not a socket")
    r = tool(machine.program, *machine.command_line()[1:], check=False)
    assert r.returncode == 1
    assert "Address already in use" in r.stderr
    assert machine.qmp_path.read_text() == "not a socket"


def test_image_is_locked_while_in_use(tmp_path, image, vm, requires):
    """A second machine on the same image is refused, by rondo as by QEMU, whichever came first."""
    requires.program("rondo")
    disk = image("disk", "1M")
    args = [*BASE, "-drive", f"file={disk},format=qcow2,if=none,id=d", "-device", "virtio-blk-pci,drive=d"]
    vm(args=args)
    for program in filter(None, [have_binary("rondo"), stock_qemu()]):
        r = tool(program, *args, check=False)
        assert r.returncode == 1
        assert 'Failed to get "write" lock' in r.stderr
        assert "Is another process using the image" in r.stderr


def test_full_disk_is_an_error_not_a_crash(tmp_path, requires):
    """/dev/full accepts nothing: the message names the file and the reason."""
    requires.program("rondo")
    if not shutil.which("qemu-img"):
        pytest.skip("needs qemu-img")
    r = tool(have_binary("rondo-img"), "create", "-f", "qcow2", "/dev/full", "1M", check=False)
    assert r.returncode == 1
    assert "/dev/full" in r.stderr
