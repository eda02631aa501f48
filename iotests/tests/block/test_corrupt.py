# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: no image, however broken, crashes or hangs a tool: it is read, or refused with a sentence.

Method: valid images with bytes of their metadata overwritten from a printed seed; truncated ones; wrong fields one by
one.
"""

import random
import struct

import pytest

import rondo_iotests as rt

SEEDS = range(1, 21)
FIELDS = {      # name: (offset, struct format) of the qcow2 header
    "magic": (0, ">I"), "version": (4, ">I"), "backing-offset": (8, ">Q"), "backing-size": (16, ">I"),
    "cluster-bits": (20, ">I"), "size": (24, ">Q"), "crypt": (32, ">I"), "l1-size": (36, ">I"),
    "l1-offset": (40, ">Q"), "refcount-offset": (48, ">Q"), "refcount-clusters": (56, ">I"),
    "snapshots": (60, ">I"), "snapshot-offset": (64, ">Q"), "incompatible": (72, ">Q"),
    "refcount-order": (96, ">I"), "header-length": (100, ">I"),
}
COMMANDS = {
    "info": lambda p: rt.rondo_img("info", "-f", "qcow2", p, check=False),
    "check": lambda p: rt.rondo_img("check", "-f", "qcow2", p, check=False),
    "read": lambda p: rt.rondo_io("-f", "qcow2", "-r", "-c", "read 0 1M", "-c", "read 3M 64k", p, check=False),
    "write": lambda p: rt.rondo_io("-f", "qcow2", "-c", "write 1M 64k", "-c", "flush", p, check=False),
    "convert": lambda p: rt.rondo_img("convert", "-f", "qcow2", "-O", "raw", p, f"{p}.raw", check=False),
}


@pytest.fixture
def disk(image, requires):
    requires.peer("qemu-io")
    requires.program("rondo-img")
    requires.program("rondo-io")
    path = image("disk", "4M")
    rt.tool("qemu-io", "-f", "qcow2", "-c", "write -P 1 0 64k", "-c", "write -P 2 3M 128k", path)
    rt.qemu_img("snapshot", "-c", "one", path)
    rt.tool("qemu-io", "-f", "qcow2", "-c", "write -P 3 0 64k", path)
    return path


def survives(path, what):
    for name, run in COMMANDS.items():
        r = run(path)
        assert r.returncode >= 0, f"{name} died of signal {-r.returncode} on {what}\n{r.stderr}"
        assert r.returncode != 134 and "Assertion" not in r.stderr, f"{name} on {what}: {r.stderr}"
        if r.returncode != 0:
            assert (r.stderr + r.stdout).strip(), f"{name} fails without a word on {what}"


@pytest.mark.parametrize("seed", SEEDS)
def test_random_damage(seed, disk):
    data = bytearray(disk.read_bytes())
    rng = random.Random(seed)
    for _ in range(rng.choice([1, 4, 40])):
        # Metadata clusters are where the damage hurts: header, refcounts, L1, L2, snapshots all lie in the first MiB.
        offset = rng.randrange(0, rng.choice([112, 0x10000, min(len(data), 1 << 20)]))
        data[offset] = rng.choice([0, 1, 0x80, 0xff, rng.randrange(256)])
    disk.write_bytes(data)
    survives(disk, f"seed {seed}")


@pytest.mark.parametrize("value", [0, 1, 0x7fffffff, 0xffffffff, 0x8000000000000000, 0xffffffffffffffff])
@pytest.mark.parametrize("field", FIELDS)
def test_wrong_header_field(field, value, disk):
    offset, fmt = FIELDS[field]
    if fmt == ">I" and value > 0xffffffff:
        pytest.skip("does not fit the field")
    data = bytearray(disk.read_bytes())
    struct.pack_into(fmt, data, offset, value)
    disk.write_bytes(data)
    survives(disk, f"{field} = {value:#x}")


@pytest.mark.parametrize("length", [0, 1, 71, 72, 103, 104, 111, 65536, 65537, 262144])
def test_truncated(length, disk):
    disk.write_bytes(disk.read_bytes()[:length])
    survives(disk, f"{length} bytes")


def test_backing_file_that_is_itself(disk):
    rt.qemu_img("rebase", "-u", "-b", disk, "-F", "qcow2", disk)
    r = COMMANDS["read"](disk)
    assert r.returncode == 1 and r.stderr.strip()
