/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IDE channel: registers, the data port, resets, and what both kinds of drive share. See ide.h.
 */
#include "devices/ide/ide.h"

#include <string.h>

#include "aio/main_loop.h"
#include "machine/runstate.h"
#include "migration/vmstate.h"

/* ---- Interrupt and ends of commands ---- */

void ide_raise_irq(IDEState *s)
{
    if (!(s->bus->ctrl & ATA_CTRL_NIEN)) {
        s->bus->ops->set_irq(s->bus, 1);
    }
}

void ide_cmd_over(IDEState *s)
{
    ide_raise_irq(s);
    if (s->bus->ops->cmd_done) {
        s->bus->ops->cmd_done(s->bus);
    }
}

void ide_cmd_ok(IDEState *s)
{
    s->status = ATA_READY | ATA_SEEK;
    s->error = 0;
    ide_cmd_over(s);
}

void ide_abort_command(IDEState *s)
{
    s->status = ATA_READY | ATA_SEEK | ATA_ERR;
    s->error = ATA_ERROR_ABRT;
    ide_cmd_over(s);
}

/* ---- Data ---- */

void ide_data_start(IDEState *s, unsigned len, bool to_guest, bool irq)
{
    s->data_pos = 0;
    s->data_len = MIN(len, (unsigned)IDE_BUF_SIZE);
    s->data_in = to_guest;
    s->status = ATA_READY | ATA_SEEK | ATA_DRQ;
    if (s->bus->ops->pio_transfer) {
        s->bus->ops->pio_transfer(s->bus, s);
    } else if (irq) {
        ide_raise_irq(s);
    }
}

void ide_data_end(IDEState *s)
{
    s->data_pos = s->data_len = 0;
    s->status &= ~ATA_DRQ;
    if (s->kind == IDE_CD && s->cmd == 0xa0) {
        atapi_data_end(s);
    } else {
        ata_data_end(s);
    }
}

static bool ide_data_ready(const IDEState *s, bool to_guest)
{
    return s->dev && s->status & ATA_DRQ && s->data_in == to_guest && s->data_pos < s->data_len;
}

void ide_data_write(IDEBus *bus, uint32_t val, unsigned size)
{
    IDEState *s = ide_bus_active(bus);

    if (!ide_data_ready(s, false)) {
        return;
    }
    for (unsigned i = 0; i < size && s->data_pos < s->data_len; i++) {
        s->buf[s->data_pos++] = val >> 8 * i;
    }
    if (s->data_pos >= s->data_len) {
        ide_data_end(s);
    }
}

uint32_t ide_data_read(IDEBus *bus, unsigned size)
{
    IDEState *s = ide_bus_active(bus);
    uint32_t val = 0;

    if (!ide_data_ready(s, true)) {
        return 0;
    }
    for (unsigned i = 0; i < size && s->data_pos < s->data_len; i++) {
        val |= (uint32_t)s->buf[s->data_pos++] << 8 * i;
    }
    if (s->data_pos >= s->data_len) {
        ide_data_end(s);
    }
    return val;
}

/* ---- Reset ---- */

void ide_set_signature(IDEState *s)
{
    s->select &= 0xf0;
    s->nsector = 1;
    s->sector = 1;
    s->lcyl = s->kind == IDE_CD ? 0x14 : s->kind == IDE_HD ? 0 : 0xff;
    s->hcyl = s->kind == IDE_CD ? 0xeb : s->kind == IDE_HD ? 0 : 0xff;
}

void ide_reset_drive(IDEState *s)
{
    if (s->blk && s->xfer.req) {
        /* What the guest already gave up may still be written; nothing newer may overtake it. */
        blk_drain(s->blk);
    }
    ide_xfer_cancel(&s->xfer);
    if (s->bus->ops->cancel) {
        s->bus->ops->cancel(s->bus);
    }
    s->feature = s->hob_feature = s->hob_nsector = s->hob_sector = s->hob_lcyl = s->hob_hcyl = 0;
    s->error = 1;               /* diagnostics passed */
    s->select = 0xa0 | s->unit << 4;
    s->cmd = 0;
    s->lba48 = false;
    s->mult_sectors = IDE_MAX_MULT;
    s->left = 0;
    s->data_pos = s->data_len = s->reply_pos = s->reply_len = 0;
    s->packet_stage = false;
    s->sense = (AtapiSense){ 0 };
    s->status = s->kind == IDE_CD ? 0 : ATA_READY | ATA_SEEK;
    ide_set_signature(s);
}

void ide_bus_reset(IDEBus *bus)
{
    bus->unit = 0;
    bus->ctrl = 0;
    for (unsigned i = 0; i < bus->max_units; i++) {
        IDEState *s = &bus->ifs[i];

        if (s->dev) {
            ide_reset_drive(s);
            s->dma_mode = 0x40 | 5;
            s->tray_open = false;
            s->tray_locked = false;
            s->media_changed = s->event_new_media = s->event_eject = false;
        }
    }
    bus->ops->set_irq(bus, 0);
}

/* ---- Registers ---- */

static void ide_set_task_file(IDEState *s, unsigned reg, uint8_t val)
{
    uint8_t *const regs[] = { NULL, &s->feature, &s->nsector, &s->sector, &s->lcyl, &s->hcyl };
    uint8_t *const hobs[] = { NULL, &s->hob_feature, &s->hob_nsector, &s->hob_sector, &s->hob_lcyl, &s->hob_hcyl };

    *hobs[reg] = *regs[reg];
    *regs[reg] = val;
}

void ide_ioport_write(IDEBus *bus, unsigned reg, uint8_t val)
{
    IDEState *s = ide_bus_active(bus);

    /* A working drive listens to nothing but DEVICE RESET of a packet device. */
    if (s->dev && s->status & (ATA_BUSY | ATA_DRQ) && !(reg == 7 && val == 0x08 && s->kind == IDE_CD)) {
        return;
    }
    bus->ctrl &= ~ATA_CTRL_HOB;
    if (reg >= 1 && reg <= 5) {
        for (unsigned i = 0; i < bus->max_units; i++) {
            ide_set_task_file(&bus->ifs[i], reg, val);
        }
    } else if (reg == 6) {
        for (unsigned i = 0; i < bus->max_units; i++) {
            bus->ifs[i].select = val | 0xa0;
        }
        bus->unit = bus->max_units > 1 ? val >> 4 & 1 : 0;
    } else if (reg == 7) {
        bus->ops->set_irq(bus, 0);
        if (s->dev) {
            ide_exec_cmd(s, val);
        }
    }
}

uint8_t ide_ioport_read(IDEBus *bus, unsigned reg)
{
    IDEState *s = ide_bus_active(bus);
    bool hob = bus->ctrl & ATA_CTRL_HOB;

    if (!bus->ifs[0].dev && !bus->ifs[1].dev) {
        return reg == 7 ? 0 : 0xff;     /* nobody drives the lines */
    }
    if (!s->dev) {
        return 0;
    }
    switch (reg) {
    case 1:
        return hob ? s->hob_feature : s->error;
    case 2:
        return hob ? s->hob_nsector : s->nsector;
    case 3:
        return hob ? s->hob_sector : s->sector;
    case 4:
        return hob ? s->hob_lcyl : s->lcyl;
    case 5:
        return hob ? s->hob_hcyl : s->hcyl;
    case 6:
        return s->select;
    default:
        bus->ops->set_irq(bus, 0);
        return s->status;
    }
}

uint8_t ide_status_read(IDEBus *bus)
{
    IDEState *s = ide_bus_active(bus);

    return s->dev ? s->status : 0;
}

void ide_ctrl_write(IDEBus *bus, uint8_t val)
{
    uint8_t changed = bus->ctrl ^ val;

    for (unsigned i = 0; changed & ATA_CTRL_SRST && i < bus->max_units; i++) {
        IDEState *s = &bus->ifs[i];

        if (s->dev && val & ATA_CTRL_SRST) {
            ide_reset_drive(s);
            s->status = ATA_BUSY | ATA_SEEK;
        } else if (s->dev) {
            s->status = s->kind == IDE_CD ? 0 : ATA_READY | ATA_SEEK;
        }
    }
    if (changed & val & ATA_CTRL_SRST) {
        bus->unit = 0;
    }
    bus->ctrl = val;
    if (val & ATA_CTRL_NIEN) {
        bus->ops->set_irq(bus, 0);
    }
}

void ide_exec_cmd(IDEState *s, uint8_t cmd)
{
    if (s->status & (ATA_BUSY | ATA_DRQ) && !(cmd == 0x08 && s->kind == IDE_CD)) {
        return;
    }
    s->cmd = cmd;
    s->status = ATA_READY | ATA_BUSY;
    s->error = 0;
    s->data_pos = s->data_len = 0;
    s->packet_stage = false;
    if (!(s->kind == IDE_CD ? atapi_exec(s, cmd) : ata_exec(s, cmd))) {
        ide_abort_command(s);
    }
}

bool ide_set_transfer_mode(IDEState *s, uint8_t val)
{
    switch (val >> 3) {
    case 0:                     /* PIO default, PIO modes */
    case 1:
        s->dma_mode = 0;
        return true;
    case 4:                     /* multiword 0..2 */
        s->dma_mode = 0x20 | (val & 7);
        return (val & 7) <= 2;
    case 8:                     /* ultra 0..5 */
        s->dma_mode = 0x40 | (val & 7);
        return (val & 7) <= 5;
    default:
        return false;
    }
}

/* ---- Drains and stops (I2) ---- */

static void ide_bus_restart(void *opaque)
{
    IDEBus *bus = opaque;

    for (unsigned i = 0; i < bus->max_units; i++) {
        ide_xfer_kick(&bus->ifs[i].xfer);
    }
    if (bus->ops->restart) {
        bus->ops->restart(bus);
    }
}

void ide_bus_restart_later(IDEBus *bus)
{
    if (bus->restart_bh) {
        qemu_bh_schedule(bus->restart_bh);
    }
}

static void ide_bus_vm_change_state(void *opaque, bool running, RunState state)
{
    if (running) {
        ide_bus_restart_later(opaque);
    }
}

void ide_bus_realize(IDEBus *bus)
{
    bus->restart_bh = qemu_bh_new(ide_bus_restart, bus);
    bus->vm_state = qemu_add_vm_change_state_handler(ide_bus_vm_change_state, bus);
}

void ide_bus_unrealize(IDEBus *bus)
{
    if (bus->restart_bh) {
        qemu_del_vm_change_state_handler(bus->vm_state);
        qemu_bh_delete(bus->restart_bh);
        bus->restart_bh = bus->vm_state = NULL;
    }
}

/* ---- The bus ---- */

static char *ide_get_dev_path(DeviceState *dev)
{
    return g_strdup_printf("%s/%u", dev->parent_bus->name, ((IDEDevice *)dev)->unit);
}

static bool ide_check_address(BusState *qbus, DeviceState *qdev, GError **errp)
{
    IDEBus *bus = (IDEBus *)qbus;
    IDEDevice *dev = (IDEDevice *)qdev;

    if (dev->unit == UINT32_MAX) {
        dev->unit = bus->ifs[0].dev && bus->max_units > 1 ? 1 : 0;
    }
    if (dev->unit >= bus->max_units) {
        error_setg(errp, bus->max_units > 1 ? "Can't create IDE unit %u, bus supports only %u units"
                                            : "Can't create IDE unit %u, bus supports only %u unit",
                   dev->unit, bus->max_units);
        return false;
    }
    if (bus->ifs[dev->unit].dev) {
        error_setg(errp, "IDE unit %u is in use", dev->unit);
        return false;
    }
    return true;
}

static const BusClass ide_bus_class = {
    .type = "IDE",
    .get_dev_path = ide_get_dev_path,
    .check_address = ide_check_address,
    .max_dev = 2,
};

static const BusClass sata_bus_class = {
    .type = "IDE",
    .get_dev_path = ide_get_dev_path,
    .check_address = ide_check_address,
    .max_dev = 1,
};

void ide_bus_init(IDEBus *bus, DeviceState *parent, unsigned index, unsigned max_units, const IDEBusOps *ops,
                  void *opaque)
{
    g_autofree char *name = g_strdup_printf("ide.%u", index);

    bus->index = index;
    bus->ops = ops;
    bus->opaque = opaque;
    bus->max_units = max_units;
    for (unsigned i = 0; i < G_N_ELEMENTS(bus->ifs); i++) {
        bus->ifs[i].bus = bus;
        bus->ifs[i].unit = i;
        bus->ifs[i].xfer.s = &bus->ifs[i];
        bus->ifs[i].xfer.complete = ata_xfer_complete;
        bus->ifs[i].select = 0xa0;
    }
    bus_init(&bus->qbus, max_units > 1 ? &ide_bus_class : &sata_bus_class, parent, name);
}

/* ---- State ---- */

static int ide_drive_pre_load(void *opaque)
{
    ide_xfer_cancel(&((IDEState *)opaque)->xfer);
    return 0;
}

/* A stream may not make a drive busy that is not there, nor point outside the buffer (I4). */
static int ide_drive_post_load(void *opaque, int version_id)
{
    IDEState *s = opaque;
    const IDEXfer *x = &s->xfer;
    bool bad = s->data_pos > s->data_len || s->data_len > IDE_BUF_SIZE || s->reply_pos > s->reply_len ||
               s->reply_len > IDE_BUF_SIZE || s->byte_limit > IDE_BUF_SIZE || s->mult_sectors > IDE_MAX_MULT ||
               s->left > INT32_MAX / ATAPI_SECTOR || s->lba > INT64_MAX / ATAPI_SECTOR / 2;

    bad |= !s->dev && (x->kind != IDE_XFER_NONE || s->data_len);
    bad |= s->dev && s->kind == IDE_CD && (x->kind == IDE_XFER_WRITE || x->kind == IDE_XFER_TRIM);
    bad |= s->byte_limit == 0 && s->reply_len;
    if (bad) {
        ide_xfer_cancel(&s->xfer);
        s->data_pos = s->data_len = s->reply_pos = s->reply_len = 0;
        return -EINVAL;
    }
    return 0;
}

static bool ide_drive_buf_needed(void *opaque)
{
    const IDEState *s = opaque;

    return s->data_len || s->reply_len || s->xfer.kind != IDE_XFER_NONE;
}

static const VMStateDescription vmstate_ide_drive_buf = {
    .name = "ide_drive/buf",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = ide_drive_buf_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_BUFFER(buf, IDEState),
        VMSTATE_END_OF_LIST()
    },
};

const VMStateDescription vmstate_ide_drive = {
    .name = "ide_drive",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_load = ide_drive_pre_load,
    .post_load = ide_drive_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(feature, IDEState), VMSTATE_UINT8(error, IDEState), VMSTATE_UINT8(nsector, IDEState),
        VMSTATE_UINT8(sector, IDEState), VMSTATE_UINT8(lcyl, IDEState), VMSTATE_UINT8(hcyl, IDEState),
        VMSTATE_UINT8(select, IDEState), VMSTATE_UINT8(status, IDEState), VMSTATE_UINT8(hob_feature, IDEState),
        VMSTATE_UINT8(hob_nsector, IDEState), VMSTATE_UINT8(hob_sector, IDEState), VMSTATE_UINT8(hob_lcyl, IDEState),
        VMSTATE_UINT8(hob_hcyl, IDEState), VMSTATE_UINT8(cmd, IDEState), VMSTATE_BOOL(lba48, IDEState),
        VMSTATE_UINT8(mult_sectors, IDEState), VMSTATE_UINT8(dma_mode, IDEState), VMSTATE_UINT32(left, IDEState),
        VMSTATE_UINT64(lba, IDEState), VMSTATE_UINT32(data_pos, IDEState), VMSTATE_UINT32(data_len, IDEState),
        VMSTATE_BOOL(data_in, IDEState), VMSTATE_BOOL(packet_stage, IDEState), VMSTATE_UINT32(byte_limit, IDEState),
        VMSTATE_UINT32(reply_pos, IDEState), VMSTATE_UINT32(reply_len, IDEState), VMSTATE_UINT8(sense.key, IDEState),
        VMSTATE_UINT8(sense.asc, IDEState), VMSTATE_UINT8(sense.ascq, IDEState), VMSTATE_BOOL(media_changed, IDEState),
        VMSTATE_BOOL(tray_open, IDEState), VMSTATE_BOOL(tray_locked, IDEState), VMSTATE_BOOL(event_new_media, IDEState),
        VMSTATE_BOOL(event_eject, IDEState), VMSTATE_STRUCT(xfer, IDEState, 0, vmstate_ide_xfer, IDEXfer),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription *const[]) { &vmstate_ide_drive_buf, NULL },
};

static int ide_bus_post_load(void *opaque, int version_id)
{
    IDEBus *bus = opaque;

    if (bus->unit >= bus->max_units) {
        bus->unit = 0;
        return -EINVAL;
    }
    return 0;
}

const VMStateDescription vmstate_ide_bus = {
    .name = "ide_bus",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = ide_bus_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(unit, IDEBus),
        VMSTATE_UINT8(ctrl, IDEBus),
        VMSTATE_STRUCT_ARRAY(ifs, IDEBus, 2, 0, vmstate_ide_drive, IDEState),
        VMSTATE_END_OF_LIST()
    },
};
