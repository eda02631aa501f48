/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the interval timer counts guest time in its modes, its output makes the edges an interrupt controller needs,
 * and neither a guest nor a stream can ask for more of them than it makes.
 * Method: its ports; an interrupt line that counts.
 */
#include "devices/test-isa.h"
#include "migration/qemu_file.h"
#include "migration/vmstate.h"

#define PIT_FREQ 1193182

static TestIsa isa;

static void board_up(void)
{
    test_isa_up(&isa, &isa_pit_class, 0);
}

static void board_down(void)
{
    test_isa_down(&isa);
}

/* Counter @n, both bytes, in @mode from @count (0 is 65,536). */
static void program(unsigned n, unsigned mode, unsigned count)
{
    cpu_outb(0x43, n << 6 | 0x30 | mode << 1);
    cpu_outb(0x40 + n, count & 0xff);
    cpu_outb(0x40 + n, count >> 8);
}

static unsigned read_latched(unsigned n)
{
    unsigned low;

    cpu_outb(0x43, n << 6);
    low = cpu_inb(0x40 + n);
    return low | (unsigned)cpu_inb(0x40 + n) << 8;
}

static int64_t guest_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static void wait_raised(unsigned times)
{
    test_isa_wait_raised(&isa, times);
}

/* Guest time passes, and no timer runs. */
static void sleep_without_timers(int64_t ns)
{
    SchedObject who;
    int64_t end = guest_ns() + ns;

    sched_object_init(&who, "poll", "test");
    for (int64_t left = ns; left > 0; left = end - guest_ns()) {
        g_assert_cmpint(sched_poll(&who, NULL, 0, left), ==, 0);
    }
}

static void test_rate_generator(void)
{
    int64_t begin;

    board_up();
    begin = guest_ns();
    program(0, 2, PIT_FREQ / 1000);
    wait_raised(4);                     /* the first when the mode was set: its output begins high */
    g_assert_cmpint(guest_ns() - begin, >=, 3 * 999000);
    g_assert_cmpuint(read_latched(0), <=, PIT_FREQ / 1000);
    board_down();
}

static void test_terminal_count(void)
{
    board_up();
    program(0, 0, 1000);
    g_assert_cmpint(isa.level, ==, 0);
    wait_raised(1);
    sleep_without_timers(10000000);
    main_loop_wait(true);
    g_assert_cmpuint(isa.raised, ==, 1);    /* once, and the line stays */
    g_assert_cmpint(isa.level, ==, 1);
    board_down();
}

static void test_latch_and_read_back(void)
{
    unsigned first;

    board_up();
    program(2, 3, 0);
    cpu_outb(0x43, 0xe8);               /* the status of counter 2 */
    g_assert_cmphex(cpu_inb(0x42) & 0x3f, ==, 0x36);
    cpu_outb(0x43, 0x80);               /* latch, ... */
    sleep_without_timers(1000000);
    first = cpu_inb(0x42);
    first |= (unsigned)cpu_inb(0x42) << 8;
    g_assert_cmpuint(first, !=, read_latched(2));       /* ... and later it has gone on */
    board_down();
}

static unsigned edges_of_one_pass(unsigned mode, unsigned count)
{
    unsigned before;

    program(0, mode, count);
    before = isa.raised;
    sleep_without_timers(20000000);
    main_loop_wait(true);
    return isa.raised - before;
}

/* Some twenty thousand changes were due, but no interrupt controller remembers more than one edge. */
static void test_edges_that_nobody_saw(void)
{
    board_up();
    g_assert_cmpuint(edges_of_one_pass(2, 2), >=, 1);
    g_assert_cmpuint(edges_of_one_pass(2, 2), <, 10);
    g_assert_cmpuint(edges_of_one_pass(3, 2), <, 10);
    g_assert_cmpuint(edges_of_one_pass(2, 1000), >=, 1);
    board_down();
}

/* A crafted stream: a counter that is loaded after the end of time. Found by its place: counter 0 comes first. */
static void test_load_time_from_the_future(void)
{
    const unsigned load_time_at = 4 + 2 + 10;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    GError *err = NULL;

    board_up();
    program(0, 2, 1000);
    g_assert_cmpint(vmstate_save_state(f, isa.dev->klass->vmsd, isa.dev, &err), ==, 0);
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    f = qemu_fopen_memory(bytes, false);
    g_assert_cmpint(vmstate_load_state(f, isa.dev->klass->vmsd, isa.dev, 1, &err), ==, 0);
    (void)qemu_fclose(f);
    memset(bytes->data + load_time_at, 0x7f, 8);
    f = qemu_fopen_memory(bytes, false);
    g_assert_cmpint(vmstate_load_state(f, isa.dev->klass->vmsd, isa.dev, 1, &err), <, 0);
    (void)qemu_fclose(f);
    g_clear_error(&err);
    board_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pit/rate-generator", test_rate_generator);
    g_test_add_func("/pit/terminal-count", test_terminal_count);
    g_test_add_func("/pit/latch-and-read-back", test_latch_and_read_back);
    g_test_add_func("/pit/edges-that-nobody-saw", test_edges_that_nobody_saw);
    g_test_add_func("/pit/load-time-from-the-future", test_load_time_from_the_future);
    return test_board_run();
}
