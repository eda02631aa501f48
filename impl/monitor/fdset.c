/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands for passed descriptors: named ones of one connection (getfd), and sets (add-fd; sched/fdset.h).
 * Context: main thread, BQL.
 */
#include "monitor/monitor_int.h"
#include "monitor/qmp_commands.h"
#include "sched/fdset.h"
#include "sched/io.h"

#include <string.h>

typedef struct MonFd {
    char *name;
    int fd;
} MonFd;

/* ---- Named descriptors ---- */

static void mon_fd_free(MonFd *f)
{
    sched_close_os(f->fd);
    g_free(f->name);
    g_free(f);
}

void monitor_fds_close(Monitor *mon)
{
    for (guint i = 0; i < mon->fds->len; i++) {
        mon_fd_free(g_ptr_array_index(mon->fds, i));
    }
    g_ptr_array_set_size(mon->fds, 0);
}

/* Takes the entry called @name out of the store; NULL if there is none. */
static MonFd *mon_fd_take(Monitor *mon, const char *name)
{
    for (guint i = 0; mon && i < mon->fds->len; i++) {
        MonFd *f = g_ptr_array_index(mon->fds, i);

        if (strcmp(f->name, name) == 0) {
            g_ptr_array_remove_index(mon->fds, i);
            return f;
        }
    }
    return NULL;
}

static int monitor_passed_fd(GError **errp)
{
    Monitor *mon = monitor_cur();
    int fd = mon ? qemu_chr_fe_get_msgfd(&mon->chr) : -1;

    if (fd < 0) {
        error_setg(errp, "No file descriptor supplied via SCM_RIGHTS");
    }
    return fd;
}

void qmp_getfd(const char *fdname, GError **errp)
{
    Monitor *mon = monitor_cur();
    int fd = monitor_passed_fd(errp);
    MonFd *f;

    if (fd < 0) {
        return;
    }
    if (g_ascii_isdigit(*fdname)) {
        sched_close_os(fd);
        error_setg(errp, "Parameter 'fdname' expects a name not starting with a digit");
        return;
    }
    f = mon_fd_take(mon, fdname);
    if (f) {
        mon_fd_free(f);
    }
    f = g_new0(MonFd, 1);
    f->name = g_strdup(fdname);
    f->fd = fd;
    g_ptr_array_add(mon->fds, f);
}

void qmp_closefd(const char *fdname, GError **errp)
{
    MonFd *f = mon_fd_take(monitor_cur(), fdname);

    if (!f) {
        error_setg(errp, "File descriptor named '%s' not found", fdname);
        return;
    }
    mon_fd_free(f);
}

int monitor_get_fd(Monitor *mon, const char *fdname, GError **errp)
{
    MonFd *f = mon_fd_take(mon, fdname);
    int fd;

    if (!f) {
        error_setg(errp, "File descriptor named '%s' has not been found", fdname);
        return -1;
    }
    fd = f->fd;
    g_free(f->name);
    g_free(f);
    return fd;
}

int monitor_fd_param(Monitor *mon, const char *fdname, GError **errp)
{
    char *end;
    guint64 n;

    if (!g_ascii_isdigit(*fdname) && mon) {
        return monitor_get_fd(mon, fdname, errp);
    }
    errno = 0;
    n = g_ascii_strtoull(fdname, &end, 10);
    if (end == fdname || *end || errno || n > G_MAXINT) {
        error_setg(errp, "Invalid file descriptor number '%s'", fdname);
        return -1;
    }
    return (int)n;
}

/* ---- Sets ---- */

AddfdInfo *qmp_add_fd(bool has_fdset_id, int64_t fdset_id, const char *opaque, GError **errp)
{
    int fd = monitor_passed_fd(errp);
    AddfdInfo *info;

    if (fd < 0) {
        return NULL;
    }
    if (has_fdset_id && fdset_id < 0) {
        sched_close_os(fd);
        error_setg(errp, "Parameter 'fdset-id' expects a non-negative value");
        return NULL;
    }
    info = g_new0(AddfdInfo, 1);
    info->fdset_id = fdset_add(fd, has_fdset_id ? fdset_id : -1, opaque);
    info->fd = fd;
    return info;
}

void qmp_remove_fd(int64_t fdset_id, bool has_fd, int64_t fd, GError **errp)
{
    if ((!has_fd || fd >= 0) && fdset_remove(fdset_id, has_fd ? fd : -1)) {
        return;
    }
    if (has_fd) {
        error_setg(errp, "File descriptor named 'fdset-id:%" G_GINT64_FORMAT ", fd:%" G_GINT64_FORMAT "' not found",
                   fdset_id, fd);
    } else {
        error_setg(errp, "File descriptor named 'fdset-id:%" G_GINT64_FORMAT "' not found", fdset_id);
    }
}

FdsetInfoList *qmp_query_fdsets(GError **errp)
{
    g_autoptr(GPtrArray) members = fdset_list();
    FdsetInfoList *list = NULL, **tail = &list;
    FdsetFdInfoList **fd_tail = NULL;
    FdsetInfo *info = NULL;

    for (guint i = 0; i < members->len; i++) {
        const FdsetMember *m = g_ptr_array_index(members, i);
        FdsetFdInfo *one;

        if (!info || info->fdset_id != m->id) {
            info = g_new0(FdsetInfo, 1);
            info->fdset_id = m->id;
            fd_tail = &info->fds;
            QAPI_LIST_APPEND(tail, info);
        }
        if (m->fd >= 0) {
            one = g_new0(FdsetFdInfo, 1);
            one->fd = m->fd;
            one->opaque = g_strdup(m->opaque);
            QAPI_LIST_APPEND(fd_tail, one);
        }
    }
    return list;
}

/* ---- Command line ---- */

bool monitor_cmdline_add_fd(const char *optarg, GError **errp)
{
    g_autoptr(ChrOpts) opts = chr_opts_parse(optarg, NULL);
    const char *opaque = chr_opts_get(opts, "opaque");
    uint64_t fd, set;
    int dup;

    if (!chr_opts_get(opts, "fd") || !chr_opts_get(opts, "set")) {
        error_setg(errp, "-add-fd: fd and set parameters are required");
        return false;
    }
    if (!chr_opts_get_number(opts, "fd", 0, &fd, errp) || !chr_opts_get_number(opts, "set", 0, &set, errp) ||
        !chr_opts_finish(opts, errp)) {
        return false;
    }
    if (fd <= 2 || fd > G_MAXINT) {
        error_setg(errp, "fd cannot be a standard I/O stream");
        return false;
    }
    if (set > G_MAXINT64) {
        error_setg(errp, "set must be a non-negative 64 bit number");
        return false;
    }
    dup = sched_dup((int)fd);
    if (dup < 0) {
        error_setg_errno(errp, dup, "error duplicating fd");
        return false;
    }
    (void)fdset_add(dup, (int64_t)set, opaque);     /* the number is the one we gave */
    sched_close_os((int)fd);
    return true;
}
