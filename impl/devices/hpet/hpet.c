/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hpet: the high precision event timer. See hpet.h.
 *
 * The counter is computed from guest time; a comparator has a timer for its next match.
 *
 * Context: BQL; timers fire in the main loop.
 * I1  A comparator's timer is armed exactly while HPET and comparator are enabled and it will match.
 * I2  A level-triggered line is up exactly while its status bit is set.
 * I3  What is set and what follows from it are computed at one reading of the clock: between two, a comparator might be
 *     passed, and would not match for centuries.
 * I4  A periodic comparator fires at most once in MIN_PERIOD_NS, whatever period the guest asks for; matches that were
 *     missed are skipped.
 * Source: IA-PC HPET specification 1.0a.
 */
#include "devices/hpet/hpet.h"

#include "aio/timer.h"
#include "base/bytes.h"
#include "devices/table.h"
#include "mem/memory.h"
#include "migration/vmstate.h"

#define NUM_TIMERS 3
#define PERIOD_FS 10000000u
#define NS_PER_TICK 10
#define MIN_PERIOD_NS 20000
#define MAX_TICKS (UINT64_C(1) << 58)
#define NUM_GSIS 24

#define CFG_ENABLE 0x1
#define CFG_LEGACY 0x2
#define TN_LEVEL 0x0002
#define TN_ENABLE 0x0004
#define TN_PERIODIC 0x0008
#define TN_PERIODIC_CAP 0x0010
#define TN_SIZE_CAP 0x0020
#define TN_SETVAL 0x0040
#define TN_32BIT 0x0100
#define TN_ROUTE_SHIFT 9
#define TN_WRITABLE 0x3f4eu

typedef struct HPETState HPETState;

typedef struct HPETTimer {
    HPETState *hpet;
    unsigned n;
    QEMUTimer timer;
    uint64_t config;
    uint64_t cmp;
    uint64_t period;            /* ticks */
    bool due;                   /* in streams only: the timer was armed */
} HPETTimer;

struct HPETState {
    DeviceState qdev;
    MemoryRegion mmio;
    qemu_irq *gsi;
    qemu_irq legacy;
    uint32_t intcap;
    uint64_t config;
    uint64_t isr;
    uint64_t counter;           /* when it was last started or set */
    int64_t start;              /* guest time then, ns */
    HPETTimer timers[NUM_TIMERS];
};

void hpet_connect(DeviceState *dev, qemu_irq *gsi, qemu_irq legacy)
{
    ((HPETState *)dev)->gsi = gsi;
    ((HPETState *)dev)->legacy = legacy;
}

static int64_t guest_ns(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

/* The counter at @now, guest time in ns. */
static uint64_t hpet_ticks(const HPETState *s, int64_t now)
{
    return s->config & CFG_ENABLE && now > s->start ? s->counter + (now - s->start) / NS_PER_TICK : s->counter;
}

static uint64_t timer_mask(const HPETTimer *t)
{
    return t->config & TN_32BIT ? UINT32_MAX : UINT64_MAX;
}

/* ---- Interrupts ---- */

static qemu_irq timer_line(const HPETTimer *t)
{
    const HPETState *s = t->hpet;
    unsigned route = t->config >> TN_ROUTE_SHIFT & 0x1f;

    if (!s->gsi) {
        return NULL;
    }
    if (s->config & CFG_LEGACY && t->n < 2) {
        return s->gsi[t->n == 0 ? 0 : 8];
    }
    return route < NUM_GSIS && s->intcap >> route & 1 ? s->gsi[route] : NULL;
}

static void timer_fire(HPETTimer *t)
{
    HPETState *s = t->hpet;

    if (t->config & TN_LEVEL) {
        s->isr |= 1u << t->n;
        qemu_irq_raise(timer_line(t));
    } else {
        qemu_irq_raise(timer_line(t));
        qemu_irq_lower(timer_line(t));
    }
}

static void hpet_clear_isr(HPETState *s, uint64_t bits)
{
    for (unsigned n = 0; n < NUM_TIMERS; n++) {
        if (s->isr & bits & 1u << n) {
            s->isr &= ~(UINT64_C(1) << n);
            qemu_irq_lower(timer_line(&s->timers[n]));
        }
    }
}

/* ---- Comparators ---- */

static void timer_arm(HPETTimer *t, int64_t now)
{
    HPETState *s = t->hpet;
    uint64_t diff = (t->cmp - hpet_ticks(s, now)) & timer_mask(t);

    if (!(s->config & CFG_ENABLE) || !(t->config & TN_ENABLE) || diff > MAX_TICKS) {
        timer_del(&t->timer);           /* (I1) a match centuries ahead is none */
        return;
    }
    timer_mod(&t->timer, now + (int64_t)diff * NS_PER_TICK);
}

/* The next match after @now, not too soon (I4). */
static void timer_advance(HPETTimer *t, int64_t now)
{
    uint64_t soonest = (hpet_ticks(t->hpet, now) + MIN_PERIOD_NS / NS_PER_TICK) & timer_mask(t);
    uint64_t behind = (soonest - t->cmp) & timer_mask(t);
    uint64_t steps = behind <= timer_mask(t) / 2 ? behind / t->period + 1 : 1;

    t->cmp = (t->cmp + steps * t->period) & timer_mask(t);
}

static void hpet_timer(void *opaque)
{
    HPETTimer *t = opaque;
    int64_t now = guest_ns();

    if (t->config & TN_PERIODIC && t->period) {
        timer_advance(t, now);
        timer_arm(t, now);
    }
    timer_fire(t);
}

static void timer_write_config(HPETTimer *t, uint64_t val)
{
    HPETState *s = t->hpet;

    hpet_clear_isr(s, UINT64_C(1) << t->n);     /* (I2) it may go elsewhere now */
    t->config = (t->config & ~(uint64_t)TN_WRITABLE) | (val & TN_WRITABLE);
    if (t->config & TN_32BIT) {
        t->cmp = (uint32_t)t->cmp;
        t->period = (uint32_t)t->period;
    }
    timer_arm(t, guest_ns());
}

static void timer_write_cmp(HPETTimer *t, uint64_t val)
{
    val &= timer_mask(t);
    if (!(t->config & TN_PERIODIC) || t->config & TN_SETVAL) {
        t->cmp = val;
    }
    if (t->config & TN_PERIODIC) {
        t->period = MIN(val, MAX_TICKS);
    }
    t->config &= ~(uint64_t)TN_SETVAL;
    timer_arm(t, guest_ns());
}

/* ---- Registers: eight bytes each ---- */

static uint64_t reg_get(HPETState *s, hwaddr reg)
{
    HPETTimer *t = &s->timers[(reg - 0x100) / 0x20 % NUM_TIMERS];

    switch (reg) {
    case 0x000:
        return (uint64_t)PERIOD_FS << 32 | HPET_BLOCK_ID;
    case 0x010:
        return s->config;
    case 0x020:
        return s->isr;
    case 0x0f0:
        return hpet_ticks(s, guest_ns());
    default:
        break;
    }
    if (reg < 0x100 || reg >= 0x100 + NUM_TIMERS * 0x20) {
        return 0;
    }
    return reg % 0x20 == 0 ? t->config : reg % 0x20 == 8 ? t->cmp : 0;
}

static void hpet_write_config(HPETState *s, uint64_t val)
{
    uint64_t old = s->config;
    int64_t now = guest_ns();

    val &= CFG_ENABLE | CFG_LEGACY;
    if ((old ^ val) & CFG_LEGACY) {
        hpet_clear_isr(s, UINT64_MAX);
    }
    if ((old ^ val) & CFG_ENABLE) {
        s->counter = hpet_ticks(s, now);
        s->start = now;
    }
    s->config = val;
    if ((old ^ val) & CFG_LEGACY) {
        qemu_set_irq(s->legacy, !!(val & CFG_LEGACY));
    }
    for (unsigned n = 0; n < NUM_TIMERS; n++) {
        timer_arm(&s->timers[n], now);
    }
}

static void reg_set(HPETState *s, hwaddr reg, uint64_t val)
{
    HPETTimer *t = &s->timers[(reg - 0x100) / 0x20 % NUM_TIMERS];

    if (reg == 0x010) {
        hpet_write_config(s, val);
    } else if (reg == 0x020) {
        hpet_clear_isr(s, val);
    } else if (reg == 0x0f0 && !(s->config & CFG_ENABLE)) {
        s->counter = val;
    } else if (reg >= 0x100 && reg < 0x100 + NUM_TIMERS * 0x20 && reg % 0x20 == 0) {
        timer_write_config(t, val);
    } else if (reg >= 0x100 && reg < 0x100 + NUM_TIMERS * 0x20 && reg % 0x20 == 8) {
        timer_write_cmp(t, val);
    }
}

static uint64_t hpet_read(void *opaque, hwaddr addr, unsigned size)
{
    uint64_t val = reg_get(opaque, addr & ~UINT64_C(7));

    return size == 8 ? val : addr & 4 ? val >> 32 : (uint32_t)val;
}

/* Half a register keeps the other half; but the status register is written 1 to clear. */
static void hpet_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    HPETState *s = opaque;
    hwaddr reg = addr & ~UINT64_C(7);
    uint64_t old = reg == 0x020 ? 0 : reg_get(s, reg);

    if (size == 4 && addr & 4) {
        val = (uint32_t)old | val << 32;
    } else if (size == 4) {
        val |= old & ~(uint64_t)UINT32_MAX;
    }
    reg_set(s, reg, val);
}

static const MemoryRegionOps hpet_ops = {
    .read = hpet_read,
    .write = hpet_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 8 },
};

/* ---- Device ---- */

static bool hpet_realize(DeviceState *dev, GError **errp)
{
    HPETState *s = (HPETState *)dev;

    for (unsigned n = 0; n < NUM_TIMERS; n++) {
        s->timers[n].hpet = s;
        s->timers[n].n = n;
        timer_init_ns(&s->timers[n].timer, QEMU_CLOCK_VIRTUAL, hpet_timer, &s->timers[n]);
    }
    memory_region_init_io(&s->mmio, s, &hpet_ops, s, "hpet", HPET_SIZE);
    memory_region_add_subregion(get_system_memory(), HPET_BASE, &s->mmio);
    return true;
}

static void hpet_unrealize(DeviceState *dev)
{
    HPETState *s = (HPETState *)dev;

    memory_region_del_subregion(get_system_memory(), &s->mmio);
    memory_region_finalize(&s->mmio);
    for (unsigned n = 0; n < NUM_TIMERS; n++) {
        timer_del(&s->timers[n].timer);
        timer_deinit(&s->timers[n].timer);
    }
}

static void hpet_reset(DeviceState *dev)
{
    HPETState *s = (HPETState *)dev;

    hpet_clear_isr(s, UINT64_MAX);
    s->config = 0;
    s->isr = 0;
    s->counter = 0;
    s->start = 0;
    for (unsigned n = 0; n < NUM_TIMERS; n++) {
        HPETTimer *t = &s->timers[n];

        timer_del(&t->timer);
        t->config = TN_PERIODIC_CAP | TN_SIZE_CAP | (uint64_t)s->intcap << 32;
        t->cmp = UINT64_MAX;
        t->period = 0;
    }
    qemu_set_irq(s->legacy, 0);
}

static int hpet_pre_save(void *opaque)
{
    HPETState *s = opaque;

    for (unsigned n = 0; n < NUM_TIMERS; n++) {
        s->timers[n].due = timer_pending(&s->timers[n].timer);
    }
    return 0;
}

/* A match between save and load was none for the guest: it waits for that interrupt. */
static void timer_load(HPETTimer *t, int64_t now)
{
    timer_arm(t, now);
    if (t->due && t->hpet->config & CFG_ENABLE && t->config & TN_ENABLE && !timer_pending(&t->timer)) {
        timer_mod(&t->timer, now);
    }
}

static int hpet_post_load(void *opaque, int version_id)
{
    HPETState *s = opaque;
    int64_t now = guest_ns();

    if (s->start < 0) {
        return -EINVAL;
    }
    s->config &= CFG_ENABLE | CFG_LEGACY;
    s->isr &= (1u << NUM_TIMERS) - 1;
    qemu_set_irq(s->legacy, !!(s->config & CFG_LEGACY));
    for (unsigned n = 0; n < NUM_TIMERS; n++) {
        HPETTimer *t = &s->timers[n];

        t->config = (t->config & TN_WRITABLE) | TN_PERIODIC_CAP | TN_SIZE_CAP | (uint64_t)s->intcap << 32;
        t->period = MIN(t->period, MAX_TICKS);
        timer_load(t, now);
    }
    return 0;
}

static const VMStateDescription vmstate_hpet_timer = {
    .name = "hpet_timer",
    .version_id = 2,
    .minimum_version_id = 2,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(config, HPETTimer),
        VMSTATE_UINT64(cmp, HPETTimer),
        VMSTATE_UINT64(period, HPETTimer),
        VMSTATE_BOOL(due, HPETTimer),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_hpet = {
    .name = "hpet",
    .version_id = 2,
    .minimum_version_id = 2,
    .pre_save = hpet_pre_save,
    .post_load = hpet_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(config, HPETState),
        VMSTATE_UINT64(isr, HPETState),
        VMSTATE_UINT64(counter, HPETState),
        VMSTATE_INT64(start, HPETState),
        VMSTATE_STRUCT_ARRAY(timers, HPETState, NUM_TIMERS, 2, vmstate_hpet_timer, HPETTimer),
        VMSTATE_END_OF_LIST()
    },
};

static const Property hpet_props[] = {
    DEFINE_PROP_UINT32("hpet-intcap", HPETState, intcap, 0x4),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass hpet_class = {
    .name = "hpet",
    .bus_type = "System",
    .instance_size = sizeof(HPETState),
    .props = hpet_props,
    .realize = hpet_realize,
    .unrealize = hpet_unrealize,
    .reset = hpet_reset,
    .vmsd = &vmstate_hpet,
};
