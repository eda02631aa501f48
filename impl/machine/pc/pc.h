/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC: an i440FX and PIIX3 machine.
 */
#ifndef MACHINE_PC_PC_H
#define MACHINE_PC_PC_H

#include "machine/machine.h"

extern const MachineClass pc_machine_class;

/** pc_machine_reset: every device through the tree, then the processors. */
void pc_machine_reset(MachineState *ms, ShutdownCause reason) G_GNUC_NO_INLINE;

#endif
