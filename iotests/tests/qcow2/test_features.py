# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: every feature of qcow2 that we write passes QEMU's check and reads the same there; what QEMU writes, we read.

Method: the same steps for each image layout, one tool checking the other after every step.
"""

import json

import pytest

import rondo_iotests as rt

MiB = 1 << 20
LAYOUTS = ["cluster_size=64k", "cluster_size=512", "cluster_size=2M", "compat=0.10", "refcount_bits=64",
           "refcount_bits=4", "refcount_bits=8,cluster_size=4k"]


@pytest.fixture(autouse=True)
def tools(requires):
    requires.peer("qemu-img")
    requires.peer("qemu-io")
    requires.program("rondo-img")
    requires.program("rondo-io")


def io(path, *commands, fmt="qcow2", tool=rt.rondo_io):
    """Run commands; a request that fails or a pattern that is not there fails the test."""
    args = [a for c in commands for a in ("-c", c)]
    r = tool("-f", fmt, *args, path, check=False)
    assert r.returncode == 0 and "failed" not in r.stdout, f"{commands}: {r.stdout}{r.stderr}"
    return r.stdout


def check(path):
    rt.check_image(path, by=rt.qemu_img)
    rt.check_image(path, by=rt.rondo_img)


def flat(path, out, fmt="qcow2", by=rt.qemu_img, *args):
    by("convert", "-f", fmt, "-O", "raw", *args, path, out)
    return out.read_bytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_internal_snapshots(layout, image, tmp_path):
    disk = image("disk", "8M", by=rt.rondo_img, options=layout)
    io(disk, "write -P 1 0 1M", "write -P 2 5M 200k")
    one = flat(disk, tmp_path / "one")
    rt.rondo_img("snapshot", "-c", "one", disk)
    check(disk)
    io(disk, "write -P 3 100k 64k", "write -P 3 6M 64k", "discard 0 128k", "write -z -u 512k 100k")
    check(disk)
    two = flat(disk, tmp_path / "two")
    rt.rondo_img("snapshot", "-c", "two", disk)
    io(disk, "write -P 4 0 8M")
    check(disk)
    for name, data in (("one", one), ("two", two), ("one", one)):
        rt.rondo_img("snapshot", "-a", name, disk)
        check(disk)
        assert flat(disk, tmp_path / "now") == data
    assert rt.qemu_img("snapshot", "-l", disk).stdout == rt.rondo_img("snapshot", "-l", disk).stdout
    assert flat(disk, tmp_path / "old", "qcow2", rt.rondo_img, "-l", "two") == two
    for name in ("one", "two"):
        rt.rondo_img("snapshot", "-d", name, disk)
        check(disk)
    assert flat(disk, tmp_path / "now") == one
    assert rt.rondo_img("snapshot", "-l", disk).stdout == ""


@pytest.mark.parametrize("layout", LAYOUTS)
def test_snapshots_that_qemu_made(layout, image, tmp_path):
    disk = image("disk", "8M", options=layout)
    io(disk, "write -P 1 0 1M", tool=rt.qemu_io)
    rt.qemu_img("snapshot", "-c", "a", disk)
    a = flat(disk, tmp_path / "a")
    io(disk, "write -P 2 0 100k", "write -z 300k 200k", tool=rt.qemu_io)
    rt.qemu_img("snapshot", "-c", "b", disk)
    rt.rondo_img("snapshot", "-a", "a", disk)
    check(disk)
    assert flat(disk, tmp_path / "now", by=rt.rondo_img) == a
    rt.rondo_img("snapshot", "-d", "b", disk)
    rt.rondo_img("snapshot", "-d", "a", disk)
    check(disk)


def test_a_snapshot_that_would_overflow_refcounts_leaves_the_image_whole(image):
    disk = image("disk", "8M", by=rt.rondo_img, options="refcount_bits=1")
    io(disk, "write -P 1 0 1M")
    r = rt.rondo_img("snapshot", "-c", "one", disk, check=False)
    assert r.returncode == 1 and "Invalid argument" in r.stderr
    report = json.loads(rt.qemu_img("check", "--output=json", disk, check=False).stdout)
    assert not report.get("corruptions"), report
    io(disk, "read -P 1 0 1M")


@pytest.mark.parametrize("codec", ["zlib", "zstd"])
@pytest.mark.parametrize("cluster", ["4k", "64k", "2M"])
@pytest.mark.parametrize("maker", ["qemu", "rondo"])
def test_compressed_clusters(maker, cluster, codec, tmp_path):
    plain = tmp_path / "plain"
    data = bytes(range(256)) * 8192 + bytes(MiB) + bytes((i * i * 31 + i // 7) % 251 for i in range(MiB))
    plain.write_bytes(data)
    disk = tmp_path / "z.qcow2"
    by = rt.qemu_img if maker == "qemu" else rt.rondo_img
    by("convert", "-c", "-f", "raw", "-O", "qcow2", "-o", f"compression_type={codec},cluster_size={cluster}",
       plain, disk)
    check(disk)
    assert json.loads(rt.qemu_img("check", "--output=json", disk).stdout)["compressed-clusters"] > 0
    for reader in (rt.qemu_img, rt.rondo_img):
        assert flat(disk, tmp_path / "out", by=reader) == data
    rt.rondo_img("snapshot", "-c", "s", disk)
    io(disk, "write -P 8 10k 100k")
    check(disk)
    assert flat(disk, tmp_path / "out") == data[:10240] + b"\x08" * 102400 + data[112640:]
    rt.rondo_img("snapshot", "-a", "s", disk)
    rt.rondo_img("snapshot", "-d", "s", disk)
    check(disk)
    assert flat(disk, tmp_path / "out") == data


@pytest.mark.parametrize("mode", ["off", "metadata", "falloc", "full"])
@pytest.mark.parametrize("layout", ["cluster_size=64k", "compat=0.10", "cluster_size=1k"])
def test_preallocation_and_resize(layout, mode, image):
    for by in (rt.rondo_img, rt.qemu_img):
        disk = image(f"disk-{by.__name__}", "5M", by=by, options=f"{layout},preallocation={mode}")
        check(disk)
        io(disk, "write -P 1 1M 1M", "read -P 0 0 1M", "read -P 0 2M 3M")
        check(disk)
        rt.rondo_img("resize", "-q", disk, "+20M")
        rt.rondo_img("resize", "-q", f"--preallocation={mode}", disk, "40M")
        check(disk)
        io(disk, "write -P 1 30M 1M", "read -P 0 2M 28M", "read -P 0 31M 9M")
        rt.rondo_img("resize", "-q", "--shrink", disk, "7M")
        check(disk)
        rt.rondo_img("resize", "-q", disk, "40M")
        io(disk, "read -P 1 1M 1M", "read -P 0 2M 38M")
        check(disk)


def test_backing_chain(tmp_path, image):
    base = tmp_path / "base.raw"
    base.write_bytes(b"\x11" * (4 * MiB))
    middle, top = tmp_path / "middle.qcow2", tmp_path / "top.qcow2"
    rt.rondo_img("create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", middle)
    rt.rondo_img("create", "-q", "-f", "qcow2", "-b", "middle.qcow2", "-F", "qcow2", top, "20M")
    io(top, "write -P 4 7M 2M", "write -z 1M 100k", "write -z -u 64k 64k", "discard 2M 64k")
    check(top)
    io(top, "read -P 4 7M 2M", "read -P 0 1M 100k", "read -P 0 64k 64k", "read -P 0 2M 64k", "read -P 17 0 64k",
       "read -P 0 4M 3M", "read -P 0 9M 11M")
    assert flat(top, tmp_path / "a") == flat(top, tmp_path / "b", by=rt.rondo_img)
    for output in ("json", "human"):
        assert (rt.rondo_img("map", f"--output={output}", top).stdout
                == rt.qemu_img("map", f"--output={output}", top).stdout)
    ours, theirs = (json.loads(by("info", "--backing-chain", "--output=json", top).stdout)
                    for by in (rt.rondo_img, rt.qemu_img))
    assert [i["filename"] for i in ours] == [i["filename"] for i in theirs]


def test_vm_state_area(image):
    disk = image("disk", "64M", by=rt.rondo_img)
    io(disk, "write -b -P 5 0 1M", "read -b -P 5 0 1M", "read -P 0 0 64M")
    check(disk)
    io(disk, "read -b -P 5 0 1M", tool=rt.qemu_io)
    rt.rondo_img("snapshot", "-c", "vm", disk)
    check(disk)


def test_lazy_refcounts_after_a_crash(image):
    disk = image("disk", "64M", by=rt.rondo_img, options="lazy_refcounts=on")
    io(disk, "write -P 1 0 5M")
    check(disk)
    rt.qemu_io("-f", "qcow2", "-c", "write -P 2 5M 5M", "-c", "abort", disk, check=False)
    io(disk, "write -P 3 11M 1M", "read -P 1 0 5M", "read -P 2 5M 5M")
    check(disk)


@pytest.mark.parametrize("event", ["cluster_alloc", "l2_update", "l2_alloc_write", "refblock_alloc_write", "write_aio",
                                   "cow_write", "l1_update", "refblock_alloc_hookup", "l2_load", "cow_read"])
@pytest.mark.parametrize("errno", [5, 28])
def test_errors_from_below_leave_no_corruption(event, errno, image, tmp_path):
    disk = image("disk", "64M", by=rt.rondo_img, options="cluster_size=512")
    io(disk, "write -P 1 0 300k")
    rt.rondo_img("snapshot", "-c", "s", disk)
    blkdebug = json.dumps({"driver": "qcow2", "file": {
        "driver": "blkdebug", "image": {"driver": "file", "filename": str(disk)},
        "inject-error": [{"event": event, "errno": errno, "immediately": False, "once": True}]}})
    args = [a for c in ("write -P 2 1k 3k", "write -P 2 20M 256k", "flush", "write -P 2 40M 1k", "flush")
            for a in ("-c", c)]
    r = rt.rondo_io(*args, f"json:{blkdebug}", check=False)
    assert r.stdout.count("wrote") + r.stdout.count("failed") >= 3, r.stdout + r.stderr
    report = json.loads(rt.qemu_img("check", "--output=json", disk, check=False).stdout)
    assert not report.get("corruptions") and not report["check-errors"], report
    io(disk, "read -P 1 100k 200k", "read -P 0 50M 1M")


def test_unsupported_features_are_named(image):
    disk = image("disk", "1M", options="extended_l2=on")
    r = rt.rondo_img("info", disk, check=False)
    assert r.returncode == 1 and "Unsupported qcow2 feature(s): extended L2 entries" in r.stderr


def test_check_repairs_what_check_finds(image):
    disk = image("disk", "4M", by=rt.rondo_img)
    io(disk, "write -P 1 0 1M")
    data = bytearray(disk.read_bytes())
    block = int.from_bytes(data[0x10000:0x10008], "big")
    data[block + 10:block + 14] = b"\0\0\0\0"
    data[block + 100:block + 102] = b"\0\1"
    disk.write_bytes(data)
    r = rt.rondo_img("check", disk, check=False)
    assert r.returncode == 2 and "ERROR cluster 5 refcount=0 reference=1" in r.stderr
    r = rt.rondo_img("check", "-r", "all", disk, check=False)
    assert r.returncode == 0 and "The following inconsistencies were found and repaired" in r.stdout
    check(disk)
    io(disk, "read -P 1 0 1M")
