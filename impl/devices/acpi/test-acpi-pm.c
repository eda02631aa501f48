/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: ACPI fixed hardware does what an operating system expects: timer, button, mode switch, soft off.
 * Method: the PIIX4's registers, where firmware would put them.
 */
#include "base/bytes.h"
#include "devices/acpi/acpi_pm.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"
#include "migration/vmstate.h"

#define PM 0x600

static DeviceState *host;
static DeviceState *pm;
static IRQState sci;
static int sci_level;

static void note_sci(void *opaque, int n, int level)
{
    sci_level = level;
}

static void cfg_write(unsigned reg, uint32_t val)
{
    cpu_outl(0xcf8, 0x80000000u | (1 << 3 | 3) << 8 | reg);
    cpu_outl(0xcfc, val);
}

static void board_up(void)
{
    static const char *const bridge[] = { "addr", "01.0", NULL };
    static const char *const at[] = { "addr", "01.3", NULL };

    host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    (void)test_board_add(&piix3_class, &i440fx_pci_bus(host)->bus, bridge);
    pm = test_board_add(&piix4_pm_class, &i440fx_pci_bus(host)->bus, at);
    qemu_init_irq(&sci, note_sci, NULL, 0);
    piix4_pm_connect_sci(pm, &sci);
    cfg_write(0x40, PM | 1);
    g_assert_cmphex(cpu_inl(PM + 8), ==, 0xffffffff);   /* not before it is switched on */
    cfg_write(0x80, 1);
    g_assert_cmphex(piix4_pm_base(pm), ==, PM);
    cpu_enable_ticks();
}

static void board_down(void)
{
    cpu_disable_ticks();
    device_free(host);
}

static void test_timer(void)
{
    uint32_t a;

    board_up();
    a = cpu_inl(PM + 8);
    g_assert_cmphex(a, <=, 0xffffff);
    while (cpu_inl(PM + 8) == a) {
    }
    board_down();
}

static void test_button(void)
{
    board_up();
    qemu_system_powerdown_request();
    main_loop_should_exit(&(int){ 0 });
    g_assert_cmphex(cpu_inw(PM), ==, 0);                /* nobody is interested */
    cpu_outw(PM + 2, ACPI_PM1_PWRBTN);
    g_assert_cmphex(cpu_inb(PM + 3), ==, 1);
    qemu_system_powerdown_request();
    main_loop_should_exit(&(int){ 0 });
    g_assert_cmphex(cpu_inw(PM), ==, ACPI_PM1_PWRBTN);
    g_assert_cmpint(sci_level, ==, 1);
    cpu_outw(PM, ACPI_PM1_PWRBTN);
    g_assert_cmphex(cpu_inw(PM), ==, 0);
    g_assert_cmpint(sci_level, ==, 0);
    cpu_outl(PIIX4_GPE_BASE, 0xffffffff);               /* nothing has happened there */
    g_assert_cmphex(cpu_inl(PIIX4_GPE_BASE), ==, 0xffff0000);
    g_assert_cmpint(sci_level, ==, 0);
    board_down();
}

static void test_modes(void)
{
    int status = 1;

    board_up();
    g_assert_cmphex(cpu_inw(PM + 4), ==, 0);
    cpu_outb(0xb2, ACPI_ENABLE);
    g_assert_cmphex(cpu_inw(PM + 4), ==, 1);
    cpu_outb(0xb2, ACPI_DISABLE);
    g_assert_cmphex(cpu_inw(PM + 4), ==, 0);
    cpu_outw(PM + 4, 1 << 10 | 0x2000);                 /* a sleep state there is not */
    g_assert_cmpint(qemu_shutdown_requested_get(), ==, SHUTDOWN_CAUSE_NONE);
    g_assert_cmphex(cpu_inw(PM + 4), ==, 1 << 10);
    cpu_outw(PM + 4, 0x2001);
    g_assert_cmpint(qemu_shutdown_requested_get(), ==, SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    g_assert_true(main_loop_should_exit(&status));
    g_assert_cmpint(status, ==, 0);
    board_down();
}

/* A crafted stream: an overflow that is further away than the timer can count. */
static void test_overflow_far_away(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    ACPIPM state = { .next_overflow = UINT64_C(1) << 60 };
    GError *err = NULL;

    g_assert_cmpint(vmstate_save_state(f, &vmstate_acpi_pm, &state, &err), ==, 0);
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    f = qemu_fopen_memory(bytes, false);
    g_assert_cmpint(vmstate_load_state(f, &vmstate_acpi_pm, &state, 1, &err), <, 0);
    (void)qemu_fclose(f);
    g_clear_error(&err);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi-pm/timer", test_timer);
    g_test_add_func("/acpi-pm/button", test_button);
    g_test_add_func("/acpi-pm/modes", test_modes);
    g_test_add_func("/acpi-pm/overflow-far-away", test_overflow_far_away);
    return test_board_run();
}
