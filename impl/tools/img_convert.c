/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rondo-img convert: copy what a guest would see into a new (or given) image.
 *
 * Context: main loop; the copying runs in -m coroutines of the main context.
 *
 * I1  Chunks are handed out in order; without -W they are also written in order, whatever order reads finish in.
 * I2  The first error stops the rest; nobody is left waiting for a turn that never comes.
 */
#include "block/block_int.h"
#include "tools/img.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>

#define CONVERT_BUFFER ((int64_t)(2 * MiB))
#define MAX_COROUTINES 16

enum { OPT_IMAGE_OPTS = 256, OPT_TARGET_ZERO };

typedef enum ChunkKind { CHUNK_DATA, CHUNK_ZERO, CHUNK_BACKING } ChunkKind;

typedef struct Convert {
    BlockBackend *src;
    BlockBackend *dst;
    const char *src_name;
    int64_t length;
    int64_t min_sparse;         /* zero runs at least this long stay sparse; 0: none */
    bool target_is_zero;        /* reads as zero where nothing is written */
    bool target_has_backing;
    bool compressed;
    bool in_order;
    bool progress;
    int64_t cluster;            /* granularity of compressed writes */
    int coroutines;
    /* ---- copying ---- */
    CoMutex lock;               /* around the hand-out of chunks */
    int64_t next;               /* first byte nobody has taken */
    int64_t written;            /* first byte whose chunk is not written (in order) */
    CoQueue turn;               /* who waits for `written` to reach its chunk */
    int running;
    int ret;
} Convert;

/* What is at @offset, for how long? */
static int coroutine_fn GRAPH_RDLOCK classify(Convert *c, int64_t offset, int64_t *bytes, ChunkKind *kind)
{
    BlockDriverState *bs = blk_bs(c->src);
    int ret;

    if (c->target_has_backing) {
        ret = bdrv_co_block_status_above(bs, bdrv_cow_bs(bs), offset, *bytes, bytes, NULL, NULL);
    } else {
        ret = bdrv_co_block_status_above(bs, NULL, offset, *bytes, bytes, NULL, NULL);
    }
    if (ret < 0) {
        return ret;
    }
    *kind = ret & BDRV_BLOCK_ZERO ? CHUNK_ZERO : ret & BDRV_BLOCK_DATA ? CHUNK_DATA
          : c->target_has_backing ? CHUNK_BACKING : CHUNK_ZERO;
    return 0;
}

/* Take the next chunk. 0: none left. */
static int coroutine_fn take_chunk(Convert *c, int64_t *ret_offset, int64_t *ret_bytes, ChunkKind *ret_kind)
{
    int ret = 0;

    qemu_co_mutex_lock(&c->lock);
    if (c->ret == 0 && c->next < c->length) {
        int64_t n = c->length - c->next;

        bdrv_graph_co_rdlock();
        ret = classify(c, c->next, &n, ret_kind);
        bdrv_graph_co_rdunlock();
        if (ret < 0) {
            tool_error("error while reading block status at offset %" PRId64 ": %s", c->next, g_strerror(-ret));
        } else {
            if (*ret_kind == CHUNK_DATA || c->compressed) {
                n = MIN(n, CONVERT_BUFFER);
            }
            /* Compressed clusters are written whole. */
            if (c->compressed) {
                n = MIN((int64_t)QEMU_ALIGN_UP((uint64_t)n, (uint64_t)c->cluster), c->length - c->next);
                *ret_kind = *ret_kind == CHUNK_ZERO && n > c->cluster ? CHUNK_ZERO : CHUNK_DATA;
                n = MIN(n, CONVERT_BUFFER);
            }
            *ret_offset = c->next;
            *ret_bytes = n;
            c->next += n;
            ret = 1;
        }
    }
    qemu_co_mutex_unlock(&c->lock);
    return ret;
}

/* Length of the run at the start of @buf that is all zero or (almost) all data, in whole blocks of @block. */
static int64_t run_length(const uint8_t *buf, int64_t bytes, int64_t block, bool *ret_zero)
{
    int64_t n = MIN(block, bytes);

    *ret_zero = buffer_is_zero(buf, n);
    while (n < bytes && buffer_is_zero(buf + n, MIN(block, bytes - n)) == *ret_zero) {
        n += MIN(block, bytes - n);
    }
    return n;
}

static int coroutine_fn write_zero_run(Convert *c, int64_t offset, int64_t bytes)
{
    if (c->target_is_zero && !c->target_has_backing) {
        return 0;
    }
    return blk_co_pwrite_zeroes(c->dst, offset, bytes, BDRV_REQ_MAY_UNMAP);
}

static int coroutine_fn write_data(Convert *c, int64_t offset, int64_t bytes, const uint8_t *buf)
{
    while (bytes) {
        bool zero = false;
        int64_t n = c->compressed ? MIN(bytes, c->cluster)
                  : c->min_sparse ? run_length(buf, bytes, c->min_sparse, &zero) : bytes;
        int ret;

        if (c->compressed && buffer_is_zero(buf, n)) {
            zero = true;
        }
        if (zero) {
            ret = write_zero_run(c, offset, n);
        } else if (c->compressed) {
            ret = blk_co_pwrite_compressed(c->dst, offset, n, buf);
        } else {
            ret = blk_co_pwrite(c->dst, offset, n, buf, 0);
        }
        if (ret < 0) {
            return ret;
        }
        offset += n;
        bytes -= n;
        buf += n;
    }
    return 0;
}

static int coroutine_fn write_chunk(Convert *c, int64_t offset, int64_t bytes, ChunkKind kind, const uint8_t *buf)
{
    switch (kind) {
    case CHUNK_BACKING:
        return 0;
    case CHUNK_ZERO:
        if (c->min_sparse == 0) {
            return blk_co_pwrite_zeroes(c->dst, offset, bytes, 0);
        }
        return write_zero_run(c, offset, bytes);
    case CHUNK_DATA:
        break;
    }
    return write_data(c, offset, bytes, buf);
}

/* (I1) (I2) */
static void coroutine_fn wait_for_turn(Convert *c, int64_t offset)
{
    while (c->in_order && c->written != offset && c->ret == 0) {
        qemu_co_queue_wait(&c->turn, (void *)NULL);
    }
}

static void fail(Convert *c, int ret)
{
    if (c->ret == 0) {
        c->ret = ret;
    }
    qemu_co_queue_restart_all(&c->turn);
}

static void coroutine_fn convert_co(void *opaque)
{
    Convert *c = opaque;
    uint8_t *buf = blk_blockalign(c->src, CONVERT_BUFFER);
    int64_t offset;
    int64_t bytes;
    ChunkKind kind;
    int ret;

    while ((ret = take_chunk(c, &offset, &bytes, &kind)) > 0) {
        ret = 0;
        if (kind == CHUNK_DATA) {
            ret = blk_co_pread(c->src, offset, bytes, buf, 0);
            if (ret < 0) {
                tool_error("error while reading at byte %" PRId64 ": %s", offset, g_strerror(-ret));
                break;
            }
        }
        wait_for_turn(c, offset);
        if (c->ret) {
            break;
        }
        ret = write_chunk(c, offset, bytes, kind, buf);
        if (ret < 0) {
            tool_error("error while writing at byte %" PRId64 ": %s", offset, g_strerror(-ret));
            break;
        }
        c->written = c->in_order ? offset + bytes : MAX(c->written, offset + bytes);
        img_progress(c->progress, c->written * 100.0 / c->length);
        qemu_co_queue_restart_all(&c->turn);
    }
    if (ret < 0) {
        fail(c, ret);
    }
    qemu_vfree(buf);
    c->running--;
    aio_wait_kick();
}

static int copy_all(Convert *c)
{
    qemu_co_mutex_init_named(&c->lock, "convert");
    qemu_co_queue_init(&c->turn);
    img_progress(c->progress, 0);
    for (int i = 0; i < c->coroutines; i++) {
        c->running++;
        qemu_coroutine_enter(qemu_coroutine_create_named("convert", convert_co, c));
    }
    AIO_WAIT_WHILE_NAMED(qemu_get_aio_context(), c->running > 0, "convert");
    if (c->ret == 0) {
        c->ret = blk_flush(c->dst);
        if (c->ret < 0) {
            tool_error("error while flushing the target: %s", g_strerror(-c->ret));
        }
    }
    if (c->ret == 0) {
        img_progress_end(c->progress);
    }
    return c->ret < 0;
}

/* ---- Set-up ---- */

typedef struct ConvertArgs {
    ImgOpen src;
    ImgOpen dst;
    const char *out_fmt;
    const char *backing;
    const char *backing_fmt;
    const char *snapshot;
    QDict *options;
    bool no_create;
    bool target_is_zero;
    bool quiet;
} ConvertArgs;

static bool load_snapshot(BlockBackend *blk, const char *name)
{
    GError *err = NULL;
    int ret;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    if (g_str_has_prefix(name, "snapshot.")) {
        g_autoptr(QDict) sn = qdict_from_keyval(name, NULL, &err);

        if (!sn) {
            tool_report(err);
            return false;
        }
        ret = bdrv_snapshot_load_tmp(blk_bs(blk), qdict_get_try_str(sn, "snapshot.id"),
                                     qdict_get_try_str(sn, "snapshot.name"), &err);
    } else {
        ret = bdrv_snapshot_load_tmp(blk_bs(blk), name, NULL, NULL);
        if (ret < 0) {
            ret = bdrv_snapshot_load_tmp(blk_bs(blk), NULL, name, &err);
        }
    }
    if (ret < 0) {
        tool_error("Failed to load snapshot: %s", err ? error_get_pretty(err) : g_strerror(-ret));
        g_clear_error(&err);
    }
    return ret >= 0;
}

static bool target_zero_init(BlockBackend *blk)
{
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    return bdrv_has_zero_init(blk_bs(blk));
}

static bool prepare_target(Convert *c, ConvertArgs *a, const char *name)
{
    BlockDriverInfo info = { 0 };
    int64_t length;

    if (!a->no_create) {
        int status = img_create_image(name, a->out_fmt, a->backing, a->backing_fmt, g_steal_pointer(&a->options),
                                      c->length, true, true);

        if (status) {
            return false;
        }
    }
    a->dst.flags |= BDRV_O_RDWR | (a->no_create ? 0 : BDRV_O_RESIZE);
    a->dst.fmt = a->out_fmt;
    c->dst = img_open(name, &a->dst);
    if (!c->dst) {
        return false;
    }
    length = blk_getlength(c->dst);
    if (length < c->length) {
        tool_error("output file is smaller than input file");
        return false;
    }
    c->target_has_backing = a->backing != NULL;
    c->target_is_zero = a->target_is_zero || (!a->no_create && !a->backing && target_zero_init(c->dst));
    if (c->compressed) {
        if (bdrv_get_info(blk_bs(c->dst), &info) < 0 || !info.cluster_size ||
            strcmp(bdrv_get_format_name(blk_bs(c->dst)), "qcow2")) {
            tool_error("Compression not supported for this file format");
            return false;
        }
        c->cluster = info.cluster_size;
        c->in_order = true;
    }
    return true;
}

static int convert(Convert *c, ConvertArgs *a, const char *src, const char *dst)
{
    int status = 1;

    c->src_name = src;
    c->src = img_open(src, &a->src);
    if (!c->src) {
        return 1;
    }
    if (!a->snapshot || load_snapshot(c->src, a->snapshot)) {
        if (a->snapshot) {
            c->length = bdrv_getlength(blk_bs(c->src));
        } else {
            c->length = blk_getlength(c->src);
        }
        if (c->length < 0) {
            tool_error("Could not get size of '%s': %s", src, g_strerror(-c->length));
        } else if (prepare_target(c, a, dst)) {
            status = copy_all(c);
        }
    }
    if (c->dst) {
        blk_unref(c->dst);
    }
    blk_unref(c->src);
    return status;
}

static bool options_option(ConvertArgs *a, const char *arg)
{
    GError *err = NULL;
    QDict *more = qdict_from_keyval(arg, NULL, &err);

    if (!more) {
        tool_report(err);
        return false;
    }
    if (a->options) {
        qdict_join(a->options, more, true);
        qdict_unref(more);
    } else {
        a->options = more;
    }
    return true;
}

static bool convert_option(Convert *c, ConvertArgs *a, int o, const char *arg)
{
    int64_t n;

    switch (o) {
    case 'f':
        a->src.fmt = arg;
        return true;
    case 'O':
        a->out_fmt = arg;
        return true;
    case 'B':
        a->backing = arg;
        return true;
    case 'F':
        a->backing_fmt = arg;
        return true;
    case 'l':
        a->snapshot = arg;
        return true;
    case 'o':
        return options_option(a, arg);
    case 'c':
        c->compressed = true;
        return true;
    case 'p':
        c->progress = true;
        return true;
    case 'q':
        a->quiet = true;
        return true;
    case 'n':
        a->no_create = true;
        return true;
    case 'W':
        c->in_order = false;
        return true;
    case 'U':
        a->src.force_share = true;
        return true;
    case OPT_IMAGE_OPTS:
        a->src.image_opts = true;
        return true;
    case OPT_TARGET_ZERO:
        a->target_is_zero = true;
        return true;
    case 'm':
        if (!img_parse_count("number of coroutines", arg, 1, MAX_COROUTINES, &n)) {
            return false;
        }
        c->coroutines = (int)n;
        return true;
    case 'S':
        if (!img_parse_count("buffer size for sparse output", arg, 0, CONVERT_BUFFER, &n) || n % 512) {
            tool_error("Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 up to %"
                       PRId64 ". Select 0 to disable sparse detection (fully allocates output).", CONVERT_BUFFER);
            return false;
        }
        c->min_sparse = n;
        return true;
    case 't':
        if (!tool_parse_cache(arg, &a->dst.flags, &a->dst.writethrough)) {
            tool_error("Invalid cache option: %s", arg);
            return false;
        }
        return true;
    default:
        if (!tool_parse_cache(arg, &a->src.flags, &a->src.writethrough)) {
            tool_error("Invalid source cache option: %s", arg);
            return false;
        }
        return true;
    }
}

int img_convert(int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'f', 'f', NULL, true }, { 'O', 'O', NULL, true }, { 'B', 'B', NULL, true }, { 'F', 'F', NULL, true },
        { 'l', 'l', NULL, true }, { 'o', 'o', NULL, true }, { 'c', 'c', NULL, false }, { 'p', 'p', NULL, false },
        { 'q', 'q', NULL, false }, { 'n', 'n', NULL, false }, { 'W', 'W', NULL, false },
        { 'U', 'U', "force-share", false }, { 'm', 'm', NULL, true }, { 'S', 'S', NULL, true },
        { 't', 't', NULL, true }, { 'T', 'T', NULL, true }, { OPT_IMAGE_OPTS, 0, "image-opts", false },
        { OPT_TARGET_ZERO, 0, "target-is-zero", false }, { 0 },
    };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    ConvertArgs args = { .out_fmt = "raw", .dst.flags = BDRV_O_NO_FLUSH };
    Convert c = { .min_sparse = 4096, .in_order = true, .coroutines = 8 };
    const char *arg;
    int status = 1;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        if (o == 'o' && (!strcmp(arg, "help") || !strcmp(arg, "?"))) {
            return img_print_create_options(args.out_fmt);
        }
        if (!convert_option(&c, &args, o, arg)) {
            qdict_unref(args.options);
            return 1;
        }
    }
    if (o == 0 && a.words->len != 2) {
        tool_error("Must specify image file name");
    } else if (o == 0 && args.target_is_zero && !args.no_create) {
        tool_error("--target-is-zero requires use of -n flag");
    } else if (o == 0 && args.no_create && args.options) {
        tool_error("-o has no effect when skipping image creation");
    } else if (o == 0 && args.backing && c.compressed) {
        tool_error("Compression and a backing file (-B) cannot be combined");
    } else if (o == 0) {
        c.progress = c.progress && !args.quiet;
        status = convert(&c, &args, g_ptr_array_index(a.words, 0), g_ptr_array_index(a.words, 1));
    }
    qdict_unref(args.options);
    return status;
}
