/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * i440FX: the host bridge, towards the processor and as device 00.0 with the shadow registers.
 *
 * Source: Intel 440FX data sheet.
 */
#include "devices/piix/piix.h"

#include "devices/pci/host.h"
#include "devices/pci/pam.h"
#include "devices/table.h"

typedef struct I440FXHost {
    DeviceState qdev;
    PCIHostState pci;
} I440FXHost;

#define I440FX_PAM 0x59

typedef struct I440FXState {
    PCIDevice dev;
    PAMState pam;
} I440FXState;

PCIBus *i440fx_pci_bus(DeviceState *host)
{
    return &((I440FXHost *)host)->pci.bus;
}

static void i440fx_host_init(DeviceState *dev)
{
    I440FXHost *s = (I440FXHost *)dev;

    pci_bus_init(&s->pci.bus, dev, "pci.0", get_system_memory(), get_system_io());
}

static bool i440fx_host_realize(DeviceState *dev, GError **errp)
{
    pci_host_map(&((I440FXHost *)dev)->pci, dev);
    return true;
}

static void i440fx_host_unrealize(DeviceState *dev)
{
    pci_host_unmap(&((I440FXHost *)dev)->pci);
}

static void i440fx_host_reset(DeviceState *dev)
{
    ((I440FXHost *)dev)->pci.config_reg = 0;
}

static const VMStateDescription vmstate_i440fx_host = {
    .name = "PCIHost",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_HOST(pci, I440FXHost),
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

static void i440fx_update_pam(I440FXState *s)
{
    pam_update(&s->pam, s->dev.config + I440FX_PAM);
}

void i440fx_connect_ram(DeviceState *bridge, MemoryRegion *ram)
{
    pam_connect_ram(&((I440FXState *)bridge)->pam, bridge, ram);
}

static void i440fx_config_write(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len)
{
    pci_default_write_config(dev, addr, val, len);
    if (addr < I440FX_PAM + PAM_REGS && addr + len > I440FX_PAM) {
        i440fx_update_pam((I440FXState *)dev);
    }
}

static void i440fx_exit(PCIDevice *dev)
{
    pam_exit(&((I440FXState *)dev)->pam);
}

static bool i440fx_realize(PCIDevice *dev, GError **errp)
{
    for (unsigned i = I440FX_PAM; i < I440FX_PAM + PAM_REGS; i++) {
        dev->wmask[i] = 0xff;   /* PAM */
    }
    dev->wmask[0x72] = 0xff;    /* SMRAM control */
    return true;
}

static void i440fx_reset(PCIDevice *dev)
{
    for (unsigned i = I440FX_PAM; i < I440FX_PAM + PAM_REGS; i++) {
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
