/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -drive: one line of options that makes a node, a backend on it, and says to which kind of device it belongs.
 *
 * Context: main, BQL. What is not an option of the drive itself goes to the node, so a drive can say whatever
 * blockdev-add can.
 */
#include "block/backend_int.h"
#include "aio/main_loop.h"

static const struct {
    const char *name;
    int max_devs;               /* per bus; 0: units are not grouped */
} if_types[IF_COUNT] = {
    [IF_NONE] = { "none", 0 },     [IF_IDE] = { "ide", 2 },   [IF_SCSI] = { "scsi", 7 },
    [IF_FLOPPY] = { "floppy", 0 }, [IF_PFLASH] = { "pflash", 0 }, [IF_MTD] = { "mtd", 0 },
    [IF_SD] = { "sd", 0 },         [IF_VIRTIO] = { "virtio", 0 }, [IF_XEN] = { "xen", 0 },
};

static const BlockOptDesc drive_opts[] = {
    { "id", BLOCK_OPT_STRING, "name of the backend" },
    { "if", BLOCK_OPT_STRING, "interface" },
    { "bus", BLOCK_OPT_NUMBER, "bus number" },
    { "unit", BLOCK_OPT_NUMBER, "unit number (i.e. lun for scsi)" },
    { "index", BLOCK_OPT_NUMBER, "index number" },
    { "media", BLOCK_OPT_STRING, "media type (disk, cdrom)" },
    { "file", BLOCK_OPT_STRING, "file name" },
    { "format", BLOCK_OPT_STRING, "disk format (raw, qcow2, ...)" },
    { "cache", BLOCK_OPT_STRING, "host cache usage" },
    { "readonly", BLOCK_OPT_BOOL, "open drive file as read-only" },
    { "serial", BLOCK_OPT_STRING, "disk serial number" },
    { "rerror", BLOCK_OPT_STRING, "read error action" },
    { "werror", BLOCK_OPT_STRING, "write error action" },
    { "copy-on-read", BLOCK_OPT_BOOL, "copy read data from backing file into image file" },
    { "snapshot", BLOCK_OPT_BOOL, "temporary snapshot mode" },
    { "aio", BLOCK_OPT_STRING, "host AIO implementation" },
    { NULL },
};

/* Boards with one drive to a channel count drives differently. */
static int if_max_devs(BlockInterfaceType type)
{
    return type == IF_IDE && block_state()->ide_units_per_bus ? block_state()->ide_units_per_bus
                                                              : if_types[type].max_devs;
}

void drive_set_ide_units_per_bus(int units)
{
    block_state()->ide_units_per_bus = units;
}

const char *drive_if_name(BlockInterfaceType type)
{
    return type >= 0 && type < IF_COUNT ? if_types[type].name : "none";
}

void drive_free(DriveInfo *dinfo)
{
    if (dinfo) {
        g_free(dinfo->serial);
        g_free(dinfo);
    }
}

DriveInfo *blk_legacy_dinfo(BlockBackend *blk)
{
    return blk->dinfo;
}

BlockBackend *blk_by_legacy_dinfo(DriveInfo *dinfo)
{
    BlockBackend *blk = NULL;

    while ((blk = blk_all_next(blk)) && blk->dinfo != dinfo) {
        continue;
    }
    return blk;
}

DriveInfo *drive_get(BlockInterfaceType type, int bus, int unit)
{
    BlockBackend *blk = NULL;

    while ((blk = blk_next(blk))) {
        DriveInfo *d = blk->dinfo;

        if (d && d->type == type && d->bus == bus && d->unit == unit) {
            return d;
        }
    }
    return NULL;
}

DriveInfo *drive_get_by_index(BlockInterfaceType type, int index)
{
    int max = if_max_devs(type);

    return drive_get(type, max ? index / max : 0, max ? index % max : index);
}

/* ---- Parsing ---- */

static bool parse_cache(const char *mode, QDict *node, bool *wce, GError **errp)
{
    static const struct {
        const char *mode;
        bool direct, no_flush, wce;
    } modes[] = {
        { "none", true, false, true },       { "off", true, false, true },
        { "writeback", false, false, true }, { "unsafe", false, true, true },
        { "writethrough", false, false, false }, { "directsync", true, false, false },
    };

    *wce = true;
    for (unsigned i = 0; mode && i < G_N_ELEMENTS(modes); i++) {
        if (g_str_equal(mode, modes[i].mode)) {
            qdict_put_bool(node, BDRV_OPT_CACHE_DIRECT, modes[i].direct);
            qdict_put_bool(node, BDRV_OPT_CACHE_NO_FLUSH, modes[i].no_flush);
            *wce = modes[i].wce;
            return true;
        }
    }
    if (mode) {
        error_setg(errp, "invalid cache option");
    }
    return !mode;
}

static bool parse_on_error(const char *text, bool is_read, BlockdevOnError *ret, GError **errp)
{
    if (!text) {
        *ret = is_read ? BLOCKDEV_ON_ERROR_REPORT : BLOCKDEV_ON_ERROR_ENOSPC;
    } else if (g_str_equal(text, "ignore")) {
        *ret = BLOCKDEV_ON_ERROR_IGNORE;
    } else if (g_str_equal(text, "report")) {
        *ret = BLOCKDEV_ON_ERROR_REPORT;
    } else if (g_str_equal(text, "stop")) {
        *ret = BLOCKDEV_ON_ERROR_STOP;
    } else if (!is_read && g_str_equal(text, "enospc")) {
        *ret = BLOCKDEV_ON_ERROR_ENOSPC;
    } else {
        error_setg(errp, "'%s' invalid %s error action", text, is_read ? "read" : "write");
        return false;
    }
    return true;
}

static bool parse_if(const char *text, BlockInterfaceType def, BlockInterfaceType *ret, GError **errp)
{
    *ret = def;
    for (int i = 0; text && i < IF_COUNT; i++) {
        if (g_str_equal(text, if_types[i].name)) {
            *ret = i;
            return true;
        }
    }
    if (text) {
        error_setg(errp, "unsupported bus type '%s'", text);
    }
    return !text;
}

/* Bus and unit: given, from the index, or the first that is free. */
static bool place(DriveInfo *d, const QDict *opts, GError **errp)
{
    int max = if_max_devs(d->type);
    int index = qdict_get_number(opts, "index", 0);

    d->bus = qdict_get_number(opts, "bus", 0);
    d->unit = qdict_get_number(opts, "unit", 0);
    if (qdict_haskey(opts, "index")) {
        if (qdict_haskey(opts, "bus") || qdict_haskey(opts, "unit")) {
            error_setg(errp, "index cannot be used with bus and unit");
            return false;
        }
        d->bus = max ? index / max : 0;
        d->unit = max ? index % max : index;
    } else if (!qdict_haskey(opts, "unit")) {
        while (drive_get(d->type, d->bus, d->unit)) {
            if (max && ++d->unit >= max) {
                d->unit = 0;
                d->bus++;
            } else if (!max) {
                d->unit++;
            }
        }
    }
    if (max && d->unit >= max) {
        error_setg(errp, "unit %d too big (max is %d)", d->unit, max - 1);
        return false;
    }
    if (d->type != IF_NONE && drive_get(d->type, d->bus, d->unit)) {
        error_setg(errp, "drive with bus=%d, unit=%d (index=%d) exists", d->bus, d->unit, index);
        return false;
    }
    return true;
}

static char *drive_name(const DriveInfo *d, const QDict *opts)
{
    const char *id = qdict_get_try_str(opts, "id");
    const char *suffix = d->media_cd ? "-cd" : "-hd";

    if (id) {
        return g_strdup(id);
    }
    if (!if_types[d->type].max_devs) {
        return g_strdup_printf("%s%d", if_types[d->type].name, d->unit);
    }
    return g_strdup_printf("%s%d%s%d", if_types[d->type].name, d->bus, suffix, d->unit);
}

/* ---- Opening ---- */

/* Everything that is for the node; @options holds what drive_opts does not know. */
static bool node_options(QDict *options, const QDict *opts, bool cdrom, bool *wce, GError **errp)
{
    bool ro = qdict_get_bool(opts, "readonly", cdrom);

    if (!parse_cache(qdict_get_try_str(opts, "cache"), options, wce, errp)) {
        return false;
    }
    if (qdict_get_bool(opts, "snapshot", false)) {
        error_setg(errp, "snapshot=on is not supported; create an overlay and use that");
        return false;
    }
    if (qdict_haskey(opts, "format")) {
        if (qdict_haskey(options, "driver")) {
            error_setg(errp, "Cannot specify both 'driver' and 'format'");
            return false;
        }
        qdict_put_str(options, "driver", qdict_get_try_str(opts, "format"));
    }
    if (qdict_haskey(opts, "aio")) {
        qdict_put_str(options, "file.aio", qdict_get_try_str(opts, "aio"));
    }
    qdict_set_default_str(options, BDRV_OPT_READ_ONLY, ro ? "on" : "off");
    qdict_set_default_str(options, BDRV_OPT_AUTO_READ_ONLY, "on");
    if (qdict_haskey(options, BDRV_OPT_CACHE_WB)) {
        if (!block_parse_bool(BDRV_OPT_CACHE_WB, qdict_get_try_str(options, BDRV_OPT_CACHE_WB), wce, errp)) {
            return false;
        }
        qdict_del(options, BDRV_OPT_CACHE_WB);
    }
    return true;
}

static BlockBackend *open_backend(QDict *options, const QDict *opts, bool wce, bool copy_on_read, GError **errp)
    GRAPH_UNLOCKED;
static BlockBackend *open_backend(QDict *options, const QDict *opts, bool wce, bool copy_on_read, GError **errp)
{
    const char *file = qdict_get_try_str(opts, "file");
    int flags = block_state()->incoming ? BDRV_O_INACTIVE : 0;
    BlockBackend *blk;
    BlockDriverState *bs;

    if (file && !*file) {
        file = NULL;
    }
    /* An empty drive: only options that have defaults, and no file. */
    if (!file && !qdict_haskey(options, "driver") && !qdict_haskey(options, "file.filename") &&
        !qdict_haskey(options, "file.driver") && !qdict_haskey(options, "file")) {
        qdict_unref(options);
        return blk_new(qemu_get_aio_context(), 0, BLK_PERM_ALL);
    }
    bs = bdrv_open(file, NULL, options, flags, errp);
    if (!bs) {
        return NULL;
    }
    /* Permissions come with the device. */
    blk = blk_new_with_bs(bs, 0, BLK_PERM_ALL, errp);
    bs->copy_on_read = copy_on_read && !bdrv_is_read_only(bs);
    bdrv_unref(bs);
    if (blk) {
        blk_set_enable_write_cache(blk, wce);
    }
    return blk;
}

static bool check_media(const char *media, DriveInfo *d, GError **errp)
{
    if (!media || g_str_equal(media, "disk")) {
        return true;
    }
    if (g_str_equal(media, "cdrom")) {
        d->media_cd = true;
        return true;
    }
    error_setg(errp, "'%s' invalid media", media);
    return false;
}

DriveInfo *drive_new_opts(QDict *options, BlockInterfaceType block_default_type, GError **errp)
{
    g_autoptr(QDict) opts = block_opts_take(drive_opts, options, errp);
    g_autoptr(QDict) node = options;
    g_autofree char *name = NULL;
    DriveInfo *d = g_new0(DriveInfo, 1);
    BlockdevOnError rerror, werror;
    BlockBackend *blk = NULL;
    bool wce;

    GLOBAL_STATE_CODE();
    if (!opts || !parse_if(qdict_get_try_str(opts, "if"), block_default_type, &d->type, errp) ||
        !check_media(qdict_get_try_str(opts, "media"), d, errp) ||
        !parse_on_error(qdict_get_try_str(opts, "rerror"), true, &rerror, errp) ||
        !parse_on_error(qdict_get_try_str(opts, "werror"), false, &werror, errp) ||
        !place(d, opts, errp) || !node_options(node, opts, d->media_cd, &wce, errp)) {
        drive_free(d);
        return NULL;
    }
    name = drive_name(d, opts);
    blk = open_backend(g_steal_pointer(&node), opts, wce, qdict_get_bool(opts, "copy-on-read", false), errp);
    if (blk && !monitor_add_blk(blk, name, errp)) {
        blk_unref(blk);
        blk = NULL;
    }
    if (!blk) {
        drive_free(d);
        return NULL;
    }
    d->serial = g_strdup(qdict_get_try_str(opts, "serial"));
    blk_set_on_error(blk, rerror, werror);
    blk->dinfo = d;
    return d;
}

DriveInfo *drive_new(const char *text, BlockInterfaceType block_default_type, GError **errp)
{
    QDict *options = qdict_from_keyval(text, NULL, errp);

    return options ? drive_new_opts(options, block_default_type, errp) : NULL;
}
