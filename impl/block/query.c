/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Information about nodes and backends as JSON, in the shapes of QAPI's BlockDeviceInfo, ImageInfo, BlockInfo and
 * BlockStats. Context: main, BQL; polls for lengths.
 */
#include "block/backend_int.h"
#include "aio/main_loop.h"

static void add_str(json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, json_object_new_string(value));
}

static void add_int(json_object *o, const char *key, int64_t value)
{
    json_object_object_add(o, key, json_object_new_int64(value));
}

static void add_bool(json_object *o, const char *key, bool value)
{
    json_object_object_add(o, key, json_object_new_boolean(value));
}

static void add_snapshots(json_object *info, BlockDriverState *bs) GRAPH_RDLOCK;
static void add_snapshots(json_object *info, BlockDriverState *bs)
{
    g_autofree QEMUSnapshotInfo *list = NULL;
    int n = bs->drv->bdrv_snapshot_list ? bs->drv->bdrv_snapshot_list(bs, &list) : 0;
    json_object *array;

    if (n <= 0) {
        return;
    }
    array = json_object_new_array();
    for (int i = 0; i < n; i++) {
        json_object *sn = json_object_new_object();

        add_str(sn, "id", list[i].id_str);
        add_str(sn, "name", list[i].name);
        add_int(sn, "vm-state-size", list[i].vm_state_size);
        add_int(sn, "date-sec", list[i].date_sec);
        add_int(sn, "date-nsec", list[i].date_nsec);
        add_int(sn, "vm-clock-sec", list[i].vm_clock_nsec / 1000000000);
        add_int(sn, "vm-clock-nsec", list[i].vm_clock_nsec % 1000000000);
        if (list[i].icount != UINT64_MAX) {
            add_int(sn, "icount", list[i].icount);
        }
        json_object_array_add(array, sn);
    }
    json_object_object_add(info, "snapshots", array);
}

static void add_backing(json_object *info, BlockDriverState *bs) GRAPH_RDLOCK;
static void add_backing(json_object *info, BlockDriverState *bs)
{
    g_autofree char *full = NULL;

    if (!*bs->backing_file) {
        return;
    }
    add_str(info, "backing-filename", bs->backing_file);
    full = bdrv_get_full_backing_filename(bs, NULL);
    if (full) {
        add_str(info, "full-backing-filename", full);
    }
    if (*bs->backing_format) {
        add_str(info, "backing-filename-format", bs->backing_format);
    }
}

json_object *bdrv_query_image_info(BlockDriverState *bs, bool chain, GError **errp)
{
    json_object *info, *specific;
    BlockDriverInfo bdi;
    BlockDriverState *below;
    int64_t size = bdrv_getlength(bs);
    int64_t allocated;

    GLOBAL_STATE_CODE();
    if (size < 0) {
        error_setg_errno(errp, -size, "Can't get image size '%s'", bs->exact_filename);
        return NULL;
    }
    bdrv_refresh_filename(bs);
    info = json_object_new_object();
    add_int(info, "virtual-size", size);
    add_str(info, "filename", bs->filename);
    if (bdrv_get_info(bs, &bdi) == 0) {
        if (bdi.cluster_size) {
            add_int(info, "cluster-size", bdi.cluster_size);
        }
        add_bool(info, "dirty-flag", bdi.is_dirty);
    } else {
        add_bool(info, "dirty-flag", false);
    }
    add_str(info, "format", bdrv_get_format_name(bs));
    allocated = bdrv_get_allocated_file_size(bs);
    if (allocated >= 0) {
        add_int(info, "actual-size", allocated);
    }
    specific = bdrv_get_specific_info(bs, NULL);
    if (specific) {
        json_object_object_add(info, "format-specific", specific);
    }
    add_backing(info, bs);
    add_snapshots(info, bs);
    below = chain ? bdrv_backing_chain_next(bs) : NULL;
    if (below) {
        json_object *sub = bdrv_query_image_info(below, chain, errp);

        if (!sub) {
            json_object_put(info);
            return NULL;
        }
        json_object_object_add(info, "backing-image", sub);
    }
    return info;
}

static void add_throttle(json_object *info)
{
    static const char *const keys[] = { "bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr" };

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        add_int(info, keys[i], 0);
    }
}

json_object *bdrv_query_node(BlockDriverState *bs, bool with_image, GError **errp)
{
    static const char *const detect[] = { "off", "on", "unmap" };
    json_object *info = json_object_new_object();
    json_object *cache = json_object_new_object();

    GLOBAL_STATE_CODE();
    bdrv_refresh_filename(bs);
    add_str(info, "file", bs->filename);
    add_bool(info, "ro", bdrv_is_read_only(bs));
    add_str(info, "drv", bdrv_get_format_name(bs));
    add_bool(info, "encrypted", false);
    add_bool(info, "active", !bdrv_is_inactive(bs));
    add_bool(cache, "writeback", bs->enable_write_cache);
    add_bool(cache, "direct", bs->open_flags & BDRV_O_NOCACHE);
    add_bool(cache, "no-flush", bs->open_flags & BDRV_O_NO_FLUSH);
    json_object_object_add(info, "cache", cache);
    add_str(info, "node-name", bs->node_name);
    if (*bs->backing_file) {
        add_str(info, "backing_file", bs->backing_file);
    }
    add_int(info, "backing_file_depth", bdrv_get_backing_file_depth(bs));
    add_str(info, "detect_zeroes", detect[bs->detect_zeroes]);
    add_int(info, "write_threshold", 0);
    add_throttle(info);
    if (with_image) {
        json_object *image = bdrv_query_image_info(bs, true, errp);

        if (!image) {
            json_object_put(info);
            return NULL;
        }
        json_object_object_add(info, "image", image);
    }
    return info;
}

static json_object *query_backend(BlockBackend *blk, GError **errp) GRAPH_RDLOCK;
static json_object *query_backend(BlockBackend *blk, GError **errp)
{
    BlockDriverState *bs = blk_bs(blk);
    json_object *info = json_object_new_object();

    add_str(info, "device", blk_name(blk));
    if (blk->dev_name) {
        add_str(info, "qdev", blk->dev_name);
    }
    add_str(info, "type", "unknown");
    add_bool(info, "removable", blk_dev_has_removable_media(blk));
    add_bool(info, "locked", blk_dev_is_medium_locked(blk));
    if (blk_dev_has_tray(blk)) {
        add_bool(info, "tray_open", blk_dev_is_tray_open(blk));
    }
    if (blk->iostatus_enabled) {
        add_str(info, "io-status", blk->iostatus);
    }
    if (bs && bs->drv) {
        json_object *inserted = bdrv_query_node(bs, true, errp);

        if (!inserted) {
            json_object_put(info);
            return NULL;
        }
        json_object_object_add(info, "inserted", inserted);
    }
    return info;
}

json_object *bdrv_query_all(GError **errp)
{
    json_object *list = json_object_new_array();
    BlockBackend *blk = NULL;

    GLOBAL_STATE_CODE();
    while ((blk = blk_all_next(blk))) {
        json_object *info;

        if (!*blk->name && !blk->dev) {
            continue;
        }
        info = query_backend(blk, errp);
        if (!info) {
            json_object_put(list);
            return NULL;
        }
        json_object_array_add(list, info);
    }
    return list;
}

json_object *bdrv_query_stats_all(void)
{
    static const char *const names[BLOCK_MAX_IOTYPE] = { "rd", "wr", "flush", "unmap" };
    json_object *list = json_object_new_array();
    BlockBackend *blk = NULL;

    GLOBAL_STATE_CODE();
    while ((blk = blk_all_next(blk))) {
        json_object *entry, *stats;

        if (!*blk->name && !blk->dev) {
            continue;
        }
        entry = json_object_new_object();
        stats = json_object_new_object();
        add_str(entry, "device", blk_name(blk));
        if (blk->dev_name) {
            add_str(entry, "qdev", blk->dev_name);
        }
        for (int i = 0; i < BLOCK_MAX_IOTYPE; i++) {
            g_autofree char *bytes = g_strdup_printf("%s_bytes", names[i]);
            g_autofree char *ops = g_strdup_printf("%s_operations", names[i]);
            g_autofree char *failed = g_strdup_printf("failed_%s_operations", names[i]);

            add_int(stats, ops, blk->stats.nr_ops[i]);
            add_int(stats, failed, blk->stats.failed_ops[i]);
            if (i != BLOCK_ACCT_FLUSH) {
                add_int(stats, bytes, blk->stats.nr_bytes[i]);
            }
        }
        if (blk_bs(blk)) {
            add_str(entry, "node-name", blk_bs(blk)->node_name);
            add_int(stats, "wr_highest_offset", blk_bs(blk)->wr_highest_offset);
        }
        json_object_object_add(entry, "stats", stats);
        json_object_array_add(list, entry);
    }
    return list;
}
