/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keyboard controller, as far as systems without a keyboard use it: self test, command byte, output port
 * (A20 gate, reset) and the reset pulse 0xfe. Keyboard and mouse answer nothing.
 *
 * Source: IBM PC/AT technical reference, keyboard controller.
 */
#include "devices/i8042/i8042.h"

#include "devices/isa/isa.h"
#include "devices/table.h"
#include "machine/runstate.h"
#include "migration/vmstate.h"

#define KBD_STAT_OBF 0x01
#define KBD_STAT_SELFTEST 0x04
#define KBD_STAT_CMD 0x08
#define KBD_STAT_UNLOCKED 0x10
#define KBD_OUT_RESET 0x01
#define KBD_OUT_A20 0x02

typedef struct I8042State {
    ISADevice parent;
    MemoryRegion data_io;
    MemoryRegion cmd_io;
    qemu_irq a20_out;
    uint8_t write_cmd;          /* command that the next data byte belongs to */
    uint8_t status;
    uint8_t mode;
    uint8_t outport;
    uint8_t obdata;
} I8042State;

void i8042_connect_a20(DeviceState *dev, qemu_irq a20)
{
    ((I8042State *)dev)->a20_out = a20;
}

static void i8042_reply(I8042State *s, uint8_t val)
{
    s->obdata = val;
    s->status |= KBD_STAT_OBF;
}

static void i8042_write_outport(I8042State *s, uint8_t val)
{
    s->outport = val;
    qemu_set_irq(s->a20_out, !!(val & KBD_OUT_A20));
    if (!(val & KBD_OUT_RESET)) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static void i8042_write_command(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    I8042State *s = opaque;

    s->status |= KBD_STAT_CMD;
    /* 0xf0..0xff pulse the output lines whose bits are clear; only bit 0 is wired. */
    if ((val & 0xf0) == 0xf0) {
        if (!(val & 1)) {
            qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        }
        return;
    }
    switch (val) {
    case 0x20:
        i8042_reply(s, s->mode);
        break;
    case 0x60:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4:
        s->write_cmd = val;
        break;
    case 0xaa:
        s->status |= KBD_STAT_SELFTEST;
        i8042_reply(s, 0x55);
        break;
    case 0xa7:
        s->mode |= 0x20;
        break;
    case 0xa8:
        s->mode &= ~0x20;
        break;
    case 0xa9:
    case 0xab:
        i8042_reply(s, 0x00);
        break;
    case 0xad:
        s->mode |= 0x10;
        break;
    case 0xae:
        s->mode &= ~0x10;
        break;
    case 0xd0:
        i8042_reply(s, s->outport);
        break;
    case 0xdd:
        i8042_write_outport(s, s->outport & ~KBD_OUT_A20);
        break;
    case 0xdf:
        i8042_write_outport(s, s->outport | KBD_OUT_A20);
        break;
    default:
        break;
    }
}

static uint64_t i8042_read_status(void *opaque, hwaddr addr, unsigned size)
{
    return ((I8042State *)opaque)->status;
}

static void i8042_write_data(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    I8042State *s = opaque;
    uint8_t cmd = s->write_cmd;

    s->write_cmd = 0;
    s->status &= ~KBD_STAT_CMD;
    switch (cmd) {
    case 0x60:
        s->mode = val;
        break;
    case 0xd1:
        i8042_write_outport(s, val);
        break;
    case 0xd2:
    case 0xd3:
        i8042_reply(s, val);
        break;
    default:
        break;
    }
}

static uint64_t i8042_read_data(void *opaque, hwaddr addr, unsigned size)
{
    I8042State *s = opaque;

    s->status &= ~KBD_STAT_OBF;
    return s->obdata;
}

static const MemoryRegionOps i8042_data_ops = {
    .read = i8042_read_data,
    .write = i8042_write_data,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static const MemoryRegionOps i8042_cmd_ops = {
    .read = i8042_read_status,
    .write = i8042_write_command,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static void i8042_reset(DeviceState *dev)
{
    I8042State *s = (I8042State *)dev;

    s->mode = 0x03;
    s->status = KBD_STAT_CMD | KBD_STAT_UNLOCKED;
    s->outport = KBD_OUT_RESET | KBD_OUT_A20 | 0xcc;
    s->write_cmd = 0;
    s->obdata = 0;
}

static bool i8042_realize(DeviceState *dev, GError **errp)
{
    I8042State *s = (I8042State *)dev;

    memory_region_init_io(&s->data_io, s, &i8042_data_ops, s, "i8042-data", 1);
    isa_register_ioport(&s->parent, &s->data_io, 0x60);
    memory_region_init_io(&s->cmd_io, s, &i8042_cmd_ops, s, "i8042-cmd", 1);
    isa_register_ioport(&s->parent, &s->cmd_io, 0x64);
    return true;
}

static void i8042_unrealize(DeviceState *dev)
{
    I8042State *s = (I8042State *)dev;

    isa_unregister_ioport(&s->parent, &s->data_io);
    isa_unregister_ioport(&s->parent, &s->cmd_io);
    s->a20_out = NULL;
}

static const VMStateDescription vmstate_i8042 = {
    .name = "pckbd",
    .version_id = 3,
    .minimum_version_id = 3,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(write_cmd, I8042State),
        VMSTATE_UINT8(status, I8042State),
        VMSTATE_UINT8(mode, I8042State),
        VMSTATE_UINT8(outport, I8042State),
        VMSTATE_UINT8(obdata, I8042State),
        VMSTATE_END_OF_LIST()
    },
};

const DeviceClass i8042_class = {
    .name = "i8042",
    .bus_type = "ISA",
    .instance_size = sizeof(I8042State),
    .realize = i8042_realize,
    .unrealize = i8042_unrealize,
    .reset = i8042_reset,
    .vmsd = &vmstate_i8042,
};
