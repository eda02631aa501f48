/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-debug-exit: a port through which a guest ends the whole program.
 *
 * Writing V asks for shutdown with exit status (V << 1) | 1, so a guest can never report plain success.
 */
#include "devices/isa/isa.h"
#include "devices/table.h"
#include "machine/runstate.h"

typedef struct ISADebugExitState {
    ISADevice parent;
    uint32_t iobase;
    uint32_t iosize;
    MemoryRegion io;
} ISADebugExitState;

static uint64_t debug_exit_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static void debug_exit_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    qemu_system_shutdown_request_with_code(SHUTDOWN_CAUSE_GUEST_SHUTDOWN, ((val << 1) | 1) & 0xff);
}

static const MemoryRegionOps debug_exit_ops = {
    .read = debug_exit_read,
    .write = debug_exit_write,
    .valid = { .min_access_size = 1, .max_access_size = 4 },
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static bool debug_exit_realize(DeviceState *dev, GError **errp)
{
    ISADebugExitState *s = (ISADebugExitState *)dev;

    if (s->iosize < 1 || s->iosize > 0x10000 || s->iobase > 0x10000 - s->iosize) {
        error_setg(errp, "isa-debug-exit: ports 0x%x..+0x%x are outside the I/O space", s->iobase, s->iosize);
        return false;
    }
    memory_region_init_io(&s->io, s, &debug_exit_ops, s, "isa-debug-exit", s->iosize);
    isa_register_ioport(&s->parent, &s->io, s->iobase);
    return true;
}

static void debug_exit_unrealize(DeviceState *dev)
{
    ISADebugExitState *s = (ISADebugExitState *)dev;

    isa_unregister_ioport(&s->parent, &s->io);
}

static const Property debug_exit_props[] = {
    DEFINE_PROP_UINT32("iobase", ISADebugExitState, iobase, 0x501),
    DEFINE_PROP_UINT32("iosize", ISADebugExitState, iosize, 0x02),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass isa_debug_exit_class = {
    .name = "isa-debug-exit",
    .bus_type = "ISA",
    .instance_size = sizeof(ISADebugExitState),
    .props = debug_exit_props,
    .user_creatable = true,
    .realize = debug_exit_realize,
    .unrealize = debug_exit_unrealize,
};
