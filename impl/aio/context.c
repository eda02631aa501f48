/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AioContext: life cycle, "current context", parameters, per-context data.
 *
 * Owns: the machine's list of contexts. Locks: AioMachine.ctx_lock, a leaf.
 */
#include "aio/aio_int.h"
#include "aio/bql.h"

AioContext *aio_context_new(const char *name, GError **errp)
{
    AioMachine *m = aio_machine();
    AioContext *ctx = g_new0(AioContext, 1);
    int ret;

    ctx->name = g_strdup(name);
    sched_object_init(&ctx->o, "context", ctx->name);
    ret = event_notifier_init(&ctx->notifier, ctx->name, false);
    if (ret < 0) {
        error_setg_errno(errp, ret, "Failed to make the notifier of event loop '%s'", name);
        g_free(ctx->name);
        g_free(ctx);
        return NULL;
    }
    ctx->machine = m;
    ctx->refs = 1;
    ctx->bh_last = &ctx->bh_first;
    ctx->handlers = g_ptr_array_new();
    ctx->poll.grow = 2;
    ctx->pool_max = THREAD_POOL_MAX_THREADS_DEFAULT;
    timerlistgroup_init(&ctx->timers, m, ctx);
    ctx->co_schedule_bh = aio_bh_new(ctx, aio_co_schedule_bh, ctx);
    aio_spin_lock(&m->ctx_lock);
    g_ptr_array_add(m->contexts, ctx);
    aio_spin_unlock(&m->ctx_lock);
    return ctx;
}

void aio_context_ref(AioContext *ctx)
{
    __atomic_fetch_add(&ctx->refs, 1, __ATOMIC_RELAXED);
}

bool aio_context_try_ref(AioContext *ctx)
{
    int refs = __atomic_load_n(&ctx->refs, __ATOMIC_RELAXED);

    while (refs > 0 && !__atomic_compare_exchange_n(&ctx->refs, &refs, refs + 1, true,
                                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return refs > 0;
}

static void context_free(AioContext *ctx)
{
    AioMachine *m = ctx->machine;

    aio_spin_lock(&m->ctx_lock);
    g_ptr_array_remove(m->contexts, ctx);
    aio_spin_unlock(&m->ctx_lock);
    ctx->refs = 1;              /* deleting the bottom halves below takes and drops a reference */
    assert(!ctx->thread_pool);
    assert(!ctx->co_incoming);
    qemu_bh_delete(ctx->co_schedule_bh);
    aio_bh_flush(ctx);
    for (int i = 0; i < AIO_DATA__MAX; i++) {
        if (ctx->data[i]) {
            ctx->data_destroy[i](ctx->data[i]);
        }
    }
    aio_handlers_free(ctx);
    aio_poll_set_free(ctx->spare_set);
    timerlistgroup_deinit(&ctx->timers);
    event_notifier_cleanup(&ctx->notifier);
    g_free(ctx->name);
    g_free(ctx);
}

void aio_context_stop_pool(AioContext *ctx)
{
    thread_pool_free_aio(ctx->thread_pool);
    ctx->thread_pool = NULL;
}

void aio_context_unref(AioContext *ctx)
{
    if (ctx && __atomic_fetch_sub(&ctx->refs, 1, __ATOMIC_ACQ_REL) == 1) {
        context_free(ctx);
    }
}

const char *aio_context_name(const AioContext *ctx)
{
    return ctx->name;
}

QEMUTimerListGroup *aio_context_timers(AioContext *ctx)
{
    return &ctx->timers;
}

/* ---- Current context ---- */

AioContext *qemu_get_aio_context(void)
{
    return aio_machine()->main_ctx;
}

AioContext *iohandler_get_aio_context(void)
{
    return aio_machine()->iohandler_ctx;
}

AioContext *qemu_get_current_aio_context(void)
{
    AioContext *own = sched_slot_get(SCHED_SLOT_AIO_CONTEXT);

    if (own) {
        return own;
    }
    return bql_locked() ? qemu_get_aio_context() : NULL;
}

void qemu_set_current_aio_context(AioContext *ctx)
{
    assert(!sched_slot_get(SCHED_SLOT_AIO_CONTEXT));
    sched_slot_set(SCHED_SLOT_AIO_CONTEXT, ctx);
    ctx->home = sched_thread_self();
}

bool in_aio_context_home_thread(AioContext *ctx)
{
    return ctx == qemu_get_current_aio_context();
}

/* ---- Parameters ---- */

bool aio_context_set_poll_params(AioContext *ctx, int64_t max_ns, int64_t grow, int64_t shrink,
                                 GError **errp)
{
    if (max_ns < 0 || max_ns > NANOSECONDS_PER_SECOND) {
        error_setg(errp, "poll-max-ns must be between 0 and %" G_GINT64_FORMAT,
                   (gint64)NANOSECONDS_PER_SECOND);
        return false;
    }
    if (grow < 0 || shrink < 0) {
        error_setg(errp, "poll-grow and poll-shrink must not be negative");
        return false;
    }
    __atomic_store_n(&ctx->poll.max_ns, max_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&ctx->poll.grow, grow ? grow : 2, __ATOMIC_RELAXED);
    __atomic_store_n(&ctx->poll.shrink, shrink, __ATOMIC_RELAXED);
    __atomic_store_n(&ctx->poll.now_ns, 0, __ATOMIC_RELAXED);
    aio_notify(ctx);
    return true;
}

void aio_context_set_aio_params(AioContext *ctx, int64_t max_batch)
{
    __atomic_store_n(&ctx->aio_max_batch, max_batch, __ATOMIC_RELAXED);
}

int64_t aio_context_max_batch(const AioContext *ctx)
{
    return __atomic_load_n(&ctx->aio_max_batch, __ATOMIC_RELAXED);
}

bool aio_context_set_thread_pool_params(AioContext *ctx, int64_t min, int64_t max, GError **errp)
{
    if (min < 0 || max < 1 || min > max || max > THREAD_POOL_THREADS_LIMIT) {
        error_setg(errp, "thread-pool-min must be at least 0 and at most thread-pool-max, which "
                   "must be between 1 and %d", THREAD_POOL_THREADS_LIMIT);
        return false;
    }
    ctx->pool_min = min;
    ctx->pool_max = max;
    if (ctx->thread_pool) {
        thread_pool_update_params(ctx->thread_pool);
    }
    return true;
}

ThreadPoolAio *aio_get_thread_pool(AioContext *ctx)
{
    if (!ctx->thread_pool) {
        ctx->thread_pool = thread_pool_new_aio(ctx);
    }
    return ctx->thread_pool;
}

/* ---- Data of upper modules ---- */

void *aio_context_data(AioContext *ctx, AioDataKey key)
{
    return __atomic_load_n(&ctx->data[key], __ATOMIC_ACQUIRE);
}

void aio_context_set_data(AioContext *ctx, AioDataKey key, void *data, void (*destroy)(void *data))
{
    assert(!ctx->data[key]);
    ctx->data_destroy[key] = destroy;
    __atomic_store_n(&ctx->data[key], data, __ATOMIC_RELEASE);
}
