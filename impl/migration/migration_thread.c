/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The thread "live_migration": setup, rounds of RAM, switch-over, and the one place where a migration ends.
 *
 * Owns: the fields of MigrationState marked for the owner. Context: no BQL, except where taken below.
 * Locks: BQL, then file_lock or error_lock.
 *
 * I1  From vm_stop() to the end of migration_iteration_finish() the BQL is released only between the two, in the pause
 *     before the switch-over and between completion and finish; who looks at the disks there must expect any state.
 * I2  Images are given up after the VM stopped and before the first byte of device state, so that the destination
 *     never reads an end marker of a source that still owns them.
 */
#include "migration/migration_int.h"

#include "aio/bql.h"
#include "base/assert.h"
#include "migration/block_active.h"
#include "migration/global_state.h"
#include "migration/savevm_int.h"

enum { WINDOW_MS = 100 };       /* rate limit and bandwidth measuring */

/* A number that query-migrate may read at any moment. */
#define STAT_STORE(s, field, value)                                 \
    do {                                                            \
        typeof((s)->field) stat_value_ = (value);                   \
        __atomic_store(&(s)->field, &stat_value_, __ATOMIC_RELAXED); \
    } while (0)

static void thread_set_error(MigrationState *s, GError *err)
{
    migrate_set_error(s, err);
    g_error_free(err);
}

/* Whatever the state was, unless cancel came first. */
static void thread_fail(MigrationState *s)
{
    MigrationStatus now;

    do {
        now = migration_status();
    } while (now != MIGRATION_STATUS_CANCELLING && !migrate_set_state(s, now, MIGRATION_STATUS_FAILED));
}

static bool thread_connect(MigrationState *s)
{
    GError *err = NULL;
    QEMUFile *f;

    if (s->to_dst_file) {
        return true;
    }
    f = migration_open_outgoing(&s->addr, &err);
    if (!f) {
        thread_set_error(s, err);
        return false;
    }
    migrate_set_file(s, f);
    return migration_status() == MIGRATION_STATUS_SETUP;    /* a cancel meanwhile saw no file to shut down */
}

static bool thread_setup(MigrationState *s)
{
    GError *err = NULL;
    int ret;

    /* Both may flush, and both look at what the BQL protects: two sections, so that the main loop gets a turn. */
    bql_lock();
    qemu_savevm_state_header(s->to_dst_file);
    bql_unlock();
    bql_lock();
    ret = qemu_savevm_state_setup(s->to_dst_file, &err);
    bql_unlock();
    if (ret < 0) {
        thread_set_error(s, err);
        return false;
    }
    STAT_STORE(s, setup_time_ms, migration_now_ms() - s->start_time_ms);
    return migrate_set_state(s, MIGRATION_STATUS_SETUP, MIGRATION_STATUS_ACTIVE);
}

/* ---- Bandwidth ---- */

static void window_begin(MigrationState *s)
{
    s->window_start_ms = migration_now_ms();
    s->window_start_bytes = qemu_file_transferred(s->to_dst_file);
    qemu_file_set_rate_limit(s->to_dst_file, MAX(migrate_parameters()->max_bandwidth / (1000 / WINDOW_MS), 1));
    qemu_file_reset_rate(s->to_dst_file);
}

static void window_update(MigrationState *s)
{
    const MigrationSettings *p = migrate_parameters();
    int64_t spent_ms = migration_now_ms() - s->window_start_ms;
    uint64_t bytes, bandwidth, remaining;

    if (spent_ms < WINDOW_MS) {
        return;
    }
    bytes = qemu_file_transferred(s->to_dst_file) - s->window_start_bytes;
    bandwidth = bytes / (uint64_t)spent_ms;         /* bytes per ms */
    s->threshold_size = (p->avail_switchover_bandwidth ? p->avail_switchover_bandwidth / 1000 : bandwidth) *
                        p->downtime_limit;
    STAT_STORE(s, mbps, (double)bytes * 8 / (double)spent_ms / 1000);
    remaining = ram_stats().remaining_pages * TARGET_PAGE_SIZE;
    if (bandwidth > 0) {
        STAT_STORE(s, expected_downtime_ms, (int64_t)(remaining / bandwidth));
    }
    window_begin(s);
}

/* Sleep out the window if all of its bytes are used up. Cancel ends the sleep. */
static void window_wait(MigrationState *s)
{
    int64_t left_ms = s->window_start_ms + WINDOW_MS - migration_now_ms();

    if (qemu_file_rate_exceeded(s->to_dst_file) && left_ms > 0) {
        (void)sched_sem_timedwait(&s->rate_sem, left_ms * 1000000);     /* either way the loop looks again */
    }
}

/* ---- Switch-over ---- */

/* With the BQL. The VM is stopped; wait for the user if he asked for it. */
static bool switchover_pause(MigrationState *s)
{
    if (!migrate_pause_before_switchover()) {
        return migrate_set_state(s, MIGRATION_STATUS_ACTIVE, MIGRATION_STATUS_DEVICE);
    }
    /* A wake-up that an earlier round did not use must not end this one. */
    while (sched_sem_timedwait(&s->pause_sem, 0)) {
    }
    if (!migrate_set_state(s, MIGRATION_STATUS_ACTIVE, MIGRATION_STATUS_PRE_SWITCHOVER)) {
        return false;
    }
    bql_unlock();
    sched_sem_wait(&s->pause_sem);
    bql_lock();
    return migrate_set_state(s, MIGRATION_STATUS_PRE_SWITCHOVER, MIGRATION_STATUS_DEVICE);
}

static bool switchover_precopy(MigrationState *s, GError **errp)
{
    SchedObject *point = &savevm_state()->switchover;
    int ret;

    s->downtime_start_ms = migration_now_ms();
    s->precopy_bytes = qemu_file_transferred(s->to_dst_file);
    s->vm_old_state = runstate_get();
    global_state_store();
    ret = vm_stop_force_state(RUN_STATE_FINISH_MIGRATE);
    if (ret < 0) {
        error_setg_errno(errp, ret, "Failed to stop the VM");
        return false;
    }
    sched_point(SCHED_K_MIG_SWITCHOVER, point);
    if (!switchover_pause(s)) {
        return false;       /* cancelled */
    }
    if (!migration_block_inactivate(errp)) {
        return false;
    }
    sched_point(SCHED_K_MIG_SWITCHOVER, point);     /* (I2) */
    qemu_file_set_rate_limit(s->to_dst_file, 0);
    return qemu_savevm_state_complete_precopy(s->to_dst_file, errp) == 0;
}

static void migration_completion(MigrationState *s)
{
    GError *err = NULL;
    bool ok;

    bql_lock();
    ok = switchover_precopy(s, &err);
    bql_unlock();
    if (ok) {
        STAT_STORE(s, downtime_bytes, qemu_file_transferred(s->to_dst_file) - s->precopy_bytes);
        (void)migrate_set_state(s, MIGRATION_STATUS_DEVICE, MIGRATION_STATUS_COMPLETED);    /* unless cancelled */
        return;
    }
    if (err) {
        thread_set_error(s, err);
    }
    thread_fail(s);
}

/* One round. Returns false when there is nothing more to do. */
static bool migration_iteration_run(MigrationState *s)
{
    uint64_t must_precopy, can_postcopy, pending;

    qemu_savevm_state_pending_estimate(&must_precopy, &can_postcopy);
    pending = must_precopy + can_postcopy;
    if (pending <= s->threshold_size) {
        qemu_savevm_state_pending_exact(&must_precopy, &can_postcopy);
        pending = must_precopy + can_postcopy;
    }
    if (pending == 0 || pending < s->threshold_size) {
        migration_completion(s);
        return false;
    }
    (void)qemu_savevm_state_iterate(s->to_dst_file);    /* errors stick to the file */
    return true;
}

static void migration_loop(MigrationState *s)
{
    GError *err = NULL;

    window_begin(s);
    while (migration_status() == MIGRATION_STATUS_ACTIVE) {
        if (!qemu_file_rate_exceeded(s->to_dst_file) && !migration_iteration_run(s)) {
            return;
        }
        if (qemu_file_get_error_obj(s->to_dst_file, &err)) {
            thread_set_error(s, err);
            thread_fail(s);
            return;
        }
        window_wait(s);
        window_update(s);
    }
}

/* ---- The end ---- */

static void migration_iteration_finish(MigrationState *s)
{
    GError *err = NULL;

    bql_lock();
    s->total_time_ms = migration_now_ms() - s->start_time_ms;
    switch (migration_status()) {
    case MIGRATION_STATUS_COMPLETED:
        s->downtime_ms = migration_now_ms() - s->downtime_start_ms;
        runstate_set(RUN_STATE_POSTMIGRATE);
        break;
    case MIGRATION_STATUS_FAILED:
    case MIGRATION_STATUS_CANCELLED:
    case MIGRATION_STATUS_CANCELLING:
        if (s->vm_old_state == RUN_STATE__MAX) {
            break;      /* never stopped, so nothing was given away */
        }
        if (!migration_block_activate(&err)) {
            migration_report(err);
            thread_set_error(s, err);
            break;      /* a VM without its disks must not run */
        }
        if (runstate_check(RUN_STATE_FINISH_MIGRATE)) {
            vm_resume(s->vm_old_state);
        }
        break;
    default:
        base_fatal("migration ended in state '%s'", MigrationStatus_str(migration_status()));
    }
    qemu_bh_schedule(s->cleanup_bh);
    bql_unlock();
}

void migration_thread(void *opaque)
{
    MigrationState *s = opaque;

    if (thread_connect(s) && thread_setup(s)) {
        migration_loop(s);
    } else {
        thread_fail(s);
    }
    migration_iteration_finish(s);
}
