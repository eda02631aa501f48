/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asynchronous snapshot: the VM's state goes to a raw file while the guest runs; the VM stops only for the rest.
 * Interface and states are those of Proxmox VE (savevm-start, savevm-end, query-savevm, -loadstate).
 * Context: main thread, BQL.
 */
#ifndef MIGRATION_SAVEVM_ASYNC_H
#define MIGRATION_SAVEVM_ASYNC_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct SaveVMReport {
    const char *status;         /* "active", "completed", "failed", or NULL */
    bool has_bytes;
    uint64_t bytes;
    bool has_total_time;
    uint64_t total_time_ms;
    char *error;                /* only with "failed"; caller frees */
} SaveVMReport;

/** savevm_async_start: @statefile: path or NULL (only stop the VM). Returns after setup. Polls. */
bool savevm_async_start(const char *statefile, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** savevm_async_end: end, cancel or acknowledge. Returns at once; the work may finish later. */
bool savevm_async_end(GError **errp) G_GNUC_WARN_UNUSED_RESULT;
void savevm_async_query(SaveVMReport *ret_info);

/** load_snapshot_from_blockdev: -loadstate. Resets the machine, loads @filename. 0 or -errno. */
int load_snapshot_from_blockdev(const char *filename, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

void savevm_async_init(void);
/** savevm_async_cleanup: cancel, wait for the end, free. Polls. */
void savevm_async_cleanup(void);

#endif
