/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port A (0x92): the A20 gate and the fast reset.
 */
#include "devices/port92/port92.h"

#include "devices/isa/isa.h"
#include "devices/table.h"
#include "machine/runstate.h"
#include "migration/vmstate.h"

typedef struct Port92State {
    ISADevice parent;
    MemoryRegion io;
    uint8_t outport;
    qemu_irq a20_out;
} Port92State;

void port92_connect_a20(DeviceState *dev, qemu_irq a20)
{
    ((Port92State *)dev)->a20_out = a20;
}

static void port92_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    Port92State *s = opaque;
    uint8_t old = s->outport;

    s->outport = val;
    qemu_set_irq(s->a20_out, val >> 1 & 1);
    if (val & 1 && !(old & 1)) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static uint64_t port92_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((Port92State *)opaque)->outport;
}

static const MemoryRegionOps port92_ops = {
    .read = port92_read,
    .write = port92_write,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static bool port92_realize(DeviceState *dev, GError **errp)
{
    Port92State *s = (Port92State *)dev;

    memory_region_init_io(&s->io, s, &port92_ops, s, "port92", 1);
    isa_register_ioport(&s->parent, &s->io, 0x92);
    return true;
}

static void port92_unrealize(DeviceState *dev)
{
    Port92State *s = (Port92State *)dev;

    isa_unregister_ioport(&s->parent, &s->io);
    s->a20_out = NULL;
}

static void port92_reset(DeviceState *dev)
{
    ((Port92State *)dev)->outport &= ~1;
}

static const VMStateDescription vmstate_port92 = {
    .name = "port92",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(outport, Port92State),
        VMSTATE_END_OF_LIST()
    },
};

const DeviceClass port92_class = {
    .name = "port92",
    .bus_type = "ISA",
    .instance_size = sizeof(Port92State),
    .realize = port92_realize,
    .unrealize = port92_unrealize,
    .reset = port92_reset,
    .vmsd = &vmstate_port92,
};
