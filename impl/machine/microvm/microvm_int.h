/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of the microvm board.
 */
#ifndef MACHINE_MICROVM_MICROVM_INT_H
#define MACHINE_MICROVM_MICROVM_INT_H

#include "machine/microvm/microvm.h"
#include "machine/x86/acpi.h"
#include "machine/x86/x86.h"

#define MICROVM_NUM_TRANSPORTS 8
#define MICROVM_TRANSPORT_BASE 0xfeb00000ULL
#define MICROVM_TRANSPORT_ISA_GSI 5     /* without ACPI a kernel knows the 8259's inputs only */
#define MICROVM_TRANSPORT_GSI 16
#define MICROVM_GED_GSI 9

enum { PROP_PIC, PROP_PIT, PROP_RTC, PROP_ISA_SERIAL, PROP_AUTO_KERNEL_CMDLINE };

typedef struct MicroVMBoard {
    X86Machine x86;
    DeviceState *transport[MICROVM_NUM_TRANSPORTS];
} MicroVMBoard;

extern const X86AcpiOps microvm_acpi_ops;

#endif
