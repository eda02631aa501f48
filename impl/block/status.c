/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Block status: what a range is made of, in one node and through its backing chain.
 *
 * Context: coroutine in the node's context, graph reader lock.
 *
 * I1  *pnum > 0 for every answer inside the node; 0 only at or beyond its end.
 * I2  Asking *file for more detail never makes the answer less certain: only ZERO may be added, and *pnum shrink.
 */
#include "block/state.h"
#include "base/bytes.h"

typedef struct Status {
    int ret;
    int64_t pnum;
    int64_t map;
    BlockDriverState *file;
} Status;

static int coroutine_fn do_block_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                        Status *st) GRAPH_RDLOCK;

/* The driver's answer for the aligned range around the request, cut to it. */
static int coroutine_fn ask_driver(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes, Status *st)
    GRAPH_RDLOCK;
static int coroutine_fn ask_driver(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes, Status *st)
{
    int64_t align = bs->bl.request_alignment;
    int64_t aligned = QEMU_ALIGN_DOWN(offset, align);
    int64_t aligned_bytes = QEMU_ALIGN_UP(offset + bytes, align) - aligned;
    int ret;

    ret = bdrv_driver_block_status(bs, want_zero, aligned, aligned_bytes, &st->pnum, &st->map, &st->file);
    if (ret < 0) {
        return ret;
    }
    st->pnum = MIN(st->pnum - (offset - aligned), bytes);
    if (ret & BDRV_BLOCK_OFFSET_VALID) {
        st->map += offset - aligned;
    }
    return ret;
}

/* A layer without the range, over a backing file that ends before it or over none: zeroes if the format says so. */
static int coroutine_fn unallocated_zero(BlockDriverState *bs, bool want_zero, int64_t offset, Status *st)
    GRAPH_RDLOCK;
static int coroutine_fn unallocated_zero(BlockDriverState *bs, bool want_zero, int64_t offset, Status *st)
{
    BlockDriverState *cow = bdrv_cow_bs(bs);
    int64_t cow_len;

    if (!want_zero || !bs->drv->supports_backing) {
        return 0;
    }
    if (!cow) {
        return BDRV_BLOCK_ZERO;
    }
    cow_len = bdrv_co_getlength(cow);
    return cow_len >= 0 && offset >= cow_len ? BDRV_BLOCK_ZERO : 0;
}

/* What the file below knows about a range that this layer maps to it. */
static int coroutine_fn refine_from_file(bool want_zero, int64_t bytes, Status *st) GRAPH_RDLOCK;
static int coroutine_fn refine_from_file(bool want_zero, int64_t bytes, Status *st)
{
    Status below = { 0 };
    int ret = do_block_status(st->file, want_zero, st->map, st->pnum, &below);

    if (ret < 0) {
        return 0;               /* no more detail, no harm */
    }
    if ((ret & BDRV_BLOCK_EOF) && (!below.pnum || (ret & BDRV_BLOCK_ZERO))) {
        return BDRV_BLOCK_ZERO; /* beyond the end of the file */
    }
    st->pnum = below.pnum;      /* (I2) */
    return ret & BDRV_BLOCK_ZERO;
}

static int coroutine_fn counted_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                       Status *st) GRAPH_RDLOCK;
static int coroutine_fn counted_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                       Status *st)
{
    int ret = ask_driver(bs, want_zero, offset, bytes, st);

    if (ret < 0) {
        return ret;
    }
    if (ret & BDRV_BLOCK_RAW) {
        return do_block_status(st->file, want_zero, st->map, st->pnum, st);
    }
    if (ret & (BDRV_BLOCK_DATA | BDRV_BLOCK_ZERO)) {
        ret |= BDRV_BLOCK_ALLOCATED;
    } else {
        ret |= unallocated_zero(bs, want_zero, offset, st);
    }
    if (want_zero && (ret & BDRV_BLOCK_RECURSE) && (ret & BDRV_BLOCK_DATA) && !(ret & BDRV_BLOCK_ZERO) &&
        (ret & BDRV_BLOCK_OFFSET_VALID) && st->file && st->file != bs) {
        ret |= refine_from_file(want_zero, bytes, st);
    }
    return ret & ~BDRV_BLOCK_RECURSE;
}

static int coroutine_fn do_block_status(BlockDriverState *bs, bool want_zero, int64_t offset, int64_t bytes,
                                        Status *st)
{
    int64_t total = bdrv_co_getlength(bs);
    int ret;

    *st = (Status){ 0 };
    if (total < 0) {
        return total;
    }
    if (offset >= total) {
        return BDRV_BLOCK_EOF;
    }
    if (!bytes) {
        return 0;
    }
    bytes = MIN(bytes, total - offset);
    bdrv_inc_in_flight(bs);
    ret = counted_status(bs, want_zero, offset, bytes, st);
    bdrv_dec_in_flight(bs);
    if (ret >= 0 && offset + st->pnum == total) {
        ret |= BDRV_BLOCK_EOF;
    }
    return ret;
}

int coroutine_fn bdrv_co_common_block_status_above(BlockDriverState *bs, BlockDriverState *base, bool include_base,
                                                   bool want_zero, int64_t offset, int64_t bytes, int64_t *pnum,
                                                   int64_t *map, BlockDriverState **file, int *depth)
{
    BlockDriverState *p;
    int64_t eof = 0;
    int64_t limit = bytes;
    int layers = 0;
    Status st = { 0 };
    int ret = 0;

    if (!include_base && bs == base) {
        *pnum = bytes;
        return 0;
    }
    for (p = bs; p && (include_base || p != base); p = bdrv_filter_or_cow_bs(p)) {
        layers++;
        ret = do_block_status(p, want_zero, offset, limit, &st);
        if (ret < 0) {
            break;
        }
        if (p == bs) {
            eof = ret & BDRV_BLOCK_EOF ? offset + st.pnum : 0;
            if (!st.pnum) {
                break;          /* at the end of the top layer */
            }
        } else if (!st.pnum) {
            /* A shorter backing file: what is missing reads as zeroes, and this layer is where that is decided. */
            assert(ret & BDRV_BLOCK_EOF);
            st.pnum = limit;
            st.file = p;
            ret = BDRV_BLOCK_ZERO | BDRV_BLOCK_ALLOCATED;
            break;
        }
        if (ret & BDRV_BLOCK_ALLOCATED) {
            ret &= ~BDRV_BLOCK_EOF;
            break;
        }
        limit = st.pnum;
        ret &= ~BDRV_BLOCK_EOF;
        if (p == base) {
            break;
        }
    }
    *pnum = st.pnum;
    if (map) {
        *map = st.map;
    }
    if (file) {
        *file = st.file;
    }
    if (depth) {
        *depth = layers;
    }
    if (ret >= 0 && eof && offset + st.pnum == eof) {
        ret |= BDRV_BLOCK_EOF;
    }
    return ret;
}

int coroutine_fn bdrv_co_block_status_above(BlockDriverState *bs, BlockDriverState *base, int64_t offset,
                                            int64_t bytes, int64_t *pnum, int64_t *map, BlockDriverState **file)
{
    return bdrv_co_common_block_status_above(bs, base, false, true, offset, bytes, pnum, map, file, NULL);
}

int coroutine_fn bdrv_co_block_status(BlockDriverState *bs, int64_t offset, int64_t bytes, int64_t *pnum,
                                      int64_t *map, BlockDriverState **file)
{
    return bdrv_co_block_status_above(bs, bdrv_filter_or_cow_bs(bs), offset, bytes, pnum, map, file);
}

int coroutine_fn bdrv_co_is_allocated(BlockDriverState *bs, int64_t offset, int64_t bytes, int64_t *pnum)
{
    int64_t dummy;
    int ret = bdrv_co_common_block_status_above(bs, bs, true, false, offset, bytes, pnum ? pnum : &dummy, NULL, NULL,
                                                NULL);

    return ret < 0 ? ret : !!(ret & BDRV_BLOCK_ALLOCATED);
}

int coroutine_fn bdrv_co_is_allocated_above(BlockDriverState *bs, BlockDriverState *base, bool include_base,
                                            int64_t offset, int64_t bytes, int64_t *pnum)
{
    int depth;
    int ret = bdrv_co_common_block_status_above(bs, base, include_base, false, offset, bytes, pnum, NULL, NULL,
                                                &depth);

    if (ret < 0) {
        return ret;
    }
    return ret & BDRV_BLOCK_ALLOCATED ? depth : 0;
}

int coroutine_fn bdrv_co_is_zero_fast(BlockDriverState *bs, int64_t offset, int64_t bytes)
{
    int64_t pnum = bytes;
    int ret;

    if (!bytes) {
        return 1;
    }
    ret = bdrv_co_common_block_status_above(bs, NULL, false, false, offset, bytes, &pnum, NULL, NULL, NULL);
    return ret < 0 ? ret : pnum == bytes && (ret & BDRV_BLOCK_ZERO);
}
