/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: threads have names, their own slots and their creator's machine; contexts move between them; clocks go
 * forward; choices have a plain case.
 */
#include "sched/machine.h"
#include "sched/switch.h"
#include "base/assert.h"

#include <string.h>
#include <unistd.h>

typedef struct Seen {
    SchedThread *self;
    Machine *machine;
    void *coroutine_before, *coroutine_after;
    char name[32];
    int number;
} Seen;

static void look(void *opaque)
{
    Seen *seen = opaque;

    seen->self = sched_thread_self();
    g_strlcpy(seen->name, sched_thread_name(sched_thread_self()), sizeof(seen->name));
    seen->number = sched_thread_number(seen->self);
    seen->machine = machine_current();
    seen->coroutine_before = sched_slot_get(SCHED_SLOT_COROUTINE);
    sched_slot_set(SCHED_SLOT_COROUTINE, seen);
    seen->coroutine_after = sched_slot_get(SCHED_SLOT_COROUTINE);
    machine_set_current(NULL);
}

static void test_slots(void)
{
    Machine *m = machine_new("vm");
    Seen a = { 0 }, b = { 0 };
    SchedThread *ta, *tb;
    int marker;

    machine_set_current(m);
    sched_slot_set(SCHED_SLOT_COROUTINE, &marker);
    ta = sched_thread_create("CPU 0/TCG", look, &a);
    tb = sched_thread_create("iothread0", look, &b);
    sched_thread_join(ta);
    sched_thread_join(tb);
    g_assert_cmpstr(a.name, ==, "CPU 0/TCG");
    g_assert_cmpstr(b.name, ==, "iothread0");
    g_assert_true(a.self == ta && b.self == tb);
    g_assert_true(a.machine == m && b.machine == m);
    g_assert_true(a.number > 0 && b.number > 0 && a.number != b.number);
    g_assert_null(a.coroutine_before);
    g_assert_true(a.coroutine_after == &a);
    /* What others did to theirs did not touch ours. */
    g_assert_true(machine_current() == m);
    g_assert_true(sched_slot_get(SCHED_SLOT_COROUTINE) == &marker);
    sched_slot_set(SCHED_SLOT_COROUTINE, NULL);
    machine_set_current(NULL);
    machine_free(m);
}

static void test_main_thread(void)
{
    g_assert_cmpstr(sched_thread_name(sched_thread_self()), ==, "main");
    g_assert_null(sched_slot_get(SCHED_SLOT_AIO_CONTEXT));
    g_assert_cmpint(sched_thread_number(sched_thread_self()), ==, sched_is_sim() ? 0 : getpid());
}

static void test_machine_state(void)
{
    Machine *m = machine_new("vm");
    int state;

    machine_set_current(m);
    g_assert_cmpstr(machine_name(m), ==, "vm");
    g_assert_null(machine_state(MACHINE_BLOCK));
    machine_set_state(MACHINE_BLOCK, &state);
    g_assert_true(machine_state(MACHINE_BLOCK) == &state);
    g_assert_null(machine_state(MACHINE_JOB));
    machine_set_state(MACHINE_BLOCK, NULL);
    machine_set_current(NULL);
    machine_free(m);
}

typedef struct Hop {
    SchedContext home, ctx;
    SchedThread *first, *second;
} Hop;

static void hop_body(void *opaque)
{
    Hop *h = opaque;

    h->first = sched_thread_self();
    sched_context_switch(&h->ctx, &h->home);
    h->second = sched_thread_self();
    sched_context_exit_to(&h->ctx, &h->home);
}

static void hop_continue(void *opaque)
{
    Hop *h = opaque;

    sched_context_init_thread(&h->home);
    sched_context_switch(&h->home, &h->ctx);
    g_assert_true(h->second == sched_thread_self());
    sched_context_destroy(&h->home);
}

/* A context asks anew who it is after every switch: the thread under it may be another one. */
static void test_context_moves(void)
{
    Hop h;
    void *stack = sched_stack_alloc();

    sched_context_init(&h.ctx, stack, SCHED_STACK_SIZE, hop_body, &h);
    sched_context_init_thread(&h.home);
    sched_context_switch(&h.home, &h.ctx);
    g_assert_true(h.first == sched_thread_self());
    sched_context_destroy(&h.home);
    sched_thread_join(sched_thread_create("second", hop_continue, &h));
    g_assert_true(h.second != h.first);
    sched_context_destroy(&h.ctx);
    sched_stack_free(stack);
}

static void test_clocks(void)
{
    int64_t a = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    int64_t b = sched_clock_ns(SCHED_CLOCK_MONOTONIC);

    g_assert_cmpint(a, <=, b);
    /* After 2025-01-01, whichever engine. */
    g_assert_cmpint(sched_clock_ns(SCHED_CLOCK_HOST), >, 1735689600LL * 1000000000);
}

static void test_chance(void)
{
    uint8_t a[32] = { 0 }, b[32] = { 0 };
    SchedObject o;

    sched_random_bytes(a, sizeof(a));
    sched_random_bytes(b, sizeof(b));
    g_assert_cmpint(memcmp(a, b, sizeof(a)), !=, 0);
    sched_object_init(&o, "fault", "disk0");
    g_assert_cmpuint(sched_choose(SCHED_K_FAULT, &o, 5), ==, 0);
}

static void test_vcpu_slice(void)
{
    SchedObject cpu;
    uint64_t n;

    sched_object_init(&cpu, "cpu", "CPU 0");
    n = sched_vcpu_slice(&cpu, 1000);
    g_assert_cmpuint(n, >=, 1);
    g_assert_cmpuint(n, <=, 1000);
    sched_vcpu_ran(&cpu, n);
}

static void test_blocked_on(void)
{
    const char *old = sched_blocked_on("drain of all nodes");

    g_assert_null(old);
    g_assert_cmpstr(sched_blocked_on(old), ==, "drain of all nodes");
}

static int run(void *opaque)
{
    return g_test_run();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/threads/slots", test_slots);
    g_test_add_func("/threads/main", test_main_thread);
    g_test_add_func("/threads/machine-state", test_machine_state);
    g_test_add_func("/threads/context-moves", test_context_moves);
    g_test_add_func("/threads/clocks", test_clocks);
    g_test_add_func("/threads/chance", test_chance);
    g_test_add_func("/threads/vcpu-slice", test_vcpu_slice);
    g_test_add_func("/threads/blocked-on", test_blocked_on);
    return sched_main(run, NULL);
}
