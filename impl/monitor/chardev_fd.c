/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back ends on one descriptor that is there from the start: stdio and fd.
 *
 * Context: handlers run in the iohandler context. End of file ends input; output still works then.
 */
#include "monitor/chardev_int.h"
#include "aio/main_loop.h"
#include "sched/io.h"

#include <string.h>

#define CHR_FD_CHUNK 4096

typedef struct ChrFd {
    Chardev parent;
    int fd;
    bool eof;
} ChrFd;

static void chr_fd_update(Chardev *chr);

static void chr_fd_readable(void *opaque)
{
    ChrFd *f = opaque;
    uint8_t buf[CHR_FD_CHUNK];
    int want = MIN(chr_wants_input(&f->parent), CHR_FD_CHUNK);
    ssize_t n;

    if (want > 0) {
        n = sched_stream_read(f->fd, buf, (size_t)want);
        if (n > 0) {
            chr_input(&f->parent, buf, (int)n);
        } else if (n != -EAGAIN) {
            f->eof = true;
            chr_event(&f->parent, CHR_EVENT_CLOSED);
        }
    }
    chr_fd_update(&f->parent);
}

static void chr_fd_writable(void *opaque)
{
    chr_flush_pending(opaque);
}

static void chr_fd_update(Chardev *chr)
{
    ChrFd *f = (ChrFd *)chr;

    aio_set_fd_handler_full(iohandler_get_aio_context(), f->fd,
                            !f->eof && chr_wants_input(chr) ? chr_fd_readable : NULL,
                            chr_wants_output(chr) ? chr_fd_writable : NULL, NULL, NULL, f, chr->channel);
}

static int chr_fd_write(Chardev *chr, const uint8_t *buf, int len)
{
    return (int)sched_stream_write(((ChrFd *)chr)->fd, buf, (size_t)len);
}

static void chr_fd_free(Chardev *chr)
{
    ChrFd *f = (ChrFd *)chr;

    aio_set_fd_handler_full(iohandler_get_aio_context(), f->fd, NULL, NULL, NULL, NULL, NULL, chr->channel);
    sched_close(f->fd);
}

static const ChardevClass chr_stdio_class = {
    .name = "stdio",
    .size = sizeof(ChrFd),
    .write = chr_fd_write,
    .update = chr_fd_update,
    .free = chr_fd_free,
};

static const ChardevClass chr_fd_class = {
    .name = "fd",
    .size = sizeof(ChrFd),
    .write = chr_fd_write,
    .update = chr_fd_update,
    .free = chr_fd_free,
};

static Chardev *chr_fd_make(const ChardevClass *klass, int fd, const char *label, const char *channel, GError **errp)
{
    ChrFd *f = chr_alloc(klass, label, channel, errp);

    if (!f) {
        sched_close(fd);
        return NULL;
    }
    f->fd = fd;
    chr_event(&f->parent, CHR_EVENT_OPENED);
    return &f->parent;
}

Chardev *chr_new_stdio(const char *label, const char *channel, ChrOpts *opts, GError **errp)
{
    bool signal;
    int fd;

    if (!chr_opts_get_bool(opts, "signal", true, &signal, errp) || !chr_opts_finish(opts, errp)) {
        return NULL;
    }
    for (Chardev *c = qemu_chr_next(NULL); c; c = qemu_chr_next(c)) {
        if (c->klass == &chr_stdio_class) {
            error_setg(errp, "cannot use stdio by multiple character devices");
            return NULL;
        }
    }
    fd = sched_stream_stdio(true);
    if (fd < 0) {
        error_setg_errno(errp, fd, "Failed to use the standard input and output");
        return NULL;
    }
    return chr_fd_make(&chr_stdio_class, fd, label, channel, errp);
}

Chardev *chr_new_fd(const char *label, const char *channel, ChrOpts *opts, GError **errp)
{
    uint64_t os_fd;
    int fd;

    if (!chr_opts_get(opts, "fd")) {
        error_setg(errp, "chardev: fd: no descriptor given");
        return NULL;
    }
    if (!chr_opts_get_number(opts, "fd", 0, &os_fd, errp) || !chr_opts_finish(opts, errp)) {
        return NULL;
    }
    fd = os_fd > G_MAXINT ? -EBADF : sched_stream_adopt(channel ? channel : label, (int)os_fd);
    if (fd < 0) {
        error_setg_errno(errp, fd, "Failed to use descriptor %" G_GUINT64_FORMAT, os_fd);
        return NULL;
    }
    return chr_fd_make(&chr_fd_class, fd, label, channel, errp);
}
