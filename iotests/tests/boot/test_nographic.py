# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: -nographic makes a terminal the guest's console: raw while it runs, Ctrl-a for the VMM, as before at the end.

Method: a pseudo terminal with a person at it.
"""

import os
import pty
import re
import select
import signal
import termios
import time

import pytest

from rondo_iotests import binary
from rondo_iotests.systems import kernel, make_initramfs

TIMEOUT = 600


class Person:
    def __init__(self, command):
        self.fd, self.tty = pty.openpty()
        self.before = termios.tcgetattr(self.tty)
        self.text = ""
        self.pid = os.posix_spawn(command[0], command, dict(os.environ), file_actions=[
            (os.POSIX_SPAWN_DUP2, self.tty, n) for n in (0, 1, 2)])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.end()
        os.close(self.fd)
        os.close(self.tty)

    def end(self):
        pid, self.pid = self.pid, None
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, pattern):
        deadline = time.monotonic() + TIMEOUT
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{self.text[-2000:]}"
            if select.select([self.fd], [], [], 1)[0]:
                self.text += os.read(self.fd, 65536).decode("utf-8", "replace")
        self.text = self.text[found.end():]


@pytest.fixture
def person(requires):
    requires.program("rondo")
    k = kernel("cloud")
    with Person([str(binary("rondo")), "-m", "512", "-nographic", "-kernel", str(k.image), "-initrd",
                 str(make_initramfs(k)), "-append", "console=ttyS0"]) as p:
        yield p


def test_a_terminal(person):
    p = person
    p.wait("SeaBIOS")
    p.wait("RONDO-SHELL-READY")
    assert not termios.tcgetattr(p.tty)[3] & (termios.ECHO | termios.ICANON | termios.ISIG)
    p.type("echo $((6 * 7))x\r")
    p.wait("42x")
    p.type("\x01h")
    p.wait("C-a C-a")
    p.type("\x01c")
    p.wait(r"\(qemu\)")
    p.type("info status\r")
    p.wait("VM status: running")
    p.type("\x01c")
    p.type("echo $((2 * 3))y\r")
    p.wait("6y")
    p.type("\x01x")
    p.wait("Terminated")
    assert p.end() == 0
    assert termios.tcgetattr(p.tty) == p.before
