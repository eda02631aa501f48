/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ich9-ahci: the SATA adapter as a PCI function: global registers, interrupt, index and data ports. See ahci.h.
 */
#include "devices/ahci/ahci.h"

#include "base/bytes.h"
#include "devices/pci/msi.h"
#include "devices/table.h"
#include "migration/vmstate.h"

#define GHC_HR 0x00000001u
#define GHC_IE 0x00000002u
#define GHC_AE 0x80000000u
#define AHCI_VERSION 0x00010000u
#define AHCI_PORT_BASE 0x100
#define AHCI_PORT_SIZE 0x80

static const uint32_t ahci_cap = (AHCI_PORTS - 1) | (AHCI_SLOTS - 1) << 8 | 1 << 18 | 1 << 20 | 1 << 30 | 1u << 31;

void ahci_update_irq(AHCIState *h)
{
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        if (h->ports[i].regs[PX_IS] & h->ports[i].regs[PX_IE]) {
            h->is |= 1u << i;
        }
    }
    if (!msi_enabled(&h->dev)) {
        pci_set_irq(&h->dev, h->is && h->ghc & GHC_IE);
    } else if (h->is && h->ghc & GHC_IE) {
        bool before = h->in_dma;

        /* Again after each look of the guest at what is still pending: a message too many does no harm. */
        h->in_dma = true;       /* (I3): the guest chose the address */
        msi_notify(&h->dev, 0);
        h->in_dma = before;
    }
}

static void ahci_reset_hba(AHCIState *h)
{
    h->ghc = GHC_AE;
    h->is = 0;
    h->idp_index = 0;
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        ahci_port_reset(&h->ports[i], true);
    }
    ahci_update_irq(h);
}

/* (I3) */
static bool ahci_is_in_dma(const AHCIState *h)
{
    bool in_dma = h->in_dma;

    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        in_dma |= h->ports[i].bus.in_dma;
    }
    return in_dma;
}

static uint32_t ahci_read_reg(AHCIState *h, uint32_t addr)
{
    switch (addr) {
    case 0x00:
        return ahci_cap;
    case 0x04:
        return h->ghc;
    case 0x08:
        return h->is;
    case 0x0c:
        return (1u << AHCI_PORTS) - 1;
    case 0x10:
        return AHCI_VERSION;
    default:
        break;
    }
    if (addr >= AHCI_PORT_BASE && addr < AHCI_PORT_BASE + AHCI_PORTS * AHCI_PORT_SIZE) {
        addr -= AHCI_PORT_BASE;
        return ahci_port_read(&h->ports[addr / AHCI_PORT_SIZE], addr % AHCI_PORT_SIZE / 4);
    }
    return 0;
}

static void ahci_write_reg(AHCIState *h, uint32_t addr, uint32_t val)
{
    if (ahci_is_in_dma(h)) {
        return;
    }
    if (addr == 0x04) {
        if (val & GHC_HR) {
            ahci_reset_hba(h);
        } else {
            h->ghc = (val & GHC_IE) | GHC_AE;
            ahci_update_irq(h);
        }
    } else if (addr == 0x08) {
        h->is &= ~val;
        ahci_update_irq(h);
    } else if (addr >= AHCI_PORT_BASE && addr < AHCI_PORT_BASE + AHCI_PORTS * AHCI_PORT_SIZE) {
        addr -= AHCI_PORT_BASE;
        ahci_port_write(&h->ports[addr / AHCI_PORT_SIZE], addr % AHCI_PORT_SIZE / 4, val);
    }
}

static uint64_t ahci_mem_read(void *opaque, hwaddr addr, unsigned size)
{
    return ahci_read_reg(opaque, addr & ~UINT64_C(3)) >> 8 * (addr & 3);
}

static void ahci_mem_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    if (size == 4 && !(addr & 3)) {
        ahci_write_reg(opaque, addr, val);
    }
}

static const MemoryRegionOps ahci_mem_ops = {
    .read = ahci_mem_read,
    .write = ahci_mem_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 4 },
};

static uint64_t ahci_idp_read(void *opaque, hwaddr addr, unsigned size)
{
    AHCIState *h = opaque;

    return addr == 0x10 ? h->idp_index : addr == 0x14 ? ahci_read_reg(h, h->idp_index) : 0;
}

static void ahci_idp_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    AHCIState *h = opaque;

    if (addr == 0x10) {
        h->idp_index = val & (AHCI_MEM_SIZE - 4);
    } else if (addr == 0x14) {
        ahci_write_reg(h, h->idp_index, val);
    }
}

static const MemoryRegionOps ahci_idp_ops = {
    .read = ahci_idp_read,
    .write = ahci_idp_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

/* ---- Life ---- */

static void ahci_init(DeviceState *dev)
{
    AHCIState *h = (AHCIState *)dev;

    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        ahci_port_init(&h->ports[i], h, i);
    }
}

static bool ahci_realize(PCIDevice *dev, GError **errp)
{
    AHCIState *h = (AHCIState *)dev;

    dev->config[PCI_INTERRUPT_PIN] = 1;
    dev->config[0x90] = 1 << 6; /* AHCI mode */
    msi_init(dev, 0x80, 1, true, false);
    memory_region_init_io(&h->mem, h, &ahci_mem_ops, h, "ahci", AHCI_MEM_SIZE);
    memory_region_init_io(&h->idp, h, &ahci_idp_ops, h, "ahci-idp", 32);
    pci_register_bar(dev, 4, PCI_BASE_ADDRESS_SPACE_IO, &h->idp);
    pci_register_bar(dev, 5, 0, &h->mem);
    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        if (dev->qdev.id) {
            g_free(h->ports[i].bus.qbus.name);
            h->ports[i].bus.qbus.name = g_strdup_printf("%s.%u", dev->qdev.id, i);
        }
        ahci_port_realize(&h->ports[i]);
    }
    return true;
}

static void ahci_exit(PCIDevice *dev)
{
    AHCIState *h = (AHCIState *)dev;

    for (unsigned i = 0; i < AHCI_PORTS; i++) {
        ahci_port_unrealize(&h->ports[i]);
    }
    memory_region_finalize(&h->mem);
    memory_region_finalize(&h->idp);
}

static void ahci_reset(PCIDevice *dev)
{
    ahci_reset_hba((AHCIState *)dev);
}

static const PCIDeviceClass ahci_pci_class = {
    .vendor_id = 0x8086,
    .device_id = 0x2922,
    .revision = 2,
    .class_id = 0x0106,
    .prog_if = 1,
    .realize = ahci_realize,
    .exit = ahci_exit,
    .reset = ahci_reset,
};

static const VMStateDescription vmstate_ahci = {
    .name = "ich9_ahci",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(dev, AHCIState),
        VMSTATE_UINT32(ghc, AHCIState),
        VMSTATE_UINT32(is, AHCIState),
        VMSTATE_UINT32(idp_index, AHCIState),
        VMSTATE_STRUCT_ARRAY(ports, AHCIState, AHCI_PORTS, 0, vmstate_ahci_port, AHCIPort),
        VMSTATE_END_OF_LIST()
    },
};

static const Property ahci_props[] = {
    PCI_COMMON_PROPS(AHCIState, dev),
    DEFINE_PROP_END_OF_LIST()
};

#define AHCI_DEVICE_CLASS \
    .bus_type = "PCI", .instance_size = sizeof(AHCIState), .props = ahci_props, .user_creatable = true, \
    .init = ahci_init, .realize = pci_qdev_realize, .unrealize = pci_qdev_unrealize, .reset = pci_qdev_reset, \
    .vmsd = &vmstate_ahci, .class_data = &ahci_pci_class

const DeviceClass ich9_ahci_class = {
    .name = "ich9-ahci",
    AHCI_DEVICE_CLASS,
};

/* The same under its short name. */
const DeviceClass ahci_class = {
    .name = "ahci",
    AHCI_DEVICE_CLASS,
};
