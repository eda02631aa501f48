# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: whoever knows qemu-img and qemu-io finds the same options, exit statuses and output here.

Method: the same command line for both; the same status, and the same text where people and scripts read it.
"""

import json
import re

import pytest

import rondo_iotests as rt

MiB = 1 << 20
OURS = ["bench", "check", "compare", "convert", "create", "info", "map", "rebase", "resize", "snapshot"]


@pytest.fixture(autouse=True)
def tools(requires):
    requires.peer("qemu-img")
    requires.peer("qemu-io")
    requires.program("rondo-img")
    requires.program("rondo-io")


def both(*args, tool=("rondo_img", "qemu_img")):
    """(status, stdout, stderr) of ours and of theirs, with the program's name made the same."""
    results = []
    for name in tool:
        r = getattr(rt, name)(*args, check=False)
        text = [re.sub(r"rondo-(img|io)", r"qemu-\1", t) for t in (r.stdout, r.stderr)]
        results.append((r.returncode, text[0], text[1].rstrip()))
    return results


def same(*args, **kwargs):
    ours, theirs = both(*args, **kwargs)
    assert ours == theirs, f"{args}\nours:   {ours}\ntheirs: {theirs}"
    return ours


@pytest.mark.parametrize("command", OURS)
def test_every_command_explains_itself(command):
    r = rt.rondo_img(command, "--help")
    assert r.stdout.startswith(f"usage: rondo-img {command} ")
    assert command in rt.rondo_img("--help").stdout


@pytest.mark.parametrize("args", [
    ["frobnicate"], ["info", "--frobnicate", "x"], ["info", "-x", "x"], ["check", "-f"], ["info"], ["compare", "x"],
    ["info", "/nonexistent"], ["create", "-f", "qcow2", "x"], ["create", "-f", "nope", "x", "1M"],
    ["create", "-f", "qcow2", "x", "1x"], ["create", "-f", "qcow2", "x", "8E"], ["create", "-f", "raw", "x", "100E"],
    ["bench"], ["map"], ["check", "-r", "some", "x"], ["info", "json:{bad"], ["info", "json:{'driver':'nosuch'}"],
    ["info", "json:{'driver':'qcow2','file':{'driver':'file','filename':'nosuch.qcow2'}}"], ["snapshot", "x"],
    ["create", "-q", "-f", "raw", "y", "7E"], ["create", "-q", "-f", "qcow2", "y", "7E"],
    ["snapshot", "-c", "one", "raw"], ["resize", "raw", "2M"]], ids=" ".join)
def test_mistakes_get_the_same_answer(args, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rt.qemu_img("create", "-q", "-f", "qcow2", "x", "1M")
    (tmp_path / "raw").write_bytes(bytes(MiB))
    same(*args)


@pytest.mark.parametrize("options", [
    "foo=1", "cluster_size=1000", "cluster_size=4M", "refcount_bits=3", "refcount_bits=128", "compat=2.0",
    "compat=0.10,lazy_refcounts=on", "compat=0.10,refcount_bits=8", "preallocation=some", "compression_type=lzma"])
def test_bad_creation_options(options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ours, theirs = both("create", "-q", "-f", "qcow2", "-o", options, "x", "1M")
    assert ours[0] == theirs[0] == 1
    assert ours[2].startswith("qemu-img: x: ")


@pytest.mark.parametrize("args", [
    ["-f", "raw", "a", "1M"], ["-f", "qcow2", "a", "1M"],
    ["-f", "qcow2", "-o", "cluster_size=4k,compat=0.10", "a", "1.5G"],
    ["-f", "qcow2", "-o", "preallocation=metadata", "a", "3M"], ["-f", "qcow2", "-b", "base", "-F", "raw", "a"],
    ["-f", "qcow2", "-b", "base", "a"], ["-f", "qcow2", "-u", "-b", "gone", "-F", "raw", "a", "1M"],
    ["-f", "qcow2", "-b", "gone", "-F", "raw", "a", "1M"]], ids=" ".join)
def test_create(args, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rt.qemu_img("create", "-q", "-f", "raw", "base", "2M")
    same("create", *args)


def test_option_help_names_what_we_support():
    help_lines = rt.rondo_img("create", "-f", "qcow2", "-o", "help").stdout.splitlines()
    names = [line.split("=")[0].strip() for line in help_lines if "=" in line]
    theirs = rt.qemu_img("create", "-f", "qcow2", "-o", "help").stdout
    assert names and all(f"  {n}=" in theirs for n in names)


@pytest.fixture
def disk(image):
    path = image("disk", "4M")
    rt.qemu_io("-f", "qcow2", "-c", "write -P 1 0 64k", "-c", "write -P 2 3M 128k", "-c", "write -z 1M 1M", path)
    rt.qemu_img("snapshot", "-c", "one", path)
    rt.qemu_io("-f", "qcow2", "-c", "write -P 3 0 64k", path)
    return path


@pytest.mark.parametrize("args", [
    ["info"], ["info", "--backing-chain"], ["check"], ["map"], ["map", "--output=json"], ["snapshot", "-l"],
    ["map", "--output=json", "--start-offset=64k", "--max-length=1M"], ["check", "-f", "raw"],
    ["snapshot"], ["snapshot", "-a", "none"], ["snapshot", "-d", "none"], ["snapshot", "-a", "one", "-d", "one"]],
    ids=" ".join)
def test_questions_get_the_same_answer(args, disk):
    same(*args, disk)


@pytest.mark.parametrize("args", [["info"], ["info", "--backing-chain"], ["check"]], ids=" ".join)
def test_json_says_the_same(args, disk):
    ours, theirs = (json.loads(r[1]) for r in both(*args, "--output=json", disk))
    assert ours == theirs


def test_compare_statuses(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(bytes(MiB))
    b.write_bytes(bytes(2 * MiB))
    assert same("compare", "-f", "raw", "-F", "raw", a, b)[0] == 0
    assert same("compare", "-s", "-f", "raw", "-F", "raw", a, b)[0] == 1
    b.write_bytes(bytes(MiB // 2) + b"x" + bytes(MiB // 2 - 1))
    assert same("compare", "-f", "raw", "-F", "raw", a, b)[0] == 1
    b.write_bytes(bytes(MiB) + b"x" + bytes(MiB - 1))
    assert same("compare", "-f", "raw", "-F", "raw", a, b)[0] == 1
    assert same("compare", "-f", "raw", "-F", "raw", a, tmp_path / "none")[0] == 2


def test_resize(disk):
    assert same("resize", disk, "1M")[0] == 1
    rt.rondo_img("resize", disk, "+1M")
    assert json.loads(rt.qemu_img("info", "--output=json", disk).stdout)["virtual-size"] == 5 * MiB
    rt.rondo_img("resize", "--shrink", disk, "-3M")
    assert json.loads(rt.qemu_img("info", "--output=json", disk).stdout)["virtual-size"] == 2 * MiB


def test_rebase_unsafe(disk, tmp_path):
    (tmp_path / "new.raw").write_bytes(bytes(4 * MiB))
    rt.rondo_img("rebase", "-u", "-b", "new.raw", "-F", "raw", disk)
    info = json.loads(rt.qemu_img("info", "--output=json", disk).stdout)
    assert info["backing-filename"] == "new.raw" and info["backing-filename-format"] == "raw"
    rt.rondo_img("rebase", "-u", "-b", "", disk)
    assert "backing-filename" not in json.loads(rt.qemu_img("info", "--output=json", disk).stdout)


@pytest.mark.parametrize("args", [
    [], ["-m", "1"], ["-W"], ["-S", "0"], ["-S", "64k"], ["-c"], ["-t", "none", "-T", "none"],
    ["-o", "cluster_size=4k"], ["-p"]], ids=lambda a: " ".join(a) or "plain")
def test_convert(args, disk, tmp_path):
    out = tmp_path / "out.qcow2"
    r = rt.rondo_img("convert", "-O", "qcow2", *args, disk, out)
    rt.compare(disk, out)
    rt.check_image(out)
    if "-p" in args:
        assert "(0.00/100%)" in r.stdout and r.stdout.endswith("(100.00/100%)\n")


def test_convert_into_an_existing_image(disk, tmp_path):
    out = tmp_path / "out.raw"
    out.write_bytes(b"\xff" * (4 * MiB))
    rt.rondo_img("convert", "-n", "-O", "raw", disk, out)
    rt.compare(disk, out, fmt_b="raw")


def test_bench_counts(tmp_path):
    disk = tmp_path / "d"
    disk.write_bytes(bytes(4 * MiB))
    for args in (["-c", "100"], ["-c", "50", "-d", "4", "-s", "8k", "-w"],
                 ["-c", "64", "-d", "8", "--flush-interval=8", "-w"],
                 ["-c", "64", "-d", "8", "--flush-interval=8", "--no-drain", "-w", "--pattern=7"]):
        ours, theirs = both("bench", "-f", "raw", *args, disk)
        assert ours[0] == 0 and ours[1].splitlines()[:-1] == theirs[1].splitlines()[:-1]
        assert re.fullmatch(r"Run completed in \d+\.\d{3} seconds\.", ours[1].splitlines()[-1])
    # The peer never returns from this one.
    r = rt.rondo_img("bench", "-f", "raw", "-d", "0", disk, check=False)
    assert r.returncode == 1 and "Must be between 1 and" in r.stderr


def filtered(text):
    text = re.sub(r"[0-9.]+ (bytes|[KMGT]iB), 1 ops; .*", "STATS", text)
    return text


@pytest.mark.parametrize("commands", [
    ["read 0 64k", "read -P 1 0 64k", "read -P 3 0 64k"], ["length", "info", "map", "alloc 0 1M", "alloc 0"],
    ["write -P 5 100k 3k", "read -v 100k 32", "flush"], ["writev -P 6 0 512 512 1k", "readv -P 6 0 1k 1k"],
    ["aio_write -P 7 0 4k 4k", "aio_flush", "aio_read -P 7 0 8k", "aio_flush"],
    ["discard 64k 128k", "read -P 0 64k 128k"],
    ["write -z 0 64k", "write -z -u 64k 64k", "read -P 0 0 128k"], ["truncate 8M", "length"], ["read 100M 512"],
    ["write -P 300 0 512"], ["read 0 1T"], ["write -n 0 512"], ["write -z -P 1 0 512"],
    ["read -P 3 -s 512 -l 512 0 4k"],
    ["read -q 0 512"], ["nonsense"], ["read 0"], ["flush now"], ["write x 512"], ["help flush"],
    ["write -b 0 64k", "read -b 0 64k"], ["write -q 0", "write 0 1k 1k", "discard -q 0"]],
    ids="; ".join)
def test_io_commands(commands, disk, tmp_path):
    copy = tmp_path / "copy.qcow2"
    results = []
    for tool in ("rondo_io", "qemu_io"):
        copy.write_bytes(disk.read_bytes())
        args = [a for c in commands for a in ("-c", c)]
        r = getattr(rt, tool)("-f", "qcow2", *args, copy, check=False)
        results.append((r.returncode, filtered(r.stdout), re.sub("rondo-io", "qemu-io", r.stderr)))
    assert results[0] == results[1]


@pytest.mark.parametrize("command", ["write 0 512", "aio_write 0 512", "discard 0 64k", "truncate 1M"])
def test_io_on_a_read_only_image(command, disk):
    same("-r", "-f", "qcow2", "-c", "read -q 0 512", "-c", command, disk, tool=("rondo_io", "qemu_io"))


def test_io_json_name_in_single_quotes(disk):
    name = f"json:{{'driver':'qcow2','file':{{'driver':'blkdebug','image':{{'driver':'file','filename':'{disk}'}}}}}}"
    commands = ["break write_aio A", "aio_write -q 0 1k", "wait_break A", "resume A", "aio_flush"]
    ours, theirs = both(*(a for c in commands for a in ("-c", c)), name, tool=("rondo_io", "qemu_io"))
    assert ours[0] == theirs[0] == 0 and ours[2] == theirs[2] == ""


def test_guessed_raw_image_stays_raw(tmp_path):
    """A guest could write a qcow2 header with any file of the host as its backing file, and be shut down."""
    disk, header = tmp_path / "disk", tmp_path / "header"
    header.write_bytes(b"QFI\xfb\0\0\0\3".ljust(512, b"\0"))
    commands = ["write -P 7 0 512", "write -P 8 100 50", f"write -s {header} 0 512", f"write -s {header} 0 1k",
                "write -P 81 0 1", f"write -s {header} 0 8", "writev -P 9 0 100 412 512", "write -P 1 510 4",
                "read -P 1 510 4", "write -z 0 512", "length"]
    for size in (MiB, 1000):
        results = []
        for tool in ("rondo_io", "qemu_io"):
            disk.write_bytes(bytes(size))
            r = getattr(rt, tool)(*(a for c in commands for a in ("-c", c)), disk, check=False)
            results.append((r.returncode, filtered(r.stdout), r.stderr, disk.read_bytes()))
        assert results[0] == results[1]
        assert "Operation not permitted" in results[0][1] + results[0][2]


def test_io_prompt(disk):
    r = rt.rondo_io("-f", "qcow2", disk, stdin="length\nread -q 0 512\nquit\n")
    assert "4 MiB" in r.stdout and r.returncode == 0
