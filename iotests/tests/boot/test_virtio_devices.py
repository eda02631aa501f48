# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux on the virtio devices besides disks: a card on a user network, random bytes, serial ports, the balloon."""

import hashlib
import random
import re
import socket
import subprocess
import threading

import pytest

from rondo_iotests.images import create
from rondo_iotests.paths import binary
from rondo_iotests.systems.initramfs import DISK_MODULES, INIT, NET_MODULES, make_initramfs
from rondo_iotests.systems.packages import kernel

MODULES = ("virtio_rng", "virtio_console", "virtio_balloon")
NIC = "user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:0-:7,hostfwd=udp:127.0.0.1:0-:7"
MIB = 1 << 20


def network_up(c):
    """By hand: busybox has no DHCP script, so what the server offers is looked at only."""
    c.run("ip link set lo up; ip link set eth0 up")
    assert "lease of 10.0.2.15 obtained from 10.0.2.2" in c.run("udhcpc -i eth0 -n -q -t 10 2>&1")
    c.run("ip addr add 10.0.2.15/24 dev eth0 && ip route add default via 10.0.2.2")


def eventually(c, condition, tenths=100):
    """Until the guest's shell finds @condition true, which it does within so many tenths of a second."""
    c.run(f"(for i in $(seq {tenths}); do {condition} && exit 0; sleep 0.1; done; false)")


def in_background(c, command):
    """Not as a job of the shell: busybox's takes the end of one for the end of its input."""
    c.run(f"( ({command}) >/dev/null 2>&1 & )")


def forwarded(vm, protocol):
    """The port of the host that libslirp chose for the forward of @protocol."""
    text = vm.hmp("info usernet")
    return int(re.search(rf"{protocol}\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)", text)[1])


class Server:
    """A TCP server on the host's loopback that talks to one client with @fn(connection)."""

    def __init__(self, fn):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(300)
        self.port = self.listener.getsockname()[1]
        self.fn, self.result = fn, None
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with self.listener, self.listener.accept()[0] as conn:
            conn.settimeout(300)
            self.result = self.fn(conn)

    def wait(self):
        self.thread.join(300)
        return self.result


def balloon_at(vm, size):
    while vm.qmp("query-balloon")["actual"] != size:
        vm.wait_event("BALLOON_CHANGE", timeout=120)


def receive_all(conn):
    digest, n = hashlib.sha256(), 0
    while data := conn.recv(65536):
        digest.update(data)
        n += len(data)
    return n, digest.hexdigest()


def echo(conn, data):
    """Send @data to a guest that sends it back, and read that."""
    sender = threading.Thread(target=conn.sendall, args=(data,), daemon=True)
    sender.start()
    got = b""
    while len(got) < len(data):
        part = conn.recv(65536)
        assert part, f"the guest closed after {len(got)} bytes"
        got += part
    sender.join(60)
    return got


def test_outgoing_connections(linux):
    vm = linux(args=["-nic", NIC]).boot()
    c = vm.console
    network_up(c)
    assert "2 packets received" in c.run("ping -c 2 -w 20 10.0.2.2")
    data = random.Random(1).randbytes(4 * MIB)
    down = Server(lambda conn: conn.sendall(data))
    assert c.run(f"nc 10.0.2.2 {down.port} </dev/null | sha256sum").split()[0] == hashlib.sha256(data).hexdigest()
    up = Server(receive_all)
    sent = c.run(f"dd if=/dev/urandom of=/tmp/x bs=64k count=32 2>/dev/null; nc 10.0.2.2 {up.port} </tmp/x; "
                 "sha256sum /tmp/x").split()[0]
    assert up.wait() == (2 * MIB, sent)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.settimeout(60)
        in_background(c, f"tftp -g -l /tmp/y -r name 10.0.2.2 {udp.getsockname()[1]}")
        request, guest = udp.recvfrom(1000)
        assert request.startswith(b"\0\1name\0octet\0")
        udp.sendto(b"\0\3\0\1" + b"datagram", guest)
        while (got := udp.recv(1000)) == request:   # it asks again after 100 ms
            pass
        assert got == b"\0\4\0\1"
        eventually(c, "test -s /tmp/y")
        assert c.run("cat /tmp/y") == "datagram"


def test_forwarded_ports(linux):
    vm = linux(args=["-nic", NIC]).boot()
    c = vm.console
    network_up(c)
    in_background(c, "nc -ll -p 7 -e cat")
    eventually(c, "netstat -ltn | grep -q ':7 '")
    data = random.Random(2).randbytes(MIB)
    with socket.create_connection(("127.0.0.1", forwarded(vm, "TCP")), 60) as conn:
        conn.settimeout(120)
        assert echo(conn, data) == data
    vm.hmp("hostfwd_add tcp:127.0.0.1:0-:99")
    with pytest.raises(OSError):
        with socket.create_connection(("127.0.0.1", 1), 5):
            pass
    # A cable that is pulled and plugged again.
    vm.qmp("set_link", name="virtio-net-pci.0", up=False)
    eventually(c, "grep -q 0 /sys/class/net/eth0/carrier", tenths=50)
    vm.qmp("set_link", name="virtio-net-pci.0", up=True)
    eventually(c, "grep -q 1 /sys/class/net/eth0/carrier", tenths=50)
    assert "1 packets received" in c.run("ping -c 1 -w 20 10.0.2.2")


def test_snapshot_under_load(linux, tmp_path):
    """Back in the middle of a transfer: connections of then are gone, the card and the network are there."""
    disk = create(tmp_path / "state.qcow2", "16M")
    vm = linux(args=["-nic", NIC, "-drive", f"file={disk},format=qcow2,if=none,id=drive0,node-name=d0"]).boot()
    c = vm.console
    network_up(c)
    server = Server(receive_all)
    in_background(c, f"dd if=/dev/zero bs=64k count=400 | nc 10.0.2.2 {server.port}")
    for command in ("snapshot-save", "snapshot-load"):
        vm.qmp(command, {"job-id": command, "tag": "s", "vmstate": "d0", "devices": ["d0"]})
        vm.wait_job(command, timeout=300)
    vm.qmp("cont")
    assert "1 packets received" in c.run("ping -c 1 -w 60 10.0.2.2")
    again = Server(receive_all)
    c.run(f"dd if=/dev/zero bs=64k count=16 2>/dev/null | nc 10.0.2.2 {again.port}")
    assert again.wait()[0] == MIB


def test_restricted_network(linux):
    vm = linux(args=["-nic", "user,model=virtio-net-pci,restrict=on"]).boot()
    c = vm.console
    network_up(c)
    server = Server(receive_all)
    assert c.run(f"nc -w 3 10.0.2.2 {server.port} </dev/null; echo $?", check=False)[1].strip() != "0"
    assert server.result is None


@pytest.mark.parametrize("machine", ["q35"])
def test_other_machines(linux, machine):
    vm = linux(args=["-nic", "user"], machine=machine).boot()
    network_up(vm.console)
    assert "1 packets received" in vm.console.run("ping -c 1 -w 20 10.0.2.2")


def test_legacy_driver(linux):
    vm = linux(args=["-netdev", "user,id=n0,restrict=on",
                     "-device", "virtio-net-pci,netdev=n0,disable-modern=on"]).boot()
    network_up(vm.console)
    assert "1 packets received" in vm.console.run("ping -c 1 -s 1400 -w 20 10.0.2.2")


def test_card_goes_and_comes(linux):
    """The backend goes first, then the card is made anew."""
    vm = linux(args=["-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0,id=net0"]).boot()
    c = vm.console
    network_up(c)
    vm.qmp("netdev_del", id="n0")
    assert "0 packets received" in c.run("ping -c 1 -w 2 10.0.2.2", check=False)[1]
    vm.qmp("netdev_add", type="user", id="n1", hostfwd=[{"str": "tcp:127.0.0.1:0-:7"}])
    assert forwarded(vm, "TCP") > 0
    vm.qmp("device_del", id="net0")
    text = vm.hmp("info network")
    assert "net0" not in text and "n1: index=0,type=user" in text


SIMULATED_INIT = """
ip link set eth0 up
udhcpc -i eth0 -n -q -t 10 >/dev/console 2>&1
ip addr add 10.0.2.15/24 dev eth0
ping -c 3 10.0.2.2 >/dev/console 2>&1
head -c 32 /dev/hwrng | od -An -tx1 >/dev/console
poweroff -f
"""


def test_simulated_network(tmp_path):
    """A network that ends in libslirp, and random bytes: the same in every run of the simulator."""
    k = kernel("cloud")
    init = INIT.split("echo @READY@")[0] + SIMULATED_INIT
    initrd = make_initramfs(k, DISK_MODULES + NET_MODULES + MODULES, {"init": (init.encode(), 0o755)})
    args = [binary("rondo-sim"), "-m", "256", "-display", "none", "-nodefaults", "-serial", "stdio", "-no-reboot",
            "-device", "virtio-rng-pci", "-kernel", k.image, "-initrd", initrd, "-append", "console=ttyS0 quiet"]
    runs = [subprocess.run([*args, "-nic", "user,restrict=on,ipv6=off"], capture_output=True, timeout=600, check=True)
            for _ in range(2)]
    assert b"lease of 10.0.2.15 obtained" in runs[0].stdout and b"3 packets received" in runs[0].stdout
    assert runs[0].stdout == runs[1].stdout
    refused = subprocess.run([*args, "-nic", "user"], capture_output=True, timeout=60)
    assert refused.returncode != 0 and b"cannot be replayed" in refused.stderr


def test_random_bytes(linux):
    vm = linux(args=["-object", "rng-random,id=r0", "-device", "virtio-rng-pci,rng=r0,max-bytes=1024,period=100"],
               modules=MODULES).boot()
    c = vm.console
    assert c.run("cat /sys/devices/virtual/misc/hw_random/rng_current").startswith("virtio_rng")
    assert len(set(c.run("head -c 64 /dev/hwrng | od -An -v -tx1").split())) > 30


@pytest.fixture
def port(tmp_path):
    return tmp_path / "port.sock"


def test_serial_ports(linux, port):
    vm = linux(args=["-chardev", f"socket,id=c1,path={port},server=on,wait=off", "-chardev", "ringbuf,id=c0",
                     "-device", "virtio-serial-pci,id=vs", "-device", "virtconsole,chardev=c0",
                     "-device", "virtserialport,chardev=c1,name=org.test.1,id=p1"], modules=MODULES).boot()
    c = vm.console
    # Ports have names, and consoles their devices, a few messages after the driver was loaded.
    eventually(c, "test -e /sys/class/virtio-ports/*/name && test -e /dev/hvc0")
    assert c.run("cat /sys/class/virtio-ports/*/name") == "org.test.1"
    c.run("echo over hvc >/dev/hvc0")
    assert "over hvc" in vm.qmp("ringbuf-read", device="c0", size=1000)
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(120)
        s.connect(str(port))
        in_background(c, "cat <>$(echo /dev/vport*p1) >&0")         # it can be open once only
        event = vm.wait_event("VSERPORT_CHANGE")
        assert event["data"] == {"id": "p1", "open": True}
        data = random.Random(3).randbytes(MIB)
        assert echo(s, data) == data


def test_port_that_nobody_reads(linux, port):
    """The guest waits for the host's side, and goes on when that reads; over a stop in between."""
    vm = linux(args=["-chardev", f"socket,id=c1,path={port},server=on,wait=off", "-device", "virtio-serial-pci",
                     "-device", "virtserialport,chardev=c1,id=p1"], modules=MODULES).boot()
    c = vm.console
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(120)
        s.connect(str(port))
        total = 16 * MIB       # more than the ring holds
        in_background(c, f"dd if=/dev/zero of=$(echo /dev/vport*p1) bs=64k count={total // 65536}; "
                         "echo done >/tmp/done")
        vm.wait_event("VSERPORT_CHANGE")
        assert c.run("sleep 2; test -e /tmp/done", check=False)[0] != 0
        vm.qmp("stop")
        vm.qmp("cont")
        got = 0
        while got < total:
            part = s.recv(65536)
            assert part
            got += len(part)
        eventually(c, "test -e /tmp/done")


def test_balloon(linux):
    vm = linux(args=["-device", "virtio-balloon-pci,id=b0"], modules=MODULES).boot()
    where = {"path": "/machine/peripheral/b0"}
    vm.qmp("qom-set", property="guest-stats-polling-interval", value=1, **where)
    size = vm.qmp("query-balloon")["actual"]
    assert size == 512 * MIB
    free = int(vm.console.run("awk '/MemFree/ { print $2 }' /proc/meminfo"))
    vm.qmp("balloon", value=384 * MIB)
    balloon_at(vm, 384 * MIB)
    assert int(vm.console.run("awk '/MemFree/ { print $2 }' /proc/meminfo")) < free - 100 * 1024
    assert "stat-total-memory" in vm.hmp("info balloon")
    assert vm.qmp("qom-get", property="guest-stats", **where)["stats"]["stat-total-memory"] > 300 * MIB
    vm.qmp("balloon", value=512 * MIB)
    balloon_at(vm, 512 * MIB)
