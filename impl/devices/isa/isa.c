/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ISA bus. See isa.h.
 */
#include "devices/isa/isa.h"

#include "devices/table.h"

const BusClass isa_bus_class = { .type = "ISA" };

qemu_irq isa_get_irq(ISADevice *dev, uint32_t n)
{
    ISABus *bus = (ISABus *)dev->qdev.parent_bus;

    return n < ISA_NUM_IRQS ? bus->irqs[n] : NULL;
}

void isa_register_ioport(ISADevice *dev, MemoryRegion *mr, uint16_t base)
{
    memory_region_add_subregion(((ISABus *)dev->qdev.parent_bus)->io, base, mr);
}

void isa_unregister_ioport(ISADevice *dev, MemoryRegion *mr)
{
    memory_region_del_subregion(((ISABus *)dev->qdev.parent_bus)->io, mr);
    memory_region_finalize(mr);
}

/* ---- A bus without a chipset ---- */

typedef struct ISABridge {
    DeviceState qdev;
    ISABus isa;
} ISABridge;

ISABus *isabus_bridge_isa_bus(DeviceState *bridge)
{
    return &((ISABridge *)bridge)->isa;
}

static void isabus_bridge_init(DeviceState *dev)
{
    ISABridge *s = (ISABridge *)dev;

    s->isa.io = get_system_io();
    bus_init(&s->isa.bus, &isa_bus_class, dev, "isa.0");
}

const DeviceClass isabus_bridge_class = {
    .name = "isabus-bridge",
    .bus_type = "System",
    .instance_size = sizeof(ISABridge),
    .init = isabus_bridge_init,
};
