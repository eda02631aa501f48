/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event descriptors, poll, clocks, random bytes. No state; any thread. */
#include "platform/os.h"
#include "base/assert.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SEC 1000000000LL

int os_eventfd(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

void os_eventfd_set(int fd)
{
    static const uint64_t one = 1;
    ssize_t n;

    do {
        n = write(fd, &one, sizeof(one));
    } while (n < 0 && errno == EINTR);
    /* EAGAIN: the counter is full, so it is set. */
    assert(n == sizeof(one) || errno == EAGAIN);
}

bool os_eventfd_clear(int fd)
{
    uint64_t count;
    ssize_t n;

    do {
        n = read(fd, &count, sizeof(count));
    } while (n < 0 && errno == EINTR);
    return n == sizeof(count);
}

int os_poll(struct pollfd *fds, unsigned nfds, int64_t timeout_ns)
{
    int64_t deadline = timeout_ns > 0 ? os_clock_monotonic_ns() + timeout_ns : 0;

    for (;;) {
        struct timespec ts = { .tv_sec = timeout_ns / NS_PER_SEC, .tv_nsec = timeout_ns % NS_PER_SEC };
        int n = ppoll(fds, nfds, timeout_ns < 0 ? NULL : &ts, NULL);

        if (n >= 0) {
            return n;
        }
        if (errno != EINTR) {
            return -errno;
        }
        if (timeout_ns > 0) {
            int64_t left = deadline - os_clock_monotonic_ns();

            timeout_ns = MAX(left, 0);      /* not in one: MAX() looks at the clock twice */
        }
    }
}

static int64_t clock_ns(clockid_t id)
{
    struct timespec ts;
    int r = clock_gettime(id, &ts);

    assert(r == 0);
    return ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t os_clock_monotonic_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

int64_t os_clock_realtime_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

void os_random_bytes(void *buf, size_t len)
{
    char *p = buf;

    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);

        if (n < 0) {
            assert(errno == EINTR);
            continue;
        }
        p += n;
        len -= n;
    }
}
