/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs snapshot-save, snapshot-load and snapshot-delete.
 *
 * The work itself is not for coroutines: it stops the VM, polls and changes the graph. So each job's coroutine queues a
 * bottom half on the main context and yields.
 *
 * Owns: nothing but the jobs. Context: job callbacks and bottom halves in the main context.
 *
 * I1  The work is done by the main thread. Whoever dispatches the main context comes to the bottom half first, and that
 *     may be a vCPU thread that polls inside a device access: it cannot stop the VM (vm_stop() is only a request
 *     there),
 *     and its own registers would be saved in the middle of an instruction. It passes the work on to the outer loop.
 */
#include "migration/snapshot_jobs.h"

#include "block/job.h"
#include "machine/runstate.h"
#include "migration/savevm.h"

typedef struct SnapshotJob {
    Job common;
    char *tag;
    char *vmstate;
    char **devices;
    Coroutine *co;              /* yielded until the bottom half is done */
    GError **errp;              /* of run, on the coroutine's stack */
    bool ret;
} SnapshotJob;

static const char *const *job_devices(const SnapshotJob *s)
{
    return (const char *const *)s->devices;
}

static void snapshot_job_done(SnapshotJob *s, bool ok)
{
    s->ret = ok;
    job_progress_update(&s->common, 1);
    aio_co_wake(s->co);
}

/* (I1) Is the caller the wrong thread? Then @bh will run again, from the main thread's outer loop. */
static bool snapshot_job_passed_on(SnapshotJob *s, QEMUBHFunc *bh, const char *name)
{
    if (sched_slot_get(SCHED_SLOT_AIO_CONTEXT) == qemu_get_aio_context()) {
        return false;
    }
    aio_bh_schedule_oneshot_full(iohandler_get_aio_context(), bh, s, name);
    return true;
}

static void snapshot_save_job_bh(void *opaque)
{
    SnapshotJob *s = opaque;

    if (snapshot_job_passed_on(s, snapshot_save_job_bh, "snapshot_save_job_bh")) {
        return;
    }
    job_progress_set_remaining(&s->common, 1);
    snapshot_job_done(s, save_snapshot(s->tag, false, s->vmstate, true, job_devices(s), s->errp));
}

static void snapshot_load_job_bh(void *opaque)
{
    SnapshotJob *s = opaque;
    RunState before = runstate_get();
    bool ok;

    if (snapshot_job_passed_on(s, snapshot_load_job_bh, "snapshot_load_job_bh")) {
        return;
    }
    job_progress_set_remaining(&s->common, 1);
    (void)vm_stop(RUN_STATE_RESTORE_VM);    /* what was not flushed is thrown away by the load */
    ok = load_snapshot(s->tag, s->vmstate, true, job_devices(s), s->errp);
    if (ok) {
        load_snapshot_resume((int)before);
    }
    snapshot_job_done(s, ok);
}

static void snapshot_delete_job_bh(void *opaque)
{
    SnapshotJob *s = opaque;

    if (snapshot_job_passed_on(s, snapshot_delete_job_bh, "snapshot_delete_job_bh")) {
        return;
    }
    job_progress_set_remaining(&s->common, 1);
    snapshot_job_done(s, delete_snapshot(s->tag, true, job_devices(s), s->errp));
}

static int coroutine_fn snapshot_job_run(Job *job, GError **errp, QEMUBHFunc *bh, const char *name)
{
    SnapshotJob *s = (SnapshotJob *)job;

    s->errp = errp;
    s->co = qemu_coroutine_self();
    aio_bh_schedule_oneshot_full(qemu_get_aio_context(), bh, s, name);
    qemu_coroutine_yield();
    return s->ret ? 0 : -EIO;
}

static int coroutine_fn snapshot_save_job_run(Job *job, GError **errp)
{
    return snapshot_job_run(job, errp, snapshot_save_job_bh, "snapshot_save_job_bh");
}

static int coroutine_fn snapshot_load_job_run(Job *job, GError **errp)
{
    return snapshot_job_run(job, errp, snapshot_load_job_bh, "snapshot_load_job_bh");
}

static int coroutine_fn snapshot_delete_job_run(Job *job, GError **errp)
{
    return snapshot_job_run(job, errp, snapshot_delete_job_bh, "snapshot_delete_job_bh");
}

static void snapshot_job_free(Job *job)
{
    SnapshotJob *s = (SnapshotJob *)job;

    g_free(s->tag);
    g_free(s->vmstate);
    g_strfreev(s->devices);
}

static const JobDriver snapshot_save_job_driver = {
    .instance_size = sizeof(SnapshotJob),
    .job_type = JOB_TYPE_SNAPSHOT_SAVE,
    .run = snapshot_save_job_run,
    .free = snapshot_job_free,
};

static const JobDriver snapshot_load_job_driver = {
    .instance_size = sizeof(SnapshotJob),
    .job_type = JOB_TYPE_SNAPSHOT_LOAD,
    .run = snapshot_load_job_run,
    .free = snapshot_job_free,
};

static const JobDriver snapshot_delete_job_driver = {
    .instance_size = sizeof(SnapshotJob),
    .job_type = JOB_TYPE_SNAPSHOT_DELETE,
    .run = snapshot_delete_job_run,
    .free = snapshot_job_free,
};

static bool snapshot_job_start(const JobDriver *driver, const char *job_id, const char *tag, const char *vmstate,
                               const char *const *devices, GError **errp)
{
    SnapshotJob *s = job_create(job_id, driver, NULL, qemu_get_aio_context(), JOB_MANUAL_DISMISS, NULL, NULL, errp);

    if (!s) {
        return false;
    }
    s->tag = g_strdup(tag);
    s->vmstate = g_strdup(vmstate);
    s->devices = g_strdupv((char **)devices);
    job_start(&s->common);
    return true;
}

bool snapshot_save_start(const char *job_id, const char *tag, const char *vmstate, const char *const *devices,
                         GError **errp)
{
    return snapshot_job_start(&snapshot_save_job_driver, job_id, tag, vmstate, devices, errp);
}

bool snapshot_load_start(const char *job_id, const char *tag, const char *vmstate, const char *const *devices,
                         GError **errp)
{
    return snapshot_job_start(&snapshot_load_job_driver, job_id, tag, vmstate, devices, errp);
}

bool snapshot_delete_start(const char *job_id, const char *tag, const char *const *devices, GError **errp)
{
    return snapshot_job_start(&snapshot_delete_job_driver, job_id, tag, NULL, devices, errp);
}
