/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Streams of the simulator: named channels between the machine and the world.
 *
 * What the machine writes goes to the world as an output. What it reads is what the world has pushed. In a live world
 * (recording, or working by hand) each channel also has a real descriptor: real bytes are taken when the engine has
 * nothing else to do, pushed, and told to the world, which logs them.
 *
 * I1  Bytes reach the machine only through channel->in, so a replay cannot tell a script from a peer.
 * I2  A channel lives until the end of the run, closed or not: a late push to a closed one is dropped, not lost memory.
 */
#include "sched/sim_int.h"
#include "platform/os.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define LIVE_READ_MAX 65536

struct SimChannel {
    char *name;
    SchedObject o;
    bool listener;
    bool closed;                /* by the machine */
    bool eof;                   /* by the world; seen once in is empty */
    bool shut;                  /* the machine shut it down */
    GByteArray *in;
    size_t in_pos;
    unsigned waiting;           /* listener: connections not accepted yet */
    unsigned accepted;
    GArray *waiting_os;         /* listener, live: their descriptors */
    int os_fd;                  /* live: the peer; -1 none */
    int os_out;                 /* live: where output goes if not os_fd */
    int pid;                    /* live: spawned child; 0 none */
};

/* ---- The table ---- */

static SimChannel *channel_new(const char *name, bool listener, int os_fd)
{
    SimChannel *c = g_new0(SimChannel, 1);

    c->name = g_strdup(name);
    sched_object_init(&c->o, "stream", c->name);
    c->listener = listener;
    c->in = g_byte_array_new();
    c->waiting_os = g_array_new(false, false, sizeof(int));
    c->os_fd = os_fd;
    c->os_out = -1;
    if (!sim.channels) {
        sim.channels = g_ptr_array_new();
    }
    g_ptr_array_add(sim.channels, c);
    return c;
}

static void channel_drop_os(SimChannel *c)
{
    os_close(c->os_fd);
    os_close(c->os_out);
    c->os_fd = c->os_out = -1;
    for (unsigned i = 0; i < c->waiting_os->len; i++) {
        os_close(g_array_index(c->waiting_os, int, i));
    }
    g_array_set_size(c->waiting_os, 0);
}

void sim_streams_free(void)
{
    for (unsigned i = 0; sim.channels && i < sim.channels->len; i++) {
        SimChannel *c = sim.channels->pdata[i];

        channel_drop_os(c);
        g_byte_array_unref(c->in);
        g_array_unref(c->waiting_os);
        g_free(c->name);
        g_free(c);
    }
    g_clear_pointer(&sim.channels, g_ptr_array_unref);
}

static int stream_fd(SimChannel *c, bool listener)
{
    SimFd *f = g_new0(SimFd, 1);

    f->type = listener ? SIM_FD_LISTENER : SIM_FD_STREAM;
    f->channel = c;
    f->o = c->o;
    if (sim.config.world.opened) {
        sim.config.world.opened(sim.config.world.opaque, c, listener);
    }
    return sim_fd_add(f);
}

static SimChannel *channel_of(int fd)
{
    SimFd *f = sim_fd(fd);

    return f && (f->type == SIM_FD_STREAM || f->type == SIM_FD_LISTENER) ? f->channel : NULL;
}

void sim_channel_close(SimChannel *c)
{
    c->closed = true;
    channel_drop_os(c);
    if (sim.config.world.closed) {
        sim.config.world.closed(sim.config.world.opaque, c);
    }
}

unsigned sim_channel_revents(SimChannel *c, unsigned events)
{
    unsigned have = 0;

    if (c->listener) {
        return (c->waiting ? G_IO_IN : 0) & events;
    }
    if (c->in->len > c->in_pos) {
        have |= G_IO_IN;
    } else if (c->eof || c->shut) {
        have |= G_IO_IN | G_IO_HUP;
    }
    return (have | G_IO_OUT) & events;
}

/* ---- For worlds ---- */

const char *sim_channel_name(const SimChannel *c)
{
    return c->name;
}

SimChannel *sim_channel_find(const char *name)
{
    for (unsigned i = sim.channels ? sim.channels->len : 0; i-- > 0;) {
        SimChannel *c = sim.channels->pdata[i];

        if (!strcmp(c->name, name)) {
            return c;
        }
    }
    return NULL;
}

void sim_channel_push(SimChannel *c, const void *buf, size_t len)
{
    if (!c->closed) {
        g_byte_array_append(c->in, buf, len);
    }
}

void sim_channel_push_eof(SimChannel *c)
{
    c->eof = true;
}

void sim_listener_push(SimChannel *c)
{
    c->waiting++;
}

size_t sim_channel_unread(const SimChannel *c)
{
    return c->closed ? 0 : c->in->len - c->in_pos;
}

/* ---- Live peers ---- */

static void live_accept(SimChannel *c)
{
    int fd = os_accept(c->os_fd);

    if (fd >= 0) {
        g_array_append_val(c->waiting_os, fd);
        c->waiting++;
    }
}

static void live_read(SimChannel *c)
{
    g_autofree uint8_t *buf = g_malloc(LIVE_READ_MAX);
    ssize_t n = os_read(c->os_fd, buf, LIVE_READ_MAX);

    if (n == -EAGAIN) {
        return;
    }
    if (n <= 0) {
        c->eof = true;
        n = 0;
    } else {
        g_byte_array_append(c->in, buf, n);
    }
    if (sim.config.world.input) {
        sim.config.world.input(sim.config.world.opaque, c, n ? buf : NULL, n);
    }
}

bool sim_stream_live_wait(int64_t timeout_ns)
{
    g_autoptr(GArray) fds = g_array_new(false, false, sizeof(struct pollfd));
    g_autoptr(GPtrArray) who = g_ptr_array_new();
    bool any = false;

    for (unsigned i = 0; sim.channels && i < sim.channels->len; i++) {
        SimChannel *c = sim.channels->pdata[i];
        struct pollfd p = { .fd = c->os_fd, .events = POLLIN };

        if (c->os_fd >= 0 && !c->eof && !c->closed) {
            g_array_append_val(fds, p);
            g_ptr_array_add(who, c);
        }
    }
    if (!fds->len && timeout_ns < 0) {
        return false;
    }
    if (os_poll((struct pollfd *)fds->data, fds->len, timeout_ns) <= 0) {
        return false;
    }
    for (unsigned i = 0; i < fds->len; i++) {
        SimChannel *c = who->pdata[i];

        if (!g_array_index(fds, struct pollfd, i).revents) {
            continue;
        }
        any = true;
        if (c->listener) {
            live_accept(c);
        } else {
            live_read(c);
        }
    }
    return any;
}

/* ---- The seam ---- */

/* A stream whose real end, if any, never blocks: the blocking that the machine sees is ours, modelled. */
static int live_stream_fd(const char *name, int os_fd, bool blocking)
{
    int fd, ret = os_fd >= 0 ? os_set_nonblock(os_fd, true) : 0;

    if (ret < 0) {
        os_close(os_fd);
        return ret;
    }
    fd = stream_fd(channel_new(name, false, os_fd), false);
    sim_fd(fd)->blocking = blocking;
    return fd;
}

int sched_stream_listen(const char *name, const char *addr)
{
    int os_fd = -1, ret = os_addr_check(addr);

    if (ret < 0) {
        return ret;
    }
    if (sim.config.world.live) {
        os_fd = os_listen(addr);
        if (os_fd < 0) {
            return os_fd;
        }
    }
    return stream_fd(channel_new(name, true, os_fd), true);
}

char *sched_stream_bound_address(int fd)
{
    SimChannel *c = channel_of(fd);

    if (!c) {
        return NULL;
    }
    return c->os_fd >= 0 ? os_bound_address(c->os_fd) : g_strdup_printf("unix:%s", c->name);
}

int sched_stream_accept(int listener)
{
    SimChannel *l = channel_of(listener);
    g_autofree char *name = NULL;
    int os_fd = -1;

    if (!l || !l->listener) {
        return -EBADF;
    }
    sim_op(SCHED_K_STREAM_READ, &l->o, SIM_SITE, NULL, NULL, -1);
    if (!l->waiting) {
        return -EAGAIN;
    }
    l->waiting--;
    if (l->waiting_os->len) {
        os_fd = g_array_index(l->waiting_os, int, 0);
        g_array_remove_index(l->waiting_os, 0);
    }
    name = g_strdup_printf("%s#%u", l->name, ++l->accepted);
    return live_stream_fd(name, os_fd, false);
}

int sched_stream_connect(const char *name, const char *addr)
{
    int os_fd = -1, ret = os_addr_check(addr);

    if (ret < 0) {
        return ret;
    }
    if (sim.config.world.live) {
        os_fd = os_connect(addr);
        if (os_fd < 0) {
            return os_fd;
        }
    }
    return live_stream_fd(name, os_fd, true);
}

int sched_stream_adopt(const char *name, int os_fd)
{
    return live_stream_fd(name, sim.config.world.live ? os_fd : -1, true);
}

int sched_library_sockets(void)
{
    return -ENOTSUP;
}

int sched_stream_spawn(const char *name, const char *const *argv, bool writable)
{
    SimChannel *c = channel_new(name, false, -1);
    int pipe[2], pid, fd;

    if (sim.config.world.live) {
        int ret = os_pipe(pipe);

        if (ret < 0) {
            return ret;
        }
        pid = os_spawn(argv, writable ? pipe[0] : -1, writable ? -1 : pipe[1]);
        os_close(pipe[writable ? 0 : 1]);
        if (pid < 0) {
            os_close(pipe[writable ? 1 : 0]);
            return pid;
        }
        c->pid = pid;
        *(writable ? &c->os_out : &c->os_fd) = pipe[writable ? 1 : 0];
    }
    fd = stream_fd(c, false);
    sim_fd(fd)->blocking = true;
    return fd;
}

int sched_stream_wait_child(int fd)
{
    SimChannel *c = channel_of(fd);
    int pid;

    if (!c) {
        return -EBADF;
    }
    pid = c->pid;
    sched_close(fd);
    return pid ? os_wait(pid) : 0;
}

int sched_stream_stdio(bool raw)
{
    SimChannel *c = channel_new("stdio", false, -1);

    if (sim.config.world.live) {
        int ret = os_stdio_raw(raw);

        if (ret < 0) {
            return ret;
        }
        c->os_fd = os_dup(0);
        c->os_out = os_dup(1);
    }
    return stream_fd(c, false);
}

int sched_stream_set_blocking(int fd, bool blocking)
{
    SimFd *f = sim_fd(fd);

    if (!f) {
        return -EBADF;
    }
    f->blocking = blocking;
    return 0;
}

static bool ready_stream(SchedThread *t)
{
    return sim_channel_revents(t->wait, G_IO_IN);
}

ssize_t sched_stream_read(int fd, void *buf, size_t len)
{
    SimChannel *c = channel_of(fd);
    size_t n;

    if (!c) {
        return -EBADF;
    }
    sim_op(SCHED_K_STREAM_READ, &c->o, SIM_SITE, sim_fd(fd)->blocking ? ready_stream : NULL, c, -1);
    n = MIN(len, c->in->len - c->in_pos);
    if (!n) {
        return c->eof || c->shut || !len ? 0 : -EAGAIN;
    }
    memcpy(buf, c->in->data + c->in_pos, n);
    c->in_pos += n;
    if (c->in_pos == c->in->len) {
        g_byte_array_set_size(c->in, 0);
        c->in_pos = 0;
    }
    return n;
}

ssize_t sched_stream_read_fds(int fd, void *buf, size_t len, int *os_fds, unsigned *nfds)
{
    *nfds = 0;      /* descriptors cannot be replayed; a script has none to pass */
    return sched_stream_read(fd, buf, len);
}

static void live_write(SimChannel *c, const uint8_t *buf, size_t len)
{
    int out = c->os_out >= 0 ? c->os_out : c->os_fd;

    while (out >= 0 && len) {
        ssize_t n = os_write(out, buf, len);

        if (n == -EAGAIN) {
            struct pollfd p = { .fd = out, .events = POLLOUT };

            if (os_poll(&p, 1, -1) >= 0) {
                continue;
            }
        }
        if (n < 0) {
            c->eof = true;
            return;
        }
        buf += n;
        len -= n;
    }
}

ssize_t sched_stream_write(int fd, const void *buf, size_t len)
{
    SimChannel *c = channel_of(fd);

    if (!c) {
        return -EBADF;
    }
    sim_op(SCHED_K_STREAM_WRITE, &c->o, SIM_SITE, NULL, NULL, -1);
    /* Standard input may end while standard output goes on; a socket's peer is gone both ways. */
    if (c->shut || (c->eof && c->os_out < 0)) {
        return -EPIPE;
    }
    sim_digest_bytes(buf, len);
    if (sim.config.world.live) {
        live_write(c, buf, len);
    }
    if (sim.config.world.output) {
        sim.config.world.output(sim.config.world.opaque, c, buf, len);
    }
    return len;
}

ssize_t sched_stream_writev(int fd, const struct iovec *iov, int niov)
{
    ssize_t done = 0;

    for (int i = 0; i < niov; i++) {
        ssize_t n = sched_stream_write(fd, iov[i].iov_base, iov[i].iov_len);

        if (n < 0) {
            return done ? done : n;
        }
        done += n;
    }
    return done;
}

int sched_stream_shutdown(int fd)
{
    SimChannel *c = channel_of(fd);

    if (!c) {
        return -EBADF;
    }
    c->shut = true;
    return c->os_fd >= 0 ? os_shutdown(c->os_fd) : 0;
}

void sched_close_os(int os_fd)
{
    os_close(os_fd);
}
