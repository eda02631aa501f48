# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: network options do what people know, and what is wrong with them is said in the words people know.

Method: the same wrong command line for rondo and for the distribution's QEMU, as in test_cli.py; or the program shows
its networks and quits.
"""

import subprocess

import pytest

from rondo_iotests import have_binary, stock_qemu, tool
from rondo_iotests.paths import binary


def rondo(*args, commands="quit\n"):
    return subprocess.run([binary("rondo"), "-display", "none", "-serial", "null", "-monitor", "stdio", "-S", *args],
                          input=commands, capture_output=True, text=True, timeout=120)


# The same words as the distribution's QEMU says.
WRONG = """
-netdev user
-netdev id=n0
-netdev foo,id=n0
-netdev user,id=1x
-netdev user,id=a -netdev user,id=a
-netdev user,id=n0,foo=1
-netdev user,id=n0,restrict=3
-netdev user,id=n0,net=10.0.2.0/40
-netdev user,id=n0,host=1.2.3.4
-netdev user,id=n0,dhcpstart=1.2.3.4
-netdev user,id=n0,dns=10.0.2.2
-netdev user,id=n0,ipv4=off,ipv6=off
-netdev user,id=n0,ipv6=off,ipv6-host=::1
-netdev user,id=n0,hostfwd=tcp:5555
-netdev user,id=n0,hostfwd=tcp::5555
-netdev user,id=n0,hostfwd=tcp::5555-22
-netdev user,id=n0,hostfwd=foo::1-:2
-netdev user,id=n0,hostfwd=tcp:8.8.8.8:1-:2
-nic user,model=foo
-nic user,foo=1
-nic user,mac=zz
-nic user,mac=01:00:00:00:00:00
-net nic,netdev=x
-device virtio-net-pci,netdev=x
-device virtio-net-pci,mac=zz
-device virtio-net-pci,rx_queue_size=100
-device virtio-net-pci,tx_queue_size=100
-device virtio-net-pci,duplex=x
-netdev user,id=a -device virtio-net-pci,netdev=a -device virtio-net-pci,netdev=a
-device virtio-rng-pci,period=0
-device virtio-rng-pci,max-bytes=9223372036854775808
-device virtio-rng-pci,rng=x
-object rng-random,id=r -object rng-random,id=r
-device virtserialport
-device virtio-serial-pci,max_ports=0
-device virtio-serial-pci -device virtserialport,nr=0
-device virtio-serial-pci -device virtserialport,nr=1 -device virtserialport,nr=1
-device virtio-serial-pci -device virtserialport,nr=31
-device virtio-serial-pci -device virtserialport,chardev=x
-device virtio-balloon-pci -device virtio-balloon-pci
""".strip().splitlines()


@pytest.mark.parametrize("args", WRONG)
def test_wrong_options(args, requires):
    requires.stock_qemu()
    base = ["-nodefaults", "-display", "none", "-S", "-m", "16"]
    ours = tool(have_binary("rondo"), *base, *args.split(), check=False)
    peer = tool(stock_qemu(), *base, *args.split(), check=False)
    assert peer.returncode == 1, "the test is wrong: QEMU accepts this"
    assert ours.stderr.replace("rondo:", "PROGRAM:") == peer.stderr.replace("qemu-system-x86_64:", "PROGRAM:")
    assert ours.returncode == 1


@pytest.mark.parametrize("args, message", [
    ("-netdev socket,id=n0", "network backend 'socket' is not compiled into this binary"),
    ("-netdev hubport,id=n0,hubid=1", "network backend 'hubport' is not compiled into this binary"),
])
def test_what_others_have(args, message):
    r = rondo(*args.split())
    assert r.returncode == 1 and message in r.stderr


def test_cards_and_their_backends():
    r = rondo("-netdev", '{"type":"user","id":"n0","restrict":true,"hostfwd":[{"str":"tcp:127.0.0.1:0-:22"}]}',
              "-device", "virtio-net-pci,netdev=n0,id=net0", "-nic", "user,mac=52:54:00:12:34:99",
              "-net", "nic,model=virtio", "-net", "user,net=192.168.5.0/24",
              commands="info network\ninfo usernet\nquit\n")
    assert r.returncode == 0 and "warning" not in r.stderr
    lines = [line for line in r.stdout.splitlines() if "index=0" in line]
    assert "virtio-net-pci.0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:99" in lines
    assert "net0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:57" in lines
    assert " \\ n0: index=0,type=user,net=10.0.2.0,restrict=on" in lines
    assert sum("net=192.168.5.0,restrict=off" in line for line in lines) == 1
    assert r.stdout.count("TCP[HOST_FORWARD]") == 1


def test_ends_that_lead_nowhere_are_told():
    r = rondo("-netdev", "user,id=n0", "-device", "virtio-net-pci")
    assert "rondo: warning: netdev n0 has no peer" in r.stderr
    assert "rondo: warning: nic virtio-net-pci.0 has no peer" in r.stderr


def test_none_is_none():
    r = rondo("-net", "none", "-nic", "none", commands="info network\nquit\n")
    assert r.returncode == 0 and "index=" not in r.stdout
