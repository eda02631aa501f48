/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: links, references, permissions and their roll-back; deferred unref; frozen links; blockers.
 * Method: small graphs of test nodes, masks and error texts compared.
 */
#include "block/test-driver.h"

#define RW (BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE)

static void test_backing(void) TSA_NO_TSA;
static void test_backing(void)
{
    BlockDriverState *top = test_node("top"), *base = test_node("base"), *other = test_node("other");
    GError *err = NULL;

    g_assert_cmpint(bdrv_set_backing_hd(top, base, &err), ==, 0);
    g_assert_true(top->backing->bs == base);
    g_assert_cmpint(base->refcnt, ==, 2);
    g_assert_cmpint(bdrv_set_backing_hd(base, top, &err), ==, -EINVAL);
    g_assert_cmpstr(err->message, ==, "Making 'top' a backing child of 'base' would create a cycle");
    g_clear_error(&err);
    g_assert_null(base->backing);
    g_assert_cmpint(bdrv_set_backing_hd(top, other, &err), ==, 0);
    g_assert_cmpint(base->refcnt, ==, 1);
    g_assert_cmpint(bdrv_freeze_backing_chain(top, other, &err), ==, 0);
    g_assert_cmpint(bdrv_set_backing_hd(top, NULL, &err), ==, -EPERM);
    g_assert_cmpstr(err->message, ==, "Cannot change frozen 'backing' link from 'top' to 'other'");
    g_clear_error(&err);
    g_assert_true(top->backing->bs == other);
    bdrv_unfreeze_backing_chain(top, other);
    bdrv_unref(top);
    g_assert_cmpint(other->refcnt, ==, 1);
    bdrv_unref(other);
    bdrv_unref(base);
}

static void test_conflict(void) TSA_NO_TSA;
static void test_conflict(void)
{
    BlockDriverState *bs = test_node("disk");
    GError *err = NULL;
    BlockBackend *a = blk_new_with_bs(bs, RW, BLK_PERM_CONSISTENT_READ, &err);
    BlockBackend *b;
    uint64_t perm, shared;

    g_assert_no_error(err);
    b = blk_new_with_bs(bs, BLK_PERM_WRITE, BLK_PERM_ALL, &err);
    g_assert_null(b);
    g_assert_cmpstr(err->message, ==, "Permission conflict on node 'disk': permissions 'write' are both required by "
                    "an unnamed block device (uses node 'disk' as 'root' child) and unshared by an unnamed block "
                    "device (uses node 'disk' as 'root' child).");
    g_clear_error(&err);
    bdrv_get_cumulative_perm(bs, &perm, &shared);
    g_assert_cmphex(perm, ==, RW);
    g_assert_cmphex(shared, ==, BLK_PERM_CONSISTENT_READ);
    g_assert_cmpint(bs->refcnt, ==, 2);
    blk_unref(a);
    bdrv_get_cumulative_perm(bs, &perm, &shared);
    g_assert_cmphex(perm, ==, 0);
    bdrv_unref(bs);
}

static void test_read_only(void)
{
    BlockDriverState *bs = test_open("driver=null-co,node-name=ro,read-only=on");
    GError *err = NULL;

    g_assert_null(blk_new_with_bs(bs, RW, BLK_PERM_ALL, &err));
    g_assert_cmpstr(err->message, ==, "Block node is read-only");
    g_clear_error(&err);
    bdrv_unref(bs);
}

static void test_propagation(void) TSA_NO_TSA;
static void test_propagation(void)
{
    BlockDriverState *top = test_node("top"), *base = test_node("base");
    BlockBackend *blk = test_backend(top, RW);
    GError *err = NULL;

    g_assert_cmpint(bdrv_set_backing_hd(top, base, &err), ==, 0);
    g_assert_cmphex(top->backing->perm, ==, BLK_PERM_CONSISTENT_READ);
    g_assert_true(top->backing->shared_perm & BLK_PERM_WRITE);
    g_assert_cmpint(blk_set_perm(blk, RW, BLK_PERM_CONSISTENT_READ, &err), ==, 0);
    g_assert_cmphex(top->backing->shared_perm, ==, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE_UNCHANGED);
    g_assert_null(blk_new_with_bs(base, BLK_PERM_WRITE, BLK_PERM_ALL, &err));
    g_assert_nonnull(strstr(err->message, "unshared by node 'top' (uses node 'base' as 'backing' child)."));
    g_clear_error(&err);
    blk_unref(blk);
    bdrv_unref(top);
    bdrv_unref(base);
}

static void test_append(void) TSA_NO_TSA;
static void test_append(void)
{
    BlockDriverState *base = test_node("base"), *overlay = test_node("overlay");
    BlockBackend *blk = test_backend(base, RW);
    GError *err = NULL;

    g_assert_cmpint(bdrv_append(overlay, base, &err), ==, 0);
    g_assert_true(blk_bs(blk) == overlay);
    g_assert_true(bdrv_cow_bs(overlay) == base);
    g_assert_cmpint(base->quiesce_counter, ==, 0);
    g_assert_cmpint(overlay->quiesce_counter, ==, 0);
    g_assert_cmpint(base->refcnt, ==, 2);
    blk_unref(blk);
    bdrv_unref(overlay);
    bdrv_unref(base);
}

/* A replacement that fails the permission check leaves links, masks, references and drain counters as they were. */
static void test_abort(void) TSA_NO_TSA;
static void test_abort(void)
{
    BlockDriverState *a = test_node("a");
    BlockDriverState *ro = test_open("driver=null-co,node-name=ro,read-only=on");
    BlockBackend *blk = test_backend(a, RW);
    GError *err = NULL;

    g_assert_cmpint(blk_replace_bs(blk, ro, &err), ==, -EPERM);
    g_assert_cmpstr(err->message, ==, "Block node is read-only");
    g_clear_error(&err);
    g_assert_true(blk_bs(blk) == a);
    g_assert_cmphex(blk_root(blk)->perm, ==, RW);
    g_assert_false(blk_root(blk)->quiesced_parent);
    g_assert_cmpint(a->refcnt, ==, 2);
    g_assert_cmpint(ro->refcnt, ==, 1);
    g_assert_cmpint(test_state(a)->drain_count, ==, 0);
    g_assert_false(blk_in_drain(blk));
    blk_unref(blk);
    bdrv_unref(a);
    bdrv_unref(ro);
}

/* A reference dropped under the writer lock is gone when the lock is. */
static void test_deferred_unref(void) TSA_NO_TSA;
static void test_deferred_unref(void)
{
    BlockDriverState *bs = test_node("gone");

    bdrv_graph_wrlock();
    bdrv_schedule_unref(bs);
    g_assert_true(bdrv_find_node("gone") == bs);
    bdrv_graph_wrunlock();
    g_assert_null(bdrv_find_node("gone"));
}

static void test_blockers(void) TSA_NO_TSA;
static void test_blockers(void)
{
    BlockDriverState *bs = test_node("disk");
    GError *reason = g_error_new_literal(RONDO_ERROR, 0, "it is being watched");
    GError *err = NULL;

    bdrv_op_block_all(bs, reason);
    g_assert_true(bdrv_op_is_blocked(bs, BLOCK_OP_TYPE_RESIZE, &err));
    g_assert_cmpstr(err->message, ==, "Node 'disk' is busy: it is being watched");
    g_clear_error(&err);
    bdrv_op_unblock_all(bs, reason);
    g_assert_false(bdrv_op_is_blocked(bs, BLOCK_OP_TYPE_RESIZE, NULL));
    g_error_free(reason);
    bdrv_unref(bs);
}

static void add_tests(void)
{
    test_add("/graph/backing", test_backing);
    test_add("/graph/append", test_append);
    test_add("/graph/abort", test_abort);
    test_add("/graph/deferred-unref", test_deferred_unref);
    test_add("/graph/blockers", test_blockers);
    test_add("/perm/conflict", test_conflict);
    test_add("/perm/read-only", test_read_only);
    test_add("/perm/propagation", test_propagation);
}

int main(int argc, char **argv)
{
    return test_block_main(argc, argv, add_tests);
}
