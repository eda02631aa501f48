/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC: priorities, acknowledge, and the bus between the APICs. See apic.h.
 *
 * Lowest priority goes to the enabled destination with the lowest processor priority, the first one of equals: a
 * choice hardware leaves open, and one that replays.
 *
 * Context: BQL.
 * Source: SDM volume 3, chapter 10.
 */
#include "devices/apic/apic_int.h"

#include "aio/bql.h"
#include "base/assert.h"
#include "devices/ioapic/ioapic.h"
#include "devices/table.h"
#include "migration/vmstate.h"

#define APIC_SPACE_SIZE 0x100000
#define APIC_PRIORITY 0x1000       /* above anything a guest can map there */

/* ---- Sets of vectors ---- */

static void set_bit_in(uint32_t *tab, unsigned n)
{
    tab[n >> 5] |= 1u << (n & 31);
}

static void reset_bit_in(uint32_t *tab, unsigned n)
{
    tab[n >> 5] &= ~(1u << (n & 31));
}

static bool test_bit_in(const uint32_t *tab, unsigned n)
{
    return tab[n >> 5] >> (n & 31) & 1;
}

/* -1: the set is empty. */
static int highest_in(const uint32_t *tab)
{
    for (int i = 7; i >= 0; i--) {
        if (tab[i]) {
            return i * 32 + 31 - __builtin_clz(tab[i]);
        }
    }
    return -1;
}

/* ---- Priorities ---- */

bool apic_enabled(const APICState *s)
{
    return (s->apicbase & APIC_BASE_ENABLE) && (s->spurious_vec & APIC_SPURIOUS_ENABLE);
}

uint8_t apic_ppr(const APICState *s)
{
    int isr = highest_in(s->isr);
    unsigned in_service = isr < 0 ? 0 : (unsigned)isr & 0xf0;

    return (s->tpr & 0xf0u) >= in_service ? s->tpr : (uint8_t)in_service;
}

/* The vector that may be taken now, or -1. */
static int deliverable(const APICState *s)
{
    int irr = apic_enabled(s) ? highest_in(s->irr) : -1;

    return irr >= 0 && (irr & 0xf0) > (apic_ppr(s) & 0xf0) ? irr : -1;
}

/* A disabled APIC passes LINT0 on as the processor's interrupt pin. */
static bool accepts_pic(const APICState *s)
{
    uint32_t lint0 = s->lvt[APIC_LVT_LINT0];

    if (!(s->apicbase & APIC_BASE_ENABLE)) {
        return true;
    }
    return !(lint0 & APIC_LVT_MASKED) && (lint0 >> 8 & 7) == APIC_DM_EXTINT;
}

void apic_update_irq(APICState *s)
{
    if (deliverable(s) >= 0 || (s->pic_level && accepts_pic(s))) {
        cpu_interrupt(s->cpu, CPU_INTERRUPT_HARD);
    } else {
        cpu_reset_interrupt(s->cpu, CPU_INTERRUPT_HARD);
    }
}

static int apic_get_interrupt(void *opaque)
{
    APICState *s = opaque;
    X86CPU *x86 = s->cpu->x86;
    int vector = deliverable(s);

    if (vector >= 0) {
        reset_bit_in(s->irr, (unsigned)vector);
        set_bit_in(s->isr, (unsigned)vector);
        apic_update_irq(s);
    } else if (s->pic_level && accepts_pic(s) && x86->get_irq) {
        vector = x86->get_irq(x86->irq_opaque);
    }
    return vector;
}

static void set_irq(APICState *s, unsigned vector, unsigned trigger_mode)
{
    if (vector < 16) {
        apic_error(s, APIC_ESR_RECV_ILLEGAL);
        return;
    }
    set_bit_in(s->irr, vector);
    if (trigger_mode == APIC_TRIGGER_LEVEL) {
        set_bit_in(s->tmr, vector);
    } else {
        reset_bit_in(s->tmr, vector);
    }
    apic_update_irq(s);
}

void apic_eoi(APICState *s)
{
    int vector = highest_in(s->isr);

    if (vector < 0) {
        return;
    }
    reset_bit_in(s->isr, (unsigned)vector);
    if (test_bit_in(s->tmr, (unsigned)vector)) {
        ioapic_eoi_broadcast(vector);
    }
    apic_update_irq(s);
}

void apic_error(APICState *s, uint32_t bits)
{
    bool fresh = bits & ~s->esr_pending;

    s->esr_pending |= bits;
    if (fresh) {
        apic_local_deliver(s, APIC_LVT_ERROR);
    }
}

/* ---- The bus ---- */

static void deliver_to(APICState *s, unsigned delivery_mode, unsigned vector, unsigned trigger_mode)
{
    switch (delivery_mode) {
    case APIC_DM_FIXED:
    case APIC_DM_LOWPRI:
        if (apic_enabled(s)) {
            set_irq(s, vector, trigger_mode);
        }
        break;
    case APIC_DM_NMI:
        cpu_interrupt(s->cpu, CPU_INTERRUPT_NMI);
        break;
    case APIC_DM_INIT:
        cpu_interrupt(s->cpu, CPU_INTERRUPT_INIT);
        break;
    case APIC_DM_SIPI:
        s->sipi_vector = (uint8_t)vector;
        cpu_interrupt(s->cpu, CPU_INTERRUPT_SIPI);
        break;
    default:
        break;   /* SMI: there is no system management mode; ExtINT: only LINT0 brings it */
    }
}

static bool is_destination(const APICState *s, uint8_t dest, uint8_t dest_mode)
{
    if (!(s->apicbase & APIC_BASE_ENABLE)) {
        return false;
    }
    if (dest == 0xff) {
        return true;
    }
    if (dest_mode == APIC_DEST_PHYSICAL) {
        return s->id == dest;
    }
    if (s->dest_mode == 0xf) {
        return s->log_dest & dest;
    }
    return s->dest_mode == 0 && (s->log_dest & 0xf0) == (dest & 0xf0) && (s->log_dest & dest & 0xf);
}

static APICState *apic_of(CPUState *cpu)
{
    return (APICState *)cpu_get_apic(cpu);
}

static void deliver_lowest(uint8_t dest, uint8_t dest_mode, uint8_t vector, uint8_t trigger_mode)
{
    APICState *best = NULL;
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        APICState *s = apic_of(cpu);

        if (s && apic_enabled(s) && is_destination(s, dest, dest_mode) &&
            (!best || (apic_ppr(s) & 0xf0) < (apic_ppr(best) & 0xf0))) {
            best = s;
        }
    }
    if (best) {
        deliver_to(best, APIC_DM_LOWPRI, vector, trigger_mode);
    }
}

void apic_deliver_irq(uint8_t dest, uint8_t dest_mode, uint8_t delivery_mode, uint8_t vector, uint8_t trigger_mode)
{
    CPUState *cpu;

    assert(bql_locked());
    if (delivery_mode == APIC_DM_LOWPRI) {
        deliver_lowest(dest, dest_mode, vector, trigger_mode);
        return;
    }
    CPU_FOREACH(cpu) {
        APICState *s = apic_of(cpu);

        if (s && is_destination(s, dest, dest_mode)) {
            deliver_to(s, delivery_mode, vector, trigger_mode);
        }
    }
}

void apic_send_msi(uint64_t addr, uint32_t data)
{
    apic_deliver_irq((uint8_t)(addr >> 12), addr >> 2 & 1, data >> 8 & 7, (uint8_t)data, data >> 15 & 1);
}

void apic_send_ipi(APICState *s)
{
    unsigned shorthand = s->icr[0] >> 18 & 3;
    uint8_t mode = s->icr[0] >> 8 & 7, vector = (uint8_t)s->icr[0];
    uint8_t trigger = s->icr[0] >> 15 & 1;
    CPUState *cpu;

    if (mode == APIC_DM_INIT && trigger && !(s->icr[0] & 1u << 14)) {
        return;   /* INIT level de-assert: nothing since the Pentium 4 */
    }
    if ((mode == APIC_DM_FIXED || mode == APIC_DM_LOWPRI) && vector < 16) {
        apic_error(s, APIC_ESR_SEND_ILLEGAL);
        return;
    }
    if (shorthand == 0) {
        apic_deliver_irq((uint8_t)(s->icr[1] >> 24), s->icr[0] >> 11 & 1, mode, vector, APIC_TRIGGER_EDGE);
        return;
    }
    CPU_FOREACH(cpu) {
        APICState *to = apic_of(cpu);

        if (to && (shorthand == 2 || (shorthand == 1) == (to == s)) && (to->apicbase & APIC_BASE_ENABLE)) {
            deliver_to(to, mode, vector, APIC_TRIGGER_EDGE);
        }
    }
}

/* ---- Local events ---- */

void apic_local_deliver(APICState *s, unsigned n)
{
    uint32_t lvt = s->lvt[n];
    unsigned mode = n == APIC_LVT_TIMER || n == APIC_LVT_ERROR ? APIC_DM_FIXED : lvt >> 8 & 7;

    if (lvt & APIC_LVT_MASKED) {
        return;
    }
    if (mode == APIC_DM_FIXED) {
        bool level = n == APIC_LVT_LINT0 && (lvt & APIC_LVT_LEVEL);

        deliver_to(s, mode, lvt & APIC_LVT_VECTOR, level);
    } else if (mode == APIC_DM_NMI || mode == APIC_DM_INIT) {
        deliver_to(s, mode, 0, APIC_TRIGGER_EDGE);
    }
}

void apic_deliver_pic_intr(DeviceState *apic, int level)
{
    APICState *s = (APICState *)apic;
    bool rose = level && !s->pic_level;

    s->pic_level = level;
    if (rose && (s->apicbase & APIC_BASE_ENABLE)) {
        apic_local_deliver(s, APIC_LVT_LINT0);
    }
    apic_update_irq(s);
}

void apic_deliver_nmi(DeviceState *apic)
{
    apic_local_deliver((APICState *)apic, APIC_LVT_LINT1);
}

/* ---- The processor's side ---- */

static uint8_t apic_get_tpr(void *opaque)
{
    const APICState *s = opaque;

    return s->tpr >> 4;
}

static void apic_set_tpr(void *opaque, uint8_t cr8)
{
    APICState *s = opaque;

    s->tpr = (uint8_t)(cr8 << 4);
    apic_update_irq(s);
}

static uint64_t apic_get_base(void *opaque)
{
    const APICState *s = opaque;

    return s->apicbase;
}

/* The registers stay where they are: moving them is allowed by the manual and done by nobody. */
static bool apic_set_base(void *opaque, uint64_t base)
{
    APICState *s = opaque;

    if (base & ~(UINT64_C(0xfffffff000) | APIC_BASE_BSP | APIC_BASE_ENABLE)) {
        return false;   /* reserved, or x2APIC, which there is not */
    }
    s->apicbase = (base & ~(uint64_t)APIC_BASE_BSP) | (s->apicbase & APIC_BASE_BSP);
    if (!(base & APIC_BASE_ENABLE)) {
        s->spurious_vec &= ~APIC_SPURIOUS_ENABLE;
        timer_del(&s->timer);
    }
    apic_update_irq(s);
    return true;
}

static uint8_t apic_get_sipi_vector(void *opaque)
{
    const APICState *s = opaque;

    return s->sipi_vector;
}

/* What INIT does: everything but the id, the base and the wires. */
static void apic_init_reset(void *opaque)
{
    APICState *s = opaque;

    timer_del(&s->timer);
    s->tpr = 0;
    s->log_dest = 0;
    s->dest_mode = 0xf;
    s->spurious_vec = 0xff;
    memset(s->isr, 0, sizeof(s->isr));
    memset(s->tmr, 0, sizeof(s->tmr));
    memset(s->irr, 0, sizeof(s->irr));
    for (unsigned i = 0; i < APIC_LVT__COUNT; i++) {
        s->lvt[i] = APIC_LVT_MASKED;
    }
    s->esr = s->esr_pending = 0;
    memset(s->icr, 0, sizeof(s->icr));
    s->divide_conf = 0;
    s->initial_count = 0;
    s->count_load_time = 0;
    s->tsc_deadline = 0;
    if (s->apicbase & APIC_BASE_BSP) {
        s->lvt[APIC_LVT_LINT0] = APIC_DM_EXTINT << 8;   /* virtual wire, for software that knows only the PIC */
    }
    apic_update_irq(s);
}

static const X86ApicOps apic_ops = {
    .get_interrupt = apic_get_interrupt,
    .get_tpr = apic_get_tpr,
    .set_tpr = apic_set_tpr,
    .get_base = apic_get_base,
    .set_base = apic_set_base,
    .get_tsc_deadline = apic_get_tsc_deadline,
    .set_tsc_deadline = apic_set_tsc_deadline,
    .init_reset = apic_init_reset,
    .get_sipi_vector = apic_get_sipi_vector,
};

/* ---- The device ---- */

DeviceState *cpu_get_apic(CPUState *cpu)
{
    return cpu->x86->apic == &apic_ops ? cpu->x86->apic_opaque : NULL;
}

DeviceState *apic_new(CPUState *cpu, GError **errp)
{
    DeviceState *dev = device_new(&apic_class);

    ((APICState *)dev)->cpu = cpu;
    if (!device_realize(dev, sysbus_get_default(), errp)) {
        device_free(dev);
        return NULL;
    }
    return dev;
}

static void apic_reset(DeviceState *dev)
{
    APICState *s = (APICState *)dev;

    s->apicbase = APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | (s->cpu->cpu_index == 0 ? APIC_BASE_BSP : 0);
    s->id = (uint8_t)s->cpu->cpu_index;
    s->sipi_vector = 0;
    apic_init_reset(s);
}

static bool apic_realize(DeviceState *dev, GError **errp)
{
    APICState *s = (APICState *)dev;

    apic_timer_init(s);
    s->cpu->x86->apic_opaque = s;
    s->cpu->x86->apic = &apic_ops;
    if (s->cpu->cpu_index == 0) {
        memory_region_init_io(&s->mmio, s, &apic_mmio_ops, s, "apic-msi", APIC_SPACE_SIZE);
        memory_region_add_subregion_overlap(get_system_memory(), APIC_DEFAULT_ADDRESS, &s->mmio, APIC_PRIORITY);
    }
    apic_reset(dev);
    return true;
}

static void apic_unrealize(DeviceState *dev)
{
    APICState *s = (APICState *)dev;

    if (s->cpu->cpu_index == 0) {
        memory_region_del_subregion(get_system_memory(), &s->mmio);
        memory_region_finalize(&s->mmio);
    }
    s->cpu->x86->apic = NULL;
    apic_timer_cleanup(s);
}

static int apic_post_load(void *opaque, int version_id)
{
    APICState *s = opaque;

    /* A count that began in the future would have the timer fire for ever. */
    if (s->count_load_time < 0 || s->count_load_time > qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) ||
        (s->dest_mode & ~0xf) || (s->apicbase & APIC_BASE_EXTD)) {
        return -EINVAL;
    }
    apic_timer_load(s);
    return 0;
}

static int apic_pre_save(void *opaque)
{
    APICState *s = opaque;

    s->timer_due = timer_pending(&s->timer);
    return 0;
}

static const VMStateDescription vmstate_apic = {
    .name = "apic",
    .version_id = 2,
    .minimum_version_id = 2,
    .pre_save = apic_pre_save,
    .post_load = apic_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(apicbase, APICState),
        VMSTATE_UINT8(id, APICState),
        VMSTATE_UINT8(tpr, APICState),
        VMSTATE_UINT8(log_dest, APICState),
        VMSTATE_UINT8(dest_mode, APICState),
        VMSTATE_UINT32(spurious_vec, APICState),
        VMSTATE_UINT32_ARRAY(isr, APICState, 8),
        VMSTATE_UINT32_ARRAY(tmr, APICState, 8),
        VMSTATE_UINT32_ARRAY(irr, APICState, 8),
        VMSTATE_UINT32_ARRAY(lvt, APICState, APIC_LVT__COUNT),
        VMSTATE_UINT32(esr, APICState),
        VMSTATE_UINT32(esr_pending, APICState),
        VMSTATE_UINT32_ARRAY(icr, APICState, 2),
        VMSTATE_UINT32(divide_conf, APICState),
        VMSTATE_UINT32(initial_count, APICState),
        VMSTATE_INT64(count_load_time, APICState),
        VMSTATE_UINT64(tsc_deadline, APICState),
        VMSTATE_UINT8(sipi_vector, APICState),
        VMSTATE_BOOL(pic_level, APICState),
        VMSTATE_BOOL(timer_due, APICState),
        VMSTATE_END_OF_LIST()
    },
};

const DeviceClass apic_class = {
    .name = "apic",
    .desc = "local APIC",
    .bus_type = "System",
    .instance_size = sizeof(APICState),
    .realize = apic_realize,
    .unrealize = apic_unrealize,
    .reset = apic_reset,
    .vmsd = &vmstate_apic,
};
