# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: a guest's screen reaches viewers and files alike, and their keys reach the guest.

Method: boot sectors that write a text and echo keys to the serial port; a viewer of our own on a socket.
"""

import socket
import struct
from pathlib import Path

import pytest

import rondo_iotests as rt
from rondo_iotests.vnc import HEXTILE, RAW, ZLIB, Viewer

# mov ax, 0x0003; int 0x10 (text mode, cleared); mov ah, 1; mov cx, 0x2000; int 0x10 (no cursor); mov si, 0x7c40; cld
# next: lodsb; test al, al; jz keys; mov ah, 0x0e; mov bx, 7; int 0x10; jmp next
# keys: mov al, '>'; call out; loop: xor ah, ah; int 0x16; call out; jmp loop; out: mov dx, 0x3f8; out dx, al; ret
CODE = bytes.fromhex("b80300cd10 b401 b90020 cd10 be407c fc"
                     "ac 84c0 7409 b40e bb0700 cd10 ebf2"
                     "b03e e80900 30e4 cd16 e80200 ebf7"
                     "baf803 ee c3")
BOOT_SECTOR = (CODE.ljust(0x40, b"\0") + b"what the screen shows\0").ljust(510, b"\0") + b"\x55\xaa"


@pytest.fixture
def guest(tmp_path, requires, vm):
    requires.program("rondo")
    if not Path("/usr/share/seabios/vgabios-stdvga.bin").exists():
        pytest.skip("needs Debian's seabios")
    disk = tmp_path / "disk.raw"
    disk.write_bytes(BOOT_SECTOR + bytes(1 << 20))
    machine = vm(args=["-S", "-m", "32", "-vga", "std", "-vnc", f"unix:{tmp_path}/vnc",
                       "-serial", f"unix:{tmp_path}/serial,server=on,wait=off", "-drive", f"format=raw,file={disk}"])
    machine.serial_socket = socket.socket(socket.AF_UNIX)
    machine.serial_socket.settimeout(60)
    machine.serial_socket.connect(f"{tmp_path}/serial")
    machine.qmp("cont")
    wait_serial(machine, ">")
    return machine


def wait_serial(machine, want):
    """The guest says exactly @want next."""
    said = b""
    while len(said) < len(want):
        said += machine.serial_socket.recv(1)
    assert said.decode() == want


def test_viewers_see_what_screendump_writes(guest, tmp_path):
    guest.qmp("screendump", filename=str(tmp_path / "screen.ppm"))
    screen = (tmp_path / "screen.ppm").read_bytes()
    assert screen.startswith(b"P6\n720 400\n255\n")
    assert len(set(screen[15:])) == 2
    guest.qmp("screendump", filename=str(tmp_path / "screen.png"), format="png")
    assert (tmp_path / "screen.png").read_bytes().startswith(b"\x89PNG\r\n")
    viewers = [Viewer(tmp_path / "vnc", minor, encoding) for minor, encoding in ((8, RAW), (7, HEXTILE), (3, ZLIB))]
    for viewer in viewers:
        viewer.refresh()
        assert viewer.ppm() == screen
        viewer.close()


def test_keys_reach_the_guest(guest, tmp_path):
    viewer = Viewer(tmp_path / "vnc")
    viewer.refresh()
    assert viewer.extended_keys
    for down in (True, False):
        viewer.key(ord("a"), down)
    wait_serial(guest, "a")
    viewer.cut_text(b"\x04" * 5000)         # means nothing, and hides no keys
    for down in (True, False):
        viewer.extended_key(0x30, down)
    wait_serial(guest, "b")
    guest.qmp("send-key", keys=[{"type": "qcode", "data": "shift"}, {"type": "qcode", "data": "c"}])
    wait_serial(guest, "C")
    guest.qmp("human-monitor-command", **{"command-line": "sendkey d"})
    wait_serial(guest, "d")
    for down in (True, False):
        guest.qmp("input-send-event", events=[
            {"type": "key", "data": {"down": down, "key": {"type": "number", "data": 0x12}}}])
    wait_serial(guest, "e")


def test_a_viewer_that_does_not_read_disturbs_nobody(guest, tmp_path):
    slow = Viewer(tmp_path / "vnc")
    for _ in range(100):
        slow.sock.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, slow.width, slow.height))
    other = Viewer(tmp_path / "vnc", encoding=HEXTILE)
    for _ in range(3):
        other.refresh()


def test_rude_viewers_are_disconnected(guest, tmp_path):
    for garbage in (b"GET / HTTP/1.0\r\n\r\n", b"RFB 003.008\n\x02", b"RFB 003.008\n\x01\x01\x63" + bytes(50)):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(tmp_path / "vnc"))
            s.sendall(garbage)
            while s.recv(4096):
                pass
    Viewer(tmp_path / "vnc").refresh()


def test_silent_viewers_keep_nobody_out(guest, tmp_path):
    silent = []
    for _ in range(40):
        silent.append(socket.socket(socket.AF_UNIX))
        silent[-1].settimeout(30)
        silent[-1].connect(str(tmp_path / "vnc"))
        assert silent[-1].recv(12) == b"RFB 003.008\n"
    Viewer(tmp_path / "vnc").refresh()
    assert silent[0].recv(1) == b""         # the oldest one made room
    for s in silent:
        s.close()


def test_password(tmp_path, vm, requires):
    requires.program("rondo")
    machine = vm(args=["-S", "-m", "16", "-vnc", f"unix:{tmp_path}/vnc,password=on"])
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(str(tmp_path / "vnc"))
        assert s.recv(12) == b"RFB 003.008\n"
        s.sendall(b"RFB 003.008\n")
        assert s.recv(2) == b"\1\2"
        s.sendall(b"\2")
        assert len(s.recv(16)) == 16
        s.sendall(bytes(16))
        assert s.recv(4) == b"\0\0\0\1"
    machine.qmp("change-vnc-password", password="secret")
