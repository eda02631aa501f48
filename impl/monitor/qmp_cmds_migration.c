/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands of migration/: arguments to plain C and back. All decisions are below.
 *
 * Owns: nothing. Context: main context, BQL, outside coroutines.
 */
#include "monitor/qmp_cmds_migration.h"

#include "migration/migration.h"
#include "migration/savevm_async.h"
#include "migration/snapshot_jobs.h"
#include "monitor/monitor.h"
#include "monitor/qapi_events.h"
#include "monitor/qmp_commands.h"

/* The error of the call is the result of the command. */
#define FORWARD(call)       \
    do {                    \
        if (!(call)) {      \
            return;         \
        }                   \
    } while (0)

/* ---- Migration ---- */

static strList *strings_to_list(const GPtrArray *strings)
{
    strList *list = NULL;

    for (unsigned i = strings ? strings->len : 0; i > 0; i--) {
        strList *e = g_new0(strList, 1);

        e->value = g_strdup(g_ptr_array_index(strings, i - 1));
        e->next = list;
        list = e;
    }
    return list;
}

static MigrationStats *query_ram(const MigrationReport *r)
{
    MigrationStats *ram = g_new0(MigrationStats, 1);

    ram->transferred = (int64_t)r->ram_transferred;
    ram->remaining = (int64_t)r->ram_remaining;
    ram->total = (int64_t)r->ram_total;
    ram->duplicate = (int64_t)r->ram_duplicate;
    ram->normal = (int64_t)r->ram_normal;
    ram->normal_bytes = (int64_t)r->ram_normal * 4096;
    ram->dirty_pages_rate = (int64_t)r->ram_dirty_pages_rate;
    ram->mbps = r->ram_mbps;
    ram->dirty_sync_count = (int64_t)r->ram_dirty_sync_count;
    ram->page_size = 4096;
    ram->precopy_bytes = r->ram_precopy_bytes;
    ram->downtime_bytes = r->ram_downtime_bytes;
    return ram;
}

MigrationInfo *qmp_query_migrate(GError **errp)
{
    MigrationReport *r = migration_query();
    MigrationInfo *info = g_new0(MigrationInfo, 1);

    info->has_status = r->has_status;
    info->status = r->status;
    info->ram = r->has_ram ? query_ram(r) : NULL;
    info->has_total_time = info->has_setup_time = r->has_ram;
    info->total_time = r->total_time_ms;
    info->setup_time = r->setup_time_ms;
    info->has_expected_downtime = r->has_expected_downtime;
    info->expected_downtime = r->expected_downtime_ms;
    info->has_downtime = r->has_downtime;
    info->downtime = r->downtime_ms;
    info->error_desc = g_strdup(r->error_desc);
    info->blocked_reasons = strings_to_list(r->blocked_reasons);
    migration_report_free(r);
    return info;
}

/* The descriptor that "fd:NAME" means, or -1. False with @errp if the name means none. */
static bool uri_fd(const char *uri, int *ret_fd, GError **errp)
{
    *ret_fd = -1;
    if (!g_str_has_prefix(uri, "fd:")) {
        return true;
    }
    *ret_fd = monitor_fd_param(monitor_cur(), uri + strlen("fd:"), errp);
    return *ret_fd >= 0;
}

void qmp_migrate(const char *uri, bool has_detach, bool detach, bool has_resume, bool resume, GError **errp)
{
    int fd;

    if (!uri) {
        error_setg(errp, "need either 'uri' or 'channels' argument");
        return;
    }
    if (has_resume && resume) {
        error_setg(errp, "Cannot resume if there is no paused migration");
        return;
    }
    if (uri_fd(uri, &fd, errp)) {
        FORWARD(migrate_start(uri, fd, errp));
    }
}

void qmp_migrate_incoming(const char *uri, bool has_exit_on_error, bool exit_on_error, GError **errp)
{
    int fd;

    if (!uri) {
        error_setg(errp, "need either 'uri' or 'channels' argument");
        return;
    }
    if (uri_fd(uri, &fd, errp)) {
        FORWARD(migrate_incoming(uri, fd, !has_exit_on_error || exit_on_error, errp));
    }
}

void qmp_migrate_cancel(GError **errp)
{
    migrate_cancel();
}

void qmp_migrate_continue(MigrationStatus state, GError **errp)
{
    FORWARD(migrate_continue(state, errp));
}

/* ---- Options ---- */

void qmp_migrate_set_capabilities(MigrationCapabilityStatusList *capabilities, GError **errp)
{
    MigrationCapability caps[MIGRATION_CAPABILITY__MAX];
    bool states[MIGRATION_CAPABILITY__MAX] = { false };
    unsigned n = 0;

    for (const MigrationCapabilityStatusList *l = capabilities; l; l = l->next) {
        unsigned i = 0;

        while (i < n && caps[i] != l->value->capability) {
            i++;
        }
        caps[i] = l->value->capability;     /* the last word on each counts */
        states[i] = l->value->state;
        n = MAX(n, i + 1);
    }
    FORWARD(migrate_set_capabilities(caps, states, n, errp));
}

MigrationCapabilityStatusList *qmp_query_migrate_capabilities(GError **errp)
{
    MigrationCapabilityStatusList *list = NULL;

    for (int i = MIGRATION_CAPABILITY__MAX - 1; i >= 0; i--) {
        MigrationCapabilityStatusList *e = g_new0(MigrationCapabilityStatusList, 1);

        e->value = g_new0(MigrationCapabilityStatus, 1);
        e->value->capability = (MigrationCapability)i;
        e->value->state = migrate_capability((MigrationCapability)i);
        e->next = list;
        list = e;
    }
    return list;
}

/* Names of the two structs differ only in the has_ flags. */
#define MIGRATION_PARAMETER_FIELDS(X)                                                                               \
    X(announce_initial) X(announce_max) X(announce_rounds) X(announce_step) X(throttle_trigger_threshold)           \
    X(cpu_throttle_initial) X(cpu_throttle_increment) X(cpu_throttle_tailslow) X(max_bandwidth)                     \
    X(avail_switchover_bandwidth) X(downtime_limit) X(multifd_channels) X(xbzrle_cache_size)                        \
    X(max_postcopy_bandwidth) X(max_cpu_throttle)

void qmp_migrate_set_parameters(MigrationParameters *arg, GError **errp)
{
    MigrationSettings p = *migrate_parameters();

#define X(field)                    \
    if (arg->has_##field) {         \
        p.field = arg->field;       \
    }
    MIGRATION_PARAMETER_FIELDS(X)
#undef X
    FORWARD(migrate_set_parameters(&p, errp));
}

MigrationParameters *qmp_query_migrate_parameters(GError **errp)
{
    const MigrationSettings *p = migrate_parameters();
    MigrationParameters *ret = g_new0(MigrationParameters, 1);

#define X(field)                    \
    ret->has_##field = true;        \
    ret->field = p->field;
    MIGRATION_PARAMETER_FIELDS(X)
#undef X
    return ret;
}

/* ---- Snapshots ---- */

/* @list as the NULL-terminated array that lower modules take; borrowed strings, caller frees the array. */
static const char **list_to_strings(const strList *list)
{
    g_autoptr(GPtrArray) strings = g_ptr_array_new();

    for (; list; list = list->next) {
        g_ptr_array_add(strings, list->value);
    }
    g_ptr_array_add(strings, NULL);
    return (const char **)g_ptr_array_free(g_steal_pointer(&strings), FALSE);
}

void qmp_snapshot_save(const char *job_id, const char *tag, const char *vmstate, strList *devices, GError **errp)
{
    g_autofree const char **names = list_to_strings(devices);

    FORWARD(snapshot_save_start(job_id, tag, vmstate, names, errp));
}

void qmp_snapshot_load(const char *job_id, const char *tag, const char *vmstate, strList *devices, GError **errp)
{
    g_autofree const char **names = list_to_strings(devices);

    FORWARD(snapshot_load_start(job_id, tag, vmstate, names, errp));
}

void qmp_snapshot_delete(const char *job_id, const char *tag, strList *devices, GError **errp)
{
    g_autofree const char **names = list_to_strings(devices);

    FORWARD(snapshot_delete_start(job_id, tag, names, errp));
}

void qmp_savevm_start(const char *statefile, GError **errp)
{
    FORWARD(savevm_async_start(statefile, errp));
}

void qmp_savevm_end(GError **errp)
{
    FORWARD(savevm_async_end(errp));
}

SaveVMInfo *qmp_query_savevm(GError **errp)
{
    SaveVMInfo *info = g_new0(SaveVMInfo, 1);
    SaveVMReport r;

    savevm_async_query(&r);
    info->status = g_strdup(r.status);
    info->error = r.error;
    info->has_total_time = r.has_total_time;
    info->total_time = (int64_t)r.total_time_ms;
    info->has_bytes = r.has_bytes;
    info->bytes = (int64_t)r.bytes;
    return info;
}

/* ---- Events ---- */

static const MigrationEvents migration_events = {
    .status = qapi_event_send_migration,
    .pass = qapi_event_send_migration_pass,
};

void monitor_migration_events_init(void)
{
    migration_set_events(&migration_events);
}
