/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptors that clients pass: named ones of one connection (getfd) and sets that anybody may open (add-fd).
 *
 * A set's members belong to whoever passed them: nothing closes them but remove-fd and the end of the process, also
 * not the end of the connection. Opening /dev/fdset/N duplicates a member; the duplicate belongs to its user.
 *
 * Context: commands: main thread, BQL. Locks: sets->lock.
 *
 * I1  A set exists while it has a member or a duplicate; it is freed when it has neither, and only then.
 * I2  A removed member cannot be opened any more.
 */
#include "monitor/fdset.h"
#include "monitor/monitor_int.h"
#include "monitor/qmp_commands.h"
#include "sched/io.h"

#include <string.h>

typedef struct MonFd {
    char *name;
    int fd;
} MonFd;

typedef struct MonFdsetFd {
    int fd;                         /* kernel descriptor, ours */
    char *opaque;
} MonFdsetFd;

typedef struct MonFdset {
    int64_t id;
    GPtrArray *fds;                 /* of MonFdsetFd *, in the order added */
    GArray *dups;                   /* of int, in use elsewhere */
} MonFdset;

typedef struct MonitorFdsets {
    SchedMutex lock;
    GPtrArray *list;                /* of MonFdset *, ascending id; under lock */
} MonitorFdsets;

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

static void mon_fdset_fd_free(MonFdsetFd *f)
{
    sched_close_os(f->fd);
    g_free(f->opaque);
    g_free(f);
}

static void mon_fdset_free(MonFdset *set)
{
    for (guint i = 0; i < set->fds->len; i++) {
        mon_fdset_fd_free(g_ptr_array_index(set->fds, i));
    }
    g_ptr_array_free(set->fds, TRUE);
    g_array_free(set->dups, TRUE);
    g_free(set);
}

void monitor_fdsets_init(void)
{
    MonitorFdsets *sets = g_new0(MonitorFdsets, 1);

    sched_mutex_init(&sets->lock, "fdsets");
    sets->list = g_ptr_array_new();
    monitor_state()->fdsets = sets;
}

void monitor_fdsets_cleanup(void)
{
    MonitorFdsets *sets = monitor_state()->fdsets;

    for (guint i = 0; i < sets->list->len; i++) {
        mon_fdset_free(g_ptr_array_index(sets->list, i));
    }
    g_ptr_array_free(sets->list, TRUE);
    sched_mutex_destroy(&sets->lock);
    g_free(sets);
    monitor_state()->fdsets = NULL;
}

/* (I1) */
static void mon_fdset_free_if_empty_locked(MonitorFdsets *sets, MonFdset *set)
{
    if (!set->fds->len && !set->dups->len) {
        g_ptr_array_remove(sets->list, set);
        mon_fdset_free(set);
    }
}

static MonFdset *mon_fdset_find_locked(MonitorFdsets *sets, int64_t id)
{
    for (guint i = 0; i < sets->list->len; i++) {
        MonFdset *set = g_ptr_array_index(sets->list, i);

        if (set->id == id) {
            return set;
        }
    }
    return NULL;
}

static int64_t mon_fdset_free_id_locked(MonitorFdsets *sets)
{
    int64_t id = 0;

    for (guint i = 0; i < sets->list->len; i++) {
        MonFdset *set = g_ptr_array_index(sets->list, i);

        if (set->id != id) {
            break;
        }
        id++;
    }
    return id;
}

static MonFdset *mon_fdset_new_locked(MonitorFdsets *sets, int64_t id)
{
    MonFdset *set = g_new0(MonFdset, 1);
    guint at = 0;

    set->id = id;
    set->fds = g_ptr_array_new();
    set->dups = g_array_new(FALSE, FALSE, sizeof(int));
    while (at < sets->list->len && ((MonFdset *)g_ptr_array_index(sets->list, at))->id < id) {
        at++;
    }
    g_ptr_array_insert(sets->list, (gint)at, set);
    return set;
}

AddfdInfo *monitor_fdset_add_fd(int fd, bool has_id, int64_t id, const char *opaque, GError **errp)
{
    MonitorFdsets *sets = monitor_state()->fdsets;
    MonFdset *set;
    MonFdsetFd *member;
    AddfdInfo *info;

    if (has_id && id < 0) {
        error_setg(errp, "Parameter 'fdset-id' expects a non-negative value");
        return NULL;
    }
    sched_mutex_lock(&sets->lock);
    if (!has_id) {
        id = mon_fdset_free_id_locked(sets);
    }
    set = mon_fdset_find_locked(sets, id);
    if (!set) {
        set = mon_fdset_new_locked(sets, id);
    }
    member = g_new0(MonFdsetFd, 1);
    member->fd = fd;
    member->opaque = g_strdup(opaque);
    g_ptr_array_add(set->fds, member);
    sched_mutex_unlock(&sets->lock);
    info = g_new0(AddfdInfo, 1);
    info->fdset_id = id;
    info->fd = fd;
    return info;
}

AddfdInfo *qmp_add_fd(bool has_fdset_id, int64_t fdset_id, const char *opaque, GError **errp)
{
    int fd = monitor_passed_fd(errp);
    AddfdInfo *info;

    if (fd < 0) {
        return NULL;
    }
    info = monitor_fdset_add_fd(fd, has_fdset_id, fdset_id, opaque, errp);
    if (!info) {
        sched_close_os(fd);
    }
    return info;
}

static bool mon_fdset_remove_locked(MonFdset *set, bool has_fd, int64_t fd)
{
    bool found = false;

    for (guint i = 0; i < set->fds->len;) {
        MonFdsetFd *member = g_ptr_array_index(set->fds, i);

        if (has_fd && member->fd != fd) {
            i++;
            continue;
        }
        g_ptr_array_remove_index(set->fds, i);
        mon_fdset_fd_free(member);
        found = true;
    }
    return found;
}

void qmp_remove_fd(int64_t fdset_id, bool has_fd, int64_t fd, GError **errp)
{
    MonitorFdsets *sets = monitor_state()->fdsets;
    MonFdset *set;
    bool found = false;

    sched_mutex_lock(&sets->lock);
    set = mon_fdset_find_locked(sets, fdset_id);
    if (set) {
        found = mon_fdset_remove_locked(set, has_fd, fd) || !has_fd;
        mon_fdset_free_if_empty_locked(sets, set);
    }
    sched_mutex_unlock(&sets->lock);
    if (!found && has_fd) {
        error_setg(errp, "File descriptor named 'fdset-id:%" G_GINT64_FORMAT ", fd:%" G_GINT64_FORMAT "' not found",
                   fdset_id, fd);
    } else if (!found) {
        error_setg(errp, "File descriptor named 'fdset-id:%" G_GINT64_FORMAT "' not found", fdset_id);
    }
}

FdsetInfoList *qmp_query_fdsets(GError **errp)
{
    MonitorFdsets *sets = monitor_state()->fdsets;
    FdsetInfoList *list = NULL, **tail = &list;

    sched_mutex_lock(&sets->lock);
    for (guint i = sets->list->len; i > 0; i--) {
        MonFdset *set = g_ptr_array_index(sets->list, i - 1);
        FdsetInfo *info = g_new0(FdsetInfo, 1);
        FdsetFdInfoList **fd_tail = &info->fds;

        info->fdset_id = set->id;
        for (guint k = 0; k < set->fds->len; k++) {
            MonFdsetFd *member = g_ptr_array_index(set->fds, k);
            FdsetFdInfo *fd_info = g_new0(FdsetFdInfo, 1);

            fd_info->fd = member->fd;
            fd_info->opaque = g_strdup(member->opaque);
            QAPI_LIST_APPEND(fd_tail, fd_info);
        }
        QAPI_LIST_APPEND(tail, info);
    }
    sched_mutex_unlock(&sets->lock);
    return list;
}

/* ---- Command line ---- */

bool monitor_cmdline_add_fd(const char *optarg, GError **errp)
{
    g_autoptr(ChrOpts) opts = chr_opts_parse(optarg, NULL);
    const char *opaque = chr_opts_get(opts, "opaque");
    uint64_t fd, set;
    AddfdInfo *info;
    int dup;

    if (!chr_opts_get(opts, "fd") || !chr_opts_get(opts, "set")) {
        error_setg(errp, "-add-fd: fd and set parameters are required");
        return false;
    }
    if (!chr_opts_get_number(opts, "fd", 0, &fd, errp) || !chr_opts_get_number(opts, "set", 0, &set, errp) ||
        !chr_opts_finish(opts, errp)) {
        return false;
    }
    if (fd <= 2 || fd > G_MAXINT || set > G_MAXINT64) {
        error_setg(errp, "fd cannot be a standard I/O stream");
        return false;
    }
    dup = sched_dup((int)fd);
    if (dup < 0) {
        error_setg_errno(errp, dup, "error duplicating fd");
        return false;
    }
    info = monitor_fdset_add_fd(dup, true, (int64_t)set, opaque, errp);
    if (!info) {
        sched_close_os(dup);
        return false;
    }
    sched_close_os((int)fd);
    qapi_free_AddfdInfo(info);
    return true;
}
