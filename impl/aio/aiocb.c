/* SPDX-License-Identifier: GPL-2.0-or-later */
/* References of callback-style requests; counted in the request's own context only. */
#include "aio/aiocb.h"
#include "base/assert.h"

void *qemu_aio_get(const AIOCBInfo *aiocb_info, struct BlockDriverState *bs,
                   BlockCompletionFunc *cb, void *opaque)
{
    BlockAIOCB *acb = g_malloc0(aiocb_info->aiocb_size);

    acb->aiocb_info = aiocb_info;
    acb->bs = bs;
    acb->cb = cb;
    acb->opaque = opaque;
    acb->refcnt = 1;
    return acb;
}

void qemu_aio_ref(void *acb)
{
    ((BlockAIOCB *)acb)->refcnt++;
}

void qemu_aio_unref(void *acb)
{
    BlockAIOCB *a = acb;

    assert(a->refcnt > 0);
    if (--a->refcnt == 0) {
        g_free(a);
    }
}
