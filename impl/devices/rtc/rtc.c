/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mc146818rtc: time of day from the host clock plus an offset the guest may set, 128 bytes of CMOS RAM, and the three
 * interrupts: periodic, alarm, update ended.
 *
 * Context: BQL; timers fire in the main loop.
 *
 * I1  The second timer is armed exactly while update or alarm interrupt is enabled, the periodic one while the periodic
 *     interrupt is and a rate is chosen. Who polls instead sees update-ended by looking at the clock.
 * I2  The interrupt line is up exactly while register C holds an enabled flag.
 * Source: Motorola MC146818A data sheet.
 */
#include "devices/rtc/rtc.h"

#include <string.h>

#include "aio/timer.h"
#include "devices/isa/isa.h"
#include "devices/table.h"
#include "migration/vmstate.h"

#define RTC_REG_A 0x0a
#define RTC_REG_B 0x0b
#define RTC_REG_C 0x0c
#define RTC_REG_D 0x0d
#define RTC_REG_CENTURY 0x32
#define RTC_B_24H 0x02
#define RTC_B_BINARY 0x04
#define RTC_B_SET 0x80
#define RTC_C_UF 0x10                   /* and, at the same place in register B, its enable bit */
#define RTC_C_AF 0x20
#define RTC_C_PF 0x40
#define RTC_C_IRQF 0x80
#define RTC_FLAGS (RTC_C_UF | RTC_C_AF | RTC_C_PF)
#define RTC_A_UIP 0x80
#define RTC_UIP_NS 244000               /* update in progress is shown so long before a second ends */
#define RTC_ALARM_ANY 0xc0

typedef struct RTCState {
    ISADevice parent;
    MemoryRegion io;
    uint8_t index;
    uint8_t cmos[128];
    int64_t offset;             /* seconds to add to the host clock */
    int64_t seen_second;        /* of the host clock, when update-ended was last looked at */
    int64_t next_periodic;      /* guest time, ns */
    QEMUTimer second_timer;     /* on the host clock */
    QEMUTimer periodic_timer;   /* in guest time */
    qemu_irq irq;
} RTCState;

void mc146818_set_cmos(DeviceState *dev, uint8_t index, uint8_t value)
{
    ((RTCState *)dev)->cmos[index & 0x7f] = value;
}

static uint8_t rtc_encode(const RTCState *s, unsigned v)
{
    return s->cmos[RTC_REG_B] & RTC_B_BINARY ? v : (v / 10 % 10) << 4 | v % 10;
}

static unsigned rtc_decode(const RTCState *s, uint8_t v)
{
    return s->cmos[RTC_REG_B] & RTC_B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static int64_t rtc_now(const RTCState *s)
{
    return qemu_clock_get_ns(QEMU_CLOCK_HOST) / NANOSECONDS_PER_SECOND + s->offset;
}

static uint8_t rtc_read_time(RTCState *s, uint8_t reg)
{
    g_autoptr(GDateTime) t = g_date_time_new_from_unix_utc(rtc_now(s));
    unsigned hour;

    if (!t) {
        return 0;
    }
    switch (reg) {
    case 0x00:
        return rtc_encode(s, g_date_time_get_second(t));
    case 0x02:
        return rtc_encode(s, g_date_time_get_minute(t));
    case 0x04:
        hour = g_date_time_get_hour(t);
        if (s->cmos[RTC_REG_B] & RTC_B_24H) {
            return rtc_encode(s, hour);
        }
        return rtc_encode(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0);
    case 0x06:
        return rtc_encode(s, g_date_time_get_day_of_week(t) % 7 + 1);
    case 0x07:
        return rtc_encode(s, g_date_time_get_day_of_month(t));
    case 0x08:
        return rtc_encode(s, g_date_time_get_month(t));
    case 0x09:
        return rtc_encode(s, g_date_time_get_year(t) % 100);
    default:
        return rtc_encode(s, g_date_time_get_year(t) / 100);
    }
}

/* ---- Interrupts ---- */

static void rtc_update_irq(RTCState *s)
{
    uint8_t *c = &s->cmos[RTC_REG_C];

    *c = *c & s->cmos[RTC_REG_B] & RTC_FLAGS ? *c | RTC_C_IRQF : *c & ~RTC_C_IRQF;
    qemu_set_irq(s->irq, *c >> 7);
}

static int64_t rtc_host_second(void)
{
    return qemu_clock_get_ns(QEMU_CLOCK_HOST) / NANOSECONDS_PER_SECOND;
}

static bool rtc_alarm_matches(RTCState *s)
{
    static const uint8_t regs[] = { 0, 2, 4 };

    for (unsigned i = 0; i < G_N_ELEMENTS(regs); i++) {
        uint8_t alarm = s->cmos[regs[i] + 1];

        if (alarm < RTC_ALARM_ANY && alarm != rtc_read_time(s, regs[i])) {
            return false;
        }
    }
    return true;
}

/* Has a second ended since somebody looked? */
static void rtc_look_at_second(RTCState *s)
{
    int64_t second = rtc_host_second();

    if (second != s->seen_second && !(s->cmos[RTC_REG_B] & RTC_B_SET)) {
        s->seen_second = second;
        s->cmos[RTC_REG_C] |= RTC_C_UF | (rtc_alarm_matches(s) ? RTC_C_AF : 0);
    }
}

/* Nanoseconds, or 0 for none. */
static int64_t rtc_period(const RTCState *s)
{
    unsigned rate = s->cmos[RTC_REG_A] & 0x0f;

    if (rate == 0 || (s->cmos[RTC_REG_A] & 0x60) == 0x60) {
        return 0;
    }
    rate = rate <= 2 ? rate + 7 : rate;
    return (NANOSECONDS_PER_SECOND << (rate - 1)) / 32768;
}

/* (I1) */
static void rtc_arm(RTCState *s)
{
    uint8_t b = s->cmos[RTC_REG_B];

    if (b & (RTC_C_UF | RTC_C_AF) && !(b & RTC_B_SET)) {
        timer_mod(&s->second_timer, (rtc_host_second() + 1) * NANOSECONDS_PER_SECOND);
    } else {
        timer_del(&s->second_timer);
    }
    if (b & RTC_C_PF && rtc_period(s)) {
        timer_mod(&s->periodic_timer, s->next_periodic);
    } else {
        timer_del(&s->periodic_timer);
    }
}

static void rtc_start_periodic(RTCState *s)
{
    s->next_periodic = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + rtc_period(s);
    rtc_arm(s);
}

static void rtc_second(void *opaque)
{
    RTCState *s = opaque;

    rtc_look_at_second(s);
    rtc_arm(s);
    rtc_update_irq(s);
}

/* Periods that were missed altogether are skipped. */
static void rtc_periodic(void *opaque)
{
    RTCState *s = opaque;
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    int64_t period = rtc_period(s);

    if (period) {
        s->next_periodic = MAX(s->next_periodic + period, now);
        s->cmos[RTC_REG_C] |= RTC_C_PF;
    }
    rtc_arm(s);
    rtc_update_irq(s);
}

/* ---- Registers ---- */

static bool rtc_is_time(uint8_t reg)
{
    return reg == 0 || reg == 2 || reg == 4 || (reg >= 6 && reg <= 9) || reg == RTC_REG_CENTURY;
}

/* The guest sets the clock register by register while SET holds it; when SET falls the whole becomes the offset. */
static void rtc_latch_time(RTCState *s)
{
    static const uint8_t regs[] = { 0, 2, 4, 6, 7, 8, 9, RTC_REG_CENTURY };

    for (unsigned i = 0; i < G_N_ELEMENTS(regs); i++) {
        s->cmos[regs[i]] = rtc_read_time(s, regs[i]);
    }
}

static void rtc_take_time(RTCState *s)
{
    unsigned hour = s->cmos[RTC_REG_B] & RTC_B_24H ? rtc_decode(s, s->cmos[4]) :
                    rtc_decode(s, s->cmos[4] & 0x7f) % 12 + (s->cmos[4] & 0x80 ? 12 : 0);
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) t = g_date_time_new(utc, rtc_decode(s, s->cmos[RTC_REG_CENTURY]) * 100 +
                                             rtc_decode(s, s->cmos[9]), rtc_decode(s, s->cmos[8]),
                                             rtc_decode(s, s->cmos[7]), hour, rtc_decode(s, s->cmos[2]),
                                             rtc_decode(s, s->cmos[0]));

    if (t) {
        s->offset += g_date_time_to_unix(t) - rtc_now(s);
    }
}

static void rtc_write_data(RTCState *s, uint8_t val)
{
    uint8_t old = s->cmos[RTC_REG_B];

    switch (s->index) {
    case RTC_REG_A:
        s->cmos[RTC_REG_A] = val & 0x7f;
        rtc_start_periodic(s);
        break;
    case RTC_REG_B:
        if (val & ~old & RTC_B_SET) {
            rtc_latch_time(s);
        }
        s->cmos[RTC_REG_B] = val;
        if (old & ~val & RTC_B_SET) {
            rtc_take_time(s);
        }
        if (val & ~old & (RTC_C_UF | RTC_C_AF)) {
            s->seen_second = rtc_host_second();     /* interrupts are for what happens from now on */
        }
        if (val & ~old & RTC_C_PF) {
            rtc_start_periodic(s);
        }
        rtc_arm(s);
        rtc_update_irq(s);
        break;
    case RTC_REG_C:
    case RTC_REG_D:
        break;
    default:
        s->cmos[s->index] = val;
        if (rtc_is_time(s->index) && !(old & RTC_B_SET)) {
            uint8_t written = val;

            rtc_latch_time(s);
            s->cmos[s->index] = written;
            rtc_take_time(s);
        }
        break;
    }
}

static void rtc_ioport_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    RTCState *s = opaque;

    if (addr == 0) {
        s->index = val & 0x7f;
    } else {
        rtc_write_data(s, val);
    }
}

/* Reading clears them and ends the interrupt. */
static uint8_t rtc_read_flags(RTCState *s)
{
    uint8_t flags;

    rtc_look_at_second(s);
    rtc_update_irq(s);
    flags = s->cmos[RTC_REG_C];
    s->cmos[RTC_REG_C] = 0;
    rtc_update_irq(s);
    return flags;
}

static uint64_t rtc_ioport_read(void *opaque, hwaddr addr, unsigned size)
{
    RTCState *s = opaque;

    if (addr == 0) {
        return 0xff;
    }
    if (rtc_is_time(s->index) && !(s->cmos[RTC_REG_B] & RTC_B_SET)) {
        return rtc_read_time(s, s->index);
    }
    if (s->index == RTC_REG_A && !(s->cmos[RTC_REG_B] & RTC_B_SET) &&
        qemu_clock_get_ns(QEMU_CLOCK_HOST) % NANOSECONDS_PER_SECOND >= NANOSECONDS_PER_SECOND - RTC_UIP_NS) {
        return s->cmos[RTC_REG_A] | RTC_A_UIP;
    }
    if (s->index == RTC_REG_C) {
        return rtc_read_flags(s);
    }
    return s->cmos[s->index];
}

static const MemoryRegionOps rtc_ops = {
    .read = rtc_ioport_read,
    .write = rtc_ioport_write,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static bool rtc_realize(DeviceState *dev, GError **errp)
{
    RTCState *s = (RTCState *)dev;

    s->cmos[RTC_REG_A] = 0x26;
    s->cmos[RTC_REG_B] = RTC_B_24H;
    s->cmos[RTC_REG_D] = 0x80;
    s->irq = isa_get_irq(&s->parent, 8);
    timer_init_ns(&s->second_timer, QEMU_CLOCK_HOST, rtc_second, s);
    timer_init_ns(&s->periodic_timer, QEMU_CLOCK_VIRTUAL, rtc_periodic, s);
    memory_region_init_io(&s->io, s, &rtc_ops, s, "rtc", 2);
    isa_register_ioport(&s->parent, &s->io, 0x70);
    return true;
}

static void rtc_unrealize(DeviceState *dev)
{
    RTCState *s = (RTCState *)dev;

    isa_unregister_ioport(&s->parent, &s->io);
    timer_del(&s->second_timer);
    timer_deinit(&s->second_timer);
    timer_del(&s->periodic_timer);
    timer_deinit(&s->periodic_timer);
}

static void rtc_reset(DeviceState *dev)
{
    RTCState *s = (RTCState *)dev;

    s->cmos[RTC_REG_B] &= ~0x78;
    s->cmos[RTC_REG_C] = 0;
    rtc_arm(s);
    rtc_update_irq(s);
    s->index = 0;               /* may be out of range after a load that failed */
}

static int rtc_post_load(void *opaque, int version_id)
{
    RTCState *s = opaque;

    if (s->index > 0x7f || ABS(s->offset / 2) > (INT64_C(1) << 40) || s->next_periodic < 0) {
        return -EINVAL;
    }
    rtc_arm(s);
    return 0;
}

static const VMStateDescription vmstate_rtc = {
    .name = "mc146818rtc",
    .version_id = 4,
    .minimum_version_id = 4,
    .post_load = rtc_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_BUFFER(cmos, RTCState),
        VMSTATE_UINT8(index, RTCState),
        VMSTATE_INT64(offset, RTCState),
        VMSTATE_INT64(seen_second, RTCState),
        VMSTATE_INT64(next_periodic, RTCState),
        VMSTATE_END_OF_LIST()
    },
};

const DeviceClass mc146818_class = {
    .name = "mc146818rtc",
    .bus_type = "ISA",
    .instance_size = sizeof(RTCState),
    .realize = rtc_realize,
    .unrealize = rtc_unrealize,
    .reset = rtc_reset,
    .vmsd = &vmstate_rtc,
};
