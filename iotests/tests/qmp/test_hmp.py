# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: the human monitor works by hand: prompt, commands, what they print, and their mistakes.

Method: a socket in place of a terminal; what is printed is compared with a golden file. What stock QEMU prints
word for word is compared with it.
"""
import socket

import pytest

ARGS = ["-S", "-m", "16", "-name", "hmp"]

SAME_AS_QEMU = ["info status", "info name", "info uuid", "frobnicate", "info frobnicate", "stop now", "loadvm",
                "block_resize nodev 1M", "device_del nodev", "c now", "delvm"]


def converse(path, lines):
    """Types the lines, each after the prompt; returns everything printed."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(30)
    sock.connect(str(path))
    text = b""

    def until_prompt():
        nonlocal text
        start = len(text)
        while not text[start:].endswith(b"(qemu) "):
            data = sock.recv(4096)
            if not data:
                return
            text += data

    until_prompt()
    for line in lines:
        sock.sendall(line.encode() + b"\n")
        until_prompt()
    sock.close()
    return text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("program", ["rondo", "rondo-sim"])
def test_session(vm, requires, golden, tmp_path, program):
    requires.program(program)
    machine = vm(program=program, args=[*ARGS, "-monitor", f"unix:{tmp_path}/hmp,server=on,wait=off",
                                        "-object", "iothread,id=t0"])
    text = converse(tmp_path / "hmp", [
        "info version", "info status", "info name", "info block", "drive_add 0 if=none,id=d0,driver=null-co,size=65536",
        "info block", "info iothreads", "info jobs", "info snapshots", "info savevm", "info migrate", "info kvm",
        "info cpus", "info memory_size_summary", "xp /4xb 0x8000", "x /2dw 0x8000", "xp /2q 0",
        "block_resize d0", "block_resize none 1M",
        "device_add warp", "device_del none", "object_add iothread,id=t1", "object_del t1", "object_del t1",
        "migrate_set_capability events on", "migrate_set_capability warp on", "loadvm none", "help quit", "nonsense"])
    golden("session", text)
    assert machine.qmp("query-status")["status"] == "prelaunch"


def test_quit(vm, tmp_path):
    machine = vm(args=[*ARGS, "-monitor", f"unix:{tmp_path}/hmp,server=on,wait=off"])
    converse(tmp_path / "hmp", ["quit"])
    assert machine.wait() == 0


@pytest.mark.parametrize("line", SAME_AS_QEMU)
def test_prints_what_qemu_prints(vm, requires, line):
    requires.stock_qemu()
    assert vm(args=ARGS).hmp(line) == vm(program="qemu", args=ARGS).hmp(line)
