# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: a running guest moves over every transport and counts on where it was.

Method: two rondo processes share a qcow2 disk; the guest keeps a checksum of its memory.
"""

import os
import socket

import pytest

from .conftest import migrate


def move(host, counting, uri_out, uri_in=None, defer=True):
    source = host()
    before = counting.wait_more(source)
    target = host("-incoming", "defer" if defer else uri_in)
    assert target.qmp("query-status")["status"] == "inmigrate"
    if defer:
        target.qmp("migrate-incoming", {"uri": uri_in})
    migrate(source, target, uri_out)
    assert counting.wait_more(target) > before
    assert counting.passes(target)[0] >= before
    info = source.qmp("query-migrate")
    assert info["status"] == "completed"
    assert info["ram"]["remaining"] == 0
    assert info["ram"]["transferred"] > 0
    assert info["downtime"] >= 0
    return source, target


@pytest.mark.parametrize("defer", [True, False])
def test_unix(host, counting, tmp_path, defer):
    uri = f"unix:{tmp_path}/m.sock"
    move(host, counting, uri, uri, defer)


def test_tcp(host, counting):
    with socket.socket() as holder:     # nobody is given the port meanwhile; who reuses it can listen
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        uri = f"tcp:127.0.0.1:{holder.getsockname()[1]}"
        move(host, counting, uri, uri)


def test_exec(host, counting, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    move(host, counting, f"exec:cat > {fifo}", f"exec:cat {fifo}")


def test_fd(host, counting):
    ours = socket.socketpair()
    source = host()
    before = counting.wait_more(source)
    target = host("-incoming", "defer")
    for machine, end in ((source, ours[0]), (target, ours[1])):
        socket.send_fds(machine.monitor.sock, [b'{"execute": "getfd", "arguments": {"fdname": "mig"}, "id": "fd"}\n'],
                        [end.fileno()])
        assert machine.monitor.read_reply("fd")["return"] == {}
        end.close()
    target.qmp("migrate-incoming", {"uri": "fd:mig"})
    migrate(source, target, "fd:mig")
    assert counting.wait_more(target) > before
    assert "File descriptor named 'mig' has not been found" in \
        source.qmp_error("migrate", {"uri": "fd:mig"}).desc


@pytest.mark.parametrize("offset", ["", ",offset=4096"])
def test_file(host, counting, tmp_path, offset):
    uri = f"file:{tmp_path}/state{offset}"
    source = host()
    before = counting.wait_more(source)
    source.qmp("migrate", {"uri": uri})
    source.wait_event("MIGRATION", {"status": "completed"})
    source.quit()
    raw = (tmp_path / "state").read_bytes()
    assert raw[4096 if offset else 0:][:8] == b"QEVM\0\0\0\3"
    target = host("-incoming", uri)
    assert counting.wait_more(target) > before


def test_there_and_back(host, counting, tmp_path):
    uri = f"unix:{tmp_path}/m.sock"
    source, target = move(host, counting, uri, uri)
    source.quit()
    before = counting.wait_more(target)
    home = host("-incoming", uri)
    migrate(target, home, uri)
    assert counting.wait_more(home) > before
