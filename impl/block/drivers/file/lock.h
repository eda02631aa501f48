/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Image locking of the file driver; see lock.c. */
#ifndef BLOCK_DRIVERS_FILE_LOCK_H
#define BLOCK_DRIVERS_FILE_LOCK_H

#include "block/block_common.h"

typedef struct FileLock {
    uint64_t perm;              /* bytes of needed permissions that we hold */
    uint64_t unshared;          /* bytes of permissions that we do not share */
} FileLock;

/** file_lock_prepare: take what @perm and @shared need in addition. 0, or -errno with @errp and nothing changed. */
int file_lock_prepare(int fd, FileLock *l, uint64_t perm, uint64_t shared, const char *filename, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;
/** file_lock_settle: give back what @perm and @shared do not need. */
void file_lock_settle(int fd, FileLock *l, uint64_t perm, uint64_t shared);

#endif
