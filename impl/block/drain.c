/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drain: stop new requests from reaching a node, and wait for those in flight.
 *
 * Owns: quiesce_counter of nodes, quiesced_parent of children, the count of drain_all sections.
 * Context: main; coroutines get there through a bottom half.
 *
 * I1  quiesce_counter of a node > 0 exactly while drained_begin has been told to each of its parents, once per child
 *     link (quiesced_parent), however deep sections nest.
 * I2  Telling parents never polls; waiting comes afterwards, and only in the outermost begin.
 * I3  drain_all covers nodes that appear during it (bdrv_new) and releases those that leave (bdrv_close).
 */
#include "block/state.h"
#include "aio/main_loop.h"

/* ---- In-flight counters ---- */

unsigned bdrv_in_flight(BlockDriverState *bs)
{
    return __atomic_load_n(&bs->in_flight, __ATOMIC_SEQ_CST);
}

void bdrv_inc_in_flight(BlockDriverState *bs)
{
    sched_point(SCHED_K_ATOMIC, &bs->o);
    __atomic_fetch_add(&bs->in_flight, 1, __ATOMIC_SEQ_CST);
}

void bdrv_wakeup(BlockDriverState *bs)
{
    aio_wait_kick();
}

void bdrv_dec_in_flight(BlockDriverState *bs)
{
    unsigned old;

    sched_point(SCHED_K_ATOMIC, &bs->o);
    old = __atomic_fetch_sub(&bs->in_flight, 1, __ATOMIC_SEQ_CST);
    assert(old > 0);
    bdrv_wakeup(bs);
}

/* ---- Parents ---- */

void bdrv_parent_drained_begin_single(BdrvChild *c)
{
    GLOBAL_STATE_CODE();
    assert(!c->quiesced_parent);
    c->quiesced_parent = true;
    if (c->klass->drained_begin) {
        c->klass->drained_begin(c);
    }
}

void bdrv_parent_drained_end_single(BdrvChild *c)
{
    GLOBAL_STATE_CODE();
    assert(c->quiesced_parent);
    c->quiesced_parent = false;
    if (c->klass->drained_end) {
        c->klass->drained_end(c);
    }
}

static bool parent_drained_poll(BlockDriverState *bs, BdrvChild *ignore, bool ignore_bds_parents) GRAPH_RDLOCK;
static bool parent_drained_poll(BlockDriverState *bs, BdrvChild *ignore, bool ignore_bds_parents)
{
    BdrvChild *c, *next;
    bool busy = false;

    QLIST_FOREACH_SAFE(c, &bs->parents, next_parent, next) {
        if (c == ignore || (ignore_bds_parents && c->klass->parent_is_bds) || !c->klass->drained_poll) {
            continue;
        }
        busy |= c->klass->drained_poll(c);
    }
    return busy;
}

bool bdrv_drain_poll(BlockDriverState *bs, BdrvChild *ignore_parent, bool ignore_bds_parents)
{
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    if (parent_drained_poll(bs, ignore_parent, ignore_bds_parents)) {
        return true;
    }
    sched_point(SCHED_K_DRAIN_POLL, &bs->o);
    return bdrv_in_flight(bs) != 0;
}

/* ---- One node ---- */

void bdrv_do_drained_begin_quiesce(BlockDriverState *bs, BdrvChild *parent)
{
    BdrvChild *c, *next;

    GLOBAL_STATE_CODE();
    sched_point(SCHED_K_DRAIN_BEGIN, &bs->o);
    if (__atomic_fetch_add(&bs->quiesce_counter, 1, __ATOMIC_SEQ_CST) > 0) {
        return;
    }
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    QLIST_FOREACH_SAFE(c, &bs->parents, next_parent, next) {
        if (c != parent) {
            bdrv_parent_drained_begin_single(c);
        }
    }
    if (bs->drv && bs->drv->bdrv_drain_begin) {
        bs->drv->bdrv_drain_begin(bs);
    }
}

static void drained_end_quiesce(BlockDriverState *bs, BdrvChild *parent)
{
    BdrvChild *c, *next;
    int old;

    GLOBAL_STATE_CODE();
    sched_point(SCHED_K_DRAIN_END, &bs->o);
    assert(bs->quiesce_counter > 0);
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    /* The driver first: parents may send requests as soon as they are told. */
    if (bs->quiesce_counter == 1 && bs->drv && bs->drv->bdrv_drain_end) {
        bs->drv->bdrv_drain_end(bs);
    }
    old = __atomic_fetch_sub(&bs->quiesce_counter, 1, __ATOMIC_SEQ_CST);
    if (old != 1) {
        return;
    }
    QLIST_FOREACH_SAFE(c, &bs->parents, next_parent, next) {
        if (c != parent && c->quiesced_parent) {
            bdrv_parent_drained_end_single(c);
        }
    }
}

/* ---- From a coroutine ---- */

typedef struct CoDrain {
    Coroutine *co;
    BlockDriverState *bs;       /* NULL: all */
    bool begin;
    bool done;
} CoDrain;

static void co_drain_bh(void *opaque)
{
    CoDrain *d = opaque;
    BlockDriverState *bs = d->bs;

    if (bs) {
        bdrv_dec_in_flight(bs);
        if (d->begin) {
            bdrv_drained_begin(bs);
        } else {
            bdrv_drained_end(bs);
        }
    } else if (d->begin) {
        bdrv_drain_all_begin();
    } else {
        bdrv_drain_all_end();
    }
    d->done = true;
    aio_co_wake(d->co);
}

/*
 * Leaves the coroutine, because callbacks of parents must not run in one. The node counts as busy until the bottom
 * half has run, or a drain from elsewhere could finish while this one is only half begun.
 */
static void coroutine_fn co_yield_to_drain(BlockDriverState *bs, bool begin)
{
    CoDrain d = { .co = qemu_coroutine_self(), .bs = bs, .begin = begin };

    if (bs) {
        bdrv_inc_in_flight(bs);
    }
    aio_bh_schedule_oneshot(qemu_get_aio_context(), co_drain_bh, &d);
    qemu_coroutine_yield();
    assert(d.done);
}

/* ---- Waiting ---- */

typedef struct DrainText {
    char text[160];             /* what deadlock reports show while we poll */
} DrainText;

static bool drained_begin_poll(BlockDriverState *bs, DrainText *t)
{
    if (!bdrv_drain_poll(bs, NULL, false)) {
        return false;
    }
    g_snprintf(t->text, sizeof(t->text), "drain of node %s (%u requests in flight)", bs->node_name,
               bdrv_in_flight(bs));
    return true;
}

void coroutine_mixed_fn bdrv_drained_begin(BlockDriverState *bs)
{
    DrainText t = { "drain of a node" };

    if (qemu_in_coroutine()) {
        co_yield_to_drain(bs, true);
        return;
    }
    GLOBAL_STATE_CODE();
    bdrv_do_drained_begin_quiesce(bs, NULL);
    bdrv_graph_check_wait(__func__);
    AIO_WAIT_WHILE_NAMED(NULL, drained_begin_poll(bs, &t), t.text);
}

void coroutine_mixed_fn bdrv_drained_end(BlockDriverState *bs)
{
    if (qemu_in_coroutine()) {
        co_yield_to_drain(bs, false);
        return;
    }
    drained_end_quiesce(bs, NULL);
}

/* ---- All nodes ---- */

void bdrv_drain_all_begin_nopoll(void)
{
    BlockState *s = block_state();
    BlockDriverState *bs;

    GLOBAL_STATE_CODE();
    assert(s->drain_all_count < INT_MAX);
    s->drain_all_count++;
    QTAILQ_FOREACH(bs, &s->all_nodes, bs_list) {
        bdrv_do_drained_begin_quiesce(bs, NULL);
    }
}

/* The busy node goes into @t; NULL: do not say. */
static bool drain_all_poll(DrainText *t)
{
    BlockDriverState *bs;
    bool busy = false;

    QTAILQ_FOREACH(bs, &block_state()->all_nodes, bs_list) {
        if (bdrv_drain_poll(bs, NULL, true)) {
            if (t && !busy) {
                g_snprintf(t->text, sizeof(t->text), "drain of all nodes (%u requests in flight on node %s)",
                           bdrv_in_flight(bs), bs->node_name);
            }
            busy = true;
        }
    }
    return busy;
}

bool bdrv_drain_all_poll(void)
{
    GLOBAL_STATE_CODE();
    return drain_all_poll(NULL);
}

void coroutine_mixed_fn bdrv_drain_all_begin(void)
{
    DrainText t = { "drain of all nodes" };
    BlockDriverState *bs;

    if (qemu_in_coroutine()) {
        co_yield_to_drain(NULL, true);
        return;
    }
    GLOBAL_STATE_CODE();
    bdrv_drain_all_begin_nopoll();
    bdrv_graph_check_wait(__func__);
    /* In several contexts at once, so the context is NULL: only the main context may wait like that. */
    AIO_WAIT_WHILE_NAMED(NULL, drain_all_poll(&t), t.text);
    QTAILQ_FOREACH(bs, &block_state()->all_nodes, bs_list) {
        assert(bdrv_in_flight(bs) == 0);
    }
}

void bdrv_drain_all_end_quiesce(BlockDriverState *bs)
{
    GLOBAL_STATE_CODE();
    while (bs->quiesce_counter) {
        drained_end_quiesce(bs, NULL);
    }
}

void coroutine_mixed_fn bdrv_drain_all_end(void)
{
    BlockState *s = block_state();
    BlockDriverState *bs;

    if (qemu_in_coroutine()) {
        co_yield_to_drain(NULL, false);
        return;
    }
    GLOBAL_STATE_CODE();
    assert(s->drain_all_count > 0);
    s->drain_all_count--;
    QTAILQ_FOREACH(bs, &s->all_nodes, bs_list) {
        drained_end_quiesce(bs, NULL);
    }
}

void coroutine_mixed_fn bdrv_drain_all(void)
{
    bdrv_drain_all_begin();
    bdrv_drain_all_end();
}
