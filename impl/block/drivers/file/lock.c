/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Image locking: permissions of a node made visible to other processes as byte-range locks on the image.
 *
 * For permission number i (in the order of the BLK_PERM_ bits), a process that
 *   needs it          holds a shared lock on byte 100 + i,
 *   does not share it holds a shared lock on byte 200 + i.
 * Before relying on them it tests for exclusive locks on the opposite bytes: 200 + i for what it needs, 100 + i for
 * what it does not share. The bytes are those that other users of such images (qemu-img) use.
 *
 * Context: main. I1: on failure the locks are what they were.
 */
#include "block/drivers/file/lock.h"
#include "base/assert.h"
#include "sched/io.h"

#define LOCK_PERM_BASE 100
#define LOCK_SHARED_BASE 200
#define LOCK_BITS 4

static const char *const perm_names[LOCK_BITS] = { "consistent read", "write", "write unchanged", "resize" };

static int take(int fd, unsigned base, uint64_t want, uint64_t *held)
{
    for (unsigned i = 0; i < LOCK_BITS; i++) {
        uint64_t bit = 1ULL << i;

        if ((want & bit) && !(*held & bit)) {
            int ret = sched_file_lock(fd, base + i, 1, false);

            if (ret < 0) {
                return ret;
            }
            *held |= bit;
        }
    }
    return 0;
}

static void release(int fd, unsigned base, uint64_t keep, uint64_t *held)
{
    for (unsigned i = 0; i < LOCK_BITS; i++) {
        uint64_t bit = 1ULL << i;

        if ((*held & bit) && !(keep & bit)) {
            result_ignored(sched_file_unlock(fd, base + i, 1));   /* dropping our own lock does not fail */
            *held &= ~bit;
        }
    }
}

static int check_bytes(int fd, unsigned base, uint64_t bits, const char *kind, const char *filename, GError **errp)
{
    for (unsigned i = 0; i < LOCK_BITS; i++) {
        int ret;

        if (!(bits & (1ULL << i))) {
            continue;
        }
        ret = sched_file_test_lock(fd, base + i, 1, true);
        if (ret < 0) {
            error_setg(errp, "Failed to get %s\"%s\" lock\nIs another process using the image [%s]?", kind,
                       perm_names[i], filename);
            return ret;
        }
    }
    return 0;
}

int file_lock_prepare(int fd, FileLock *l, uint64_t perm, uint64_t shared, const char *filename, GError **errp)
{
    FileLock old = *l;
    uint64_t unshared = ~shared & BLK_PERM_ALL;
    int ret;

    ret = take(fd, LOCK_PERM_BASE, perm, &l->perm);
    if (ret == 0) {
        ret = take(fd, LOCK_SHARED_BASE, unshared, &l->unshared);
    }
    if (ret < 0) {
        error_setg_errno(errp, -ret, "Failed to lock byte of image [%s]", filename);
    } else {
        ret = check_bytes(fd, LOCK_SHARED_BASE, perm, "", filename, errp);
        if (ret == 0) {
            ret = check_bytes(fd, LOCK_PERM_BASE, unshared, "shared ", filename, errp);
        }
    }
    if (ret < 0) {
        release(fd, LOCK_PERM_BASE, old.perm, &l->perm);
        release(fd, LOCK_SHARED_BASE, old.unshared, &l->unshared);
    }
    return ret;
}

void file_lock_settle(int fd, FileLock *l, uint64_t perm, uint64_t shared)
{
    release(fd, LOCK_PERM_BASE, perm, &l->perm);
    release(fd, LOCK_SHARED_BASE, ~shared & BLK_PERM_ALL, &l->unshared);
}
