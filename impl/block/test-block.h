/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For unit tests: each test runs in a fresh block layer of a machine with a main loop, and leaves nothing behind. */
#ifndef BLOCK_TEST_BLOCK_H
#define BLOCK_TEST_BLOCK_H

#include "aio/test-machine.h"
#include "block/backend.h"
#include "block/block_int.h"
#include "sched/io.h"

#include <glib/gstdio.h>

typedef void TestBlockFunc(void);

static void test_block_wrap(gconstpointer opaque)
{
    TestBlockFunc *fn = (TestBlockFunc *)opaque;

    bdrv_init();
    fn();
    bdrv_cleanup();
}

static inline void test_add(const char *path, TestBlockFunc *fn)
{
    g_test_add_data_func(path, (gconstpointer)fn, test_block_wrap);
}

static inline int test_block_main(int argc, char **argv, void (*add_tests)(void))
{
    g_test_init(&argc, &argv, NULL);
    add_tests();
    return test_machine_run();
}

/** test_new_file: a file of @size zeroes under a temporary directory. Caller removes with test_remove_file(). */
static inline char *test_new_file(size_t size)
{
    g_autofree char *dir = g_dir_make_tmp("rondo-test-XXXXXX", NULL);
    g_autofree char *zeroes = g_malloc0(size + 1);
    char *path = g_build_filename(dir, "image", NULL);

    g_assert_true(g_file_set_contents(path, zeroes, size, NULL));
    return path;
}

static inline void test_remove_file(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);

    result_ignored(sched_file_unlink(path));
    (void)g_remove(path);
    (void)g_rmdir(dir);
}

/** test_qdict: "a=b,c=d". */
static inline QDict *test_qdict(const char *text)
{
    GError *err = NULL;
    QDict *d = qdict_from_keyval(text, NULL, &err);

    g_assert_no_error(err);
    return d;
}

/** test_open: a node that the caller owns; it must open. */
static inline BlockDriverState *test_open(const char *options)
{
    GError *err = NULL;
    BlockDriverState *bs = bds_tree_init(test_qdict(options), &err);

    g_assert_no_error(err);
    return bs;
}

/** test_backend: on @bs with @perm, sharing everything. */
static inline BlockBackend *test_backend(BlockDriverState *bs, uint64_t perm)
{
    GError *err = NULL;
    BlockBackend *blk = blk_new_with_bs(bs, perm, BLK_PERM_ALL, &err);

    g_assert_no_error(err);
    return blk;
}

#endif
