# SPDX-License-Identifier: GPL-2.0-or-later
"""OVMF boots for the first time, and one snapshot-save comes while it fills its variable store."""

FOLDER = "/usr/share/OVMF"
PACKAGE = "ovmf=2022.11-6+deb12u2"
CODE = ("OVMF_CODE_4M.fd", "b157d97b1f69729514feb7f201d2cbe4957f23ab77920e361fe9f822ba49ca4c")
VARS = ("OVMF_VARS_4M.fd", "5d2ac383371b408398accee7ec27c8c09ea5b74a0de0ceea6513388b15be5d1e")

MACHINE = [
    "-machine", "pc,pflash0=code,pflash1=vars", "-m", "64", "-nodefaults", "-display", "none",
    "-blockdev", f"driver=raw,node-name=code,read-only=on,file.driver=file,file.filename={CODE[0]}",
    "-blockdev", "driver=qcow2,node-name=vars,file.driver=file,file.filename=vars.qcow2",
    "-serial", "unix:serial.sock,server=on,wait=off", "-qmp", "unix:qmp.sock,server=on,wait=off", "-S",
]

# What the firmware's terminal sends when it is started, and once more when it becomes the console.
CLEARED = b"\x1b[2J\x1b[01;01H\x1b[=3h\x1b[2J\x1b[01;01H" * 2


def prepare(env):
    env.firmware(f"{FOLDER}/{CODE[0]}", CODE[1], PACKAGE)
    env.img("convert", "-O", "qcow2", env.firmware(f"{FOLDER}/{VARS[0]}", VARS[1], PACKAGE), "vars.qcow2")


def client(vm):
    vm.qmp("cont")
    vm.wait_output("serial.sock", "serial0#1", CLEARED)
    for command in ("query-version", "query-status", "query-cpus-fast", "query-chardev", "query-block",
                    "query-named-block-nodes", "query-block-jobs", "query-jobs"):
        vm.qmp(command)
    vm.qmp("snapshot-save", job_id="save0", tag="snap0", vmstate="vars", devices=["vars"])
    vm.wait_event("JOB_STATUS_CHANGE", id="save0", status="concluded")
    vm.qmp("job-dismiss", id="save0")
    vm.qmp_start("quit")
