# SPDX-License-Identifier: GPL-2.0-or-later
"""A VNC viewer for tests: RFB 3.3 to 3.8 over a socket, with the encodings that rondo speaks.

    viewer = Viewer(path, encoding=5)
    viewer.refresh()
    viewer.ppm()

The picture is kept as the server draws it; nothing is asked for that the test did not ask for.
"""

import socket
import struct
import zlib

RAW, HEXTILE, ZLIB = 0, 5, 6
DESKTOP_SIZE, EXT_KEY = -223, -258


class Viewer:
    def __init__(self, path, minor=8, encoding=RAW, timeout=30):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(str(path))
        assert self.read(12) == b"RFB 003.008\n"
        self.sock.sendall(b"RFB 003.00%d\n" % minor)
        if minor == 3:
            assert struct.unpack(">I", self.read(4))[0] == 1
        else:
            assert 1 in self.read(self.read(1)[0])
            self.sock.sendall(b"\1")
            if minor == 8:
                assert self.read(4) == bytes(4)
        self.sock.sendall(b"\1")
        self.width, self.height = struct.unpack(">HH", self.read(4))
        self.read(16)
        self.name = self.read(struct.unpack(">I", self.read(4))[0]).decode()
        self.stream = zlib.decompressobj()
        self.extended_keys = False
        self._new_picture()
        encodings = [encoding, DESKTOP_SIZE, EXT_KEY]
        self.sock.sendall(struct.pack(f">BBH{len(encodings)}i", 2, 0, len(encodings), *encodings))

    def close(self):
        self.sock.close()

    def read(self, n):
        data = b""
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            if not part:
                raise EOFError("the server hung up")
            data += part
        return data

    # ---- picture ----

    def _new_picture(self):
        self.pixels = bytearray(self.width * self.height * 4)

    def _put(self, x, y, w, h, data):
        for row in range(h):
            at = ((y + row) * self.width + x) * 4
            self.pixels[at:at + 4 * w] = data[4 * w * row:4 * w * (row + 1)]

    def _hextile(self, x, y, w, h):
        background = foreground = bytes(4)
        for ty in range(y, y + h, 16):
            for tx in range(x, x + w, 16):
                tw, th = min(16, x + w - tx), min(16, y + h - ty)
                mask = self.read(1)[0]
                if mask & 1:
                    self._put(tx, ty, tw, th, self.read(4 * tw * th))
                    continue
                background = self.read(4) if mask & 2 else background
                foreground = self.read(4) if mask & 4 else foreground
                self._put(tx, ty, tw, th, background * (tw * th))
                for _ in range(self.read(1)[0] if mask & 8 else 0):
                    colour = self.read(4) if mask & 16 else foreground
                    at, size = self.read(2)
                    rw, rh = (size >> 4) + 1, (size & 15) + 1
                    self._put(tx + (at >> 4), ty + (at & 15), rw, rh, colour * (rw * rh))

    def refresh(self, incremental=False):
        """Ask for an update and draw it; a change of size is followed by asking again."""
        self.sock.sendall(struct.pack(">BBHHHH", 3, incremental, 0, 0, self.width, self.height))
        kind, _, count = struct.unpack(">BBH", self.read(4))
        assert kind == 0
        for _ in range(count):
            x, y, w, h, encoding = struct.unpack(">HHHHi", self.read(12))
            if encoding == RAW:
                self._put(x, y, w, h, self.read(4 * w * h))
            elif encoding == HEXTILE:
                self._hextile(x, y, w, h)
            elif encoding == ZLIB:
                self._put(x, y, w, h, self.stream.decompress(self.read(struct.unpack(">I", self.read(4))[0])))
            elif encoding == DESKTOP_SIZE:
                self.width, self.height = w, h
                self._new_picture()
            else:
                assert encoding == EXT_KEY
                self.extended_keys = True

    def ppm(self):
        p = self.pixels
        rgb = bytearray(self.width * self.height * 3)
        rgb[0::3], rgb[1::3], rgb[2::3] = p[2::4], p[1::4], p[0::4]
        return b"P6\n%d %d\n255\n" % (self.width, self.height) + bytes(rgb)

    # ---- input ----

    def key(self, keysym, down):
        self.sock.sendall(struct.pack(">BBHI", 4, down, 0, keysym))

    def extended_key(self, number, down):
        self.sock.sendall(struct.pack(">BBHII", 255, 0, down, 0, number))

    def cut_text(self, text):
        self.sock.sendall(struct.pack(">BBHI", 6, 0, 0, len(text)) + text)
