/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of a local APIC, and what its files do for each other. Internal to devices/apic. */
#ifndef DEVICES_APIC_APIC_INT_H
#define DEVICES_APIC_APIC_INT_H

#include "aio/timer.h"
#include "devices/apic/apic.h"
#include "mem/memory.h"

enum {
    APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PERFORM, APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR, APIC_LVT__COUNT,
};

#define APIC_LVT_VECTOR 0xffu
#define APIC_LVT_DELIVERY (7u << 8)
#define APIC_LVT_STATUS (1u << 12)
#define APIC_LVT_POLARITY (1u << 13)
#define APIC_LVT_REMOTE_IRR (1u << 14)
#define APIC_LVT_LEVEL (1u << 15)
#define APIC_LVT_MASKED (1u << 16)
#define APIC_LVT_TIMER_MODE (3u << 17)
#define APIC_LVT_TIMER_PERIODIC (1u << 17)
#define APIC_LVT_TIMER_TSCDEADLINE (2u << 17)

#define APIC_SPURIOUS_ENABLE (1u << 8)

#define APIC_ESR_SEND_ILLEGAL (1u << 5)
#define APIC_ESR_RECV_ILLEGAL (1u << 6)
#define APIC_ESR_ILLEGAL_REGISTER (1u << 7)

#define APIC_BASE_BSP (1u << 8)
#define APIC_BASE_EXTD (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)

#define APIC_NUM_LVT_VERSION (APIC_LVT__COUNT - 1)

typedef struct APICState {
    DeviceState parent;
    /* fixed after realize */
    CPUState *cpu;
    MemoryRegion mmio;          /* mapped once, by the boot processor's */
    QEMUTimer timer;
    /* the registers */
    uint64_t apicbase;
    uint8_t id;
    uint8_t tpr;
    uint8_t log_dest;
    uint8_t dest_mode;          /* 0xf flat, 0 cluster */
    uint32_t spurious_vec;
    uint32_t isr[8], tmr[8], irr[8];
    uint32_t lvt[APIC_LVT__COUNT];
    uint32_t esr;               /* as software reads it */
    uint32_t esr_pending;       /* gathered since software last wrote it */
    uint32_t icr[2];
    uint32_t divide_conf;
    uint32_t initial_count;
    int64_t count_load_time;    /* guest time, ns */
    uint64_t tsc_deadline;      /* 0: none */
    uint8_t sipi_vector;
    bool pic_level;             /* of LINT0 */
    bool timer_due;             /* in streams only: the timer was armed */
} APICState;

/* ---- apic.c ---- */

/** apic_enabled: may it take interrupts (by the MSR and by its spurious vector register)? */
bool apic_enabled(const APICState *s);
/** apic_ppr: the priority below which nothing is delivered. */
uint8_t apic_ppr(const APICState *s);
/** apic_update_irq: keep I1 after any change. */
void apic_update_irq(APICState *s);
void apic_eoi(APICState *s);
/** apic_local_deliver: an event of LVT entry @n. */
void apic_local_deliver(APICState *s, unsigned n);
/** apic_error: gather @bits in the error status, telling software if it asked for that. */
void apic_error(APICState *s, uint32_t bits);
/** apic_send_ipi: what a write of the low half of the ICR means. */
void apic_send_ipi(APICState *s);

/* ---- apic_regs.c ---- */

extern const MemoryRegionOps apic_mmio_ops;

/* ---- apic_timer.c ---- */

void apic_timer_init(APICState *s);
void apic_timer_cleanup(APICState *s);
/** apic_timer_load: after loading state: an interrupt that was still to come comes, late if need be. */
void apic_timer_load(APICState *s);
/** apic_timer_rearm: the count, the divider, the LVT entry or the deadline changed: keep I2. */
void apic_timer_rearm(APICState *s);
void apic_timer_set_count(APICState *s, uint32_t count);
uint32_t apic_timer_get_count(const APICState *s);
uint64_t apic_get_tsc_deadline(void *opaque);
void apic_set_tsc_deadline(void *opaque, uint64_t tsc);

#endif
