/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The timer of a local APIC. Its input clock is 1 GHz of guest time, so a tick before the divider is a nanosecond.
 *
 * Nothing counts while nobody looks: the current count is computed from when the initial one was loaded.
 *
 * Context: BQL; the timer fires in the main loop.
 * Source: SDM volume 3, section 10.5.4.
 */
#include "devices/apic/apic_int.h"

/* The shortest period that is kept: a guest that asks for less gets every n-th interrupt and we get to breathe. */
#define APIC_TIMER_MIN_NS 2000

static unsigned divide_shift(const APICState *s)
{
    unsigned v = (s->divide_conf & 3) | (s->divide_conf >> 1 & 4);

    return (v + 1) & 7;
}

static bool in_mode(const APICState *s, uint32_t mode)
{
    return (s->lvt[APIC_LVT_TIMER] & APIC_LVT_TIMER_MODE) == mode;
}

static uint64_t period_ns(const APICState *s)
{
    return (uint64_t)s->initial_count << divide_shift(s);
}

static uint64_t elapsed_ns(const APICState *s)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    return now > s->count_load_time ? (uint64_t)(now - s->count_load_time) : 0;
}

uint32_t apic_timer_get_count(const APICState *s)
{
    uint64_t ticks = elapsed_ns(s) >> divide_shift(s);

    if (s->initial_count == 0 || in_mode(s, APIC_LVT_TIMER_TSCDEADLINE)) {
        return 0;
    }
    if (in_mode(s, APIC_LVT_TIMER_PERIODIC)) {
        return s->initial_count - (uint32_t)(ticks % s->initial_count);
    }
    return ticks >= s->initial_count ? 0 : s->initial_count - (uint32_t)ticks;
}

/* @done: ns since the count was loaded. */
static void arm_count(APICState *s, uint64_t done)
{
    uint64_t period = period_ns(s), next = period;

    if (period == 0) {
        timer_del(&s->timer);
        return;
    }
    if (in_mode(s, APIC_LVT_TIMER_PERIODIC)) {
        next = (done + (period < APIC_TIMER_MIN_NS ? APIC_TIMER_MIN_NS : 0)) / period * period + period;
    } else if (done >= period) {
        timer_del(&s->timer);
        return;
    }
    timer_mod(&s->timer, s->count_load_time + (int64_t)next);
}

static uint64_t tsc_now(const APICState *s)
{
    return s->cpu->x86->read_tsc(s->cpu->x86->tsc_opaque) + (uint64_t)s->cpu->x86->tsc_offset;
}

static void arm_deadline(APICState *s)
{
    int64_t delta = (int64_t)(s->tsc_deadline - tsc_now(s));

    if (s->tsc_deadline == 0) {
        timer_del(&s->timer);
        return;
    }
    /* A deadline in the past fires at once; one beyond a century is as good as never. */
    delta = CLAMP(delta, 0, INT64_C(1) << 61);
    timer_mod(&s->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + delta);
}

static void rearm(APICState *s, uint64_t done)
{
    if (s->lvt[APIC_LVT_TIMER] & APIC_LVT_MASKED) {
        timer_del(&s->timer);
    } else if (in_mode(s, APIC_LVT_TIMER_TSCDEADLINE)) {
        arm_deadline(s);
    } else {
        arm_count(s, done);
    }
}

void apic_timer_rearm(APICState *s)
{
    rearm(s, elapsed_ns(s));
}

/* A count that ran out between save and load did not run out for the guest: it waits for that interrupt. */
void apic_timer_load(APICState *s)
{
    apic_timer_rearm(s);
    if (s->timer_due && !timer_pending(&s->timer) && !(s->lvt[APIC_LVT_TIMER] & APIC_LVT_MASKED)) {
        timer_mod(&s->timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
    }
}

static void apic_timer_fired(void *opaque)
{
    APICState *s = opaque;

    if (in_mode(s, APIC_LVT_TIMER_TSCDEADLINE)) {
        s->tsc_deadline = 0;
    }
    apic_local_deliver(s, APIC_LVT_TIMER);
    apic_timer_rearm(s);
}

void apic_timer_set_count(APICState *s, uint32_t count)
{
    if (in_mode(s, APIC_LVT_TIMER_TSCDEADLINE)) {
        return;   /* ignored there */
    }
    s->initial_count = count;
    s->count_load_time = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    rearm(s, 0);    /* a second look at the clock might find a short count run out, and its interrupt would be lost */
}

uint64_t apic_get_tsc_deadline(void *opaque)
{
    const APICState *s = opaque;

    return s->tsc_deadline;
}

void apic_set_tsc_deadline(void *opaque, uint64_t tsc)
{
    APICState *s = opaque;

    if (in_mode(s, APIC_LVT_TIMER_TSCDEADLINE)) {
        s->tsc_deadline = tsc;
        apic_timer_rearm(s);
    }
}

void apic_timer_init(APICState *s)
{
    timer_init_ns(&s->timer, QEMU_CLOCK_VIRTUAL, apic_timer_fired, s);
}

void apic_timer_cleanup(APICState *s)
{
    timer_del(&s->timer);
    timer_deinit(&s->timer);
}
