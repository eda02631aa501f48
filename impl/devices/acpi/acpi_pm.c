/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI fixed hardware. See acpi_pm.h.
 *
 * The PM timer is computed from guest time. Its status bit is set when bit 23 changes; that is looked at when software
 * reads the status, and by a timer when it wants an interrupt.
 */
#include "devices/acpi/acpi_pm.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "machine/runstate.h"
#include "migration/vmstate.h"

#define PM1_EN_MASK (ACPI_PM1_TMR | ACPI_PM1_GBL | ACPI_PM1_PWRBTN | ACPI_PM1_RTC)
#define PM1_CNT_SLP_EN 0x2000
#define PM1_CNT_SLP_TYP_SHIFT 10
#define SLP_TYP_S5 0
#define PM_TIMER_HALF (UINT64_C(1) << 23)

static uint64_t pm_timer_ticks(void)
{
    return (unsigned __int128)qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) * ACPI_PM_TIMER_FREQ / NANOSECONDS_PER_SECOND;
}

static uint16_t pm1_status(ACPIPM *pm)
{
    if (pm_timer_ticks() >= pm->next_overflow) {
        pm->pm1_sts |= ACPI_PM1_TMR;
    }
    return pm->pm1_sts;
}

static void acpi_pm_update(ACPIPM *pm)
{
    bool level = pm1_status(pm) & pm->pm1_en & PM1_EN_MASK;

    for (unsigned i = 0; i < pm->gpe_len / 2; i++) {
        level |= (pm->gpe_sts[i] & pm->gpe_en[i]) != 0;
    }
    qemu_set_irq(pm->sci, level);
    if (pm->pm1_en & ACPI_PM1_TMR && !(pm->pm1_sts & ACPI_PM1_TMR)) {
        timer_mod(&pm->timer, (int64_t)((unsigned __int128)pm->next_overflow * NANOSECONDS_PER_SECOND /
                                        ACPI_PM_TIMER_FREQ) + 1);
    } else {
        timer_del(&pm->timer);
    }
}

static void acpi_pm_timer(void *opaque)
{
    acpi_pm_update(opaque);
}

/* ---- Registers, byte by byte but for the timer ---- */

static uint64_t pm_evt_read(void *opaque, hwaddr addr, unsigned size)
{
    ACPIPM *pm = opaque;
    uint16_t reg = addr < 2 ? pm1_status(pm) : pm->pm1_en;

    return reg >> (addr & 1) * 8 & 0xff;
}

static void pm_evt_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    ACPIPM *pm = opaque;
    unsigned shift = (addr & 1) * 8;
    uint16_t bits = (val & 0xff) << shift;

    if (addr < 2) {
        if (pm1_status(pm) & bits & ACPI_PM1_TMR) {
            pm->next_overflow = (pm_timer_ticks() | (PM_TIMER_HALF - 1)) + 1;
        }
        pm->pm1_sts &= ~bits;
    } else {
        pm->pm1_en = (pm->pm1_en & ~(0xff << shift)) | bits;
    }
    acpi_pm_update(pm);
}

static uint64_t pm_cnt_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((ACPIPM *)opaque)->pm1_cnt >> addr * 8 & 0xff;
}

static void pm_cnt_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    ACPIPM *pm = opaque;
    unsigned shift = addr * 8;
    uint16_t bits = (val & 0xff) << shift;

    pm->pm1_cnt = (pm->pm1_cnt & ~(0xff << shift)) | (bits & ~PM1_CNT_SLP_EN);
    if (bits & PM1_CNT_SLP_EN && (bits >> PM1_CNT_SLP_TYP_SHIFT & 7) == SLP_TYP_S5) {
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    }
}

static uint64_t pm_tmr_read(void *opaque, hwaddr addr, unsigned size)
{
    return pm_timer_ticks() & 0xffffff;
}

static void pm_tmr_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    /* read only */
}

static uint64_t gpe_read(void *opaque, hwaddr addr, unsigned size)
{
    ACPIPM *pm = opaque;
    unsigned half = pm->gpe_len / 2;

    return addr < half ? pm->gpe_sts[addr] : pm->gpe_en[addr - half];
}

static void gpe_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    ACPIPM *pm = opaque;
    unsigned half = pm->gpe_len / 2;

    if (addr < half) {
        pm->gpe_sts[addr] &= ~val;
    } else {
        pm->gpe_en[addr - half] = val;
    }
    acpi_pm_update(pm);
}

#define BYTE_OPS(r, w) \
    { .read = (r), .write = (w), .endianness = DEVICE_LITTLE_ENDIAN, \
      .valid = { .min_access_size = 1, .max_access_size = 4, .unaligned = true }, \
      .impl = { .min_access_size = 1, .max_access_size = 1 } }

static const MemoryRegionOps pm_evt_ops = BYTE_OPS(pm_evt_read, pm_evt_write);
static const MemoryRegionOps pm_cnt_ops = BYTE_OPS(pm_cnt_read, pm_cnt_write);
static const MemoryRegionOps gpe_ops = BYTE_OPS(gpe_read, gpe_write);
static const MemoryRegionOps pm_tmr_ops = {
    .read = pm_tmr_read,
    .write = pm_tmr_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 4 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

/* ---- For chipsets ---- */

static void acpi_pm_powerdown(void *opaque)
{
    ACPIPM *pm = opaque;

    if (pm->pm1_en & ACPI_PM1_PWRBTN) {
        pm->pm1_sts |= ACPI_PM1_PWRBTN;
        acpi_pm_update(pm);
    }
}

void acpi_pm_tmr_init(MemoryRegion *mr, void *owner)
{
    memory_region_init_io(mr, owner, &pm_tmr_ops, NULL, "acpi-tmr", ACPI_PM_TMR_SIZE);
}

void acpi_pm_init(ACPIPM *pm, qemu_irq sci, unsigned gpe_len)
{
    assert(gpe_len <= ACPI_GPE_MAX && gpe_len % 2 == 0);
    pm->sci = sci;
    pm->gpe_len = gpe_len;
    timer_init_ns(&pm->timer, QEMU_CLOCK_VIRTUAL, acpi_pm_timer, pm);
    memory_region_init_io(&pm->evt_io, pm, &pm_evt_ops, pm, "acpi-evt", ACPI_PM1_EVT_SIZE);
    memory_region_init_io(&pm->cnt_io, pm, &pm_cnt_ops, pm, "acpi-cnt", ACPI_PM1_CNT_SIZE);
    acpi_pm_tmr_init(&pm->tmr_io, pm);
    memory_region_init_io(&pm->gpe_io, pm, &gpe_ops, pm, "acpi-gpe0", gpe_len);
    qemu_register_powerdown(acpi_pm_powerdown, pm);
}

void acpi_pm_cleanup(ACPIPM *pm)
{
    qemu_register_powerdown(NULL, NULL);
    memory_region_finalize(&pm->evt_io);
    memory_region_finalize(&pm->cnt_io);
    memory_region_finalize(&pm->tmr_io);
    memory_region_finalize(&pm->gpe_io);
    timer_del(&pm->timer);
    timer_deinit(&pm->timer);
}

void acpi_pm_reset(ACPIPM *pm)
{
    pm->pm1_sts = 0;
    pm->pm1_en = 0;
    pm->pm1_cnt = 0;
    pm->next_overflow = PM_TIMER_HALF;
    memset(pm->gpe_sts, 0, sizeof(pm->gpe_sts));
    memset(pm->gpe_en, 0, sizeof(pm->gpe_en));
    acpi_pm_update(pm);
}

void acpi_pm_smi_command(ACPIPM *pm, uint8_t val)
{
    if (val == ACPI_ENABLE) {
        pm->pm1_cnt |= ACPI_PM1_CNT_SCI_EN;
    } else if (val == ACPI_DISABLE) {
        pm->pm1_cnt &= ~ACPI_PM1_CNT_SCI_EN;
    }
}

/* The line's level is in its receiver's stream. */
static int acpi_pm_post_load(void *opaque, int version_id)
{
    ACPIPM *pm = opaque;

    if (pm->next_overflow > pm_timer_ticks() + PM_TIMER_HALF) {
        return -EINVAL;
    }
    acpi_pm_update(pm);
    return 0;
}

const VMStateDescription vmstate_acpi_pm = {
    .name = "acpi_pm",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = acpi_pm_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(pm1_sts, ACPIPM),
        VMSTATE_UINT16(pm1_en, ACPIPM),
        VMSTATE_UINT16(pm1_cnt, ACPIPM),
        VMSTATE_UINT64(next_overflow, ACPIPM),
        VMSTATE_BUFFER(gpe_sts, ACPIPM),
        VMSTATE_BUFFER(gpe_en, ACPIPM),
        VMSTATE_END_OF_LIST()
    },
};
