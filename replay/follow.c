/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Following a trace: at an address that the trace names, do what it says; everywhere else, the default.
 * A deviation that cannot be followed (its thread is not there or not enabled) is marked and skipped, so that the
 * caller can say which one no longer applies.
 */
#include "replay/oracles.h"
#include "base/assert.h"

#include <string.h>

struct Follower {
    GPtrArray *list;
    GHashTable *by_address;     /* address_hash -> GPtrArray of Deviation */
};

static unsigned address_hash(SchedKind kind, const char *object, uint32_t occurrence)
{
    return g_str_hash(object) * 31 + kind * 7919 + occurrence;
}

Follower *follower_new(GPtrArray *deviations)
{
    Follower *f = g_new0(Follower, 1);

    f->list = g_ptr_array_ref(deviations);
    f->by_address = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    for (unsigned i = 0; i < deviations->len; i++) {
        Deviation *d = deviations->pdata[i];
        gpointer key = GUINT_TO_POINTER(address_hash(d->kind, d->object, d->occurrence));
        GPtrArray *bucket = g_hash_table_lookup(f->by_address, key);

        if (!bucket) {
            bucket = g_ptr_array_new();
            g_hash_table_insert(f->by_address, key, bucket);
        }
        g_ptr_array_add(bucket, d);
        d->fired = d->missed = false;
    }
    return f;
}

void follower_free(Follower *f)
{
    if (f) {
        g_ptr_array_unref(f->list);
        g_hash_table_unref(f->by_address);
        g_free(f);
    }
}

static Deviation *find(Follower *f, SchedThread *self, DeviationType type)
{
    const SimOp *op = sim_thread_op(self);
    unsigned h = address_hash(op->kind, op->object, op->occurrence);
    GPtrArray *bucket = g_hash_table_lookup(f->by_address, GUINT_TO_POINTER(h));

    for (unsigned i = 0; bucket && i < bucket->len; i++) {
        Deviation *d = bucket->pdata[i];

        if (d->type == type && d->kind == op->kind && d->occurrence == op->occurrence && !d->fired &&
            !strcmp(d->object, op->object) && !strcmp(d->thread, sched_thread_name(self))) {
            return d;
        }
    }
    return NULL;
}

static SchedThread *follow_pick(void *opaque, SchedThread *self, SchedThread *def)
{
    Deviation *d = find(opaque, self, DEVIATION_SWITCH);
    SchedThread *to;

    if (!d) {
        return def;
    }
    to = sim_thread_find(d->to);
    if (!to || !sim_thread_enabled(to)) {
        d->missed = true;
        return def;
    }
    d->fired = true;
    return to;
}

static unsigned follow_choose(void *opaque, SchedThread *self, const SimOp *op, unsigned n)
{
    Deviation *d = find(opaque, self, DEVIATION_CHOOSE);

    if (!d || d->value >= n) {
        if (d) {
            d->missed = true;
        }
        return 0;
    }
    d->fired = true;
    return d->value;
}

static uint64_t follow_slice(void *opaque, SchedThread *self, const SimOp *op, uint64_t max)
{
    Deviation *d = find(opaque, self, DEVIATION_SLICE);

    if (!d) {
        return max;
    }
    d->fired = true;
    return CLAMP(d->value, 1, max);
}

SimOracle follower_oracle(Follower *f)
{
    return (SimOracle){ .opaque = f, .pick = follow_pick, .choose = follow_choose, .slice = follow_slice };
}

const Deviation *follower_unmet(const Follower *f, unsigned *ret_index)
{
    for (unsigned i = 0; i < f->list->len; i++) {
        const Deviation *d = f->list->pdata[i];

        if (!d->fired) {
            *ret_index = i;
            return d;
        }
    }
    return NULL;
}
