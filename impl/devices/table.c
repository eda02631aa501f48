/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of device classes. See table.h.
 */
#include "devices/table.h"

#include "devices/acpi/ged.h"
#include "virtio/mmio.h"

const DeviceClass *const device_class_table[] = {
    &apic_class,
    &acpi_ged_class,
    &cfi_pflash01_class,
    &hpet_class,
    &i440fx_class,
    &i440fx_pcihost_class,
    &piix3_class,
    &piix3_ide_class,
    &ide_hd_class,
    &ich9_ahci_class,
    &ahci_class,
    &ide_cd_class,
    &piix4_pm_class,
    &ich9_lpc_class,
    &mch_class,
    &q35_pcihost_class,
    &i8042_class,
    &fw_cfg_io_class,
    &ioapic_class,
    &isa_debug_exit_class,
    &isa_debugcon_class,
    &i8259_class,
    &isabus_bridge_class,
    &isa_pit_class,
    &isa_serial_class,
    &mc146818_class,
    &port92_class,
    &scsi_hd_class,
    &vga_class,
    &virtio_balloon_class,
    &virtio_balloon_pci_class,
    &virtio_blk_class,
    &virtio_blk_pci_class,
    &virtio_net_class,
    &virtio_net_pci_class,
    &virtio_rng_class,
    &virtio_rng_pci_class,
    &virtio_mmio_class,
    &virtio_scsi_class,
    &virtio_scsi_pci_class,
    &virtio_serial_class,
    &virtio_serial_pci_class,
    &virtconsole_class,
    &virtserialport_class,
    NULL,
};
