# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: however a migration ends, exactly one side has the VM and its disk, and the user is told which and why.

Method: the counter guest between two rondo processes; cancel, kill, refuse and pause at each stage.
"""

import socket
import time

import pytest

from rondo_iotests.qmp import DEFAULT_TIMEOUT

from .conftest import wait_status


def slow(machine, bytes_per_second=4096 * 32):
    machine.qmp("migrate-set-parameters", {"max-bandwidth": bytes_per_second})


def disk_is_ours(machine):
    """A write to the disk works: a new internal snapshot is one, once the thread of a failed migration was joined."""
    deadline = time.monotonic() + DEFAULT_TIMEOUT
    while "migration process in progress" in (said := machine.hmp("savevm ours")):
        assert time.monotonic() < deadline, said
    return "Error" not in said


def test_cancel_while_active(host, counting, tmp_path):
    source = host()
    counting.wait_more(source)
    target = host("-incoming", f"unix:{tmp_path}/m.sock")
    target.expect_abort = False
    slow(source)
    source.qmp("migrate", {"uri": f"unix:{tmp_path}/m.sock"})
    source.wait_event("MIGRATION", {"status": "active"})
    assert source.qmp_error("migrate", {"uri": "exec:cat"}).desc == "There's a migration process in progress"
    source.qmp("migrate_cancel")
    source.wait_event("MIGRATION", {"status": "cancelled"})
    assert source.qmp("query-migrate")["status"] == "cancelled"
    counting.wait_more(source)
    assert disk_is_ours(source)
    assert target.wait() == 1
    assert "load of migration failed" in target.stderr()


def test_cancel_in_pre_switchover(host, counting, tmp_path):
    source = host()
    counting.wait_more(source)
    source.qmp("migrate-set-capabilities", {"capabilities": [{"capability": "pause-before-switchover", "state": True}]})
    source.qmp("migrate", {"uri": f"file:{tmp_path}/state"})
    source.wait_event("MIGRATION", {"status": "pre-switchover"})
    assert source.qmp("query-status")["status"] == "finish-migrate"
    source.qmp("migrate_cancel")
    source.wait_event("MIGRATION", {"status": "cancelled"})
    counting.wait_more(source)
    assert disk_is_ours(source)


def test_continue_after_pre_switchover(host, counting, tmp_path):
    source = host()
    counting.wait_more(source)
    source.qmp("migrate-set-capabilities", {"capabilities": [{"capability": "pause-before-switchover", "state": True}]})
    source.qmp("migrate", {"uri": f"file:{tmp_path}/state"})
    source.wait_event("MIGRATION", {"status": "pre-switchover"})
    assert "not in expected state: pre-switchover" in source.qmp_error("migrate-continue", {"state": "device"}).desc
    source.qmp("migrate-continue", {"state": "pre-switchover"})
    source.wait_event("MIGRATION", {"status": "completed"})


def test_target_dies(host, counting, tmp_path):
    source = host()
    counting.wait_more(source)
    target = host("-incoming", f"unix:{tmp_path}/m.sock")
    slow(source)
    source.qmp("migrate", {"uri": f"unix:{tmp_path}/m.sock"})
    source.wait_event("MIGRATION", {"status": "active"})
    target.kill()
    source.wait_event("MIGRATION", {"status": "failed"})
    assert "migration stream" in source.qmp("query-migrate")["error-desc"]
    counting.wait_more(source)
    assert disk_is_ours(source)


def test_target_is_another_machine(host, counting, tmp_path):
    source = host()
    counting.wait_more(source)
    target = host("-incoming", f"unix:{tmp_path}/m.sock", memory="8")
    source.qmp("migrate", {"uri": f"unix:{tmp_path}/m.sock"})
    assert target.wait() == 1
    assert "Size mismatch: pc.ram" in target.stderr()


def test_incoming_failure_without_exit(host, tmp_path):
    (tmp_path / "junk").write_bytes(b"this is not a stream")
    target = host("-incoming", "defer")
    target.qmp("migrate-incoming", {"uri": f"file:{tmp_path}/junk", "exit-on-error": False})
    target.wait_event("MIGRATION", {"status": "failed"})
    assert "Not a migration stream" in target.qmp("query-migrate")["error-desc"]
    assert target.qmp("query-status")["status"] == "inmigrate"


def test_nobody_listens(host, counting, tmp_path):
    source = host()
    source.qmp("migrate", {"uri": f"unix:{tmp_path}/nobody"})
    source.wait_event("MIGRATION", {"status": "failed"})
    assert "Failed to connect" in source.qmp("query-migrate")["error-desc"]
    counting.wait_more(source)


@pytest.mark.parametrize("uri,error", [
    ("nonsense", "unknown migration protocol: nonsense"),
    ("file:", "names nothing"),
    ("file:/x,offset=-1", "bad offset"),
    ("fd:none", "has not been found"),
])
def test_bad_uri(host, uri, error):
    assert error in host("-S").qmp_error("migrate", {"uri": uri}).desc


def test_paused_vm_moves_twice(host, counting, tmp_path):
    first = host()
    counting.wait_more(first)
    first.qmp("stop")
    for hop in range(2):
        uri = f"unix:{tmp_path}/hop{hop}"
        second = host("-incoming", uri)
        first.qmp("migrate", {"uri": uri})
        second.wait_event("MIGRATION", {"status": "completed"})
        assert second.qmp("query-status")["status"] == "paused"
        first.wait_event("MIGRATION", {"status": "completed"})
        first.quit()
        first = second
    first.qmp("cont")
    counting.wait_more(first)
    assert disk_is_ours(first)


def test_source_takes_the_vm_back(host, counting, tmp_path):
    source = host()
    counting.wait_more(source)
    source.qmp("migrate", {"uri": f"file:{tmp_path}/state"})
    source.wait_event("MIGRATION", {"status": "completed"})
    wait_status(source, "postmigrate")
    source.qmp("cont")
    counting.wait_more(source)
    assert disk_is_ours(source)


def test_source_cannot_take_back_what_the_target_has(host, counting, tmp_path):
    uri = f"unix:{tmp_path}/m.sock"
    source = host()
    counting.wait_more(source)
    target = host("-incoming", uri)
    source.qmp("migrate", {"uri": uri})
    source.wait_event("MIGRATION", {"status": "completed"})
    target.wait_event("MIGRATION", {"status": "completed"})
    wait_status(source, "postmigrate")
    assert "lock" in source.qmp_error("cont").desc
    assert source.qmp("query-status")["status"] == "postmigrate"
    counting.wait_more(target)


def test_cont_while_incoming_only_sets_autostart(host, counting, tmp_path):
    uri = f"unix:{tmp_path}/m.sock"
    source = host()
    counting.wait_more(source)
    target = host("-S", "-incoming", uri)
    target.qmp("cont")
    assert target.qmp("query-status")["status"] == "inmigrate"
    source.qmp("migrate", {"uri": uri})
    target.wait_event("RESUME")
    counting.wait_more(target)


def test_peer_that_says_nothing_can_be_cancelled(host, counting):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        source = host()
        counting.wait_more(source)
        slow(source)        # or the kernel's buffers may take the whole machine before the cancel comes
        source.qmp("migrate", {"uri": f"tcp:127.0.0.1:{listener.getsockname()[1]}"})
        source.wait_event("MIGRATION", {"status": "active"})
        source.qmp("migrate_cancel")
        source.wait_event("MIGRATION", {"status": "cancelled"})
        counting.wait_more(source)


def test_quit_while_migrating(host, tmp_path):
    source = host()
    host("-incoming", f"unix:{tmp_path}/m.sock")
    slow(source)
    source.qmp("migrate", {"uri": f"unix:{tmp_path}/m.sock"})
    source.wait_event("MIGRATION", {"status": "active"})
    assert source.quit() == 0
