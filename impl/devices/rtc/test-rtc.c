/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the clock chip tells the time, keeps what it is set to, and interrupts by period, second and alarm.
 * Method: its two ports; an interrupt line that counts.
 */
#include "base/bytes.h"
#include "devices/test-isa.h"

static TestIsa isa;

static uint8_t rd(uint8_t reg)
{
    cpu_outb(0x70, reg);
    return cpu_inb(0x71);
}

static void wr(uint8_t reg, uint8_t val)
{
    cpu_outb(0x70, reg);
    cpu_outb(0x71, val);
}

static void board_up(void)
{
    test_isa_up(&isa, &mc146818_class, 8);
}

static void board_down(void)
{
    test_isa_down(&isa);
}

static void wait_raised(unsigned times)
{
    test_isa_wait_raised(&isa, times);
}

static void test_time(void)
{
    board_up();
    wr(0x0b, 0x86);                     /* set, binary, 24 hours */
    wr(0x00, 5);
    wr(0x02, 59);
    wr(0x04, 23);
    wr(0x07, 31);
    wr(0x08, 12);
    wr(0x09, 99);
    wr(0x32, 19);
    wr(0x0b, 0x06);
    g_assert_cmpuint(rd(0x02), ==, 59);
    g_assert_cmpuint(rd(0x00), <, 59);
    g_assert_cmpuint(rd(0x32), ==, 19);
    wr(0x0b, 0x02);
    g_assert_cmphex(rd(0x09), ==, 0x99);
    board_down();
}

static void test_periodic(void)
{
    board_up();
    wr(0x0a, 0x26);                     /* 1024 Hz */
    wr(0x0b, 0x42);
    wait_raised(1);
    g_assert_cmphex(rd(0x0c) & 0xc0, ==, 0xc0);
    g_assert_cmpint(isa.level, ==, 0);
    g_assert_cmphex(rd(0x0c) & 0xc0, ==, 0);
    wait_raised(2);
    (void)rd(0x0c);
    wr(0x0b, 0x02);
    g_assert_cmpint(isa.level, ==, 0);
    board_down();
}

static void test_second_and_alarm(void)
{
    board_up();
    wr(0x0b, 0x12);
    wait_raised(1);
    g_assert_cmphex(rd(0x0c) & 0x90, ==, 0x90);
    for (unsigned i = 1; i <= 5; i += 2) {
        wr(i, 0xc0);                    /* at any time */
    }
    wr(0x0b, 0x22);
    wait_raised(2);
    g_assert_cmphex(rd(0x0c) & 0xa0, ==, 0xa0);
    g_assert_cmpint(isa.level, ==, 0);
    board_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rtc/time", test_time);
    g_test_add_func("/rtc/periodic", test_periodic);
    g_test_add_func("/rtc/second-and-alarm", test_second_and_alarm);
    return test_board_run();
}
