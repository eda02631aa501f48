/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory controller hub of the Q35 chipset: the host bridge, towards the processor and as device 00.0.
 *
 * Beside ports 0xcf8 and 0xcfc there is a window in memory (PCIEXBAR, "ECAM") on all of configuration space. Shadow
 * registers and the SMRAM register put RAM in the place of firmware and of the VGA window. There is no system
 * management mode, so SMRAM shows only while it is open to all.
 *
 * I1  The window is mapped exactly while its enable bit is set and its length is not the reserved one.
 * I2  Once SMRAM is locked it is closed, and stays so until reset.
 * Source: Intel 3 Series Express Chipset (82Q35) data sheet, 316966; PCI Express 3.0, section 7.2.2.
 */
#include "devices/q35/q35.h"

#include <string.h>

#include "base/bytes.h"
#include "devices/pci/host.h"
#include "devices/pci/pam.h"
#include "devices/table.h"

#define MCH_PCIEXBAR 0x60
#define MCH_PCIEXBAR_ENABLE 0x1
#define MCH_PCIEXBAR_LENGTH_SHIFT 1
#define MCH_PAM 0x90
#define MCH_SMRAM 0x9d
#define MCH_SMRAM_DEFAULT 0x02
#define MCH_SMRAM_G_SMRAME 0x08
#define MCH_SMRAM_D_LCK 0x10
#define MCH_SMRAM_D_OPEN 0x40
#define MCH_SMRAM_WMASK 0x78        /* D_OPEN, D_CLS, D_LCK, G_SMRAME */
#define MCH_ESMRAMC 0x9e
#define MCH_ESMRAMC_DEFAULT 0x38

#define SMRAM_BASE 0xa0000
#define SMRAM_SIZE 0x20000

typedef struct Q35Host {
    DeviceState qdev;
    PCIHostState pci;
    MemoryRegion mmcfg;         /* configuration space of all buses; mapped where the MCH says */
} Q35Host;

typedef struct MCHState {
    PCIDevice dev;
    Q35Host *host;
    PAMState pam;
    MemoryRegion smram;         /* RAM over the VGA window */
    MemoryRegion window;        /* as much of the host's mmcfg as the length says */
    uint64_t window_size;       /* 0: not mapped */
    uint64_t window_base;
} MCHState;

PCIBus *q35_pci_bus(DeviceState *host)
{
    return &((Q35Host *)host)->pci.bus;
}

/* ---- The host bridge towards the processor ---- */

/* An address in the window is bus, device and function, and a register of up to 4 KiB. */
static uint32_t mmcfg_to_config(hwaddr addr)
{
    return (addr >> 20 & 0xff) << 16 | (addr >> 12 & 0xff) << 8;
}

/* Our devices have the first 256 registers; what an access has beyond them is not there. */
static uint64_t mmcfg_read(void *opaque, hwaddr addr, unsigned size)
{
    unsigned reg = addr & 0xfff;

    if (reg + size > PCI_CONFIG_SIZE) {
        return UINT64_MAX;
    }
    return pci_data_read(&((Q35Host *)opaque)->pci.bus, mmcfg_to_config(addr) | reg, size);
}

static void mmcfg_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    unsigned reg = addr & 0xfff;

    if (reg + size <= PCI_CONFIG_SIZE) {
        pci_data_write(&((Q35Host *)opaque)->pci.bus, mmcfg_to_config(addr) | reg, val, size);
    }
}

static const MemoryRegionOps mmcfg_ops = {
    .read = mmcfg_read,
    .write = mmcfg_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8 },
    .impl = { .min_access_size = 1, .max_access_size = 4 },
};

static void q35_host_init(DeviceState *dev)
{
    pci_bus_init(&((Q35Host *)dev)->pci.bus, dev, "pcie.0", get_system_memory(), get_system_io());
}

static bool q35_host_realize(DeviceState *dev, GError **errp)
{
    Q35Host *s = (Q35Host *)dev;

    pci_host_map(&s->pci, dev);
    memory_region_init_io(&s->mmcfg, s, &mmcfg_ops, s, "pcie-mmcfg-mmio", MCH_PCIEXBAR_SIZE);
    return true;
}

static void q35_host_unrealize(DeviceState *dev)
{
    Q35Host *s = (Q35Host *)dev;

    memory_region_finalize(&s->mmcfg);
    pci_host_unmap(&s->pci);
}

static void q35_host_reset(DeviceState *dev)
{
    ((Q35Host *)dev)->pci.config_reg = 0;
}

static const VMStateDescription vmstate_q35_host = {
    .name = "PCIHost",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_HOST(pci, Q35Host),
        VMSTATE_END_OF_LIST()
    },
};

const DeviceClass q35_pcihost_class = {
    .name = "q35-pcihost",
    .bus_type = "System",
    .instance_size = sizeof(Q35Host),
    .init = q35_host_init,
    .realize = q35_host_realize,
    .unrealize = q35_host_unrealize,
    .reset = q35_host_reset,
    .vmsd = &vmstate_q35_host,
};

/* ---- The bridge as a device ---- */

uint64_t mch_pciexbar(DeviceState *mch, uint64_t *ret_size)
{
    const uint8_t *reg = ((MCHState *)mch)->dev.config + MCH_PCIEXBAR;
    unsigned length = reg[0] >> MCH_PCIEXBAR_LENGTH_SHIFT & 3;

    *ret_size = reg[0] & MCH_PCIEXBAR_ENABLE && length < 3 ? MCH_PCIEXBAR_SIZE >> length : 0;
    return *ret_size ? ld64_le(reg) & ~(*ret_size - 1) : 0;
}

static void mch_unmap_window(MCHState *s)
{
    if (s->window_size) {
        memory_region_del_subregion(get_system_memory(), &s->window);
        memory_region_finalize(&s->window);
        s->window_size = 0;
    }
}

static void mch_update_window(MCHState *s)
{
    uint64_t size;
    uint64_t base = mch_pciexbar(&s->dev.qdev, &size);

    if (!s->host || (size == s->window_size && (size == 0 || base == s->window_base))) {
        return;
    }
    memory_region_transaction_begin();
    mch_unmap_window(s);
    if (size) {                     /* (I1) */
        memory_region_init_alias(&s->window, s, "pcie-mmcfg", &s->host->mmcfg, 0, size);
        memory_region_add_subregion_overlap(get_system_memory(), base, &s->window, 0);
        s->window_base = base;
    }
    s->window_size = size;
    memory_region_transaction_commit();
}

static void mch_update_smram(MCHState *s)
{
    uint8_t *reg = &s->dev.config[MCH_SMRAM];
    bool open;

    if (*reg & MCH_SMRAM_D_LCK) {
        *reg &= ~MCH_SMRAM_D_OPEN;  /* (I2) */
        s->dev.wmask[MCH_SMRAM] = 0;
    } else {
        s->dev.wmask[MCH_SMRAM] = MCH_SMRAM_WMASK;
    }
    open = *reg & MCH_SMRAM_G_SMRAME && *reg & MCH_SMRAM_D_OPEN;
    if (s->pam.have_ram) {
        memory_region_set_enabled(&s->smram, open);
    }
}

static void mch_update(MCHState *s)
{
    memory_region_transaction_begin();
    mch_update_window(s);
    pam_update(&s->pam, s->dev.config + MCH_PAM);
    mch_update_smram(s);
    memory_region_transaction_commit();
}

void mch_connect(DeviceState *mch, DeviceState *host, MemoryRegion *ram)
{
    MCHState *s = (MCHState *)mch;

    s->host = (Q35Host *)host;
    pam_connect_ram(&s->pam, s, ram);
    if (s->pam.have_ram) {
        memory_region_init_alias(&s->smram, s, "smram", ram, SMRAM_BASE, SMRAM_SIZE);
        memory_region_set_enabled(&s->smram, false);
        memory_region_add_subregion_overlap(get_system_memory(), SMRAM_BASE, &s->smram, 2);
    }
}

static void mch_config_write(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len)
{
    pci_default_write_config(dev, addr, val, len);
    if (ranges_overlap(addr, len, MCH_PCIEXBAR, 8) || ranges_overlap(addr, len, MCH_PAM, PAM_REGS) ||
        ranges_overlap(addr, len, MCH_SMRAM, 1)) {
        mch_update((MCHState *)dev);
    }
}

static bool mch_realize(PCIDevice *dev, GError **errp)
{
    st64_le(dev->wmask + MCH_PCIEXBAR, UINT64_C(0xffc000007));
    for (unsigned i = MCH_PAM; i < MCH_PAM + PAM_REGS; i++) {
        dev->wmask[i] = i == MCH_PAM ? 0x30 : 0x33;
    }
    dev->wmask[MCH_SMRAM] = MCH_SMRAM_WMASK;
    dev->config[MCH_SMRAM] = MCH_SMRAM_DEFAULT;
    dev->config[MCH_ESMRAMC] = MCH_ESMRAMC_DEFAULT;
    return true;
}

static void mch_exit(PCIDevice *dev)
{
    MCHState *s = (MCHState *)dev;

    mch_unmap_window(s);
    if (s->pam.have_ram) {
        memory_region_del_subregion(get_system_memory(), &s->smram);
        memory_region_finalize(&s->smram);
    }
    pam_exit(&s->pam);
}

static void mch_reset(PCIDevice *dev)
{
    st64_le(dev->config + MCH_PCIEXBAR, 0);
    memset(dev->config + MCH_PAM, 0, PAM_REGS);
    dev->config[MCH_SMRAM] = MCH_SMRAM_DEFAULT;
    mch_update((MCHState *)dev);
}

static int mch_pre_load(void *opaque)
{
    /* A lock is no obstacle to a stream. */
    ((MCHState *)opaque)->dev.wmask[MCH_SMRAM] = MCH_SMRAM_WMASK;
    return 0;
}

static int mch_post_load(void *opaque, int version_id)
{
    mch_update(opaque);
    return 0;
}

static const PCIDeviceClass mch_pci_class = {
    .vendor_id = 0x8086,
    .device_id = 0x29c0,
    .class_id = 0x0600,
    .realize = mch_realize,
    .exit = mch_exit,
    .reset = mch_reset,
    .config_write = mch_config_write,
};

static const VMStateDescription vmstate_mch = {
    .name = "mch",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_load = mch_pre_load,
    .post_load = mch_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(dev, MCHState),
        VMSTATE_END_OF_LIST()
    },
};

static const Property mch_props[] = {
    PCI_COMMON_PROPS(MCHState, dev),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass mch_class = {
    .name = "mch",
    .desc = "Host bridge",
    .bus_type = "PCI",
    .instance_size = sizeof(MCHState),
    .props = mch_props,
    .realize = pci_qdev_realize,
    .unrealize = pci_qdev_unrealize,
    .reset = pci_qdev_reset,
    .vmsd = &vmstate_mch,
    .class_data = &mch_pci_class,
};
