/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ISA bus: sixteen interrupt lines and a piece of the I/O address space. Context: BQL held.
 */
#ifndef DEVICES_ISA_ISA_H
#define DEVICES_ISA_ISA_H

#include "devices/device.h"
#include "devices/irq.h"
#include "mem/memory.h"

#define ISA_NUM_IRQS 16

typedef struct ISADevice {
    DeviceState qdev;
} ISADevice;

typedef struct ISABus {
    BusState bus;
    MemoryRegion *io;
    qemu_irq irqs[ISA_NUM_IRQS];
} ISABus;

extern const BusClass isa_bus_class;

/** isa_bus_new_irqs: connect line @n of @bus to @irq (borrowed). */
static inline void isa_bus_connect_irq(ISABus *bus, int n, qemu_irq irq)
{
    bus->irqs[n] = irq;
}

/** isabus_bridge_isa_bus: the bus of an isabus-bridge, which stands for a chipset where there is none. */
ISABus *isabus_bridge_isa_bus(DeviceState *bridge);
/** isa_get_irq: the line @n as seen by a device on the bus. Borrowed; NULL if not connected. */
qemu_irq isa_get_irq(ISADevice *dev, uint32_t n);
/** isa_register_ioport: map @mr, which the device finalizes after isa_unregister_ioport. */
void isa_register_ioport(ISADevice *dev, MemoryRegion *mr, uint16_t base);
void isa_unregister_ioport(ISADevice *dev, MemoryRegion *mr);

#endif
