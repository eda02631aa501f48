/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS: what a machine says it is, as the two files that firmware installs. Firmware adds the description of itself.
 *
 * Source: SMBIOS 2.8 (DMTF DSP0134).
 */
#ifndef MACHINE_X86_SMBIOS_H
#define MACHINE_X86_SMBIOS_H

#include "machine/machine.h"

#define SMBIOS_ANCHOR_SIZE 31

typedef struct SmbiosTables {
    GByteArray *tables;
    uint8_t anchor[SMBIOS_ANCHOR_SIZE];     /* firmware fills in the address */
} SmbiosTables;

/** smbios_build: of @ms, with @below_4g of its RAM below the PCI hole. @ret->tables belongs to the caller. */
void smbios_build(const MachineState *ms, uint64_t below_4g, SmbiosTables *ret);

#endif
