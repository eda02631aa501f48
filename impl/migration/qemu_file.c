/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The buffer between puts and gets of a few bytes and a channel that likes large pieces.
 *
 * Owns: nothing per machine; a file belongs to who opened it. Context and invariants: qemu_file.h.
 */
#include "migration/qemu_file.h"

#include "base/assert.h"
#include "base/bytes.h"

#include <inttypes.h>

enum { PEEK_MAX = 512 };        /* furthest that anybody looks ahead, bytes */

struct QEMUFile {
    /* fixed after the first byte */
    const QEMUFileOps *ops;
    void *opaque;
    bool writable;
    size_t buf_size;

    /* owned by the user */
    uint8_t *buf;
    size_t fill;                /* valid bytes in buf */
    size_t index;               /* read mode: next byte; write mode: 0 */
    uint64_t pos;               /* channel position: of buf[fill] when reading, of buf[0] when writing (I1) */
    uint64_t rate_limit;        /* bytes per window, 0: none */
    uint64_t rate_start;        /* transferred at the start of the window */
    GError *error_obj;
    bool eof;                   /* the channel has no more; an error only for who needs a byte */

    /* atomics */
    int error;                  /* 0 or the first -errno */
    bool is_shutdown;
};

static QEMUFile *file_new(const QEMUFileOps *ops, void *opaque, bool writable)
{
    QEMUFile *f = g_new0(QEMUFile, 1);

    f->ops = ops;
    f->opaque = opaque;
    f->writable = writable;
    f->buf_size = QEMU_FILE_BUFFER_SIZE;
    return f;
}

QEMUFile *qemu_file_new_output(const QEMUFileOps *ops, void *opaque)
{
    assert(ops->writev);
    return file_new(ops, opaque, true);
}

QEMUFile *qemu_file_new_input(const QEMUFileOps *ops, void *opaque)
{
    assert(ops->read);
    return file_new(ops, opaque, false);
}

void qemu_file_set_buffer_size(QEMUFile *f, size_t size)
{
    assert(!f->buf && size > 0);
    f->buf_size = f->writable ? size : MAX(size, PEEK_MAX);
}

static void file_need_buffer(QEMUFile *f)
{
    if (!f->buf) {
        f->buf = g_malloc(f->buf_size);
    }
}

int qemu_file_get_error(QEMUFile *f)
{
    int error = __atomic_load_n(&f->error, __ATOMIC_RELAXED);

    if (!error && __atomic_load_n(&f->is_shutdown, __ATOMIC_RELAXED)) {
        return -EIO;
    }
    return error;
}

int qemu_file_get_error_obj(QEMUFile *f, GError **errp)
{
    int error = qemu_file_get_error(f);

    if (error && errp) {
        if (f->error_obj) {
            *errp = g_error_copy(f->error_obj);
        } else {
            error_setg_errno(errp, error, "Channel error");
        }
    }
    return error;
}

void qemu_file_set_error_obj(QEMUFile *f, int ret, GError *err)
{
    int expected = 0;

    assert(ret < 0);
    if (__atomic_compare_exchange_n(&f->error, &expected, ret, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
        f->error_obj = g_steal_pointer(&err);
    }
    g_clear_error(&err);
}

void qemu_file_set_error(QEMUFile *f, int ret)
{
    qemu_file_set_error_obj(f, ret, NULL);
}

bool qemu_file_is_writable(const QEMUFile *f)
{
    return f->writable;
}

int qemu_file_shutdown(QEMUFile *f)
{
    /* The flag goes first: whoever the channel wakes must find it. */
    __atomic_store_n(&f->is_shutdown, true, __ATOMIC_SEQ_CST);
    return f->ops->shutdown ? f->ops->shutdown(f->opaque) : -ENOSYS;
}

uint64_t qemu_file_transferred(QEMUFile *f)
{
    return f->writable ? f->pos + f->fill : f->pos - (f->fill - f->index);
}

void qemu_file_set_rate_limit(QEMUFile *f, uint64_t bytes)
{
    f->rate_limit = bytes;
}

void qemu_file_reset_rate(QEMUFile *f)
{
    f->rate_start = qemu_file_transferred(f);
}

bool qemu_file_rate_exceeded(QEMUFile *f)
{
    if (qemu_file_get_error(f)) {
        return true;
    }
    return f->rate_limit && qemu_file_transferred(f) - f->rate_start > f->rate_limit;
}

/* ---- Writing ---- */

static void file_writev(QEMUFile *f, const struct iovec *iov, int niov, size_t len)
{
    GError *err = NULL;
    int ret = qemu_file_get_error(f);

    if (ret) {
        return;     /* (I2) */
    }
    ret = f->ops->writev(f->opaque, iov, niov, f->pos, &err);
    if (ret < 0) {
        qemu_file_set_error_obj(f, ret, err);
    } else {
        f->pos += len;
    }
}

int qemu_fflush(QEMUFile *f)
{
    if (!f->writable || f->fill == 0) {
        return qemu_file_get_error(f);
    }
    struct iovec iov = { .iov_base = f->buf, .iov_len = f->fill };

    file_writev(f, &iov, 1, f->fill);
    f->fill = 0;
    return qemu_file_get_error(f);
}

void qemu_put_buffer(QEMUFile *f, const uint8_t *buf, size_t size)
{
    assert(f->writable);
    file_need_buffer(f);
    while (size > 0 && !qemu_file_get_error(f)) {
        size_t n = MIN(size, f->buf_size - f->fill);

        memcpy(f->buf + f->fill, buf, n);
        f->fill += n;
        buf += n;
        size -= n;
        if (f->fill == f->buf_size) {
            (void)qemu_fflush(f);   /* the error sticks */
        }
    }
}

void qemu_put_byte(QEMUFile *f, int v)
{
    uint8_t b = (uint8_t)v;

    qemu_put_buffer(f, &b, 1);
}

void qemu_put_be16(QEMUFile *f, unsigned v)
{
    uint8_t b[2];

    st16_be(b, (uint16_t)v);
    qemu_put_buffer(f, b, sizeof(b));
}

void qemu_put_be32(QEMUFile *f, unsigned v)
{
    uint8_t b[4];

    st32_be(b, v);
    qemu_put_buffer(f, b, sizeof(b));
}

void qemu_put_be64(QEMUFile *f, uint64_t v)
{
    uint8_t b[8];

    st64_be(b, v);
    qemu_put_buffer(f, b, sizeof(b));
}

void qemu_put_counted_string(QEMUFile *f, const char *str)
{
    size_t len = strlen(str);

    assert(len < 256);
    qemu_put_byte(f, (int)len);
    qemu_put_buffer(f, (const uint8_t *)str, len);
}

/* ---- Reading ---- */

/* Append what the channel has; moves unread bytes to the front first. Returns bytes added, 0 at the end or on error. */
static size_t file_refill(QEMUFile *f)
{
    GError *err = NULL;
    ssize_t ret;

    if (f->eof || qemu_file_get_error(f)) {
        return 0;
    }
    file_need_buffer(f);
    if (f->index > 0) {
        memmove(f->buf, f->buf + f->index, f->fill - f->index);
        f->fill -= f->index;
        f->index = 0;
    }
    if (f->fill == f->buf_size) {
        return 0;
    }
    ret = f->ops->read(f->opaque, f->buf + f->fill, f->buf_size - f->fill, f->pos, &err);
    if (ret <= 0) {
        f->eof = ret == 0;
        if (ret < 0) {
            qemu_file_set_error_obj(f, (int)ret, err);
        }
        return 0;
    }
    assert((size_t)ret <= f->buf_size - f->fill);
    f->fill += (size_t)ret;
    f->pos += (uint64_t)ret;
    return (size_t)ret;
}

size_t qemu_get_buffer(QEMUFile *f, uint8_t *buf, size_t size)
{
    size_t done = 0;

    assert(!f->writable);
    while (done < size) {
        size_t n = MIN(size - done, f->fill - f->index);

        if (n == 0 && (qemu_file_get_error(f) || file_refill(f) == 0)) {
            break;
        }
        if (n > 0) {
            memcpy(buf + done, f->buf + f->index, n);
            f->index += n;
            done += n;
        }
    }
    if (done < size) {
        GError *err = NULL;

        error_setg(&err, "Unexpected end of the stream at byte %" PRIu64, f->pos);
        qemu_file_set_error_obj(f, -EIO, err);
        memset(buf + done, 0, size - done);
    }
    return done;
}

size_t qemu_peek_buffer(QEMUFile *f, uint8_t *buf, size_t size, size_t offset)
{
    size_t have;

    assert(!f->writable && offset + size <= PEEK_MAX);
    while (f->fill - f->index < offset + size) {
        if (file_refill(f) == 0) {
            break;
        }
    }
    have = f->fill - f->index;
    if (qemu_file_get_error(f) || have <= offset) {
        return 0;
    }
    have = MIN(have - offset, size);
    memcpy(buf, f->buf + f->index + offset, have);
    return have;
}

int qemu_peek_byte(QEMUFile *f, int offset)
{
    uint8_t b;

    return qemu_peek_buffer(f, &b, 1, (size_t)offset) == 1 ? b : 0;
}

void qemu_file_skip(QEMUFile *f, size_t size)
{
    uint8_t sink[512];

    while (size > 0) {
        size_t n = MIN(size, sizeof(sink));

        if (qemu_get_buffer(f, sink, n) < n) {
            return;
        }
        size -= n;
    }
}

int qemu_get_byte(QEMUFile *f)
{
    uint8_t b;

    (void)qemu_get_buffer(f, &b, 1);    /* zero at the end; the error sticks */
    return b;
}

unsigned qemu_get_be16(QEMUFile *f)
{
    uint8_t b[2];

    (void)qemu_get_buffer(f, b, sizeof(b));     /* as qemu_get_byte */
    return ld16_be(b);
}

unsigned qemu_get_be32(QEMUFile *f)
{
    uint8_t b[4];

    (void)qemu_get_buffer(f, b, sizeof(b));     /* as qemu_get_byte */
    return ld32_be(b);
}

uint64_t qemu_get_be64(QEMUFile *f)
{
    uint8_t b[8];

    (void)qemu_get_buffer(f, b, sizeof(b));     /* as qemu_get_byte */
    return ld64_be(b);
}

size_t qemu_get_counted_string(QEMUFile *f, char buf[256])
{
    size_t len = qemu_get_ubyte(f);
    size_t got = qemu_get_buffer(f, (uint8_t *)buf, len);

    buf[len] = '\0';
    return got == len ? len : 0;
}

int qemu_fclose(QEMUFile *f)
{
    GError *err = NULL;
    int ret, ret_close = 0;

    if (!f) {
        return 0;
    }
    ret = qemu_fflush(f);
    if (f->ops->close) {
        ret_close = f->ops->close(f->opaque, &err);
    }
    g_clear_error(&err);
    g_clear_error(&f->error_obj);
    g_free(f->buf);
    g_free(f);
    return ret < 0 ? ret : ret_close;
}
