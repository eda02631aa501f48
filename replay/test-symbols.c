/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every address of ours has a name and a place, in units before, between and behind those of the assembler. */
#include "replay/symbols.h"

#include "aio/coroutine.h"
#include "base/assert.h"
#include "sched/switch.h"

#include <glib.h>

typedef struct Found {
    char function[80];
    char file[160];
} Found;

static void first_of(const char *function, const char *file, int line, void *opaque)
{
    Found *f = opaque;

    if (!f->function[0]) {
        g_strlcpy(f->function, function, sizeof(f->function));
        g_strlcpy(f->file, file ? file : "", sizeof(f->file));
    }
}

static void check(uintptr_t pc, const char *function, const char *file)
{
    Found f = { "" };

    symbols_at(pc, false, first_of, &f);
    g_assert_cmpstr(f.function, ==, function);
    g_assert_true(g_str_has_suffix(f.file, file));
}

static void test_all_over_the_program(void)
{
    check((uintptr_t)test_all_over_the_program, "test_all_over_the_program", "replay/test-symbols.c");
    check((uintptr_t)aio_co_schedule, "aio_co_schedule", "impl/aio/co_schedule.c");
    check((uintptr_t)base_fatal, "base_fatal", "impl/base/assert.c");
    check((uintptr_t)symbols_at, "symbols_at", "replay/symbols.c");
    check((uintptr_t)sched_unwind_self, "sched_unwind_self", "impl/sched/switch.c");
}

static void test_nowhere(void)
{
    Found f = { "" };

    symbols_at(16, false, first_of, &f);
    g_assert_cmpstr(f.function, ==, "?");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/symbols/all-over-the-program", test_all_over_the_program);
    g_test_add_func("/symbols/nowhere", test_nowhere);
    return g_test_run();
}
