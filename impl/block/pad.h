/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Padding of unaligned requests. Private to impl/block: read.c and write.c. */
#ifndef BLOCK_PAD_H
#define BLOCK_PAD_H

#include "block/state.h"

/*
 * An aligned request made of an unaligned one:
 *
 *   |<- head ->|<----- the caller's bytes ----->|<- tail ->|
 *   ^ offset                                               ^ offset + bytes
 *
 * head_buf holds the first block, tail_buf the last one; the same buffer if there is only one block (merged).
 */
typedef struct BdrvPad {
    int64_t offset;
    int64_t bytes;
    int64_t align;
    int64_t head;               /* bytes before the caller's, 0..align - 1 */
    int64_t tail;
    uint8_t *head_buf;          /* align bytes; NULL without head */
    uint8_t *tail_buf;
    uint8_t *mem;               /* what owns both */
    uint8_t *bounce;            /* stands for the caller's vector if that has too many elements */
    QEMUIOVector qiov;
    bool active;
    bool merged;
} BdrvPad;

/** bdrv_pad_begin: grow [offset, offset + bytes) to @align. False: nothing to do. @qiov NULL: no data (zeroes). */
bool bdrv_pad_begin(BlockDriverState *bs, BdrvPad *pad, QEMUIOVector *qiov, size_t qiov_offset, int64_t offset,
                    int64_t bytes, int64_t align, bool write);
/** bdrv_pad_end: @copy_back: give a bounced read to the caller. Safe when nothing was padded. */
void bdrv_pad_end(BdrvPad *pad, QEMUIOVector *qiov, size_t qiov_offset, bool copy_back);
/** bdrv_pad_read: fill head and tail with what is on the node. 0 or -errno: then the write must not happen. */
int coroutine_fn bdrv_pad_read(BdrvChild *child, BdrvTrackedRequest *req, BdrvPad *pad) GRAPH_RDLOCK
    G_GNUC_WARN_UNUSED_RESULT;

#endif
