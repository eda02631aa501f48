/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 compressed clusters: raw deflate with a 4 KiB window, or one zstd frame.
 *
 * Context: CO for the requests, any for the codecs.   Locks: s->lock around the map only.
 *
 * I1  A compressed cluster is referenced only after its bytes were written (see qcow2.h).
 * I3  While it is written, its guest cluster is in s->inflight.
 * Source: qcow2 specification, "Compressed clusters descriptor".
 */
#include "block/drivers/qcow2/qcow2.h"

#include <zlib.h>
#include <zstd.h>

#define DEFLATE_WINDOW_BITS (-12)

static int inflate_all(void *dest, size_t dest_len, const void *src, size_t src_len)
{
    z_stream z = { .next_in = (void *)src, .avail_in = src_len, .next_out = dest, .avail_out = dest_len };
    int ret;

    if (inflateInit2(&z, DEFLATE_WINDOW_BITS) != Z_OK) {
        return -EIO;
    }
    ret = inflate(&z, Z_FINISH);
    /* The stored length is rounded up, so input may be left over; output must be complete. */
    ret = (ret == Z_STREAM_END || ret == Z_BUF_ERROR || ret == Z_OK) && z.avail_out == 0 ? 0 : -EIO;
    inflateEnd(&z);
    return ret;
}

static int zstd_decompress_all(void *dest, size_t dest_len, const void *src, size_t src_len)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    ZSTD_outBuffer out = { dest, dest_len, 0 };
    ZSTD_inBuffer in = { src, src_len, 0 };
    int ret = 0;

    if (!ctx) {
        return -EIO;
    }
    while (out.pos < out.size) {
        size_t in_before = in.pos;
        size_t out_before = out.pos;
        size_t r = ZSTD_decompressStream(ctx, &out, &in);

        if (ZSTD_isError(r) || (in.pos == in_before && out.pos == out_before)) {
            ret = -EIO;
            break;
        }
    }
    ZSTD_freeDCtx(ctx);
    return ret;
}

int qcow2_decompress(Qcow2CompressionType type, void *dest, size_t dest_len, const void *src, size_t src_len)
{
    return type == QCOW2_COMPRESSION_ZSTD ? zstd_decompress_all(dest, dest_len, src, src_len)
                                          : inflate_all(dest, dest_len, src, src_len);
}

static ssize_t deflate_all(void *dest, size_t dest_len, const void *src, size_t src_len)
{
    z_stream z = { .next_in = (void *)src, .avail_in = src_len, .next_out = dest, .avail_out = dest_len };
    int ret = deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, DEFLATE_WINDOW_BITS, 9, Z_DEFAULT_STRATEGY);
    ssize_t written;

    if (ret != Z_OK) {
        return -EIO;
    }
    ret = deflate(&z, Z_FINISH);
    written = dest_len - z.avail_out;
    deflateEnd(&z);
    return ret == Z_STREAM_END ? written : -ENOMEM;
}

ssize_t qcow2_compress(Qcow2CompressionType type, void *dest, size_t dest_len, const void *src, size_t src_len)
{
    size_t r;

    if (type == QCOW2_COMPRESSION_ZLIB) {
        return deflate_all(dest, dest_len, src, src_len);
    }
    r = ZSTD_compress(dest, dest_len, src, src_len, ZSTD_CLEVEL_DEFAULT);
    return ZSTD_isError(r) ? -ENOMEM : (ssize_t)r;
}

int coroutine_fn qcow2_read_compressed(BlockDriverState *bs, uint64_t l2_entry, uint64_t skip, uint64_t bytes,
                                       QEMUIOVector *qiov, size_t qiov_offset)
{
    BDRVQcow2State *s = bs->opaque;
    g_autofree uint8_t *packed = NULL;
    g_autofree uint8_t *plain = NULL;
    uint64_t offset;
    uint32_t len;
    int64_t file_end;
    int ret;

    qcow2_entry_compressed(l2_entry, s->cluster_bits, &offset, &len);
    /* The last sector need not exist whole. */
    file_end = bdrv_co_getlength(bs->file->bs);
    if (file_end < 0) {
        return file_end;
    }
    if (offset >= (uint64_t)file_end) {
        return -EIO;
    }
    len = MIN(len, (uint64_t)file_end - offset);
    packed = g_try_malloc(len);
    plain = g_try_malloc(s->cluster_size);
    if (!packed || !plain) {
        return -ENOMEM;
    }
    BLKDBG_CO_EVENT(bs->file, "read_compressed");
    ret = bdrv_co_pread(bs->file, offset, len, packed, 0);
    if (ret < 0) {
        return ret;
    }
    ret = qcow2_decompress(s->compression, plain, s->cluster_size, packed, len);
    if (ret < 0) {
        return ret;
    }
    qemu_iovec_from_buf(qiov, qiov_offset, plain + skip, bytes);
    return 0;
}

/* Set the L2 entry of the one cluster in @m, which is in flight; free what it was before. */
static int coroutine_fn GRAPH_RDLOCK publish_compressed_locked(BlockDriverState *bs, Qcow2Map *m, uint64_t entry)
{
    BDRVQcow2State *s = bs->opaque;
    uint64_t index;
    uint64_t *l2;
    uint64_t old;
    int ret = 0;

    if (!s->use_lazy_refcounts) {
        ret = qcow2_cache_set_dependency(bs, s->l2_cache, s->refcount_cache);
    }
    if (ret == 0) {
        ret = qcow2_get_l2_for_write(bs, m->first, &l2, &index);
    }
    if (ret < 0) {
        return ret;
    }
    BLKDBG_CO_EVENT(bs->file, "l2_update_compressed");
    old = GUINT64_FROM_BE(l2[index]);
    l2[index] = GUINT64_TO_BE(entry);
    qcow2_cache_mark_dirty(s->l2_cache, l2);
    qcow2_cache_put(s->l2_cache, (void **)&l2);
    qcow2_free_entry(bs, old, QCOW2_DISCARD_NEVER);
    return 0;
}

/* Store @len packed bytes as the guest cluster at @offset. */
static int coroutine_fn GRAPH_RDLOCK write_packed(BlockDriverState *bs, uint64_t offset, const void *packed,
                                                  size_t len)
{
    BDRVQcow2State *s = bs->opaque;
    Qcow2Map m = { .offset = offset, .first = offset, .nb_clusters = 1, .is_new = true };
    Qcow2DataWrite w;
    int64_t host;
    int ret;

    qemu_co_mutex_lock(&s->lock);
    qcow2_wait_inflight_locked(bs, offset, s->cluster_size);
    if (s->use_lazy_refcounts && (ret = qcow2_mark_dirty(bs)) < 0) {
        qemu_co_mutex_unlock(&s->lock);
        return ret;
    }
    host = s->unusable ? -EIO : qcow2_alloc_bytes(bs, len);
    ret = host < 0 ? host : qcow2_pre_write_overlap_check(bs, 0, host, len);
    if (ret < 0) {
        qemu_co_mutex_unlock(&s->lock);
        return ret;
    }
    qcow2_inflight_add(s, &m);
    w = (Qcow2DataWrite){ host, len };
    g_ptr_array_add(s->data_writes, &w);
    qemu_co_mutex_unlock(&s->lock);

    BLKDBG_CO_EVENT(bs->file, "write_compressed");
    ret = bdrv_co_pwrite(bs->file, host, len, packed, 0);

    qemu_co_mutex_lock(&s->lock);
    g_ptr_array_remove_fast(s->data_writes, &w);
    if (ret == 0) {
        ret = publish_compressed_locked(bs, &m, qcow2_entry_make_compressed(host, len, s->cluster_bits));
    }
    if (ret < 0) {
        qcow2_free_clusters(bs, host, len, QCOW2_DISCARD_NEVER);
    }
    qcow2_inflight_remove(s, &m);
    qemu_co_mutex_unlock(&s->lock);
    return ret;
}

int coroutine_fn qcow2_co_pwritev_compressed_part(BlockDriverState *bs, int64_t offset, int64_t bytes,
                                                  QEMUIOVector *qiov, size_t qiov_offset)
{
    BDRVQcow2State *s = bs->opaque;
    g_autofree uint8_t *plain = NULL;
    g_autofree uint8_t *packed = NULL;

    if (offset_into_cluster(s, offset)) {
        return -EINVAL;
    }
    plain = g_try_malloc(s->cluster_size);
    packed = g_try_malloc(s->cluster_size);
    if (!plain || !packed) {
        return -ENOMEM;
    }
    while (bytes) {
        uint64_t n = MIN((uint64_t)bytes, s->cluster_size);
        ssize_t len;
        int ret;

        if (n < s->cluster_size && offset + n != s->size) {
            return -EINVAL;
        }
        memset(plain + n, 0, s->cluster_size - n);
        qemu_iovec_to_buf(qiov, qiov_offset, plain, n);
        len = qcow2_compress(s->compression, packed, s->cluster_size - 1, plain, s->cluster_size);
        if (len == -ENOMEM) {
            /* Not worth it: store it plain. */
            ret = qcow2_co_pwritev_part(bs, offset, n, qiov, qiov_offset, 0);
        } else {
            ret = len < 0 ? len : write_packed(bs, offset, packed, len);
        }
        if (ret < 0) {
            return ret;
        }
        offset += n;
        bytes -= n;
        qiov_offset += n;
    }
    return 0;
}
