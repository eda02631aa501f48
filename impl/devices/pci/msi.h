/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI: a PCI device interrupts by writing a message to memory. The capability is all the state there is, except the
 * pending bits.
 *
 * Context: BQL held.
 *
 * I1  A message that a masked vector asks for is remembered and sent when it is unmasked.
 * Source: PCI Local Bus 3.0, section 6.8.1.
 */
#ifndef DEVICES_PCI_MSI_H
#define DEVICES_PCI_MSI_H

#include "devices/pci/pci.h"

/** What a vector writes, and where: 32 bits, little endian, in the memory address space. */
typedef struct MSIMessage {
    uint64_t address;
    uint32_t data;
} MSIMessage;

/** msi_send_message: as a bus master; nothing happens unless the guest lets @dev be one. */
void msi_send_message(PCIDevice *dev, MSIMessage msg);

/**
 * msi_init: add the capability. @offset: where, 0: behind the others. @nr_vectors: a power of two up to 32.
 * Cannot fail; an argument out of range is our bug (asserted).
 */
void msi_init(PCIDevice *dev, uint8_t offset, unsigned nr_vectors, bool msi64bit, bool per_vector_mask);
bool msi_present(const PCIDevice *dev);
/** msi_enabled: does the guest want messages instead of the pin? */
bool msi_enabled(const PCIDevice *dev);
/** msi_nr_vectors_allocated: how many vectors the guest gave the device. */
unsigned msi_nr_vectors_allocated(const PCIDevice *dev);
bool msi_is_masked(const PCIDevice *dev, unsigned vector);
/** msi_notify: raise @vector, below the number of vectors the device offers. */
void msi_notify(PCIDevice *dev, unsigned vector);
MSIMessage msi_get_message(const PCIDevice *dev, unsigned vector);

/* For pci.c: after a write to configuration space; at reset; while checking a stream. */
void msi_write_config(PCIDevice *dev, uint32_t addr, unsigned len);
void msi_reset(PCIDevice *dev);
/** msi_is_status_byte: does byte @addr of configuration space change without the guest writing it? */
bool msi_is_status_byte(const PCIDevice *dev, unsigned addr);

#endif
