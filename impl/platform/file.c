/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files and block devices. No state; any thread; most calls block. */
#include "platform/os.h"
#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

int os_open(const char *path, int oflags, unsigned mode)
{
    int fd;

    do {
        fd = open(path, oflags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

void os_close(int fd)
{
    if (fd >= 0) {
        /* EINTR included, the descriptor is gone: closing again could hit somebody else's. */
        (void)close(fd);
    }
}

int os_dup(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return copy < 0 ? -errno : copy;
}

int os_open_flags(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags < 0 ? -errno : flags;
}

typedef ssize_t VectorFunc(int fd, const struct iovec *iov, int niov, off_t offset);

/* The vector without its first @skip bytes, at most IOV_MAX elements. Returns their number. */
static int vector_rest(const struct iovec *iov, int niov, size_t skip, struct iovec *rest)
{
    int n = 0;

    for (int i = 0; i < niov && n < IOV_MAX; i++) {
        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            continue;
        }
        rest[n].iov_base = (char *)iov[i].iov_base + skip;
        rest[n].iov_len = iov[i].iov_len - skip;
        skip = 0;
        n++;
    }
    return n;
}

static ssize_t vector_full(VectorFunc *fn, int fd, const struct iovec *iov, int niov, uint64_t offset)
{
    g_autofree struct iovec *rest = NULL;
    size_t total = 0, done = 0;
    ssize_t n;

    for (int i = 0; i < niov; i++) {
        total += iov[i].iov_len;
    }
    while (done < total) {
        if (done == 0 && niov <= IOV_MAX) {
            n = fn(fd, iov, niov, offset);
        } else {
            if (!rest) {
                rest = g_new(struct iovec, MIN(niov, IOV_MAX));
            }
            n = fn(fd, rest, vector_rest(iov, niov, done, rest), offset + done);
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EINVAL && done > 0 && fn == preadv) {
            break;      /* O_DIRECT: the file ends inside a block, the rest is not aligned any more */
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            break;
        }
        done += n;
    }
    return done;
}

ssize_t os_preadv_full(int fd, const struct iovec *iov, int niov, uint64_t offset)
{
    return vector_full(preadv, fd, iov, niov, offset);
}

ssize_t os_pwritev_full(int fd, const struct iovec *iov, int niov, uint64_t offset)
{
    return vector_full(pwritev, fd, iov, niov, offset);
}

ssize_t os_read(int fd, void *buf, size_t len)
{
    ssize_t n;

    do {
        n = read(fd, buf, len);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t os_write(int fd, const void *buf, size_t len)
{
    ssize_t n;

    do {
        n = write(fd, buf, len);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

ssize_t os_writev(int fd, const struct iovec *iov, int niov)
{
    ssize_t n;

    do {
        n = writev(fd, iov, MIN(niov, IOV_MAX));
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int os_fdatasync(int fd)
{
    return fdatasync(fd) < 0 ? -errno : 0;
}

int os_ftruncate(int fd, uint64_t length)
{
    int r;

    do {
        r = ftruncate(fd, length);
    } while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

int os_fallocate(int fd, int mode, uint64_t offset, uint64_t len)
{
    int r;

    do {
        r = fallocate(fd, mode, offset, len);
    } while (r < 0 && errno == EINTR);
    if (r == 0) {
        return 0;
    }
    return errno == EOPNOTSUPP || errno == ENOSYS ? -ENOTSUP : -errno;
}

int os_preallocate(int fd, uint64_t offset, uint64_t len)
{
    int r;

    do {
        r = posix_fallocate(fd, offset, len);
    } while (r == EINTR);
    return -r;
}

int os_file_info(int fd, OsFileInfo *ret)
{
    struct stat st;
    uint64_t medium;

    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    *ret = (OsFileInfo){
        .mode = st.st_mode,
        .length = st.st_size,
        .allocated = (uint64_t)st.st_blocks * 512,
    };
    if (S_ISBLK(st.st_mode)) {
        if (ioctl(fd, BLKGETSIZE64, &medium) < 0) {
            return -errno;
        }
        ret->length = medium;
    }
    return 0;
}

int os_file_extent(int fd, uint64_t offset, uint64_t *ret_len)
{
    off_t data, hole, end;

    data = lseek(fd, offset, SEEK_DATA);
    if (data >= 0 && (uint64_t)data > offset) {
        *ret_len = data - offset;
        return 0;
    }
    if (data >= 0) {
        hole = lseek(fd, offset, SEEK_HOLE);
        if (hole < 0) {
            return -errno;
        }
        *ret_len = hole - offset;
        return 1;
    }
    if (errno != ENXIO) {
        return -errno;
    }
    /* No data from here on: a hole up to the end, or already past it. */
    end = lseek(fd, 0, SEEK_END);
    if (end < 0) {
        return -errno;
    }
    if ((uint64_t)end <= offset) {
        return -ENXIO;
    }
    *ret_len = end - offset;
    return 0;
}

static struct flock lock_range(uint64_t offset, uint64_t len, OsLock how)
{
    static const short types[] = {
        [OS_LOCK_SHARED] = F_RDLCK,
        [OS_LOCK_EXCLUSIVE] = F_WRLCK,
        [OS_LOCK_NONE] = F_UNLCK,
    };

    return (struct flock){
        .l_type = types[how],
        .l_whence = SEEK_SET,
        .l_start = offset,
        .l_len = len,
    };
}

int os_file_lock(int fd, uint64_t offset, uint64_t len, OsLock how)
{
    struct flock fl = lock_range(offset, len, how);

    if (fcntl(fd, F_OFD_SETLK, &fl) == 0) {
        return 0;
    }
    return errno == EACCES ? -EAGAIN : -errno;
}

int os_file_test_lock(int fd, uint64_t offset, uint64_t len, OsLock how)
{
    struct flock fl = lock_range(offset, len, how);

    assert(how != OS_LOCK_NONE);
    if (fcntl(fd, F_OFD_GETLK, &fl) < 0) {
        return -errno;
    }
    return fl.l_type == F_UNLCK ? 0 : -EAGAIN;
}

int os_unlink(const char *path)
{
    return unlink(path) < 0 ? -errno : 0;
}

bool os_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int os_set_nonblock(int fd, bool nonblock)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0) {
        return -errno;
    }
    flags = nonblock ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}
