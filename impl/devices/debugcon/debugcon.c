/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-debugcon: a port whose bytes go to a chardev; reading it gives a fixed byte that says it is there.
 */
#include "devices/isa/isa.h"
#include "devices/table.h"
#include "monitor/chardev.h"

typedef struct ISADebugconState {
    ISADevice parent;
    uint32_t iobase;
    uint32_t readback;
    CharBackend chr;
    MemoryRegion io;
} ISADebugconState;

static uint64_t debugcon_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((ISADebugconState *)opaque)->readback;
}

static void debugcon_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    ISADebugconState *s = opaque;
    uint8_t ch = val;

    (void)qemu_chr_fe_write_all(&s->chr, &ch, 1);   /* a guest cannot be told, and a lost byte is a lost byte */
}

static const MemoryRegionOps debugcon_ops = {
    .read = debugcon_read,
    .write = debugcon_write,
    .valid = { .min_access_size = 1, .max_access_size = 1 },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static bool debugcon_realize(DeviceState *dev, GError **errp)
{
    ISADebugconState *s = (ISADebugconState *)dev;

    if (!qemu_chr_fe_get_driver(&s->chr)) {
        error_setg(errp, "Can't create debugcon device, empty char device");
        return false;
    }
    if (s->iobase > 0xffff) {
        error_setg(errp, "isa-debugcon: port 0x%x is outside the I/O space", s->iobase);
        return false;
    }
    memory_region_init_io(&s->io, s, &debugcon_ops, s, "isa-debugcon", 1);
    isa_register_ioport(&s->parent, &s->io, s->iobase);
    return true;
}

static void debugcon_unrealize(DeviceState *dev)
{
    ISADebugconState *s = (ISADebugconState *)dev;

    isa_unregister_ioport(&s->parent, &s->io);
}

static const Property debugcon_props[] = {
    DEFINE_PROP_UINT32("iobase", ISADebugconState, iobase, 0xe9),
    DEFINE_PROP_CHR("chardev", ISADebugconState, chr),
    DEFINE_PROP_UINT32("readback", ISADebugconState, readback, 0xe9),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass isa_debugcon_class = {
    .name = "isa-debugcon",
    .bus_type = "ISA",
    .instance_size = sizeof(ISADebugconState),
    .props = debugcon_props,
    .user_creatable = true,
    .realize = debugcon_realize,
    .unrealize = debugcon_unrealize,
};
