/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Q35 host bridge: the root of a PCI Express machine's bus.
 */
#ifndef DEVICES_Q35_Q35_H
#define DEVICES_Q35_Q35_H

#include "devices/pci/pci.h"

#define MCH_PCIEXBAR_DEFAULT UINT64_C(0xb0000000)  /* where firmware puts the window on configuration space */
#define MCH_PCIEXBAR_SIZE UINT64_C(0x10000000)

/** q35_pci_bus: the bus of a realized q35-pcihost. */
PCIBus *q35_pci_bus(DeviceState *host);
/** mch_connect: @ram (borrowed, mapped at 0) is what the shadow registers of @mch switch to; @host is its bridge. */
void mch_connect(DeviceState *mch, DeviceState *host, MemoryRegion *ram);
/** mch_pciexbar: where the window on configuration space is now, and its size (0: it is off). */
uint64_t mch_pciexbar(DeviceState *mch, uint64_t *ret_size);

#endif
