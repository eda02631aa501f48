/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the clock chip tells the time, keeps what it is set to, and interrupts by period, second and alarm.
 * Method: its two ports; an interrupt line that counts.
 */
#include "base/bytes.h"
#include "devices/isa/isa.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"

static DeviceState *host;
static IRQState line;
static unsigned raised;
static int level;

static void count_irq(void *opaque, int n, int lvl)
{
    raised += lvl && !level;
    level = lvl;
}

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
    static const char *const at[] = { "addr", "01.0", NULL };
    DeviceState *bridge;

    host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    bridge = test_board_add(&piix3_class, &i440fx_pci_bus(host)->bus, at);
    qemu_init_irq(&line, count_irq, NULL, 0);
    isa_bus_connect_irq(piix3_isa_bus(bridge), 8, &line);
    (void)test_board_add(&mc146818_class, &piix3_isa_bus(bridge)->bus, NULL);
    raised = 0;
    level = 0;
    cpu_enable_ticks();
}

static void board_down(void)
{
    cpu_disable_ticks();
    device_free(host);
}

static void wait_raised(unsigned times)
{
    while (raised < times) {
        main_loop_wait(false);
    }
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
    g_assert_cmpint(level, ==, 0);
    g_assert_cmphex(rd(0x0c) & 0xc0, ==, 0);
    wait_raised(2);
    (void)rd(0x0c);
    wr(0x0b, 0x02);
    g_assert_cmpint(level, ==, 0);
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
    g_assert_cmpint(level, ==, 0);
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
