/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The graph lock.
 *
 * Owns: the writer flag, one reader counter per AioContext, the queue of parked readers.
 * Context: writers in the main context with the BQL, readers in coroutines of any context.
 * Locks: graph_mutex, a leaf; held for a few instructions, given up while a reader parks.
 *
 * I1  While has_writer is set and the sum of all counters is zero, the writer owns the graph.
 * I2  A reader raises its counter before it looks at has_writer; the writer raises has_writer before it looks at the
 *     counters. So at least one of the two sees the other.
 * I3  A reader that finds a writer takes its count back before it parks; only wrunlock wakes it.
 * I4  Every coroutine reader counts, whoever runs it: whether a thread "is main" may differ between lock and unlock,
 *     so the decision must not depend on it. A counter alone may be negative (the coroutine moved); the sum may not.
 */
#include "block/graph_lock.h"
#include "aio/main_loop.h"
#include "block/state.h"

struct BdrvGraphReader {
    uint32_t count;                 /* atomic */
    BlockState *state;              /* whose list this is in; NULL after the block state is gone */
    QLIST_ENTRY(BdrvGraphReader) next;
};

void bdrv_graph_lock_init(BlockState *s)
{
    sched_object_init(&s->graph_o, "graph lock", "graph");
    sched_mutex_init(&s->graph_mutex, "graph readers");
    QLIST_INIT(&s->readers);
    qemu_co_queue_init(&s->reader_queue);
}

void bdrv_graph_lock_cleanup(BlockState *s)
{
    BdrvGraphReader *r, *next;

    assert(!s->has_writer);
    QLIST_FOREACH_SAFE(r, &s->readers, next, next) {
        QLIST_REMOVE(r, next);
        r->state = NULL;
    }
    sched_mutex_destroy(&s->graph_mutex);
}

static void reader_destroy(void *opaque)
{
    BdrvGraphReader *r = opaque;
    BlockState *s = r->state;

    if (s) {
        sched_mutex_lock(&s->graph_mutex);
        QLIST_REMOVE(r, next);
        s->orphaned_readers += r->count;
        sched_mutex_unlock(&s->graph_mutex);
    }
    g_free(r);
}

static BdrvGraphReader *current_reader(BlockState *s)
{
    AioContext *ctx = qemu_get_current_aio_context();
    BdrvGraphReader *r;

    assert(ctx);
    r = aio_context_data(ctx, AIO_DATA_GRAPH_LOCK);
    if (r && r->state == s) {
        return r;
    }
    if (!r) {
        r = g_new0(BdrvGraphReader, 1);
        aio_context_set_data(ctx, AIO_DATA_GRAPH_LOCK, r, reader_destroy);
    }
    r->count = 0;
    r->state = s;
    sched_mutex_lock(&s->graph_mutex);
    QLIST_INSERT_HEAD(&s->readers, r, next);
    sched_mutex_unlock(&s->graph_mutex);
    return r;
}

uint32_t bdrv_graph_reader_count(void)
{
    BlockState *s = block_state();
    BdrvGraphReader *r;
    uint32_t rd;

    sched_mutex_lock(&s->graph_mutex);
    rd = s->orphaned_readers;
    QLIST_FOREACH(r, &s->readers, next) {
        rd += __atomic_load_n(&r->count, __ATOMIC_SEQ_CST);
    }
    sched_mutex_unlock(&s->graph_mutex);
    assert((int32_t)rd >= 0);
    return rd;
}

bool bdrv_graph_has_writer(void)
{
    BlockState *s = block_state();

    return s && __atomic_load_n(&s->has_writer, __ATOMIC_SEQ_CST);
}

void bdrv_graph_check_wait(const char *who)
{
    if (bql_locked() && bdrv_graph_has_writer()) {
        base_fatal("%s: blocking wait while the graph writer lock is held: the coroutine that it waits for parks "
                   "as a reader and never ends", who);
    }
}

static void wrlock_wait(BlockState *s)
{
    do {
        /* Readers may have come between the last look and raising the flag (I2): give them the graph and wait. */
        __atomic_store_n(&s->has_writer, false, __ATOMIC_SEQ_CST);
        AIO_WAIT_WHILE_NAMED(NULL, bdrv_graph_reader_count() >= 1, "graph writer lock: for readers to leave");
        sched_point(SCHED_K_GRAPH_WR_BEGIN, &s->graph_o);
        __atomic_store_n(&s->has_writer, true, __ATOMIC_SEQ_CST);
    } while (bdrv_graph_reader_count() >= 1);
    sched_point(SCHED_K_GRAPH_WR_GOT, &s->graph_o);
}

void bdrv_graph_wrlock(void) TSA_NO_TSA
{
    BlockState *s = block_state();

    GLOBAL_STATE_CODE();
    assert(!bdrv_graph_has_writer());
    assert(!qemu_in_coroutine());
    sched_point(SCHED_K_GRAPH_WR_BEGIN, &s->graph_o);
    /* New requests stop, so that readers run out; but without polling, which could recurse into graph changes. */
    bdrv_drain_all_begin_nopoll();
    wrlock_wait(s);
    bdrv_drain_all_end();
}

void bdrv_graph_wrlock_drained(void) TSA_NO_TSA
{
    GLOBAL_STATE_CODE();
    assert(!bdrv_graph_has_writer());
    assert(!qemu_in_coroutine());
    assert(block_state()->drain_all_count > 0);
    wrlock_wait(block_state());
}

void bdrv_graph_wrunlock(void) TSA_NO_TSA
{
    BlockState *s = block_state();

    GLOBAL_STATE_CODE();
    assert(!qemu_in_coroutine());
    sched_point(SCHED_K_GRAPH_WR_UNLOCK, &s->graph_o);
    sched_mutex_lock(&s->graph_mutex);
    assert(s->has_writer);
    __atomic_store_n(&s->has_writer, false, __ATOMIC_SEQ_CST);
    qemu_co_enter_all(&s->reader_queue, &s->graph_mutex);
    sched_mutex_unlock(&s->graph_mutex);
    /* References that were dropped under the lock: the images are really closed before the caller goes on. */
    aio_bh_poll(qemu_get_aio_context());
}

void coroutine_fn bdrv_graph_co_rdlock(void) TSA_NO_TSA
{
    BlockState *s = block_state();

    assert(qemu_in_coroutine());
    for (;;) {
        BdrvGraphReader *r = current_reader(s);

        sched_point(SCHED_K_GRAPH_RD, &s->graph_o);
        __atomic_fetch_add(&r->count, 1, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&s->has_writer, __ATOMIC_SEQ_CST)) {
            return;
        }
        sched_mutex_lock(&s->graph_mutex);
        if (!s->has_writer) {
            sched_mutex_unlock(&s->graph_mutex);
            return;
        }
        __atomic_fetch_sub(&r->count, 1, __ATOMIC_SEQ_CST);     /* (I3) */
        aio_wait_kick();
        qemu_co_queue_wait(&s->reader_queue, &s->graph_mutex);
        sched_mutex_unlock(&s->graph_mutex);
    }
}

void coroutine_fn bdrv_graph_co_rdunlock(void) TSA_NO_TSA
{
    BlockState *s = block_state();
    BdrvGraphReader *r = current_reader(s);

    sched_point(SCHED_K_GRAPH_RD_UNLOCK, &s->graph_o);
    __atomic_fetch_sub(&r->count, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&s->has_writer, __ATOMIC_SEQ_CST)) {
        aio_wait_kick();
    }
}

void bdrv_graph_rdlock_main_loop(void) TSA_NO_TSA
{
    GLOBAL_STATE_CODE();
    assert(!qemu_in_coroutine());
}

void bdrv_graph_rdunlock_main_loop(void) TSA_NO_TSA
{
    GLOBAL_STATE_CODE();
    assert(!qemu_in_coroutine());
}

void assert_bdrv_graph_readable(void) TSA_NO_TSA
{
    assert(qemu_in_main_thread() || bdrv_graph_reader_count() > 0);
}

void assert_bdrv_graph_writable(void) TSA_NO_TSA
{
    assert(qemu_in_main_thread());
    assert(bdrv_graph_has_writer());
}
