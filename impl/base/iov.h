/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scatter-gather vectors. A QEMUIOVector either owns its array of struct iovec (grown by add) or wraps one
 * buffer; it never owns the bytes.
 */
#ifndef BASE_IOV_H
#define BASE_IOV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct QEMUIOVector {
    struct iovec *iov;
    int niov;
    int nalloc;             /* -1: iov points at local_iov or at the caller's array */
    size_t size;            /* sum of all lengths, bytes */
    struct iovec local_iov;
} QEMUIOVector;

/** qemu_iovec_init: an empty vector with room for @alloc_hint elements. Pair with qemu_iovec_destroy. */
void qemu_iovec_init(QEMUIOVector *qiov, int alloc_hint);
/** qemu_iovec_init_external: wrap the caller's @iov; nothing to destroy, nothing may be added. */
void qemu_iovec_init_external(QEMUIOVector *qiov, struct iovec *iov, int niov);
/** qemu_iovec_init_buf: wrap one buffer; nothing to destroy, nothing may be added. */
void qemu_iovec_init_buf(QEMUIOVector *qiov, void *buf, size_t len);
void qemu_iovec_add(QEMUIOVector *qiov, void *base, size_t len);
/** qemu_iovec_concat: append bytes [soffset, soffset + sbytes) of @src; the range must be inside @src. */
void qemu_iovec_concat(QEMUIOVector *dst, QEMUIOVector *src, size_t soffset, size_t sbytes);
/** qemu_iovec_init_slice: a new vector over bytes [offset, offset + len) of @src. Pair with destroy. */
void qemu_iovec_init_slice(QEMUIOVector *qiov, QEMUIOVector *src, size_t offset, size_t len);
void qemu_iovec_destroy(QEMUIOVector *qiov);
void qemu_iovec_reset(QEMUIOVector *qiov);

/* Copies stop at the end of the vector and return the number of bytes done. */
size_t qemu_iovec_to_buf(const QEMUIOVector *qiov, size_t offset, void *buf, size_t bytes);
size_t qemu_iovec_from_buf(QEMUIOVector *qiov, size_t offset, const void *buf, size_t bytes);
size_t qemu_iovec_memset(QEMUIOVector *qiov, size_t offset, int fillc, size_t bytes);
bool qemu_iovec_is_zero(const QEMUIOVector *qiov, size_t offset, size_t bytes);

size_t iov_size(const struct iovec *iov, unsigned niov);
size_t iov_to_buf(const struct iovec *iov, unsigned niov, size_t offset, void *buf, size_t bytes);
size_t iov_from_buf(const struct iovec *iov, unsigned niov, size_t offset, const void *buf, size_t bytes);

#endif
