/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of the simulator: reads come from the real file, writes go into an overlay in memory.
 *
 * A file is known by its path for the whole run, so closing and opening again, or two machines on shared storage, see
 * the same bytes; the real file stays as it was, and thousands of runs can share it. The overlay knows what has been
 * flushed: a page remembers its last flushed contents until the next flush, so "the power fails now" has an answer.
 *
 * I1  page->stable is what a crash leaves if the page is dirty; a clean page is as stable as page->data.
 * I2  Bytes at or past file->length are not in any page's meaning; growing reads as zeroes.
 */
#include "sched/sim_file.h"
#include "base/bytes.h"
#include "platform/os.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* ---- Pages ---- */

static void page_free(gpointer p)
{
    g_free(((SimPage *)p)->stable);
    g_free(p);
}

static SimPage *page_find(SimFile *f, uint64_t index)
{
    return g_hash_table_lookup(f->pages, &index);
}

/* The real file's bytes, zero past its end. Errors of the real file read as such. */
static int base_read(SimFile *f, uint64_t offset, uint8_t *buf, size_t len)
{
    size_t have = offset < f->base_length ? MIN(len, f->base_length - offset) : 0;
    struct iovec iov = { buf, have };
    ssize_t n = have ? os_preadv_full(f->base_fd, &iov, 1, offset) : 0;

    if (n < 0) {
        return n;
    }
    memset(buf + n, 0, len - n);
    return 0;
}

static SimPage *page_for_write(SimFile *f, uint64_t index, int *ret_err)
{
    SimPage *p = page_find(f, index);

    *ret_err = 0;
    if (!p) {
        p = g_new0(SimPage, 1);
        p->index = index;
        *ret_err = base_read(f, index * PAGE, p->data, PAGE);
        if (*ret_err < 0) {
            g_free(p);
            return NULL;
        }
        g_hash_table_insert(f->pages, &p->index, p);
    }
    if (!p->dirty) {
        p->dirty = true;
        p->stable = g_memdup2(p->data, PAGE);
        g_ptr_array_add(f->dirty, p);
    }
    return p;
}

static int file_read(SimFile *f, uint64_t offset, uint8_t *buf, size_t len)
{
    while (len) {
        size_t in_page = offset % PAGE, n = MIN(len, PAGE - in_page);
        SimPage *p = page_find(f, offset / PAGE);

        if (p) {
            memcpy(buf, p->data + in_page, n);
        } else {
            int ret = base_read(f, offset, buf, n);

            if (ret < 0) {
                return ret;
            }
        }
        offset += n;
        buf += n;
        len -= n;
    }
    return 0;
}

/* @buf NULL: zeroes. */
static int file_write(SimFile *f, uint64_t offset, const uint8_t *buf, size_t len)
{
    while (len) {
        size_t in_page = offset % PAGE, n = MIN(len, PAGE - in_page);
        int err;
        SimPage *p;

        if (!buf && offset - in_page >= f->base_length && !page_find(f, offset / PAGE)) {
            /* Reads as zeroes already: a hole costs nothing, however large. */
            offset += n;
            len -= n;
            f->length = MAX(f->length, offset);
            continue;
        }
        p = page_for_write(f, offset / PAGE, &err);
        if (!p) {
            return err;
        }
        if (buf) {
            memcpy(p->data + in_page, buf, n);
            buf += n;
        } else {
            memset(p->data + in_page, 0, n);
        }
        offset += n;
        len -= n;
        f->length = MAX(f->length, offset);
    }
    return 0;
}

static void file_flush(SimFile *f)
{
    for (unsigned i = 0; i < f->dirty->len; i++) {
        SimPage *p = f->dirty->pdata[i];

        p->dirty = false;
        g_clear_pointer(&p->stable, g_free);
    }
    g_ptr_array_set_size(f->dirty, 0);
    f->stable_length = f->length;
}

/* ---- The table of files ---- */

/* @path: canonical. */
static SimFile *file_find(const char *path)
{
    for (unsigned i = 0; sim.files && i < sim.files->len; i++) {
        SimFile *f = sim.files->pdata[i];

        if (!strcmp(f->path, path)) {
            return f;
        }
    }
    return NULL;
}

static void file_free(gpointer opaque)
{
    SimFile *f = opaque;

    if (f->base_fd >= 0) {
        os_close(f->base_fd);
    }
    g_hash_table_unref(f->pages);
    g_ptr_array_unref(f->dirty);
    g_array_unref(f->locks);
    g_free(f->path);
    g_free(f);
}

/* The file as it is on disk, or an absent one. Errors other than "not there" are returned. */
static int file_get(const char *name, SimFile **ret)
{
    g_autofree char *path = g_canonicalize_filename(name, NULL);
    SimFile *f = file_find(path);
    OsFileInfo info = { 0 };
    int fd;

    if (f) {
        *ret = f;
        return 0;
    }
    fd = os_open(path, O_RDONLY, 0);
    if (fd < 0 && fd != -ENOENT) {
        return fd;
    }
    if (fd >= 0) {
        int ret_info = os_file_info(fd, &info);

        if (ret_info < 0) {
            os_close(fd);
            return ret_info;
        }
    }
    f = g_new0(SimFile, 1);
    f->path = g_steal_pointer(&path);
    f->base_fd = fd;
    f->exists = fd >= 0;
    f->base_length = f->length = f->stable_length = info.length;
    f->pages = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, page_free);
    f->dirty = g_ptr_array_new();
    f->locks = g_array_new(false, false, sizeof(SimLock));
    if (!sim.files) {
        sim.files = g_ptr_array_new_with_free_func(file_free);
    }
    g_ptr_array_add(sim.files, f);
    *ret = f;
    return 0;
}

void sim_files_free(void)
{
    g_clear_pointer(&sim.files, g_ptr_array_unref);
}

SimFile *sim_file_of(int fd)
{
    SimFd *d = sim_fd(fd);

    return d && d->type == SIM_FD_FILE ? d->file : NULL;
}

static void file_point(SchedKind kind, int fd, uintptr_t site)
{
    sim_op(kind, &sim_fd(fd)->o, site, NULL, NULL, -1);
}

/* ---- The seam ---- */

static void file_set_length(SimFile *f, uint64_t length)
{
    GHashTableIter it;
    SimPage *p;

    if (length < f->length) {
        uint64_t tail = length % PAGE;

        f->base_length = MIN(f->base_length, length);
        g_hash_table_iter_init(&it, f->pages);      /* order does not matter: each page is judged alone */
        while (g_hash_table_iter_next(&it, NULL, (gpointer *)&p)) {
            if (p->index * PAGE >= length) {
                memset(p->data, 0, PAGE);
            } else if (tail && p->index == length / PAGE) {
                memset(p->data + tail, 0, PAGE - tail);
            }
        }
    }
    f->length = length;
}

int sched_file_open(const char *name, const char *path, int flags)
{
    SimFile *f;
    SimFd *d;
    int ret = file_get(path, &f);

    if (ret < 0) {
        return ret;
    }
    if (!f->exists && !(flags & SCHED_FILE_CREATE)) {
        return -ENOENT;
    }
    if (f->exists && (flags & SCHED_FILE_CREATE) && (flags & SCHED_FILE_EXCL)) {
        return -EEXIST;
    }
    if (flags & SCHED_FILE_TRUNC) {
        file_set_length(f, 0);
    }
    f->exists = true;
    d = g_new0(SimFd, 1);
    d->type = SIM_FD_FILE;
    d->file = f;
    d->name = g_strdup(name);
    d->writable = flags & SCHED_FILE_WRITE;
    sched_object_init(&d->o, "file", d->name);
    return sim_fd_add(d);
}

void sim_file_close(SimFd *d)
{
    GArray *locks = d->file->locks;

    for (unsigned i = locks->len; i-- > 0;) {
        if (g_array_index(locks, SimLock, i).holder == d) {
            g_array_remove_index(locks, i);
        }
    }
}

int sched_file_adopt(const char *name, int os_fd, int flags)
{
    return -ENOTSUP;
}

int sched_file_type(int fd, SchedFileType *ret_type)
{
    if (!sim_file_of(fd)) {
        return -EBADF;
    }
    *ret_type = SCHED_FILE_REGULAR;
    return 0;
}

int64_t sched_file_length(int fd)
{
    SimFile *f = sim_file_of(fd);

    return f ? (int64_t)f->length : -EBADF;
}

int64_t sched_file_allocated(int fd)
{
    SimFile *f = sim_file_of(fd);

    return f ? (int64_t)(g_hash_table_size(f->pages) * PAGE + QEMU_ALIGN_UP(f->base_length, PAGE)) : -EBADF;
}

ssize_t sched_file_preadv(int fd, const struct iovec *iov, int niov, uint64_t offset)
{
    SimFile *f = sim_file_of(fd);
    ssize_t done = 0;

    if (!f) {
        return -EBADF;
    }
    file_point(SCHED_K_FILE_READ, fd, SIM_SITE);
    for (int i = 0; i < niov && offset + done < f->length; i++) {
        size_t n = MIN(iov[i].iov_len, f->length - offset - done);
        int ret = file_read(f, offset + done, iov[i].iov_base, n);

        if (ret < 0) {
            return ret;
        }
        done += n;
    }
    return done;
}

ssize_t sched_file_pwritev(int fd, const struct iovec *iov, int niov, uint64_t offset)
{
    SimFile *f = sim_file_of(fd);
    ssize_t done = 0;

    if (!f || !sim_fd(fd)->writable) {
        return -EBADF;
    }
    file_point(SCHED_K_FILE_WRITE, fd, SIM_SITE);
    for (int i = 0; i < niov; i++) {
        int ret = file_write(f, offset + done, iov[i].iov_base, iov[i].iov_len);

        if (ret < 0) {
            return ret;
        }
        done += iov[i].iov_len;
    }
    return done;
}

int sched_file_flush(int fd)
{
    SimFile *f = sim_file_of(fd);

    if (!f) {
        return -EBADF;
    }
    file_point(SCHED_K_FILE_FLUSH, fd, SIM_SITE);
    file_flush(f);
    return 0;
}

int sched_file_truncate(int fd, uint64_t length)
{
    SimFile *f = sim_file_of(fd);

    if (!f || !sim_fd(fd)->writable) {
        return -EBADF;
    }
    file_point(SCHED_K_FILE_WRITE, fd, SIM_SITE);
    file_set_length(f, length);
    return 0;
}

int sched_file_preallocate(int fd, uint64_t offset, uint64_t len)
{
    SimFile *f = sim_file_of(fd);

    return !f ? -EBADF : f->length >= offset + len ? 0 : sched_file_truncate(fd, offset + len);
}

int sched_file_zero(int fd, uint64_t offset, uint64_t len, bool may_unmap)
{
    SimFile *f = sim_file_of(fd);

    if (!f || !sim_fd(fd)->writable) {
        return -EBADF;
    }
    file_point(SCHED_K_FILE_WRITE, fd, SIM_SITE);
    return file_write(f, offset, NULL, len);
}

int sched_file_discard(int fd, uint64_t offset, uint64_t len)
{
    SimFile *f = sim_file_of(fd);

    if (!f) {
        return -EBADF;
    }
    return offset >= f->length ? 0 : sched_file_zero(fd, offset, MIN(len, f->length - offset), true);
}

int sched_file_extent(int fd, uint64_t offset, uint64_t *ret_len)
{
    SimFile *f = sim_file_of(fd);
    bool data;
    uint64_t end;

    if (!f) {
        return -EBADF;
    }
    if (offset >= f->length) {
        return -ENXIO;
    }
    data = offset < f->base_length || page_find(f, offset / PAGE);
    end = QEMU_ALIGN_DOWN(offset, (uint64_t)PAGE) + PAGE;
    if (offset < f->base_length) {
        end = MAX(end, QEMU_ALIGN_UP(f->base_length, (uint64_t)PAGE));
    }
    while (end < f->length && data == (end < f->base_length || page_find(f, end / PAGE))) {
        end += PAGE;
    }
    *ret_len = MIN(end, f->length) - offset;
    return data;
}

/* ---- Whole files ---- */

int sched_file_unlink(const char *path)
{
    SimFile *f;
    int ret = file_get(path, &f);

    if (ret < 0) {
        return ret;
    }
    if (!f->exists) {
        return -ENOENT;
    }
    file_set_length(f, 0);
    f->exists = false;
    return 0;
}

bool sched_file_exists(const char *path)
{
    SimFile *f;

    return file_get(path, &f) == 0 && f->exists;
}

int sched_file_read_all(const char *path, size_t max, char **ret_buf, size_t *ret_len)
{
    g_autofree char *buf = NULL;
    SimFile *f;
    int ret = file_get(path, &f);

    if (ret < 0) {
        return ret;
    }
    if (!f->exists) {
        return -ENOENT;
    }
    if (f->length > max) {
        return -EFBIG;
    }
    buf = g_malloc(f->length + 1);
    ret = file_read(f, 0, (uint8_t *)buf, f->length);
    if (ret < 0) {
        return ret;
    }
    buf[f->length] = '\0';
    *ret_len = f->length;
    *ret_buf = g_steal_pointer(&buf);
    return 0;
}

const char *sim_file_path(unsigned index)
{
    SimFile *f = sim.files && index < sim.files->len ? sim.files->pdata[index] : NULL;

    return f ? f->path : NULL;
}

int sim_file_export(const char *path, const char *dest, bool after_crash)
{
    g_autofree char *full = g_canonicalize_filename(path, NULL);
    SimFile *f = file_find(full);
    uint64_t length;
    int fd, ret = 0;

    if (!f || !f->exists) {
        return -ENOENT;
    }
    fd = os_open(dest, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0) {
        return fd;
    }
    length = after_crash ? f->stable_length : f->length;
    for (uint64_t offset = 0; offset < length && ret >= 0; offset += PAGE) {
        SimPage *p = page_find(f, offset / PAGE);
        uint8_t buf[PAGE];
        struct iovec iov = { buf, MIN(PAGE, length - offset) };

        ret = file_read(f, offset, buf, PAGE);
        if (ret == 0 && after_crash && p && p->dirty) {
            memcpy(buf, p->stable, PAGE);
        }
        if (ret == 0) {
            ret = MIN(os_pwritev_full(fd, &iov, 1, offset), 0);
        }
    }
    os_close(fd);
    return ret;
}
