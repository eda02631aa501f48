# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's serial console as a person uses it: type, read, wait for a text."""

import re
import select
import socket
import time
from pathlib import Path

BOOT_TIMEOUT = 600          # seconds; only a hang ever takes that long
COMMAND_TIMEOUT = 300


class ConsoleClosed(Exception):
    """The other end hung up."""


class Console:
    """A console on a unix socket that the machine connects to (`-serial unix:PATH`), so that no output is lost.

    All output is kept in @text.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(1)
        self.sock = None
        self.text = ""
        self.seen = 0           # up to where a wait has consumed it

    def accept(self, timeout=COMMAND_TIMEOUT):
        """Take the machine's call; after this its end is seen."""
        self.listener.settimeout(timeout)
        self.sock = self.listener.accept()[0]

    def close(self):
        self.listener.close()
        if self.sock:
            self.sock.close()

    def _read(self, deadline):
        if not select.select([self.sock], [], [], max(deadline - time.monotonic(), 0))[0]:
            raise TimeoutError
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise ConsoleClosed(f"the console closed; its last lines:\n{self.tail()}")
        self.text += data.decode("utf-8", "replace")

    def tail(self, lines=40):
        return "\n".join(self.text.splitlines()[-lines:])

    def wait(self, pattern, timeout=COMMAND_TIMEOUT):
        """Wait for a regular expression in new output; returns the match."""
        deadline = time.monotonic() + timeout
        while True:
            found = re.compile(pattern, re.M).search(self.text, self.seen)
            if found:
                self.seen = found.end()
                return found
            try:
                self._read(deadline)
            except TimeoutError:
                raise TimeoutError(f"no {pattern!r} within {timeout} s; the last lines:\n{self.tail()}") from None

    def wait_closed(self, timeout=COMMAND_TIMEOUT):
        deadline = time.monotonic() + timeout
        try:
            while True:
                self._read(deadline)
        except ConsoleClosed:
            pass

    def type(self, text):
        self.sock.sendall(text.encode())

    def run(self, command, timeout=COMMAND_TIMEOUT, check=True):
        """Run a shell command; returns its output, or (status, output) without @check."""
        # The quotes keep the command's echo from looking like its end.
        self.type(f"{command}; echo \"@END\"\"=$?@\"\n")
        start = self.seen
        end = self.wait(r"@END=(\d+)@\r?\n?", timeout)
        out = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text[start:end.start()].replace("\r", ""))
        out = "\n".join(line for line in out.split("\n") if '@END""' not in line)
        out = re.sub(r"^(rondo# )+", "", out, flags=re.M).strip("\n")
        status = int(end[1])
        if not check:
            return status, out
        assert status == 0, f"status {status} from {command!r}:\n{out}"
        return out
