/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitor commands of drives whose medium can be changed. Context: main thread, BQL, outside coroutines.
 */
#include "block/backend.h"
#include "block/block.h"
#include "devices/device.h"
#include "monitor/hmp.h"
#include "monitor/monitor_int.h"
#include "monitor/qapi_events.h"
#include "monitor/qmp_commands.h"

#include <string.h>

/* The drive by its own name or by its device's. */
static BlockBackend *media_find(const char *device, const char *id, GError **errp)
{
    BlockBackend *blk;

    if (!device == !id) {
        error_setg(errp, "Need exactly one of 'device' and 'id'");
        return NULL;
    }
    if (device) {
        blk = blk_by_name(device);
    } else {
        DeviceState *dev = device_find_by_id(id);

        blk = dev ? blk_by_dev(dev) : NULL;
    }
    if (!blk) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", device ? device : id);
    }
    return blk;
}

static void media_move_tray(BlockBackend *blk, bool load, GError **errp)
{
    blk_dev_change_media_cb(blk, load, errp);
    qapi_event_send_device_tray_moved(blk_name(blk), blk_get_attached_dev_id(blk), !load);
}

static bool media_open_tray(BlockBackend *blk, const char *name, bool force, GError **errp)
{
    bool locked = blk_dev_is_medium_locked(blk);

    if (!blk_dev_has_removable_media(blk)) {
        error_setg(errp, "Device '%s' is not removable", name);
        return false;
    }
    if (!blk_dev_has_tray(blk) || blk_dev_is_tray_open(blk)) {
        return true;
    }
    if (locked) {
        blk_dev_eject_request(blk, force);
    }
    if (locked && !force) {
        error_setg(errp, "Device '%s' is locked and force was not specified, wait for tray to open and try again",
                   name);
        return false;
    }
    media_move_tray(blk, false, NULL);
    return true;
}

static bool media_close_tray(BlockBackend *blk, const char *name, GError **errp)
{
    if (!blk_dev_has_removable_media(blk)) {
        error_setg(errp, "Device '%s' is not removable", name);
        return false;
    }
    if (blk_dev_has_tray(blk) && blk_dev_is_tray_open(blk)) {
        media_move_tray(blk, true, errp);
    }
    return true;
}

static bool media_check_open(BlockBackend *blk, const char *name, GError **errp)
{
    if (!blk_dev_has_removable_media(blk)) {
        error_setg(errp, "Device '%s' is not removable", name);
        return false;
    }
    if (blk_dev_has_tray(blk) && !blk_dev_is_tray_open(blk)) {
        error_setg(errp, "Tray of device '%s' is not open", name);
        return false;
    }
    return true;
}

static bool media_remove(BlockBackend *blk, const char *name, GError **errp)
{
    bool blocked;

    if (!media_check_open(blk, name, errp)) {
        return false;
    }
    bdrv_graph_rdlock_main_loop();
    blocked = blk_op_is_blocked(blk, BLOCK_OP_TYPE_EJECT, errp);
    bdrv_graph_rdunlock_main_loop();
    if (blocked) {
        return false;
    }
    if (blk_bs(blk)) {
        blk_remove_bs(blk);
        if (!blk_dev_has_tray(blk)) {
            blk_dev_change_media_cb(blk, false, NULL);
        }
    }
    return true;
}

static bool media_insert(BlockBackend *blk, const char *name, BlockDriverState *bs, GError **errp)
{
    if (!media_check_open(blk, name, errp)) {
        return false;
    }
    if (blk_bs(blk)) {
        error_setg(errp, "There already is a medium in device '%s'", name);
        return false;
    }
    if (blk_insert_bs(blk, bs, errp) < 0) {
        return false;
    }
    if (!blk_dev_has_tray(blk)) {
        blk_dev_change_media_cb(blk, true, NULL);
    }
    return true;
}

/* ---- QMP ---- */

void qmp_blockdev_open_tray(const char *device, const char *id, bool has_force, bool force, GError **errp)
{
    BlockBackend *blk = media_find(device, id, errp);

    if (blk) {
        (void)media_open_tray(blk, device ? device : id, has_force && force, errp);         /* @errp tells */
    }
}

void qmp_blockdev_close_tray(const char *device, const char *id, GError **errp)
{
    BlockBackend *blk = media_find(device, id, errp);

    if (blk) {
        (void)media_close_tray(blk, device ? device : id, errp);
    }
}

void qmp_eject(const char *device, const char *id, bool has_force, bool force, GError **errp)
{
    BlockBackend *blk = media_find(device, id, errp);
    const char *name = device ? device : id;

    if (blk && media_open_tray(blk, name, has_force && force, errp)) {
        (void)media_remove(blk, name, errp);
    }
}

void qmp_blockdev_remove_medium(const char *id, GError **errp)
{
    BlockBackend *blk = media_find(NULL, id, errp);

    if (blk) {
        (void)media_remove(blk, id, errp);
    }
}

void qmp_blockdev_insert_medium(const char *id, const char *node_name, GError **errp)
{
    BlockBackend *blk = media_find(NULL, id, errp);
    BlockDriverState *bs = blk ? bdrv_find_node(node_name) : NULL;
    bool in_use;

    if (blk && !bs) {
        error_setg(errp, "Node '%s' not found", node_name);
    }
    if (!bs) {
        return;
    }
    bdrv_graph_rdlock_main_loop();
    in_use = bdrv_has_blk(bs);
    bdrv_graph_rdunlock_main_loop();
    if (in_use) {
        error_setg(errp, "Node '%s' is already in use", node_name);
        return;
    }
    (void)media_insert(blk, id, bs, errp);
}

void qmp_blockdev_change_medium(const char *device, const char *id, const char *filename, const char *format,
                                bool has_force, bool force, bool has_read_only_mode,
                                BlockdevChangeReadOnlyMode read_only_mode, GError **errp)
{
    BlockBackend *blk = media_find(device, id, errp);
    const char *name = device ? device : id;
    BlockDriverState *bs;
    QDict *options;
    bool ro;

    if (!blk) {
        return;
    }
    ro = !has_read_only_mode || read_only_mode == BLOCKDEV_CHANGE_READ_ONLY_MODE_RETAIN
             ? !blk_bs(blk) || !blk_supports_write_perm(blk)
             : read_only_mode == BLOCKDEV_CHANGE_READ_ONLY_MODE_READ_ONLY;
    options = qdict_new();
    qdict_put_str(options, BDRV_OPT_READ_ONLY, ro ? "on" : "off");
    if (format) {
        qdict_put_str(options, "driver", format);
    }
    /* Before anything moves: a file that is not there costs nobody a medium. */
    bs = bdrv_open(filename, NULL, options, 0, errp);
    if (!bs) {
        return;
    }
    if (media_open_tray(blk, name, has_force && force, errp) && media_remove(blk, name, errp) &&
        media_insert(blk, name, bs, errp)) {
        (void)media_close_tray(blk, name, errp);
    }
    bdrv_unref(bs);
}

/* ---- HMP ---- */

void hmp_eject(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    qmp_eject(hmp_arg_str(args, "device"), NULL, true, hmp_arg_bool(args, "f", false), &err);
    hmp_handle_error(mon, err);
}

void hmp_change(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    qmp_blockdev_change_medium(hmp_arg_str(args, "device"), NULL, hmp_arg_str(args, "target"),
                               hmp_arg_str(args, "format"), false, false, false, BLOCKDEV_CHANGE_READ_ONLY_MODE_RETAIN,
                               &err);
    hmp_handle_error(mon, err);
}
