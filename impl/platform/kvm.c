/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of /dev/kvm. Any thread. */
#include "platform/kvm.h"

#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

int os_kvm_open(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

void os_kvm_close(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

int os_kvm_call(int fd, unsigned long request, unsigned long arg)
{
    int r = ioctl(fd, request, arg);

    return r < 0 ? -errno : r;
}

int os_kvm_call_ptr(int fd, unsigned long request, void *arg)
{
    int r = ioctl(fd, request, arg);

    return r < 0 ? -errno : r;
}

void *os_kvm_map_run(int fd, size_t len)
{
    void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return p == MAP_FAILED ? NULL : p;
}

void os_kvm_unmap_run(void *run, size_t len)
{
    if (run) {
        int r = munmap(run, len);

        assert(r == 0);
    }
}
