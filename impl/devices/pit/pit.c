/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-pit: the 8254 timer of a PC with port 0x61.
 *
 * Counter 0 drives interrupt 0, counter 2 the speaker gate whose output software polls; counter 1 only counts.
 * A counter's value is computed from guest time, so nothing runs while nobody looks.
 *
 * Context: BQL; the timer of counter 0 fires in the main loop.
 * I1  The timer is armed exactly while counter 0 is in a mode whose output will still change.
 * I2  However often the output changed since the timer last ran, it makes two changes and goes on from the present: an
 *     interrupt controller remembers one edge, and a guest must not be able to ask for more of them than we can make.
 * I3  load_time is never after the present.
 * Source: Intel 8254 data sheet.
 */
#include "aio/timer.h"
#include "devices/isa/isa.h"
#include "devices/table.h"
#include "migration/vmstate.h"

#define PIT_FREQ 1193182

typedef struct PITChannel {
    int32_t count;              /* 1..0x10000 */
    uint16_t latched_count;
    uint8_t count_latched;      /* bytes of it still to be read */
    uint8_t status_latched;
    uint8_t status;
    uint8_t read_state;         /* 0 low byte next, 1 high byte next (rw_mode 3) */
    uint8_t write_state;
    uint8_t write_latch;
    uint8_t rw_mode;
    uint8_t mode;
    uint8_t bcd;
    uint8_t gate;
    int64_t load_time;          /* guest time at which the count was loaded, ns */
    bool loaded;
} PITChannel;

typedef struct PITState {
    ISADevice parent;
    MemoryRegion io;
    MemoryRegion port61;
    PITChannel ch[3];
    uint8_t speaker;            /* bits 0 and 1 of port 0x61 */
    QEMUTimer irq_timer;
    int64_t next_change;        /* when the timer is due: the output's next change, guest time, ns */
    qemu_irq irq;
} PITState;

static uint64_t pit_ticks(const PITChannel *c, int64_t now)
{
    return (uint64_t)((unsigned __int128)(now - c->load_time) * PIT_FREQ / NANOSECONDS_PER_SECOND);
}

static int64_t pit_ticks_to_ns(uint64_t ticks)
{
    return (int64_t)((unsigned __int128)ticks * NANOSECONDS_PER_SECOND / PIT_FREQ) + 1;
}

static uint16_t pit_get_count(const PITChannel *c, int64_t now)
{
    uint64_t d = pit_ticks(c, now);

    if (c->mode == 2) {
        return c->count - d % c->count;
    }
    if (c->mode == 3) {
        return c->count - (2 * d) % c->count;
    }
    return c->count - d;
}

static int pit_get_out(const PITChannel *c, int64_t now)
{
    uint64_t d = pit_ticks(c, now);

    switch (c->mode) {
    case 0:
    case 1:
        return c->loaded && d >= (uint64_t)c->count;
    case 2:
        return d % c->count != (uint64_t)c->count - 1;
    case 3:
        return d % c->count < (uint64_t)(c->count + 1) / 2;
    default:
        return d != (uint64_t)c->count;
    }
}

/* The next change of the output after @now, or -1. */
static int64_t pit_next_change(const PITChannel *c, int64_t now)
{
    uint64_t d = pit_ticks(c, now);
    uint64_t base = d / c->count * c->count;
    uint64_t next;

    if (!c->loaded) {
        return -1;
    }
    switch (c->mode) {
    case 2:
        next = d - base < (uint64_t)c->count - 1 ? base + c->count - 1 : base + c->count;
        break;
    case 3: {
        uint64_t high = (c->count + 1) / 2;

        next = d - base < high ? base + high : base + c->count;
        break;
    }
    default:
        if (d >= (uint64_t)c->count + (c->mode >= 4)) {
            return -1;
        }
        next = d < (uint64_t)c->count ? (uint64_t)c->count : (uint64_t)c->count + 1;
        break;
    }
    return c->load_time + pit_ticks_to_ns(next);
}

static void pit_update_irq(PITState *s, int64_t now)
{
    int64_t next = pit_next_change(&s->ch[0], now);

    qemu_set_irq(s->irq, pit_get_out(&s->ch[0], now));
    if (next >= 0) {
        s->next_change = MAX(next, now + 1);
        timer_mod(&s->irq_timer, s->next_change);
    } else {
        timer_del(&s->irq_timer);
    }
}

/*
 * A change is made as of the time it was due: the low pulse of a rate generator lasts less than a microsecond, and a
 * timer that comes later than that would see no edge at all. Two of them are an edge; what came after both is skipped.
 */
static void pit_irq_timer(void *opaque)
{
    PITState *s = opaque;
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    pit_update_irq(s, s->next_change);
    if (timer_pending(&s->irq_timer) && s->next_change <= now) {
        pit_update_irq(s, s->next_change);
    }
    if (timer_pending(&s->irq_timer) && s->next_change <= now) {
        pit_update_irq(s, now);
    }
}

static void pit_load_count(PITState *s, PITChannel *c, unsigned val)
{
    c->count = val ? val : 0x10000;
    if (c->mode == 3 && c->count == 1) {
        c->count = 0x10001;     /* one is not allowed there; counts on from the top */
    }
    c->load_time = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    c->loaded = true;
    if (c == &s->ch[0]) {
        pit_update_irq(s, c->load_time);
    }
}

static void pit_latch_count(PITChannel *c)
{
    if (!c->count_latched) {
        c->latched_count = pit_get_count(c, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
        c->count_latched = c->rw_mode == 3 ? 2 : 1;
    }
}

static void pit_read_back(PITState *s, uint8_t val)
{
    for (int i = 0; i < 3; i++) {
        PITChannel *c = &s->ch[i];

        if (!(val >> (i + 1) & 1)) {
            continue;
        }
        if (!(val & 0x20)) {
            pit_latch_count(c);
        }
        if (!(val & 0x10) && !c->status_latched) {
            c->status = pit_get_out(c, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)) << 7 | !c->loaded << 6 |
                        c->rw_mode << 4 | c->mode << 1 | c->bcd;
            c->status_latched = 1;
        }
    }
}

static void pit_write_control(PITState *s, uint8_t val)
{
    unsigned n = val >> 6;
    unsigned access = val >> 4 & 3;
    PITChannel *c;

    if (n == 3) {
        pit_read_back(s, val);
        return;
    }
    c = &s->ch[n];
    if (access == 0) {
        pit_latch_count(c);
        return;
    }
    c->rw_mode = access;
    c->read_state = 0;
    c->write_state = 0;
    c->mode = (val >> 1 & 7) >= 6 ? (val >> 1 & 3) : (val >> 1 & 7);
    c->bcd = val & 1;
    c->loaded = false;
    c->count_latched = 0;
    if (n == 0) {
        timer_del(&s->irq_timer);
        qemu_set_irq(s->irq, c->mode != 0);
    }
}

static void pit_ioport_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PITState *s = opaque;
    PITChannel *c;

    if (addr == 3) {
        pit_write_control(s, val);
        return;
    }
    c = &s->ch[addr];
    if (c->rw_mode == 1) {
        pit_load_count(s, c, val);
    } else if (c->rw_mode == 2) {
        pit_load_count(s, c, val << 8);
    } else if (c->write_state == 0) {
        c->write_latch = val;
        c->write_state = 1;
    } else {
        c->write_state = 0;
        pit_load_count(s, c, c->write_latch | val << 8);
    }
}

static uint64_t pit_ioport_read(void *opaque, hwaddr addr, unsigned size)
{
    PITState *s = opaque;
    PITChannel *c;
    uint16_t count;
    bool high;

    if (addr == 3) {
        return 0;
    }
    c = &s->ch[addr];
    if (c->status_latched) {
        c->status_latched = 0;
        return c->status;
    }
    high = c->rw_mode == 2 || (c->rw_mode == 3 && c->read_state);
    c->read_state = c->rw_mode == 3 ? !c->read_state : 0;
    if (c->count_latched) {
        c->count_latched--;
        count = c->latched_count;
    } else {
        count = pit_get_count(c, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
    }
    return high ? count >> 8 : count & 0xff;
}

static uint64_t port61_read(void *opaque, hwaddr addr, unsigned size)
{
    PITState *s = opaque;
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    /* Bit 4 toggles with memory refresh, every 15 us; delay loops count it. */
    unsigned refresh = now / 15085 & 1;

    return s->speaker | refresh << 4 | pit_get_out(&s->ch[2], now) << 5;
}

static void port61_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PITState *s = opaque;

    if (val & 1 && !(s->speaker & 1)) {
        s->ch[2].load_time = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);     /* the gate's rise restarts it */
    }
    s->ch[2].gate = val & 1;
    s->speaker = val & 3;
}

static const MemoryRegionOps pit_ops = {
    .read = pit_ioport_read,
    .write = pit_ioport_write,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static const MemoryRegionOps port61_ops = {
    .read = port61_read,
    .write = port61_write,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static void pit_reset(DeviceState *dev)
{
    PITState *s = (PITState *)dev;

    timer_del(&s->irq_timer);
    for (int i = 0; i < 3; i++) {
        s->ch[i] = (PITChannel){ .count = 0x10000, .mode = 3, .gate = i != 2, .rw_mode = 3 };
    }
    s->speaker = 0;
}

static bool pit_realize(DeviceState *dev, GError **errp)
{
    PITState *s = (PITState *)dev;

    timer_init_ns(&s->irq_timer, QEMU_CLOCK_VIRTUAL, pit_irq_timer, s);
    s->irq = isa_get_irq(&s->parent, 0);
    memory_region_init_io(&s->io, s, &pit_ops, s, "pit", 4);
    isa_register_ioport(&s->parent, &s->io, 0x40);
    memory_region_init_io(&s->port61, s, &port61_ops, s, "pcspk", 1);
    isa_register_ioport(&s->parent, &s->port61, 0x61);
    pit_reset(dev);
    return true;
}

static void pit_unrealize(DeviceState *dev)
{
    PITState *s = (PITState *)dev;

    isa_unregister_ioport(&s->parent, &s->io);
    isa_unregister_ioport(&s->parent, &s->port61);
    timer_del(&s->irq_timer);
    timer_deinit(&s->irq_timer);
}

static int pit_channel_post_load(void *opaque, int version_id)
{
    PITChannel *c = opaque;

    if (c->count < 1 || c->count > 0x10001 || c->mode > 5 || c->rw_mode > 3 || c->count_latched > 2 ||
        c->load_time < 0 || c->load_time > qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL)) {
        return -EINVAL;
    }
    return 0;
}

static int pit_post_load(void *opaque, int version_id)
{
    PITState *s = opaque;
    int64_t next = pit_next_change(&s->ch[0], qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));

    timer_del(&s->irq_timer);
    if (next >= 0) {
        s->next_change = next;
        timer_mod(&s->irq_timer, next);
    }
    return 0;
}

static const VMStateDescription vmstate_pit_channel = {
    .name = "pit channel",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = pit_channel_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_INT32(count, PITChannel),
        VMSTATE_UINT16(latched_count, PITChannel),
        VMSTATE_UINT8(count_latched, PITChannel),
        VMSTATE_UINT8(status_latched, PITChannel),
        VMSTATE_UINT8(status, PITChannel),
        VMSTATE_UINT8(read_state, PITChannel),
        VMSTATE_UINT8(write_state, PITChannel),
        VMSTATE_UINT8(write_latch, PITChannel),
        VMSTATE_UINT8(rw_mode, PITChannel),
        VMSTATE_UINT8(mode, PITChannel),
        VMSTATE_UINT8(bcd, PITChannel),
        VMSTATE_UINT8(gate, PITChannel),
        VMSTATE_INT64(load_time, PITChannel),
        VMSTATE_BOOL(loaded, PITChannel),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_pit = {
    .name = "i8254",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = pit_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_ARRAY(ch, PITState, 3, 1, vmstate_pit_channel, PITChannel),
        VMSTATE_UINT8(speaker, PITState),
        VMSTATE_END_OF_LIST()
    },
};

const DeviceClass isa_pit_class = {
    .name = "isa-pit",
    .bus_type = "ISA",
    .instance_size = sizeof(PITState),
    .realize = pit_realize,
    .unrealize = pit_unrealize,
    .reset = pit_reset,
    .vmsd = &vmstate_pit,
};
