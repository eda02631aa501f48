/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of descriptors that a client or the parent process passed. "/dev/fdset/N" opens a duplicate of a member of set
 * N.
 *
 * Members belong to whoever passed them: nothing closes them but fdset_remove() and the end of the machine, also not
 * the
 * end of the connection over which they came. A duplicate belongs to its user.
 *
 * Owns: MACHINE_FDSETS. Any thread. Locks: one mutex, nothing is taken under it.
 *
 * I1  A set exists exactly while it has a member or a duplicate.
 * I2  A removed member cannot be opened any more.
 */
#ifndef SCHED_FDSET_H
#define SCHED_FDSET_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/** fdsets_init / fdsets_cleanup: state of the current machine. Duplicates outlive it. Without it no set exists. */
void fdsets_init(void);
void fdsets_cleanup(void);

/**
 * fdset_add: put kernel descriptor @os_fd into set @id, which is made if need be. @id -1: the lowest number that is
 * free.
 * The set owns @os_fd from now on. @opaque: text for fdset_list, copied, may be NULL. Returns the set's number.
 */
int64_t fdset_add(int os_fd, int64_t id, const char *opaque);
/** fdset_remove: close member @os_fd, -1: all members. False if there is no such set or member. */
bool fdset_remove(int64_t id, int64_t os_fd) G_GNUC_WARN_UNUSED_RESULT;

typedef struct FdsetMember {
    int64_t id;                     /* of the set */
    int fd;                         /* -1: the set has no members, only duplicates */
    char *opaque;
} FdsetMember;

/**
 * fdset_list: all members: sets in descending order, each set's in the order added. Array of FdsetMember *; unref it.
 */
GPtrArray *fdset_list(void);

/** fdset_is_name: does @path mean a set? */
bool fdset_is_name(const char *path);
/**
 * fdset_open: duplicate a member whose access is exactly @flags (SCHED_FILE_WRITE, SCHED_FILE_DIRECT).
 * Returns a descriptor for sched_file_*, to be closed with fdset_close(), or -errno with @errp: -ENOENT no such set,
 * -EACCES no member fits.
 */
int fdset_open(const char *path, int flags, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** fdset_close: sched_close() for any file, also one that fdset_open() gave. */
void fdset_close(int fd);

#endif
