/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Anonymous mappings and stacks. Any thread. */
#include "platform/os.h"
#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

void *os_anon_map(size_t len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

void os_anon_unmap(void *p, size_t len)
{
    if (p) {
        int r = munmap(p, len);
        assert(r == 0);
    }
}

void os_anon_discard(void *p, size_t len)
{
    if (madvise(p, len, MADV_DONTNEED) < 0) {
        memset(p, 0, len);      /* locked memory cannot be given back */
    }
}

void *os_stack_map(size_t len)
{
    size_t guard = sysconf(_SC_PAGESIZE);
    char *p = mmap(NULL, guard + len, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    if (p == MAP_FAILED) {
        return NULL;
    }
    if (mprotect(p, guard, PROT_NONE) < 0) {
        munmap(p, guard + len);
        return NULL;
    }
    return p + guard;
}

void os_stack_unmap(void *stack, size_t len)
{
    size_t guard = sysconf(_SC_PAGESIZE);
    int r = munmap((char *)stack - guard, guard + len);

    assert(r == 0);
}

void *os_code_map(size_t data_len, size_t len)
{
    char *p = mmap(NULL, data_len + len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        return NULL;
    }
    if (mprotect(p + data_len, len, PROT_READ | PROT_EXEC) < 0) {
        munmap(p, data_len + len);
        return NULL;
    }
    return p;
}

void os_code_unmap(void *p, size_t data_len, size_t len)
{
    os_anon_unmap(p, data_len + len);
}

bool os_code_write(void *dst, const void *src, size_t len)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    char *start = (char *)((uintptr_t)dst & ~(page - 1));
    size_t span = (size_t)((char *)dst + len - start);

    if (mprotect(start, span, PROT_READ | PROT_WRITE) < 0) {
        return false;
    }
    memcpy(dst, src, len);
    return mprotect(start, span, PROT_READ | PROT_EXEC) == 0;
}

int os_read_own_memory_by_pipe(uintptr_t addr, void *buf, size_t len)
{
    int fds[2], ret;
    ssize_t n;

    if (len > PIPE_BUF || pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        return len > PIPE_BUF ? -EINVAL : -errno;
    }
    n = write(fds[1], (const void *)addr, len);      /* the kernel reads it, and says EFAULT */
    ret = n < 0 ? -errno : n == (ssize_t)len && read(fds[0], buf, len) == n ? 0 : -EFAULT;
    (void)close(fds[0]);
    (void)close(fds[1]);
    return ret;
}

int os_read_own_memory(uintptr_t addr, void *buf, size_t len)
{
    struct iovec local = { .iov_base = buf, .iov_len = len };
    struct iovec remote = { .iov_base = (void *)addr, .iov_len = len };
    ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

    if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
        return os_read_own_memory_by_pipe(addr, buf, len);
    }
    return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EFAULT;
}
