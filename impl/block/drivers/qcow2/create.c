/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 image creation: write the smallest valid image into a new file, then let the driver grow it.
 *
 * Context: CO, no graph lock.   Layout: header, refcount table, first refcount block, empty L1 table.
 * Source: qcow2 specification, "Header", "Host cluster management".
 */
#include "block/backend.h"
#include "block/drivers/qcow2/qcow2.h"

const BlockOptDesc qcow2_create_opts[] = {
    { "backing_file", BLOCK_OPT_STRING, "File name of a base image" },
    { "backing_fmt", BLOCK_OPT_STRING, "Image format of the base image" },
    { "cluster_size", BLOCK_OPT_SIZE, "qcow2 cluster size" },
    { "compat", BLOCK_OPT_STRING, "Compatibility level (v2 [0.10] or v3 [1.1])" },
    { "compression_type", BLOCK_OPT_STRING, "Compression method used for image cluster compression" },
    { "lazy_refcounts", BLOCK_OPT_BOOL, "Postpone refcount updates" },
    { "preallocation", BLOCK_OPT_STRING, "Preallocation mode (allowed values: off, metadata, falloc, full)" },
    { "refcount_bits", BLOCK_OPT_NUMBER, "Width of a reference count entry in bits" },
    { "size", BLOCK_OPT_SIZE, "Virtual disk size" },
    { NULL },
};

typedef struct CreateParams {
    Qcow2Header h;
    Qcow2HeaderTail tail;
    const char *backing_file;
    PreallocMode prealloc;
    uint64_t size;
} CreateParams;

static bool parse_prealloc(const char *text, PreallocMode *ret, GError **errp)
{
    static const char *const names[] = { "off", "metadata", "falloc", "full" };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!text || !strcmp(text, names[i])) {
            *ret = i;
            return true;
        }
    }
    error_setg(errp, "Invalid parameter '%s'", text);
    return false;
}

static bool parse_compat(const char *text, uint32_t *ret, GError **errp)
{
    if (!text || !strcmp(text, "1.1") || !strcmp(text, "v3")) {
        *ret = 3;
    } else if (!strcmp(text, "0.10") || !strcmp(text, "v2")) {
        *ret = 2;
    } else {
        error_setg(errp, "Invalid parameter '%s'", text);
        return false;
    }
    return true;
}

static bool parse_geometry(const QDict *opts, Qcow2Header *h, GError **errp)
{
    uint64_t cluster_size = qdict_get_size(opts, "cluster_size", 64 * KiB);
    uint64_t refcount_bits = qdict_get_number(opts, "refcount_bits", 16);

    if (!is_power_of_2(cluster_size) || cluster_size < 1ULL << MIN_CLUSTER_BITS ||
        cluster_size > 1ULL << MAX_CLUSTER_BITS) {
        error_setg(errp, "Cluster size must be a power of two between %d and %dk", 1 << MIN_CLUSTER_BITS,
                   1 << (MAX_CLUSTER_BITS - 10));
        return false;
    }
    h->cluster_bits = __builtin_ctzll(cluster_size);
    if (!is_power_of_2(refcount_bits) || refcount_bits > 64) {
        error_setg(errp, "Refcount width must be a power of two and may not exceed 64 bits");
        return false;
    }
    if (h->version < 3 && refcount_bits != 16) {
        error_setg(errp, "Different refcount widths than 16 bits require compatibility level 1.1 or above (use "
                   "version=v3 or greater)");
        return false;
    }
    h->refcount_order = __builtin_ctzll(refcount_bits);
    return true;
}

static bool parse_features(const QDict *opts, Qcow2Header *h, GError **errp)
{
    const char *compression = qdict_get_try_str(opts, "compression_type");

    if (qdict_get_bool(opts, "lazy_refcounts", false)) {
        if (h->version < 3) {
            error_setg(errp, "Lazy refcounts only supported with compatibility level 1.1 and above (use version=v3 or "
                       "greater)");
            return false;
        }
        h->compatible_features |= QCOW2_COMPAT_LAZY_REFCOUNTS;
    }
    if (!compression || !strcmp(compression, "zlib")) {
        return true;
    }
    if (strcmp(compression, "zstd")) {
        error_setg(errp, "Invalid parameter '%s'", compression);
        return false;
    }
    if (h->version < 3) {
        error_setg(errp, "Non-zlib compression type is only supported with compatibility level 1.1 and above (use "
                   "version=v3 or greater)");
        return false;
    }
    h->compression_type = QCOW2_COMPRESSION_ZSTD;
    h->incompatible_features |= QCOW2_INCOMPAT_COMPRESSION;
    return true;
}

static bool parse_params(const QDict *opts, CreateParams *p, GError **errp)
{
    Qcow2Header *h = &p->h;
    uint64_t l1_covers;
    uint64_t l1_size;

    p->size = QEMU_ALIGN_UP(qdict_get_size(opts, "size", 0), BDRV_SECTOR_SIZE);
    p->backing_file = qdict_get_try_str(opts, "backing_file");
    if (!parse_compat(qdict_get_try_str(opts, "compat"), &h->version, errp) ||
        !parse_prealloc(qdict_get_try_str(opts, "preallocation"), &p->prealloc, errp) ||
        !parse_geometry(opts, h, errp) || !parse_features(opts, h, errp)) {
        return false;
    }
    l1_covers = 1ULL << (h->cluster_bits + h->cluster_bits - 3);
    l1_size = p->size / l1_covers + (p->size % l1_covers != 0);
    if (p->size > INT64_MAX || l1_size > QCOW_MAX_L1_SIZE / L1E_SIZE) {
        error_setg(errp, "The image size is too large for file format 'qcow2' (try using a larger cluster size)");
        return false;
    }
    if (p->backing_file && p->backing_file[0] == '\0') {
        p->backing_file = NULL;
    }
    if (p->backing_file && strlen(p->backing_file) > QCOW_MAX_BACKING_NAME) {
        error_setg(errp, "Backing file name too long");
        return false;
    }
    if (qdict_get_try_str(opts, "backing_fmt") && !p->backing_file) {
        error_setg(errp, "Backing format cannot be used without backing file");
        return false;
    }
    if (p->prealloc != PREALLOC_MODE_OFF && p->backing_file) {
        error_setg(errp, "Backing file and preallocation can only be used at the same time if extended_l2 is enabled");
        return false;
    }
    p->tail.backing_format = g_strdup(qdict_get_try_str(opts, "backing_fmt"));
    return true;
}

/* Header, refcount table, refcount block: clusters 0, 1, 2 with refcount 1. No L1 table yet. */
static int coroutine_fn write_skeleton(BlockBackend *blk, CreateParams *p, GError **errp)
{
    uint64_t cluster_size = 1ULL << p->h.cluster_bits;
    g_autofree uint8_t *block = g_malloc0(cluster_size);
    g_autofree uint8_t *header = NULL;
    int ret;

    p->h.refcount_table_offset = cluster_size;
    p->h.refcount_table_clusters = 1;
    p->h.l1_table_offset = 3 * cluster_size;
    header = qcow2_header_encode(&p->h, &p->tail, p->backing_file, errp);
    if (!header) {
        return -EINVAL;
    }
    ret = blk_co_pwrite(blk, 0, cluster_size, header, 0);
    if (ret == 0) {
        st64_be(block, 2 * cluster_size);
        ret = blk_co_pwrite(blk, cluster_size, cluster_size, block, 0);
    }
    if (ret == 0) {
        memset(block, 0, cluster_size);
        for (unsigned i = 0; i < 3; i++) {
            qcow2_refcount_put(block, i, p->h.refcount_order, 1);
        }
        ret = blk_co_pwrite(blk, 2 * cluster_size, cluster_size, block, 0);
    }
    if (ret == 0) {
        ret = blk_co_flush(blk);
    }
    if (ret < 0) {
        error_setg_errno(errp, ret, "Could not write qcow2 header");
    }
    return ret;
}

/* Open what was written as qcow2 and give it its size. */
static int coroutine_fn GRAPH_UNLOCKED grow_to_size(const char *filename, const CreateParams *p, GError **errp)
{
    QDict *options = qdict_new();
    BlockBackend *blk;
    int ret;

    qdict_put_str(options, "driver", "qcow2");
    blk = blk_co_new_open(filename, NULL, options, BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_NO_BACKING | BDRV_O_NO_FLUSH,
                          errp);
    if (!blk) {
        return -EIO;
    }
    ret = p->size ? blk_co_truncate(blk, p->size, false, p->prealloc, 0, errp) : 0;
    blk_co_unref(blk);
    return ret;
}

int coroutine_fn qcow2_co_create_opts(BlockDriver *drv, const char *filename, QDict *options, GError **errp)
{
    CreateParams p = { 0 };
    g_autoptr(QDict) opts = block_opts_take(qcow2_create_opts, options, errp);
    QDict *file_opts;
    BlockBackend *blk;
    int ret = -EINVAL;

    if (!opts || !parse_params(opts, &p, errp)) {
        goto out;
    }
    if (qdict_size(options)) {
        error_setg(errp, "Invalid parameter '%s'", qdict_key_at(options, 0));
        goto out;
    }
    file_opts = qdict_new();
    qdict_put_int(file_opts, "size", 0);
    ret = bdrv_co_create_file(filename, file_opts, errp);
    qdict_unref(file_opts);
    if (ret < 0) {
        goto out;
    }
    blk = blk_co_new_open(filename, NULL, NULL, BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_PROTOCOL, errp);
    if (!blk) {
        ret = -EIO;
        goto out;
    }
    blk_set_allow_write_beyond_eof(blk, true);
    ret = write_skeleton(blk, &p, errp);
    blk_co_unref(blk);
    if (ret == 0) {
        ret = grow_to_size(filename, &p, errp);
    }
out:
    qcow2_tail_clear(&p.tail);
    return ret;
}
