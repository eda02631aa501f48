# SPDX-License-Identifier: GPL-2.0-or-later
"""A QMP client over a unix socket. Blocking, one thread, every wait has a deadline.

Events that arrive while something else is awaited are kept in order in `events` until somebody takes them.
"""

import json
import select
import socket
import time

DEFAULT_TIMEOUT = 120.0    # seconds; only a hang gets there, on whatever machine


class QMPTimeout(Exception):
    """Nothing matching arrived before the deadline."""


class QMPError(Exception):
    """The command failed. `cls` and `desc` are the peer's words."""

    def __init__(self, command, error):
        self.cls = error.get("class", "")
        self.desc = error.get("desc", "")
        super().__init__(f"{command}: {self.cls}: {self.desc}")


class QMPClosed(Exception):
    """The peer closed the connection."""


def matches(pattern, value):
    """Is every member of pattern in value, recursively?"""
    if isinstance(pattern, dict):
        return isinstance(value, dict) and all(k in value and matches(v, value[k]) for k, v in pattern.items())
    return pattern == value


class QMPClient:
    def __init__(self, sock, log=None):
        self.sock = sock
        self.buffer = b""
        self.events = []
        self.log = log if log is not None else []
        self.greeting = None
        self._next_id = 1

    @classmethod
    def connect(cls, path, timeout=DEFAULT_TIMEOUT, log=None):
        """Connect to a listening socket and negotiate."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        sock.connect(str(path))
        client = cls(sock, log)
        client.negotiate(timeout)
        return client

    def negotiate(self, timeout=DEFAULT_TIMEOUT, capabilities=None):
        self.greeting = self.read_message(time.monotonic() + timeout)
        arguments = {"enable": capabilities} if capabilities else {}
        return self.execute("qmp_capabilities", arguments, timeout=timeout)

    def close(self):
        self.sock.close()

    # ---- messages ----

    def send_raw(self, data):
        """Bytes as they are, for tests of the parser."""
        self.log.append(f"-> {data!r}")
        self.sock.settimeout(DEFAULT_TIMEOUT)
        self.sock.sendall(data)

    def read_message(self, deadline=None):
        """The next JSON object, whatever it is."""
        deadline = deadline or time.monotonic() + DEFAULT_TIMEOUT
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise QMPTimeout(f"no message in time; partial input: {self.buffer[:200]!r}")
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                raise QMPClosed("the peer closed the connection")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        text = line.decode("utf-8", errors="replace").strip()
        self.log.append(f"<- {text}")
        return json.loads(text)

    # ---- commands ----

    def send(self, command, arguments=None, oob=False):
        """Send without waiting. Returns the id, for read_reply()."""
        request_id = self._next_id
        self._next_id += 1
        message = {"exec-oob" if oob else "execute": command, "id": request_id}
        if arguments:
            message["arguments"] = arguments
        text = json.dumps(message)
        self.log.append(f"-> {text}")
        self.sock.settimeout(DEFAULT_TIMEOUT)
        self.sock.sendall(text.encode() + b"\n")
        return request_id

    def read_reply(self, request_id, timeout=DEFAULT_TIMEOUT):
        """The whole reply object for an id; events met on the way are kept."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.read_message(deadline)
            if "event" in message:
                self.events.append(message)
            elif message.get("id") == request_id:
                return message
            else:
                raise AssertionError(f"reply to an unknown request: {message}")

    def execute(self, command, arguments=None, timeout=DEFAULT_TIMEOUT, **kwargs):
        """Run a command and return what it returns. Keyword arguments: `node_name=` becomes `node-name`."""
        arguments = dict(arguments or {}, **{k.replace("_", "-"): v for k, v in kwargs.items()})
        reply = self.read_reply(self.send(command, arguments), timeout)
        if "error" in reply:
            raise QMPError(command, reply["error"])
        return reply["return"]

    def execute_error(self, command, arguments=None, timeout=DEFAULT_TIMEOUT):
        """Run a command that must fail; returns the QMPError."""
        try:
            result = self.execute(command, arguments, timeout)
        except QMPError as e:
            return e
        raise AssertionError(f"{command} succeeded with {result}")

    # ---- events ----

    def take_event(self, name, match=None):
        """The first kept event of that name, or None; does not wait."""
        for i, event in enumerate(self.events):
            if event["event"] == name and matches(match or {}, event.get("data", {})):
                return self.events.pop(i)
        return None

    def wait_event(self, name, match=None, timeout=DEFAULT_TIMEOUT):
        """Wait for an event; `match` is what its data must contain."""
        deadline = time.monotonic() + timeout
        while True:
            event = self.take_event(name, match)
            if event is not None:
                return event
            try:
                message = self.read_message(deadline)
            except QMPTimeout:
                seen = ", ".join(e["event"] for e in self.events) or "none"
                raise QMPTimeout(f"no event {name} {match or ''} within {timeout} s; seen: {seen}") from None
            if "event" not in message:
                raise AssertionError(f"unexpected reply while waiting for {name}: {message}")
            self.events.append(message)
