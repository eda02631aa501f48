/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What oracles and reports may ask of the simulator. Reads only. */
#include "sched/sim_int.h"

#include <string.h>

static const struct {
    const char *name;
    bool reads;
} kinds[SCHED_K__MAX] = {
#define READ true
#define WRITE false
#define X(id, text, mode) [SCHED_K_##id] = { text, mode },
    SCHED_KINDS(X)
#undef X
#undef READ
#undef WRITE
};

const char *sim_kind_name(SchedKind kind)
{
    return kinds[kind].name;
}

SchedKind sim_kind_from_name(const char *name)
{
    SchedKind k;

    for (k = 0; k < SCHED_K__MAX && strcmp(kinds[k].name, name) != 0; k++) {
    }
    return k;
}

uint64_t sim_kind_hash(SchedKind kind)
{
    static uint64_t hashes[SCHED_K__MAX];

    if (!hashes[kind]) {
        hashes[kind] = sim_text_hash(kinds[kind].name);
    }
    return hashes[kind];
}

bool sim_kind_reads(SchedKind kind)
{
    return kinds[kind].reads;
}

bool sim_ops_conflict(const SimOp *a, const SimOp *b)
{
    return a->object_id && a->object_id == b->object_id && !(kinds[a->kind].reads && kinds[b->kind].reads);
}

bool sim_thread_yields(const SchedThread *t)
{
    return t->yielding;
}

const SimOp *sim_thread_op(SchedThread *t)
{
    return &t->op;
}

unsigned sim_thread_id(const SchedThread *t)
{
    return t->id;
}

SchedThread *sim_thread_next(SchedThread *t)
{
    for (unsigned i = 0; i < sim.threads->len; i++) {
        SchedThread *c = sim.threads->pdata[i];

        if (!c->done && (!t || c->id > t->id)) {
            return c;
        }
    }
    return NULL;
}

unsigned sim_threads_created(void)
{
    return sim.next_thread_id;
}

SchedThread *sim_thread_find(const char *name)
{
    for (SchedThread *t = sim_thread_next(NULL); t; t = sim_thread_next(t)) {
        if (!strcmp(t->name, name)) {
            return t;
        }
    }
    return NULL;
}

SchedThread *sim_thread_owner(SchedThread *t)
{
    if (!t->ready) {
        return NULL;
    }
    switch (t->op.kind) {
    case SCHED_K_LOCK:
        return ((SchedMutex *)t->wait)->owner;
    case SCHED_K_THREAD_JOIN:
        return t->wait;
    default:
        return NULL;
    }
}

const char *sim_thread_blocked_on(const SchedThread *t)
{
    return t->blocked_on;
}

unsigned sim_thread_unwind(SchedThread *t, uintptr_t *pcs, unsigned max)
{
    return t == sim.current ? sched_unwind_self(pcs, max, 0, 0) : sched_context_unwind(&t->ctx, pcs, max);
}

void **sim_thread_slots(SchedThread *t)
{
    return t->slots;
}

SchedThread *sim_running(void)
{
    return sim.current;
}

uint64_t sim_steps(void)
{
    return sim.steps;
}

uint64_t sim_decisions(void)
{
    return sim.decisions;
}

uint64_t sim_digest(void)
{
    return sim.digest;
}

int64_t sim_now_ns(void)
{
    return sim.now_ns;
}
