/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The registers of the local APICs: one page that each processor sees its own at, and the messages beside it.
 *
 * A processor's own registers start at 0x20, so a write to the first one, and every write beyond the page, is a
 * message whoever makes it: a device that sends MSIs does not look different when it runs on a processor's thread.
 *
 * Context: BQL.
 * Source: SDM volume 3, table 10-1 and section 10.11 (messages).
 */
#include "devices/apic/apic_int.h"

enum {
    REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_APR = 0x09, REG_PPR = 0x0a, REG_EOI = 0x0b, REG_RRD = 0x0c,
    REG_LDR = 0x0d, REG_DFR = 0x0e, REG_SPURIOUS = 0x0f, REG_ISR = 0x10, REG_TMR = 0x18, REG_IRR = 0x20, REG_ESR = 0x28,
    REG_CMCI = 0x2f, REG_ICR_LOW = 0x30, REG_ICR_HIGH = 0x31, REG_LVT = 0x32, REG_INITIAL_COUNT = 0x38,
    REG_CURRENT_COUNT = 0x39, REG_DIVIDE = 0x3e,
};

static APICState *own_apic(void)
{
    CPUState *cpu = qemu_current_cpu();
    APICState *s = cpu ? (APICState *)cpu_get_apic(cpu) : NULL;

    return s && (s->apicbase & APIC_BASE_ENABLE) ? s : NULL;
}

static uint32_t apic_read_reg(APICState *s, unsigned reg)
{
    if (reg >= REG_ISR && reg < REG_ISR + 8) {
        return s->isr[reg - REG_ISR];
    }
    if (reg >= REG_TMR && reg < REG_TMR + 8) {
        return s->tmr[reg - REG_TMR];
    }
    if (reg >= REG_IRR && reg < REG_IRR + 8) {
        return s->irr[reg - REG_IRR];
    }
    if (reg >= REG_LVT && reg < REG_LVT + APIC_LVT__COUNT) {
        return s->lvt[reg - REG_LVT];
    }
    switch (reg) {
    case REG_ID:
        return (uint32_t)s->id << 24;
    case REG_VERSION:
        return 0x14 | APIC_NUM_LVT_VERSION << 16;
    case REG_TPR:
        return s->tpr;
    case REG_PPR:
        return apic_ppr(s);
    case REG_APR:
    case REG_RRD:
    case REG_EOI:
        return 0;
    case REG_LDR:
        return (uint32_t)s->log_dest << 24;
    case REG_DFR:
        return (uint32_t)s->dest_mode << 28 | 0x0fffffffu;
    case REG_SPURIOUS:
        return s->spurious_vec;
    case REG_ESR:
        return s->esr;
    case REG_ICR_LOW:
        return s->icr[0];
    case REG_ICR_HIGH:
        return s->icr[1];
    case REG_INITIAL_COUNT:
        return s->initial_count;
    case REG_CURRENT_COUNT:
        return apic_timer_get_count(s);
    case REG_DIVIDE:
        return s->divide_conf;
    default:
        apic_error(s, APIC_ESR_ILLEGAL_REGISTER);
        return 0;
    }
}

static uint64_t apic_mem_read(void *opaque, hwaddr addr, unsigned size)
{
    APICState *s = own_apic();

    if (!s || addr > 0xfff || (addr & 15) || size != 4) {
        return 0;
    }
    return apic_read_reg(s, (unsigned)addr >> 4);
}

static void write_lvt(APICState *s, unsigned n, uint32_t v)
{
    static const uint32_t writable[APIC_LVT__COUNT] = {
        [APIC_LVT_TIMER] = APIC_LVT_VECTOR | APIC_LVT_MASKED | APIC_LVT_TIMER_MODE,
        [APIC_LVT_THERMAL] = APIC_LVT_VECTOR | APIC_LVT_DELIVERY | APIC_LVT_MASKED,
        [APIC_LVT_PERFORM] = APIC_LVT_VECTOR | APIC_LVT_DELIVERY | APIC_LVT_MASKED,
        [APIC_LVT_LINT0] = APIC_LVT_VECTOR | APIC_LVT_DELIVERY | APIC_LVT_POLARITY | APIC_LVT_LEVEL | APIC_LVT_MASKED,
        [APIC_LVT_LINT1] = APIC_LVT_VECTOR | APIC_LVT_DELIVERY | APIC_LVT_POLARITY | APIC_LVT_LEVEL | APIC_LVT_MASKED,
        [APIC_LVT_ERROR] = APIC_LVT_VECTOR | APIC_LVT_MASKED,
    };
    uint32_t old = s->lvt[n];

    s->lvt[n] = v & writable[n];
    if (!(s->spurious_vec & APIC_SPURIOUS_ENABLE)) {
        s->lvt[n] |= APIC_LVT_MASKED;   /* stays so until it is enabled */
    }
    if (n == APIC_LVT_TIMER) {
        if ((old ^ v) & APIC_LVT_TIMER_TSCDEADLINE) {
            s->initial_count = 0;       /* changing to or from that mode disarms */
            s->tsc_deadline = 0;
        }
        apic_timer_rearm(s);
    } else if (n == APIC_LVT_LINT0) {
        apic_update_irq(s);
    }
}

static void write_spurious(APICState *s, uint32_t v)
{
    s->spurious_vec = v & 0x3ff;
    if (!(v & APIC_SPURIOUS_ENABLE)) {
        for (unsigned i = 0; i < APIC_LVT__COUNT; i++) {
            s->lvt[i] |= APIC_LVT_MASKED;
        }
        apic_timer_rearm(s);
    }
    apic_update_irq(s);
}

static void apic_write_reg(APICState *s, unsigned reg, uint32_t v)
{
    if (reg >= REG_LVT && reg < REG_LVT + APIC_LVT__COUNT) {
        write_lvt(s, reg - REG_LVT, v);
        return;
    }
    switch (reg) {
    case REG_ID:
        s->id = (uint8_t)(v >> 24);
        break;
    case REG_TPR:
        s->tpr = (uint8_t)v;
        apic_update_irq(s);
        break;
    case REG_EOI:
        apic_eoi(s);
        break;
    case REG_LDR:
        s->log_dest = (uint8_t)(v >> 24);
        break;
    case REG_DFR:
        s->dest_mode = (uint8_t)(v >> 28);
        break;
    case REG_SPURIOUS:
        write_spurious(s, v);
        break;
    case REG_ESR:
        s->esr = s->esr_pending;
        s->esr_pending = 0;
        break;
    case REG_ICR_LOW:
        s->icr[0] = v & 0x000ccfff;
        apic_send_ipi(s);
        break;
    case REG_ICR_HIGH:
        s->icr[1] = v & 0xff000000u;
        break;
    case REG_INITIAL_COUNT:
        apic_timer_set_count(s, v);
        break;
    case REG_DIVIDE:
        s->divide_conf = v & 0xb;
        apic_timer_rearm(s);
        break;
    case REG_VERSION:
    case REG_PPR:
    case REG_APR:
    case REG_RRD:
    case REG_CURRENT_COUNT:
        break;
    default:
        if (reg < REG_ISR || reg >= REG_ESR) {
            apic_error(s, APIC_ESR_ILLEGAL_REGISTER);
        }
        break;
    }
}

static void apic_mem_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    APICState *s;

    if (size != 4) {
        return;
    }
    if (addr > 0xfff || addr >> 4 == 0) {
        apic_send_msi(APIC_DEFAULT_ADDRESS + addr, (uint32_t)val);
        return;
    }
    s = own_apic();
    if (s && !(addr & 15)) {
        apic_write_reg(s, (unsigned)addr >> 4, (uint32_t)val);
    }
}

const MemoryRegionOps apic_mmio_ops = {
    .read = apic_mem_read,
    .write = apic_mem_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 4 },
    .valid = { .min_access_size = 1, .max_access_size = 4 },
};
