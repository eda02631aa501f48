/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of passed descriptors. See the header. */
#include "sched/fdset.h"
#include "sched/io.h"
#include "sched/machine.h"

#include <string.h>

#define FDSET_PREFIX "/dev/fdset/"

typedef struct Fdset {
    int64_t id;
    GPtrArray *members;             /* of FdsetMember *, in the order added */
    GArray *dups;                   /* of int, in use elsewhere */
} Fdset;

typedef struct Fdsets {
    SchedMutex lock;
    GPtrArray *list;                /* of Fdset *, ascending id; under lock */
} Fdsets;

static Fdsets *fdsets_state(void)
{
    return machine_current() ? machine_state(MACHINE_FDSETS) : NULL;
}

static void fdset_member_free(gpointer p)
{
    FdsetMember *m = p;

    g_free(m->opaque);
    g_free(m);
}

static void fdset_free(Fdset *set)
{
    for (guint i = 0; i < set->members->len; i++) {
        sched_close_os(((FdsetMember *)g_ptr_array_index(set->members, i))->fd);
    }
    g_ptr_array_free(set->members, TRUE);
    g_array_free(set->dups, TRUE);
    g_free(set);
}

void fdsets_init(void)
{
    Fdsets *s = g_new0(Fdsets, 1);

    sched_mutex_init(&s->lock, "fdsets");
    s->list = g_ptr_array_new();
    machine_set_state(MACHINE_FDSETS, s);
}

void fdsets_cleanup(void)
{
    Fdsets *s = fdsets_state();

    for (guint i = 0; i < s->list->len; i++) {
        fdset_free(g_ptr_array_index(s->list, i));
    }
    g_ptr_array_free(s->list, TRUE);
    sched_mutex_destroy(&s->lock);
    g_free(s);
    machine_set_state(MACHINE_FDSETS, NULL);
}

/* ---- Lookup; all with the lock ---- */

static Fdset *fdset_find_locked(Fdsets *s, int64_t id)
{
    for (guint i = 0; i < s->list->len; i++) {
        Fdset *set = g_ptr_array_index(s->list, i);

        if (set->id == id) {
            return set;
        }
    }
    return NULL;
}

static int64_t fdset_free_id_locked(Fdsets *s)
{
    int64_t id = 0;

    while (id < s->list->len && ((Fdset *)g_ptr_array_index(s->list, (guint)id))->id == id) {
        id++;
    }
    return id;
}

static Fdset *fdset_new_locked(Fdsets *s, int64_t id)
{
    Fdset *set = g_new0(Fdset, 1);
    guint at = 0;

    set->id = id;
    set->members = g_ptr_array_new_with_free_func(fdset_member_free);
    set->dups = g_array_new(FALSE, FALSE, sizeof(int));
    while (at < s->list->len && ((Fdset *)g_ptr_array_index(s->list, at))->id < id) {
        at++;
    }
    g_ptr_array_insert(s->list, (gint)at, set);
    return set;
}

/* (I1): only a set with neither members nor duplicates goes; the latter are closed by their users later. */
static void fdset_free_if_empty_locked(Fdsets *s, Fdset *set)
{
    if (!set->members->len && !set->dups->len) {
        g_ptr_array_remove(s->list, set);
        fdset_free(set);
    }
}

/* ---- Members ---- */

int64_t fdset_add(int os_fd, int64_t id, const char *opaque)
{
    Fdsets *s = fdsets_state();
    FdsetMember *m = g_new0(FdsetMember, 1);
    Fdset *set;

    sched_mutex_lock(&s->lock);
    if (id < 0) {
        id = fdset_free_id_locked(s);
    }
    set = fdset_find_locked(s, id);
    if (!set) {
        set = fdset_new_locked(s, id);
    }
    *m = (FdsetMember){ .id = id, .fd = os_fd, .opaque = g_strdup(opaque) };
    g_ptr_array_add(set->members, m);
    sched_mutex_unlock(&s->lock);
    return id;
}

bool fdset_remove(int64_t id, int64_t os_fd)
{
    Fdsets *s = fdsets_state();
    Fdset *set;
    bool found = false;

    sched_mutex_lock(&s->lock);
    set = fdset_find_locked(s, id);
    for (guint i = 0; set && i < set->members->len;) {
        FdsetMember *m = g_ptr_array_index(set->members, i);

        if (os_fd >= 0 && m->fd != os_fd) {
            i++;
            continue;
        }
        sched_close_os(m->fd);
        g_ptr_array_remove_index(set->members, i);
        found = true;
    }
    if (set) {
        found = found || os_fd < 0;
        fdset_free_if_empty_locked(s, set);
    }
    sched_mutex_unlock(&s->lock);
    return found;
}

static void fdset_list_one(GPtrArray *list, const Fdset *set)
{
    for (guint k = 0; k < MAX(set->members->len, 1); k++) {
        FdsetMember *copy = g_new0(FdsetMember, 1);

        *copy = (FdsetMember){ .id = set->id, .fd = -1 };
        if (set->members->len) {
            const FdsetMember *m = g_ptr_array_index(set->members, k);

            copy->fd = m->fd;
            copy->opaque = g_strdup(m->opaque);
        }
        g_ptr_array_add(list, copy);
    }
}

GPtrArray *fdset_list(void)
{
    Fdsets *s = fdsets_state();
    GPtrArray *list = g_ptr_array_new_with_free_func(fdset_member_free);

    sched_mutex_lock(&s->lock);
    for (guint i = s->list->len; i > 0; i--) {
        fdset_list_one(list, g_ptr_array_index(s->list, i - 1));
    }
    sched_mutex_unlock(&s->lock);
    return list;
}

/* ---- Use ---- */

bool fdset_is_name(const char *path)
{
    return g_str_has_prefix(path, FDSET_PREFIX);
}

static bool fdset_parse_name(const char *path, int64_t *ret_id)
{
    const char *number = path + strlen(FDSET_PREFIX);
    char *end;

    errno = 0;
    *ret_id = g_ascii_strtoll(number, &end, 10);
    return g_ascii_isdigit(*number) && !*end && !errno;
}

/* Duplicates the first member that fits. -EACCES if none does. */
static int fdset_dup_locked(Fdset *set, const char *name, int flags)
{
    for (guint i = 0; i < set->members->len; i++) {
        FdsetMember *m = g_ptr_array_index(set->members, i);
        int dup = sched_dup(m->fd), fd;

        if (dup < 0) {
            return dup;
        }
        fd = sched_file_adopt(name, dup, flags);
        if (fd >= 0) {
            g_array_append_val(set->dups, fd);
            return fd;
        }
        sched_close_os(dup);
        if (fd != -EACCES) {
            return fd;
        }
    }
    return -EACCES;
}

int fdset_open(const char *path, int flags, GError **errp)
{
    Fdsets *s = fdsets_state();
    int64_t id;
    Fdset *set = NULL;
    int fd = -ENOENT;

    if (!fdset_parse_name(path, &id)) {
        error_setg(errp, "Could not parse fdset %s", path);
        return -EINVAL;
    }
    if (s) {
        sched_mutex_lock(&s->lock);
        set = fdset_find_locked(s, id);
        fd = set ? fdset_dup_locked(set, path, flags) : -ENOENT;
        sched_mutex_unlock(&s->lock);
    }
    if (fd == -EACCES) {
        error_setg(errp, "Failed to find file descriptor with matching flags=0x%x",
                   (flags & SCHED_FILE_WRITE ? 2 : 0) | (flags & SCHED_FILE_DIRECT ? 0x4000 : 0));
    } else if (fd == -ENOENT) {
        error_setg(errp, "Failed to find fdset %s", path);
    } else if (fd < 0) {
        error_setg_errno(errp, -fd, "Failed to duplicate a descriptor of %s", path);
    }
    return fd;
}

static void fdset_forget_dup_locked(Fdsets *s, int fd)
{
    for (guint i = 0; i < s->list->len; i++) {
        Fdset *set = g_ptr_array_index(s->list, i);

        for (guint k = 0; k < set->dups->len; k++) {
            if (g_array_index(set->dups, int, k) == fd) {
                g_array_remove_index(set->dups, k);
                fdset_free_if_empty_locked(s, set);
                return;
            }
        }
    }
}

void fdset_close(int fd)
{
    Fdsets *s = fdsets_state();

    if (s && fd >= 0) {
        sched_mutex_lock(&s->lock);
        fdset_forget_dup_locked(s, fd);
        sched_mutex_unlock(&s->lock);
    }
    sched_close(fd);
}
