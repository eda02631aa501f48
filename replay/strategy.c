/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Search strategies.
 *
 * random  sticky: keep the running thread, with a probability drawn once per run, else uniform among the enabled.
 * pct     as published (Burckhardt et al., ASPLOS 2010, section 3): distinct random priorities above d, d-1 change
 * points
 *         drawn from 1..k; one run finds a bug of depth d with probability at least 1/(n k^(d-1)). Only decisions with
 *         two
 *         or more enabled threads count as steps. A thread that would spin is passed over for that decision; that is no
 *         change point. Threads made during the run take a random rank among the unchanged ones.
 * pos     as published (Yuan et al., CAV 2018): every pending operation has a random priority, the highest goes; the
 *         performer's next operation and all operations in conflict with the performed one draw again.
 *
 * Separate random streams for switches and for data, so that dropping one kind of deviation does not shift the other.
 */
#include "replay/oracles.h"
#include "base/assert.h"

#include <string.h>

#define DEPTH_MAX 16

struct Strategy {
    StrategyType type;
    uint64_t rng_switch, rng_data;
    StrategyDeviated *deviated;
    void *opaque;
    uint64_t decisions;
    unsigned stickiness;                /* random: switch one time in so many */
    unsigned slice_odds;                /* cut a vCPU slice short one time in so many */
    unsigned depth;
    uint64_t change[DEPTH_MAX];         /* pct: at which decision */
    GArray *priority;                   /* uint64_t by thread id; 0: not drawn yet */
};

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15ull;      /* splitmix64 */

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

bool strategy_from_name(const char *name, StrategyType *ret)
{
    static const char *const names[] = { "default", "random", "pct", "pos" };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(name, names[i])) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static uint64_t *priority_slot(Strategy *s, SchedThread *t)
{
    unsigned id = sim_thread_id(t);

    if (id >= s->priority->len) {
        g_array_set_size(s->priority, id + 1);
    }
    return &g_array_index(s->priority, uint64_t, id);
}

static uint64_t priority_of(Strategy *s, SchedThread *t)
{
    uint64_t *p = priority_slot(s, t);

    if (!*p) {
        /* Above every change point's value; ties are impossible in practice and harmless. */
        *p = (next_random(&s->rng_switch) >> 1) + DEPTH_MAX + 1;
    }
    return *p;
}

static SchedThread *pick_random(Strategy *s, SchedThread *self, SchedThread *def)
{
    SchedThread *to = def;
    unsigned n = 0;

    if (next_random(&s->rng_switch) % s->stickiness != 0) {
        return def;
    }
    for (SchedThread *t = sim_thread_next(NULL); t; t = sim_thread_next(t)) {
        /* The n-th replaces what there was with probability 1/n: all are equally likely in the end. */
        if (sim_thread_enabled(t) && next_random(&s->rng_switch) % ++n == 0) {
            to = t;
        }
    }
    return to;
}

static SchedThread *highest(Strategy *s, SchedThread *self, SchedThread *def)
{
    SchedThread *best = NULL;

    for (SchedThread *t = sim_thread_next(NULL); t; t = sim_thread_next(t)) {
        if (sim_thread_enabled(t) && !(t == self && sim_thread_yields(t)) &&
            (!best || priority_of(s, t) > priority_of(s, best))) {
            best = t;
        }
    }
    return best ? best : def;
}

static SchedThread *pick_pct(Strategy *s, SchedThread *self, SchedThread *def)
{
    for (unsigned i = 0; i + 1 < s->depth; i++) {
        if (s->change[i] == s->decisions) {
            *priority_slot(s, highest(s, self, def)) = i + 1;
        }
    }
    return highest(s, self, def);
}

static SchedThread *pick_pos(Strategy *s, SchedThread *self, SchedThread *def)
{
    SchedThread *best = highest(s, self, def);
    const SimOp *op = sim_thread_op(best);

    for (SchedThread *t = sim_thread_next(NULL); t; t = sim_thread_next(t)) {
        if (t == best || sim_ops_conflict(op, sim_thread_op(t))) {
            *priority_slot(s, t) = 0;
        }
    }
    return best;
}

static SchedThread *strategy_pick(void *opaque, SchedThread *self, SchedThread *def)
{
    Strategy *s = opaque;
    SchedThread *to = def;

    s->decisions++;
    switch (s->type) {
    case STRATEGY_DEFAULT:
        break;
    case STRATEGY_RANDOM:
        to = pick_random(s, self, def);
        break;
    case STRATEGY_PCT:
        to = pick_pct(s, self, def);
        break;
    case STRATEGY_POS:
        to = pick_pos(s, self, def);
        break;
    }
    if (to != def) {
        s->deviated(s->opaque, DEVIATION_SWITCH, self, sched_thread_name(to), 0);
    }
    return to;
}

static unsigned strategy_choose(void *opaque, SchedThread *self, const SimOp *op, unsigned n)
{
    Strategy *s = opaque;
    unsigned v = s->type == STRATEGY_DEFAULT ? 0 : next_random(&s->rng_data) % n;

    if (v) {
        s->deviated(s->opaque, DEVIATION_CHOOSE, self, NULL, v);
    }
    return v;
}

static uint64_t strategy_slice(void *opaque, SchedThread *self, const SimOp *op, uint64_t max)
{
    Strategy *s = opaque;
    uint64_t n;

    if (s->type == STRATEGY_DEFAULT || next_random(&s->rng_data) % s->slice_odds != 0) {
        return max;
    }
    n = 1 + next_random(&s->rng_data) % max;
    s->deviated(s->opaque, DEVIATION_SLICE, self, NULL, n);
    return n;
}

Strategy *strategy_new(StrategyType type, uint64_t seed, uint64_t k, unsigned depth, StrategyDeviated *deviated,
                       void *opaque)
{
    static const unsigned stickiness[] = { 1, 2, 4, 8, 16, 32, 64, 128 };
    Strategy *s = g_new0(Strategy, 1);

    s->type = type;
    s->rng_switch = seed * 2 + 1;
    s->rng_data = ~seed;
    s->deviated = deviated;
    s->opaque = opaque;
    s->depth = CLAMP(depth, 1, DEPTH_MAX);
    s->stickiness = stickiness[next_random(&s->rng_data) % G_N_ELEMENTS(stickiness)];
    s->slice_odds = 64;
    s->priority = g_array_new(false, true, sizeof(uint64_t));
    for (unsigned i = 0; i + 1 < s->depth; i++) {
        s->change[i] = 1 + next_random(&s->rng_switch) % MAX(k, 1);
    }
    return s;
}

void strategy_free(Strategy *s)
{
    if (s) {
        g_array_unref(s->priority);
        g_free(s);
    }
}

SimOracle strategy_oracle(Strategy *s)
{
    return (SimOracle){ .opaque = s, .pick = strategy_pick, .choose = strategy_choose, .slice = strategy_slice };
}
