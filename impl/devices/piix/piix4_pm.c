/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX4_PM: power management as function 3 of the PIIX: ACPI fixed hardware at a base address that firmware chooses,
 * the SMI command port, and an SMBus host on which nothing answers.
 *
 * There is no system management mode. Firmware that would set it up finds it marked as done.
 * Source: Intel 82371AB data sheet, sections 7.1 to 7.3.
 */
#include "devices/acpi/acpi_pm.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "migration/vmstate.h"

#define PIIX4_PMBA 0x40
#define PIIX4_DEVACTB 0x58              /* bit 25: SMI on the command port is set up */
#define PIIX4_PMREGMISC 0x80
#define PIIX4_SMBBA 0x90
#define PIIX4_SMBHSTCFG 0xd2
#define PIIX4_PM_SIZE 64
#define PIIX4_SMB_SIZE 16
#define SMI_PORT 0xb2
#define SMB_STS_DEV_ERR 0x04
#define SMB_CNT_START 0x40

typedef struct PIIX4PMState {
    PCIDevice dev;
    ACPIPM pm;
    MemoryRegion pm_io;         /* the container at PMBA */
    MemoryRegion smb_io;
    MemoryRegion smi_io;
    uint8_t smb[PIIX4_SMB_SIZE];
    uint8_t smi[2];             /* command and status */
} PIIX4PMState;

uint16_t piix4_pm_base(DeviceState *dev)
{
    const uint8_t *c = ((PIIX4PMState *)dev)->dev.config;

    return c[PIIX4_PMBA + 1] << 8 | (c[PIIX4_PMBA] & 0xc0);
}

/* ---- SMBus ---- */

static uint64_t smb_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((PIIX4PMState *)opaque)->smb[addr];
}

static void smb_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PIIX4PMState *s = opaque;

    if (addr == 0) {
        s->smb[0] &= ~val;
        return;
    }
    s->smb[addr] = addr == 2 ? val & ~SMB_CNT_START : val;
    if (addr == 2 && val & SMB_CNT_START) {
        s->smb[0] |= SMB_STS_DEV_ERR;
    }
}

static const MemoryRegionOps smb_ops = {
    .read = smb_read,
    .write = smb_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

/* ---- SMI command port ---- */

static uint64_t smi_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((PIIX4PMState *)opaque)->smi[addr];
}

static void smi_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PIIX4PMState *s = opaque;

    s->smi[addr] = val;
    if (addr == 0) {
        acpi_pm_smi_command(&s->pm, val);
    }
}

static const MemoryRegionOps smi_ops = {
    .read = smi_read,
    .write = smi_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

/* ---- Configuration space ---- */

static void piix4_pm_map(PIIX4PMState *s)
{
    const uint8_t *c = s->dev.config;

    memory_region_transaction_begin();
    memory_region_set_address(&s->pm_io, piix4_pm_base(&s->dev.qdev));
    memory_region_set_enabled(&s->pm_io, c[PIIX4_PMREGMISC] & 1);
    memory_region_set_address(&s->smb_io, c[PIIX4_SMBBA + 1] << 8 | (c[PIIX4_SMBBA] & 0xf0));
    memory_region_set_enabled(&s->smb_io, c[PIIX4_SMBHSTCFG] & 1);
    memory_region_transaction_commit();
}

static void piix4_pm_config_write(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len)
{
    pci_default_write_config(dev, addr, val, len);
    if (addr + len > PIIX4_PMBA) {
        piix4_pm_map((PIIX4PMState *)dev);
    }
}

static void piix4_pm_add_regions(PIIX4PMState *s)
{
    memory_region_init(&s->pm_io, s, "piix4-pm", PIIX4_PM_SIZE);
    memory_region_add_subregion(&s->pm_io, 0, &s->pm.evt_io);
    memory_region_add_subregion(&s->pm_io, 4, &s->pm.cnt_io);
    memory_region_add_subregion(&s->pm_io, 8, &s->pm.tmr_io);
    memory_region_set_enabled(&s->pm_io, false);
    memory_region_add_subregion(get_system_io(), 0, &s->pm_io);
    memory_region_init_io(&s->smb_io, s, &smb_ops, s, "pm-smbus", PIIX4_SMB_SIZE);
    memory_region_set_enabled(&s->smb_io, false);
    memory_region_add_subregion(get_system_io(), 0, &s->smb_io);
    memory_region_init_io(&s->smi_io, s, &smi_ops, s, "apm-io", 2);
    memory_region_add_subregion(get_system_io(), SMI_PORT, &s->smi_io);
    memory_region_add_subregion(get_system_io(), PIIX4_GPE_BASE, &s->pm.gpe_io);
}

static bool piix4_pm_realize(PCIDevice *dev, GError **errp)
{
    PIIX4PMState *s = (PIIX4PMState *)dev;

    dev->config[PCI_INTERRUPT_PIN] = 1;
    memset(dev->wmask + PIIX4_PMBA, 0xff, PCI_CONFIG_SIZE - PIIX4_PMBA);
    dev->wmask[PIIX4_PMBA] = 0xc0;
    dev->wmask[PIIX4_SMBBA] = 0xf0;
    acpi_pm_init(&s->pm, NULL, PIIX4_GPE_LEN);
    piix4_pm_add_regions(s);
    return true;
}

void piix4_pm_connect_sci(DeviceState *dev, qemu_irq sci)
{
    ((PIIX4PMState *)dev)->pm.sci = sci;
}

static void piix4_pm_exit(PCIDevice *dev)
{
    PIIX4PMState *s = (PIIX4PMState *)dev;

    memory_region_del_subregion(get_system_io(), &s->pm.gpe_io);
    memory_region_del_subregion(get_system_io(), &s->smi_io);
    memory_region_finalize(&s->smi_io);
    memory_region_del_subregion(get_system_io(), &s->smb_io);
    memory_region_finalize(&s->smb_io);
    memory_region_del_subregion(get_system_io(), &s->pm_io);
    memory_region_del_subregion(&s->pm_io, &s->pm.evt_io);
    memory_region_del_subregion(&s->pm_io, &s->pm.cnt_io);
    memory_region_del_subregion(&s->pm_io, &s->pm.tmr_io);
    memory_region_finalize(&s->pm_io);
    acpi_pm_cleanup(&s->pm);
}

static void piix4_pm_reset(PCIDevice *dev)
{
    PIIX4PMState *s = (PIIX4PMState *)dev;

    memset(dev->config + PIIX4_PMBA, 0, PCI_CONFIG_SIZE - PIIX4_PMBA);
    dev->config[PIIX4_PMBA] = 1;                /* I/O space */
    dev->config[PIIX4_SMBBA] = 1;
    dev->config[PIIX4_DEVACTB + 3] = 0x02;
    memset(s->smb, 0, sizeof(s->smb));
    memset(s->smi, 0, sizeof(s->smi));
    piix4_pm_map(s);
    acpi_pm_reset(&s->pm);
}

static int piix4_pm_post_load(void *opaque, int version_id)
{
    piix4_pm_map(opaque);
    return 0;
}

static const PCIDeviceClass piix4_pm_pci_class = {
    .vendor_id = 0x8086,
    .device_id = 0x7113,
    .revision = 3,
    .class_id = 0x0680,
    .realize = piix4_pm_realize,
    .exit = piix4_pm_exit,
    .reset = piix4_pm_reset,
    .config_write = piix4_pm_config_write,
};

static const VMStateDescription vmstate_piix4_pm = {
    .name = "piix4_pm",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = piix4_pm_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(dev, PIIX4PMState),
        VMSTATE_ACPI_PM(pm, PIIX4PMState),
        VMSTATE_BUFFER(smb, PIIX4PMState),
        VMSTATE_BUFFER(smi, PIIX4PMState),
        VMSTATE_END_OF_LIST()
    },
};

static const Property piix4_pm_props[] = {
    PCI_COMMON_PROPS(PIIX4PMState, dev),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass piix4_pm_class = {
    .name = "PIIX4_PM",
    .desc = "PM",
    .bus_type = "PCI",
    .instance_size = sizeof(PIIX4PMState),
    .props = piix4_pm_props,
    .realize = pci_qdev_realize,
    .unrealize = pci_qdev_unrealize,
    .reset = pci_qdev_reset,
    .vmsd = &vmstate_piix4_pm,
    .class_data = &piix4_pm_pci_class,
};
