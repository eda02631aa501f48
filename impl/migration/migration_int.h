/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of migration/ share. Context: BQL unless a field or function says otherwise. */
#ifndef MIGRATION_MIGRATION_INT_H
#define MIGRATION_MIGRATION_INT_H

#include "aio/aio.h"
#include "aio/coroutine.h"
#include "machine/runstate.h"
#include "mem/memory.h"
#include "migration/migration.h"
#include "migration/ram.h"
#include "migration/savevm.h"
#include "sched/io.h"

typedef struct RAMState RAMState;

/* A parsed migration URI. */
typedef enum MigrationTransport {
    MIGRATION_TRANSPORT_SOCKET,         /* addr: "unix:..." or "tcp:..." */
    MIGRATION_TRANSPORT_EXEC,           /* addr: a shell command */
    MIGRATION_TRANSPORT_FD,             /* addr: name; fd */
    MIGRATION_TRANSPORT_FILE,           /* addr: path; offset */
} MigrationTransport;

typedef struct MigrationAddress {
    MigrationTransport transport;
    char *addr;
    int fd;                             /* kernel descriptor, owned; -1 */
    uint64_t offset;                    /* bytes */
} MigrationAddress;

/** migration_address_parse: pure. Takes @fd (also on failure). Caller clears with migration_address_clear. */
bool migration_address_parse(const char *uri, int fd, MigrationAddress *ret_addr, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;
void migration_address_clear(MigrationAddress *a);
/** migration_open_outgoing: may block (connect). NULL with @errp. */
QEMUFile *migration_open_outgoing(MigrationAddress *a, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** migration_open_incoming: everything but sockets. NULL with @errp. */
QEMUFile *migration_open_incoming(MigrationAddress *a, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* The sending side. */
struct MigrationState {
    SchedObject state_o;                /* choice points around the state */
    MigrationStatus state;              /* atomic, CAS only (I1 of migration.h) */

    /* BQL */
    SchedThread *thread;                /* NULL: none, or joined already */
    QEMUBH *cleanup_bh;
    MigrationAddress addr;              /* the thread's while it runs */

    /* locked by file_lock: cancel shuts the file down while the thread uses it */
    SchedMutex file_lock;
    QEMUFile *to_dst_file;

    /* the owner of the running migration */
    RunState vm_old_state;              /* RUN_STATE__MAX: we have not stopped it */
    uint64_t threshold_size;            /* bytes that fit into the downtime limit */
    int64_t window_start_ms;            /* rate limit and measuring */
    uint64_t window_start_bytes;
    int64_t downtime_start_ms;

    /* BQL */
    int64_t start_time_ms;
    int64_t total_time_ms;
    int64_t downtime_ms;
    uint64_t precopy_bytes;

    /* atomics: stored by the thread, read by query */
    int64_t setup_time_ms;
    int64_t expected_downtime_ms;
    uint64_t downtime_bytes;
    double mbps;

    SchedSem pause_sem;                 /* posted by migrate_continue and cancel */
    SchedSem rate_sem;                  /* posted to end a rate limit sleep */
    SchedMutex error_lock;
    GError *error;                      /* the first */
};

struct MigrationIncomingState {
    MigrationStatus state;              /* main thread only */
    bool started;                       /* one migrate-incoming per process */
    bool exit_on_error;
    bool quitting;
    int listener;                       /* -1: none */
    MigrationAddress addr;
    QEMUFile *from_src_file;
    Coroutine *co;                      /* while it loads */
    QEMUBH *start_bh;                   /* iohandler context */
    QEMUBH *done_bh;                    /* the same */
    GError *error;
};

typedef struct GlobalState {
    uint32_t size;
    uint8_t runstate[100];
    RunState state;
    bool received;
} GlobalState;

typedef struct MigrationModule {
    bool autostart;
    MigrationState out;
    MigrationIncomingState in;
    GlobalState global;
    MigrationSettings params;
    bool caps[MIGRATION_CAPABILITY__MAX];
    GPtrArray *blockers;                /* of MigrationBlocker * */
    GPtrArray *notifiers;               /* of MigrationNotifier * */
    const MigrationEvents *events;
    RAMState *ram;
} MigrationModule;

MigrationModule *migration_module(void);
/** migration_module_exists: false in tools that have no machine. */
bool migration_module_exists(void);

MigrationState *migrate_get_current(void);
MigrationIncomingState *migration_incoming_get_current(void);

/**
 * migrate_init: a new outgoing stream begins; counters to zero, state SETUP. For migrations and snapshots.
 * Fails if one is under way.
 */
int migrate_init(MigrationState *s, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** migrate_set_state: from @old to @new, if it is @old. Any thread. Returns whether it was. */
bool migrate_set_state(MigrationState *s, MigrationStatus old, MigrationStatus new);
/** migrate_set_error: keep a copy of @err if it is the first. Any thread. */
void migrate_set_error(MigrationState *s, const GError *err);
/** migrate_set_file: what cancel may shut down; NULL: nothing. */
void migrate_set_file(MigrationState *s, QEMUFile *f);
void migration_event_status(MigrationStatus status);
void migration_event_pass(int64_t pass);
void migration_call_notifiers(MigrationEventType type);
/** migration_report: one line on stderr, as the program. For failures that no command is there to answer. */
void migration_report(const GError *err);
int64_t migration_now_ms(void);

/** migration_blocked_reasons: texts, or NULL. Caller unrefs. */
GPtrArray *migration_blocked_reasons(void);

void migration_thread(void *opaque);
void migration_incoming_init(void);
void migration_incoming_shutdown(void);
void migration_incoming_cleanup(void);
void migration_options_init(void);
void global_state_init(void);
void global_state_cleanup(void);

#endif
