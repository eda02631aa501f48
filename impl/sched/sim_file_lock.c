/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte-range locks of simulated files. */
#include "sched/sim_file.h"

#include <errno.h>

/* ---- Locks: of the open file description, as the kernel's OFD locks are ---- */

static bool lock_conflicts(SimFile *f, const SimFd *d, uint64_t start, uint64_t end, bool exclusive)
{
    for (unsigned i = 0; i < f->locks->len; i++) {
        SimLock *l = &g_array_index(f->locks, SimLock, i);

        if (l->holder != d && (exclusive || l->exclusive) && l->start < end && start < l->end) {
            return true;
        }
    }
    return false;
}

int sched_file_unlock(int fd, uint64_t offset, uint64_t len)
{
    SimFile *f = sim_file_of(fd);
    uint64_t end = offset + len;

    if (!f) {
        return -EBADF;
    }
    for (unsigned i = f->locks->len; i-- > 0;) {
        SimLock l = g_array_index(f->locks, SimLock, i);

        if (l.holder != sim_fd(fd) || l.start >= end || offset >= l.end) {
            continue;
        }
        g_array_remove_index(f->locks, i);
        if (l.start < offset) {
            SimLock head = { l.holder, l.start, offset, l.exclusive };
            g_array_append_val(f->locks, head);
        }
        if (l.end > end) {
            SimLock tail = { l.holder, end, l.end, l.exclusive };
            g_array_append_val(f->locks, tail);
        }
    }
    return 0;
}

int sched_file_test_lock(int fd, uint64_t offset, uint64_t len, bool exclusive)
{
    SimFile *f = sim_file_of(fd);

    return !f ? -EBADF : lock_conflicts(f, sim_fd(fd), offset, offset + len, exclusive) ? -EAGAIN : 0;
}

int sched_file_lock(int fd, uint64_t offset, uint64_t len, bool exclusive)
{
    SimLock l = { sim_fd(fd), offset, offset + len, exclusive };
    int ret = sched_file_test_lock(fd, offset, len, exclusive);

    if (ret == 0) {
        ret = sched_file_unlock(fd, offset, len);
    }
    if (ret == 0) {
        g_array_append_val(sim_file_of(fd)->locks, l);
    }
    return ret;
}
