#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints requests per second of `rondo-img bench` and of `qemu-img bench`, in turns, so that both see the same machine.

usage: bench_img.py RONDO-IMG [ROUNDS]
"""

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

COUNT, SIZE = 40000, "256M"
CASES = [       # name, format, arguments, image
    ("null-co read", None, ["--image-opts"], "driver=null-co,size=1G"),
    ("raw read, cached", "raw", ["-S", "65536"], None),
    ("raw write, cached", "raw", ["-w", "-S", "65536"], None),
    ("raw read, O_DIRECT", "raw", ["-t", "none", "-S", "65536"], None),
    ("raw write, O_DIRECT", "raw", ["-t", "none", "-w", "-S", "65536"], None),
    ("qcow2 read, cached", "qcow2", ["-S", "65536"], None),
    ("qcow2 write, cached", "qcow2", ["-w", "-S", "65536"], None),
    ("qcow2 write, O_DIRECT", "qcow2", ["-t", "none", "-w", "-S", "65536"], None),
]


def seconds(program, args):
    out = subprocess.run([program, "bench", "-c", str(COUNT), "-d", "16", *args], capture_output=True, text=True,
                         check=True).stdout
    return float(re.search(r"Run completed in ([0-9.]+) seconds", out).group(1))


def main():
    rondo, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    peer = shutil.which("qemu-img")
    print(f"{'4 KiB requests, 16 at a time':30}{'rondo-img':>12}{'qemu-img':>12}{'ratio':>8}   (median of {rounds})")
    with tempfile.TemporaryDirectory() as tmp:
        for name, fmt, args, image in CASES:
            target = [image]
            if fmt:
                path = Path(tmp) / f"disk.{fmt}"
                subprocess.run([rondo, "create", "-q", "-f", fmt, "-o", "preallocation=full", path, SIZE], check=True)
                target = ["-f", fmt, str(path)]
            ours, theirs = [], []
            for _ in range(rounds):
                ours.append(COUNT / seconds(rondo, args + target))
                if peer:
                    theirs.append(COUNT / seconds(peer, args + target))
            mine = statistics.median(ours)
            other = f"{statistics.median(theirs):12.0f}{mine / statistics.median(theirs):8.2f}" if theirs else "no peer"
            print(f"{name:30}{mine:12.0f}{other}", flush=True)


if __name__ == "__main__":
    main()
