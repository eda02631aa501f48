/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X: up to 2048 messages of a PCI device, in a table in its memory.
 *
 * Context: BQL held.
 *
 * I1  A message that a masked vector, or a masked function, asks for is remembered in the pending bits and sent when
 *     both masks are clear.
 * I2  Between the notifiers' use and release of a vector its message does not change.
 * Source: PCI Local Bus 3.0, section 6.8.2.
 */
#ifndef DEVICES_PCI_MSIX_H
#define DEVICES_PCI_MSIX_H

#include "devices/pci/msi.h"

#define MSIX_VECTORS_MAX 2048

/** Told when @vector can be reached (unmasked, with its message) and when it no longer can. */
typedef void (*MSIVectorUseNotifier)(PCIDevice *dev, unsigned vector, MSIMessage msg);
typedef void (*MSIVectorReleaseNotifier)(PCIDevice *dev, unsigned vector);

/**
 * msix_init_exclusive_bar: add the capability, with table and pending bits in memory BAR @bar_nr of their own.
 * -> false with @errp: @nentries is not 1..MSIX_VECTORS_MAX.
 */
G_GNUC_WARN_UNUSED_RESULT
bool msix_init_exclusive_bar(PCIDevice *dev, unsigned nentries, uint8_t bar_nr, GError **errp);
/** msix_uninit_exclusive_bar: the BAR is not mapped any more. Nothing if there is no MSI-X. */
void msix_uninit_exclusive_bar(PCIDevice *dev);

bool msix_present(const PCIDevice *dev);
/** msix_enabled: does the guest want messages instead of the pin? */
bool msix_enabled(const PCIDevice *dev);
unsigned msix_nr_entries(const PCIDevice *dev);
bool msix_is_masked(const PCIDevice *dev, unsigned vector);
MSIMessage msix_get_message(const PCIDevice *dev, unsigned vector);
/** msix_set_message: as if the guest had written it into the table. */
void msix_set_message(PCIDevice *dev, unsigned vector, MSIMessage msg);
/** msix_notify: raise @vector. Any number is accepted; one that there is not does nothing. */
void msix_notify(PCIDevice *dev, unsigned vector);

/** msix_clear_pending: forget what masked vectors asked for, because whoever asked was reset. */
void msix_clear_pending(PCIDevice *dev);

/** msix_set_vector_notifiers: @use is called at once for what can be reached already. */
void msix_set_vector_notifiers(PCIDevice *dev, MSIVectorUseNotifier use, MSIVectorReleaseNotifier release);
/** msix_unset_vector_notifiers: @release is called for what can be reached. */
void msix_unset_vector_notifiers(PCIDevice *dev);

/* For pci.c: after a write to configuration space; at reset; the state of table and pending bits. */
void msix_write_config(PCIDevice *dev, uint32_t addr, unsigned len);
void msix_reset(PCIDevice *dev);
typedef struct VMStateInfo VMStateInfo;
extern const VMStateInfo vmstate_info_msix;

#endif
