/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: power may fail at any moment: the image is never corrupt, and what was flushed is still there.
 * Method: record the writes and flushes of a workload. For every flush, and for chosen subsets of the writes after it
 * (a disk may reorder what is not flushed), build the image that would be found, check it and read it.
 */
#include "aio/test-machine.h"
#include "block/drivers/qcow2/test-qcow2.h"

#define DISK_SIZE (1 * MiB)

typedef struct Workload {
    unsigned cluster_bits;
    unsigned refcount_order;
    bool snapshots;
    bool lazy;
} Workload;

/* A small generator of our own: the same on every machine. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void apply(GByteArray *bytes, const MemWrite *w)
{
    if (w->truncate) {
        mem_resize(bytes, w->offset);
    } else if (w->data) {
        gsize len;
        const void *data = g_bytes_get_data(w->data, &len);

        if (w->offset + len > bytes->len) {
            mem_resize(bytes, w->offset + len);
        }
        memcpy(bytes->data + w->offset, data, len);
    }
}

/*
 * Guest writes may be there or not; nothing else may have changed.
 * While a snapshot is made or deleted, COPIED flags and refcounts cannot change in one write: then the flags may need
 * repair, which must be possible and lose nothing.
 */
static void check_crash(const GByteArray *bytes, const uint8_t *promised, const uint8_t *touched, const Workload *w,
                        guint at)
{
    BlockDriverState *disk = mem_new("crashed", bytes->data, bytes->len);
    g_autofree uint8_t *seen = g_malloc(DISK_SIZE);
    BdrvCheckResult result = { 0 };
    GError *err = NULL;
    BlockBackend *blk = qcow2_on("crashed", w->lazy || w->snapshots ? BDRV_O_RDWR : 0, &err);

    g_assert_no_error(err);
    if (w->snapshots) {
        g_assert_cmpint(bdrv_check(blk_bs(blk), &result, BDRV_FIX_ERRORS | BDRV_FIX_LEAKS), ==, 0);
        result = (BdrvCheckResult){ 0 };
    }
    g_assert_cmpint(bdrv_check(blk_bs(blk), &result, 0), ==, 0);
    if (result.corruptions || result.check_errors) {
        g_test_message("crash after entry %u of the log", at);
    }
    g_assert_cmpint(result.corruptions, ==, 0);
    g_assert_cmpint(result.check_errors, ==, 0);
    g_assert_cmpint(blk_pread(blk, 0, DISK_SIZE, seen, 0), ==, 0);
    for (size_t i = 0; i < DISK_SIZE; i++) {
        if (seen[i] != promised[i] && !touched[i]) {
            g_test_message("crash after entry %u: byte %zu is %u, was flushed as %u", at, i, seen[i], promised[i]);
            g_test_fail();
            break;
        }
    }
    blk_unref(blk);
    bdrv_unref(disk);
}

/* One random guest request; @model follows. */
static void guest_request(BlockBackend *blk, uint32_t *rng, uint8_t *model)
{
    uint64_t offset = next_random(rng) % (DISK_SIZE - 40000);
    uint64_t len = next_random(rng) % 40000 + 1;
    uint8_t byte = next_random(rng) % 255 + 1;
    g_autofree uint8_t *buf = g_malloc(len);

    memset(buf, byte, len);
    switch (next_random(rng) % 5) {
    case 0:
        g_assert_cmpint(blk_pwrite_zeroes(blk, offset, len, BDRV_REQ_MAY_UNMAP), ==, 0);
        memset(model + offset, 0, len);
        break;
    case 1:
        /* Discarded bytes may be anything; zeroes after it settle them. */
        (void)(blk_pdiscard(blk, offset, len) < 0);
        g_assert_cmpint(blk_pwrite_zeroes(blk, offset, len, 0), ==, 0);
        memset(model + offset, 0, len);
        break;
    default:
        g_assert_cmpint(blk_pwrite(blk, offset, len, buf, 0), ==, 0);
        memcpy(model + offset, buf, len);
        break;
    }
}

static void mark_touched(const uint8_t *a, const uint8_t *b, uint8_t *touched)
{
    for (size_t i = 0; i < DISK_SIZE; i++) {
        touched[i] |= a[i] != b[i];
    }
}

/* Crash images between two promises: every prefix of each epoch's writes, and a random subset of each epoch. */
static void check_epochs(const GByteArray *start, GPtrArray *log, guint from, guint to, const uint8_t *promised,
                         const uint8_t *touched, const Workload *w, uint32_t *rng)
{
    g_autoptr(GByteArray) stable = g_byte_array_new();
    guint epoch = 0;

    g_byte_array_append(stable, start->data, start->len);
    for (guint i = 0; i < from; i++) {
        apply(stable, g_ptr_array_index(log, i));
    }
    epoch = from;
    for (guint i = from; i < to; i++) {
        const MemWrite *entry = g_ptr_array_index(log, i);
        g_autoptr(GByteArray) crashed = g_byte_array_new();

        g_byte_array_append(crashed, stable->data, stable->len);
        for (guint k = epoch; k <= i; k++) {
            if (k == i || next_random(rng) % 2) {
                apply(crashed, g_ptr_array_index(log, k));
            }
        }
        check_crash(crashed, promised, touched, w, i);
        if (entry->flush) {
            for (guint k = epoch; k < i; k++) {
                apply(stable, g_ptr_array_index(log, k));
            }
            epoch = i;
        }
    }
}

static void take_snapshot(BlockBackend *blk, unsigned n)
{
    QEMUSnapshotInfo sn = { .icount = UINT64_MAX };

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    g_snprintf(sn.name, sizeof(sn.name), "s%u", n);
    g_assert_cmpint(bdrv_snapshot_create(blk_bs(blk), &sn), ==, 0);
}

static void drop_snapshot(BlockBackend *blk, unsigned n)
{
    g_autofree char *name = g_strdup_printf("s%u", n);
    GError *err = NULL;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    g_assert_cmpint(bdrv_snapshot_delete(blk_bs(blk), NULL, name, &err), ==, 0);
    g_assert_no_error(err);
}

static void run_workload(const Workload *w)
{
    g_autoptr(GByteArray) start = qcow2_skeleton(DISK_SIZE, w->cluster_bits, w->refcount_order, w->lazy);
    g_autofree uint8_t *model = g_malloc0(DISK_SIZE);
    g_autofree uint8_t *promised = g_malloc0(DISK_SIZE);
    g_autofree uint8_t *touched = g_malloc0(DISK_SIZE);
    g_autoptr(GPtrArray) log = g_ptr_array_new_with_free_func(mem_write_free);
    BlockDriverState *disk;
    BlockBackend *blk;
    GError *err = NULL;
    uint32_t rng = 1;
    guint from = 0;

    bdrv_init();
    disk = mem_new("disk", start->data, start->len);
    mem_disk(disk)->log = g_ptr_array_ref(log);
    blk = qcow2_on("disk", BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_UNMAP, &err);
    g_assert_no_error(err);
    for (unsigned round = 0; round < 8; round++) {
        memset(touched, 0, DISK_SIZE);
        for (unsigned i = 0; i < 4; i++) {
            g_autofree uint8_t *before = g_memdup2(model, DISK_SIZE);

            guest_request(blk, &rng, model);
            mark_touched(before, model, touched);
        }
        if (w->snapshots && round % 2) {
            take_snapshot(blk, round);
        }
        if (w->snapshots && round >= 3 && round % 2) {
            drop_snapshot(blk, round - 2);
        }
        g_assert_cmpint(blk_flush(blk), ==, 0);
        check_epochs(start, log, from, log->len, promised, touched, w, &rng);
        from = log->len;
        memcpy(promised, model, DISK_SIZE);
    }
    blk_unref(blk);
    bdrv_unref(disk);
    bdrv_cleanup();
}

static void test_workload(gconstpointer opaque)
{
    run_workload(opaque);
}

int main(int argc, char **argv)
{
    static const Workload plain = { 12, 4, false, false };
    static const Workload small = { 9, 4, false, false };
    static const Workload snapshots = { 12, 4, true, false };
    static const Workload small_snapshots = { 9, 6, true, false };
    static const Workload lazy = { 12, 4, false, true };

    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/qcow2/crash/4k", &plain, test_workload);
    g_test_add_data_func("/qcow2/crash/512", &small, test_workload);
    g_test_add_data_func("/qcow2/crash/4k-snapshots", &snapshots, test_workload);
    g_test_add_data_func("/qcow2/crash/512-snapshots", &small_snapshots, test_workload);
    g_test_add_data_func("/qcow2/crash/lazy", &lazy, test_workload);
    return test_machine_run();
}
