/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration: the state machines of the sending and of the receiving side, options, blockers.
 *
 * Owns: MACHINE_MIGRATION. Context: BQL, unless a function says otherwise.
 *
 * The sender is the thread "live_migration". It takes the BQL for setup, for exact counts and from the moment it
 * stops the VM until it knows how the migration ended. The receiver is a coroutine of the main thread.
 *
 * I1  The outgoing state changes by compare-and-swap only, so that cancel and the thread cannot both win.
 * I2  Disks are inactivated before the end marker is sent, and activated again in one place
 *     (migration_iteration_finish) whenever the migration did not complete, before the VM may run.
 * I3  migrate_cancel() touches no disk and waits for nothing.
 * I4  A receiver whose guest is not to run yet leaves its images inactive; whoever starts the VM activates them.
 */
#ifndef MIGRATION_MIGRATION_H
#define MIGRATION_MIGRATION_H

#include "base/error.h"
#include "migration/options.h"
#include "migration/qemu_file.h"

#include <stdbool.h>
#include <stdint.h>

/** In the order of the schema. */
typedef enum MigrationStatus {
    MIGRATION_STATUS_NONE,
    MIGRATION_STATUS_SETUP,
    MIGRATION_STATUS_CANCELLING,
    MIGRATION_STATUS_CANCELLED,
    MIGRATION_STATUS_ACTIVE,
    MIGRATION_STATUS_POSTCOPY_ACTIVE,
    MIGRATION_STATUS_POSTCOPY_PAUSED,
    MIGRATION_STATUS_POSTCOPY_RECOVER_SETUP,
    MIGRATION_STATUS_POSTCOPY_RECOVER,
    MIGRATION_STATUS_COMPLETED,
    MIGRATION_STATUS_FAILED,
    MIGRATION_STATUS_COLO,
    MIGRATION_STATUS_PRE_SWITCHOVER,
    MIGRATION_STATUS_DEVICE,
    MIGRATION_STATUS_WAIT_UNPLUG,
    MIGRATION_STATUS__MAX,
} MigrationStatus;

const char *MigrationStatus_str(MigrationStatus s);

typedef struct MigrationState MigrationState;
typedef struct MigrationIncomingState MigrationIncomingState;

/**
 * migration_object_init: state of all of migration/ in the current machine; before devices are made.
 * @autostart: the VM runs as soon as it can (no -S). Registers the RAM and global state sections. Includes
 * savevm_async_init(); its counterpart savevm_async_cleanup() comes before migration_shutdown().
 */
void migration_object_init(bool autostart);
/** migration_shutdown: cancel and wait for the sender. Polls. Sections stay registered. */
void migration_shutdown(void);
/** migration_object_cleanup: after devices are gone. Frees everything. */
void migration_object_cleanup(void);

/** migration_autostart: does the VM start by itself once it could? -S says no, cont says yes. */
bool migration_autostart(void);
void migration_set_autostart(bool autostart);

/* ---- Sending ---- */

/**
 * migrate_start: begin sending to @uri: "unix:PATH", "tcp:HOST:PORT", "exec:COMMAND", "fd:NAME" or
 * "file:PATH[,offset=N]".
 * @fd: for "fd:" the kernel descriptor, taken over; else -1.
 * Returns once the thread runs; how it ends is in migration_query(). Errors: busy, blocked, bad uri.
 */
bool migrate_start(const char *uri, int fd, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** migrate_cancel: ask the sender to stop; nothing if none runs. Returns at once (I3). */
void migrate_cancel(void);
/** migrate_continue: leave the pause before the switch-over. @state must be the present one. */
bool migrate_continue(MigrationStatus state, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* ---- Receiving ---- */

/**
 * migrate_incoming: listen or open as @uri says; "defer" does nothing. Only in run state INMIGRATE, once.
 * @fd: as in migrate_start. @exit_on_error: the process ends with status 1 if loading fails.
 */
bool migrate_incoming(const char *uri, int fd, bool exit_on_error, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* ---- State ---- */

typedef struct MigrationReport {
    bool has_status;
    MigrationStatus status;
    bool has_ram;
    uint64_t ram_transferred;           /* bytes */
    uint64_t ram_remaining;
    uint64_t ram_total;
    uint64_t ram_duplicate;             /* pages */
    uint64_t ram_normal;
    uint64_t ram_dirty_pages_rate;
    uint64_t ram_dirty_sync_count;
    uint64_t ram_precopy_bytes;
    uint64_t ram_downtime_bytes;
    double ram_mbps;
    int64_t total_time_ms;
    int64_t setup_time_ms;
    bool has_downtime;
    int64_t downtime_ms;                /* measured; expected while active */
    bool has_expected_downtime;
    int64_t expected_downtime_ms;
    char *error_desc;
    GPtrArray *blocked_reasons;         /* of char *, or NULL */
} MigrationReport;

/** migration_query: caller frees with migration_report_free. */
MigrationReport *migration_query(void);
void migration_report_free(MigrationReport *info);

MigrationStatus migration_status(void);             /* any thread */
/** migration_is_running: from setup until finished, failed or cancelled. Any thread. */
bool migration_is_running(void);
/** migration_is_idle: a new one could start. */
bool migration_is_idle(void);
/** migration_in_setup etc. are asked by devices. */
bool migration_in_setup(void);
bool migration_has_failed(void);
/** migration_incoming_status: NONE before anything arrived. */
MigrationStatus migration_incoming_status(void);
/** migration_in_incoming: INMIGRATE and not finished. */
bool migration_incoming_active(void);

/** Told of changes; both may be NULL. One listener per machine. Any thread that changes the state. */
typedef struct MigrationEvents {
    void (*status)(MigrationStatus status);         /* only with capability events */
    void (*pass)(int64_t pass);
} MigrationEvents;
void migration_set_events(const MigrationEvents *events);

typedef struct MigrationNotifier MigrationNotifier;
typedef enum MigrationEventType {
    MIG_EVENT_PRECOPY_SETUP,
    MIG_EVENT_PRECOPY_DONE,
    MIG_EVENT_PRECOPY_FAILED,
} MigrationEventType;
typedef void MigrationNotifyFunc(void *opaque, MigrationEventType type);
/** migration_add_notifier: caller removes it. */
MigrationNotifier *migration_add_notifier(MigrationNotifyFunc *fn, void *opaque);
void migration_remove_notifier(MigrationNotifier *n);

/* ---- Blockers ---- */

typedef struct MigrationBlocker MigrationBlocker;
/**
 * migrate_add_blocker: from now on migrations and snapshots fail with @reason. Returns 0 and the handle, or -EBUSY if a
 * migration runs.
 * @tag: short name of the kind of blocker, borrowed ("vmdk", "device", ...).
 */
int migrate_add_blocker(const char *tag, const char *reason, MigrationBlocker **ret_blocker, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;
/** migrate_del_blocker: NULL is allowed; sets *@blocker to NULL. */
void migrate_del_blocker(MigrationBlocker **blocker);
/** migration_is_blocked: @errp tells the first reason. Also true for a device without migration support. */
bool migration_is_blocked(GError **errp);
/** migration_blocked_except: as migration_is_blocked, but blockers tagged @tag do not count. */
bool migration_blocked_except(const char *tag, GError **errp);

#endif
