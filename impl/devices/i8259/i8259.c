/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * 8259A interrupt controllers. See i8259.h for the invariants.
 */
#include "devices/i8259/i8259.h"

#include <string.h>

#include "migration/vmstate.h"

struct PICState {
    ISADevice parent;
    MemoryRegion io;
    MemoryRegion elcr_io;
    IRQState in[8];
    IRQState cascade;           /* what the slave drives: input 2 of the master */
    qemu_irq int_out;
    PICState *slave;
    bool master;
    bool wired;
    uint8_t last_irr;           /* input levels */
    uint8_t irr;
    uint8_t imr;
    uint8_t isr;
    uint8_t priority_add;       /* the highest priority input */
    uint8_t irq_base;
    uint8_t read_reg_select;
    uint8_t poll;
    uint8_t special_mask;
    uint8_t init_state;
    uint8_t auto_eoi;
    uint8_t rotate_on_auto_eoi;
    uint8_t special_fully_nested_mode;
    uint8_t init4;
    uint8_t single_mode;
    uint8_t elcr;
    uint8_t elcr_mask;
};

/* Position of the highest set bit of @mask in priority order, 8 if none. */
static int pic_priority(const PICState *s, uint8_t mask)
{
    int p;

    for (p = 0; p < 8; p++) {
        if (mask >> ((p + s->priority_add) & 7) & 1) {
            break;
        }
    }
    return p;
}

static int pic_pending_irq(const PICState *s)
{
    uint8_t mask = s->irr & ~s->imr;
    int priority = pic_priority(s, mask);
    int current;

    if (priority == 8) {
        return -1;
    }
    mask = s->isr;
    if (s->special_mask) {
        mask &= ~s->imr;
    }
    if (s->special_fully_nested_mode && s->master) {
        mask &= ~(1 << 2);
    }
    current = pic_priority(s, mask);
    return priority < current ? (priority + s->priority_add) & 7 : -1;
}

static void pic_update_irq(PICState *s)
{
    qemu_set_irq(s->int_out, pic_pending_irq(s) >= 0);
}

static void pic_set_irq(void *opaque, int n, int level)
{
    PICState *s = opaque;
    uint8_t bit = 1 << n;

    if (s->elcr & bit) {
        s->irr = level ? s->irr | bit : s->irr & ~bit;      /* (I1) */
        s->last_irr = level ? s->last_irr | bit : s->last_irr & ~bit;
    } else if (level) {
        if (!(s->last_irr & bit)) {
            s->irr |= bit;
        }
        s->last_irr |= bit;
    } else {
        s->last_irr &= ~bit;
    }
    pic_update_irq(s);
}

static void pic_ack(PICState *s, int irq)
{
    if (s->auto_eoi) {
        if (s->rotate_on_auto_eoi) {
            s->priority_add = (irq + 1) & 7;
        }
    } else {
        s->isr |= 1 << irq;
    }
    if (!(s->elcr >> irq & 1)) {
        s->irr &= ~(1 << irq);
    }
    pic_update_irq(s);
}

int pic_read_irq(DeviceState *dev)
{
    PICState *s = (PICState *)dev;
    int irq = pic_pending_irq(s);
    int vector;

    if (irq < 0) {
        return s->irq_base + 7;     /* the request went away: spurious */
    }
    if (irq == 2 && s->slave) {
        int irq2 = pic_pending_irq(s->slave);

        if (irq2 >= 0) {
            pic_ack(s->slave, irq2);
        } else {
            irq2 = 7;
        }
        vector = s->slave->irq_base + irq2;
    } else {
        vector = s->irq_base + irq;
    }
    pic_ack(s, irq);
    return vector;
}

static void pic_init_reset(PICState *s)
{
    s->last_irr = 0;
    s->irr &= s->elcr;
    s->imr = 0;
    s->isr = 0;
    s->priority_add = 0;
    s->irq_base = 0;
    s->read_reg_select = 0;
    s->poll = 0;
    s->special_mask = 0;
    s->init_state = 0;
    s->auto_eoi = 0;
    s->rotate_on_auto_eoi = 0;
    s->special_fully_nested_mode = 0;
    s->init4 = 0;
    s->single_mode = 0;
    pic_update_irq(s);
}

static void pic_reset(DeviceState *dev)
{
    PICState *s = (PICState *)dev;

    s->elcr = 0;
    s->irr = 0;
    pic_init_reset(s);
}

static void pic_end_of_interrupt(PICState *s, uint8_t ocw2)
{
    int cmd = ocw2 >> 5;
    int irq = ocw2 & 7;

    switch (cmd) {
    case 0:
    case 4:
        s->rotate_on_auto_eoi = cmd >> 2;
        break;
    case 1:
    case 5: {
        int p = pic_priority(s, s->isr);

        if (p != 8) {
            irq = (p + s->priority_add) & 7;
            s->isr &= ~(1 << irq);
            if (cmd == 5) {
                s->priority_add = (irq + 1) & 7;
            }
        }
        break;
    }
    case 3:
        s->isr &= ~(1 << irq);
        break;
    case 6:
        s->priority_add = (irq + 1) & 7;
        break;
    case 7:
        s->isr &= ~(1 << irq);
        s->priority_add = (irq + 1) & 7;
        break;
    default:
        break;
    }
    pic_update_irq(s);
}

static void pic_write_command(PICState *s, uint8_t val)
{
    if (val & 0x10) {
        pic_init_reset(s);
        s->init_state = 1;
        s->init4 = val & 1;
        s->single_mode = val & 2;
    } else if (val & 0x08) {
        if (val & 0x04) {
            s->poll = 1;
        }
        if (val & 0x02) {
            s->read_reg_select = val & 1;
        }
        if (val & 0x40) {
            s->special_mask = val >> 5 & 1;
        }
    } else {
        pic_end_of_interrupt(s, val);
    }
}

static void pic_write_data(PICState *s, uint8_t val)
{
    switch (s->init_state) {
    case 0:
        s->imr = val;
        pic_update_irq(s);
        break;
    case 1:
        s->irq_base = val & 0xf8;
        s->init_state = s->single_mode ? (s->init4 ? 3 : 0) : 2;
        break;
    case 2:
        s->init_state = s->init4 ? 3 : 0;
        break;
    default:
        s->special_fully_nested_mode = val >> 4 & 1;
        s->auto_eoi = val >> 1 & 1;
        s->init_state = 0;
        break;
    }
}

static void pic_ioport_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    if (addr == 0) {
        pic_write_command(opaque, val);
    } else {
        pic_write_data(opaque, val);
    }
}

static uint64_t pic_ioport_read(void *opaque, hwaddr addr, unsigned size)
{
    PICState *s = opaque;

    if (s->poll) {
        int irq = pic_pending_irq(s);

        s->poll = 0;
        if (irq < 0) {
            return 0;
        }
        pic_ack(s, irq);
        return 0x80 | irq;
    }
    if (addr == 0) {
        return s->read_reg_select ? s->isr : s->irr;
    }
    return s->imr;
}

static void elcr_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PICState *s = opaque;

    s->elcr = val & s->elcr_mask;
}

static uint64_t elcr_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((PICState *)opaque)->elcr;
}

static const MemoryRegionOps pic_ops = {
    .read = pic_ioport_read,
    .write = pic_ioport_write,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static const MemoryRegionOps elcr_ops = {
    .read = elcr_read,
    .write = elcr_write,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static void pic_init(DeviceState *dev)
{
    PICState *s = (PICState *)dev;

    for (int n = 0; n < 8; n++) {
        qemu_init_irq(&s->in[n], pic_set_irq, s, n);
    }
}

static void pic_map(PICState *s, uint16_t base, uint16_t elcr)
{
    memory_region_init_io(&s->io, s, &pic_ops, s, "pic", 2);
    isa_register_ioport(&s->parent, &s->io, base);
    memory_region_init_io(&s->elcr_io, s, &elcr_ops, s, "elcr", 1);
    isa_register_ioport(&s->parent, &s->elcr_io, elcr);
    s->wired = true;
}

static void pic_unrealize(DeviceState *dev)
{
    PICState *s = (PICState *)dev;

    if (s->wired) {
        isa_unregister_ioport(&s->parent, &s->io);
        isa_unregister_ioport(&s->parent, &s->elcr_io);
        s->wired = false;
    }
    s->int_out = NULL;
    s->slave = NULL;
}

void i8259_init_master(DeviceState *dev, qemu_irq int_out)
{
    PICState *s = (PICState *)dev;

    s->master = true;
    s->int_out = int_out;
    s->elcr_mask = 0xf8;
    pic_map(s, 0x20, 0x4d0);
}

static void pic_set_cascade(void *opaque, int n, int level)
{
    pic_set_irq(opaque, 2, level);
}

void i8259_init_slave(DeviceState *dev, DeviceState *master)
{
    PICState *s = (PICState *)dev;
    PICState *m = (PICState *)master;

    qemu_init_irq(&s->cascade, pic_set_cascade, m, 2);
    s->int_out = &s->cascade;
    s->elcr_mask = 0xde;
    m->slave = s;
    pic_map(s, 0xa0, 0x4d1);
}

qemu_irq i8259_irq(DeviceState *dev, int n)
{
    return &((PICState *)dev)->in[n];
}

static int pic_post_load(void *opaque, int version_id)
{
    PICState *s = opaque;

    if (s->priority_add > 7 || s->init_state > 3 || s->irq_base & 7) {
        return -EINVAL;
    }
    return 0;
}

static const VMStateDescription vmstate_pic = {
    .name = "i8259",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = pic_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(last_irr, PICState),
        VMSTATE_UINT8(irr, PICState),
        VMSTATE_UINT8(imr, PICState),
        VMSTATE_UINT8(isr, PICState),
        VMSTATE_UINT8(priority_add, PICState),
        VMSTATE_UINT8(irq_base, PICState),
        VMSTATE_UINT8(read_reg_select, PICState),
        VMSTATE_UINT8(poll, PICState),
        VMSTATE_UINT8(special_mask, PICState),
        VMSTATE_UINT8(init_state, PICState),
        VMSTATE_UINT8(auto_eoi, PICState),
        VMSTATE_UINT8(rotate_on_auto_eoi, PICState),
        VMSTATE_UINT8(special_fully_nested_mode, PICState),
        VMSTATE_UINT8(init4, PICState),
        VMSTATE_UINT8(single_mode, PICState),
        VMSTATE_UINT8(elcr, PICState),
        VMSTATE_END_OF_LIST()
    },
};

const DeviceClass i8259_class = {
    .name = "isa-i8259",
    .bus_type = "ISA",
    .instance_size = sizeof(PICState),
    .init = pic_init,
    .unrealize = pic_unrealize,
    .reset = pic_reset,
    .vmsd = &vmstate_pic,
};
