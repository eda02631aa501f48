/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: what the thin functions add to the system calls: whole transfers, extents, safe reads, guard pages.
 * Method: one scratch file; sizes beyond what one system call takes.
 */
#include "platform/os.h"
#include "base/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char *path;

static int scratch(void)
{
    int fd = os_open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

/* More elements than the kernel takes at once, and an offset inside one of them. */
static void test_long_vectors(void)
{
    const int n = 2 * IOV_MAX + 7;
    g_autofree struct iovec *iov = g_new(struct iovec, n);
    g_autofree char *data = g_malloc(3 * n), *back = g_malloc0(3 * n);
    int fd = scratch();
    ssize_t r;

    for (int i = 0; i < 3 * n; i++) {
        data[i] = (char)(i * 31 + i / 256);
    }
    for (int i = 0; i < n; i++) {
        iov[i] = (struct iovec){ data + 3 * i, 3 };
    }
    r = os_pwritev_full(fd, iov, n, 100);
    g_assert_cmpint(r, ==, 3 * n);
    for (int i = 0; i < n; i++) {
        iov[i] = (struct iovec){ back + 3 * i, 3 };
    }
    r = os_preadv_full(fd, iov, n, 100);
    g_assert_cmpint(r, ==, 3 * n);
    g_assert_cmpmem(data, 3 * n, back, 3 * n);
    r = os_preadv_full(fd, iov, n, 101);        /* ends one byte before the last element is full */
    g_assert_cmpint(r, ==, 3 * n - 1);
    g_assert_cmpmem(data + 1, 3 * n - 1, back, 3 * n - 1);
    os_close(fd);
}

static void test_extents(void)
{
    int fd = scratch(), r;
    uint64_t len = 0;
    struct iovec iov = { (char *)"x", 1 };
    ssize_t n;

    r = os_ftruncate(fd, 1 << 20);
    g_assert_cmpint(r, ==, 0);
    r = os_file_extent(fd, 0, &len);
    if (r == 1) {
        g_test_skip("this file system does not report holes");
        os_close(fd);
        return;
    }
    g_assert_cmpint(r, ==, 0);
    g_assert_cmpuint(len, ==, 1 << 20);
    n = os_pwritev_full(fd, &iov, 1, 1 << 19);
    g_assert_cmpint(n, ==, 1);
    r = os_file_extent(fd, 0, &len);
    g_assert_cmpint(r, ==, 0);
    g_assert_cmpuint(len, ==, 1 << 19);
    r = os_file_extent(fd, 1 << 19, &len);
    g_assert_cmpint(r, ==, 1);
    r = os_file_extent(fd, (1 << 20) - 1, &len);
    g_assert_cmpint(r, ==, 0);
    g_assert_cmpuint(len, ==, 1);
    os_close(fd);
}

static void test_errors_are_negative_errno(void)
{
    char byte;
    struct iovec iov = { &byte, 1 };
    OsFileInfo info;

    g_assert_cmpint(os_open("/nonexistent/x", O_RDONLY, 0), ==, -ENOENT);
    g_assert_cmpint(os_preadv_full(-1, &iov, 1, 0), ==, -EBADF);
    g_assert_cmpint(os_file_info(-1, &info), ==, -EBADF);
    g_assert_cmpint(os_read(-1, &byte, 1), ==, -EBADF);
    g_assert_cmpint(os_fdatasync(-1), ==, -EBADF);
    g_assert_cmpint(os_unlink("/nonexistent/x"), ==, -ENOENT);
    g_assert_cmpint(os_wait(1), ==, -ECHILD);
    os_close(-1);
}

static void test_read_own_memory(void)
{
    static int (*const ways[])(uintptr_t, void *, size_t) = { os_read_own_memory, os_read_own_memory_by_pipe };
    const char from[16] = "fifteen letters";
    size_t page = sysconf(_SC_PAGESIZE);
    char *map = os_stack_map(page);

    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        char to[16] = { 0 };

        g_assert_cmpint(ways[i]((uintptr_t)from, to, sizeof(to)), ==, 0);
        g_assert_cmpstr(to, ==, from);
        g_assert_cmpint(ways[i]((uintptr_t)map - 8, to, 8), ==, -EFAULT);      /* the guard page */
        g_assert_cmpint(ways[i]((uintptr_t)map - 8, to, 16), ==, -EFAULT);
        g_assert_cmpint(ways[i]((uintptr_t)map, to, 8), ==, 0);
    }
    os_stack_unmap(map, page);
}

static void test_poll_and_eventfd(void)
{
    int fd = os_eventfd();
    struct pollfd pfd = { .fd = fd, .events = POLLIN };
    int64_t start = os_clock_monotonic_ns();

    g_assert_cmpint(os_poll(&pfd, 1, 2000000), ==, 0);
    g_assert_cmpint(os_clock_monotonic_ns() - start, >=, 2000000);
    os_eventfd_set(fd);
    g_assert_cmpint(os_poll(&pfd, 1, -1), ==, 1);
    g_assert_true(os_eventfd_clear(fd));
    g_assert_false(os_eventfd_clear(fd));
    os_close(fd);
}

static void test_signal_becomes_event(void)
{
    int fd = os_eventfd();
    struct pollfd pfd = { .fd = fd, .events = POLLIN };

    os_signals_to_eventfd(fd);
    g_assert_cmpint(kill(os_getpid(), SIGTERM), ==, 0);
    g_assert_cmpint(os_poll(&pfd, 1, -1), ==, 1);
    os_signals_to_eventfd(-1);
    os_close(fd);
}

static bool readable(int fd, int timeout_ms)
{
    GPollFD pfd = { .fd = fd, .events = G_IO_IN };

    return g_poll(&pfd, 1, timeout_ms) == 1;
}

/* No descriptor is left: the peer is told, and the listener does not stay readable, or its loop would spin. */
static void test_accept_without_descriptors(void)
{
    int listener = os_listen("tcp:127.0.0.1:0");
    g_autofree char *addr = os_bound_address(listener);
    struct rlimit old, none = { 0 };
    int first = os_connect(addr), second, fd;
    char c;

    g_assert_cmpint(first, >=, 0);
    g_assert_true(readable(listener, -1));
    g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &old), ==, 0);
    none.rlim_cur = first + 1;              /* the lowest free one was taken last */
    none.rlim_max = old.rlim_max;
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &none), ==, 0);
    g_assert_cmpint(os_accept(listener), ==, -EMFILE);
    g_assert_false(readable(listener, 0));
    g_assert_true(readable(first, -1));
    g_assert_cmpint(os_read(first, &c, 1), ==, 0);
    g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &old), ==, 0);

    second = os_connect(addr);
    g_assert_cmpint(second, >=, 0);
    g_assert_true(readable(listener, -1));
    fd = os_accept(listener);
    g_assert_cmpint(fd, >=, 0);
    os_close(fd);
    os_close(second);
    os_close(first);
    os_close(listener);
}

static void test_child(void)
{
    static const char *const argv[] = { "sh", "-c", "kill -TERM $$", NULL };
    int pid = os_spawn(argv, -1, -1);

    g_assert_cmpint(pid, >, 0);
    g_assert_cmpint(os_wait(pid), ==, 128 + SIGTERM);
}

/* A function that returns a constant, written twice; the data before it stays writable. */
static void test_code(void)
{
#if defined(__x86_64__)
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *p = os_code_map(page, page);
    int (*fn)(void);

    g_assert_nonnull(p);
    for (int i = 1; i <= 2; i++) {
        uint8_t code[6] = { 0xb8, (uint8_t)i, 0, 0, 0, 0xc3 };   /* mov eax, i; ret */
        char *at = p + page;

        p[page - 1] = (char)i;
        g_assert_true(os_code_write(at, code, sizeof(code)));
        memcpy(&fn, &at, sizeof(fn));
        g_assert_cmpint(fn(), ==, i);
    }
    os_code_unmap(p, page, page);
#endif
}

int main(int argc, char **argv)
{
    int status, fd;

    g_test_init(&argc, &argv, NULL);
    fd = g_file_open_tmp("rondo-os-XXXXXX", &path, NULL);
    g_assert_cmpint(fd, >=, 0);
    os_close(fd);
    g_test_add_func("/os/code", test_code);
    g_test_add_func("/os/long-vectors", test_long_vectors);
    g_test_add_func("/os/extents", test_extents);
    g_test_add_func("/os/errors-are-negative-errno", test_errors_are_negative_errno);
    g_test_add_func("/os/read-own-memory", test_read_own_memory);
    g_test_add_func("/os/poll-and-eventfd", test_poll_and_eventfd);
    g_test_add_func("/os/signal-becomes-event", test_signal_becomes_event);
    g_test_add_func("/os/accept-without-descriptors", test_accept_without_descriptors);
    g_test_add_func("/os/child", test_child);
    status = g_test_run();
    g_unlink(path);
    g_free(path);
    return status;
}
