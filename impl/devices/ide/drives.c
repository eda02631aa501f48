/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-hd and ide-cd: backend, names and life of a drive.
 */
#include <string.h>

#include "aio/main_loop.h"
#include "devices/ide/ide.h"
#include "devices/table.h"

static IDEState *ide_dev_state(IDEDevice *dev)
{
    return &((IDEBus *)dev->qdev.parent_bus)->ifs[dev->unit];
}

void ide_read_length(IDEState *s)
{
    int64_t length = blk_getlength(s->blk);

    s->length = length < 0 ? 0 : length;
}

/* ---- What the backend tells ---- */

static void ide_resize(void *opaque)
{
    ide_read_length(opaque);
}

static void ide_drained_begin(void *opaque)
{
}

static void ide_drained_end(void *opaque)
{
    ide_bus_restart_later(((IDEState *)opaque)->bus);
}

static void ide_cd_change_media(void *opaque, bool load, GError **errp)
{
    IDEState *s = opaque;

    s->tray_open = !load;
    ide_read_length(s);         /* with an open tray there is nothing to measure */
    s->media_changed = true;
    s->event_new_media = load;
    s->event_eject = false;
}

static void ide_cd_eject_request(void *opaque, bool force)
{
    IDEState *s = opaque;

    s->event_eject = true;
    if (force) {
        s->tray_locked = false;
    }
}

static bool ide_cd_is_tray_open(void *opaque)
{
    return ((IDEState *)opaque)->tray_open;
}

static bool ide_cd_is_medium_locked(void *opaque)
{
    return ((IDEState *)opaque)->tray_locked;
}

static const BlockDevOps ide_hd_block_ops = {
    .resize_cb = ide_resize,
    .drained_begin = ide_drained_begin,
    .drained_end = ide_drained_end,
};

static const BlockDevOps ide_cd_block_ops = {
    .change_media_cb = ide_cd_change_media,
    .eject_request_cb = ide_cd_eject_request,
    .is_tray_open = ide_cd_is_tray_open,
    .is_medium_locked = ide_cd_is_medium_locked,
    .resize_cb = ide_resize,
    .drained_begin = ide_drained_begin,
    .drained_end = ide_drained_end,
};

/* ---- Life ---- */

static bool ide_check_text(const char *name, const char *text, unsigned max, GError **errp)
{
    if (strlen(text) > max) {
        error_setg(errp, "Property '%s' must be at most %u characters", name, max);
        return false;
    }
    return true;
}

static bool ide_set_names(IDEDevice *dev, const IDEBus *bus, const char *model, GError **errp)
{
    DriveInfo *dinfo = blk_legacy_dinfo(dev->conf.blk);

    if (!dev->conf.serial) {
        dev->conf.serial = dinfo && dinfo->serial ? g_strdup(dinfo->serial)
                                                  : g_strdup_printf("QM%05u", bus->index * 2 + dev->unit + 1);
    }
    if (!dev->model) {
        dev->model = g_strdup(model);
    }
    if (!dev->version) {
        dev->version = g_strdup("1.0");
    }
    return ide_check_text("serial", dev->conf.serial, IDE_SERIAL_LEN, errp) &&
           ide_check_text("model", dev->model, IDE_MODEL_LEN, errp) && ide_check_text("ver", dev->version, 8, errp);
}

/* The translation that firmware expects of a disk without its own. */
static void ide_guess_chs(IDEState *s)
{
    uint64_t sectors = s->length / IDE_SECTOR;

    s->heads = 16;
    s->sectors = 63;
    s->cylinders = MAX(MIN(sectors / (16 * 63), 16383), 2);
}

static bool ide_dev_realize(IDEDevice *dev, IDEDriveKind kind, const char *model, GError **errp)
{
    IDEBus *bus = (IDEBus *)dev->qdev.parent_bus;
    IDEState *s = &bus->ifs[dev->unit];

    if (dev->conf.logical_block_size != IDE_SECTOR && kind == IDE_HD) {
        error_setg(errp, "logical_block_size must be 512 for IDE");
        return false;
    }
    if (!ide_set_names(dev, bus, model, errp) || !blkconf_apply(&dev->conf, &dev->qdev, errp)) {
        return false;
    }
    /* A CD drive never writes, whatever will be put into it. */
    if (kind == IDE_CD && blk_set_perm(dev->conf.blk, BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL, errp) < 0) {
        return false;
    }
    s->dev = dev;
    s->kind = kind;
    s->blk = dev->conf.blk;
    ide_read_length(s);
    ide_guess_chs(s);
    ide_reset_drive(s);
    s->dma_mode = 0x40 | 5;
    blk_set_dev_ops(s->blk, kind == IDE_CD ? &ide_cd_block_ops : &ide_hd_block_ops, s);
    return true;
}

static bool ide_hd_realize(DeviceState *qdev, GError **errp)
{
    IDEDevice *dev = (IDEDevice *)qdev;

    if (!dev->conf.blk) {
        error_setg(errp, "No drive specified");
        return false;
    }
    if (!blk_is_inserted(dev->conf.blk)) {
        error_setg(errp, "Device needs media, but drive is empty");
        return false;
    }
    return ide_dev_realize(dev, IDE_HD, "RONDO HARDDISK", errp);
}

static bool ide_cd_realize(DeviceState *qdev, GError **errp)
{
    IDEDevice *dev = (IDEDevice *)qdev;

    if (!dev->conf.blk) {
        dev->conf.blk = blk_new(qemu_get_aio_context(), 0, BLK_PERM_ALL);
        if (blk_attach_dev(dev->conf.blk, dev) < 0) {
            g_assert_not_reached();         /* it is new */
        }
    }
    return ide_dev_realize(dev, IDE_CD, "RONDO DVD-ROM", errp);
}

static void ide_dev_unrealize(DeviceState *qdev)
{
    IDEDevice *dev = (IDEDevice *)qdev;
    IDEState *s = ide_dev_state(dev);

    blk_drain(s->blk);
    ide_reset_drive(s);
    blk_set_dev_ops(s->blk, NULL, NULL);
    s->dev = NULL;
    s->kind = IDE_NONE;
    s->blk = NULL;
    s->status = 0;
}

#define IDE_DEV_PROPS \
    DEFINE_BLOCK_PROPS(IDEDevice, conf), \
    DEFINE_PROP_UINT32("unit", IDEDevice, unit, UINT32_MAX), \
    DEFINE_PROP_UINT64("wwn", IDEDevice, wwn, 0), \
    DEFINE_PROP_STRING("ver", IDEDevice, version), \
    DEFINE_PROP_STRING("model", IDEDevice, model)

static const Property ide_dev_props[] = {
    IDE_DEV_PROPS,
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass ide_hd_class = {
    .name = "ide-hd",
    .desc = "virtual IDE disk",
    .bus_type = "IDE",
    .instance_size = sizeof(IDEDevice),
    .props = ide_dev_props,
    .user_creatable = true,
    .realize = ide_hd_realize,
    .unrealize = ide_dev_unrealize,
};

const DeviceClass ide_cd_class = {
    .name = "ide-cd",
    .desc = "virtual IDE CD-ROM",
    .bus_type = "IDE",
    .instance_size = sizeof(IDEDevice),
    .props = ide_dev_props,
    .user_creatable = true,
    .realize = ide_cd_realize,
    .unrealize = ide_dev_unrealize,
};
