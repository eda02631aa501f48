/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asynchronous snapshot.
 *
 * savevm-start writes header and setup from the command, then hands the state file to an iothread of its own, where a
 * coroutine sends RAM while the guest runs. When little is left, a bottom half of the main loop stops the VM, writes
 * the rest and closes the file. savevm-end acknowledges, or cancels.
 *
 * Owns: MACHINE_SAVEVM_ASYNC. Context: main thread with the BQL, except process_savevm_co (iothread, no BQL).
 *
 * I1  While the coroutine runs, state file, node and coroutine belong to one iothread, so that a drain of all nodes
 *     never waits for something that only the outer loop can finish. That iothread never waits for the BQL: its owner
 *     may be waiting for a request on the state file (vm_stop() flushes all nodes). A pool thread waits instead.
 * I2  The finalize bottom half runs on the main thread only (iohandler context): it must really stop the VM, and a
 *     vCPU thread that polls the main context cannot.
 * I3  The iothread is destroyed only after the state file is closed: its coroutine may want the BQL until then.
 * I4  Whatever a failed start took, it gives back; the error stays until savevm-end.
 * I5  The first error text is the one that is reported.
 * Source: interface and states of Proxmox VE's savevm-async.
 */
#include "migration/savevm_async.h"

#include "aio/iothread.h"
#include "aio/main_loop.h"
#include "aio/thread_pool.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "block/backend.h"
#include "migration/global_state.h"
#include "migration/migration_int.h"
#include "sched/machine.h"

#include <stdio.h>

#define SAVEVM_ASYNC_IOTHREAD "__proxmox_savevm_async_iothread__"

enum {
    FINISH_THRESHOLD = 400 * 1000,          /* bytes of RAM that may be written with the VM stopped */
    STATE_BUFFER_SIZE = 4 * 1024 * 1024,
    STATE_ALIGN = 1024,                     /* the file is padded to this */
    CLOSE_TIMEOUT_MS = 30 * 1000,
};
#define STATE_RESERVE (100 * MiB)           /* room for the rest in a file of fixed size */

typedef enum SaveVMAsyncState {
    SAVE_STATE_DONE,
    SAVE_STATE_ERROR,
    SAVE_STATE_ACTIVE,
    SAVE_STATE_COMPLETED,
    SAVE_STATE_CANCELLED,
} SaveVMAsyncState;

typedef struct SnapshotState {
    SchedObject o;
    SaveVMAsyncState state;         /* atomic */
    uint64_t bs_pos;                /* atomic; bytes written */

    /* main thread */
    BlockBackend *target;           /* NULL once closed */
    GError *blocker;                /* reason given to other users of the target */
    QEMUFile *file;                 /* the coroutine's while it runs */
    IOThread *iothread;
    QEMUBH *finalize_bh;
    QEMUTimer *close_timer;
    bool ending;                    /* savevm-end waits for the close */
    bool vm_needs_start;            /* stopped for a snapshot without a file */
    uint64_t limit;                 /* bytes; stop iterating before the file is full */
    int64_t start_ms;
    int64_t total_ms;

    /* locked by error_lock */
    SchedMutex error_lock;
    GError *error;
} SnapshotState;

static SnapshotState *snapshot_state(void)
{
    SnapshotState *s = machine_state(MACHINE_SAVEVM_ASYNC);

    assert(s);
    return s;
}

static SaveVMAsyncState get_state(SnapshotState *s)
{
    sched_point(SCHED_K_ATOMIC_READ, &s->o);
    return __atomic_load_n(&s->state, __ATOMIC_SEQ_CST);
}

static void set_state(SnapshotState *s, SaveVMAsyncState state)
{
    sched_point(SCHED_K_ATOMIC, &s->o);
    __atomic_store_n(&s->state, state, __ATOMIC_SEQ_CST);
}

/* From @old to @new; false if somebody was faster. */
static bool move_state(SnapshotState *s, SaveVMAsyncState old, SaveVMAsyncState new)
{
    sched_point(SCHED_K_ATOMIC, &s->o);
    return __atomic_compare_exchange_n(&s->state, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Takes @err. Any thread. (I5) */
static void save_snapshot_error(SnapshotState *s, GError *err)
{
    sched_mutex_lock(&s->error_lock);
    if (!s->error) {
        s->error = g_steal_pointer(&err);
    }
    sched_mutex_unlock(&s->error_lock);
    g_clear_error(&err);
    set_state(s, SAVE_STATE_ERROR);
}

/* ---- Closing ---- */

/* File, target and what hangs on them. @keep: the snapshot is good. */
static void save_snapshot_close(SnapshotState *s, bool keep)
{
    QEMUFile *f = g_steal_pointer(&s->file);
    int ret;

    if (f && !keep) {
        qemu_file_set_error(f, -ECANCELED);     /* do not write what is still buffered */
    }
    migrate_set_file(migrate_get_current(), NULL);
    ret = qemu_fclose(f);
    if (keep && ret < 0) {
        GError *err = NULL;

        error_setg_errno(&err, ret, "save_snapshot_cleanup: error closing the state file");
        save_snapshot_error(s, err);
    }
    if (s->target && keep && blk_truncate(s->target, (int64_t)QEMU_ALIGN_UP(s->bs_pos, (uint64_t)STATE_ALIGN), false,
                                          PREALLOC_MODE_OFF, 0, NULL) < 0) {
        /* A block device has the length it has. */
    }
    if (s->target) {
        blk_op_unblock_all(s->target, s->blocker);
        blk_unref(g_steal_pointer(&s->target));
    }
    g_clear_error(&s->blocker);
    s->total_ms = migration_now_ms() - s->start_ms;
}

/* The end of savevm-end: nothing of the snapshot is left. (I3) */
static void savevm_end_finish(SnapshotState *s)
{
    s->ending = false;
    timer_del(s->close_timer);
    iothread_destroy(g_steal_pointer(&s->iothread));
    set_state(s, SAVE_STATE_DONE);
}

static void savevm_end_timeout(void *opaque)
{
    SnapshotState *s = opaque;
    GError *err = NULL;

    s->ending = false;
    error_setg(&err, "timeout waiting for target file close in qmp_savevm_end");
    save_snapshot_error(s, err);
}

/* ---- Finishing ---- */

/* With the VM stopped: the rest of the stream. */
static bool complete_snapshot(SnapshotState *s, GError **errp)
{
    int ret = vm_stop_force_state(RUN_STATE_FINISH_MIGRATE);

    if (ret < 0) {
        error_setg_errno(errp, ret, "vm_stop_force_state error");
        return false;
    }
    if (qemu_savevm_state_complete_precopy(s->file, errp) < 0) {
        error_prepend(errp, "qemu_savevm_state_complete_precopy error: ");
        return false;
    }
    return true;
}

static void process_savevm_finalize(void *opaque)
{
    SnapshotState *s = opaque;
    MigrationState *ms = migrate_get_current();
    RunState before = runstate_get();
    bool ok = get_state(s) == SAVE_STATE_ACTIVE;
    GError *err = NULL;

    if (blk_set_aio_context(s->target, qemu_get_aio_context(), &err) < 0) {
        save_snapshot_error(s, g_steal_pointer(&err));
        ok = false;
    }
    if (ok) {
        global_state_store();
        ok = complete_snapshot(s, &err);
        if (!ok) {
            save_snapshot_error(s, err);
        }
    }
    (void)migrate_set_state(ms, MIGRATION_STATUS_SETUP, ok ? MIGRATION_STATUS_COMPLETED : MIGRATION_STATUS_FAILED);
    qemu_savevm_state_cleanup();
    save_snapshot_close(s, ok);
    (void)move_state(s, SAVE_STATE_ACTIVE, SAVE_STATE_COMPLETED);       /* an error or a cancel stays */
    if (runstate_check(RUN_STATE_FINISH_MIGRATE)) {
        vm_resume(before);
    }
    if (s->ending) {
        savevm_end_finish(s);
    }
}

/* ---- The coroutine ---- */

/* Nodes of other contexts than the main one: a flush there now makes the one with the VM stopped short. */
static void coroutine_fn flush_foreign_drives(SnapshotState *s)
{
    g_autoptr(GPtrArray) nodes = g_ptr_array_new();
    BdrvNextIterator it;

    bdrv_graph_co_rdlock();
    for (BlockDriverState *bs = bdrv_first(&it); bs; bs = bdrv_next(&it)) {
        if (bs != blk_bs(s->target) && bdrv_get_aio_context(bs) != qemu_get_aio_context()) {
            bdrv_ref(bs);
            g_ptr_array_add(nodes, bs);
        }
    }
    bdrv_graph_co_rdunlock();
    for (unsigned i = 0; i < nodes->len; i++) {
        BlockDriverState *bs = g_ptr_array_index(nodes, i);

        aio_co_reschedule_self(bdrv_get_aio_context(bs));
        bdrv_graph_co_rdlock();
        (void)bdrv_co_flush(bs);        /* an error shows again with the VM stopped */
        bdrv_graph_co_rdunlock();
        aio_co_reschedule_self(qemu_get_aio_context());
        bdrv_co_unref(bs);
    }
}

typedef struct PendingBytes {
    uint64_t must_precopy;
    uint64_t can_postcopy;
} PendingBytes;

/* In a pool thread: takes the BQL. (I1) */
static int savevm_pending_exact(void *opaque)
{
    PendingBytes *p = opaque;

    qemu_savevm_state_pending_exact(&p->must_precopy, &p->can_postcopy);
    return 0;
}

static bool coroutine_fn savevm_iterate_more(SnapshotState *s)
{
    PendingBytes p;

    qemu_savevm_state_pending_estimate(&p.must_precopy, &p.can_postcopy);
    if (p.must_precopy <= FINISH_THRESHOLD) {
        (void)thread_pool_submit_co(savevm_pending_exact, &p);      /* never fails */
    }
    /* Only what must be sent before the end counts: the other part does not shrink by iterating. */
    return p.must_precopy > FINISH_THRESHOLD &&
           __atomic_load_n(&s->bs_pos, __ATOMIC_RELAXED) + p.must_precopy + p.can_postcopy < s->limit;
}

static void coroutine_fn process_savevm_co(void *opaque)
{
    SnapshotState *s = opaque;

    while (get_state(s) == SAVE_STATE_ACTIVE && savevm_iterate_more(s)) {
        int ret = qemu_savevm_state_iterate(s->file);

        if (ret >= 0) {
            ret = qemu_file_get_error(s->file);
        }
        if (ret < 0) {
            GError *err = NULL;

            if (qemu_file_get_error_obj(s->file, &err) == 0) {
                error_setg_errno(&err, ret, "the state cannot be saved");
            }
            error_prepend(&err, "qemu_savevm_state_iterate error: ");
            save_snapshot_error(s, err);
        }
    }
    aio_co_reschedule_self(qemu_get_aio_context());
    if (get_state(s) == SAVE_STATE_ACTIVE) {
        flush_foreign_drives(s);
    }
    qemu_bh_schedule(s->finalize_bh);
}

/* ---- Starting ---- */

static bool open_target(SnapshotState *s, const char *statefile, GError **errp)
{
    QDict *options = qdict_new();
    int64_t length;

    qdict_put_str(options, "driver", "raw");
    s->target = blk_new_open(statefile, NULL, options, BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_NO_FLUSH, errp);
    if (!s->target) {
        error_prepend(errp, "failed to open '%s': ", statefile);
        return false;
    }
    blk_set_trace_name(s->target, "savevm-target");
    blk_set_allow_write_beyond_eof(s->target, true);
    error_setg(&s->blocker, "block device is in use by savevm");
    blk_op_block_all(s->target, s->blocker);
    length = blk_getlength(s->target);
    if (length < 0) {
        error_setg_errno(errp, (int)length, "failed to open '%s'", statefile);
        return false;
    }
    /* A file that is smaller than that is not one of fixed size; it grows. */
    s->limit = length > (int64_t)STATE_RESERVE ? (uint64_t)length - STATE_RESERVE : UINT64_MAX;
    s->file = qemu_fopen_backend(s->target, &s->bs_pos, true);
    qemu_file_set_buffer_size(s->file, STATE_BUFFER_SIZE);
    return true;
}

static bool create_iothread(SnapshotState *s, GError **errp)
{
    if (s->iothread) {
        fprintf(stderr, "rondo: warning: iothread for snapshot already exists - re-using\n");
        return true;
    }
    s->iothread = iothread_create(SAVEVM_ASYNC_IOTHREAD, errp);
    if (!s->iothread) {
        error_prepend(errp, "creating iothread failed: ");
        return false;
    }
    return true;
}

static bool start_stream(SnapshotState *s, GError **errp)
{
    MigrationState *ms = migrate_get_current();
    AioContext *ctx = iothread_get_aio_context(s->iothread);
    Coroutine *co;

    if (migrate_init(ms, errp) < 0) {
        return false;
    }
    migrate_set_file(ms, s->file);
    set_state(s, SAVE_STATE_ACTIVE);
    qemu_savevm_state_header(s->file);
    if (qemu_savevm_state_setup(s->file, errp) < 0) {
        error_prepend(errp, "savevm state setup failed: ");
        return false;
    }
    if (blk_set_aio_context(s->target, ctx, errp) < 0) {
        error_prepend(errp, "failed to set iothread context for VM state target: ");
        return false;   /* (I1) */
    }
    co = qemu_coroutine_create(process_savevm_co, s);
    aio_co_schedule(ctx, co);
    return true;
}

/* (I4) */
static void start_failed(SnapshotState *s, const GError *reason)
{
    GError *err = NULL;

    qemu_savevm_state_cleanup();
    save_snapshot_close(s, false);
    (void)migrate_set_state(migrate_get_current(), MIGRATION_STATUS_SETUP, MIGRATION_STATUS_FAILED);
    iothread_destroy(g_steal_pointer(&s->iothread));
    error_setg(&err, "setup failed: %s", reason->message);
    save_snapshot_error(s, err);
}

bool savevm_async_start(const char *statefile, GError **errp)
{
    SnapshotState *s = snapshot_state();
    GError *err = NULL;

    if (get_state(s) != SAVE_STATE_DONE) {
        error_setg(errp, "VM snapshot already started");
        return false;
    }
    if (migration_is_running()) {
        error_setg(errp, "There's a migration process in progress");
        return false;
    }
    s->bs_pos = 0;
    s->start_ms = migration_now_ms();
    s->total_ms = 0;
    g_clear_error(&s->error);
    s->vm_needs_start = false;
    if (!statefile) {
        s->vm_needs_start = runstate_is_running();
        (void)vm_stop(RUN_STATE_SAVE_VM);       /* the caller snapshots the disks next and meets their errors */
        set_state(s, SAVE_STATE_COMPLETED);
        return true;
    }
    if (migration_blocked_except("vmdk", &err) || !create_iothread(s, &err) || !open_target(s, statefile, &err) ||
        !start_stream(s, &err)) {
        start_failed(s, err);
        g_propagate_error(errp, err);
        return false;
    }
    return true;
}

/* ---- The other commands ---- */

bool savevm_async_end(GError **errp)
{
    SnapshotState *s = snapshot_state();

    if (get_state(s) == SAVE_STATE_DONE) {
        error_setg(errp, "VM snapshot not started");
        return false;
    }
    (void)move_state(s, SAVE_STATE_ACTIVE, SAVE_STATE_CANCELLED);   /* else it is over already, or being cancelled */
    if (s->vm_needs_start) {
        s->vm_needs_start = false;
        vm_start();
    }
    if (s->target) {
        s->ending = true;
        timer_mod(s->close_timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + CLOSE_TIMEOUT_MS);
    } else {
        savevm_end_finish(s);
    }
    return true;
}

void savevm_async_query(SaveVMReport *ret_info)
{
    SnapshotState *s = snapshot_state();
    SaveVMReport info = { 0 };

    switch (get_state(s)) {
    case SAVE_STATE_DONE:
        break;
    case SAVE_STATE_ACTIVE:
        info.status = "active";
        info.has_total_time = true;
        info.total_time_ms = (uint64_t)(migration_now_ms() - s->start_ms);
        break;
    case SAVE_STATE_COMPLETED:
        info.status = "completed";
        info.has_total_time = true;
        info.total_time_ms = (uint64_t)s->total_ms;
        break;
    case SAVE_STATE_ERROR:
        info.status = "failed";
        info.has_total_time = true;
        info.total_time_ms = (uint64_t)s->total_ms;
        sched_mutex_lock(&s->error_lock);
        info.error = s->error ? g_strdup(s->error->message) : NULL;
        sched_mutex_unlock(&s->error_lock);
        break;
    case SAVE_STATE_CANCELLED:
        break;
    }
    info.has_bytes = get_state(s) != SAVE_STATE_DONE;
    info.bytes = __atomic_load_n(&s->bs_pos, __ATOMIC_RELAXED);
    *ret_info = info;
}

int load_snapshot_from_blockdev(const char *filename, GError **errp)
{
    QDict *options = qdict_new();
    GError *blocker = NULL;
    BlockBackend *blk;
    uint64_t pos = 0;
    QEMUFile *f;
    int ret;

    qdict_put_str(options, "driver", "raw");
    blk = blk_new_open(filename, NULL, options, 0, errp);
    if (!blk) {
        error_prepend(errp, "Could not open VM state file: ");
        return -EINVAL;
    }
    error_setg(&blocker, "block device is in use by load state");
    blk_op_block_all(blk, blocker);
    f = qemu_fopen_backend(blk, &pos, false);
    qemu_file_set_buffer_size(f, STATE_BUFFER_SIZE);
    qemu_system_reset(SHUTDOWN_CAUSE_NONE);
    ret = qemu_loadvm_state(f, errp);
    if (ret < 0) {
        error_prepend(errp, "Error %d while loading VM state: ", ret);
        qemu_system_reset(SHUTDOWN_CAUSE_NONE);     /* a client may let it run, and nobody has checked what is in it */
    }
    (void)qemu_fclose(f);       /* only read */
    blk_op_unblock_all(blk, blocker);
    g_error_free(blocker);
    blk_unref(blk);
    return ret;
}

/* ---- Life ---- */

void savevm_async_init(void)
{
    SnapshotState *s = g_new0(SnapshotState, 1);

    sched_object_init(&s->o, "savevm-async", "state");
    sched_mutex_init(&s->error_lock, "savevm-async-error");
    s->finalize_bh = aio_bh_new(iohandler_get_aio_context(), process_savevm_finalize, s);     /* (I2) */
    s->close_timer = timer_new_ms(QEMU_CLOCK_REALTIME, savevm_end_timeout, s);
    machine_set_state(MACHINE_SAVEVM_ASYNC, s);
}

void savevm_async_cleanup(void)
{
    SnapshotState *s = snapshot_state();

    (void)move_state(s, SAVE_STATE_ACTIVE, SAVE_STATE_CANCELLED);
    while (s->target) {
        main_loop_wait(false);
    }
    savevm_end_finish(s);
    timer_free(s->close_timer);
    qemu_bh_delete(s->finalize_bh);
    g_clear_error(&s->error);
    sched_mutex_destroy(&s->error_lock);
    g_free(s);
    machine_set_state(MACHINE_SAVEVM_ASYNC, NULL);
}
