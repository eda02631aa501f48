# SPDX-License-Identifier: GPL-2.0-or-later
"""The power fails at a step: what had been flushed is on the disk, and a qcow2 image is never corrupt.

A guest writes, flushes and reads back through virtio-blk; the run is ended at steps spread over its whole length,
and the peer's qemu-img judges the image that each leaves behind."""

import json

import pytest
import rondo_iotests as rt

POINTS = 12


def machine(folder, bus_options=""):
    return ["-machine", "pc", "-m", "4", "-nodefaults", "-display", "none", "-serial", "stdio",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-bios", rt.binary("virtio-blk-rw.bin"),
            "-drive", f"if=none,id=d0,format=qcow2,file={folder / 'd.qcow2'}",
            "-device", f"virtio-blk-pci,drive=d0{bus_options}"]


def run(sim, out, *options):
    out.mkdir(exist_ok=True)
    result = sim.folder / "result.json"
    cmd = [str(rt.binary("rondo-sim")), "--images", str(out), "--result", str(result), *map(str, options), "--",
           *map(str, machine(sim.folder))]
    done = rt.tool(*cmd, check=False, stdin="")
    return done, json.loads(result.read_text())


@pytest.fixture
def disk(sim, requires):
    requires.peer("qemu-img")
    return rt.create(sim.folder / "d.qcow2", "16M")


def test_power_failure_never_corrupts_a_qcow2_image(sim, disk, tmp_path):
    done, report = run(sim, tmp_path / "whole")
    assert "verified" in done.stdout, done.stdout + done.stderr
    rt.check_image(tmp_path / "whole" / "d.qcow2")
    compared = rt.qemu_img("compare", disk, tmp_path / "whole" / "d.qcow2", check=False)
    assert compared.returncode == 1, "nothing was written"
    for i in range(1, POINTS + 1):
        step = report["steps"] * i // (POINTS + 1)
        out = tmp_path / f"at{i}"
        run(sim, out, "--power-fails", "--end-at", step)
        checked = rt.qemu_img("check", "--output=json", out / "d.qcow2", check=False)
        found = json.loads(checked.stdout)
        assert not found.get("corruptions") and not found.get("check-errors"), f"step {step}: {checked.stdout}"


def test_unflushed_writes_are_lost_and_flushed_ones_are_kept(sim, disk, tmp_path):
    """The same step with and without the failure: only the overlay's unflushed part differs."""
    _, report = run(sim, tmp_path / "whole")
    differs = 0
    for i in range(1, POINTS + 1):
        step = report["steps"] * i // (POINTS + 1)
        kept, lost = tmp_path / f"kept{i}", tmp_path / f"lost{i}"
        run(sim, kept, "--end-at", step)
        run(sim, lost, "--power-fails", "--end-at", step)
        differs += (kept / "d.qcow2").read_bytes() != (lost / "d.qcow2").read_bytes()
    assert differs, "every step had everything flushed: the overlay does not tell written from flushed"


def test_image_itself_is_left_alone(sim, disk, tmp_path):
    before = disk.read_bytes()
    run(sim, tmp_path / "whole")
    assert disk.read_bytes() == before
