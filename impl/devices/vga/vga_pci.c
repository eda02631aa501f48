/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA, the standard graphics card: a PCI function with a linear frame buffer and its registers in memory as well,
 * which also answers at the addresses of old.
 */
#include "devices/vga/vga.h"

#include "base/bytes.h"
#include "devices/pci/pci.h"
#include "devices/table.h"
#include "migration/vmstate.h"

#define PCI_VGA_MMIO_SIZE 0x1000
#define PCI_VGA_IOPORT_OFFSET 0x400
#define PCI_VGA_BOCHS_OFFSET 0x500
#define PCI_VGA_QEXT_OFFSET 0x600

typedef struct PCIVGAState {
    PCIDevice dev;
    VGAState vga;
    MemoryRegion ports;
    MemoryRegion vbe_ports;
    MemoryRegion mmio;
    uint32_t vgamem_mb;
} PCIVGAState;

/* ---- The card without a bus ---- */

bool vga_common_init(VGAState *s, void *owner, uint32_t vram_mb, GError **errp)
{
    s->vram_size = vram_mb * MiB;
    s->vram_mask = s->vram_size - 1;
    if (!memory_region_init_ram(&s->vram, owner, "vga.vram", s->vram_size, errp)) {
        return false;
    }
    s->cells = g_new0(uint32_t, VGA_TEXT_MAX);
    s->full_update = true;
    s->con = graphic_console_init("VGA", &vga_hw_ops, s);
    return true;
}

void vga_common_cleanup(VGAState *s)
{
    graphic_console_close(g_steal_pointer(&s->con));
    g_clear_pointer(&s->cells, g_free);
    memory_region_finalize(&s->vram);
}

/* ---- Accesses ---- */

static uint64_t vga_ports_read(void *opaque, hwaddr addr, unsigned size)
{
    return vga_ioport_read(opaque, 0x3b0 + addr);
}

static void vga_ports_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    vga_ioport_write(opaque, 0x3b0 + addr, val);
}

static const MemoryRegionOps vga_ports_ops = {
    .read = vga_ports_read,
    .write = vga_ports_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static uint64_t vga_vbe_read(void *opaque, hwaddr addr, unsigned size)
{
    VGAState *s = opaque;

    return addr == 0 ? s->vbe_index : vbe_ioport_read(s, s->vbe_index);
}

static void vga_vbe_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    VGAState *s = opaque;

    if (addr == 0) {
        s->vbe_index = val;
    } else {
        vbe_ioport_write(s, s->vbe_index, val);
    }
}

/* Index at 0x1ce, data at 0x1cf or, for those who like their words aligned, 0x1d0. */
static const MemoryRegionOps vga_vbe_ops = {
    .read = vga_vbe_read,
    .write = vga_vbe_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 2, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 2, .unaligned = true },
};

static uint64_t vga_mem_read(void *opaque, hwaddr addr, unsigned size)
{
    return vga_mem_readb(opaque, addr);
}

static void vga_mem_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    vga_mem_writeb(opaque, addr, val);
}

static const MemoryRegionOps vga_mem_ops = {
    .read = vga_mem_read,
    .write = vga_mem_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static uint64_t vga_mmio_read(void *opaque, hwaddr addr, unsigned size)
{
    VGAState *s = opaque;

    if (addr >= PCI_VGA_IOPORT_OFFSET && addr < PCI_VGA_IOPORT_OFFSET + 0x20) {
        uint64_t val = vga_ioport_read(s, addr - PCI_VGA_IOPORT_OFFSET + 0x3c0);

        return size == 2 ? val | vga_ioport_read(s, addr - PCI_VGA_IOPORT_OFFSET + 0x3c1) << 8 : val;
    }
    if (addr >= PCI_VGA_BOCHS_OFFSET && addr < PCI_VGA_BOCHS_OFFSET + 2 * VBE_REGS) {
        return vbe_ioport_read(s, (addr - PCI_VGA_BOCHS_OFFSET) / 2);
    }
    /* The extension's size, and the frame buffer's byte order: little endian. */
    if (addr == PCI_VGA_QEXT_OFFSET) {
        return 8;
    }
    return addr == PCI_VGA_QEXT_OFFSET + 4 ? 0x1e1e : addr < PCI_VGA_QEXT_OFFSET ? 0 : UINT64_MAX;
}

static void vga_mmio_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    VGAState *s = opaque;

    if (addr >= PCI_VGA_IOPORT_OFFSET && addr < PCI_VGA_IOPORT_OFFSET + 0x20) {
        vga_ioport_write(s, addr - PCI_VGA_IOPORT_OFFSET + 0x3c0, val);
        if (size == 2) {
            vga_ioport_write(s, addr - PCI_VGA_IOPORT_OFFSET + 0x3c1, val >> 8);
        }
    } else if (addr >= PCI_VGA_BOCHS_OFFSET && addr < PCI_VGA_BOCHS_OFFSET + 2 * VBE_REGS) {
        vbe_ioport_write(s, (addr - PCI_VGA_BOCHS_OFFSET) / 2, val);
    }
}

static const MemoryRegionOps vga_mmio_ops = {
    .read = vga_mmio_read,
    .write = vga_mmio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 4 },
    .impl = { .min_access_size = 1, .max_access_size = 2 },
};

/* ---- Life ---- */

static bool vga_pci_realize(PCIDevice *dev, GError **errp)
{
    PCIVGAState *d = (PCIVGAState *)dev;
    VGAState *s = &d->vga;

    if (d->vgamem_mb < 1 || d->vgamem_mb > 256 || !is_power_of_2(d->vgamem_mb)) {
        error_setg(errp, "vgamem_mb must be a power of 2 between 1 and 256");
        return false;
    }
    if (!vga_common_init(s, d, d->vgamem_mb, errp)) {
        return false;
    }
    memory_region_init_io(&s->chain4, d, &vga_mem_ops, s, "vga-lowmem", 0x20000);
    memory_region_add_subregion_overlap(get_system_memory(), 0xa0000, &s->chain4, 1);
    memory_region_init_io(&d->ports, d, &vga_ports_ops, s, "vga", 0x30);
    memory_region_add_subregion_overlap(get_system_io(), 0x3b0, &d->ports, 1);
    memory_region_init_io(&d->vbe_ports, d, &vga_vbe_ops, s, "vbe", 3);
    memory_region_add_subregion_overlap(get_system_io(), 0x1ce, &d->vbe_ports, 1);
    memory_region_init_io(&d->mmio, d, &vga_mmio_ops, s, "vga.mmio", PCI_VGA_MMIO_SIZE);
    pci_register_bar(dev, 0, PCI_BASE_ADDRESS_MEM_PREFETCH, &s->vram);
    pci_register_bar(dev, 2, 0, &d->mmio);
    return true;
}

static void vga_pci_exit(PCIDevice *dev)
{
    PCIVGAState *d = (PCIVGAState *)dev;
    VGAState *s = &d->vga;

    memory_region_del_subregion(get_system_memory(), &s->chain4);
    memory_region_finalize(&s->chain4);
    memory_region_del_subregion(get_system_io(), &d->ports);
    memory_region_finalize(&d->ports);
    memory_region_del_subregion(get_system_io(), &d->vbe_ports);
    memory_region_finalize(&d->vbe_ports);
    memory_region_finalize(&d->mmio);
    vga_common_cleanup(s);
}

static void vga_pci_reset(PCIDevice *dev)
{
    vga_common_reset(&((PCIVGAState *)dev)->vga);
}

static const PCIDeviceClass vga_pci_class = {
    .vendor_id = 0x1234,
    .device_id = 0x1111,
    .revision = 2,
    .class_id = 0x0300,
    .romfile = "vgabios-stdvga.bin",
    .realize = vga_pci_realize,
    .exit = vga_pci_exit,
    .reset = vga_pci_reset,
};

static const VMStateDescription vmstate_vga_pci = {
    .name = "vga",
    .version_id = 2,
    .minimum_version_id = 2,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(dev, PCIVGAState),
        VMSTATE_STRUCT(vga, PCIVGAState, 0, vmstate_vga_common, VGAState),
        VMSTATE_END_OF_LIST()
    },
};

static const Property vga_pci_props[] = {
    PCI_COMMON_PROPS(PCIVGAState, dev),
    DEFINE_PROP_UINT32("vgamem_mb", PCIVGAState, vgamem_mb, 16),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass vga_class = {
    .name = "VGA",
    .bus_type = "PCI",
    .instance_size = sizeof(PCIVGAState),
    .props = vga_pci_props,
    .user_creatable = true,
    .realize = pci_qdev_realize,
    .unrealize = pci_qdev_unrealize,
    .reset = pci_qdev_reset,
    .vmsd = &vmstate_vga_pci,
    .class_data = &vga_pci_class,
};
