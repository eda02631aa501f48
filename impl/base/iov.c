/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Scatter-gather vectors: construction and copies. Pure memory, no context needed. */
#include "base/iov.h"
#include "base/assert.h"
#include "base/bytes.h"

void qemu_iovec_init(QEMUIOVector *qiov, int alloc_hint)
{
    *qiov = (QEMUIOVector){ .nalloc = MAX(alloc_hint, 1) };
    qiov->iov = g_new(struct iovec, qiov->nalloc);
}

void qemu_iovec_init_external(QEMUIOVector *qiov, struct iovec *iov, int niov)
{
    *qiov = (QEMUIOVector){ .iov = iov, .niov = niov, .nalloc = -1, .size = iov_size(iov, niov) };
}

void qemu_iovec_init_buf(QEMUIOVector *qiov, void *buf, size_t len)
{
    *qiov = (QEMUIOVector){
        .niov = 1, .nalloc = -1, .size = len, .local_iov = { .iov_base = buf, .iov_len = len },
    };
    qiov->iov = &qiov->local_iov;
}

void qemu_iovec_add(QEMUIOVector *qiov, void *base, size_t len)
{
    assert(qiov->nalloc != -1);
    if (qiov->niov == qiov->nalloc) {
        qiov->nalloc = 2 * qiov->nalloc + 1;
        qiov->iov = g_renew(struct iovec, qiov->iov, qiov->nalloc);
    }
    qiov->iov[qiov->niov++] = (struct iovec){ .iov_base = base, .iov_len = len };
    qiov->size += len;
}

void qemu_iovec_concat(QEMUIOVector *dst, QEMUIOVector *src, size_t soffset, size_t sbytes)
{
    assert(soffset <= src->size && sbytes <= src->size - soffset);
    for (int i = 0; i < src->niov && sbytes; i++) {
        size_t len = src->iov[i].iov_len;

        if (soffset >= len) {
            soffset -= len;
            continue;
        }
        len = MIN(len - soffset, sbytes);
        qemu_iovec_add(dst, (char *)src->iov[i].iov_base + soffset, len);
        sbytes -= len;
        soffset = 0;
    }
}

void qemu_iovec_init_slice(QEMUIOVector *qiov, QEMUIOVector *src, size_t offset, size_t len)
{
    qemu_iovec_init(qiov, src->niov);
    qemu_iovec_concat(qiov, src, offset, len);
}

void qemu_iovec_destroy(QEMUIOVector *qiov)
{
    if (qiov->nalloc != -1) {
        g_free(qiov->iov);
    }
    *qiov = (QEMUIOVector){ .nalloc = -1 };
}

void qemu_iovec_reset(QEMUIOVector *qiov)
{
    assert(qiov->nalloc != -1);
    qiov->niov = 0;
    qiov->size = 0;
}

size_t iov_size(const struct iovec *iov, unsigned niov)
{
    size_t size = 0;

    for (unsigned i = 0; i < niov; i++) {
        size += iov[i].iov_len;
    }
    return size;
}

typedef enum IovAction { IOV_TO_BUF, IOV_FROM_BUF, IOV_FILL } IovAction;

/* One walk for every copy: the byte range [offset, offset + bytes) of the vector against @buf. */
static size_t iov_walk(const struct iovec *iov, unsigned niov, size_t offset, uint8_t *buf, size_t bytes,
                       IovAction action, int fillc)
{
    size_t done = 0;

    for (unsigned i = 0; i < niov && done < bytes; i++) {
        size_t len = iov[i].iov_len;
        uint8_t *base = iov[i].iov_base;

        if (offset >= len) {
            offset -= len;
            continue;
        }
        len = MIN(len - offset, bytes - done);
        switch (action) {
        case IOV_TO_BUF:
            memcpy(buf + done, base + offset, len);
            break;
        case IOV_FROM_BUF:
            memcpy(base + offset, buf + done, len);
            break;
        case IOV_FILL:
            memset(base + offset, fillc, len);
            break;
        }
        done += len;
        offset = 0;
    }
    return done;
}

size_t iov_to_buf(const struct iovec *iov, unsigned niov, size_t offset, void *buf, size_t bytes)
{
    return iov_walk(iov, niov, offset, buf, bytes, IOV_TO_BUF, 0);
}

size_t iov_from_buf(const struct iovec *iov, unsigned niov, size_t offset, const void *buf, size_t bytes)
{
    return iov_walk(iov, niov, offset, (uint8_t *)buf, bytes, IOV_FROM_BUF, 0);
}

size_t qemu_iovec_to_buf(const QEMUIOVector *qiov, size_t offset, void *buf, size_t bytes)
{
    return iov_to_buf(qiov->iov, qiov->niov, offset, buf, bytes);
}

size_t qemu_iovec_from_buf(QEMUIOVector *qiov, size_t offset, const void *buf, size_t bytes)
{
    return iov_from_buf(qiov->iov, qiov->niov, offset, buf, bytes);
}

size_t qemu_iovec_memset(QEMUIOVector *qiov, size_t offset, int fillc, size_t bytes)
{
    return iov_walk(qiov->iov, qiov->niov, offset, NULL, bytes, IOV_FILL, fillc);
}

bool qemu_iovec_is_zero(const QEMUIOVector *qiov, size_t offset, size_t bytes)
{
    for (int i = 0; i < qiov->niov && bytes; i++) {
        size_t len = qiov->iov[i].iov_len;

        if (offset >= len) {
            offset -= len;
            continue;
        }
        len = MIN(len - offset, bytes);
        if (!buffer_is_zero((char *)qiov->iov[i].iov_base + offset, len)) {
            return false;
        }
        bytes -= len;
        offset = 0;
    }
    return bytes == 0;
}
