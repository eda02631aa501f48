/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * User networks: libslirp as the peer of a card.
 *
 * libslirp is a TCP/IP stack that turns the guest's connections into sockets of this process. It starts no threads and
 * never waits: it says which descriptors it waits for, and is told when one is ready. The waiting is the event loop's.
 *
 * Owns: the handlers, the timer and the bottom half of each stack. Context: the main thread with the BQL, in the
 * iohandler context, so that a nested poll of the main context never delivers a frame. Frames from the guest may come
 * from any thread with the BQL.
 *
 * I1  After every call into libslirp the handlers are those of the descriptors that it then waits for; a descriptor
 *     that it is about to close has none.
 * I2  A handler only finds out that something is ready; what is ready is asked again with all descriptors at hand, as
 *     one of them may have been closed since.
 */
#include "net/slirp_int.h"

#include "sched/io.h"

#include <string.h>

/* ---- Descriptors ---- */

static void net_slirp_poll(NetSlirpState *s);

static void net_slirp_ready(void *opaque)
{
    net_slirp_poll(opaque);
}

static void net_slirp_watch(NetSlirpState *s, int fd, unsigned events)
{
    aio_set_fd_handler(iohandler_get_aio_context(), fd, events & G_IO_IN ? net_slirp_ready : NULL,
                       events & G_IO_OUT ? net_slirp_ready : NULL, NULL, NULL, s);
}

/* A descriptor with handlers. The guest decides how many there are: no lists to walk for one. */
typedef struct NetSlirpWatch {
    unsigned events;
    bool wanted;                /* while the handlers are brought up to date */
} NetSlirpWatch;

static void net_slirp_unwatch(int fd, void *opaque)
{
    NetSlirpState *s = opaque;

    if (g_hash_table_remove(s->watched, GINT_TO_POINTER(fd))) {
        net_slirp_watch(s, fd, 0);
    }
}

static gboolean net_slirp_drop_unwanted(void *key, void *value, void *opaque)
{
    NetSlirpWatch *w = value;
    bool drop = !w->wanted;

    w->wanted = false;
    if (drop) {
        net_slirp_watch(opaque, GPOINTER_TO_INT(key), 0);
    }
    return drop;
}

static void net_slirp_sync_watches(NetSlirpState *s)
{
    for (unsigned i = 0; i < s->fds->len; i++) {
        const GPollFD *want = &g_array_index(s->fds, GPollFD, i);
        NetSlirpWatch *have = g_hash_table_lookup(s->watched, GINT_TO_POINTER(want->fd));

        if (!have) {
            have = g_new0(NetSlirpWatch, 1);
            g_hash_table_insert(s->watched, GINT_TO_POINTER(want->fd), have);
        }
        have->wanted = true;
        if (have->events != want->events) {
            have->events = want->events;
            net_slirp_watch(s, want->fd, want->events);
        }
    }
    g_hash_table_foreach_remove(s->watched, net_slirp_drop_unwanted, s);
}

static int net_slirp_add_poll(int fd, int events, void *opaque)
{
    NetSlirpState *s = opaque;
    GPollFD pfd = { .fd = fd };

    pfd.events |= events & SLIRP_POLL_IN ? G_IO_IN : 0;
    pfd.events |= events & SLIRP_POLL_OUT ? G_IO_OUT : 0;
    pfd.events |= events & SLIRP_POLL_PRI ? G_IO_PRI : 0;
    pfd.events |= events & SLIRP_POLL_ERR ? G_IO_ERR : 0;
    pfd.events |= events & SLIRP_POLL_HUP ? G_IO_HUP : 0;
    g_array_append_val(s->fds, pfd);
    return s->fds->len - 1;
}

static int net_slirp_get_revents(int idx, void *opaque)
{
    NetSlirpState *s = opaque;
    unsigned revents = idx >= 0 && (unsigned)idx < s->fds->len ? g_array_index(s->fds, GPollFD, idx).revents : 0;

    return (revents & G_IO_IN ? SLIRP_POLL_IN : 0) | (revents & G_IO_OUT ? SLIRP_POLL_OUT : 0) |
           (revents & G_IO_PRI ? SLIRP_POLL_PRI : 0) | (revents & G_IO_ERR ? SLIRP_POLL_ERR : 0) |
           (revents & G_IO_HUP ? SLIRP_POLL_HUP : 0);
}

/* Asks what libslirp waits for, and for how long it is willing to. */
static void net_slirp_fill(NetSlirpState *s)
{
    uint32_t timeout_ms = UINT32_MAX;

    g_array_set_size(s->fds, 0);
    slirp_pollfds_fill(s->slirp, &timeout_ms, net_slirp_add_poll, s);
    if (timeout_ms == UINT32_MAX) {
        timer_del(s->timer);
    } else {
        timer_mod(s->timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + timeout_ms);
    }
}

static void net_slirp_refill(void *opaque)
{
    NetSlirpState *s = opaque;

    net_slirp_fill(s);
    net_slirp_sync_watches(s);
}

static void net_slirp_poll(NetSlirpState *s)
{
    int ret = 0;

    net_slirp_fill(s);
    if (s->fds->len) {
        ret = sched_poll(&s->o, (GPollFD *)s->fds->data, s->fds->len, 0);       /* (I2) */
    }
    slirp_pollfds_poll(s->slirp, ret < 0, net_slirp_get_revents, s);
    net_slirp_refill(s);                                                        /* (I1) */
}

static void net_slirp_timer(void *opaque)
{
    net_slirp_poll(opaque);
}

void net_slirp_changed(NetSlirpState *s)
{
    qemu_bh_schedule(s->bh);
}

/* ---- What libslirp asks of us ---- */

static ssize_t net_slirp_send_packet(const void *buf, size_t len, void *opaque)
{
    NetSlirpState *s = opaque;

    /* What the card cannot take now waits in its queue; when that is full, TCP will send it again. */
    (void)qemu_send_packet(&s->nc, buf, len);
    return len;
}

static void net_slirp_guest_error(const char *msg, void *opaque)
{
    /* The guest can do this as often as it likes: no place to say so. */
}

static int64_t net_slirp_clock_get_ns(void *opaque)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

typedef struct NetSlirpTimer {
    QEMUTimer timer;
    NetSlirpState *s;
    SlirpTimerCb cb;
    void *cb_opaque;
} NetSlirpTimer;

static void net_slirp_own_timer(void *opaque)
{
    NetSlirpTimer *t = opaque;

    t->cb(t->cb_opaque);
    net_slirp_changed(t->s);
}

static void *net_slirp_timer_new(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
    NetSlirpTimer *t = g_new0(NetSlirpTimer, 1);

    t->s = opaque;
    t->cb = cb;
    t->cb_opaque = cb_opaque;
    timer_init_ms(&t->timer, QEMU_CLOCK_VIRTUAL, net_slirp_own_timer, t);
    return t;
}

static void net_slirp_timer_free(void *timer, void *opaque)
{
    NetSlirpTimer *t = timer;

    timer_del(&t->timer);
    timer_deinit(&t->timer);
    g_free(t);
}

static void net_slirp_timer_mod(void *timer, int64_t expire_time, void *opaque)
{
    timer_mod(&((NetSlirpTimer *)timer)->timer, expire_time);
}

static void net_slirp_register_poll_fd(int fd, void *opaque)
{
    net_slirp_changed(opaque);
}

static void net_slirp_notify(void *opaque)
{
    net_slirp_changed(opaque);
}

static const SlirpCb net_slirp_cb = {
    .send_packet = net_slirp_send_packet,
    .guest_error = net_slirp_guest_error,
    .clock_get_ns = net_slirp_clock_get_ns,
    .timer_new = net_slirp_timer_new,
    .timer_free = net_slirp_timer_free,
    .timer_mod = net_slirp_timer_mod,
    .register_poll_fd = net_slirp_register_poll_fd,
    .unregister_poll_fd = net_slirp_unwatch,
    .notify = net_slirp_notify,
};

/* ---- The client ---- */

static ssize_t net_slirp_receive(NetClientState *nc, const uint8_t *buf, size_t size)
{
    NetSlirpState *s = (NetSlirpState *)nc;

    slirp_input(s->slirp, buf, size);
    net_slirp_changed(s);
    return size;
}

bool net_slirp_start(NetSlirpState *s, const SlirpConfig *cfg)
{
    sched_object_init(&s->o, "user network", s->nc.name);
    s->fds = g_array_new(FALSE, FALSE, sizeof(GPollFD));
    s->watched = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    s->bh = aio_bh_new(iohandler_get_aio_context(), net_slirp_refill, s);
    s->timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, net_slirp_timer, s);
    s->slirp = slirp_new(cfg, &net_slirp_cb, s);
    return s->slirp != NULL;
}

static void net_slirp_cleanup(NetClientState *nc)
{
    NetSlirpState *s = (NetSlirpState *)nc;

    if (s->slirp) {
        slirp_cleanup(s->slirp);
    }
    g_array_set_size(s->fds, 0);
    net_slirp_sync_watches(s);
    timer_free(s->timer);
    qemu_bh_delete(s->bh);
    g_array_free(s->fds, TRUE);
    g_hash_table_unref(s->watched);
}

const NetClientInfo net_slirp_info = {
    .type = "user",
    .size = sizeof(NetSlirpState),
    .receive = net_slirp_receive,
    .cleanup = net_slirp_cleanup,
};
