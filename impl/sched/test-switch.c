/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: a context keeps its registers, its stack and its floating-point mode across switches, may end and be
 * replaced on the same stack, may continue on another OS thread, and its suspended stack can be walked.
 * Method: contexts directly, without an engine.
 */
#include "sched/switch.h"
#include "base/assert.h"
#include "platform/os.h"

#include <fenv.h>
#include <string.h>

typedef struct Pair {
    SchedContext home, ctx;
    void *stack;
    int counter;
    bool finished;
} Pair;

static void pair_init(Pair *p, SchedContextFunc *fn)
{
    memset(p, 0, sizeof(*p));
    p->stack = sched_stack_alloc();
    sched_context_init_thread(&p->home);
    sched_context_init(&p->ctx, p->stack, SCHED_STACK_SIZE, fn, p);
}

static void pair_cleanup(Pair *p)
{
    sched_context_destroy(&p->ctx);
    sched_context_destroy(&p->home);
    sched_stack_free(p->stack);
}

static void ping(void *opaque)
{
    Pair *p = opaque;

    for (int i = 0; i < 3; i++) {
        p->counter++;
        sched_context_switch(&p->ctx, &p->home);
    }
    p->finished = true;
    sched_context_exit_to(&p->ctx, &p->home);
}

static void test_ping_pong(void)
{
    Pair p;

    pair_init(&p, ping);
    for (int i = 1; i <= 3; i++) {
        sched_context_switch(&p.home, &p.ctx);
        g_assert_cmpint(p.counter, ==, i);
        g_assert_false(p.finished);
    }
    sched_context_switch(&p.home, &p.ctx);
    g_assert_true(p.finished);
    pair_cleanup(&p);
}

/* More live values than there are caller-saved registers, across a switch. */
static __attribute__((noinline)) uint64_t mix(Pair *p, SchedContext *from, SchedContext *to, uint64_t seed)
{
    uint64_t a = seed + 1, b = seed * 3, c = seed ^ 5, d = seed - 7, e = seed << 3, f = seed | 9, g = ~seed;
    double x = seed * 0.5, y = seed * 0.25;

    for (int i = 0; i < 100; i++) {
        p->counter++;
        sched_context_switch(from, to);
        a += b; b ^= c; c += d; d ^= e; e += f; f ^= g; g += a;
        x = x * 0.5 + (a & 0xff);
        y += x;
    }
    return a ^ b ^ c ^ d ^ e ^ f ^ g ^ (uint64_t)(int64_t)y;
}

static uint64_t mix_result;

static void mix_entry(void *opaque)
{
    Pair *p = opaque;

    mix_result = mix(p, &p->ctx, &p->home, 42);
    sched_context_exit_to(&p->ctx, &p->home);
}

/* The same computation in both contexts, interleaved at every step, must give the same result. */
static void test_registers(void)
{
    Pair p;
    uint64_t mine;

    pair_init(&p, mix_entry);
    mine = mix(&p, &p.home, &p.ctx, 42);
    sched_context_switch(&p.home, &p.ctx);
    g_assert_cmpint(p.counter, ==, 200);
    g_assert_cmphex(mine, ==, mix_result);
    pair_cleanup(&p);
}

static void rounding(void *opaque)
{
    Pair *p = opaque;

    p->counter = fegetround();
    fesetround(FE_UPWARD);
    sched_context_switch(&p->ctx, &p->home);
    p->counter = fegetround();
    sched_context_exit_to(&p->ctx, &p->home);
}

static void test_float_mode(void)
{
    Pair p;

    pair_init(&p, rounding);
    sched_context_switch(&p.home, &p.ctx);
    g_assert_cmpint(p.counter, ==, FE_TONEAREST);
    g_assert_cmpint(fegetround(), ==, FE_TONEAREST);
    fesetround(FE_DOWNWARD);
    sched_context_switch(&p.home, &p.ctx);
    g_assert_cmpint(p.counter, ==, FE_UPWARD);
    g_assert_cmpint(fegetround(), ==, FE_DOWNWARD);
    fesetround(FE_TONEAREST);
    pair_cleanup(&p);
}

static void deep(void *opaque)
{
    Pair *p = opaque;
    volatile char area[SCHED_STACK_SIZE / 2];

    for (size_t i = 0; i < sizeof(area); i += 512) {
        area[i] = (char)i;
    }
    sched_context_switch(&p->ctx, &p->home);
    for (size_t i = 0; i < sizeof(area); i += 512) {
        p->counter += area[i] != (char)i;
    }
    sched_context_exit_to(&p->ctx, &p->home);
}

/* A context that ended in the middle of a deep frame leaves a stack that the next one can use. */
static void test_stack_reuse(void)
{
    Pair p;

    pair_init(&p, deep);
    for (int round = 0; round < 3; round++) {
        sched_context_switch(&p.home, &p.ctx);
        sched_context_switch(&p.home, &p.ctx);
        g_assert_cmpint(p.counter, ==, 0);
        sched_context_destroy(&p.ctx);
        sched_context_init(&p.ctx, p.stack, SCHED_STACK_SIZE, deep, &p);
    }
    pair_cleanup(&p);
}

static void *other_thread(void *opaque)
{
    Pair *p = opaque;
    SchedContext old = p->home;

    sched_context_init_thread(&p->home);
    sched_context_switch(&p->home, &p->ctx);
    sched_context_destroy(&p->home);
    p->home = old;
    return NULL;
}

static void test_continue_on_other_thread(void)
{
    Pair p;
    pthread_t t;
    int r;

    pair_init(&p, ping);
    sched_context_switch(&p.home, &p.ctx);
    r = os_thread_create(&t, "other", other_thread, &p);
    g_assert_cmpint(r, ==, 0);
    os_thread_join(t);
    g_assert_cmpint(p.counter, ==, 2);
    sched_context_switch(&p.home, &p.ctx);
    sched_context_switch(&p.home, &p.ctx);
    g_assert_true(p.finished);
    pair_cleanup(&p);
}

static __attribute__((noinline)) void leaf(Pair *p)
{
    sched_context_switch(&p->ctx, &p->home);
    p->counter++;
}

static __attribute__((noinline)) void middle(Pair *p)
{
    leaf(p);
    p->counter++;
}

static void walked(void *opaque)
{
    Pair *p = opaque;

    middle(p);
    sched_context_exit_to(&p->ctx, &p->home);
}

static bool inside(uintptr_t pc, void *fn)
{
    return pc > (uintptr_t)fn && pc < (uintptr_t)fn + 4096;
}

static void test_unwind(void)
{
    Pair p;
    uintptr_t pcs[16];
    unsigned n;

    pair_init(&p, walked);
    sched_context_switch(&p.home, &p.ctx);
    n = sched_context_unwind(&p.ctx, pcs, G_N_ELEMENTS(pcs));
#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(SCHED_SWITCH_PORTABLE)
    /* switch, leaf, middle, walked, start */
    g_assert_cmpuint(n, ==, 5);
    g_assert_true(inside(pcs[0], sched_context_switch));
    g_assert_true(inside(pcs[1], leaf));
    g_assert_true(inside(pcs[2], middle));
    g_assert_true(inside(pcs[3], walked));
    g_assert_cmpuint(sched_context_unwind(&p.ctx, pcs, 2), ==, 2);
#else
    g_assert_cmpuint(n, ==, 0);
#endif
    sched_context_switch(&p.home, &p.ctx);
    pair_cleanup(&p);
}

static __attribute__((noinline)) unsigned unwind_here(uintptr_t *pcs, unsigned max)
{
    return sched_unwind_self(pcs, max, 0, 0);
}

static void test_unwind_self(void)
{
    uintptr_t pcs[16];
    unsigned n = unwind_here(pcs, G_N_ELEMENTS(pcs));

    g_assert_cmpuint(n, >=, 2);
    g_assert_true(inside(pcs[0], unwind_here));
    g_assert_true(inside(pcs[1], test_unwind_self));
}

static void overflow(void *opaque)
{
    Pair *p = opaque;

    *(volatile char *)((char *)p->stack - 1) = 1;
}

static void test_guard_page(void)
{
    if (g_test_subprocess()) {
        Pair p;
        pair_init(&p, overflow);
        sched_context_switch(&p.home, &p.ctx);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/switch/ping-pong", test_ping_pong);
    g_test_add_func("/switch/registers", test_registers);
    g_test_add_func("/switch/float-mode", test_float_mode);
    g_test_add_func("/switch/stack-reuse", test_stack_reuse);
    g_test_add_func("/switch/continue-on-other-thread", test_continue_on_other_thread);
    g_test_add_func("/switch/unwind", test_unwind);
    g_test_add_func("/switch/unwind-self", test_unwind_self);
    g_test_add_func("/switch/guard-page", test_guard_page);
    return g_test_run();
}
