/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walks over contexts, bottom halves and coroutines. Takes no locks: nothing else runs. */
#include "aio/inspect.h"
#include "aio/aio_int.h"

static AioMachine *machine_aio(Machine *m)
{
    return m ? machine_state_of(m, MACHINE_AIO) : NULL;
}

static void count_bh(AioContext *ctx, const char *name, void *opaque)
{
    ++*(unsigned *)opaque;
}

void aio_inspect_contexts(Machine *m, AioContextInspectFunc *fn, void *opaque)
{
    AioMachine *am = machine_aio(m);

    for (unsigned i = 0; am && i < am->contexts->len; i++) {
        AioContext *ctx = am->contexts->pdata[i];
        AioContextInfo info = {
            .ctx = ctx,
            .name = ctx->name,
            .home = ctx->home,
            .outer_loop_only = ctx->outer_loop_only,
            .polling = ctx->polling > 0,
        };

        aio_inspect_bhs(ctx, count_bh, &info.pending_bhs);
        for (Coroutine *co = ctx->co_incoming; co; co = co->scheduled_next) {
            info.scheduled_coroutines++;
        }
        fn(&info, opaque);
    }
}

static bool bh_live(const QEMUBH *bh)
{
    return (bh->flags & (BH_SCHEDULED | BH_DELETED)) == BH_SCHEDULED;
}

void aio_inspect_bhs(AioContext *ctx, BHInspectFunc *fn, void *opaque)
{
    g_autoptr(GPtrArray) incoming = g_ptr_array_new();

    for (QEMUBH *bh = ctx->bh_first; bh; bh = bh->next) {
        if (bh_live(bh)) {
            fn(ctx, bh->o.name, opaque);
        }
    }
    for (QEMUBH *bh = ctx->bh_incoming; bh; bh = bh->next) {
        g_ptr_array_add(incoming, bh);
    }
    for (unsigned i = incoming->len; i-- > 0;) {
        QEMUBH *bh = incoming->pdata[i];

        if (bh_live(bh)) {
            fn(ctx, bh->o.name, opaque);
        }
    }
}

/* A bug being reported may have freed the context under the coroutine: look it up, do not trust it. */
static void describe_context(AioMachine *am, const Coroutine *co, CoroutineInfo *info)
{
    info->ctx_name = co->ctx ? "a context that is gone" : "none";
    for (unsigned i = 0; i < am->contexts->len; i++) {
        AioContext *ctx = am->contexts->pdata[i];

        if (ctx == co->ctx) {
            info->ctx = ctx;
            info->ctx_name = ctx->name;
        }
        if (ctx == co->scheduled_on) {
            info->scheduled_on = ctx;
        }
    }
}

void aio_inspect_coroutines(Machine *m, CoroutineInspectFunc *fn, void *opaque)
{
    AioMachine *am = machine_aio(m);

    for (Coroutine *co = am ? am->co_all_first : NULL; co; co = co->all_next) {
        CoroutineInfo info = {
            .co = co,
            .name = co->o.name,
            .scheduled = co->scheduled,
            .running = co->caller_stack != NULL,
            .started = co->started,
            .stack = &co->stack,
        };

        if (co->entry) {
            describe_context(am, co, &info);
            fn(&info, opaque);
        }
    }
}

const SchedContext *aio_inspect_caller(const Coroutine *co, const Coroutine **ret_caller)
{
    *ret_caller = co->caller;
    return co->caller_stack;
}
