/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: blkdebug's rules: errors by event, state, sector and kind, once; suspension by tag; configuration files.
 * Method: a raw image over blkdebug over a file; its events are read_aio and write_aio.
 */
#include "block/test-block.h"

#define RW (BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE)

typedef struct Setup {
    char *path;
    BlockDriverState *bs;
    BlockBackend *blk;
} Setup;

static Setup set_up(const char *more)
{
    Setup s = { .path = test_new_file(65536) };
    g_autofree char *opts = g_strdup_printf("driver=raw,node-name=top,file.driver=blkdebug,file.node-name=dbg,"
                                            "file.image.driver=file,file.image.filename=%s%s", s.path, more);

    s.bs = test_open(opts);
    s.blk = test_backend(s.bs, RW);
    return s;
}

static void tear_down(Setup *s)
{
    blk_unref(s->blk);
    bdrv_unref(s->bs);
    test_remove_file(s->path);
    g_free(s->path);
}

static void test_once(void)
{
    Setup s = set_up(",file.inject-error.0.event=read_aio,file.inject-error.0.errno=28,file.inject-error.0.once=on,"
                     "file.inject-error.0.immediately=on");
    char buf[512] = { 0 };

    g_assert_cmpint(blk_pwrite(s.blk, 0, sizeof(buf), buf, 0), ==, 0);
    g_assert_cmpint(blk_pread(s.blk, 0, sizeof(buf), buf, 0), ==, -ENOSPC);
    g_assert_cmpint(blk_pread(s.blk, 0, sizeof(buf), buf, 0), ==, 0);
    tear_down(&s);
}

static void test_state_and_sector(void)
{
    Setup s = set_up(",file.set-state.0.event=write_aio,file.set-state.0.state=1,file.set-state.0.new_state=2,"
                     "file.inject-error.0.event=write_aio,file.inject-error.0.state=2,file.inject-error.0.sector=4");
    char buf[512] = { 0 };

    g_assert_cmpint(blk_pwrite(s.blk, 2048, sizeof(buf), buf, 0), ==, 0);       /* state 1 -> 2 */
    g_assert_cmpint(blk_pwrite(s.blk, 0, sizeof(buf), buf, 0), ==, 0);          /* another sector */
    g_assert_cmpint(blk_pwrite(s.blk, 2048, sizeof(buf), buf, 0), ==, -EIO);
    g_assert_cmpint(blk_pwrite(s.blk, 2048, sizeof(buf), buf, 0), ==, -EIO);    /* not once */
    tear_down(&s);
}

static void test_flush(void)
{
    Setup s = set_up(",file.inject-error.0.event=none,file.inject-error.0.iotype=flush,file.inject-error.0.once=on");
    char buf[512] = { 0 };

    g_assert_cmpint(blk_pwrite(s.blk, 0, sizeof(buf), buf, 0), ==, 0);
    g_assert_cmpint(blk_flush(s.blk), ==, -EIO);
    g_assert_cmpint(blk_flush(s.blk), ==, 0);
    tear_down(&s);
}

static void set_ret(void *opaque, int ret)
{
    *(int *)opaque = ret;
}

static void test_suspend(void) TSA_NO_TSA;
static void test_suspend(void)
{
    Setup s = set_up("");
    char buf[512] = { 0 };
    QEMUIOVector v;
    int ret = -EINPROGRESS;

    qemu_iovec_init_buf(&v, buf, sizeof(buf));
    g_assert_cmpint(bdrv_debug_breakpoint(s.bs, "no_such_event", "A"), ==, -ENOENT);
    g_assert_cmpint(bdrv_debug_breakpoint(s.bs, "write_aio", "A"), ==, 0);
    blk_aio_pwritev(s.blk, 0, &v, 0, set_ret, &ret);
    while (!bdrv_debug_is_suspended(s.bs, "A")) {
        aio_poll(qemu_get_aio_context(), true);
    }
    g_assert_cmpint(ret, ==, -EINPROGRESS);
    g_assert_cmpint(blk_pread(s.blk, 512, sizeof(buf), buf, 0), ==, 0);
    g_assert_cmpint(bdrv_debug_resume(s.bs, "B"), ==, -ENOENT);
    g_assert_cmpint(bdrv_debug_resume(s.bs, "A"), ==, 0);
    while (ret == -EINPROGRESS) {
        aio_poll(qemu_get_aio_context(), true);
    }
    g_assert_cmpint(ret, ==, 0);
    g_assert_cmpint(blk_pwrite(s.blk, 0, sizeof(buf), buf, 0), ==, 0);          /* stops once */
    tear_down(&s);
}

static void test_config(void)
{
    static const char text[] =
        "# fail the first read\n[inject-error]\nevent = \"read_aio\"\nerrno = \"5\"\nonce = \"on\"\n";
    g_autofree char *config = test_new_file(0);
    g_autofree char *more = g_strdup_printf(",file.config=%s", config);
    Setup s;
    char buf[512] = { 0 };

    g_assert_true(g_file_set_contents(config, text, -1, NULL));
    s = set_up(more);
    g_assert_cmpint(blk_pread(s.blk, 0, sizeof(buf), buf, 0), ==, -EIO);
    g_assert_cmpint(blk_pread(s.blk, 0, sizeof(buf), buf, 0), ==, 0);
    tear_down(&s);
    test_remove_file(config);
}

static void expect_error(const char *options, const char *text)
{
    GError *err = NULL;
    BlockDriverState *bs = bds_tree_init(test_qdict(options), &err);

    g_assert_null(bs);
    g_assert_cmpstr(err->message, ==, text);
    g_clear_error(&err);
}

static void test_bad(void)
{
    expect_error("driver=blkdebug,image.driver=null-co,inject-error.0.event=nonsense",
                 "Invalid event name \"nonsense\"");
    expect_error("driver=blkdebug,image.driver=null-co,inject-error.0.errno=5", "Missing event name for rule");
    expect_error("driver=blkdebug,image.driver=null-co,inject-error.0.event=none,inject-error.0.x=5",
                 "Invalid parameter 'x'");
    expect_error("driver=blkdebug,image.driver=null-co,align=3", "Cannot meet constraints with align 3");
    expect_error("driver=blkdebug,image.driver=null-co,align=512,max-transfer=100",
                 "Cannot meet constraints with max-transfer 100");
    expect_error("driver=blkdebug,image.driver=null-co,config=/nonexistent",
                 "Could not read blkdebug config file: No such file or directory");
    expect_error("driver=blkdebug", "A block device must be specified for \"image\"");
}

static void add_tests(void)
{
    test_add("/blkdebug/once", test_once);
    test_add("/blkdebug/state-and-sector", test_state_and_sector);
    test_add("/blkdebug/flush", test_flush);
    test_add("/blkdebug/suspend", test_suspend);
    test_add("/blkdebug/config", test_config);
    test_add("/blkdebug/bad", test_bad);
}

int main(int argc, char **argv)
{
    return test_block_main(argc, argv, add_tests);
}
