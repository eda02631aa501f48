/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: streams of the engine with real threads: addresses, sockets, children, passed descriptors.
 * Method: both ends in this process, blocking where the kernel already has the bytes.
 */
#include "sched/io.h"
#include "base/assert.h"
#include "platform/os.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void wait_for(int fd, int events)
{
    SchedObject who;
    GPollFD pfd = { .fd = fd, .events = events };

    sched_object_init(&who, "loop", "test");
    g_assert_cmpint(sched_poll(&who, &pfd, 1, -1), ==, 1);
}

static void talk(int a, int b)
{
    char buf[16];
    struct iovec iov[2] = { { (char *)"he", 2 }, { (char *)"llo", 3 } };
    ssize_t n;

    n = sched_stream_writev(a, iov, 2);
    g_assert_cmpint(n, ==, 5);
    wait_for(b, G_IO_IN);
    n = sched_stream_read(b, buf, sizeof(buf));
    g_assert_cmpint(n, ==, 5);
    g_assert_cmpmem(buf, 5, "hello", 5);
    n = sched_stream_read(b, buf, sizeof(buf));
    g_assert_cmpint(n, ==, -EAGAIN);
    g_assert_cmpint(sched_stream_shutdown(a), ==, 0);
    wait_for(b, G_IO_IN);
    n = sched_stream_read(b, buf, sizeof(buf));
    g_assert_cmpint(n, ==, 0);
    n = sched_stream_write(a, "x", 1);
    g_assert_cmpint(n, ==, -EPIPE);
}

static void check_connection(const char *addr)
{
    int listener = sched_stream_listen("server", addr);
    g_autofree char *bound = NULL;
    int a, b;

    g_assert_cmpint(listener, >=, 0);
    g_assert_cmpint(sched_stream_accept(listener), ==, -EAGAIN);
    bound = sched_stream_bound_address(listener);
    g_assert_nonnull(bound);
    a = sched_stream_connect("client", bound);
    g_assert_cmpint(a, >=, 0);
    wait_for(listener, G_IO_IN);
    b = sched_stream_accept(listener);
    g_assert_cmpint(b, >=, 0);
    talk(a, b);
    sched_close(a);
    sched_close(b);
    sched_close(listener);
}

static void test_unix(void)
{
    g_autofree char *dir = g_dir_make_tmp("rondo-streams-XXXXXX", NULL);
    g_autofree char *addr = g_strdup_printf("unix:%s/sock", dir);
    int old, fd;

    check_connection(addr);
    g_assert_false(sched_file_exists(addr + 5));        /* removed with its listener */
    old = sched_stream_listen("old", addr);
    g_assert_cmpint(old, >=, 0);
    fd = sched_stream_listen("new", addr);              /* replaces what a dead process left */
    g_assert_cmpint(fd, >=, 0);
    sched_close(old);
    sched_close(fd);
    fd = sched_stream_connect("client", addr);
    g_assert_cmpint(fd, ==, -ENOENT);
    g_rmdir(dir);
}

static void test_tcp(void)
{
    check_connection("tcp:127.0.0.1:0");
}

static void test_addresses(void)
{
    static const char *const good[] = { "unix:/tmp/x", "tcp:localhost:4444", "tcp::4444", "tcp:[::1]:4444" };
    static const char *const bad[] = { "", "unix:", "tcp:", "tcp:host", "tcp:host:", "tcp:::1:4444", "tcp:[::1:44",
                                       "udp:a:1", "/tmp/x" };

    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_cmpint(os_addr_check(good[i]), ==, 0);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_cmpint(os_addr_check(bad[i]), ==, -EINVAL);
        g_assert_cmpint(sched_stream_listen("x", bad[i]), ==, -EINVAL);
    }
}

static void test_child_output(void)
{
    static const char *const argv[] = { "sh", "-c", "echo from child; exit 3", NULL };
    char buf[64];
    ssize_t n;
    int fd = sched_stream_spawn("child", argv, false);

    g_assert_cmpint(fd, >=, 0);
    n = sched_stream_read(fd, buf, sizeof(buf));
    g_assert_cmpint(n, ==, 11);
    g_assert_cmpmem(buf, 11, "from child\n", 11);
    g_assert_cmpint(sched_stream_wait_child(fd), ==, 3);
}

static void test_child_input(void)
{
    static const char *const argv[] = { "sh", "-c", "read x; test \"$x\" = word", NULL };
    static const char *const missing[] = { "/nonexistent/program", NULL };
    ssize_t n;
    int fd = sched_stream_spawn("child", argv, true);

    g_assert_cmpint(fd, >=, 0);
    n = sched_stream_write(fd, "word\n", 5);
    g_assert_cmpint(n, ==, 5);
    g_assert_cmpint(sched_stream_wait_child(fd), ==, 0);
    fd = sched_stream_spawn("child", missing, true);
    g_assert_cmpint(fd, ==, -ENOENT);
}

static void send_fd(int sock, int fd)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec iov = { (char *)"f", 1 };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control),
    };
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    g_assert_cmpint(sendmsg(sock, &msg, 0), ==, 1);
}

static void test_passed_descriptors(void)
{
    int pair[2], fds[1], efd = os_eventfd();
    unsigned n = 1;
    char byte;
    ssize_t r;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    send_fd(pair[0], efd);
    r = sched_stream_read_fds(pair[1], &byte, 1, fds, &n);
    g_assert_cmpint(r, ==, 1);
    g_assert_cmpuint(n, ==, 1);
    os_eventfd_set(efd);
    g_assert_true(os_eventfd_clear(fds[0]));
    sched_close_os(fds[0]);
    /* No room: the descriptor is closed, not leaked into the process unseen. */
    send_fd(pair[0], efd);
    n = 0;
    r = sched_stream_read_fds(pair[1], &byte, 1, NULL, &n);
    g_assert_cmpint(r, ==, 1);
    g_assert_cmpuint(n, ==, 0);
    sched_close(pair[0]);
    sched_close(pair[1]);
    sched_close(efd);
}

/* Standard input and output are one stream: read from one, written to the other, polled for both. */
static void test_stdio(void)
{
    int in[2], out[2], saved_in = os_dup(0), saved_out = os_dup(1), fd;
    SchedObject who;
    GPollFD pfd;
    char buf[8];
    ssize_t n;

    g_assert_cmpint(os_pipe(in), ==, 0);
    g_assert_cmpint(os_pipe(out), ==, 0);
    fflush(stdout);
    g_assert_cmpint(dup2(in[0], 0), ==, 0);
    g_assert_cmpint(dup2(out[1], 1), ==, 1);
    fd = sched_stream_stdio(true);
    g_assert_cmpint(fd, >=, 3);
    sched_object_init(&who, "loop", "test");
    n = sched_stream_read(fd, buf, sizeof(buf));
    g_assert_cmpint(n, ==, -EAGAIN);
    pfd = (GPollFD){ .fd = fd, .events = G_IO_IN | G_IO_OUT };
    g_assert_cmpint(sched_poll(&who, &pfd, 1, -1), ==, 1);
    g_assert_cmpint(pfd.revents, ==, G_IO_OUT);
    n = sched_stream_write(fd, "out", 3);
    g_assert_cmpint(n, ==, 3);
    n = os_read(out[0], buf, sizeof(buf));
    g_assert_cmpint(n, ==, 3);
    n = os_write(in[1], "in", 2);
    g_assert_cmpint(n, ==, 2);
    g_assert_cmpint(sched_poll(&who, &pfd, 1, -1), ==, 1);
    g_assert_cmpint(pfd.revents, ==, G_IO_IN | G_IO_OUT);
    n = sched_stream_read(fd, buf, sizeof(buf));
    g_assert_cmpint(n, ==, 2);
    sched_close(fd);
    os_stdio_restore();
    g_assert_cmpint(dup2(saved_in, 0), ==, 0);
    g_assert_cmpint(dup2(saved_out, 1), ==, 1);
    os_close(saved_in);
    os_close(saved_out);
    for (int i = 0; i < 2; i++) {
        os_close(in[i]);
        os_close(out[i]);
    }
}

static int run(void *opaque)
{
    return g_test_run();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/streams/unix", test_unix);
    g_test_add_func("/streams/tcp", test_tcp);
    g_test_add_func("/streams/addresses", test_addresses);
    g_test_add_func("/streams/child-output", test_child_output);
    g_test_add_func("/streams/child-input", test_child_input);
    g_test_add_func("/streams/passed-descriptors", test_passed_descriptors);
    g_test_add_func("/streams/stdio", test_stdio);
    return sched_main(run, NULL);
}
