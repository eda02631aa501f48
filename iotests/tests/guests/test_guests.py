# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: guest programs run to their end on our machine, and see the same machine that they see under a stock QEMU.

Method: each program prints what it found and leaves through the debug exit device, value 0 giving exit status 1. The
selftest prints a hash per group of everything it computed, so equal output means an equal processor.
"""

import pytest

from rondo_iotests.paths import build_dir

PASSED = 1      # value 0 on the debug exit device
DEBUG_EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]


def guest(name):
    return build_dir() / "iotests" / "guests" / f"{name}.bin"


@pytest.fixture(params=["rondo", "qemu"])
def boot(request, vm, requires):
    """Start a guest program; the machine is small, since everything the guests need fits in 4 MiB."""
    def start(name, *args, flash=None):
        firmware = ["-bios", guest(name)]
        if flash:
            firmware = ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={guest(name)}",
                        "-drive", f"if=pflash,unit=1,format=raw,file={flash}"]
        return vm(program=request.param, machine="pc", serial=True, qmp=False,
                  args=["-m", "4", *cpu, *firmware, *DEBUG_EXIT, *args])

    if request.param == "qemu":
        requires.stock_qemu()
        cpu = ["-accel", "tcg", "-cpu", "max"]
    else:
        requires.program("rondo")
        cpu = ["-cpu", "max"]
    return start


def test_hello(boot):
    machine = boot("hello")
    assert machine.wait() == PASSED
    assert machine.serial() == "hello from the guest\n"


def test_selftest(boot, golden):
    machine = boot("selftest")
    assert machine.wait() == PASSED
    golden("selftest", machine.serial())


def test_selftest_of_x87_and_vectors(boot, golden):
    machine = boot("selftest-fpu")
    assert machine.wait() == PASSED
    golden("selftest-fpu", machine.serial())


def test_selftest_of_old_modes(boot, golden):
    machine = boot("selftest-modes")
    assert machine.wait() == PASSED
    golden("selftest-modes", machine.serial())


def test_ways_to_reset(boot, golden):
    machine = boot("reset")
    assert machine.wait() == PASSED
    golden("reset", machine.serial())


def test_no_reboot_ends_at_the_first_reset(boot):
    machine = boot("reset", "-no-reboot")
    assert machine.wait() == 0
    assert machine.serial() == "reset: keyboard controller\n"


def test_virtio_blk(boot, image, golden):
    disk = image("disk", "4M", fmt="raw")
    machine = boot("virtio-blk-rw", "-drive", f"if=none,id=d,format=raw,file={disk}",
                   "-device", "virtio-blk-pci,drive=d")
    assert machine.wait() == PASSED
    golden("virtio-blk-rw", machine.serial())
    assert disk_words(disk, 7) == (7, 0)


def test_virtio_scsi(boot, image, golden):
    disk = image("disk", "4M", fmt="raw")
    machine = boot("virtio-scsi-rw", "-drive", f"if=none,id=d,format=raw,file={disk}", "-device", "virtio-scsi-pci",
                   "-device", "scsi-hd,drive=d")
    assert machine.wait() == PASSED
    golden("virtio-scsi-rw", machine.serial())
    assert disk_words(disk, 200) == (200, 0)


def test_pflash(boot, tmp_path):
    flash = tmp_path / "flash"
    flash.write_bytes(bytes(64 * 1024))
    machine = boot("pflash-writer", flash=flash)
    machine.wait_serial("..")
    machine.kill()      # asked politely, a stock QEMU sometimes hangs in this very load
    data = flash.read_bytes()
    assert data[:-4096] == bytes(60 * 1024), "only the last 4 KiB are the guest's"
    # Programmed bytes are their own offset; the rest of the block is erased, as is what the last pass did not reach.
    written = bytes(i & 0xff for i in range(4096))
    assert all(b in (w, 0xff) for b, w in zip(data[-4096:], written))


def disk_words(path, chunk):
    """The chunk number and offset that the guests put into the first word of a 4 KiB chunk."""
    with open(path, "rb") as f:
        f.seek(chunk * 4096)
        word = int.from_bytes(f.read(8), "little")
    return word >> 32, word & 0xffffffff
