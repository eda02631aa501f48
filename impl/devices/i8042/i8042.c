/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keyboard controller: command byte, output port (A20 gate, reset), and the way of bytes between the host and the
 * keyboard and mouse behind it.
 *
 * I1  The output buffer holds one byte; the interrupt line of the device it came from is high while it waits, if the
 *     command byte lets it. The next byte comes when that one has been read.
 * Source: IBM PC/AT technical reference, keyboard controller; PS/2 technical reference for the auxiliary device.
 */
#include "devices/i8042/i8042.h"

#include "devices/i8042/ps2.h"
#include "devices/isa/isa.h"
#include "devices/table.h"
#include "machine/runstate.h"
#include "migration/vmstate.h"
#include "ui/input.h"

#define KBD_STAT_OBF 0x01
#define KBD_STAT_SELFTEST 0x04
#define KBD_STAT_CMD 0x08
#define KBD_STAT_UNLOCKED 0x10
#define KBD_STAT_MOUSE_OBF 0x20
#define KBD_MODE_KBD_INT 0x01
#define KBD_MODE_MOUSE_INT 0x02
#define KBD_MODE_SYS 0x04
#define KBD_MODE_DISABLE_KBD 0x10
#define KBD_MODE_DISABLE_MOUSE 0x20
#define KBD_MODE_TRANSLATE 0x40
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
    bool reply_pending;         /* the controller itself has something to say */
    bool reply_aux;
    uint8_t reply;
    PS2Kbd kbd;
    PS2Mouse mouse;
} I8042State;

void i8042_connect_a20(DeviceState *dev, qemu_irq a20)
{
    ((I8042State *)dev)->a20_out = a20;
}

/* ---- The output buffer (I1) ---- */

static void i8042_update_irq(I8042State *s)
{
    bool full = s->status & KBD_STAT_OBF;
    bool aux = s->status & KBD_STAT_MOUSE_OBF;

    qemu_set_irq(isa_get_irq(&s->parent, 1), full && !aux && s->mode & KBD_MODE_KBD_INT);
    qemu_set_irq(isa_get_irq(&s->parent, 12), full && aux && s->mode & KBD_MODE_MOUSE_INT);
}

static void i8042_load(I8042State *s, uint8_t val, bool aux)
{
    s->obdata = val;
    s->status |= KBD_STAT_OBF | (aux ? KBD_STAT_MOUSE_OBF : 0);
}

static void i8042_update(I8042State *s)
{
    if (!(s->status & KBD_STAT_OBF)) {
        s->status &= ~KBD_STAT_MOUSE_OBF;
        if (s->reply_pending) {
            s->reply_pending = false;
            i8042_load(s, s->reply, s->reply_aux);
        } else if (s->kbd.q.count && !(s->mode & KBD_MODE_DISABLE_KBD)) {
            i8042_load(s, ps2_read(&s->kbd.q), false);
        } else if (s->mouse.q.count && !(s->mode & KBD_MODE_DISABLE_MOUSE)) {
            i8042_load(s, ps2_read(&s->mouse.q), true);
        }
    }
    i8042_update_irq(s);
}

/* What the controller says goes before what its devices say, and replaces what it said before. */
static void i8042_reply_from(I8042State *s, uint8_t val, bool aux)
{
    s->reply = val;
    s->reply_aux = aux;
    s->reply_pending = true;
    s->status &= ~KBD_STAT_OBF;
    i8042_update_irq(s);
    i8042_update(s);
}

static void i8042_reply(I8042State *s, uint8_t val)
{
    i8042_reply_from(s, val, false);
}

static void i8042_set_mode(I8042State *s, uint8_t mode)
{
    s->mode = mode;
    s->kbd.translate = mode & KBD_MODE_TRANSLATE;
    i8042_update(s);
}

static void i8042_key(void *opaque, unsigned qnum, bool down)
{
    I8042State *s = opaque;

    ps2_kbd_key(&s->kbd, qnum, down);
    i8042_update(s);
}

static void i8042_pointer(void *opaque, int dx, int dy, int dz, unsigned buttons)
{
    I8042State *s = opaque;

    ps2_mouse_move(&s->mouse, dx, dy, dz, buttons);
    i8042_update(s);
}

static const QemuInputHandler i8042_input = { .key = i8042_key, .pointer = i8042_pointer };

/* ---- Registers ---- */

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
        i8042_set_mode(s, s->mode | KBD_MODE_DISABLE_MOUSE);
        break;
    case 0xa8:
        i8042_set_mode(s, s->mode & ~KBD_MODE_DISABLE_MOUSE);
        break;
    case 0xa9:
    case 0xab:
        i8042_reply(s, 0x00);
        break;
    case 0xad:
        i8042_set_mode(s, s->mode | KBD_MODE_DISABLE_KBD);
        break;
    case 0xae:
        i8042_set_mode(s, s->mode & ~KBD_MODE_DISABLE_KBD);
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
        i8042_set_mode(s, val);
        break;
    case 0xd1:
        i8042_write_outport(s, val);
        break;
    case 0xd2:
    case 0xd3:
        i8042_reply_from(s, val, cmd == 0xd3);
        break;
    case 0xd4:
        ps2_mouse_write(&s->mouse, val);
        i8042_set_mode(s, s->mode & ~KBD_MODE_DISABLE_MOUSE);
        break;
    case 0:
        ps2_kbd_write(&s->kbd, val);
        i8042_set_mode(s, s->mode & ~KBD_MODE_DISABLE_KBD);
        break;
    default:
        break;
    }
}

static uint64_t i8042_read_data(void *opaque, hwaddr addr, unsigned size)
{
    I8042State *s = opaque;
    uint8_t val = s->obdata;

    if (s->status & KBD_STAT_OBF) {
        s->status &= ~KBD_STAT_OBF;
        i8042_update_irq(s);    /* low before it rises again for the next byte */
        i8042_update(s);
    }
    return val;
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
    s->reply_pending = s->reply_aux = false;
    s->reply = 0;
    ps2_kbd_reset(&s->kbd);
    s->kbd.translate = false;
    ps2_mouse_reset(&s->mouse);
    i8042_update_irq(s);
}

static bool i8042_realize(DeviceState *dev, GError **errp)
{
    I8042State *s = (I8042State *)dev;

    memory_region_init_io(&s->data_io, s, &i8042_data_ops, s, "i8042-data", 1);
    isa_register_ioport(&s->parent, &s->data_io, 0x60);
    memory_region_init_io(&s->cmd_io, s, &i8042_cmd_ops, s, "i8042-cmd", 1);
    isa_register_ioport(&s->parent, &s->cmd_io, 0x64);
    qemu_input_handler_register(&i8042_input, s);
    return true;
}

static void i8042_unrealize(DeviceState *dev)
{
    I8042State *s = (I8042State *)dev;

    qemu_input_handler_unregister(&i8042_input, s);
    isa_unregister_ioport(&s->parent, &s->data_io);
    isa_unregister_ioport(&s->parent, &s->cmd_io);
    s->a20_out = NULL;
}

static const VMStateDescription vmstate_i8042 = {
    .name = "pckbd",
    .version_id = 4,
    .minimum_version_id = 4,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(write_cmd, I8042State),
        VMSTATE_UINT8(status, I8042State),
        VMSTATE_UINT8(mode, I8042State),
        VMSTATE_UINT8(outport, I8042State),
        VMSTATE_UINT8(obdata, I8042State),
        VMSTATE_BOOL(reply_pending, I8042State),
        VMSTATE_BOOL(reply_aux, I8042State),
        VMSTATE_UINT8(reply, I8042State),
        VMSTATE_STRUCT(kbd, I8042State, 0, vmstate_ps2_kbd, PS2Kbd),
        VMSTATE_STRUCT(mouse, I8042State, 0, vmstate_ps2_mouse, PS2Mouse),
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
