/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: images in files: open, read, write, flush, zero, truncate, locks, errors. Method: blk_* on a temporary file,
 * compared with a byte model; a second backend as the competing user.
 */
#include "block/test-block.h"

static void test_read_write(void)
{
    g_autofree char *path = test_new_file(1 << 20);
    GError *err = NULL;
    QDict *opts = qdict_new();
    BlockBackend *blk;
    char buf[4096], model[4096];

    qdict_put_str(opts, "driver", "raw");
    blk = blk_new_open(path, NULL, opts, BDRV_O_RDWR, &err);
    g_assert_no_error(err);
    g_assert_cmpint(blk_getlength(blk), ==, 1 << 20);
    memset(buf, 0xaa, sizeof(buf));
    g_assert_cmpint(blk_pwrite(blk, 8192, sizeof(buf), buf, 0), ==, 0);
    memset(model, 0, sizeof(model));
    memset(model + 1000, 0xaa, sizeof(model) - 1000);
    g_assert_cmpint(blk_pread(blk, 8192 - 1000, sizeof(buf), buf, 0), ==, 0);
    g_assert_cmpmem(buf, sizeof(buf), model, sizeof(model));
    g_assert_cmpint(blk_pwrite_zeroes(blk, 8192, 100, 0), ==, 0);
    memset(model + 1000, 0, 100);
    g_assert_cmpint(blk_pread(blk, 8192 - 1000, sizeof(buf), buf, 0), ==, 0);
    g_assert_cmpmem(buf, sizeof(buf), model, sizeof(model));
    g_assert_cmpint(blk_flush(blk), ==, 0);
    g_assert_cmpint(blk_pread(blk, (1 << 20) - 1, 2, buf, 0), ==, -EIO);
    blk_unref(blk);
    test_remove_file(path);
}

static void test_probe_raw(void)
{
    g_autofree char *path = test_new_file(65536);
    GError *err = NULL;
    BlockBackend *blk = blk_new_open(path, NULL, NULL, BDRV_O_RDWR, &err);

    g_assert_no_error(err);
    g_assert_cmpstr(bdrv_get_format_name(blk_bs(blk)), ==, "raw");
    blk_unref(blk);
    test_remove_file(path);
}

static void test_missing(void)
{
    GError *err = NULL;
    BlockBackend *blk = blk_new_open("/nonexistent/image", NULL, NULL, 0, &err);

    g_assert_null(blk);
    g_assert_cmpstr(err->message, ==, "Could not open '/nonexistent/image': No such file or directory");
    g_clear_error(&err);
}

static void test_truncate(void)
{
    g_autofree char *path = test_new_file(65536);
    GError *err = NULL;
    BlockBackend *blk = blk_new_open(path, NULL, NULL, BDRV_O_RDWR | BDRV_O_RESIZE, &err);

    g_assert_no_error(err);
    g_assert_cmpint(blk_truncate(blk, 131072, false, PREALLOC_MODE_OFF, 0, &err), ==, 0);
    g_assert_no_error(err);
    g_assert_cmpint(blk_getlength(blk), ==, 131072);
    blk_unref(blk);
    test_remove_file(path);
}

static void test_lock(void)
{
    g_autofree char *path = test_new_file(65536);
    GError *err = NULL;
    BlockBackend *a, *b;

    a = blk_new_open(path, NULL, NULL, BDRV_O_RDWR | BDRV_O_NO_SHARE, &err);
    g_assert_no_error(err);
    b = blk_new_open(path, NULL, NULL, BDRV_O_RDWR | BDRV_O_NO_SHARE, &err);
    g_assert_null(b);
    g_assert_nonnull(strstr(err->message, "Failed to get \"write\" lock"));
    g_assert_nonnull(strstr(err->message, "Is another process using the image ["));
    g_clear_error(&err);
    blk_unref(a);
    b = blk_new_open(path, NULL, NULL, BDRV_O_RDWR | BDRV_O_NO_SHARE, &err);
    g_assert_no_error(err);
    blk_unref(b);
    test_remove_file(path);
}

static void test_window(void)
{
    g_autofree char *path = test_new_file(65536);
    GError *err = NULL;
    QDict *opts = qdict_new();
    BlockBackend *blk;
    char c = 'x';

    qdict_put_str(opts, "driver", "raw");
    qdict_put_str(opts, "offset", "1k");
    qdict_put_str(opts, "size", "2k");
    blk = blk_new_open(path, NULL, opts, BDRV_O_RDWR, &err);
    g_assert_no_error(err);
    g_assert_cmpint(blk_getlength(blk), ==, 2048);
    g_assert_cmpint(blk_pwrite(blk, 0, 1, &c, 0), ==, 0);
    g_assert_cmpint(blk_pwrite(blk, 2048, 1, &c, 0), ==, -EIO);
    blk_unref(blk);
    blk = blk_new_open(path, NULL, NULL, 0, &err);
    g_assert_no_error(err);
    c = 0;
    g_assert_cmpint(blk_pread(blk, 1024, 1, &c, 0), ==, 0);
    g_assert_cmpint(c, ==, 'x');
    blk_unref(blk);
    test_remove_file(path);
}

static void test_create(void)
{
    g_autofree char *path = test_new_file(0);
    QDict *opts = qdict_new();
    GError *err = NULL;
    BlockBackend *blk;

    qdict_put_str(opts, "size", "3M");
    g_assert_cmpint(bdrv_create(bdrv_find_format("raw"), path, opts, &err), ==, 0);
    g_assert_no_error(err);
    qdict_unref(opts);
    blk = blk_new_open(path, NULL, NULL, 0, &err);
    g_assert_no_error(err);
    g_assert_cmpint(blk_getlength(blk), ==, 3 << 20);
    blk_unref(blk);
    test_remove_file(path);
}

static void add_tests(void)
{
    test_add("/file/read-write", test_read_write);
    test_add("/file/probe-raw", test_probe_raw);
    test_add("/file/missing", test_missing);
    test_add("/file/truncate", test_truncate);
    test_add("/file/lock", test_lock);
    test_add("/raw/window", test_window);
    test_add("/raw/create", test_create);
}

int main(int argc, char **argv)
{
    return test_block_main(argc, argv, add_tests);
}
