/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the Q35 board.
 */
#ifndef MACHINE_Q35_Q35_INT_H
#define MACHINE_Q35_Q35_INT_H

#include "machine/q35/q35.h"
#include "machine/x86/acpi.h"
#include "machine/x86/x86.h"

typedef struct Q35Board {
    X86Machine x86;
    PCIBus *pci;
    DeviceState *mch;
    DeviceState *lpc;
} Q35Board;

extern const X86AcpiOps q35_acpi_ops;

#endif
