/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Back end "socket": unix or tcp, server or client, one peer at a time.
 *
 * A server listens whenever nobody is connected; further clients wait in the backlog. A client with reconnect= tries
 * again after that time. Descriptors that come with input are kept until the front end fetches them or the peer goes.
 *
 * Context: handlers run in the iohandler context, the reconnect timer in the main loop.
 *
 * I1  Exactly one of: connected (conn >= 0), listening (listener watched), waiting to reconnect, given up.
 * I2  Input that arrived before the peer hung up is delivered before CLOSED, as far as the front end takes it.
 */
#include "monitor/chardev_int.h"
#include "aio/main_loop.h"
#include "sched/io.h"

#include <string.h>

#define CHR_SOCKET_CHUNK 4096
#define CHR_SOCKET_MAX_FDS 16

typedef struct ChrSocket {
    Chardev parent;
    char *addr;                         /* for sched_stream_*: "unix:PATH" or "tcp:HOST:PORT" */
    bool server;
    int listener;                       /* -1: client */
    int conn;                           /* -1: nobody */
    int fds[CHR_SOCKET_MAX_FDS];        /* passed by the peer, oldest first */
    unsigned nfds;
    QEMUTimer *reconnect;               /* NULL: never try again */
    int64_t reconnect_ns;
} ChrSocket;

static void chr_socket_update(Chardev *chr);

static void chr_socket_drop_fds(ChrSocket *s)
{
    for (unsigned i = 0; i < s->nfds; i++) {
        sched_close_os(s->fds[i]);
    }
    s->nfds = 0;
}

static void chr_socket_connected(ChrSocket *s, int fd)
{
    s->conn = fd;
    chr_event(&s->parent, CHR_EVENT_OPENED);
    chr_socket_update(&s->parent);
}

static void chr_socket_disconnect(Chardev *chr)
{
    ChrSocket *s = (ChrSocket *)chr;

    if (s->conn < 0) {
        return;
    }
    aio_set_fd_handler_full(iohandler_get_aio_context(), s->conn, NULL, NULL, NULL, NULL, NULL, chr->channel);
    sched_close(s->conn);
    s->conn = -1;
    chr_drop_pending(chr);
    chr_socket_drop_fds(s);
    if (s->reconnect) {
        timer_mod(s->reconnect, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + s->reconnect_ns);
    }
    chr_event(chr, CHR_EVENT_CLOSED);
    chr_socket_update(chr);
}

static void chr_socket_readable(void *opaque)
{
    ChrSocket *s = opaque;
    uint8_t buf[CHR_SOCKET_CHUNK];
    int fds[CHR_SOCKET_MAX_FDS];
    unsigned nfds = CHR_SOCKET_MAX_FDS;
    int want = MIN(chr_wants_input(&s->parent), CHR_SOCKET_CHUNK);
    ssize_t n;

    if (want <= 0) {
        chr_socket_update(&s->parent);
        return;
    }
    n = sched_stream_read_fds(s->conn, buf, (size_t)want, fds, &nfds);
    if (n > 0) {
        if (nfds) {
            chr_socket_drop_fds(s);     /* nobody fetched the earlier ones: they came with a finished command */
            memcpy(s->fds, fds, nfds * sizeof(fds[0]));
            s->nfds = nfds;
        }
        chr_input(&s->parent, buf, (int)n);
        chr_socket_update(&s->parent);
    } else if (n != -EAGAIN) {
        chr_socket_disconnect(&s->parent);
    }
}

static void chr_socket_writable(void *opaque)
{
    chr_flush_pending(opaque);
}

static void chr_socket_accept(void *opaque)
{
    ChrSocket *s = opaque;
    int fd = sched_stream_accept(s->listener);

    if (fd >= 0) {
        chr_socket_connected(s, fd);
    }
}

static void chr_socket_update(Chardev *chr)
{
    ChrSocket *s = (ChrSocket *)chr;
    AioContext *ctx = iohandler_get_aio_context();

    if (s->listener >= 0) {
        aio_set_fd_handler_full(ctx, s->listener, s->conn < 0 ? chr_socket_accept : NULL, NULL, NULL, NULL, s,
                                chr->channel);
    }
    if (s->conn >= 0) {
        aio_set_fd_handler_full(ctx, s->conn, chr_wants_input(chr) ? chr_socket_readable : NULL,
                                chr_wants_output(chr) ? chr_socket_writable : NULL, NULL, NULL, s, chr->channel);
    }
}

static int chr_socket_write(Chardev *chr, const uint8_t *buf, int len)
{
    ChrSocket *s = (ChrSocket *)chr;

    return s->conn < 0 ? len : (int)sched_stream_write(s->conn, buf, (size_t)len);
}

static int chr_socket_get_msgfd(Chardev *chr)
{
    ChrSocket *s = (ChrSocket *)chr;
    int fd;

    if (!s->nfds) {
        return -1;
    }
    fd = s->fds[0];
    s->nfds--;
    memmove(s->fds, s->fds + 1, s->nfds * sizeof(s->fds[0]));
    return fd;
}

static char *chr_socket_filename(Chardev *chr)
{
    ChrSocket *s = (ChrSocket *)chr;
    g_autofree char *bound = s->listener >= 0 ? sched_stream_bound_address(s->listener) : NULL;
    const char *addr = bound && g_str_has_prefix(bound, "tcp:") ? bound : s->addr;

    return g_strdup_printf("%s%s%s", s->conn >= 0 ? "" : "disconnected:", addr, s->server ? ",server=on" : "");
}

static void chr_socket_free(Chardev *chr)
{
    ChrSocket *s = (ChrSocket *)chr;
    AioContext *ctx = iohandler_get_aio_context();

    if (s->conn >= 0) {
        aio_set_fd_handler_full(ctx, s->conn, NULL, NULL, NULL, NULL, NULL, chr->channel);
        sched_close(s->conn);
    }
    if (s->listener >= 0) {
        aio_set_fd_handler_full(ctx, s->listener, NULL, NULL, NULL, NULL, NULL, chr->channel);
        sched_close(s->listener);
        if (g_str_has_prefix(s->addr, "unix:")) {
            result_ignored(sched_file_unlink(s->addr + strlen("unix:")));     /* somebody may have removed it already */
        }
    }
    chr_socket_drop_fds(s);
    timer_free(s->reconnect);
    g_free(s->addr);
}

static const ChardevClass chr_socket_class = {
    .name = "socket",
    .size = sizeof(ChrSocket),
    .write = chr_socket_write,
    .update = chr_socket_update,
    .disconnect = chr_socket_disconnect,
    .get_msgfd = chr_socket_get_msgfd,
    .filename = chr_socket_filename,
    .free = chr_socket_free,
};

/* ---- Creation ---- */

static int chr_socket_connect(ChrSocket *s)
{
    int fd = sched_stream_connect(s->parent.channel, s->addr);

    if (fd >= 0) {
        int ret = sched_stream_set_blocking(fd, false);

        if (ret < 0) {
            sched_close(fd);
            return ret;
        }
        chr_socket_connected(s, fd);
    }
    return fd;
}

static void chr_socket_reconnect(void *opaque)
{
    ChrSocket *s = opaque;

    if (chr_socket_connect(s) < 0) {
        timer_mod(s->reconnect, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + s->reconnect_ns);
    }
}

/* wait=on: no machine before somebody listens to it. */
static bool chr_socket_wait(ChrSocket *s, GError **errp)
{
    SchedObject who;
    g_autofree char *name = qemu_chr_filename(&s->parent);

    g_printerr("info: QEMU waiting for connection on: %s\n", name);
    sched_object_init(&who, "chardev", s->parent.channel);
    while (s->conn < 0) {
        GPollFD pfd = { .fd = s->listener, .events = G_IO_IN };
        int fd;

        (void)sched_poll(&who, &pfd, 1, -1);    /* whatever woke us, accept() says whether somebody came */
        fd = sched_stream_accept(s->listener);
        if (fd >= 0) {
            chr_socket_connected(s, fd);
        } else if (fd != -EAGAIN) {
            error_setg_errno(errp, fd, "Failed to accept a connection on '%s'", s->addr);
            return false;
        }
    }
    return true;
}

static char *chr_socket_address(ChrOpts *opts, GError **errp)
{
    const char *path = chr_opts_get(opts, "path");
    const char *host = chr_opts_get(opts, "host");
    const char *port = chr_opts_get(opts, "port");

    if (path) {
        return g_strdup_printf("unix:%s", path);
    }
    if (!port) {
        error_setg(errp, "chardev: socket: no %s given", host ? "port" : "path or host");
        return NULL;
    }
    host = host ? host : "";
    return g_strdup_printf(strchr(host, ':') ? "tcp:[%s]:%s" : "tcp:%s:%s", host, port);
}

static bool chr_socket_start(ChrSocket *s, bool wait, GError **errp)
{
    int ret;

    if (!s->server) {
        ret = chr_socket_connect(s);
        if (ret < 0 && s->reconnect) {
            timer_mod(s->reconnect, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + s->reconnect_ns);
            return true;
        }
        if (ret < 0) {
            error_setg_errno(errp, ret, "Failed to connect to '%s'", s->addr);
            return false;
        }
        return true;
    }
    s->listener = sched_stream_listen(s->parent.channel, s->addr);
    if (s->listener < 0) {
        error_setg_errno(errp, s->listener, "Failed to bind socket to %s", s->addr);
        return false;
    }
    chr_socket_update(&s->parent);
    return !wait || chr_socket_wait(s, errp);
}

Chardev *chr_new_socket(const char *label, const char *channel, ChrOpts *opts, GError **errp)
{
    g_autofree char *addr = chr_socket_address(opts, errp);
    bool server, wait, nodelay;
    uint64_t reconnect, reconnect_ms;
    ChrSocket *s;

    if (!addr || !chr_opts_get_bool(opts, "server", false, &server, errp) ||
        !chr_opts_get_bool(opts, "wait", server, &wait, errp) ||
        !chr_opts_get_bool(opts, "delay", true, &nodelay, errp) ||
        !chr_opts_get_number(opts, "reconnect", 0, &reconnect, errp) ||
        !chr_opts_get_number(opts, "reconnect-ms", reconnect * 1000, &reconnect_ms, errp) ||
        !chr_opts_finish(opts, errp)) {
        return NULL;
    }
    if (server && reconnect_ms) {
        error_setg(errp, "'reconnect' option is incompatible with socket in server listen mode");
        return NULL;
    }
    if (!server && wait) {
        error_setg(errp, "'wait' option is incompatible with socket in client connect mode");
        return NULL;
    }
    s = chr_alloc(&chr_socket_class, label, channel, errp);
    if (!s) {
        return NULL;
    }
    s->addr = g_steal_pointer(&addr);
    s->server = server;
    s->listener = s->conn = -1;
    if (reconnect_ms) {
        s->reconnect_ns = (int64_t)MIN(reconnect_ms, 3600 * 1000) * SCALE_MS;
        s->reconnect = timer_new_ns(QEMU_CLOCK_REALTIME, chr_socket_reconnect, s);
    }
    if (!chr_socket_start(s, wait, errp)) {
        qemu_chr_delete(&s->parent);
        return NULL;
    }
    return &s->parent;
}
