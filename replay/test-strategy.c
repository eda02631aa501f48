/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Do the strategies have the probabilities that their papers promise? Small programs whose exact answer can be worked
 * out by hand, many seeds, and a tolerance of about five standard deviations.
 */
#include "replay/oracles.h"
#include "base/assert.h"

#include <string.h>

#define RUNS 6000

/* Two threads, each: touch a, touch b. Which of the four orders of the two conflicts came out? */
typedef struct Race {
    SchedObject a, b;
    int first_a, first_b;       /* thread 1 or 2 */
} Race;

typedef struct Racer {
    Race *race;
    int number;
} Racer;

typedef struct Gate {
    Strategy *strategy;         /* in charge once both threads are about to touch a */
    SimOracle inner;
    bool open;
} Gate;

static void touch(void *opaque)
{
    Racer *r = opaque;

    sched_point(SCHED_K_ATOMIC, &r->race->a);
    r->race->first_a = r->race->first_a ? r->race->first_a : r->number;
    sched_point(SCHED_K_ATOMIC, &r->race->b);
    r->race->first_b = r->race->first_b ? r->race->first_b : r->number;
}

static int race_main(void *opaque)
{
    Racer one = { opaque, 1 }, two = { opaque, 2 };
    SchedThread *t1, *t2;

    sched_object_init(&one.race->a, "counter", "a");
    sched_object_init(&one.race->b, "counter", "b");
    one.race->first_a = one.race->first_b = 0;
    t1 = sched_thread_create("one", touch, &one);
    t2 = sched_thread_create("two", touch, &two);
    sched_thread_join(t1);
    sched_thread_join(t2);
    return 0;
}

static bool at_a(const char *name)
{
    SchedThread *t = sim_thread_find(name);

    return t && !strcmp(sim_thread_op(t)->object, "a");
}

/* The default schedule until both stand before a, so that the strategy's first draw decides that race. */
static SchedThread *gate_pick(void *opaque, SchedThread *self, SchedThread *def)
{
    Gate *g = opaque;

    if (!g->open && at_a("one") && at_a("two")) {
        g->open = true;
    }
    if (g->open) {
        return g->inner.pick(g->inner.opaque, self, def);
    }
    for (SchedThread *t = sim_thread_next(NULL); t; t = sim_thread_next(t)) {
        if (sim_thread_enabled(t) && strcmp(sim_thread_op(t)->object, "a") != 0) {
            return t;
        }
    }
    return def;
}

static void ignore_deviation(void *opaque, DeviationType type, SchedThread *self, const char *to, uint64_t value)
{
}

G_NORETURN static void race_ended(void *opaque, SimOutcome outcome, int status, const char *text)
{
    assert(outcome == SIM_EXIT);
    sim_leave(status);
}

/* @ret: how often a1<a2,b1<b2 / a1<a2,b2<b1 / a2<a1,b1<b2 / a2<a1,b2<b1. */
static void run_races(StrategyType type, unsigned depth, unsigned k, unsigned ret[4])
{
    Race race;

    memset(ret, 0, 4 * sizeof(*ret));
    for (unsigned seed = 1; seed <= RUNS; seed++) {
        Strategy *s = strategy_new(type, seed, k, depth, ignore_deviation, NULL);
        Gate gate = { .strategy = s, .inner = strategy_oracle(s) };
        SimConfig config = { .oracle = { .opaque = &gate, .pick = gate_pick, .ended = race_ended } };

        sim_configure(&config);
        sched_main(race_main, &race);
        ret[(race.first_a - 1) * 2 + (race.first_b - 1)]++;
        strategy_free(s);
    }
}

static void check_share(unsigned n, double expected)
{
    double share = (double)n / RUNS;

    g_test_message("share %.3f, expected %.3f", share, expected);
    g_assert_cmpfloat(share, >, expected - 0.033);
    g_assert_cmpfloat(share, <, expected + 0.033);
}

/*
 * POS: a's race is a coin. Say a1 won: a2 draws again, b1 is new. Half the time b1 goes first and wins. Else a2 goes,
 * and b1 kept the smaller of two draws, so the new b2 beats it with 2/3: b2 first in 1/2 * 2/3 = 1/3 of these.
 */
static void test_pos_shares(void)
{
    unsigned n[4];

    run_races(STRATEGY_POS, 1, 1, n);
    check_share(n[0], 1 / 3.0);
    check_share(n[1], 1 / 6.0);
    check_share(n[2], 1 / 6.0);
    check_share(n[3], 1 / 3.0);
}

/* PCT with d = 1 has no change point: whoever has the higher priority wins both races. */
static void test_pct_depth_1(void)
{
    unsigned n[4];

    run_races(STRATEGY_PCT, 1, 4, n);
    check_share(n[0], 1 / 2.0);
    check_share(n[3], 1 / 2.0);
    g_assert_cmpuint(n[1] + n[2], ==, 0);
}

/* PCT with d = 2: a1<a2 and b2<b1 needs two constraints; at least 1/(n k) of the runs must show it. */
static void test_pct_bound(void)
{
    const unsigned k = 4, threads = 3;
    unsigned n[4];

    run_races(STRATEGY_PCT, 2, k, n);
    g_test_message("mixed orders %u and %u of %u", n[1], n[2], RUNS);
    g_assert_cmpuint(n[1] * threads * k, >=, RUNS);
    g_assert_cmpuint(n[2] * threads * k, >=, RUNS);
}

static void test_random_finds_all(void)
{
    unsigned n[4];

    run_races(STRATEGY_RANDOM, 1, 1, n);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpuint(n[i], >, 0);
    }
}

/* The same seed is the same schedule, whatever ran before in the process. */
static void test_seed_repeats(void)
{
    uint64_t first = 0;
    Race race;

    for (unsigned round = 0; round < 3; round++) {
        Strategy *s = strategy_new(STRATEGY_RANDOM, 77, 10, 1, ignore_deviation, NULL);
        SimConfig config = { .oracle = strategy_oracle(s) };

        config.oracle.ended = race_ended;
        sim_configure(&config);
        sched_main(race_main, &race);
        first = round ? first : sim_digest();
        g_assert_cmpuint(sim_digest(), ==, first);
        strategy_free(s);
        run_races(STRATEGY_PCT, 2, 4, (unsigned[4]){ 0 });
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/strategy/pos-shares", test_pos_shares);
    g_test_add_func("/strategy/pct-depth-1", test_pct_depth_1);
    g_test_add_func("/strategy/pct-bound", test_pct_bound);
    g_test_add_func("/strategy/random-finds-all", test_random_finds_all);
    g_test_add_func("/strategy/seed-repeats", test_seed_repeats);
    return g_test_run();
}
