/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Life of the MachineState, for the command line.
 */
#ifndef MACHINE_MACHINE_INT_H
#define MACHINE_MACHINE_INT_H

#include "machine/machine.h"

#define MACHINE_DEFAULT_RAM (UINT64_C(128) << 20)

/** machine_state_new: with defaults, as the current machine's (MACHINE_MAIN). */
MachineState *machine_state_new(void);
void machine_state_free(MachineState *ms);

#endif
