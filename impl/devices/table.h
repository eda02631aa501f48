/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every class of device there is. A class is defined in its own folder and listed in table.c.
 */
#ifndef DEVICES_TABLE_H
#define DEVICES_TABLE_H

#include "devices/device.h"

extern const DeviceClass apic_class;
extern const DeviceClass ahci_class;
extern const DeviceClass cfi_pflash01_class;
extern const DeviceClass fw_cfg_io_class;
extern const DeviceClass hpet_class;
extern const DeviceClass i440fx_class;
extern const DeviceClass i440fx_pcihost_class;
extern const DeviceClass i8042_class;
extern const DeviceClass i8259_class;
extern const DeviceClass ioapic_class;
extern const DeviceClass ich9_lpc_class;
extern const DeviceClass mch_class;
extern const DeviceClass q35_pcihost_class;
extern const DeviceClass ich9_ahci_class;
extern const DeviceClass ide_cd_class;
extern const DeviceClass ide_hd_class;
extern const DeviceClass isa_debugcon_class;
extern const DeviceClass isa_debug_exit_class;
extern const DeviceClass isabus_bridge_class;
extern const DeviceClass isa_pit_class;
extern const DeviceClass isa_serial_class;
extern const DeviceClass mc146818_class;
extern const DeviceClass piix3_class;
extern const DeviceClass piix3_ide_class;
extern const DeviceClass piix4_pm_class;
extern const DeviceClass port92_class;
extern const DeviceClass scsi_hd_class;
extern const DeviceClass vga_class;
extern const DeviceClass virtio_balloon_class;
extern const DeviceClass virtio_balloon_pci_class;
extern const DeviceClass virtio_blk_class;
extern const DeviceClass virtio_blk_pci_class;
extern const DeviceClass virtio_net_class;
extern const DeviceClass virtio_net_pci_class;
extern const DeviceClass virtio_rng_class;
extern const DeviceClass virtio_rng_pci_class;
extern const DeviceClass virtio_scsi_class;
extern const DeviceClass virtio_scsi_pci_class;
extern const DeviceClass virtio_serial_class;
extern const DeviceClass virtio_serial_pci_class;
extern const DeviceClass virtconsole_class;
extern const DeviceClass virtserialport_class;

#endif
