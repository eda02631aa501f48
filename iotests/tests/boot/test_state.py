# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: a running Linux with disk and network load survives being saved, loaded and moved, and so does its file system.

Method: the guest writes files with their checksums to ext4 and fetches from the host, for ever; in the midst of it the
machine is saved, loaded or migrated; then the load ends, every file is compared with its checksum, and e2fsck looks at
the disk from outside.
"""

import socketserver
import threading

import pytest

from rondo_iotests.images import check_image, create, qemu_img, tool

# A connection of before a load or a migration is dead without a word, so each fetch has a time limit.
LOAD = """\
ifconfig eth0 up
udhcpc -q -n -i eth0 -s /load/dhcp >/dev/null 2>&1
mke2fs -q /dev/vda >/dev/null 2>&1
mount -t ext4 /dev/vda /mnt
i=0
while [ ! -e /stop ]; do
    i=$((i + 1))
    dd if=/dev/urandom of=/mnt/$((i % 16)).new bs=16k count=4 2>/dev/null
    (cd /mnt && sha256sum $((i % 16)).new) >/mnt/$((i % 16)).sum
    echo $i >/rounds.new; mv /rounds.new /rounds
done && touch /written &
while [ ! -e /stop ]; do
    [ "$(timeout 5 nc 10.0.2.2 PORT </dev/null 2>/dev/null | wc -c)" = BYTES ] && echo >>/fetched
done &
"""
DHCP = """\
#!/bin/sh
[ "$1" = bound ] && ifconfig "$interface" "$ip" netmask "$subnet" && route add default gw "$router"
exit 0
"""


class Page(socketserver.BaseRequestHandler):
    BYTES = 1 << 16

    def handle(self):
        self.request.sendall(bytes(self.BYTES))


@pytest.fixture
def server():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Page) as s:
        threading.Thread(target=s.serve_forever, daemon=True).start()
        yield s.server_address[1]
        s.shutdown()


@pytest.fixture
def loaded(linux, server, tmp_path):
    """Make machines on the same disk; the first is to be started by busy()."""
    disk = create(tmp_path / "disk.qcow2", "128M")
    load = LOAD.replace("PORT", str(server)).replace("BYTES", str(Page.BYTES))
    files = {"load": None, "load/run": (load.encode(), 0o755),
             "load/dhcp": (DHCP.encode(), 0o755)}

    def make(name, *args):
        blockdev = f"driver=qcow2,node-name=disk0,file.driver=file,file.filename={disk}"
        vm = linux(name=name, files=files, memory="256", args=[
            "-smp", 2, "-object", "iothread,id=io0", "-blockdev", blockdev,
            "-device", "virtio-blk-pci,drive=disk0,iothread=io0",
            "-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0", *args])
        vm.disk = disk
        return vm

    return make


def busy(vm):
    """Start the load and see it at work."""
    vm.boot()
    vm.console.run("(sh /load/run </dev/null >/dev/null 2>&1 &)")
    wait_rounds(vm, 4)
    return vm


def wait_rounds(vm, more):
    """Until the guest's writer has made @more rounds and its network has fetched something."""
    vm.console.run(f"n=$(cat /rounds 2>/dev/null || echo 0); rm -f /fetched; "
                   f"while [ ! -e /fetched ] || [ $(cat /rounds) -lt $((n + {more})) ]; do sleep 0.2; done")


def finish(vm, tmp_path):
    """End the load, compare all files, power off, and look at the disk from outside."""
    c = vm.console
    c.run("touch /stop; while [ ! -e /written ]; do sleep 0.1; done")
    c.run("(cd /mnt && for f in *.sum; do sha256sum -c $f >/dev/null || exit 1; done)")
    assert c.run("dmesg | grep -E 'EXT4-fs error|I/O error|hung task' || true") == ""
    c.run("umount /mnt")
    c.type("poweroff -f\n")
    assert vm.wait(120) == 0
    check_image(vm.disk)
    raw = tmp_path / "disk.raw"
    qemu_img("convert", "-O", "raw", vm.disk, raw)
    tool("e2fsck", "-fn", raw)


def test_snapshot_save_and_load(loaded, tmp_path):
    vm = busy(loaded("vm"))
    snapshot = {"tag": "s", "vmstate": "disk0", "devices": ["disk0"]}
    vm.qmp("snapshot-save", {"job-id": "save", **snapshot})
    vm.wait_job("save", timeout=300)
    vm.console.run("touch /later /mnt/later; sync")
    wait_rounds(vm, 6)
    vm.qmp("snapshot-load", {"job-id": "load", **snapshot})
    vm.wait_job("load", timeout=300)
    vm.console.type("\n")
    assert vm.console.run("ls -d /later /mnt/later 2>/dev/null || true") == ""
    wait_rounds(vm, 4)
    finish(vm, tmp_path)


def save_state(vm, path):
    path.touch()
    vm.qmp("savevm-start", {"statefile": str(path)})
    vm.wait_until(lambda: vm.qmp("query-savevm")["status"] != "active", "the state was saved", timeout=300)
    assert vm.qmp("query-savevm")["status"] == "completed"
    vm.qmp("savevm-end")


def test_savevm_start_and_resume(loaded, tmp_path):
    """Once while it runs, and goes on; then stopped in the midst of its work, and resumed by another process."""
    vm = busy(loaded("vm"))
    save_state(vm, tmp_path / "running.raw")
    wait_rounds(vm, 4)
    vm.qmp("stop")
    save_state(vm, tmp_path / "state.raw")
    vm.quit()
    resumed = loaded("resumed", "-loadstate", str(tmp_path / "state.raw"))
    resumed.qmp("cont")
    resumed.console.type("\n")
    resumed.console.wait("rondo# ")
    wait_rounds(resumed, 4)
    finish(resumed, tmp_path)


def test_migration(loaded, tmp_path):
    events = [{"capability": "events", "state": True}]
    source = busy(loaded("source"))
    target = loaded("target", "-incoming", "defer")
    for vm in (source, target):
        vm.qmp("migrate-set-capabilities", {"capabilities": events})
    uri = f"unix:{tmp_path}/migration.sock"
    target.qmp("migrate-incoming", {"uri": uri})
    source.qmp("migrate", {"uri": uri})
    source.wait_event("MIGRATION", {"status": "completed"}, timeout=300)
    target.wait_event("MIGRATION", {"status": "completed"}, timeout=300)
    source.quit()
    target.console.type("\n")
    target.console.wait("rondo# ")
    wait_rounds(target, 4)
    finish(target, tmp_path)
