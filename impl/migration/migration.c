/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sending side as commands see it: start, cancel, continue, query. The thread's work is in migration_thread.c.
 *
 * Owns: MACHINE_MIGRATION. Context and invariants: migration.h.
 */
#include "migration/migration.h"

#include "aio/main_loop.h"
#include "base/assert.h"
#include "migration/global_state.h"
#include "migration/migration_int.h"
#include "migration/savevm_async.h"
#include "migration/savevm_int.h"
#include "sched/machine.h"

#include <stdio.h>

static const char *const status_names[MIGRATION_STATUS__MAX] = {
    [MIGRATION_STATUS_NONE] = "none",
    [MIGRATION_STATUS_SETUP] = "setup",
    [MIGRATION_STATUS_CANCELLING] = "cancelling",
    [MIGRATION_STATUS_CANCELLED] = "cancelled",
    [MIGRATION_STATUS_ACTIVE] = "active",
    [MIGRATION_STATUS_POSTCOPY_ACTIVE] = "postcopy-active",
    [MIGRATION_STATUS_POSTCOPY_PAUSED] = "postcopy-paused",
    [MIGRATION_STATUS_POSTCOPY_RECOVER_SETUP] = "postcopy-recover-setup",
    [MIGRATION_STATUS_POSTCOPY_RECOVER] = "postcopy-recover",
    [MIGRATION_STATUS_COMPLETED] = "completed",
    [MIGRATION_STATUS_FAILED] = "failed",
    [MIGRATION_STATUS_COLO] = "colo",
    [MIGRATION_STATUS_PRE_SWITCHOVER] = "pre-switchover",
    [MIGRATION_STATUS_DEVICE] = "device",
    [MIGRATION_STATUS_WAIT_UNPLUG] = "wait-unplug",
};

const char *MigrationStatus_str(MigrationStatus s)
{
    assert(s < MIGRATION_STATUS__MAX);
    return status_names[s];
}

MigrationModule *migration_module(void)
{
    MigrationModule *m = machine_state(MACHINE_MIGRATION);

    assert(m);
    return m;
}

bool migration_module_exists(void)
{
    return machine_state(MACHINE_MIGRATION) != NULL;
}

MigrationState *migrate_get_current(void)
{
    return &migration_module()->out;
}

int64_t migration_now_ms(void)
{
    return sched_clock_ns(SCHED_CLOCK_MONOTONIC) / 1000000;
}

void migration_report(const GError *err)
{
    fprintf(stderr, "rondo: %s\n", err->message);
}

bool migration_autostart(void)
{
    return migration_module()->autostart;
}

void migration_set_autostart(bool autostart)
{
    migration_module()->autostart = autostart;
}

/* ---- State ---- */

MigrationStatus migration_status(void)
{
    MigrationState *s = migrate_get_current();

    return __atomic_load_n(&s->state, __ATOMIC_SEQ_CST);
}

bool migrate_set_state(MigrationState *s, MigrationStatus old, MigrationStatus new)
{
    sched_point(SCHED_K_ATOMIC, &s->state_o);
    if (!__atomic_compare_exchange_n(&s->state, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        return false;
    }
    migration_event_status(new);
    return true;
}

static bool status_is_running(MigrationStatus status)
{
    switch (status) {
    case MIGRATION_STATUS_SETUP:
    case MIGRATION_STATUS_CANCELLING:
    case MIGRATION_STATUS_ACTIVE:
    case MIGRATION_STATUS_PRE_SWITCHOVER:
    case MIGRATION_STATUS_DEVICE:
        return true;
    default:
        return false;
    }
}

bool migration_is_running(void)
{
    return migration_module_exists() && status_is_running(migration_status());
}

bool migration_is_idle(void)
{
    return !migration_is_running();
}

bool migration_in_setup(void)
{
    return migration_module_exists() && migration_status() == MIGRATION_STATUS_SETUP;
}

bool migration_has_failed(void)
{
    MigrationStatus status = migration_status();

    return status == MIGRATION_STATUS_CANCELLED || status == MIGRATION_STATUS_FAILED;
}

void migrate_set_error(MigrationState *s, const GError *err)
{
    sched_mutex_lock(&s->error_lock);
    if (!s->error) {
        s->error = g_error_copy(err);
    }
    sched_mutex_unlock(&s->error_lock);
}

void migrate_set_file(MigrationState *s, QEMUFile *f)
{
    sched_mutex_lock(&s->file_lock);
    s->to_dst_file = f;
    sched_mutex_unlock(&s->file_lock);
}

int migrate_init(MigrationState *s, GError **errp)
{
    MigrationStatus old = migration_status();

    assert(bql_locked());
    if (status_is_running(old) || s->thread) {
        error_setg(errp, "There's a migration process in progress");
        return -EBUSY;
    }
    sched_mutex_lock(&s->error_lock);
    g_clear_error(&s->error);
    sched_mutex_unlock(&s->error_lock);
    s->vm_old_state = RUN_STATE__MAX;
    s->threshold_size = 0;
    s->mbps = 0;
    s->setup_time_ms = s->total_time_ms = s->downtime_ms = s->expected_downtime_ms = s->downtime_start_ms = 0;
    s->precopy_bytes = s->downtime_bytes = 0;
    s->start_time_ms = migration_now_ms();
    (void)migrate_set_state(s, old, MIGRATION_STATUS_SETUP);     /* with the BQL nobody else leaves an idle state */
    return 0;
}

/* ---- Events and notifiers ---- */

struct MigrationNotifier {
    MigrationNotifyFunc *fn;
    void *opaque;
};

void migration_set_events(const MigrationEvents *events)
{
    migration_module()->events = events;
}

void migration_event_status(MigrationStatus status)
{
    const MigrationEvents *ev = migration_module()->events;

    if (ev && ev->status && migrate_events()) {
        ev->status(status);
    }
}

void migration_event_pass(int64_t pass)
{
    const MigrationEvents *ev = migration_module()->events;

    if (ev && ev->pass && migrate_events()) {
        ev->pass(pass);
    }
}

MigrationNotifier *migration_add_notifier(MigrationNotifyFunc *fn, void *opaque)
{
    MigrationNotifier *n = g_new0(MigrationNotifier, 1);

    n->fn = fn;
    n->opaque = opaque;
    g_ptr_array_add(migration_module()->notifiers, n);
    return n;
}

void migration_remove_notifier(MigrationNotifier *n)
{
    if (n) {
        (void)g_ptr_array_remove(migration_module()->notifiers, n);     /* it was added */
        g_free(n);
    }
}

void migration_call_notifiers(MigrationEventType type)
{
    GPtrArray *all = migration_module()->notifiers;

    for (unsigned i = 0; i < all->len; i++) {
        MigrationNotifier *n = g_ptr_array_index(all, i);

        n->fn(n->opaque, type);
    }
}

/* ---- Commands ---- */

static bool migrate_prepare(GError **errp)
{
    if (migration_is_running()) {
        error_setg(errp, "There's a migration process in progress");
        return false;
    }
    if (runstate_check(RUN_STATE_INMIGRATE)) {
        error_setg(errp, "Guest is waiting for an incoming migration");
        return false;
    }
    if (runstate_check(RUN_STATE_POSTMIGRATE)) {
        error_setg(errp, "Can't migrate the vm that was paused due to previous migration");
        return false;
    }
    return !migration_is_blocked(errp);
}

bool migrate_start(const char *uri, int fd, GError **errp)
{
    MigrationState *s = migrate_get_current();
    MigrationAddress addr;
    QEMUFile *f;

    if (!migration_address_parse(uri, fd, &addr, errp)) {
        return false;
    }
    if (!migrate_prepare(errp) || migrate_init(s, errp) < 0) {
        migration_address_clear(&addr);
        return false;
    }
    s->addr = addr;
    if (addr.transport != MIGRATION_TRANSPORT_SOCKET) {
        /* A connection is made by the thread, which may wait for it; these do not wait. */
        f = migration_open_outgoing(&s->addr, errp);
        if (!f) {
            (void)migrate_set_state(s, MIGRATION_STATUS_SETUP, MIGRATION_STATUS_FAILED);
            migration_address_clear(&s->addr);
            return false;
        }
        migrate_set_file(s, f);
    }
    migration_call_notifiers(MIG_EVENT_PRECOPY_SETUP);
    s->thread = sched_thread_create("live_migration", migration_thread, s);
    return true;
}

void migrate_cancel(void)
{
    MigrationState *s = migrate_get_current();
    MigrationStatus old;

    if (!s->thread) {
        return;     /* idle, or a snapshot, which has its own way to end */
    }
    do {
        old = migration_status();
        if (!status_is_running(old) || old == MIGRATION_STATUS_CANCELLING) {
            return;
        }
    } while (!migrate_set_state(s, old, MIGRATION_STATUS_CANCELLING));
    if (old == MIGRATION_STATUS_PRE_SWITCHOVER) {
        sched_sem_post(&s->pause_sem);
    }
    sched_sem_post(&s->rate_sem);
    sched_mutex_lock(&s->file_lock);
    if (s->to_dst_file) {
        (void)qemu_file_shutdown(s->to_dst_file);   /* a file cannot be shut down, and never blocks for long */
    }
    sched_mutex_unlock(&s->file_lock);
}

bool migrate_continue(MigrationStatus state, GError **errp)
{
    MigrationState *s = migrate_get_current();
    MigrationStatus now = migration_status();

    if (now != state) {
        error_setg(errp, "Migration not in expected state: %s", MigrationStatus_str(now));
        return false;
    }
    if (now == MIGRATION_STATUS_PRE_SWITCHOVER) {
        sched_sem_post(&s->pause_sem);
    }
    return true;
}

/*
 * Bottom half, and the end of migration_shutdown: the thread is done or about to be. Of the iohandler context: it lets
 * go of the BQL, which must not happen in the middle of whatever polls the main context.
 */
static void migrate_fd_cleanup(void *opaque)
{
    MigrationState *s = opaque;
    QEMUFile *f;

    if (!s->thread) {
        return;
    }
    bql_unlock();
    sched_thread_join(s->thread);
    bql_lock();
    s->thread = NULL;
    qemu_savevm_state_cleanup();
    f = s->to_dst_file;
    migrate_set_file(s, NULL);
    (void)qemu_fclose(f);       /* how the migration ended is decided; a late error changes nothing */
    migration_address_clear(&s->addr);
    (void)migrate_set_state(s, MIGRATION_STATUS_CANCELLING, MIGRATION_STATUS_CANCELLED);
    migration_call_notifiers(migration_has_failed() ? MIG_EVENT_PRECOPY_FAILED : MIG_EVENT_PRECOPY_DONE);
}

/* ---- Query ---- */

static void query_outgoing(MigrationReport *info, MigrationState *s)
{
    RAMStats ram = ram_stats();

    info->has_status = true;
    info->status = migration_status();
    info->has_ram = info->status != MIGRATION_STATUS_SETUP;
    info->ram_transferred = ram.transferred;
    info->ram_remaining = ram.remaining_pages * 4096;
    info->ram_total = ram_bytes_total();
    info->ram_duplicate = ram.zero_pages;
    info->ram_normal = ram.normal_pages;
    info->ram_dirty_pages_rate = ram.dirty_pages_rate;
    info->ram_dirty_sync_count = ram.dirty_sync_count;
    info->ram_precopy_bytes = s->precopy_bytes;
    __atomic_load(&s->downtime_bytes, &info->ram_downtime_bytes, __ATOMIC_RELAXED);
    __atomic_load(&s->mbps, &info->ram_mbps, __ATOMIC_RELAXED);
    __atomic_load(&s->setup_time_ms, &info->setup_time_ms, __ATOMIC_RELAXED);
    if (status_is_running(info->status)) {
        info->total_time_ms = migration_now_ms() - s->start_time_ms;
        info->has_expected_downtime = info->status != MIGRATION_STATUS_SETUP;
        __atomic_load(&s->expected_downtime_ms, &info->expected_downtime_ms, __ATOMIC_RELAXED);
    } else {
        info->total_time_ms = s->total_time_ms;
        info->has_downtime = info->status == MIGRATION_STATUS_COMPLETED;
        info->downtime_ms = s->downtime_ms;
    }
    sched_mutex_lock(&s->error_lock);
    info->error_desc = s->error ? g_strdup(s->error->message) : NULL;
    sched_mutex_unlock(&s->error_lock);
}

MigrationReport *migration_query(void)
{
    MigrationModule *m = migration_module();
    MigrationReport *info = g_new0(MigrationReport, 1);

    if (migration_status() != MIGRATION_STATUS_NONE) {
        query_outgoing(info, &m->out);
    } else if (m->in.state != MIGRATION_STATUS_NONE) {
        info->has_status = true;
        info->status = m->in.state;
        info->error_desc = m->in.error ? g_strdup(m->in.error->message) : NULL;
    }
    info->blocked_reasons = migration_blocked_reasons();
    return info;
}

void migration_report_free(MigrationReport *info)
{
    if (info) {
        g_free(info->error_desc);
        g_clear_pointer(&info->blocked_reasons, g_ptr_array_unref);
        g_free(info);
    }
}

/* ---- Life ---- */

void migration_object_init(bool autostart)
{
    MigrationModule *m = g_new0(MigrationModule, 1);
    MigrationState *s = &m->out;

    machine_set_state(MACHINE_MIGRATION, m);
    m->autostart = autostart;
    m->blockers = g_ptr_array_new();
    m->notifiers = g_ptr_array_new();
    sched_object_init(&s->state_o, "migration", "state");
    s->vm_old_state = RUN_STATE__MAX;
    s->addr.fd = -1;
    sched_mutex_init(&s->file_lock, "migration-file");
    sched_mutex_init(&s->error_lock, "migration-error");
    sched_sem_init(&s->pause_sem, "migration-pause", 0);
    sched_sem_init(&s->rate_sem, "migration-rate", 0);
    s->cleanup_bh = aio_bh_new(iohandler_get_aio_context(), migrate_fd_cleanup, s);
    migration_options_init();
    savevm_init();
    migration_incoming_init();
    global_state_init();
    ram_mig_init();
    savevm_async_init();
}

void migration_shutdown(void)
{
    migrate_cancel();
    migrate_fd_cleanup(migrate_get_current());
    migration_incoming_shutdown();
}

void migration_object_cleanup(void)
{
    MigrationModule *m = migration_module();
    MigrationState *s = &m->out;

    assert(!s->thread && !s->to_dst_file);
    ram_mig_cleanup();
    global_state_cleanup();
    migration_incoming_cleanup();
    savevm_cleanup();
    qemu_bh_delete(s->cleanup_bh);
    g_clear_error(&s->error);
    sched_sem_destroy(&s->rate_sem);
    sched_sem_destroy(&s->pause_sem);
    sched_mutex_destroy(&s->error_lock);
    sched_mutex_destroy(&s->file_lock);
    assert(m->blockers->len == 0);
    g_ptr_array_free(m->blockers, TRUE);
    assert(m->notifiers->len == 0);
    g_ptr_array_free(m->notifiers, TRUE);
    g_free(m);
    machine_set_state(MACHINE_MIGRATION, NULL);
}
