/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: inactive nodes give up permissions and come back; twice is harmless on top; failures leave a state that
 * activation repairs; writing to an inactive node is fatal. Method: {active, incoming} x {inactivate, activate}.
 */
#include "block/test-driver.h"

#define RW (BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE)

static void test_round_trip(void)
{
    g_autofree char *path = test_new_file(65536);
    g_autofree char *drive = g_strdup_printf("if=none,id=d0,format=raw,file=%s", path);
    GError *err = NULL;
    BlockBackend *blk;
    BlockDriverState *bs;
    char buf[512] = { 1 };

    g_assert_nonnull(drive_new(drive, IF_NONE, &err));
    blk = blk_by_name("d0");
    bs = blk_bs(blk);
    g_assert_cmpint(blk_set_perm(blk, RW, BLK_PERM_CONSISTENT_READ, &err), ==, 0);
    g_assert_cmpint(blk_pwrite(blk, 0, sizeof(buf), buf, 0), ==, 0);
    g_assert_cmpint(bdrv_inactivate_all(), ==, 0);
    g_assert_true(bdrv_is_inactive(bs));
    g_assert_cmphex(bs->cumulative_perm & BLK_PERM_WRITE, ==, 0);
    g_assert_cmpint(bdrv_inactivate_all(), ==, 0);
    bdrv_activate_all(&err);
    g_assert_no_error(err);
    g_assert_false(bdrv_is_inactive(bs));
    g_assert_cmphex(bs->cumulative_perm, ==, RW);
    g_assert_cmpint(blk_pwrite(blk, 0, sizeof(buf), buf, 0), ==, 0);
    bdrv_activate_all(&err);
    g_assert_no_error(err);
    test_remove_file(path);
}

/* The image lock is free while the node is inactive, and must be had again to activate. */
static void test_lock_handover(void)
{
    g_autofree char *path = test_new_file(65536);
    g_autofree char *drive = g_strdup_printf("if=none,id=d0,format=raw,file=%s", path);
    GError *err = NULL;
    BlockBackend *blk, *other;

    g_assert_nonnull(drive_new(drive, IF_NONE, &err));
    blk = blk_by_name("d0");
    g_assert_cmpint(blk_set_perm(blk, RW, BLK_PERM_CONSISTENT_READ, &err), ==, 0);
    g_assert_cmpint(bdrv_inactivate_all(), ==, 0);
    other = blk_new_open(path, NULL, test_qdict("driver=raw"), BDRV_O_RDWR | BDRV_O_NO_SHARE, &err);
    g_assert_no_error(err);
    bdrv_activate(blk_bs(blk), &err);
    g_assert_nonnull(err);
    g_assert_nonnull(strstr(err->message, "Failed to get "));
    g_clear_error(&err);
    blk_unref(other);
    g_assert_cmpint(bdrv_activate(blk_bs(blk), &err), ==, 0);
    g_assert_no_error(err);
    test_remove_file(path);
}

static void test_incoming(void)
{
    GError *err = NULL;
    BlockBackend *blk;

    bdrv_set_incoming(true);
    g_assert_nonnull(drive_new("if=none,id=d0,format=raw,file=null-co://", IF_NONE, &err));
    bdrv_set_incoming(false);
    blk = blk_by_name("d0");
    g_assert_true(bdrv_is_inactive(blk_bs(blk)));
    g_assert_cmpint(blk_set_perm(blk, RW, BLK_PERM_ALL, &err), ==, 0);
    g_assert_cmpint(bdrv_inactivate_all(), ==, 0);          /* migrated on without ever running */
    bdrv_activate_all(&err);
    g_assert_no_error(err);
    g_assert_false(bdrv_is_inactive(blk_bs(blk)));
    g_assert_cmphex(blk_root(blk)->perm, ==, RW);
}

/* One of two disks refuses: the other is inactive already; activation puts both back. */
static void test_partial_failure(void)
{
    BlockDriverState *a = test_node("a"), *b = test_node("b");
    BlockBackend *ba = test_backend(a, BLK_PERM_CONSISTENT_READ), *bb = test_backend(b, BLK_PERM_CONSISTENT_READ);
    GError *err = NULL;

    test_state(b)->inactivate_ret = -EIO;
    g_assert_cmpint(bdrv_inactivate_all(), ==, -EIO);
    g_assert_true(bdrv_is_inactive(a));
    g_assert_false(bdrv_is_inactive(b));
    g_assert_cmpint(a->quiesce_counter, ==, 0);
    bdrv_activate_all(&err);
    g_assert_no_error(err);
    g_assert_false(bdrv_is_inactive(a));
    test_state(b)->inactivate_ret = 0;
    g_assert_cmpint(bdrv_inactivate_all(), ==, 0);
    g_assert_cmpint(test_state(a)->inactivated, ==, 2);
    bdrv_activate_all(&err);
    blk_unref(ba);
    blk_unref(bb);
    bdrv_unref(a);
    bdrv_unref(b);
}

static void test_children(void)
{
    BlockDriverState *top = test_node("top"), *base = test_node("base");
    GError *err = NULL;

    g_assert_cmpint(bdrv_set_backing_hd(top, base, &err), ==, 0);
    g_assert_cmpint(bdrv_inactivate(base, &err), ==, -EPERM);
    g_assert_cmpstr(err->message, ==, "Node has active parent node");
    g_clear_error(&err);
    g_assert_cmpint(bdrv_inactivate(top, &err), ==, 0);
    g_assert_true(bdrv_is_inactive(top) && bdrv_is_inactive(base));
    g_assert_cmpint(bdrv_activate(top, &err), ==, 0);
    g_assert_false(bdrv_is_inactive(top) || bdrv_is_inactive(base));
    bdrv_unref(top);
    bdrv_unref(base);
}

static void die_write(void)
{
    BlockDriverState *bs = test_node("disk");
    BlockBackend *blk = test_backend(bs, RW);
    char buf[512] = { 0 };

    bs->open_flags |= BDRV_O_INACTIVE;
    (void)!blk_pwrite(blk, 0, sizeof(buf), buf, 0);
}

static void test_write(void)
{
    test_trap_expect_abort("/inactivate/subprocess/write",
                           "bdrv_write_req_prepare: Assertion `!(bs->open_flags & BDRV_O_INACTIVE)' failed");
}

static void add_tests(void)
{
    test_add("/inactivate/round-trip", test_round_trip);
    test_add("/inactivate/lock-handover", test_lock_handover);
    test_add("/inactivate/incoming", test_incoming);
    test_add("/inactivate/partial-failure", test_partial_failure);
    test_add("/inactivate/children", test_children);
    test_add("/inactivate/write", test_write);
    test_add("/inactivate/subprocess/write", die_write);
}

int main(int argc, char **argv)
{
    return test_block_main(argc, argv, add_tests);
}
