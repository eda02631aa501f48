/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams over sockets, pipes and child processes, over files at an offset, and over memory.
 *
 * Owns: the descriptors handed to it. Context: the sender's thread blocks here; a receiver in a coroutine yields
 * and is woken from the iohandler context, so that a nested poll of the main context never resumes a load.
 *
 * I1  A descriptor of a stream never blocks the OS thread in a read or write: the wait is a poll that shutdown ends,
 *     which a pipe would not do by itself.
 */
#include "migration/qemu_file.h"

#include "aio/coroutine.h"
#include "aio/main_loop.h"
#include "base/assert.h"
#include "sched/io.h"

typedef struct StreamChannel {
    SchedObject o;
    int fd;
    bool child;
    SchedNotifier stop;         /* set by shutdown */
    Coroutine *reader;          /* yielded in read */
} StreamChannel;

static void stream_read_ready(void *opaque)
{
    StreamChannel *c = opaque;
    Coroutine *co = c->reader;

    if (!co) {
        return;
    }
    qemu_set_fd_handler(c->fd, NULL, NULL, NULL);
    c->reader = NULL;
    aio_co_wake(co);
}

/* Until @fd is ready for @events or the channel is shut down. */
static void stream_wait(StreamChannel *c, unsigned short events)
{
    GPollFD fds[2] = {
        { .fd = c->fd, .events = events },
        { .fd = c->stop.fd, .events = G_IO_IN },
    };

    if (qemu_in_coroutine()) {
        assert(events == G_IO_IN && !c->reader);
        c->reader = qemu_coroutine_self();
        qemu_set_fd_handler(c->fd, stream_read_ready, NULL, c);
        qemu_coroutine_yield();
        return;
    }
    (void)sched_poll(&c->o, fds, 2, -1);    /* readiness is found out by trying */
}

static int stream_writev(void *opaque, const struct iovec *iov, int niov, uint64_t pos, GError **errp)
{
    StreamChannel *c = opaque;

    for (int i = 0; i < niov; i++) {
        size_t done = 0;

        while (done < iov[i].iov_len) {
            ssize_t ret = sched_stream_write(c->fd, (uint8_t *)iov[i].iov_base + done, iov[i].iov_len - done);

            if (ret == -EAGAIN) {
                if (sched_notifier_test_and_clear(&c->stop)) {
                    ret = -EIO;
                } else {
                    stream_wait(c, G_IO_OUT);
                    continue;
                }
            }
            if (ret < 0) {
                error_setg_errno(errp, (int)ret, "Unable to write to the migration stream");
                return (int)ret;
            }
            done += (size_t)ret;
        }
    }
    return 0;
}

static ssize_t stream_read(void *opaque, void *buf, size_t size, uint64_t pos, GError **errp)
{
    StreamChannel *c = opaque;
    ssize_t ret;

    while ((ret = sched_stream_read(c->fd, buf, size)) == -EAGAIN) {
        if (sched_notifier_test_and_clear(&c->stop)) {
            ret = -EIO;
            break;
        }
        stream_wait(c, G_IO_IN);
    }
    if (ret < 0) {
        error_setg_errno(errp, (int)ret, "Unable to read from the migration stream");
    }
    return ret;
}

static int stream_close(void *opaque, GError **errp)
{
    StreamChannel *c = opaque;
    int ret = 0;

    if (c->child) {
        ret = sched_stream_wait_child(c->fd);
        if (ret > 0) {
            error_setg(errp, "Command exited with status %d", ret);
            ret = -EIO;
        }
    } else {
        sched_close(c->fd);
    }
    sched_notifier_cleanup(&c->stop);
    g_free(c);
    return ret;
}

static int stream_shutdown(void *opaque)
{
    StreamChannel *c = opaque;

    sched_notifier_set(&c->stop);
    if (sched_stream_shutdown(c->fd) < 0) {
        /* Fails on a pipe; the notifier is what counts there. (I1) */
    }
    if (qemu_in_main_thread()) {
        stream_read_ready(c);
    }
    return 0;
}

static const QEMUFileOps stream_ops = {
    .name = "stream",
    .writev = stream_writev,
    .read = stream_read,
    .close = stream_close,
    .shutdown = stream_shutdown,
};

QEMUFile *qemu_fopen_stream(int fd, bool is_writable, bool child, GError **errp)
{
    StreamChannel *c = g_new0(StreamChannel, 1);
    int ret;

    sched_object_init(&c->o, "stream", "migration");
    c->fd = fd;
    c->child = child;
    ret = sched_notifier_init(&c->stop, "migration-stop");
    if (ret < 0) {
        error_setg_errno(errp, ret, "Unable to create an event notifier for the migration stream");
        if (child) {
            (void)sched_stream_wait_child(fd);      /* it has not seen a byte: how it ends says nothing */
        } else {
            sched_close(fd);
        }
        g_free(c);
        return NULL;
    }
    if (sched_stream_set_blocking(fd, false) < 0) {
        /* A plain file has no such mode, and never says EAGAIN. */
    }
    return is_writable ? qemu_file_new_output(&stream_ops, c) : qemu_file_new_input(&stream_ops, c);
}

/* ---- Files ---- */

typedef struct FileChannel {
    int fd;
    uint64_t offset;
} FileChannel;

static int file_writev(void *opaque, const struct iovec *iov, int niov, uint64_t pos, GError **errp)
{
    FileChannel *c = opaque;
    ssize_t ret = sched_file_pwritev(c->fd, iov, niov, c->offset + pos);

    if (ret < 0) {
        error_setg_errno(errp, (int)ret, "Unable to write to file");
    }
    return ret < 0 ? (int)ret : 0;
}

static ssize_t file_read(void *opaque, void *buf, size_t size, uint64_t pos, GError **errp)
{
    FileChannel *c = opaque;
    struct iovec iov = { .iov_base = buf, .iov_len = size };
    ssize_t ret = sched_file_preadv(c->fd, &iov, 1, c->offset + pos);

    if (ret < 0) {
        error_setg_errno(errp, (int)ret, "Unable to read from file");
    }
    return ret;
}

static int file_close(void *opaque, GError **errp)
{
    FileChannel *c = opaque;

    sched_close(c->fd);
    g_free(c);
    return 0;
}

static const QEMUFileOps file_ops = {
    .name = "file",
    .writev = file_writev,
    .read = file_read,
    .close = file_close,
};

QEMUFile *qemu_fopen_file(int fd, uint64_t offset, bool is_writable)
{
    FileChannel *c = g_new0(FileChannel, 1);

    c->fd = fd;
    c->offset = offset;
    return is_writable ? qemu_file_new_output(&file_ops, c) : qemu_file_new_input(&file_ops, c);
}

/* ---- Memory ---- */

static int memory_writev(void *opaque, const struct iovec *iov, int niov, uint64_t pos, GError **errp)
{
    for (int i = 0; i < niov; i++) {
        g_byte_array_append(opaque, iov[i].iov_base, (guint)iov[i].iov_len);
    }
    return 0;
}

static ssize_t memory_read(void *opaque, void *buf, size_t size, uint64_t pos, GError **errp)
{
    GByteArray *bytes = opaque;

    if (pos >= bytes->len) {
        return 0;
    }
    size = MIN(size, bytes->len - (size_t)pos);
    memcpy(buf, bytes->data + pos, size);
    return (ssize_t)size;
}

static const QEMUFileOps memory_ops = {
    .name = "memory",
    .writev = memory_writev,
    .read = memory_read,
};

QEMUFile *qemu_fopen_memory(GByteArray *bytes, bool is_writable)
{
    return is_writable ? qemu_file_new_output(&memory_ops, bytes) : qemu_file_new_input(&memory_ops, bytes);
}
