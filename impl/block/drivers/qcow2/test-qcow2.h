/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests: a disk in memory that remembers every write and flush, and qcow2 images on it. */
#ifndef BLOCK_DRIVERS_QCOW2_TEST_QCOW2_H
#define BLOCK_DRIVERS_QCOW2_TEST_QCOW2_H

#include "block/backend.h"
#include "block/block_int.h"
#include "block/drivers/qcow2/format.h"

typedef struct MemWrite {
    bool flush;
    bool truncate;              /* new length in offset */
    uint64_t offset;
    GBytes *data;
} MemWrite;

typedef struct MemDisk {
    GByteArray *bytes;
    GPtrArray *log;             /* of MemWrite, with mem_write_free; NULL: not recorded */
} MemDisk;

/** mem_write_free: element of a log. */
static inline void mem_write_free(void *opaque)
{
    MemWrite *w = opaque;

    g_clear_pointer(&w->data, g_bytes_unref);
    g_free(w);
}

static void mem_log(MemDisk *d, MemWrite w)
{
    if (d->log) {
        g_ptr_array_add(d->log, g_memdup2(&w, sizeof(w)));
    } else if (w.data) {
        g_bytes_unref(w.data);
    }
}

static void mem_resize(GByteArray *bytes, uint64_t size)
{
    guint old = bytes->len;

    g_byte_array_set_size(bytes, size);
    if (size > old) {
        memset(bytes->data + old, 0, size - old);
    }
}

static MemDisk *mem_disk(BlockDriverState *bs)
{
    return bs->opaque;
}

static int coroutine_fn mem_preadv(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                   BdrvRequestFlags flags)
{
    MemDisk *d = mem_disk(bs);
    int64_t have = CLAMP((int64_t)d->bytes->len - offset, 0, bytes);

    qemu_iovec_memset(qiov, 0, 0, bytes);
    if (have) {
        qemu_iovec_from_buf(qiov, 0, d->bytes->data + offset, have);
    }
    return 0;
}

/* More than this and fuzzing measures memset. */
#define MEM_MAX (64 * MiB)

static int coroutine_fn mem_pwritev(BlockDriverState *bs, int64_t offset, int64_t bytes, QEMUIOVector *qiov,
                                    BdrvRequestFlags flags)
{
    MemDisk *d = mem_disk(bs);
    uint8_t *copy;

    if ((uint64_t)(offset + bytes) > MEM_MAX) {
        return -ENOSPC;
    }
    if (offset + bytes > d->bytes->len) {
        mem_resize(d->bytes, offset + bytes);
    }
    qemu_iovec_to_buf(qiov, 0, d->bytes->data + offset, bytes);
    copy = g_memdup2(d->bytes->data + offset, bytes);
    mem_log(d, (MemWrite){ .offset = offset, .data = g_bytes_new_take(copy, bytes) });
    return 0;
}

static int coroutine_fn mem_truncate(BlockDriverState *bs, int64_t offset, bool exact, PreallocMode prealloc,
                                     BdrvRequestFlags flags, GError **errp)
{
    if ((uint64_t)offset > MEM_MAX) {
        error_setg(errp, "memory disk: too large");
        return -ENOSPC;
    }
    mem_resize(mem_disk(bs)->bytes, offset);
    mem_log(mem_disk(bs), (MemWrite){ .truncate = true, .offset = offset });
    return 0;
}

static int coroutine_fn mem_flush(BlockDriverState *bs)
{
    mem_log(mem_disk(bs), (MemWrite){ .flush = true });
    return 0;
}

static int64_t coroutine_fn mem_getlength(BlockDriverState *bs)
{
    return mem_disk(bs)->bytes ? mem_disk(bs)->bytes->len : 0;
}

static void mem_close(BlockDriverState *bs)
{
    g_clear_pointer(&mem_disk(bs)->bytes, g_byte_array_unref);
    g_clear_pointer(&mem_disk(bs)->log, g_ptr_array_unref);
}

static const BlockDriver mem_driver = {
    .format_name = "memory",
    .instance_size = sizeof(MemDisk),
    .has_variable_length = true,
    .bdrv_close = mem_close,
    .bdrv_child_perm = bdrv_default_perms,
    .bdrv_co_preadv = mem_preadv,
    .bdrv_co_pwritev = mem_pwritev,
    .bdrv_co_truncate = mem_truncate,
    .bdrv_co_flush_to_disk = mem_flush,
    .bdrv_co_getlength = mem_getlength,
};

/** mem_new: a node named @name holding a copy of the bytes. The caller owns the reference. */
static inline BlockDriverState *mem_new(const char *name, const void *data, size_t len)
{
    GError *err = NULL;
    BlockDriverState *bs = bdrv_new_open_driver(&mem_driver, name, BDRV_O_RDWR, &err);

    g_assert_no_error(err);
    mem_disk(bs)->bytes = g_byte_array_new();
    if (len) {
        g_byte_array_append(mem_disk(bs)->bytes, data, len);
    }
    return bs;
}

/** qcow2_on: open the image on node @name; NULL with @errp. Unref the backend when done. */
static inline BlockBackend *qcow2_on(const char *name, int flags, GError **errp)
{
    QDict *options = qdict_new();

    qdict_put_str(options, "driver", "qcow2");
    qdict_put_str(options, "file", name);
    return blk_new_open(NULL, NULL, options, flags, errp);
}

/** qcow2_skeleton: bytes of an empty image of @size with @cluster_bits; L1 table included. */
static inline GByteArray *qcow2_skeleton(uint64_t size, unsigned cluster_bits, unsigned refcount_order, bool lazy)
{
    uint64_t cs = 1ULL << cluster_bits;
    uint64_t l1 = DIV_ROUND_UP(size, cs * (cs / 8));
    uint64_t clusters = 3 + DIV_ROUND_UP(l1 * 8, cs);
    Qcow2Header h = {
        .version = 3, .cluster_bits = cluster_bits, .size = size, .l1_size = l1, .l1_table_offset = 3 * cs,
        .refcount_table_offset = cs, .refcount_table_clusters = 1, .refcount_order = refcount_order,
        .compatible_features = lazy ? QCOW2_COMPAT_LAZY_REFCOUNTS : 0,
    };
    Qcow2HeaderTail tail = { 0 };
    g_autofree uint8_t *header = qcow2_header_encode(&h, &tail, NULL, NULL);
    GByteArray *image = g_byte_array_new();

    g_byte_array_append(image, header, cs);
    mem_resize(image, clusters * cs);
    st64_be(image->data + cs, 2 * cs);
    for (uint64_t i = 0; i < clusters; i++) {
        qcow2_refcount_put(image->data + 2 * cs, i, refcount_order, 1);
    }
    return image;
}

#endif
