/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: bytes reach the front end that should have them, none are lost while it cannot take them, and what users
 * write on the command line means what they think.
 * Method: front ends that write down what they hear, over a chardev in memory.
 */
#include "monitor/monitor_int.h"
#include "monitor/test-monitor.h"

typedef struct Front {
    CharBackend be;
    GString *log;               /* input; events in brackets */
    int room;
} Front;

static int front_can_read(void *opaque)
{
    return ((Front *)opaque)->room;
}

static void front_read(void *opaque, const uint8_t *buf, int size)
{
    Front *f = opaque;

    g_assert_cmpint(size, <=, f->room);
    f->room -= size;
    g_string_append_len(f->log, (const char *)buf, size);
}

static void front_event(void *opaque, QEMUChrEvent event)
{
    static const char *const names[] = { "[break]", "[opened]", "[in]", "[out]", "[closed]" };

    g_string_append(((Front *)opaque)->log, names[event]);
}

static Front *front_new(Chardev *chr, int room)
{
    Front *f = g_new0(Front, 1);

    f->log = g_string_new(NULL);
    f->room = room;
    g_assert_true(qemu_chr_fe_init(&f->be, chr, NULL));
    qemu_chr_fe_set_handlers(&f->be, front_can_read, front_read, front_event, f, true);
    return f;
}

static void front_expect(Front *f, const char *text)
{
    g_assert_cmpstr(f->log->str, ==, text);
    g_string_truncate(f->log, 0);
}

static void front_free(Front *f)
{
    qemu_chr_fe_deinit(&f->be, false);
    g_string_free(f->log, TRUE);
    g_free(f);
}

/* ---- Options ---- */

static void opts_expect(const char *text, const char *key, const char *value)
{
    g_autoptr(ChrOpts) opts = chr_opts_parse(text, "first");

    g_assert_cmpstr(chr_opts_get(opts, key), ==, value);
}

static void test_options(void)
{
    opts_expect("socket,path=/a,,b,server", "first", "socket");
    opts_expect("socket,path=/a,,b,server", "path", "/a,b");
    opts_expect("socket,path=/a,,b,server", "server", "on");
    opts_expect("socket,server,nowait", "wait", "off");
    opts_expect("first=x,a=1,a=2", "a", "2");
    opts_expect("", "first", NULL);
    opts_expect("a=b=c", "a", "b=c");
}

static void new_fails(const char *optarg, const char *message)
{
    GError *err = NULL;

    g_assert_null(qemu_chr_new_from_opts(optarg, &err));
    g_assert_cmpstr(err->message, ==, message);
    g_error_free(err);
}

static void test_wrong_options(void)
{
    Chardev *null;

    chardev_init();
    new_fails("null", "chardev: no id specified");
    new_fails("id=x", "chardev: \"x\" missing backend");
    new_fails("null,id=9x", "Parameter 'id' expects an identifier");
    new_fails("warp,id=x", "'warp' is not a valid char driver name");
    new_fails("null,id=x,path=y", "Invalid parameter 'path'");
    new_fails("ringbuf,id=x,size=1000", "size of ringbuf chardev must be power of two");
    new_fails("ringbuf,id=x,size=many", "Parameter 'size' expects a number");
    new_fails("socket,id=x", "chardev: socket: no path or host given");
    new_fails("socket,id=x,host=h", "chardev: socket: no port given");
    new_fails("socket,id=x,path=/x,server=perhaps", "Parameter 'server' expects 'on' or 'off'");
    new_fails("socket,id=x,path=/x,server=on,reconnect=1",
              "'reconnect' option is incompatible with socket in server listen mode");
    new_fails("file,id=x", "chardev: file: no filename given");
    null = qemu_chr_new_from_opts("null,id=x", NULL);
    g_assert_nonnull(null);
    new_fails("null,id=x", "Chardev with id 'x' already exists");
    g_assert_true(qemu_chr_find("x") == null);
    chardev_cleanup();
}

/* ---- Front ends ---- */

static void test_input_waits_for_room(void)
{
    FakeChr *chr;
    Front *f;

    chardev_init();
    chr = fake_new("c", false);
    f = front_new(&chr->parent, 2);
    front_expect(f, "[opened]");
    g_assert_cmpuint(fake_type(chr, "abcd"), ==, 2);
    front_expect(f, "ab");
    f->room = 5;
    qemu_chr_fe_accept_input(&f->be);
    g_assert_cmpuint(fake_type(chr, "cd"), ==, 2);
    front_expect(f, "cd");
    front_free(f);
    chardev_cleanup();
}

static void test_output_without_peer_is_taken(void)
{
    CharBackend none = { 0 };

    g_assert_cmpint(qemu_chr_fe_write(&none, (const uint8_t *)"x", 1), ==, 1);
    g_assert_cmpint(qemu_chr_fe_write_all(&none, (const uint8_t *)"x", 1), ==, 1);
    g_assert_false(qemu_chr_fe_backend_connected(&none));
}

static gboolean count_watch(void *do_not_use, GIOCondition cond, void *opaque)
{
    (*(int *)opaque)++;
    return G_SOURCE_REMOVE;
}

static void test_watch_runs_once_when_writable(void)
{
    FakeChr *chr;
    Front *f;
    int watched = 0;

    chardev_init();
    chr = fake_new("c", false);
    f = front_new(&chr->parent, 1);
    chr->room = 1;
    g_assert_cmpint(qemu_chr_fe_write(&f->be, (const uint8_t *)"ab", 2), ==, 1);
    g_assert_cmpint(qemu_chr_fe_write(&f->be, (const uint8_t *)"b", 1), ==, -EAGAIN);
    g_assert_cmpuint(qemu_chr_fe_add_watch(&f->be, G_IO_OUT, count_watch, &watched), !=, 0);
    g_assert_true(chr_wants_output(&chr->parent));
    chr_flush_pending(&chr->parent);
    chr_flush_pending(&chr->parent);
    g_assert_cmpint(watched, ==, 1);
    g_assert_false(chr_wants_output(&chr->parent));
    front_free(f);
    chardev_cleanup();
}

static void test_one_front_end_only(void)
{
    CharBackend second;
    FakeChr *chr;
    Front *f;
    GError *err = NULL;

    chardev_init();
    chr = fake_new("c", false);
    f = front_new(&chr->parent, 1);
    g_assert_false(qemu_chr_fe_init(&second, &chr->parent, &err));
    g_assert_cmpstr(err->message, ==, "chardev 'c' is already in use");
    g_error_free(err);
    front_free(f);
    g_assert_true(qemu_chr_fe_init(&second, &chr->parent, NULL));
    qemu_chr_fe_deinit(&second, true);
    g_assert_null(qemu_chr_find("c"));
    chardev_cleanup();
}

/* ---- Ring buffer ---- */

static void test_ringbuf_keeps_the_last_bytes(void)
{
    g_autofree char *text = NULL;
    Chardev *chr;
    CharBackend be;
    size_t len;

    chardev_init();
    chr = qemu_chr_new("r", NULL, "ringbuf:4", NULL);
    g_assert_true(qemu_chr_fe_init(&be, chr, NULL));
    g_assert_cmpint(qemu_chr_fe_write_all(&be, (const uint8_t *)"abcdef", 6), ==, 6);
    text = qemu_chr_ringbuf_read(chr, 3, &len, NULL);
    g_assert_cmpstr(text, ==, "cde");
    qemu_chr_fe_deinit(&be, true);
    chardev_cleanup();
}

/* ---- Mux ---- */

static void test_mux_switches_focus(void)
{
    FakeChr *chr;
    Chardev *mux;
    Front *a, *b;

    chardev_init();
    chr = fake_new("m", false);
    mux = qemu_chr_new_mux("m", &chr->parent, NULL);
    g_assert_cmpstr(qemu_chr_label(&chr->parent), ==, "m-base");
    a = front_new(mux, 100);
    b = front_new(mux, 100);
    front_expect(a, "[opened][in][out]");
    front_expect(b, "[opened][in]");
    fake_type(chr, "1\001c2\001c3\001\001\001b");
    front_expect(b, "1[out][in]3\001[break]");
    front_expect(a, "[in]2[out]");
    fake_type(chr, "\001h");
    g_assert_nonnull(strstr(chr->out->str, "C-a x"));
    front_free(b);
    front_expect(a, "[in]");
    fake_type(chr, "4");
    front_expect(a, "4");
    front_free(a);
    chardev_cleanup();
}

static void test_mux_keeps_what_cannot_be_taken(void)
{
    FakeChr *chr;
    Chardev *mux;
    Front *a;

    chardev_init();
    chr = fake_new("m", false);
    mux = qemu_chr_new_mux("m", &chr->parent, NULL);
    a = front_new(mux, 2);
    front_expect(a, "[opened][in]");
    g_assert_cmpuint(fake_type(chr, "abcd"), ==, 4);
    front_expect(a, "ab");
    a->room = 10;
    qemu_chr_fe_accept_input(&a->be);
    front_expect(a, "cd");
    front_free(a);
    chardev_cleanup();
}

static void test_deleting_under_a_front_end(void)
{
    FakeChr *chr;
    Front *f;

    chardev_init();
    chr = fake_new("c", false);
    f = front_new(&chr->parent, 1);
    qemu_chr_delete(&chr->parent);
    g_assert_false(qemu_chr_fe_backend_connected(&f->be));
    g_assert_cmpint(qemu_chr_fe_write_all(&f->be, (const uint8_t *)"x", 1), ==, 1);
    front_free(f);
    chardev_cleanup();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/chardev/options", test_options);
    g_test_add_func("/chardev/wrong-options", test_wrong_options);
    g_test_add_func("/chardev/input-waits-for-room", test_input_waits_for_room);
    g_test_add_func("/chardev/output-without-peer-is-taken", test_output_without_peer_is_taken);
    g_test_add_func("/chardev/watch-runs-once-when-writable", test_watch_runs_once_when_writable);
    g_test_add_func("/chardev/one-front-end-only", test_one_front_end_only);
    g_test_add_func("/chardev/ringbuf-keeps-the-last-bytes", test_ringbuf_keeps_the_last_bytes);
    g_test_add_func("/chardev/mux-switches-focus", test_mux_switches_focus);
    g_test_add_func("/chardev/mux-keeps-what-cannot-be-taken", test_mux_keeps_what_cannot_be_taken);
    g_test_add_func("/chardev/deleting-under-a-front-end", test_deleting_under_a_front_end);
    return test_machine_run();
}
