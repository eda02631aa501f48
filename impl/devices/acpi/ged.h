/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi-ged: power button, soft off and reset of a machine without ACPI fixed hardware ("hardware reduced").
 *
 * Two register files in memory: the event selector, whose reading tells what happened and lowers the line, and sleep
 * control, sleep status and reset. The PM timer is there too, in I/O space: a kernel without it has nothing to measure
 * the processor's clock by but the PIT, which a busy host makes unsteady. Context: BQL held.
 *
 * I1  The line is up exactly while an event has not been read.
 * Source: ACPI 6.4, sections 4.8.3.6, 4.8.3.7 and 5.6.9 (generic event device).
 */
#ifndef DEVICES_ACPI_GED_H
#define DEVICES_ACPI_GED_H

#include "devices/device.h"
#include "devices/irq.h"

#define ACPI_GED_EVENT_BASE 0xfea00000
#define ACPI_GED_EVENT_SIZE 4
#define ACPI_GED_REGS_BASE 0xfea00200
#define ACPI_GED_REGS_SIZE 3
#define ACPI_GED_REG_RESET 2
#define ACPI_GED_RESET_VALUE 0x42
#define ACPI_GED_TMR_PORT 0x608
#define ACPI_GED_EVENT_POWER_BUTTON 0x2
#define ACPI_GED_SLP_TYP_S5 5

extern const DeviceClass acpi_ged_class;

/** acpi_ged_connect: @irq: borrowed. */
void acpi_ged_connect(DeviceState *dev, qemu_irq irq);

#endif
