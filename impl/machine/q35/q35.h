/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Q35 machine: a PC with a PCI Express root complex.
 */
#ifndef MACHINE_Q35_Q35_H
#define MACHINE_Q35_Q35_H

#include "machine/machine.h"

extern const MachineClass q35_machine_class;

#endif
