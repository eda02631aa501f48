/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shadow registers (PAM) that Intel's host bridges share: they put RAM in the place of firmware between 768 KiB
 * and 1 MiB, piece by piece, readable and perhaps writable.
 *
 * Writing RAM while reading firmware is not done: such a piece stays firmware. Embedded in the bridge. Context: BQL.
 * Source: Intel 440FX data sheet, PAM[6:0]; Intel 82Q35 data sheet, PAM0 to PAM6.
 */
#ifndef DEVICES_PCI_PAM_H
#define DEVICES_PCI_PAM_H

#include "mem/memory.h"

#define PAM_REGS 7
#define PAM_SEGMENTS 13

typedef struct PAMState {
    MemoryRegion segment[PAM_SEGMENTS];     /* RAM in the place of firmware; enabled when switched on */
    bool have_ram;
} PAMState;

/** pam_connect_ram: @ram (borrowed, mapped at 0) is what the registers switch to. All are off at first. */
void pam_connect_ram(PAMState *s, void *owner, MemoryRegion *ram);
/** pam_update: as the registers @regs (PAM_REGS bytes) say. Nothing without RAM. */
void pam_update(PAMState *s, const uint8_t *regs);
void pam_exit(PAMState *s);

#endif
