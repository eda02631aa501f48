# SPDX-License-Identifier: GPL-2.0-or-later
"""Goal: internal and asynchronous snapshots bring the guest back to where it was.

Method: the counter guest; jobs, the human monitor, qemu-img as a second reader of the image; Proxmox' commands.
"""

import pytest

import rondo_iotests as rt

SNAPSHOT = {"tag": "snap0", "vmstate": "disk0", "devices": ["disk0"]}


def run(machine, command, job_id, arguments):
    machine.qmp(command, {"job-id": job_id, **arguments})
    machine.wait_event("JOB_STATUS_CHANGE", {"id": job_id, "status": "concluded"})
    error = next(j for j in machine.qmp("query-jobs") if j["id"] == job_id).get("error")
    machine.qmp("job-dismiss", {"id": job_id})
    if error:
        raise RuntimeError(error)


def job(machine, command, job_id, **arguments):
    run(machine, command, job_id, {**SNAPSHOT, **arguments})


def delete(machine, job_id, tag):
    run(machine, "snapshot-delete", job_id, {"tag": tag, "devices": ["disk0"]})


def test_save_load_delete(host, counting):
    machine = host()
    saved = counting.wait_more(machine)
    job(machine, "snapshot-save", "save")
    assert machine.qmp("query-status")["status"] == "running"
    assert counting.wait_more(machine, 4) > saved
    job(machine, "snapshot-load", "load")
    assert counting.wait_more(machine) > saved
    assert counting.went_back(machine)
    delete(machine, "delete", "snap0")
    with pytest.raises(RuntimeError, match="Snapshot 'snap0' does not exist in one or more devices"):
        job(machine, "snapshot-load", "again")


def test_errors_are_the_jobs(host):
    machine = host("-S")
    job(machine, "snapshot-save", "save")
    with pytest.raises(RuntimeError, match="Snapshot 'snap0' already exists in one or more devices"):
        job(machine, "snapshot-save", "twice")
    with pytest.raises(RuntimeError, match="No block device node 'nobody'"):
        job(machine, "snapshot-save", "who", tag="x", devices=["nobody"])
    with pytest.raises(RuntimeError, match="vmstate block device 'nobody' does not exist"):
        job(machine, "snapshot-save", "where", tag="x", vmstate="nobody")
    with pytest.raises(RuntimeError, match="At least one device is required for snapshot operations"):
        job(machine, "snapshot-save", "none", tag="x", devices=[])
    assert machine.qmp("query-status")["status"] == "prelaunch"


def test_human_monitor(host, counting, requires):
    requires.peer("qemu-img")
    machine = host()
    counting.wait_more(machine)
    assert machine.hmp("savevm one") == ""
    assert machine.hmp("savevm two") == ""
    assert "one" in machine.hmp("info snapshots")
    assert machine.hmp("loadvm one") == ""
    counting.wait_more(machine)
    assert "does not exist" in machine.hmp("loadvm three")
    assert machine.hmp("delvm two") == ""
    disk = machine.qmp("query-named-block-nodes")[0]["file"]
    machine.quit()
    rt.check_image(disk)
    listing = rt.qemu_img("snapshot", "-l", disk).stdout
    assert "one" in listing and "two" not in listing


def test_saved_vm_starts_in_a_new_process(host, counting):
    machine = host()
    before = counting.wait_more(machine)
    assert machine.hmp("savevm here") == ""
    machine.quit()
    machine = host("-loadvm", "here")
    assert counting.wait_more(machine) >= before


def test_half_loaded_state_never_runs(host, counting):
    """The state breaks off after the processor and most devices are loaded: cont finds a machine that was reset."""
    machine = host()
    saved = counting.wait_more(machine, 6)
    assert machine.hmp("savevm here") == ""
    disk = machine.qmp("query-named-block-nodes")[0]["file"]
    machine.quit()
    with open(disk, "r+b") as f:
        at = f.read().rindex(b"/virtio_pci\0")
        f.seek(at)
        f.write(b"/nobody_has")
    machine = host()
    counting.wait_more(machine)
    assert "Unknown savevm section" in machine.hmp("loadvm here")
    assert machine.qmp("query-status")["status"] == "restore-vm"
    seen = len(counting.passes(machine))
    machine.qmp("cont")
    counting.wait_more(machine)
    assert counting.passes(machine)[seen] < saved


# ---- Asynchronous ----

def state_file(tmp_path):
    path = tmp_path / "state.raw"
    path.touch()
    return path


def save_async(machine, path):
    machine.qmp("savevm-start", {"statefile": str(path)})
    machine.wait_event("STOP")
    machine.wait_event("RESUME")
    info = machine.qmp("query-savevm")
    assert info["status"] == "completed"
    assert info["bytes"] > 0
    machine.qmp("savevm-end")
    assert "bytes" not in machine.qmp("query-savevm")


def test_async_there_and_back(host, counting, tmp_path):
    path = state_file(tmp_path)
    machine = host()
    before = counting.wait_more(machine)
    save_async(machine, path)
    save_async(machine, path)
    after = counting.wait_more(machine)
    machine.quit()
    assert path.stat().st_size % 1024 == 0
    assert path.read_bytes()[:8] == b"QEVM\0\0\0\3"
    machine = host("-loadstate", path)
    assert counting.wait_more(machine) > before
    assert before <= counting.passes(machine)[0] <= after + 256


def test_async_without_a_file(host, counting):
    machine = host()
    machine.qmp("savevm-start")
    assert machine.qmp("query-status")["status"] == "save-vm"
    assert machine.qmp_error("savevm-start").desc == "VM snapshot already started"
    machine.qmp("savevm-end")
    assert machine.qmp("query-status")["status"] == "running"
    assert machine.qmp_error("savevm-end").desc == "VM snapshot not started"
    counting.wait_more(machine)


def test_async_error_does_not_stick(host, tmp_path):
    machine = host()
    error = machine.qmp_error("savevm-start", {"statefile": f"{tmp_path}/no/such/folder"}).desc
    assert error.startswith(f"failed to open '{tmp_path}/no/such/folder'")
    info = machine.qmp("query-savevm")
    assert info["status"] == "failed"
    assert info["error"].startswith("setup failed")
    machine.qmp("savevm-end")
    save_async(machine, state_file(tmp_path))


def test_async_truncated_file_leaves_the_vm_stopped(host, tmp_path):
    path = state_file(tmp_path)
    machine = host()
    save_async(machine, path)
    machine.quit()
    with open(path, "r+b") as f:
        f.truncate(4096)
    machine = host("-loadstate", path)
    assert machine.qmp("query-status")["running"] is False
    assert "loading VM state" in machine.stderr()


def test_async_reset_meanwhile(host, counting, tmp_path):
    machine = host()
    counting.wait_more(machine)
    machine.qmp("savevm-start", {"statefile": str(state_file(tmp_path))})
    machine.qmp("system_reset")
    machine.wait_event("RESET")
    machine.wait_event("STOP")
    machine.wait_event("RESUME")
    machine.qmp("savevm-end")
    counting.wait_more(machine)
