/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI configuration mechanism 1. See host.h.
 */
#include "devices/pci/host.h"

#define CONFIG_ADDRESS 0xcf8
#define CONFIG_DATA 0xcfc
#define CONFIG_ENABLE 0x80000000u

/* Only a whole word selects an address; parts of it belong to other devices (0xcf9). */
static void pci_conf_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PCIHostState *s = opaque;

    if (addr == 0 && size == 4) {
        s->config_reg = val;
    }
}

static uint64_t pci_conf_read(void *opaque, hwaddr addr, unsigned size)
{
    PCIHostState *s = opaque;

    return addr == 0 && size == 4 ? s->config_reg : UINT64_MAX;
}

static void pci_data_io_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PCIHostState *s = opaque;

    if (s->config_reg & CONFIG_ENABLE) {
        pci_data_write(&s->bus, (s->config_reg & 0xfffffc) | addr, val, size);
    }
}

static uint64_t pci_data_io_read(void *opaque, hwaddr addr, unsigned size)
{
    PCIHostState *s = opaque;

    if (!(s->config_reg & CONFIG_ENABLE)) {
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

void pci_host_map(PCIHostState *s, DeviceState *owner)
{
    memory_region_init_io(&s->conf_io, owner, &pci_conf_ops, s, "pci-conf-idx", 4);
    memory_region_add_subregion(get_system_io(), CONFIG_ADDRESS, &s->conf_io);
    memory_region_init_io(&s->data_io, owner, &pci_data_ops, s, "pci-conf-data", 4);
    memory_region_add_subregion(get_system_io(), CONFIG_DATA, &s->data_io);
}

void pci_host_unmap(PCIHostState *s)
{
    memory_region_del_subregion(get_system_io(), &s->conf_io);
    memory_region_finalize(&s->conf_io);
    memory_region_del_subregion(get_system_io(), &s->data_io);
    memory_region_finalize(&s->data_io);
}

const VMStateDescription vmstate_pci_host = {
    .name = "PCIHost",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(config_reg, PCIHostState),
        VMSTATE_END_OF_LIST()
    },
};
