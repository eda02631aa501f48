/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: keys and movements reach the guest as its keyboard and mouse would send them; commands are answered.
 * Method: the controller on an ISA bus whose interrupt lines count.
 */
#include "devices/i8042/i8042.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"
#include "ui/input.h"

static DeviceState *host;
static IRQState lines[16];
static qemu_irq irqs[16];
static unsigned rises[16];
static int levels[16];

static void count_irq(void *opaque, int n, int level)
{
    rises[n] += level && !levels[n];
    levels[n] = level;
}

static void board_up(void)
{
    static const char *const at0[] = { "addr", "00.0", NULL };
    static const char *const at1[] = { "addr", "01.0", NULL };
    DeviceState *piix3;

    host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    (void)test_board_add(&i440fx_class, &i440fx_pci_bus(host)->bus, at0);
    piix3 = test_board_add(&piix3_class, &i440fx_pci_bus(host)->bus, at1);
    for (int i = 0; i < 16; i++) {
        qemu_init_irq(&lines[i], count_irq, NULL, i);
        irqs[i] = &lines[i];
        rises[i] = 0;
    }
    piix3_connect_pic(piix3, irqs);
    (void)test_board_add(&i8042_class, &piix3_isa_bus(piix3)->bus, NULL);
    if (!runstate_is_running()) {
        runstate_set(RUN_STATE_RUNNING);
    }
}

static void expect(unsigned n, const uint8_t *bytes)
{
    for (unsigned i = 0; i < n; i++) {
        g_assert_cmphex(cpu_inb(0x64) & 1, ==, 1);
        g_assert_cmphex(cpu_inb(0x60), ==, bytes[i]);
    }
    g_assert_cmphex(cpu_inb(0x64) & 1, ==, 0);
}

#define EXPECT(...) expect(sizeof((uint8_t[]){ __VA_ARGS__ }), (uint8_t[]){ __VA_ARGS__ })

static void test_controller(void)
{
    board_up();
    cpu_outb(0x64, 0xaa);
    EXPECT(0x55);
    cpu_outb(0x64, 0x60);
    cpu_outb(0x60, 0x47);
    cpu_outb(0x64, 0x20);
    EXPECT(0x47);
    cpu_outb(0x64, 0xd3);
    cpu_outb(0x60, 0x99);
    g_assert_cmphex(cpu_inb(0x64) & 0x21, ==, 0x21);
    EXPECT(0x99);
    device_free(host);
}

static void test_keyboard(void)
{
    board_up();
    cpu_outb(0x60, 0xff);
    EXPECT(0xfa, 0xaa);
    cpu_outb(0x60, 0xf2);
    EXPECT(0xfa, 0xab, 0x83);
    qemu_input_event_send_key_number(0x1e, true);
    qemu_input_event_send_key_number(0x1e, false);
    qemu_input_event_send_key_number(0xc8, true);
    EXPECT(0x1c, 0xf0, 0x1c, 0xe0, 0x75);
    g_assert_cmpuint(rises[1], ==, 2 + 3 + 5);
    cpu_outb(0x64, 0x60);
    cpu_outb(0x60, 0x41);                       /* translate */
    qemu_input_event_send_key_number(0x1e, true);
    qemu_input_event_send_key_number(0xc8, false);
    qemu_input_event_send_key_number(QNUM_PAUSE, true);
    EXPECT(0x1e, 0xe0, 0xc8, 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5);
    cpu_outb(0x60, 0xf5);
    EXPECT(0xfa);
    qemu_input_event_send_key_number(0x1e, true);
    g_assert_cmphex(cpu_inb(0x64) & 1, ==, 0);
    cpu_outb(0x60, 0xf4);
    EXPECT(0xfa);
    for (unsigned i = 0; i < 100; i++) {
        qemu_input_event_send_key_number(0x1e, true);
    }
    for (unsigned i = 0; i < 17; i++) {         /* one in the buffer, sixteen in the queue */
        g_assert_cmphex(cpu_inb(0x60), ==, 0x1e);
    }
    g_assert_cmphex(cpu_inb(0x64) & 1, ==, 0);
    device_free(host);
}

static void mouse(uint8_t val)
{
    cpu_outb(0x64, 0xd4);
    cpu_outb(0x60, val);
}

static void test_mouse(void)
{
    static const uint8_t rates[] = { 200, 100, 80 };

    board_up();
    mouse(0xff);
    EXPECT(0xfa, 0xaa, 0x00);
    mouse(0xf4);
    EXPECT(0xfa);
    qemu_input_send_pointer(5, -3, 0, UI_BUTTON_LEFT);
    g_assert_cmphex(cpu_inb(0x64) & 0x21, ==, 0x21);
    EXPECT(0x09, 5, 3);
    g_assert_cmpuint(rises[12], ==, 3 + 1 + 3);
    for (unsigned i = 0; i < 3; i++) {
        mouse(0xf3);
        EXPECT(0xfa);
        mouse(rates[i]);
        EXPECT(0xfa);
    }
    mouse(0xf2);
    EXPECT(0xfa, 0x03);
    qemu_input_send_pointer(-200, 0, 1, 0);
    EXPECT(0x18, 0x81, 0, 1, 0x18, 0xb7, 0, 0);
    device_free(host);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8042/controller", test_controller);
    g_test_add_func("/i8042/keyboard", test_keyboard);
    g_test_add_func("/i8042/mouse", test_mouse);
    return test_board_run();
}
