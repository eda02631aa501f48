/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PCI host bridge's side towards the processor: configuration mechanism 1 at ports 0xcf8 and 0xcfc.
 *
 * Embedded in the host bridge's device. Context: BQL held. Source: PCI Local Bus 3.0, section 3.2.2.3.2.
 */
#ifndef DEVICES_PCI_HOST_H
#define DEVICES_PCI_HOST_H

#include "devices/pci/pci.h"
#include "migration/vmstate.h"

typedef struct PCIHostState {
    PCIBus bus;
    MemoryRegion conf_io;
    MemoryRegion data_io;
    uint32_t config_reg;
} PCIHostState;

/** pci_host_map: the ports appear in the I/O space; pci_host_unmap takes them out. */
void pci_host_map(PCIHostState *s, DeviceState *owner);
void pci_host_unmap(PCIHostState *s);

extern const VMStateDescription vmstate_pci_host;
#define VMSTATE_PCI_HOST(f, s) VMSTATE_STRUCT(f, s, 0, vmstate_pci_host, PCIHostState)

#endif
