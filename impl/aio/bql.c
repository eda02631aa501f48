/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The big lock. Who holds it is in the thread's slot, so that asking costs no atomic operation. */
#include "aio/bql.h"
#include "aio/aio_int.h"

bool bql_locked(void)
{
    return sched_slot_get(SCHED_SLOT_BQL) != NULL;
}

TSA_NO_TSA void bql_lock(void)
{
    AioMachine *m = aio_machine();

    assert(!bql_locked());
    sched_mutex_lock(&m->bql);
    sched_slot_set(SCHED_SLOT_BQL, m);
}

TSA_NO_TSA void bql_unlock(void)
{
    assert(bql_locked());
    sched_slot_set(SCHED_SLOT_BQL, NULL);
    sched_mutex_unlock(&aio_machine()->bql);
}

TSA_NO_TSA void qemu_cond_wait_bql(SchedCond *cond)
{
    assert(bql_locked());
    sched_cond_wait(cond, &aio_machine()->bql);
}

TSA_NO_TSA bool qemu_cond_timedwait_bql(SchedCond *cond, int ms)
{
    assert(bql_locked());
    return sched_cond_timedwait(cond, &aio_machine()->bql, (int64_t)ms * SCALE_MS);
}
