/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors of the simulator: the table, notifiers, poll.
 *
 * A thread in sched_poll() is a thread whose pending operation is enabled when one of its descriptors is ready or its
 * deadline has come, so a poll that nobody will ever satisfy shows up as such in a deadlock report.
 */
#include "sched/sim_int.h"
#include "platform/os.h"

#include <errno.h>

/* ---- Table ---- */

int sim_fd_add(SimFd *f)
{
    f->refs++;
    for (unsigned i = 0; i < sim.fds->len; i++) {
        if (!sim.fds->pdata[i]) {
            sim.fds->pdata[i] = f;
            return SIM_FD_BASE + i;
        }
    }
    g_ptr_array_add(sim.fds, f);
    return SIM_FD_BASE + sim.fds->len - 1;
}

SimFd *sim_fd(int fd)
{
    unsigned i = fd - SIM_FD_BASE;

    return fd >= SIM_FD_BASE && i < sim.fds->len ? sim.fds->pdata[i] : NULL;
}

static void fd_unref(SimFd *f)
{
    if (--f->refs) {
        return;
    }
    switch (f->type) {
    case SIM_FD_FILE:
        sim_file_close(f);
        break;
    case SIM_FD_STREAM:
    case SIM_FD_LISTENER:
        sim_channel_close(f->channel);
        break;
    case SIM_FD_NOTIFIER:
        break;
    }
    g_free(f->name);
    g_free(f);
}

void sched_close(int fd)
{
    SimFd *f = sim_fd(fd);

    if (f) {
        sim.fds->pdata[fd - SIM_FD_BASE] = NULL;
        fd_unref(f);
    }
}

int sched_dup(int fd)
{
    SimFd *f = sim_fd(fd);

    return f ? sim_fd_add(f) : -EBADF;
}

void sim_fds_free(void)
{
    for (unsigned i = 0; i < sim.fds->len; i++) {
        sched_close(SIM_FD_BASE + i);
    }
}

unsigned sim_fd_revents(int fd, unsigned events)
{
    SimFd *f = sim_fd(fd);

    if (!f) {
        return G_IO_NVAL;
    }
    switch (f->type) {
    case SIM_FD_NOTIFIER:
        return (f->count ? G_IO_IN : 0) & events;
    case SIM_FD_FILE:
        return (G_IO_IN | G_IO_OUT) & events;
    default:
        return sim_channel_revents(f->channel, events);
    }
}

/* ---- Notifiers ---- */

int sched_notifier_init(SchedNotifier *n, const char *name)
{
    SimFd *f = g_new0(SimFd, 1);

    f->type = SIM_FD_NOTIFIER;
    sched_object_init(&n->o, "notifier", name);
    n->fd = sim_fd_add(f);
    return 0;
}

void sched_notifier_cleanup(SchedNotifier *n)
{
    sched_close(n->fd);
    n->fd = -1;
}

void sched_notifier_set(SchedNotifier *n)
{
    sim_op(SCHED_K_NOTIFY, &n->o, SIM_SITE, NULL, NULL, -1);
    sim_fd(n->fd)->count++;
}

bool sched_notifier_test_and_clear(SchedNotifier *n)
{
    SimFd *f;
    bool was;

    sim_op(SCHED_K_NOTIFY_CLEAR, &n->o, SIM_SITE, NULL, NULL, -1);
    f = sim_fd(n->fd);
    was = f->count;
    f->count = 0;
    return was;
}

/* ---- Poll ---- */

static bool ready_poll(SchedThread *t)
{
    for (unsigned i = 0; i < t->nfds; i++) {
        if (sim_fd_revents(t->fds[i].fd, t->fds[i].events | G_IO_ERR | G_IO_HUP)) {
            return true;
        }
    }
    return false;
}

int sched_poll(SchedObject *who, GPollFD *fds, unsigned nfds, int64_t timeout_ns)
{
    SchedThread *t = sim.current;
    int n = 0;

    t->fds = fds;
    t->nfds = nfds;
    /* Polling in vain without waiting is spinning: whoever can do something goes first. */
    t->yielding = timeout_ns == 0 && !ready_poll(t);
    sim_op(SCHED_K_POLL_SLEEP, who, SIM_SITE, timeout_ns == 0 ? NULL : ready_poll, NULL,
           sim_deadline(timeout_ns));
    for (unsigned i = 0; i < nfds; i++) {
        fds[i].revents = sim_fd_revents(fds[i].fd, fds[i].events | G_IO_ERR | G_IO_HUP);
        n += fds[i].revents != 0;
    }
    t->fds = NULL;
    t->nfds = 0;
    return n;
}

void sched_on_signal(SchedNotifier *n)
{
}

int sched_getpid(void)
{
    return 1;
}

void *sched_guest_ram_alloc(size_t size)
{
    return os_anon_map(size);
}

void sched_guest_ram_free(void *ram, size_t size)
{
    os_anon_unmap(ram, size);
}

void *sched_code_alloc(size_t data_len, size_t len)
{
    return os_code_map(data_len, len);
}

void sched_code_free(void *p, size_t data_len, size_t len)
{
    os_code_unmap(p, data_len, len);
}

bool sched_code_write(void *dst, const void *src, size_t len)
{
    return os_code_write(dst, src, len);
}
