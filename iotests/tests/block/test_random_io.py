# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: whatever rondo-io does to an image, QEMU's tools read back the same bytes from a consistent image, and the
other way round.

Method: random requests from a printed seed, applied by one tool and to a model in memory; then the other tool checks
the image and reads it all. RONDO_SEED repeats a run.
"""

import os
import random
import shutil

import pytest

import rondo_iotests as rt

SIZE = 4 << 20
REQUESTS = 60
WRITERS = {"rondo-io": rt.rondo_io, "qemu-io": lambda *a, **k: rt.tool(shutil.which("qemu-io"), *a, **k)}
LAYOUTS = {
    "raw": ("raw", None),
    "qcow2": ("qcow2", None),
    "qcow2-4k": ("qcow2", "cluster_size=4096"),
    "qcow2-2m": ("qcow2", "cluster_size=2M"),
    "qcow2-refcount1": ("qcow2", "refcount_bits=1"),
    "qcow2-refcount64": ("qcow2", "refcount_bits=64"),
    "qcow2-v2": ("qcow2", "compat=0.10"),
    "qcow2-lazy": ("qcow2", "lazy_refcounts=on"),
}
SEEDS = [int(os.environ["RONDO_SEED"])] if "RONDO_SEED" in os.environ else [1, 2]


def requests(seed, unaligned):
    """(command for the tool, function on the model) pairs."""
    rng = random.Random(seed)
    unit = 1 if unaligned else 512
    for _ in range(REQUESTS):
        length = min(rng.choice([512, 4096, 65536, 300000]), SIZE) // unit * unit
        length = max(rng.randrange(1, length + 1) // unit * unit, unit)
        offset = rng.randrange(0, SIZE - length + 1) // unit * unit
        kind = rng.choice(["write", "write", "write", "zero", "unmap", "discard", "flush", "reread"])
        byte = rng.randrange(1, 256)
        if kind == "write":
            yield f"write -P {byte} {offset} {length}", (offset, bytes([byte]) * length)
        elif kind == "zero":
            yield f"write -z {offset} {length}", (offset, bytes(length))
        elif kind == "unmap":
            yield f"write -z -u {offset} {length}", (offset, bytes(length))
        elif kind == "discard":
            # What a discarded range reads as is the driver's choice: follow it with zeroes to keep the model exact.
            yield f"discard {offset} {length}", None
            yield f"write -z {offset} {length}", (offset, bytes(length))
        elif kind == "flush":
            yield "flush", None
        else:
            yield f"read {offset} {length}", None


def apply_requests(writer, fmt, path, seed, unaligned):
    """Runs them in a few processes, so that the image is opened and closed in between; returns the model."""
    model = bytearray(SIZE)
    batch = []
    todo = list(requests(seed, unaligned))
    for i, (command, effect) in enumerate(todo):
        if effect:
            offset, data = effect
            model[offset:offset + len(data)] = data
        batch += ["-c", command]
        if len(batch) >= 40 or i == len(todo) - 1:
            result = writer("-f", fmt, *batch, path)
            assert "failed" not in result.stdout + result.stderr, result.stdout + result.stderr
            batch = []
    return bytes(model)


def contents(reader, fmt, path, tmp_path):
    flat = tmp_path / "flat"
    reader("convert", "-f", fmt, "-O", "raw", path, flat)
    return flat.read_bytes()


def first_difference(a, b):
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("writer", WRITERS)
def test_both_read_what_one_wrote(writer, layout, seed, image, tmp_path, requires):
    requires.peer("qemu-img")
    requires.program("rondo-img")
    requires.program("rondo-io")
    fmt, options = LAYOUTS[layout]
    disk = image("disk", SIZE, fmt, by=rt.rondo_img if writer == "rondo-io" else rt.qemu_img, options=options)
    model = apply_requests(WRITERS[writer], fmt, disk, seed, unaligned=seed % 2 == 0)
    if fmt == "qcow2":
        rt.check_image(disk, by=rt.qemu_img)
        rt.check_image(disk, by=rt.rondo_img)
    for name, reader in (("qemu-img", rt.qemu_img), ("rondo-img", rt.rondo_img)):
        data = contents(reader, fmt, disk, tmp_path)
        assert data == model, f"{name} reads something else from byte {first_difference(data, model)} on (seed {seed})"


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("writer", WRITERS)
def test_backing_file_shows_through(writer, seed, image, tmp_path, requires):
    requires.peer("qemu-img")
    requires.program("rondo-img")
    base = image("base", SIZE)
    below = apply_requests(WRITERS["qemu-io"], "qcow2", base, seed + 100, unaligned=False)
    top = tmp_path / "top.qcow2"
    make = rt.rondo_img if writer == "rondo-io" else rt.qemu_img
    make("create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", top)
    rng = random.Random(seed)
    model = bytearray(below)
    for _ in range(20):
        offset, length = rng.randrange(0, SIZE - 70000), rng.randrange(1, 70000)
        byte = rng.randrange(256)
        WRITERS[writer]("-f", "qcow2", "-c", f"write -P {byte} {offset} {length}", top)
        model[offset:offset + length] = bytes([byte]) * length
    rt.check_image(top)
    for reader in (rt.qemu_img, rt.rondo_img):
        assert contents(reader, "qcow2", top, tmp_path) == bytes(model)
    assert contents(rt.qemu_img, "qcow2", base, tmp_path) == below, "the backing file was written"
