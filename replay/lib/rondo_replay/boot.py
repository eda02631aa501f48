# SPDX-License-Identifier: GPL-2.0-or-later
"""Recording and replaying the boot of a real kernel with a disk load: 2 vCPUs, an iothread, virtio-blk, ext4.

A trace of a boot is a trace like any other, and comments tell the SHA-256 of what the guest said on its serial port and
of the disk it left, so that a replay on another day can be held against the recording; and those of the kernel and all
else that the guest started from, so that a replay with another one says so instead of "different".
"""
import hashlib
import json
import re
import resource
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

from . import sim
from .bugs import Problem

TASK = """\
mke2fs -q /dev/vda >/dev/null 2>&1
mount -t ext4 /dev/vda /mnt
( i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done ) &
dd if=/dev/urandom of=/mnt/file bs=64k count=64 2>/dev/null
sha256sum /mnt/file
sync
umount /mnt
wait
nproc
echo BOOT-TASK-DONE
"""
MACHINE = ["-m", "256", "-smp", "2", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "file:serial.txt",
           "-object", "iothread,id=io0", "-drive", "if=none,id=d0,file=disk.qcow2,format=qcow2",
           "-device", "virtio-blk-pci,drive=d0,iothread=io0", "-kernel", "vmlinuz", "-initrd", "initrd.gz",
           "-append", "console=ttyS0"]
FIRMWARE = Path("/usr/share/seabios/bios-256k.bin")
INPUTS = ("vmlinuz", "initrd.gz", "disk.qcow2")
CHECKPOINTS = 64        # along a boot, for a debugger
COMPARED = ("outcome", "steps", "digest", "console", "disk")


@contextmanager
def scratch():
    """A folder with the kernel, an initramfs with the task, and an empty disk."""
    from rondo_iotests.systems import kernel, make_initramfs
    k = kernel()
    initrd = make_initramfs(k, files={"task": (TASK.encode(), 0o644)})
    with tempfile.TemporaryDirectory(prefix="rondo-boot-") as name:
        folder = Path(name)
        shutil.copy(k.image, folder / "vmlinuz")
        shutil.copy(initrd, folder / "initrd.gz")
        sim.Env(folder).img("create", "-q", "-f", "qcow2", "disk.qcow2", "64M")
        yield folder


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def cpu_seconds():
    """Of the children that have ended: what a run costs, however busy the machine is."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(folder, options, words=(), timeout=600):
    """One run of rondo-sim. Returns its report with "console", "disk" (hashes of what it left), "seconds" of CPU."""
    result, images = folder / "result.json", folder / "left"
    result.unlink(missing_ok=True)
    shutil.rmtree(images, ignore_errors=True)
    images.mkdir()
    cmd = [str(sim.program("rondo-sim")), "--result", str(result), "--images", str(images), *options, "--", *words]
    before = cpu_seconds()
    try:
        done = subprocess.run(cmd, cwd=folder, capture_output=True, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Problem(f"the boot did not end within {timeout} s") from None
    seconds = cpu_seconds() - before
    if not result.exists():
        raise Problem(f"rondo-sim left no result (status {done.returncode}):\n{done.stderr[-4000:]}")
    report = json.loads(result.read_text())
    console = images / "serial.txt"
    if report["outcome"] != "exit" or b"BOOT-TASK-DONE" not in console.read_bytes():
        raise Problem(f"the guest did not do its task: {report['text']}\n{console.read_text(errors='replace')[-2000:]}")
    report.update(console=sha256(console), disk=sha256(images / "disk.qcow2"), seconds=seconds)
    return report


def inputs(folder):
    """The SHA-256 of everything that the guest starts from, by name."""
    found = {name: sha256(folder / name) for name in INPUTS}
    return {**found, FIRMWARE.name: sha256(FIRMWARE)} if FIRMWARE.exists() else found


def check_inputs(trace, folder):
    """Problem if the guest would not start from what was recorded."""
    here = inputs(folder)
    for name, want in re.findall(r"^# input (\S+) (\S+)$", Path(trace).read_text(encoding="utf-8"), re.MULTILINE):
        if here.get(name) != want:
            raise Problem(f"{trace} was recorded with another {name}: its SHA-256 was {want}, here it is "
                          f"{here.get(name, 'missing')}. Install the package that was used then, or record the boot "
                          "again: replay/boot --record TRACE")


def unrecorded(folder):
    """The same machine without a recording."""
    return run(folder, ["--no-record"], MACHINE)


def record(folder, trace):
    report = run(folder, ["--record", str(trace), "--scenario", "boot"], MACHINE)
    with open(trace, "a", encoding="ascii") as f:
        f.write(f"# steps {report['steps']}\n# console {report['console']}\n# disk {report['disk']}\n"
                + "".join(f"# input {name} {digest}\n" for name, digest in inputs(folder).items()) +
                f"expect exit\ndigest any {report['digest']}\n")
    return report


def recorded(trace):
    """What a trace says of the run it was made from, like a report."""
    text = Path(trace).read_text(encoding="utf-8")
    found = {k: re.search(rf"^{p} (\S+)$", text, re.MULTILINE) for k, p in (
        ("outcome", "expect"), ("steps", "# steps"), ("digest", "digest any"), ("console", "# console"),
        ("disk", "# disk"))}
    if not all(found.values()):
        raise Problem(f"{trace} is not the trace of a boot; make one by: replay/boot --record TRACE")
    values = {k: m[1] for k, m in found.items()}
    values["steps"] = int(values["steps"])
    return values


def with_back_end(folder, trace, accel):
    """A copy of @trace in @folder whose guest's code is translated (tcg) or interpreted (soft)."""
    text = Path(trace).read_text(encoding="utf-8")
    copy = folder / "replayed.trace"
    copy.write_text(text.replace("\nmachine ", f"\nmachine -accel {accel} ", 1), encoding="utf-8")
    return copy


def replay(folder, trace, accel="tcg"):
    check_inputs(trace, folder)
    return run(folder, ["--replay", str(with_back_end(folder, trace, accel))])


def differences(want, got):
    return [f"{k} is {got[k]}, recorded was {want[k]}" for k in COMPARED if got[k] != want[k]]
