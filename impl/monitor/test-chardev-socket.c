/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: a socket chardev survives what peers do: come late, leave in the middle, come back, pass descriptors, not read.
 * Method: a real unix socket; the test is the peer, in the same thread, and turns the main loop. Real engine only.
 */
#include "monitor/test-monitor.h"
#include "sched/io.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Front {
    CharBackend be;
    GString *log;
    int room;
} Front;

static int front_can_read(void *opaque)
{
    return ((Front *)opaque)->room;
}

static void front_read(void *opaque, const uint8_t *buf, int size)
{
    g_string_append_len(((Front *)opaque)->log, (const char *)buf, size);
}

static void front_event(void *opaque, QEMUChrEvent event)
{
    static const char *const names[] = { "[break]", "[opened]", "[in]", "[out]", "[closed]" };

    g_string_append(((Front *)opaque)->log, names[event]);
}

typedef struct Bench {
    char *dir, *path, *addr;
    Front f;
} Bench;

static void bench_up(Bench *b)
{
    g_autofree char *optarg = NULL;
    Chardev *chr;
    GError *err = NULL;

    *b = (Bench){ .dir = g_dir_make_tmp("chardev-XXXXXX", NULL) };
    b->path = g_build_filename(b->dir, "sock", NULL);
    b->addr = g_strdup_printf("unix:%s", b->path);
    optarg = g_strdup_printf("socket,id=c,path=%s,server=on,wait=off", b->path);
    chardev_init();
    chr = qemu_chr_new_from_opts(optarg, &err);
    g_assert_no_error(err);
    b->f = (Front){ .log = g_string_new(NULL), .room = 4096 };
    g_assert_true(qemu_chr_fe_init(&b->f.be, chr, NULL));
    qemu_chr_fe_set_handlers(&b->f.be, front_can_read, front_read, front_event, &b->f, true);
}

static void bench_down(Bench *b)
{
    qemu_chr_fe_deinit(&b->f.be, true);
    chardev_cleanup();
    g_assert_false(sched_file_exists(b->path));
    g_assert_cmpint(rmdir(b->dir), ==, 0);
    g_string_free(b->f.log, TRUE);
    g_free(b->addr);
    g_free(b->path);
    g_free(b->dir);
}

static void expect(Bench *b, const char *text)
{
    for (int i = 0; i < 1000 && strcmp(b->f.log->str, text) != 0; i++) {
        main_loop_wait(true);
    }
    g_assert_cmpstr(b->f.log->str, ==, text);
    g_string_truncate(b->f.log, 0);
}

static int peer_new(Bench *b)
{
    int fd = sched_stream_connect("peer", b->addr);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void send_text(int fd, const char *text)
{
    g_assert_cmpint(sched_stream_write(fd, text, strlen(text)), ==, (int)strlen(text));
}

static void test_peers_come_and_go(void)
{
    Bench b;
    int first, second;

    bench_up(&b);
    first = peer_new(&b);
    expect(&b, "[opened]");
    second = peer_new(&b);              /* waits in the backlog */
    send_text(first, "one");
    expect(&b, "one");
    sched_close(first);
    expect(&b, "[closed][opened]");
    send_text(second, "two");
    sched_close(second);
    expect(&b, "two[closed]");
    bench_down(&b);
}

static void test_input_before_the_end_is_not_lost(void)
{
    Bench b;
    int peer;

    bench_up(&b);
    b.f.room = 0;
    peer = peer_new(&b);
    expect(&b, "[opened]");
    send_text(peer, "last words");
    sched_close(peer);
    for (int i = 0; i < 10; i++) {
        main_loop_wait(true);
    }
    g_assert_cmpstr(b.f.log->str, ==, "");
    b.f.room = 4096;
    qemu_chr_fe_accept_input(&b.f.be);
    expect(&b, "last words[closed]");
    bench_down(&b);
}

static void test_output_waits_for_a_slow_reader(void)
{
    g_autofree char *text = g_strnfill(1 << 20, 'x');
    char buf[65536];
    size_t sent = 0, got = 0;
    Bench b;
    int peer;

    bench_up(&b);
    peer = peer_new(&b);
    expect(&b, "[opened]");
    while (qemu_chr_fe_pending(&b.f.be) == 0) {     /* what a socket holds is the host's choice */
        g_assert_cmpint(qemu_chr_fe_write_all(&b.f.be, (const uint8_t *)text, 1 << 20), ==, 1 << 20);
        sent += 1 << 20;
    }
    while (got < sent) {
        ssize_t n = sched_stream_read(peer, buf, sizeof(buf));

        g_assert_cmpint(n, >, 0);
        got += (size_t)n;
        main_loop_wait(true);
    }
    g_assert_cmpuint(qemu_chr_fe_pending(&b.f.be), ==, 0);
    sched_close(peer);
    expect(&b, "[closed]");
    bench_down(&b);
}

static void pass_fd(int sock, int fd)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct iovec iov = { .iov_base = (void *)(uintptr_t)"f", .iov_len = 1 };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
                          .msg_controllen = sizeof(control) };

    control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
                                       .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    g_assert_cmpint(sendmsg(sock, &msg, 0), ==, 1);
}

static void test_passed_descriptors(void)
{
    Bench b;
    int peer, fd;

    bench_up(&b);
    peer = peer_new(&b);
    expect(&b, "[opened]");
    g_assert_cmpint(qemu_chr_fe_get_msgfd(&b.f.be), ==, -1);
    pass_fd(peer, 0);
    expect(&b, "f");
    fd = qemu_chr_fe_get_msgfd(&b.f.be);
    g_assert_cmpint(fd, >, 2);
    g_assert_cmpint(qemu_chr_fe_get_msgfd(&b.f.be), ==, -1);
    sched_close_os(fd);
    pass_fd(peer, 0);                   /* nobody fetches this one; it goes with the connection */
    expect(&b, "f");
    sched_close(peer);
    expect(&b, "[closed]");
    g_assert_cmpint(qemu_chr_fe_get_msgfd(&b.f.be), ==, -1);
    bench_down(&b);
}

static void test_disconnect_by_us(void)
{
    Bench b;
    char buf[8];
    int peer;

    bench_up(&b);
    peer = peer_new(&b);
    expect(&b, "[opened]");
    qemu_chr_fe_disconnect(&b.f.be);
    expect(&b, "[closed]");
    g_assert_cmpint(sched_stream_read(peer, buf, sizeof(buf)), ==, 0);
    sched_close(peer);
    bench_down(&b);
}

static void test_client_tries_again(void)
{
    g_autofree char *optarg = NULL;
    Bench b;
    Chardev *client;

    bench_up(&b);
    optarg = g_strdup_printf("socket,id=client,path=%s,reconnect-ms=1", b.path);
    client = qemu_chr_new_from_opts(optarg, NULL);
    g_assert_nonnull(client);
    expect(&b, "[opened]");
    qemu_chr_fe_disconnect(&b.f.be);
    g_assert_cmpstr(b.f.log->str, ==, "[closed]");
    g_string_truncate(b.f.log, 0);
    {
        Front f = { .log = g_string_new(NULL), .room = 10 };

        g_assert_true(qemu_chr_fe_init(&f.be, client, NULL));
        qemu_chr_fe_set_handlers(&f.be, front_can_read, front_read, front_event, &f, true);
        while (!strstr(f.log->str, "[closed][opened]")) {
            main_loop_wait(false);
        }
        qemu_chr_fe_deinit(&f.be, true);
        g_string_free(f.log, TRUE);
    }
    bench_down(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/chardev-socket/peers-come-and-go", test_peers_come_and_go);
    g_test_add_func("/chardev-socket/input-before-the-end-is-not-lost", test_input_before_the_end_is_not_lost);
    g_test_add_func("/chardev-socket/output-waits-for-a-slow-reader", test_output_waits_for_a_slow_reader);
    g_test_add_func("/chardev-socket/passed-descriptors", test_passed_descriptors);
    g_test_add_func("/chardev-socket/disconnect-by-us", test_disconnect_by_us);
    g_test_add_func("/chardev-socket/client-tries-again", test_client_tries_again);
    return test_machine_run();
}
