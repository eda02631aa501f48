/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: notifiers wake a poll, files keep what is written to them, in both engines.
 * Method: one scratch directory per test; under the simulator writes stay in its overlay, which must read the same.
 */
#include "sched/io.h"
#include "base/assert.h"
#include "base/bytes.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

static char *scratch;

static char *scratch_path(const char *name)
{
    return g_build_filename(scratch, name, NULL);
}

/* ---- Poll and notifiers ---- */

static void test_notifier(void)
{
    SchedNotifier n;
    SchedObject who;
    GPollFD pfd;
    int r = sched_notifier_init(&n, "wake");

    g_assert_cmpint(r, ==, 0);
    sched_object_init(&who, "loop", "test");
    pfd = (GPollFD){ .fd = n.fd, .events = G_IO_IN };
    g_assert_cmpint(sched_poll(&who, &pfd, 1, 0), ==, 0);
    g_assert_false(sched_notifier_test_and_clear(&n));
    sched_notifier_set(&n);
    sched_notifier_set(&n);
    g_assert_cmpint(sched_poll(&who, &pfd, 1, -1), ==, 1);
    g_assert_cmpint(pfd.revents, ==, G_IO_IN);
    g_assert_true(sched_notifier_test_and_clear(&n));
    g_assert_false(sched_notifier_test_and_clear(&n));
    g_assert_cmpint(sched_poll(&who, &pfd, 1, 0), ==, 0);
    sched_notifier_cleanup(&n);
}

static void kick(void *opaque)
{
    sched_notifier_set(opaque);
}

static void test_poll_wakes(void)
{
    SchedNotifier quiet, n;
    SchedObject who;
    GPollFD pfds[2];
    SchedThread *t;
    int r;

    r = sched_notifier_init(&quiet, "quiet");
    g_assert_cmpint(r, ==, 0);
    r = sched_notifier_init(&n, "wake");
    g_assert_cmpint(r, ==, 0);
    sched_object_init(&who, "loop", "test");
    pfds[0] = (GPollFD){ .fd = quiet.fd, .events = G_IO_IN };
    pfds[1] = (GPollFD){ .fd = n.fd, .events = G_IO_IN };
    t = sched_thread_create("kicker", kick, &n);
    g_assert_cmpint(sched_poll(&who, pfds, 2, -1), ==, 1);
    g_assert_cmpint(pfds[0].revents, ==, 0);
    g_assert_cmpint(pfds[1].revents, ==, G_IO_IN);
    sched_thread_join(t);
    sched_notifier_cleanup(&n);
    sched_notifier_cleanup(&quiet);
}

static void test_poll_timeout(void)
{
    SchedObject who;
    int64_t start = sched_clock_ns(SCHED_CLOCK_MONOTONIC);

    sched_object_init(&who, "loop", "test");
    g_assert_cmpint(sched_poll(&who, NULL, 0, 3000000), ==, 0);
    g_assert_cmpint(sched_clock_ns(SCHED_CLOCK_MONOTONIC) - start, >=, 3000000);
}

/* ---- Files ---- */

static int make_file(const char *name)
{
    g_autofree char *path = scratch_path(name);
    int fd = sched_file_open(name, path, SCHED_FILE_WRITE | SCHED_FILE_CREATE | SCHED_FILE_EXCL);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static ssize_t read_at(int fd, void *buf, size_t len, uint64_t offset)
{
    struct iovec iov = { .iov_base = buf, .iov_len = len };

    return sched_file_preadv(fd, &iov, 1, offset);
}

static void write_at(int fd, const void *buf, size_t len, uint64_t offset)
{
    struct iovec iov = { .iov_base = (void *)buf, .iov_len = len };
    ssize_t n = sched_file_pwritev(fd, &iov, 1, offset);

    g_assert_cmpint(n, ==, len);
}

static void test_file_read_write(void)
{
    int fd = make_file("rw");
    char a[6000], b[6000], part1[100], part2[5900];
    struct iovec iov[2] = { { part1, sizeof(part1) }, { part2, sizeof(part2) } };
    ssize_t n;
    int r;

    for (size_t i = 0; i < sizeof(a); i++) {
        a[i] = (char)(i * 7);
    }
    g_assert_cmpint(sched_file_length(fd), ==, 0);
    write_at(fd, a, sizeof(a), 1000);
    g_assert_cmpint(sched_file_length(fd), ==, 7000);
    n = read_at(fd, b, sizeof(b), 1000);
    g_assert_cmpint(n, ==, sizeof(b));
    g_assert_cmpmem(a, sizeof(a), b, sizeof(b));
    n = sched_file_preadv(fd, iov, 2, 1000);
    g_assert_cmpint(n, ==, 6000);
    g_assert_cmpmem(a, 100, part1, 100);
    g_assert_cmpmem(a + 100, 5900, part2, 5900);
    n = read_at(fd, b, 100, 6950);
    g_assert_cmpint(n, ==, 50);
    n = read_at(fd, b, 100, 7000);
    g_assert_cmpint(n, ==, 0);
    n = read_at(fd, b, 1000, 0);
    g_assert_cmpint(n, ==, 1000);
    g_assert_true(buffer_is_zero(b, 1000));
    r = sched_file_flush(fd);
    g_assert_cmpint(r, ==, 0);
    sched_close(fd);
}

static void test_file_length_changes(void)
{
    int fd = make_file("length");
    char byte = 'x', buf[8192];
    ssize_t n;
    int r;

    write_at(fd, &byte, 1, 4999);
    r = sched_file_truncate(fd, 1000);
    g_assert_cmpint(r, ==, 0);
    r = sched_file_truncate(fd, 8192);
    g_assert_cmpint(r, ==, 0);
    n = read_at(fd, buf, sizeof(buf), 0);
    g_assert_cmpint(n, ==, sizeof(buf));
    g_assert_true(buffer_is_zero(buf, sizeof(buf)));
    r = sched_file_preallocate(fd, 8192, 4096);
    g_assert_cmpint(r, ==, 0);
    g_assert_cmpint(sched_file_length(fd), ==, 12288);
    sched_close(fd);
}

static void test_file_zero(void)
{
    int fd = make_file("zero");
    g_autofree char *ones = g_malloc(65536), *buf = g_malloc(65536);
    ssize_t n;
    int r;

    memset(ones, 0xff, 65536);
    write_at(fd, ones, 65536, 0);
    r = sched_file_zero(fd, 8192, 16384, true);
    if (r == -ENOTSUP) {
        g_test_skip("this file system has no holes");
    } else {
        g_assert_cmpint(r, ==, 0);
        n = read_at(fd, buf, 65536, 0);
        g_assert_cmpint(n, ==, 65536);
        g_assert_cmpmem(buf, 8192, ones, 8192);
        g_assert_true(buffer_is_zero(buf + 8192, 16384));
        g_assert_cmpmem(buf + 24576, 40960, ones, 40960);
    }
    sched_close(fd);
}

static void test_file_extent(void)
{
    int fd = make_file("extent");
    char byte = 'x';
    uint64_t len = 0;
    int r;

    r = sched_file_truncate(fd, 1 << 20);
    g_assert_cmpint(r, ==, 0);
    write_at(fd, &byte, 1, 0);
    r = sched_file_extent(fd, 0, &len);
    g_assert_cmpint(r, ==, 1);
    g_assert_cmpuint(len, >=, 1);
    r = sched_file_extent(fd, (1 << 20) - 1, &len);
    g_assert_cmpint(r, >=, 0);
    g_assert_cmpuint(len, ==, 1);
    r = sched_file_extent(fd, 1 << 20, &len);
    g_assert_cmpint(r, ==, -ENXIO);
    sched_close(fd);
}

static void test_file_locks(void)
{
    g_autofree char *path = scratch_path("locks");
    int a = make_file("locks");
    int b = sched_file_open("again", path, SCHED_FILE_WRITE);
    int r;

    g_assert_cmpint(b, >=, 0);
    r = sched_file_lock(a, 100, 1, false);
    g_assert_cmpint(r, ==, 0);
    r = sched_file_test_lock(b, 100, 1, false);
    g_assert_cmpint(r, ==, 0);
    r = sched_file_test_lock(b, 100, 1, true);
    g_assert_cmpint(r, ==, -EAGAIN);
    r = sched_file_lock(b, 100, 1, true);
    g_assert_cmpint(r, ==, -EAGAIN);
    r = sched_file_lock(b, 101, 1, true);
    g_assert_cmpint(r, ==, 0);
    r = sched_file_unlock(a, 100, 1);
    g_assert_cmpint(r, ==, 0);
    r = sched_file_lock(b, 100, 1, true);
    g_assert_cmpint(r, ==, 0);
    sched_close(b);
    r = sched_file_lock(a, 100, 2, true);       /* closing gave them back */
    g_assert_cmpint(r, ==, 0);
    sched_close(a);
}

static void test_file_open_errors(void)
{
    g_autofree char *path = scratch_path("open");
    g_autofree char *missing = scratch_path("missing");
    int fd = make_file("open");

    sched_close(fd);
    g_assert_true(sched_file_exists(path));
    g_assert_false(sched_file_exists(missing));
    fd = sched_file_open("x", path, SCHED_FILE_WRITE | SCHED_FILE_CREATE | SCHED_FILE_EXCL);
    g_assert_cmpint(fd, ==, -EEXIST);
    fd = sched_file_open("x", missing, 0);
    g_assert_cmpint(fd, ==, -ENOENT);
    g_assert_cmpint(sched_file_unlink(path), ==, 0);
    g_assert_false(sched_file_exists(path));
    g_assert_cmpint(sched_file_unlink(path), ==, -ENOENT);
}

static void test_file_type(void)
{
    int fd = make_file("type");
    SchedFileType type;
    int r = sched_file_type(fd, &type);

    g_assert_cmpint(r, ==, 0);
    g_assert_cmpint(type, ==, SCHED_FILE_REGULAR);
    sched_close(fd);
}

static void test_read_all(void)
{
    g_autofree char *path = scratch_path("whole");
    g_autofree char *text = NULL;
    size_t len = 0;
    int fd = make_file("whole"), r;

    write_at(fd, "hello", 5, 0);
    sched_close(fd);
    r = sched_file_read_all(path, 5, &text, &len);
    g_assert_cmpint(r, ==, 0);
    g_assert_cmpuint(len, ==, 5);
    g_assert_cmpmem(text, 5, "hello", 5);
    g_clear_pointer(&text, g_free);
    r = sched_file_read_all(path, 4, &text, &len);
    g_assert_cmpint(r, ==, -EFBIG);
    g_assert_null(text);
}

static void test_guest_ram(void)
{
    size_t size = 4 * MiB;
    char *ram = sched_guest_ram_alloc(size);

    g_assert_nonnull(ram);
    g_assert_true(buffer_is_zero(ram, size));
    memset(ram, 1, size);
    sched_guest_ram_free(ram, size);
}

static void remove_scratch(void)
{
    g_autoptr(GDir) dir = g_dir_open(scratch, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = scratch_path(name);
        g_unlink(path);
    }
    g_rmdir(scratch);
    g_free(scratch);
}

static int run(void *opaque)
{
    return g_test_run();
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/io/notifier", test_notifier);
    g_test_add_func("/io/poll-wakes", test_poll_wakes);
    g_test_add_func("/io/poll-timeout", test_poll_timeout);
    g_test_add_func("/io/file/read-write", test_file_read_write);
    g_test_add_func("/io/file/length-changes", test_file_length_changes);
    g_test_add_func("/io/file/zero", test_file_zero);
    g_test_add_func("/io/file/extent", test_file_extent);
    g_test_add_func("/io/file/locks", test_file_locks);
    g_test_add_func("/io/file/open-errors", test_file_open_errors);
    g_test_add_func("/io/file/type", test_file_type);
    g_test_add_func("/io/file/read-all", test_read_all);
    g_test_add_func("/io/guest-ram", test_guest_ram);
    scratch = g_dir_make_tmp("rondo-io-XXXXXX", NULL);
    status = sched_main(run, NULL);
    remove_scratch();
    return status;
}
