/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * piix3-ide: the IDE function of the PIIX3, with two channels at the ISA addresses and bus master DMA.
 *
 * I1  A descriptor table is read within 64 KiB from its begin, so a list without an end ends after 8192 entries.
 * Source: Intel 82371SB data sheet, IDE registers; SFF-8038i.
 */
#include "base/bytes.h"
#include "devices/ide/ide.h"
#include "devices/pci/pci.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "migration/vmstate.h"

#define BM_CMD_START 0x01
#define BM_CMD_READ 0x08        /* from the drive to memory */
#define BM_STATUS_ACTIVE 0x01
#define BM_STATUS_ERROR 0x02
#define BM_STATUS_INT 0x04
#define BM_STATUS_CAPABLE 0x60
#define PRD_MAX 8192

typedef struct BMDMAState {
    IDEBus bus;
    MemoryRegion data_io;
    MemoryRegion cmd_io;
    MemoryRegion ctrl_io;
    MemoryRegion bm_io;
    qemu_irq irq;
    struct PIIXIDEState *d;
    uint8_t cmd;
    uint8_t status;
    uint32_t addr;
} BMDMAState;

typedef struct PIIXIDEState {
    PCIDevice dev;
    MemoryRegion bmdma_bar;
    BMDMAState bm[2];
} PIIXIDEState;

/* ---- What the drives ask for ---- */

static void piix_ide_set_irq(IDEBus *bus, int level)
{
    BMDMAState *bm = bus->opaque;

    if (level) {
        bm->status |= BM_STATUS_INT;
    }
    qemu_set_irq(bm->irq, level);
}

static bool piix_ide_dma_ready(IDEBus *bus, IDEXfer *x)
{
    BMDMAState *bm = bus->opaque;

    if (!(bm->status & BM_STATUS_ACTIVE) || !(ld16_le(bm->d->dev.config + PCI_COMMAND) & PCI_COMMAND_MASTER)) {
        return false;
    }
    if (x->done == 0) {
        x->sg = (IDESg){ .table = bm->addr, .left = PRD_MAX };
    }
    return true;
}

static bool piix_ide_sg_next(IDEBus *bus, IDESg *sg)
{
    uint8_t prd[8];

    if (sg->left == 0) {
        return false;
    }
    (void)dma_memory_read(&address_space_memory, sg->table, prd, sizeof(prd), MEMTXATTRS_UNSPECIFIED);
    sg->addr = ld32_le(prd) & ~1u;
    sg->len = ld16_le(prd + 4) & ~1u;
    sg->len = sg->len ? sg->len : 0x10000;
    sg->table += sizeof(prd);
    sg->left = prd[7] & 0x80 ? 0 : sg->left - 1;
    return true;
}

static void piix_ide_dma_done(IDEBus *bus, IDEXfer *x, bool short_list)
{
    BMDMAState *bm = bus->opaque;

    /* Still active says that the list was longer than the transfer. */
    if (short_list || (x->sg.left == 0 && x->sg.len == 0)) {
        bm->status &= ~BM_STATUS_ACTIVE;
    }
}

static const IDEBusOps piix_ide_ops = {
    .set_irq = piix_ide_set_irq,
    .dma_ready = piix_ide_dma_ready,
    .sg_next = piix_ide_sg_next,
    .dma_done = piix_ide_dma_done,
};

/* ---- Bus master registers ---- */

static void bm_write_cmd(BMDMAState *bm, uint8_t val)
{
    uint8_t changed = bm->cmd ^ val;
    IDEXfer *x = &ide_bus_active(&bm->bus)->xfer;

    bm->cmd = val & (BM_CMD_START | BM_CMD_READ);
    if (!(changed & BM_CMD_START)) {
        return;
    }
    if (val & BM_CMD_START) {
        bm->status |= BM_STATUS_ACTIVE;
        ide_xfer_kick(x);
        return;
    }
    bm->status &= ~BM_STATUS_ACTIVE;
    if (x->req) {
        blk_drain(x->s->blk);   /* nothing newer may overtake what was given up */
    }
    /* A transfer that is stopped cannot go on: the drive waits for its reset. */
    if (x->kind != IDE_XFER_NONE && x->use_sg && x->done) {
        ide_xfer_cancel(x);
    }
}

static void bm_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    BMDMAState *bm = opaque;

    if (size == 1 && addr == 0) {
        bm_write_cmd(bm, val);
    } else if (size == 1 && addr == 2) {
        bm->status = (val & BM_STATUS_CAPABLE) | (bm->status & BM_STATUS_ACTIVE) |
                     (bm->status & ~val & (BM_STATUS_ERROR | BM_STATUS_INT));
    } else if (addr >= 4 && addr + size <= 8) {
        unsigned shift = 8 * (addr - 4);
        uint32_t mask = (size == 4 ? UINT32_MAX : (1u << 8 * size) - 1) << shift;

        bm->addr = ((bm->addr & ~mask) | ((uint32_t)val << shift & mask)) & ~3u;
    }
}

static uint64_t bm_read(void *opaque, hwaddr addr, unsigned size)
{
    BMDMAState *bm = opaque;
    uint8_t regs[8] = { bm->cmd, 0xff, bm->status, 0xff };
    uint32_t val = 0;

    st32_le(regs + 4, bm->addr);
    for (unsigned i = 0; i < size && addr + i < sizeof(regs); i++) {
        val |= (uint32_t)regs[addr + i] << 8 * i;
    }
    return val;
}

static const MemoryRegionOps bm_ops = {
    .read = bm_read,
    .write = bm_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 4 },
};

/* ---- ISA ports ---- */

static void piix_data_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    ide_data_write(opaque, val, size);
}

static uint64_t piix_data_read(void *opaque, hwaddr addr, unsigned size)
{
    return ide_data_read(opaque, size);
}

static void piix_cmd_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    ide_ioport_write(opaque, addr + 1, val);
}

static uint64_t piix_cmd_read(void *opaque, hwaddr addr, unsigned size)
{
    return ide_ioport_read(opaque, addr + 1);
}

static void piix_ctrl_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    ide_ctrl_write(opaque, val);
}

static uint64_t piix_ctrl_read(void *opaque, hwaddr addr, unsigned size)
{
    return ide_status_read(opaque);
}

static const MemoryRegionOps piix_data_ops = {
    .read = piix_data_read,
    .write = piix_data_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 4, .unaligned = true },
};

static const MemoryRegionOps piix_cmd_ops = {
    .read = piix_cmd_read,
    .write = piix_cmd_write,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static const MemoryRegionOps piix_ctrl_ops = {
    .read = piix_ctrl_read,
    .write = piix_ctrl_write,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

/* ---- Life ---- */

void piix3_ide_connect(DeviceState *dev, qemu_irq irq14, qemu_irq irq15)
{
    PIIXIDEState *d = (PIIXIDEState *)dev;

    d->bm[0].irq = irq14;
    d->bm[1].irq = irq15;
}

static void piix_ide_init(DeviceState *dev)
{
    PIIXIDEState *d = (PIIXIDEState *)dev;

    for (unsigned i = 0; i < 2; i++) {
        d->bm[i].d = d;
        ide_bus_init(&d->bm[i].bus, dev, i, 2, &piix_ide_ops, &d->bm[i]);
    }
}

static void piix_ide_map(BMDMAState *bm, uint16_t cmd, uint16_t ctrl)
{
    memory_region_init_io(&bm->data_io, bm, &piix_data_ops, &bm->bus, "ide-data", 4);
    memory_region_init_io(&bm->cmd_io, bm, &piix_cmd_ops, &bm->bus, "ide-cmd", 7);
    memory_region_init_io(&bm->ctrl_io, bm, &piix_ctrl_ops, &bm->bus, "ide-ctrl", 1);
    /* The data port takes 4 bytes at once; as bytes, the other three are registers. */
    memory_region_add_subregion_overlap(get_system_io(), cmd, &bm->data_io, 0);
    memory_region_add_subregion_overlap(get_system_io(), cmd + 1, &bm->cmd_io, 1);
    memory_region_add_subregion_overlap(get_system_io(), ctrl, &bm->ctrl_io, 1);
}

static bool piix_ide_realize(PCIDevice *dev, GError **errp)
{
    static const uint16_t ports[2][2] = { { 0x1f0, 0x3f6 }, { 0x170, 0x376 } };
    PIIXIDEState *d = (PIIXIDEState *)dev;

    memset(dev->wmask + 0x40, 0xff, 4);         /* IDETIM: timings and enables; both channels always answer */
    memory_region_init(&d->bmdma_bar, d, "piix-bmdma-container", 16);
    for (unsigned i = 0; i < 2; i++) {
        piix_ide_map(&d->bm[i], ports[i][0], ports[i][1]);
        memory_region_init_io(&d->bm[i].bm_io, d, &bm_ops, &d->bm[i], "piix-bmdma", 8);
        memory_region_add_subregion(&d->bmdma_bar, 8 * i, &d->bm[i].bm_io);
        ide_bus_realize(&d->bm[i].bus);
    }
    pci_register_bar(dev, 4, PCI_BASE_ADDRESS_SPACE_IO, &d->bmdma_bar);
    return true;
}

static void piix_ide_exit(PCIDevice *dev)
{
    PIIXIDEState *d = (PIIXIDEState *)dev;

    for (unsigned i = 0; i < 2; i++) {
        BMDMAState *bm = &d->bm[i];
        MemoryRegion *const io[] = { &bm->data_io, &bm->cmd_io, &bm->ctrl_io };

        ide_bus_unrealize(&bm->bus);
        for (unsigned k = 0; k < G_N_ELEMENTS(io); k++) {
            memory_region_del_subregion(get_system_io(), io[k]);
            memory_region_finalize(io[k]);
        }
        memory_region_del_subregion(&d->bmdma_bar, &bm->bm_io);
        memory_region_finalize(&bm->bm_io);
    }
    memory_region_finalize(&d->bmdma_bar);
}

static void piix_ide_reset(PCIDevice *dev)
{
    PIIXIDEState *d = (PIIXIDEState *)dev;

    memset(dev->config + 0x40, 0, 4);
    for (unsigned i = 0; i < 2; i++) {
        ide_bus_reset(&d->bm[i].bus);
        d->bm[i].cmd = d->bm[i].status = 0;
        d->bm[i].addr = 0;
    }
}

static const PCIDeviceClass piix_ide_pci_class = {
    .vendor_id = 0x8086,
    .device_id = 0x7010,
    .class_id = 0x0101,
    .prog_if = 0x80,
    .realize = piix_ide_realize,
    .exit = piix_ide_exit,
    .reset = piix_ide_reset,
};

static const VMStateDescription vmstate_bmdma = {
    .name = "ide bmdma",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(cmd, BMDMAState),
        VMSTATE_UINT8(status, BMDMAState),
        VMSTATE_UINT32(addr, BMDMAState),
        VMSTATE_STRUCT(bus, BMDMAState, 0, vmstate_ide_bus, IDEBus),
        VMSTATE_END_OF_LIST()
    },
};

static const VMStateDescription vmstate_piix_ide = {
    .name = "ide",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(dev, PIIXIDEState),
        VMSTATE_STRUCT_ARRAY(bm, PIIXIDEState, 2, 0, vmstate_bmdma, BMDMAState),
        VMSTATE_END_OF_LIST()
    },
};

static const Property piix_ide_props[] = {
    PCI_COMMON_PROPS(PIIXIDEState, dev),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass piix3_ide_class = {
    .name = "piix3-ide",
    .bus_type = "PCI",
    .instance_size = sizeof(PIIXIDEState),
    .props = piix_ide_props,
    .init = piix_ide_init,
    .realize = pci_qdev_realize,
    .unrealize = pci_qdev_unrealize,
    .reset = pci_qdev_reset,
    .vmsd = &vmstate_piix_ide,
    .class_data = &piix_ide_pci_class,
};
