/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The big lock: guards the guest's devices and everything the main loop owns. One per machine.
 *
 * Not recursive: taking it twice and releasing it when not held are both asserted. A thread that
 * holds it counts as being in the main context (aio/aio.h). Lock order: the BQL before every other
 * SchedMutex.
 */
#ifndef AIO_BQL_H
#define AIO_BQL_H

#include "sched/sched.h"

/** bql_locked: does the calling thread hold the BQL? */
bool bql_locked(void);
/** bql_lock: asserts that the caller does not hold it. Blocks. */
void bql_lock(void);
/** bql_unlock: asserts that the caller holds it. */
void bql_unlock(void);

/** qemu_cond_wait_bql: wait on @cond with the BQL as its mutex. Blocks. */
void qemu_cond_wait_bql(SchedCond *cond);
/** qemu_cond_timedwait_bql: at most @ms milliseconds (>= 0). Returns false if the time ran out. */
bool qemu_cond_timedwait_bql(SchedCond *cond, int ms);

/* BQL_LOCK_GUARD: hold the BQL to the end of the scope; nothing if the caller holds it already. */
typedef struct BQLLockAuto {
    bool taken;
} BQLLockAuto;

static inline BQLLockAuto bql_auto_lock(void)
{
    if (bql_locked()) {
        return (BQLLockAuto){ false };
    }
    bql_lock();
    return (BQLLockAuto){ true };
}

static inline void bql_auto_unlock(BQLLockAuto *l)
{
    if (l->taken) {
        bql_unlock();
    }
}

#define BQL_LOCK_GUARD() \
    G_GNUC_UNUSED __attribute__((cleanup(bql_auto_unlock))) \
    BQLLockAuto G_PASTE(bql_guard_, __LINE__) = bql_auto_lock()

#endif
