/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Promises of the simulator that the rest builds on. Method: small programs, run one after the other in this process
 * with an oracle that only notes how they end.
 */
#include "sched/io.h"
#include "sched/oracle.h"
#include "base/assert.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct Ended {
    SimOutcome outcome;
    char text[200];
    GString *log;
} Ended;

G_NORETURN static void note_end(void *opaque, SimOutcome outcome, int status, const char *text)
{
    Ended *e = opaque;

    e->outcome = outcome;
    g_strlcpy(e->text, text, sizeof(e->text));
    sim_leave(status);
}

static uint64_t run(int (*fn)(void *opaque), void *opaque, Ended *e, SimConfig config)
{
    config.oracle.opaque = e;
    config.oracle.ended = note_end;
    sim_configure(&config);
    sched_main(fn, opaque);
    return sim_digest();
}

/* ---- Digests ---- */

static void touch(void *opaque)
{
    SchedObject o;

    sched_object_init(&o, "counter", opaque);
    sched_point(SCHED_K_ATOMIC, &o);
}

static int two_threads(void *opaque)
{
    SchedThread *a = sched_thread_create("a", touch, opaque), *b = sched_thread_create("b", touch, opaque);

    sched_thread_join(a);
    sched_thread_join(b);
    return 0;
}

static int many_names(void *opaque)
{
    for (unsigned i = 0; i < 1000; i++) {
        g_autofree char *name = g_strdup_printf("unrelated %u", i);

        touch(name);
    }
    return 0;
}

/* The constant holds for every compiler, option and address: it changes only with the digest's definition. */
static void test_digest_is_of_names_only(void)
{
    const uint64_t known = 0x1535641019d27e41ull;
    SimConfig config = { .steps_max = 0 };
    Ended e;

    g_assert_cmphex(run(two_threads, (void *)"x", &e, config), ==, known);
    run(many_names, NULL, &e, config);
    g_assert_cmphex(run(two_threads, (void *)"x", &e, config), ==, known);
    g_assert_cmphex(run(two_threads, (void *)"y", &e, config), !=, known);
}

/* ---- Names of threads ---- */

static int same_names(void *opaque)
{
    for (unsigned i = 0; i < 2; i++) {
        SchedThread *a = sched_thread_create("w", touch, (void *)"x");
        SchedThread *b = sched_thread_create("w", touch, (void *)"x");

        sched_thread_join(a);
        sched_thread_join(b);
    }
    return 0;
}

static void note_touches(void *opaque, SchedThread *self)
{
    const SimOp *op = sim_thread_op(self);

    if (!strcmp(op->object, "x")) {
        g_string_append_printf(((Ended *)opaque)->log, "%s:%u ", sched_thread_name(self), op->occurrence);
    }
}

/* An address (thread, kind, object, occurrence) means one operation of a run, whatever threads are called. */
static void test_thread_names_are_unique_and_counts_go_on(void)
{
    g_autoptr(GString) log = g_string_new(NULL);
    SimConfig config = { .oracle = { .event = note_touches } };
    Ended e = { .log = log };

    run(same_names, NULL, &e, config);
    g_assert_cmpstr(log->str, ==, "w:1 w#2:1 w:2 w#2:2 ");
    g_assert_cmpint(e.outcome, ==, SIM_EXIT);
}

static int odd_name(void *opaque)
{
    SchedObject o;

    sched_object_init(&o, "counter", "two\nlines\xff");
    sched_point(SCHED_K_ATOMIC, &o);
    return strcmp(sim_thread_op(sim_running())->object, "two_lines\xef\xbf\xbd");
}

static void test_names_fit_into_a_line(void)
{
    SimConfig config = { .steps_max = 0 };
    Ended e;

    sim_configure(&config);
    run(odd_name, NULL, &e, config);
    g_assert_cmpstr(e.text, ==, SIM_MAIN_RETURNED);
    g_assert_cmpint(sched_main(odd_name, NULL), ==, 0);
}

/* ---- Ends ---- */

static int spin(void *opaque)
{
    for (;;) {
        touch((void *)"x");
    }
    return 0;
}

static void test_a_single_spinning_thread_is_a_hang(void)
{
    SimConfig config = { .steps_max_unfair = 100, .steps_max = 1000 };
    Ended e;

    run(spin, NULL, &e, config);
    g_assert_cmpint(e.outcome, ==, SIM_HANG);
    g_assert_cmpuint(sim_steps(), ==, 1000);
}

static int wait_ages(void *opaque)
{
    SchedMutex m;
    SchedCond c;

    sched_mutex_init(&m, "m");
    sched_cond_init(&c, "c");
    sched_mutex_lock(&m);
    (void)sched_cond_timedwait(&c, &m, INT64_MAX);
    sched_mutex_unlock(&m);
    return 0;
}

static void test_a_timeout_of_ages_is_none(void)
{
    SimConfig config = { .steps_max = 0 };
    Ended e;

    run(wait_ages, NULL, &e, config);
    g_assert_cmpint(e.outcome, ==, SIM_DEADLOCK);
}

/* Nothing runs now, but something will: two sleepers with one deadline, and a lock that the first will drop. */
typedef struct Sleepers {
    SchedMutex m;
    SchedSem never;
    unsigned woken;
} Sleepers;

static void sleeper(void *opaque)
{
    Sleepers *s = opaque;

    (void)sched_sem_timedwait(&s->never, 1000);
    sched_mutex_lock(&s->m);
    s->woken++;
    sched_mutex_unlock(&s->m);
}

static int sleepers(void *opaque)
{
    SchedThread *a, *b;
    Sleepers s = { .woken = 0 };

    sched_mutex_init(&s.m, "m");
    sched_sem_init(&s.never, "never", 0);
    sched_mutex_lock(&s.m);
    a = sched_thread_create("a", sleeper, &s);
    b = sched_thread_create("b", sleeper, &s);
    (void)sched_sem_timedwait(&s.never, 5000);
    sched_mutex_unlock(&s.m);
    sched_thread_join(a);
    sched_thread_join(b);
    return s.woken == 2 ? 0 : 1;
}

static void test_timers_are_waited_for(void)
{
    SimConfig config = { .steps_max = 10000 };
    Ended e;

    run(sleepers, NULL, &e, config);
    g_assert_cmpint(e.outcome, ==, SIM_EXIT);
    g_assert_cmpint(sim_now_ns(), ==, 5000);
}

/* A run that is left in the middle, with threads in every state, leaves nothing behind. */
static int leave_in_the_middle(void *opaque)
{
    SchedMutex m;
    SchedThread *t;

    sched_mutex_init(&m, "m");
    sched_mutex_lock(&m);
    t = sched_thread_create("a", touch, (void *)"x");
    sched_thread_join(t);
    (void)sched_thread_create("not started", touch, (void *)"x");
    (void)sched_thread_create("started", touch, (void *)"x");
    touch((void *)"x");
    sim_leave(7);
    return 0;
}

static void test_leaving(void)
{
    SimConfig config = { .steps_max = 0 };

    sim_configure(&config);
    for (unsigned i = 0; i < 200; i++) {
        g_assert_cmpint(sched_main(leave_in_the_middle, NULL), ==, 7);
    }
}

/* ---- Files ---- */

static int files(void *opaque)
{
    g_autofree char *other = g_strdup_printf("%s/../%s/./f", (char *)opaque, strrchr(opaque, '/') + 1);
    g_autofree char *path = g_strdup_printf("%s/f", (char *)opaque);
    int a = sched_file_open("a", path, SCHED_FILE_WRITE | SCHED_FILE_CREATE), b = sched_file_open("b", other, 0), ret;
    struct iovec out = { (void *)"hello", 5 }, in = { (char[8]){ 0 }, 5 };
    uint64_t len;

    g_assert_cmpint(sched_file_pwritev(a, &out, 1, 0), ==, 5);
    g_assert_cmpint(sched_file_preadv(b, &in, 1, 0), ==, 5);
    g_assert_cmpmem(in.iov_base, 5, "hello", 5);
    ret = sched_file_zero(a, 4096, 1ull << 30, true);       /* must not cost a gigabyte */
    g_assert_cmpint(ret, ==, 0);
    g_assert_cmpint(sched_file_length(b), ==, 4096 + (1ll << 30));
    g_assert_cmpint(sched_file_allocated(b), <=, 8192);
    g_assert_cmpint(sched_file_extent(b, 8192, &len), ==, 0);
    sched_close(a);
    sched_close(b);
    return 0;
}

static void test_a_file_has_one_overlay(void)
{
    g_autofree char *dir = g_dir_make_tmp("rondo-test-XXXXXX", NULL);
    SimConfig config = { .steps_max = 0 };
    Ended e;

    run(files, dir, &e, config);
    g_assert_cmpint(e.outcome, ==, SIM_EXIT);
    g_assert_cmpint(g_rmdir(dir), ==, 0);       /* nothing was written for real */
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/sim/digest-is-of-names-only", test_digest_is_of_names_only);
    g_test_add_func("/sim/thread-names-are-unique", test_thread_names_are_unique_and_counts_go_on);
    g_test_add_func("/sim/names-fit-into-a-line", test_names_fit_into_a_line);
    g_test_add_func("/sim/single-spinning-thread", test_a_single_spinning_thread_is_a_hang);
    g_test_add_func("/sim/timeout-of-ages", test_a_timeout_of_ages_is_none);
    g_test_add_func("/sim/timers-are-waited-for", test_timers_are_waited_for);
    g_test_add_func("/sim/leaving", test_leaving);
    g_test_add_func("/sim/file-has-one-overlay", test_a_file_has_one_overlay);
    return g_test_run();
}
