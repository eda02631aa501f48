/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The microvm machine: no PCI, virtio devices behind memory-mapped transports, a kernel booted directly.
 */
#ifndef MACHINE_MICROVM_MICROVM_H
#define MACHINE_MICROVM_MICROVM_H

#include "machine/machine.h"

extern const MachineClass microvm_machine_class;

#endif
