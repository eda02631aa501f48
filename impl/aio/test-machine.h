/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For unit tests: run GLib's tests as the main thread of an empty machine with a main loop. */
#ifndef AIO_TEST_MACHINE_H
#define AIO_TEST_MACHINE_H

#include "aio/main_loop.h"
#include "base/assert.h"
#include "sched/machine.h"

static inline int test_machine_body(void *opaque)
{
    Machine *m = machine_new("vm");
    int ret;

    machine_set_current(m);
    if (!qemu_init_main_loop(NULL)) {
        base_fatal("qemu_init_main_loop failed");
    }
    ret = g_test_run();
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
    return ret;
}

/** test_machine_run: instead of g_test_run(). */
static inline int test_machine_run(void)
{
    return sched_main(test_machine_body, NULL);
}

/** TEST_TEXT: a string constant as the void * that callbacks take. */
#define TEST_TEXT(s) ((void *)(uintptr_t)(s))

/**
 * test_trap_expect_abort: run this test's "/subprocess/@name" variant; it must die saying @text.
 */
static inline void test_trap_expect_abort(const char *path, const char *text)
{
    g_autofree char *pattern = g_strdup_printf("*%s*", text);

    g_test_trap_subprocess(path, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr(pattern);
}

#endif
