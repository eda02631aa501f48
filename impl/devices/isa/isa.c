/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ISA bus. See isa.h.
 */
#include "devices/isa/isa.h"

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
