/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the PC board.
 */
#ifndef MACHINE_PC_PC_INT_H
#define MACHINE_PC_PC_INT_H

#include "machine/pc/pc.h"
#include "machine/x86/acpi.h"
#include "machine/x86/x86.h"

typedef struct PCBoard {
    X86Machine x86;
    PCIBus *pci;
    DeviceState *pm;
} PCBoard;

extern const X86AcpiOps pc_acpi_ops;

#endif
