/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * i440FX: configuration mechanism 1 at ports 0xcf8 and 0xcfc, and the host bridge as device 00.0.
 *
 * The bridge's shadow registers (PAM) put RAM in the place of firmware between 768 KiB and 1 MiB, piece by piece,
 * readable and perhaps writable. Writing RAM while reading firmware is not done: such a piece stays firmware.
 * Source: Intel 440FX data sheet; PCI 3.0 section 3.2.2.3.2.
 */
#include "devices/piix/piix.h"

#include "devices/table.h"
#include "migration/vmstate.h"

typedef struct I440FXHost {
    DeviceState qdev;
    PCIBus bus;
    MemoryRegion conf_io;
    MemoryRegion data_io;
    uint32_t config_reg;
} I440FXHost;

#define I440FX_PAM 0x59
#define I440FX_PAM_REGS 7
#define PAM_SEGMENTS 13
#define PAM_READ 1
#define PAM_WRITE 2

typedef struct I440FXState {
    PCIDevice dev;
    MemoryRegion pam[PAM_SEGMENTS];     /* RAM in the place of firmware; enabled when switched on */
    bool have_ram;
} I440FXState;

PCIBus *i440fx_pci_bus(DeviceState *host)
{
    return &((I440FXHost *)host)->bus;
}

/* Only a whole word selects an address; parts of it belong to other devices (0xcf9). */
static void pci_conf_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    I440FXHost *s = opaque;

    if (addr == 0 && size == 4) {
        s->config_reg = val;
    }
}

static uint64_t pci_conf_read(void *opaque, hwaddr addr, unsigned size)
{
    I440FXHost *s = opaque;

    return addr == 0 && size == 4 ? s->config_reg : UINT64_MAX;
}

static void pci_data_io_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    I440FXHost *s = opaque;

    if (s->config_reg & 0x80000000u) {
        pci_data_write(&s->bus, (s->config_reg & 0xfffffc) | addr, val, size);
    }
}

static uint64_t pci_data_io_read(void *opaque, hwaddr addr, unsigned size)
{
    I440FXHost *s = opaque;

    if (!(s->config_reg & 0x80000000u)) {
        return UINT32_MAX;
    }
    return pci_data_read(&s->bus, (s->config_reg & 0xfffffc) | addr, size);
}

static const MemoryRegionOps pci_conf_ops = {
    .read = pci_conf_read,
    .write = pci_conf_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 4 },
};

static const MemoryRegionOps pci_data_ops = {
    .read = pci_data_io_read,
    .write = pci_data_io_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 4 },
};

static void i440fx_host_init(DeviceState *dev)
{
    I440FXHost *s = (I440FXHost *)dev;

    pci_bus_init(&s->bus, dev, "pci.0", get_system_memory(), get_system_io());
}

static bool i440fx_host_realize(DeviceState *dev, GError **errp)
{
    I440FXHost *s = (I440FXHost *)dev;

    memory_region_init_io(&s->conf_io, s, &pci_conf_ops, s, "pci-conf-idx", 4);
    memory_region_add_subregion(get_system_io(), 0xcf8, &s->conf_io);
    memory_region_init_io(&s->data_io, s, &pci_data_ops, s, "pci-conf-data", 4);
    memory_region_add_subregion(get_system_io(), 0xcfc, &s->data_io);
    return true;
}

static void i440fx_host_unrealize(DeviceState *dev)
{
    I440FXHost *s = (I440FXHost *)dev;

    memory_region_del_subregion(get_system_io(), &s->conf_io);
    memory_region_finalize(&s->conf_io);
    memory_region_del_subregion(get_system_io(), &s->data_io);
    memory_region_finalize(&s->data_io);
}

static void i440fx_host_reset(DeviceState *dev)
{
    ((I440FXHost *)dev)->config_reg = 0;
}

static const VMStateDescription vmstate_i440fx_host = {
    .name = "PCIHost",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(config_reg, I440FXHost),
        VMSTATE_END_OF_LIST()
    },
};

const DeviceClass i440fx_pcihost_class = {
    .name = "i440FX-pcihost",
    .bus_type = "System",
    .instance_size = sizeof(I440FXHost),
    .init = i440fx_host_init,
    .realize = i440fx_host_realize,
    .unrealize = i440fx_host_unrealize,
    .reset = i440fx_host_reset,
    .vmsd = &vmstate_i440fx_host,
};

/* The high half of the first register is 0xf0000; after it each nibble is 16 KiB from 0xc0000 on. */
static hwaddr pam_start(unsigned i)
{
    return i == 0 ? 0xf0000 : 0xc0000 + (i - 1) * 0x4000;
}

static unsigned pam_bits(const I440FXState *s, unsigned i)
{
    return s->dev.config[I440FX_PAM + (i + 1) / 2] >> (i & 1 ? 0 : 4) & 3;
}

static void i440fx_update_pam(I440FXState *s)
{
    if (!s->have_ram) {
        return;
    }
    memory_region_transaction_begin();
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        unsigned bits = pam_bits(s, i);

        memory_region_set_readonly(&s->pam[i], !(bits & PAM_WRITE));
        memory_region_set_enabled(&s->pam[i], bits & PAM_READ);
    }
    memory_region_transaction_commit();
}

void i440fx_connect_ram(DeviceState *bridge, MemoryRegion *ram)
{
    I440FXState *s = (I440FXState *)bridge;

    if (memory_region_size(ram) < 0x100000) {
        return;                 /* no RAM there to switch to */
    }
    for (unsigned i = 0; i < PAM_SEGMENTS; i++) {
        memory_region_init_alias(&s->pam[i], s, "pam", ram, pam_start(i), i == 0 ? 0x10000 : 0x4000);
        memory_region_set_enabled(&s->pam[i], false);
        memory_region_add_subregion_overlap(get_system_memory(), pam_start(i), &s->pam[i], 2);
    }
    s->have_ram = true;
}

static void i440fx_config_write(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len)
{
    pci_default_write_config(dev, addr, val, len);
    if (addr < I440FX_PAM + I440FX_PAM_REGS && addr + len > I440FX_PAM) {
        i440fx_update_pam((I440FXState *)dev);
    }
}

static void i440fx_exit(PCIDevice *dev)
{
    I440FXState *s = (I440FXState *)dev;

    for (unsigned i = 0; s->have_ram && i < PAM_SEGMENTS; i++) {
        memory_region_del_subregion(get_system_memory(), &s->pam[i]);
        memory_region_finalize(&s->pam[i]);
    }
    s->have_ram = false;
}

static bool i440fx_realize(PCIDevice *dev, GError **errp)
{
    for (unsigned i = I440FX_PAM; i < I440FX_PAM + I440FX_PAM_REGS; i++) {
        dev->wmask[i] = 0xff;   /* PAM */
    }
    dev->wmask[0x72] = 0xff;    /* SMRAM control */
    return true;
}

static void i440fx_reset(PCIDevice *dev)
{
    for (unsigned i = I440FX_PAM; i < I440FX_PAM + I440FX_PAM_REGS; i++) {
        dev->config[i] = 0;
    }
    dev->config[0x72] = 0x02;
    i440fx_update_pam((I440FXState *)dev);
}

static int i440fx_post_load(void *opaque, int version_id)
{
    i440fx_update_pam(opaque);
    return 0;
}

static const PCIDeviceClass i440fx_pci_class = {
    .vendor_id = 0x8086,
    .device_id = 0x1237,
    .revision = 2,
    .class_id = 0x0600,
    .realize = i440fx_realize,
    .exit = i440fx_exit,
    .reset = i440fx_reset,
    .config_write = i440fx_config_write,
};

static const VMStateDescription vmstate_i440fx = {
    .name = "I440FX",
    .version_id = 3,
    .minimum_version_id = 3,
    .post_load = i440fx_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(dev, I440FXState),
        VMSTATE_END_OF_LIST()
    },
};

static const Property i440fx_props[] = {
    PCI_COMMON_PROPS(I440FXState, dev),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass i440fx_class = {
    .name = "i440FX",
    .desc = "Host bridge",
    .bus_type = "PCI",
    .instance_size = sizeof(I440FXState),
    .props = i440fx_props,
    .realize = pci_qdev_realize,
    .unrealize = pci_qdev_unrealize,
    .reset = pci_qdev_reset,
    .vmsd = &vmstate_i440fx,
    .class_data = &i440fx_pci_class,
};
