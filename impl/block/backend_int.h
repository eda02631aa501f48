/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The backend's struct, for impl/block/backend*.c and blockdev_drive.c. */
#ifndef BLOCK_BACKEND_INT_H
#define BLOCK_BACKEND_INT_H

#include "block/state.h"

typedef struct BlkAioNotifier {
    void (*attached)(AioContext *new_context, void *opaque);
    void (*detach)(void *opaque);
    void *opaque;
} BlkAioNotifier;

struct BlockBackend {
    SchedObject o;                  /* type "backend" */

    /* ---- BQL ---- */
    char *name;                     /* "" for anonymous ones */
    char *trace_name;
    int refcnt;
    BdrvChild *root;                /* also read with the graph reader lock; changed with the writer lock */
    AioContext *ctx;
    void *dev;
    char *dev_name;
    const BlockDevOps *dev_ops;
    void *dev_opaque;
    DriveInfo *dinfo;
    uint64_t perm;                  /* what the user wants */
    uint64_t shared_perm;
    bool disable_perm;              /* the node is inactive: nothing is taken, everything shared */
    bool allow_aio_context_change;
    bool allow_write_beyond_eof;
    bool force_allow_inactivate;
    BlockdevOnError on_read_error;
    BlockdevOnError on_write_error;
    bool iostatus_enabled;
    const char *iostatus;
    GArray *aio_notifiers;          /* BlkAioNotifier */
    QTAILQ_ENTRY(BlockBackend) link;
    QTAILQ_ENTRY(BlockBackend) monitor_link;

    /* ---- atomics ---- */
    unsigned in_flight;
    int quiesce_counter;
    bool disable_request_queuing;
    int enable_write_cache;
    BlockAcctStats stats;

    /* ---- queue_lock ---- */
    SchedMutex queue_lock;
    CoQueue queued_requests;        /* parked while drained; not in flight */
};

#endif
