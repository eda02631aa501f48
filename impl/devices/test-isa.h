/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For unit tests of a device on the ISA bus of a PC: the device, and one interrupt line that counts. */
#ifndef DEVICES_TEST_ISA_H
#define DEVICES_TEST_ISA_H

#include "devices/isa/isa.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"

typedef struct TestIsa {
    DeviceState *host;
    DeviceState *dev;
    IRQState line;
    unsigned raised;            /* edges since test_isa_up() */
    int level;
} TestIsa;

static inline void test_isa_irq(void *opaque, int n, int level)
{
    TestIsa *t = opaque;

    t->raised += level && !t->level;
    t->level = level;
}

/** test_isa_up: a device of class @dc, the bus's interrupt @irq connected to the line; guest time begins to pass. */
static inline void test_isa_up(TestIsa *t, const DeviceClass *dc, int irq)
{
    static const char *const at[] = { "addr", "01.0", NULL };
    DeviceState *bridge;

    t->host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    bridge = test_board_add(&piix3_class, &i440fx_pci_bus(t->host)->bus, at);
    qemu_init_irq(&t->line, test_isa_irq, t, 0);
    isa_bus_connect_irq(piix3_isa_bus(bridge), irq, &t->line);
    t->dev = test_board_add(dc, &piix3_isa_bus(bridge)->bus, NULL);
    t->raised = 0;
    t->level = 0;
    cpu_enable_ticks();
}

static inline void test_isa_down(TestIsa *t)
{
    cpu_disable_ticks();
    device_free(t->host);
}

/** test_isa_wait_raised: until there were @times edges. */
static inline void test_isa_wait_raised(const TestIsa *t, unsigned times)
{
    while (t->raised < times) {
        main_loop_wait(false);
    }
}

#endif
