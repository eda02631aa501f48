/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMUFile: a buffered byte stream in one direction, big endian, over a channel.
 *
 * Errors stick: after the first one puts are dropped and gets return zeroes, so that callers check once per
 * section instead of once per byte. The first error is the one that is reported.
 *
 * Context: one user at a time (a thread or a coroutine); only shutdown and the error and position queries may
 * come from another thread. A flush or a refill calls the channel, which may yield in a coroutine and may block
 * or poll outside of one. A file over a block node therefore needs the BQL when not in a coroutine.
 *
 * I1  The buffer holds bytes [pos - fill, pos) of the stream in read mode, [pos, pos + fill) in write mode.
 * I2  Once error is non-zero, no further byte reaches or leaves the channel.
 */
#ifndef MIGRATION_QEMU_FILE_H
#define MIGRATION_QEMU_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

typedef struct QEMUFile QEMUFile;
typedef struct BlockDriverState BlockDriverState;
typedef struct BlockBackend BlockBackend;

/** What a channel can do. Positions are absolute, from 0; a stream ignores them. All may block or yield. */
typedef struct QEMUFileOps {
    const char *name;
    /** Writes everything or fails: 0 or -errno with @errp set. NULL: cannot be written. */
    int (*writev)(void *opaque, const struct iovec *iov, int niov, uint64_t pos, GError **errp);
    /** Returns 1..@size, 0 at the end, -errno with @errp set. NULL: cannot be read. */
    ssize_t (*read)(void *opaque, void *buf, size_t size, uint64_t pos, GError **errp);
    /** Releases @opaque in any case. Returns 0 or -errno with @errp set. */
    int (*close)(void *opaque, GError **errp);
    /** Makes blocked and later calls of both directions fail, from any thread. NULL: not supported. */
    int (*shutdown)(void *opaque);
} QEMUFileOps;

#define QEMU_FILE_BUFFER_SIZE (32 * 1024)       /* bytes, default */

/* Takes @opaque; it is given back to ops->close by qemu_fclose. */
QEMUFile *qemu_file_new_output(const QEMUFileOps *ops, void *opaque);
QEMUFile *qemu_file_new_input(const QEMUFileOps *ops, void *opaque);

/** qemu_file_set_buffer_size: @size >= 1 bytes (input: 512 or more is used). Only before the first byte. */
void qemu_file_set_buffer_size(QEMUFile *f, size_t size);

/**
 * qemu_fclose: flush (write mode), close the channel, free @f. NULL is allowed.
 * Returns 0 or the first error (-errno) of the file's life.
 */
int qemu_fclose(QEMUFile *f);
/** qemu_fflush: hand all buffered bytes to the channel. Returns 0 or the sticky error. */
int qemu_fflush(QEMUFile *f);
/** qemu_file_shutdown: fail all I/O from now on with -EIO; thread safe. The file must still be closed. */
int qemu_file_shutdown(QEMUFile *f);

/** qemu_file_get_error: 0 or the first -errno. */
int qemu_file_get_error(QEMUFile *f);
/** qemu_file_get_error_obj: the same with a message for the user; @errp untouched when there is no error. */
int qemu_file_get_error_obj(QEMUFile *f, GError **errp);
/** qemu_file_set_error: @ret: -errno; kept only if it is the first. */
void qemu_file_set_error(QEMUFile *f, int ret);
/** qemu_file_set_error_obj: takes @err, which may be NULL. */
void qemu_file_set_error_obj(QEMUFile *f, int ret, GError *err);
bool qemu_file_is_writable(const QEMUFile *f);

/** qemu_file_transferred: bytes put or got so far, buffered ones included. */
uint64_t qemu_file_transferred(QEMUFile *f);

/* Rate limit: bytes that may be put before qemu_file_rate_exceeded() says stop; 0: no limit. */
void qemu_file_set_rate_limit(QEMUFile *f, uint64_t bytes);
bool qemu_file_rate_exceeded(QEMUFile *f);
/** qemu_file_reset_rate: a new window starts now. */
void qemu_file_reset_rate(QEMUFile *f);

void qemu_put_buffer(QEMUFile *f, const uint8_t *buf, size_t size);
void qemu_put_byte(QEMUFile *f, int v);
void qemu_put_be16(QEMUFile *f, unsigned v);
void qemu_put_be32(QEMUFile *f, unsigned v);
void qemu_put_be64(QEMUFile *f, uint64_t v);
/** qemu_put_counted_string: one length byte and the bytes of @str, at most 255. */
void qemu_put_counted_string(QEMUFile *f, const char *str);

static inline void qemu_put_ubyte(QEMUFile *f, unsigned v)
{
    qemu_put_byte(f, (int)v);
}
#define qemu_put_8s(f, p) qemu_put_byte((f), *(p))
#define qemu_put_be16s(f, p) qemu_put_be16((f), *(p))
#define qemu_put_be32s(f, p) qemu_put_be32((f), *(p))
#define qemu_put_be64s(f, p) qemu_put_be64((f), *(p))

/** qemu_get_buffer: returns @size, or less at the end or after an error (the rest of @buf is zeroed). */
size_t qemu_get_buffer(QEMUFile *f, uint8_t *buf, size_t size);
/** qemu_peek_byte: the byte @offset places ahead, 0 if there is none; @offset < 512. Not consumed. */
int qemu_peek_byte(QEMUFile *f, int offset);
/**
 * qemu_peek_buffer: copy up to @size bytes from @offset ahead without consuming; @offset + @size <= 512.
 * Returns how many there are.
 */
size_t qemu_peek_buffer(QEMUFile *f, uint8_t *buf, size_t size, size_t offset);
void qemu_file_skip(QEMUFile *f, size_t size);
int qemu_get_byte(QEMUFile *f);
unsigned qemu_get_be16(QEMUFile *f);
unsigned qemu_get_be32(QEMUFile *f);
uint64_t qemu_get_be64(QEMUFile *f);
#define qemu_get_ubyte(f) ((unsigned)qemu_get_byte(f))
/** qemu_get_counted_string: @buf: 256 bytes, NUL-terminated. Returns the length, 0 if the stream ends inside. */
size_t qemu_get_counted_string(QEMUFile *f, char buf[256]);

/* ---- Channels ---- */

/**
 * qemu_fopen_bdrv: the VM state area of @bs (qcow2's, at guest offsets past the disk). @bs is borrowed.
 * Position 0 is the start of the area. Closing an output flushes the node.
 */
QEMUFile *qemu_fopen_bdrv(BlockDriverState *bs, bool is_writable);

/**
 * qemu_fopen_stream: a stream descriptor of sched/io.h, taken over. In a coroutine a read that has no data
 * yields until the descriptor is ready; elsewhere reads and writes block the thread.
 * @child: the descriptor came from sched_stream_spawn: closing waits for the child and fails if it failed.
 * NULL with @errp if there is no descriptor left for its notifier; then @fd is closed.
 */
G_GNUC_WARN_UNUSED_RESULT
QEMUFile *qemu_fopen_stream(int fd, bool is_writable, bool child, GError **errp);

/** qemu_fopen_file: a file descriptor of sched/io.h, taken over; position 0 is byte @offset of the file. */
QEMUFile *qemu_fopen_file(int fd, uint64_t offset, bool is_writable);

/**
 * qemu_fopen_backend: a whole block device as one stream; @pos (borrowed, must outlive the file) follows the
 * bytes written. @blk is borrowed. Reading past the end of the device is an error, across it is short.
 */
QEMUFile *qemu_fopen_backend(BlockBackend *blk, uint64_t *pos, bool is_writable);

/** qemu_fopen_memory: @bytes (borrowed) is written from its end, or read from its start. */
QEMUFile *qemu_fopen_memory(GByteArray *bytes, bool is_writable);

#endif
