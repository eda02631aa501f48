/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expansion ROMs: firmware that a PCI device brings along, behind the base address at 0x30.
 *
 * Owns: PCIDevice.rom. Context: main thread, BQL held. The file is the user's: it is bounded and copied as it is,
 * except for the ids of an image that came with the class, since one image serves all devices of a family.
 *
 * Source: PCI Local Bus 3.0, section 6.3; PCI Firmware 3.0, section 5.1.
 */
#include <string.h>

#include "base/bytes.h"
#include "devices/firmware_file.h"
#include "devices/pci/pci.h"
#include "sched/io.h"

#define PCI_ROM_MAX (2 * 1024 * 1024)
#define PCI_ROM_PCIR 0x18           /* where the image says its PCI data structure is */
#define PCI_ROM_CHECKSUM 6          /* a byte of the image that is free to make the sum zero */
#define PCIR_VENDOR 4
#define PCIR_DEVICE 6
#define PCIR_SIZE 0x18

static void pci_rom_put16(uint8_t *rom, unsigned at, uint16_t val)
{
    uint16_t old = ld16_le(rom + at);

    rom[PCI_ROM_CHECKSUM] += (uint8_t)old + (old >> 8) - (uint8_t)val - (val >> 8);
    st16_le(rom + at, val);
}

/* The contents, or NULL: no ROM wanted, or @errp is set. */
static char *pci_rom_read(const PCIDevice *dev, const char *name, size_t *ret_len, GError **errp)
{
    g_autofree char *path = firmware_file_find(name);
    char *data = NULL;
    int ret;

    if (!path && !dev->romfile) {
        return NULL;
    }
    ret = path ? sched_file_read_all(path, PCI_ROM_MAX, &data, ret_len) : -ENOENT;
    if (ret < 0) {
        error_setg(errp, ret == -EFBIG ? "romfile \"%s\" too large (size cannot exceed 2 MiB)" :
                   "failed to find romfile \"%s\"", name);
        return NULL;
    }
    if (*ret_len == 0) {
        error_setg(errp, "romfile \"%s\" is empty", name);
        g_free(data);
        return NULL;
    }
    return data;
}

static bool pci_rom_size(const PCIDevice *dev, const char *name, size_t len, uint64_t *ret_size, GError **errp)
{
    uint64_t size = TARGET_PAGE_SIZE;

    while (size < len) {
        size *= 2;
    }
    if (dev->romsize != UINT32_MAX) {
        if (dev->romsize < TARGET_PAGE_SIZE || dev->romsize > 2 * PCI_ROM_MAX || !is_power_of_2(dev->romsize)) {
            error_setg(errp, "ROM size %u is not a power of two", dev->romsize);
            return false;
        }
        if (dev->romsize < len) {
            error_setg(errp, "romfile \"%s\" (%zu bytes) is too large for ROM size %u", name, len, dev->romsize);
            return false;
        }
        size = dev->romsize;
    }
    *ret_size = size;
    return true;
}

bool pci_add_option_rom(PCIDevice *dev, GError **errp)
{
    const PCIDeviceClass *pc = dev->qdev.klass->class_data;
    const char *file = dev->romfile ? dev->romfile : pc->romfile;
    g_autofree char *name = NULL;
    g_autofree char *data = NULL;
    GError *err = NULL;
    size_t len = 0;
    uint64_t size;

    if (!file || !*file || !dev->rom_bar) {
        return true;
    }
    data = pci_rom_read(dev, file, &len, &err);
    if (!data) {
        if (err) {
            g_propagate_error(errp, err);
        }
        return !err;
    }
    name = g_strdup_printf("%s.rom", dev->qdev.path);
    if (!pci_rom_size(dev, file, len, &size, errp) ||
        !memory_region_init_rom(&dev->rom, dev, name, size, errp)) {
        return false;
    }
    memcpy(memory_region_get_ram_ptr(&dev->rom), data, len);
    pci_register_bar(dev, PCI_ROM_SLOT, 0, &dev->rom);
    return true;
}

/* Firmware runs an image only if the ids in it are the device's. */
void pci_patch_option_rom(PCIDevice *dev)
{
    uint64_t len = dev->io_regions[PCI_ROM_SLOT].size;
    unsigned pcir;
    uint8_t *rom;

    if (!len || dev->romfile) {
        return;
    }
    rom = memory_region_get_ram_ptr(&dev->rom);
    if (ld16_le(rom) != 0xaa55) {
        return;
    }
    pcir = ld16_le(rom + PCI_ROM_PCIR);
    if (pcir < PCI_ROM_PCIR + 2 || pcir + PCIR_SIZE > len || memcmp(rom + pcir, "PCIR", 4) != 0) {
        return;
    }
    pci_rom_put16(rom, pcir + PCIR_VENDOR, ld16_le(dev->config + PCI_VENDOR_ID));
    pci_rom_put16(rom, pcir + PCIR_DEVICE, ld16_le(dev->config + PCI_DEVICE_ID));
}

void pci_del_option_rom(PCIDevice *dev)
{
    dev->io_regions[PCI_ROM_SLOT].size = 0;
    memory_region_finalize(&dev->rom);
}
