/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints what one stack switch costs, and one context from creation to end on a stack that is reused. */
#include "sched/switch.h"
#include "platform/os.h"

#include <stdio.h>

#define ROUNDS 10000000

static SchedContext home, ctx;

static void forever(void *opaque)
{
    for (;;) {
        sched_context_switch(&ctx, &home);
    }
}

static void once(void *opaque)
{
    sched_context_exit_to(&ctx, &home);
}

int main(void)
{
    void *stack = sched_stack_alloc();
    int64_t start, ns;

    sched_context_init_thread(&home);
    sched_context_init(&ctx, stack, SCHED_STACK_SIZE, forever, NULL);
    start = os_clock_monotonic_ns();
    for (int i = 0; i < ROUNDS / 2; i++) {
        sched_context_switch(&home, &ctx);
    }
    ns = os_clock_monotonic_ns() - start;
    printf("stack switch: %.1f ns\n", (double)ns / ROUNDS);
    sched_context_destroy(&ctx);

    start = os_clock_monotonic_ns();
    for (int i = 0; i < ROUNDS; i++) {
        sched_context_init(&ctx, stack, SCHED_STACK_SIZE, once, NULL);
        sched_context_switch(&home, &ctx);
        sched_context_destroy(&ctx);
    }
    ns = os_clock_monotonic_ns() - start;
    printf("context create, enter, end: %.1f ns\n", (double)ns / ROUNDS);
    sched_context_destroy(&home);
    sched_stack_free(stack);
    return 0;
}
