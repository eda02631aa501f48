/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the modern and the legacy registers of a virtio PCI device share: both drive the same device.
 */
#ifndef VIRTIO_PCI_INT_H
#define VIRTIO_PCI_INT_H

#include "virtio/pci.h"

#define VIRTIO_PCI_LEGACY_BAR 0
#define VIRTIO_PCI_LEGACY_NOTIFY 0x10
#define VIRTIO_PCI_MODERN_BAR 4
#define VIRTIO_PCI_BLOCK_SIZE 0x1000        /* of each register block in it */
#define VIRTIO_PCI_MODERN_SIZE 0x4000

/** virtio_pci_stop_ioeventfd: kicks are no longer served through descriptors (I1). */
void virtio_pci_stop_ioeventfd(VirtIOPCIProxy *proxy);
/** virtio_pci_write_status: what the guest wrote to device status; 0 resets the device. */
void virtio_pci_write_status(VirtIOPCIProxy *proxy, uint8_t val);
/** virtio_pci_read_isr: reading clears, and lowers the pin. */
uint8_t virtio_pci_read_isr(VirtIOPCIProxy *proxy);
/** The vectors of configuration changes and of the selected queue; one that there is not becomes "no vector". */
void virtio_pci_set_config_vector(VirtIOPCIProxy *proxy, uint16_t vector);
void virtio_pci_set_queue_vector(VirtIOPCIProxy *proxy, uint16_t vector);

/* The legacy registers, in an I/O BAR. */
void virtio_pci_legacy_init(VirtIOPCIProxy *proxy);
void virtio_pci_legacy_exit(VirtIOPCIProxy *proxy);

#endif
