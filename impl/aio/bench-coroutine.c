/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a coroutine costs: create, enter and finish; one yield and re-entry. Best of ten runs. */
#include "aio/coroutine.h"
#include "aio/main_loop.h"
#include "base/assert.h"
#include "sched/machine.h"

#include <stdio.h>

#define ROUNDS 1000000

static void empty_entry(void *opaque)
{
    ++*(unsigned *)opaque;
}

static void yielding_entry(void *opaque)
{
    bool *stop = opaque;

    while (!*stop) {
        qemu_coroutine_yield();
    }
}

static double lifecycle_ns(void)
{
    unsigned ran = 0;
    int64_t start = sched_clock_ns(SCHED_CLOCK_MONOTONIC);

    for (unsigned i = 0; i < ROUNDS; i++) {
        qemu_coroutine_enter(qemu_coroutine_create(empty_entry, &ran));
    }
    assert(ran == ROUNDS);
    return (double)(sched_clock_ns(SCHED_CLOCK_MONOTONIC) - start) / ROUNDS;
}

static double yield_ns(void)
{
    bool stop = false;
    Coroutine *co = qemu_coroutine_create(yielding_entry, &stop);
    int64_t start = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    int64_t end;

    for (unsigned i = 0; i < ROUNDS; i++) {
        qemu_coroutine_enter(co);
    }
    end = sched_clock_ns(SCHED_CLOCK_MONOTONIC);
    stop = true;
    qemu_coroutine_enter(co);
    return (double)(end - start) / ROUNDS;
}

static int run(void *opaque)
{
    Machine *m = machine_new("vm");
    double lifecycle = G_MAXDOUBLE, yield = G_MAXDOUBLE;
    GError *err = NULL;

    machine_set_current(m);
    if (!qemu_init_main_loop(&err)) {
        fprintf(stderr, "%s\n", err->message);
        return 1;
    }
    for (int i = 0; i < 10; i++) {
        lifecycle = MIN(lifecycle, lifecycle_ns());
        yield = MIN(yield, yield_ns());
    }
    printf("coroutine create, enter, finish: %.1f ns (budget 100)\n", lifecycle);
    printf("coroutine yield and re-enter: %.1f ns\n", yield);
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
    return 0;
}

int main(void)
{
    return sched_main(run, NULL);
}
