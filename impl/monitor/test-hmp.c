/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the human monitor edits lines, remembers them, and says what is wrong with a command.
 * Method: a terminal in memory; only commands that need no machine.
 */
#include "monitor/monitor_int.h"
#include "monitor/test-monitor.h"

#define GREETING "QEMU 10.0.0 monitor - type 'help' for more information\r\n(qemu) "

static FakeChr *terminal_new(void)
{
    FakeChr *f;

    chardev_init();
    monitor_init_globals();
    monitor_set_preconfig_done();
    f = fake_new("mon0", false);
    g_assert_true(monitor_init_hmp(&f->parent, NULL));
    fake_expect(f, GREETING);
    return f;
}

static void end(void)
{
    monitor_cleanup();
    chardev_cleanup();
}

static void test_typed_command(void)
{
    FakeChr *f = terminal_new();

    fake_type(f, "info version\r");
    fake_expect(f, "info version\r\n10.0.0 (rondo-0.1.0)\r\n(qemu) ");
    fake_type(f, "\n");
    fake_expect(f, "");                 /* the newline of CR LF is not a second line */
    end();
}

static void test_editing(void)
{
    FakeChr *f = terminal_new();

    fake_type(f, "infx\177o versionn\b\r");
    fake_expect(f, "infx\b \bo versionn\b \b\r\n10.0.0 (rondo-0.1.0)\r\n(qemu) ");
    fake_type(f, "junk\025info  version\n");
    fake_expect(f, "junk\b \b\b \b\b \b\b \binfo  version\r\n10.0.0 (rondo-0.1.0)\r\n(qemu) ");
    fake_type(f, "\033[A");
    fake_expect(f, "info  version");
    fake_type(f, "\003");
    fake_expect(f, "\r\n(qemu) ");
    fake_type(f, "info vers\t\n");
    fake_expect(f, "info version\r\n10.0.0 (rondo-0.1.0)\r\n(qemu) ");
    end();
}

static void test_line_longer_than_the_limit(void)
{
    FakeChr *f = terminal_new();
    g_autofree char *x = g_strnfill(10000, 'x');

    fake_type(f, x);
    g_assert_cmpuint(f->out->len, ==, 4095);
    fake_type(f, "\n");
    g_assert_true(g_str_has_suffix(f->out->str, "xxx'\r\n(qemu) "));
    end();
}

static void check(const char *line, const char *output)
{
    g_autofree char *text = monitor_hmp_execute(line);

    g_assert_cmpstr(text, ==, output);
}

static void test_mistakes(void)
{
    (void)terminal_new();
    check("", "");
    check("   ", "");
    check("warp", "unknown command: 'warp'\r\n");
    check("info warp", "unknown command: 'info warp'\r\n");
    check("stop now", "stop|s: extraneous characters at the end of line\r\nTry \"help stop\" for more information\r\n");
    check("loadvm", "loadvm: string expected\r\nTry \"help loadvm\" for more information\r\n");
    check("loadvm \"open", "loadvm: string expected\r\nTry \"help loadvm\" for more information\r\n");
    check("block_resize d 5Q", "block_resize: invalid size '5Q'\r\nTry \"help block_resize\" for more information\r\n");
    check("block_resize d 16E",
          "block_resize: invalid size '16E'\r\nTry \"help block_resize\" for more information\r\n");
    check("xp /8xq 0", "invalid format '8xq'\r\n");
    check("xp /8xb x", "xp: invalid number 'x'\r\nTry \"help xp\" for more information\r\n");
    check("help s", "stop|s  -- stop emulation\r\n");
    check("help sto", "");
    end();
}

static void test_help_covers_every_command(void)
{
    g_autofree char *help = NULL, *info = NULL;

    (void)terminal_new();
    help = monitor_hmp_execute("help");
    info = monitor_hmp_execute("info");
    g_assert_nonnull(strstr(help, "savevm-start [statefile] -- "));
    g_assert_nonnull(strstr(info, "info registers  -- "));
    end();
}

static int other_can_read(void *opaque)
{
    return 100;
}

static void other_read(void *opaque, const uint8_t *buf, int size)
{
    g_string_append_len(opaque, (const char *)buf, size);
}

static void test_shared_terminal(void)
{
    GString *serial = g_string_new(NULL);
    CharBackend port;
    FakeChr *f;
    Chardev *mux;

    chardev_init();
    monitor_init_globals();
    monitor_set_preconfig_done();
    f = fake_new("serial0", false);
    mux = qemu_chr_new_mux("serial0", &f->parent, NULL);
    g_assert_true(monitor_init_hmp(mux, NULL));
    g_assert_true(qemu_chr_fe_init(&port, mux, NULL));
    qemu_chr_fe_set_handlers(&port, other_can_read, other_read, NULL, serial, true);
    loop_settle();
    fake_expect(f, "");                 /* the serial port has the terminal to itself */
    fake_type(f, "hello\001cinfo version\n");
    g_assert_cmpstr(serial->str, ==, "hello");
    fake_expect(f, GREETING "info version\r\n10.0.0 (rondo-0.1.0)\r\n(qemu) ");
    fake_type(f, "\001cx\001c");
    g_assert_cmpstr(serial->str, ==, "hellox");
    fake_expect(f, "\r\n(qemu) ");
    qemu_chr_fe_deinit(&port, false);
    g_string_free(serial, TRUE);
    end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hmp/typed-command", test_typed_command);
    g_test_add_func("/hmp/editing", test_editing);
    g_test_add_func("/hmp/line-longer-than-the-limit", test_line_longer_than_the_limit);
    g_test_add_func("/hmp/mistakes", test_mistakes);
    g_test_add_func("/hmp/help-covers-every-command", test_help_covers_every_command);
    g_test_add_func("/hmp/shared-terminal", test_shared_terminal);
    return test_machine_run();
}
