/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI fixed hardware: event and control registers, the PM timer, general purpose events, the power button and soft
 * off. Embedded in the chipset's power management device, which maps the register blocks.
 *
 * Context: BQL held; the timer fires in the main loop.
 *
 * I1  The SCI line is up exactly while an enabled status bit is set.
 * I2  The timer is armed exactly while TMR_EN is set and TMR_STS is not.
 * Source: ACPI 6.4 sections 4.8.3 and 4.8.4.
 */
#ifndef DEVICES_ACPI_ACPI_PM_H
#define DEVICES_ACPI_ACPI_PM_H

#include "aio/timer.h"
#include "devices/irq.h"
#include "mem/memory.h"

#define ACPI_PM_TIMER_FREQ 3579545
#define ACPI_PM1_EVT_SIZE 4
#define ACPI_PM1_CNT_SIZE 2
#define ACPI_PM_TMR_SIZE 4
#define ACPI_GPE_MAX 16                 /* bytes of a GPE block, half of them status */

#define ACPI_PM1_TMR 0x0001
#define ACPI_PM1_GBL 0x0020
#define ACPI_PM1_PWRBTN 0x0100
#define ACPI_PM1_RTC 0x0400
#define ACPI_PM1_WAK 0x8000
#define ACPI_PM1_CNT_SCI_EN 0x0001

/* What an operating system writes to the SMI command port; FADT says so. */
#define ACPI_ENABLE 0xf1
#define ACPI_DISABLE 0xf0

typedef struct ACPIPM {
    MemoryRegion evt_io;
    MemoryRegion cnt_io;
    MemoryRegion tmr_io;
    MemoryRegion gpe_io;
    qemu_irq sci;
    QEMUTimer timer;
    unsigned gpe_len;           /* bytes, even */
    uint16_t pm1_sts;
    uint16_t pm1_en;
    uint16_t pm1_cnt;
    uint64_t next_overflow;     /* tick at which TMR_STS is set next */
    uint8_t gpe_sts[ACPI_GPE_MAX / 2];
    uint8_t gpe_en[ACPI_GPE_MAX / 2];
} ACPIPM;

/**
 * acpi_pm_init: the regions evt_io, cnt_io, tmr_io and gpe_io, for the caller to map. @sci: borrowed.
 * Takes the machine's power button. @gpe_len: at most ACPI_GPE_MAX. Pair with acpi_pm_cleanup, when they are unmapped.
 */
void acpi_pm_init(ACPIPM *pm, qemu_irq sci, unsigned gpe_len);
void acpi_pm_cleanup(ACPIPM *pm);
/** acpi_pm_tmr_init: the PM timer alone, for a board without the rest. */
void acpi_pm_tmr_init(MemoryRegion *mr, void *owner);
void acpi_pm_reset(ACPIPM *pm);
/** acpi_pm_smi_command: a byte written to the SMI command port: ACPI mode on and off. */
void acpi_pm_smi_command(ACPIPM *pm, uint8_t val);

struct VMStateDescription;
extern const struct VMStateDescription vmstate_acpi_pm;
#define VMSTATE_ACPI_PM(f, s) VMSTATE_STRUCT(f, s, 0, vmstate_acpi_pm, ACPIPM)

#endif
