/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine with real threads: poll, files, streams, processes. A descriptor is the kernel's.
 *
 * Owns: a small table of descriptors that are more than one number: the standard streams (read here, write there),
 * a child to wait for, a socket path to remove. Guarded by its lock; everything else is stateless.
 */
#include "sched/io.h"
#include "base/assert.h"
#include "platform/os.h"
#include "sched/engine_os_int.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Special {
    int write_fd;               /* -1: same as the key */
    int pid;                    /* 0: no child */
    char *path;                 /* of a listening unix socket, to be removed; or NULL */
} Special;

static struct {
    pthread_mutex_t lock;
    GHashTable *special;        /* descriptor -> Special */
    gint split_fd;              /* the one descriptor with a write_fd, or -1; atomic */
} io = { .split_fd = -1 };

static void special_free(void *opaque)
{
    Special *s = opaque;

    if (s->path) {
        os_unlink(s->path);       /* somebody may have removed or replaced it already */
    }
    g_free(s->path);
    g_free(s);
}

void engine_io_init(void)
{
    os_mutex_init(&io.lock);
    io.special = g_hash_table_new_full(NULL, NULL, NULL, special_free);
}

void engine_io_cleanup(void)
{
    g_clear_pointer(&io.special, g_hash_table_unref);
    os_mutex_destroy(&io.lock);
    io.split_fd = -1;
}

static void special_add(int fd, Special s)
{
    os_mutex_lock(&io.lock);
    g_hash_table_insert(io.special, GINT_TO_POINTER(fd), g_memdup2(&s, sizeof(s)));
    if (s.write_fd >= 0) {
        g_atomic_int_set(&io.split_fd, fd);
    }
    os_mutex_unlock(&io.lock);
}

/* Takes the entry of @fd out, if there is one. */
static Special *special_take(int fd)
{
    Special *s = NULL;

    os_mutex_lock(&io.lock);
    g_hash_table_steal_extended(io.special, GINT_TO_POINTER(fd), NULL, (void **)&s);
    if (fd == io.split_fd) {
        g_atomic_int_set(&io.split_fd, -1);
    }
    os_mutex_unlock(&io.lock);
    return s;
}

static int write_side(int fd)
{
    return fd == g_atomic_int_get(&io.split_fd) ? STDOUT_FILENO : fd;
}

/* ---- Poll ---- */

G_STATIC_ASSERT(sizeof(GPollFD) == sizeof(struct pollfd));

/* Polls with an extra entry for the output half of a split descriptor at @index. */
static int poll_split(GPollFD *fds, unsigned nfds, unsigned index, int64_t timeout_ns)
{
    g_autofree struct pollfd *copy = g_new(struct pollfd, nfds + 1);
    int r, n = 0;

    memcpy(copy, fds, nfds * sizeof(*copy));
    copy[index].events &= ~POLLOUT;
    copy[nfds] = (struct pollfd){ .fd = STDOUT_FILENO, .events = POLLOUT };
    r = os_poll(copy, nfds + 1, timeout_ns);
    if (r < 0) {
        return r;
    }
    copy[index].revents |= copy[nfds].revents;
    for (unsigned i = 0; i < nfds; i++) {
        fds[i].revents = copy[i].revents;
        n += copy[i].revents != 0;
    }
    return n;
}

int sched_poll(SchedObject *who, GPollFD *fds, unsigned nfds, int64_t timeout_ns)
{
    int split = g_atomic_int_get(&io.split_fd);
    int r;

    if (G_UNLIKELY(split >= 0)) {
        for (unsigned i = 0; i < nfds; i++) {
            if (fds[i].fd == split && (fds[i].events & G_IO_OUT)) {
                r = poll_split(fds, nfds, i, timeout_ns);
                assert(r >= 0);
                return r;
            }
        }
    }
    r = os_poll((struct pollfd *)fds, nfds, timeout_ns);
    assert(r >= 0);
    return r;
}

/* ---- Notifiers ---- */

int sched_notifier_init(SchedNotifier *n, const char *name)
{
    int fd = os_eventfd();

    if (fd < 0) {
        return fd;
    }
    n->fd = fd;
    sched_object_init(&n->o, "notifier", name);
    return 0;
}

void sched_notifier_cleanup(SchedNotifier *n)
{
    os_close(n->fd);
    n->fd = -1;
}

void sched_notifier_set(SchedNotifier *n)
{
    os_eventfd_set(n->fd);
}

bool sched_notifier_test_and_clear(SchedNotifier *n)
{
    return os_eventfd_clear(n->fd);
}

/* ---- Files ---- */

int sched_file_open(const char *name, const char *path, int flags)
{
    int oflags = flags & SCHED_FILE_WRITE ? O_RDWR : O_RDONLY;

    oflags |= flags & SCHED_FILE_CREATE ? O_CREAT : 0;
    oflags |= flags & SCHED_FILE_EXCL ? O_EXCL : 0;
    oflags |= flags & SCHED_FILE_TRUNC ? O_TRUNC : 0;
    oflags |= flags & SCHED_FILE_DIRECT ? O_DIRECT : 0;
    return os_open(path, oflags, 0644);
}

int sched_library_sockets(void)
{
    return 0;
}

int sched_file_adopt(const char *name, int os_fd, int flags)
{
    int have = os_open_flags(os_fd);
    int want = (flags & SCHED_FILE_WRITE ? O_RDWR : O_RDONLY) | (flags & SCHED_FILE_DIRECT ? O_DIRECT : 0);

    if (have < 0) {
        return have;
    }
    return (have & (O_ACCMODE | O_DIRECT)) == want ? os_fd : -EACCES;
}

int sched_file_type(int fd, SchedFileType *ret_type)
{
    OsFileInfo info;
    int r = os_file_info(fd, &info);

    if (r < 0) {
        return r;
    }
    *ret_type = S_ISREG(info.mode) ? SCHED_FILE_REGULAR : S_ISBLK(info.mode) ? SCHED_FILE_BLOCK
        : S_ISCHR(info.mode) ? SCHED_FILE_CHAR : SCHED_FILE_OTHER;
    return 0;
}

int64_t sched_file_length(int fd)
{
    OsFileInfo info;
    int r = os_file_info(fd, &info);

    return r < 0 ? r : (int64_t)info.length;
}

int64_t sched_file_allocated(int fd)
{
    OsFileInfo info;
    int r = os_file_info(fd, &info);

    return r < 0 ? r : (int64_t)info.allocated;
}

ssize_t sched_file_preadv(int fd, const struct iovec *iov, int niov, uint64_t offset)
{
    return os_preadv_full(fd, iov, niov, offset);
}

ssize_t sched_file_pwritev(int fd, const struct iovec *iov, int niov, uint64_t offset)
{
    return os_pwritev_full(fd, iov, niov, offset);
}

int sched_file_flush(int fd)
{
    return os_fdatasync(fd);
}

int sched_file_truncate(int fd, uint64_t length)
{
    return os_ftruncate(fd, length);
}

int sched_file_preallocate(int fd, uint64_t offset, uint64_t len)
{
    return os_preallocate(fd, offset, len);
}

int sched_file_zero(int fd, uint64_t offset, uint64_t len, bool may_unmap)
{
    int64_t length = sched_file_length(fd);
    int r;

    if (length < 0) {
        return length;
    }
    if (may_unmap && offset + len <= (uint64_t)length) {
        r = os_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len);
        if (r != -ENOTSUP) {
            return r;
        }
    }
    return os_fallocate(fd, FALLOC_FL_ZERO_RANGE, offset, len);
}

int sched_file_discard(int fd, uint64_t offset, uint64_t len)
{
    return os_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, len);
}

int sched_file_extent(int fd, uint64_t offset, uint64_t *ret_len)
{
    return os_file_extent(fd, offset, ret_len);
}

int sched_file_lock(int fd, uint64_t offset, uint64_t len, bool exclusive)
{
    return os_file_lock(fd, offset, len, exclusive ? OS_LOCK_EXCLUSIVE : OS_LOCK_SHARED);
}

int sched_file_unlock(int fd, uint64_t offset, uint64_t len)
{
    return os_file_lock(fd, offset, len, OS_LOCK_NONE);
}

int sched_file_test_lock(int fd, uint64_t offset, uint64_t len, bool exclusive)
{
    return os_file_test_lock(fd, offset, len, exclusive ? OS_LOCK_EXCLUSIVE : OS_LOCK_SHARED);
}

int sched_file_unlink(const char *path)
{
    return os_unlink(path);
}

bool sched_file_exists(const char *path)
{
    return os_exists(path);
}

int sched_file_read_all(const char *path, size_t max, char **ret_buf, size_t *ret_len)
{
    g_autofree char *buf = NULL;
    size_t len = 0, room = 4096, limit = max < SIZE_MAX ? max + 1 : max;
    ssize_t n;
    int fd = os_open(path, O_RDONLY, 0);

    if (fd < 0) {
        return fd;
    }
    buf = g_malloc(room + 1);
    /*
     * One byte more than allowed, to tell a file of exactly @max from a larger one. The length may be unknown (pipe).
     */
    while ((n = os_read(fd, buf + len, MIN(room, limit) - len)) > 0) {
        len += n;
        if (len > max) {
            n = -EFBIG;
            break;
        }
        if (len == room) {
            room *= 2;
            buf = g_realloc(buf, room + 1);
        }
    }
    os_close(fd);
    if (n < 0) {
        return n;
    }
    buf[len] = '\0';
    *ret_buf = g_steal_pointer(&buf);
    *ret_len = len;
    return 0;
}

/* ---- Streams ---- */

int sched_stream_listen(const char *name, const char *addr)
{
    int fd = os_listen(addr);

    if (fd >= 0 && g_str_has_prefix(addr, "unix:")) {
        special_add(fd, (Special){ .write_fd = -1, .path = g_strdup(addr + strlen("unix:")) });
    }
    return fd;
}

char *sched_stream_bound_address(int fd)
{
    return os_bound_address(fd);
}

int sched_stream_accept(int listener)
{
    return os_accept(listener);
}

int sched_stream_connect(const char *name, const char *addr)
{
    return os_connect(addr);
}

int sched_stream_adopt(const char *name, int os_fd)
{
    OsFileInfo info;
    int r = os_file_info(os_fd, &info);

    return r < 0 ? r : os_fd;
}

int sched_stream_spawn(const char *name, const char *const *argv, bool writable)
{
    int fds[2], pid, ours, theirs;
    int r = os_pipe(fds);

    if (r < 0) {
        return r;
    }
    ours = fds[writable];
    theirs = fds[!writable];
    pid = os_spawn(argv, writable ? theirs : -1, writable ? -1 : theirs);
    os_close(theirs);
    if (pid < 0) {
        os_close(ours);
        return pid;
    }
    special_add(ours, (Special){ .write_fd = -1, .pid = pid });
    return ours;
}

int sched_stream_wait_child(int fd)
{
    Special *s = special_take(fd);
    int r;

    os_close(fd);
    if (!s) {
        return -ECHILD;
    }
    r = os_wait(s->pid);
    special_free(s);
    return r;
}

int sched_stream_stdio(bool raw)
{
    int fd, r = os_stdio_raw(raw);

    if (r < 0) {
        return r;
    }
    fd = os_dup(STDIN_FILENO);
    if (fd >= 0) {
        special_add(fd, (Special){ .write_fd = STDOUT_FILENO });
    }
    return fd;
}

int sched_stream_set_blocking(int fd, bool blocking)
{
    return os_set_nonblock(fd, !blocking);
}

ssize_t sched_stream_read(int fd, void *buf, size_t len)
{
    return os_read(fd, buf, len);
}

ssize_t sched_stream_write(int fd, const void *buf, size_t len)
{
    return os_write(write_side(fd), buf, len);
}

ssize_t sched_stream_writev(int fd, const struct iovec *iov, int niov)
{
    return os_writev(write_side(fd), iov, niov);
}

ssize_t sched_stream_read_fds(int fd, void *buf, size_t len, int *os_fds, unsigned *nfds)
{
    return os_recv_fds(fd, buf, len, os_fds, nfds);
}

int sched_stream_shutdown(int fd)
{
    return os_shutdown(fd);
}

void sched_close(int fd)
{
    Special *s;

    if (fd < 0) {
        return;
    }
    s = special_take(fd);
    os_close(fd);
    if (s) {
        if (s->pid) {
            (void)os_wait(s->pid);      /* nobody asked how it ended */
        }
        special_free(s);
    }
}

void sched_close_os(int os_fd)
{
    os_close(os_fd);
}

int sched_dup(int fd)
{
    return os_dup(fd);
}

/* ---- Process ---- */

void sched_exit(int status)
{
    os_exit(status);
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

void sched_on_signal(SchedNotifier *n)
{
    os_signals_to_eventfd(n->fd);
}

int sched_getpid(void)
{
    return os_getpid();
}
