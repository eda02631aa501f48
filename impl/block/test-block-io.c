/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: whatever offset, length, alignment and transfer limit, a node holds the bytes a byte array would hold, and
 * an unaligned write whose pre-read fails writes nothing. Method: random requests with a printed seed against a
 * model; errors from blkdebug; concurrent unaligned writes of one block.
 */
#include "block/test-block.h"

#define SIZE 65536

static BlockDriverState *open_aligned(const char *path, const char *more)
{
    g_autofree char *opts = g_strdup_printf("driver=blkdebug,node-name=dbg,image.driver=file,image.filename=%s%s", path,
                                            more);

    return test_open(opts);
}

static void run_model(const char *limits, unsigned rounds)
{
    g_autofree char *path = test_new_file(SIZE);
    BlockDriverState *bs = open_aligned(path, limits);
    BlockBackend *blk = test_backend(bs, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE);
    g_autofree uint8_t *model = g_malloc0(SIZE);
    g_autofree uint8_t *buf = g_malloc0(SIZE);

    for (unsigned i = 0; i < rounds; i++) {
        unsigned offset = g_test_rand_int_range(0, SIZE);
        unsigned len = g_test_rand_int_range(1, MIN(SIZE - offset, 12000) + 1);

        switch (g_test_rand_int_range(0, 4)) {
        case 0:
            memset(buf, g_test_rand_int_range(0, 256), len);
            memcpy(model + offset, buf, len);
            g_assert_cmpint(blk_pwrite(blk, offset, len, buf, 0), ==, 0);
            break;
        case 1:
            memset(model + offset, 0, len);
            g_assert_cmpint(blk_pwrite_zeroes(blk, offset, len, 0), ==, 0);
            break;
        default:
            g_assert_cmpint(blk_pread(blk, offset, len, buf, 0), ==, 0);
            g_assert_cmpmem(buf, len, model + offset, len);
        }
    }
    blk_unref(blk);
    bdrv_unref(bs);
    test_remove_file(path);
}

static void test_model_aligned_512(void)
{
    run_model(",align=512", 300);
}

static void test_model_aligned_4096(void)
{
    run_model(",align=4096,max-transfer=8192,opt-write-zero=8192,max-write-zero=16384", 300);
}

static void test_model_unaligned(void)
{
    run_model("", 200);
}

static void test_preread_error(void)
{
    g_autofree char *path = test_new_file(SIZE);
    BlockDriverState *bs = open_aligned(path, ",align=4096,inject-error.0.event=none,inject-error.0.iotype=read,"
                                        "inject-error.0.errno=5,inject-error.0.once=on,inject-error.0.sector=8");
    BlockBackend *blk = test_backend(bs, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE);
    char buf[512];

    memset(buf, 0x77, sizeof(buf));
    g_assert_cmpint(blk_pwrite(blk, 4096 + 100, sizeof(buf), buf, 0), ==, -EIO);
    g_assert_cmpint(blk_pread(blk, 4096 + 100, sizeof(buf), buf, 0), ==, 0);
    for (unsigned i = 0; i < sizeof(buf); i++) {
        g_assert_cmpint(buf[i], ==, 0);
    }
    blk_unref(blk);
    bdrv_unref(bs);
    test_remove_file(path);
}

static void count_done(void *opaque, int ret)
{
    g_assert_cmpint(ret, ==, 0);
    (*(int *)opaque)++;
}

/* Sixteen writers in one block: each read-modify-writes it, and none may lose another's bytes. */
static void test_serialising(void)
{
    g_autofree char *path = test_new_file(SIZE);
    BlockDriverState *bs = open_aligned(path, ",align=4096");
    BlockBackend *blk = test_backend(bs, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE);
    uint8_t data[16][256], back[4096];
    QEMUIOVector v[16];
    int done = 0;

    for (int i = 0; i < 16; i++) {
        memset(data[i], i + 1, 256);
        qemu_iovec_init_buf(&v[i], data[i], 256);
        blk_aio_pwritev(blk, i * 256, &v[i], 0, count_done, &done);
    }
    g_assert_cmpint(done, ==, 0);
    while (done < 16) {
        aio_poll(qemu_get_aio_context(), true);
    }
    g_assert_cmpint(blk_pread(blk, 0, 4096, back, 0), ==, 0);
    for (int i = 0; i < 4096; i++) {
        g_assert_cmpint(back[i], ==, i / 256 + 1);
    }
    blk_unref(blk);
    bdrv_unref(bs);
    test_remove_file(path);
}

static void test_ranges(void)
{
    BlockDriverState *bs = test_open("driver=null-co,size=1M,read-zeroes=on,node-name=n");
    BlockBackend *blk = test_backend(bs, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE);
    char c;

    g_assert_cmpint(blk_pread(blk, -1, 1, &c, 0), ==, -EIO);
    g_assert_cmpint(blk_pread(blk, 1 << 20, 1, &c, 0), ==, -EIO);
    g_assert_cmpint(blk_pread(blk, 1 << 20, 0, &c, 0), ==, 0);
    g_assert_cmpint(blk_pread(blk, INT64_MAX, 1, &c, 0), ==, -EIO);
    g_assert_cmpint(blk_pdiscard(blk, 0, 512), ==, 0);
    g_assert_cmpint(blk_flush(blk), ==, 0);
    blk_unref(blk);
    bdrv_unref(bs);
}

static void test_block_status(void)
{
    g_autofree char *path = test_new_file(SIZE);
    g_autofree char *opts = g_strdup_printf("driver=raw,offset=4k,size=32k,file.driver=file,file.filename=%s", path);
    BlockDriverState *bs = test_open(opts);
    BlockDriverState *file;
    int64_t pnum, map;
    int ret = bdrv_block_status(bs, 0, 1 << 20, &pnum, &map, &file);

    g_assert_cmpint(ret, >=, 0);
    g_assert_cmpint(pnum, ==, 32768);
    g_assert_cmpint(map, ==, 4096);
    g_assert_true(ret & BDRV_BLOCK_EOF);
    g_assert_true(ret & BDRV_BLOCK_ALLOCATED);
    g_assert_cmpint(bdrv_is_allocated(bs, 32768, 100, &pnum), ==, 0);
    g_assert_cmpint(pnum, ==, 0);
    bdrv_unref(bs);
    test_remove_file(path);
}

/* What is read through from the backing file is in the overlay afterwards, with what surrounds it. */
static void test_copy_on_read(void)
{
    g_autofree char *base = test_new_file(SIZE);
    g_autofree char *path = test_new_file(0);
    g_autofree char *pattern = g_strnfill(SIZE, 'b');
    g_autofree char *drive = g_strdup_printf("if=none,id=d0,copy-on-read=on,format=qcow2,file=%s", path);
    QDict *opts = qdict_new();
    GError *err = NULL;
    BlockBackend *blk;
    int64_t pnum;
    char buf[1000];

    g_assert_true(g_file_set_contents(base, pattern, SIZE, NULL));
    qdict_put_int(opts, "size", SIZE);
    qdict_put_str(opts, "backing_file", base);
    qdict_put_str(opts, "backing_fmt", "raw");
    qdict_put_str(opts, "cluster_size", "4k");
    g_assert_cmpint(bdrv_create(bdrv_find_format("qcow2"), path, opts, &err), ==, 0);
    g_assert_no_error(err);
    qdict_unref(opts);
    g_assert_nonnull(drive_new(drive, IF_NONE, &err));
    g_assert_no_error(err);
    blk = blk_by_name("d0");
    g_assert_cmpint(blk_set_perm(blk, BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE, BLK_PERM_ALL, &err), ==, 0);
    g_assert_cmpint(bdrv_is_allocated(blk_bs(blk), 0, SIZE, &pnum), ==, 0);
    g_assert_cmpint(blk_pread(blk, 5000, sizeof(buf), buf, 0), ==, 0);
    g_assert_cmpmem(buf, sizeof(buf), pattern, sizeof(buf));
    g_assert_cmpint(bdrv_is_allocated(blk_bs(blk), 0, SIZE, &pnum), ==, 0);
    g_assert_cmpint(pnum, ==, 4096);
    g_assert_cmpint(bdrv_is_allocated(blk_bs(blk), 4096, SIZE, &pnum), ==, 1);
    g_assert_cmpint(blk_pread(blk, 4096, sizeof(buf), buf, 0), ==, 0);
    g_assert_cmpmem(buf, sizeof(buf), pattern, sizeof(buf));
    bdrv_close_all();
    test_remove_file(path);
    test_remove_file(base);
}

static void add_tests(void)
{
    test_add("/io/model/unaligned", test_model_unaligned);
    test_add("/io/model/512", test_model_aligned_512);
    test_add("/io/model/4096", test_model_aligned_4096);
    test_add("/io/preread-error", test_preread_error);
    test_add("/io/serialising", test_serialising);
    test_add("/io/copy-on-read", test_copy_on_read);
    test_add("/io/ranges", test_ranges);
    test_add("/io/block-status", test_block_status);
}

int main(int argc, char **argv)
{
    return test_block_main(argc, argv, add_tests);
}
