/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: inputs of the I/O APIC reach the processor their entry names, edges once, levels until they are dealt with.
 * Method: one processor without a thread.
 */
#include "devices/ioapic/ioapic.h"

#include "base/bytes.h"
#include "devices/apic/apic.h"
#include "devices/test-board.h"

static DeviceState *ioapic;

static void wr(unsigned reg, uint32_t v)
{
    stl_le_phys(get_address_space_memory(), IOAPIC_DEFAULT_ADDRESS, reg);
    stl_le_phys(get_address_space_memory(), IOAPIC_DEFAULT_ADDRESS + 0x10, v);
}

static uint32_t rd(unsigned reg)
{
    stl_le_phys(get_address_space_memory(), IOAPIC_DEFAULT_ADDRESS, reg);
    return ldl_le_phys(get_address_space_memory(), IOAPIC_DEFAULT_ADDRESS + 0x10);
}

static void apic_wr(unsigned reg, uint32_t v)
{
    sched_slot_set(SCHED_SLOT_CPU, qemu_get_cpu(0));
    stl_le_phys(get_address_space_memory(), APIC_DEFAULT_ADDRESS + reg, v);
    sched_slot_set(SCHED_SLOT_CPU, NULL);
}

static int ack(void)
{
    X86CPU *x86 = qemu_get_cpu(0)->x86;

    return x86->apic->get_interrupt(x86->apic_opaque);
}

static void eoi(void)
{
    apic_wr(0xb0, 0);
}

static void fresh(void)
{
    GError *err = NULL;

    if (!ioapic) {
        g_assert_nonnull(apic_new(qemu_cpu_new(0, &err), &err));
        ioapic = test_board_add(&ioapic_class, sysbus_get_default(), NULL);
    }
    for (int pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        qemu_irq_lower(ioapic_irq(ioapic, pin));
    }
    qemu_devices_reset();
    apic_wr(0xf0, 0x1ff);
}

static void test_registers(void)
{
    fresh();
    g_assert_cmphex(rd(1), ==, 0x00170020);
    wr(0, 0x0f000000);
    g_assert_cmphex(rd(0), ==, 0x0f000000);
    g_assert_cmphex(rd(2), ==, 0x0f000000);
    g_assert_cmphex(rd(0x10 + 2 * 23), ==, 0x10000);
    wr(0x10 + 2 * 23, UINT32_MAX);
    wr(0x11 + 2 * 23, UINT32_MAX);
    g_assert_cmphex(rd(0x10 + 2 * 23), ==, 0x1afff);
    g_assert_cmphex(rd(0x11 + 2 * 23), ==, 0xff000000);
    wr(0x10 + 2 * 24, 5);                      /* beyond the last one */
    g_assert_cmphex(rd(0x10 + 2 * 24), ==, 0);
}

static void test_edge(void)
{
    qemu_irq pin;

    fresh();
    pin = ioapic_irq(ioapic, 4);
    qemu_irq_raise(pin);
    qemu_irq_lower(pin);
    wr(0x18, 0x34);                            /* what came while it was masked is sent now */
    g_assert_cmpint(ack(), ==, 0x34);
    eoi();
    g_assert_cmpint(ack(), ==, -1);
    qemu_irq_raise(pin);
    qemu_irq_raise(pin);                       /* no edge */
    g_assert_cmpint(ack(), ==, 0x34);
    eoi();
    g_assert_cmpint(ack(), ==, -1);
    qemu_irq_lower(pin);
    g_assert_cmpint(ack(), ==, -1);
}

static void test_level(void)
{
    qemu_irq pin;

    fresh();
    pin = ioapic_irq(ioapic, 10);
    wr(0x24, 0x8055);
    qemu_irq_raise(pin);
    g_assert_cmphex(rd(0x24), ==, 0xc055);     /* remote IRR */
    g_assert_cmpint(ack(), ==, 0x55);
    g_assert_cmpint(ack(), ==, -1);
    eoi();                                     /* the line is still up */
    g_assert_cmpint(ack(), ==, 0x55);
    qemu_irq_lower(pin);
    eoi();
    g_assert_cmpint(ack(), ==, -1);
    g_assert_cmphex(rd(0x24), ==, 0x8055);
    qemu_irq_raise(pin);
    g_assert_cmpint(ack(), ==, 0x55);
    qemu_irq_lower(pin);
    stl_le_phys(get_address_space_memory(), IOAPIC_DEFAULT_ADDRESS + 0x40, 0x55);
    g_assert_cmphex(rd(0x24), ==, 0x8055);     /* the EOI register does it too */
    eoi();
    wr(0x24, 0x18055);                         /* masked: kept, and sent when that ends */
    qemu_irq_raise(pin);
    g_assert_cmpint(ack(), ==, -1);
    wr(0x24, 0x8055);
    g_assert_cmpint(ack(), ==, 0x55);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ioapic/registers", test_registers);
    g_test_add_func("/ioapic/edge", test_edge);
    g_test_add_func("/ioapic/level", test_level);
    return test_board_run();
}
