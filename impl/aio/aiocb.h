/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * BlockAIOCB: a request in callback style, completed exactly once through its callback.
 */
#ifndef AIO_AIOCB_H
#define AIO_AIOCB_H

#include "base/context.h"

#include <stddef.h>

struct BlockDriverState;
typedef struct BlockAIOCB BlockAIOCB;
/** BlockCompletionFunc: @ret is 0 or -errno. */
typedef void BlockCompletionFunc(void *opaque, int ret);

typedef struct AIOCBInfo {
    void (*cancel_async)(BlockAIOCB *acb);      /* may be NULL: cannot be cancelled */
    size_t aiocb_size;                          /* of the struct that embeds the BlockAIOCB first */
} AIOCBInfo;

struct BlockAIOCB {
    const AIOCBInfo *aiocb_info;
    struct BlockDriverState *bs;
    BlockCompletionFunc *cb;
    void *opaque;
    int refcnt;
};

/** qemu_aio_get: a zeroed request with one reference. */
void *qemu_aio_get(const AIOCBInfo *aiocb_info, struct BlockDriverState *bs,
                   BlockCompletionFunc *cb, void *opaque);
void qemu_aio_ref(void *acb);
void qemu_aio_unref(void *acb);

#endif
