/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Goal: the decoders take what the specification allows and refuse the rest by name. Method: bytes in, struct out. */
#include "block/drivers/qcow2/format.h"

static Qcow2Header valid_header(void)
{
    return (Qcow2Header){
        .version = 3, .cluster_bits = 16, .size = 1ULL << 30, .l1_size = 2, .l1_table_offset = 0x30000,
        .refcount_table_offset = 0x10000, .refcount_table_clusters = 1, .refcount_order = 4, .header_length = 112,
    };
}

static void expect_error(const Qcow2Header *h, const char *text)
{
    g_autoptr(GError) err = NULL;

    g_assert_false(qcow2_header_check(h, &err));
    g_assert_cmpstr(err->message, ==, text);
}

static void test_round_trip(void)
{
    uint8_t stored[2][QCOW2_HEADER_LEN];
    Qcow2Header in = valid_header();
    Qcow2Header out;
    Qcow2HeaderTail tail = { .backing_format = (char *)"raw" };
    Qcow2HeaderTail back;
    g_autofree uint8_t *cluster = qcow2_header_encode(&in, &tail, "base.img", NULL);

    g_assert_nonnull(cluster);
    g_assert_true(qcow2_header_parse(cluster, 512, &out, NULL));
    g_assert_true(qcow2_header_check(&out, NULL));
    qcow2_header_store(&in, stored[0]);
    qcow2_header_store(&out, stored[1]);
    g_assert_cmpmem(stored[0], QCOW2_HEADER_LEN, stored[1], QCOW2_HEADER_LEN);
    g_assert_cmpmem(cluster + out.backing_file_offset, out.backing_file_size, "base.img", 8);
    g_assert_true(qcow2_tail_parse(cluster + out.header_length, out.backing_file_offset - out.header_length,
                                   &back, NULL));
    g_assert_cmpstr(back.backing_format, ==, "raw");
    g_assert_cmpuint(back.features->len, ==, 8);
    {
        g_autofree char *names = qcow2_unsupported_features(&back, QCOW2_INCOMPAT_EXTL2 | 1ULL << 40);

        g_assert_cmpstr(names, ==, "extended L2 entries, Unknown incompatible feature: 10000000000");
    }
    qcow2_tail_clear(&back);
}

static void test_bounds(void)
{
    Qcow2Header h = valid_header();

    h.cluster_bits = 8;
    expect_error(&h, "Unsupported cluster size: 2^8");
    h.cluster_bits = 63;
    expect_error(&h, "Unsupported cluster size: 2^63");
    h = valid_header();
    h.refcount_order = 7;
    expect_error(&h, "Reference count entry width too large; may not exceed 64 bits");
    h = valid_header();
    h.size = UINT64_MAX;
    expect_error(&h, "Image is too big");
    h = valid_header();
    h.l1_size = 1;
    expect_error(&h, "L1 table is too small");
    h.l1_size = UINT32_MAX;
    expect_error(&h, "Active L1 table too large");
    h = valid_header();
    h.l1_table_offset = 0x30001;
    expect_error(&h, "Active L1 table offset invalid");
    h.l1_table_offset = UINT64_MAX & ~0xffffULL;
    expect_error(&h, "Active L1 table offset invalid");
    h = valid_header();
    h.refcount_table_clusters = UINT32_MAX;
    expect_error(&h, "Reference count table too large");
    h.refcount_table_clusters = 0;
    expect_error(&h, "Image does not contain a reference count table");
    h = valid_header();
    h.nb_snapshots = QCOW_MAX_SNAPSHOTS + 1;
    expect_error(&h, "Snapshot table too large");
    h = valid_header();
    h.backing_file_offset = 1 << 20;
    expect_error(&h, "Invalid backing file offset");
    h.backing_file_offset = 200;
    h.backing_file_size = 5000;
    expect_error(&h, "Backing file name too long");
    h = valid_header();
    h.crypt_method = 2;
    expect_error(&h, "Encrypted images are not supported (the image uses LUKS encryption)");
}

static void test_extensions(void)
{
    uint8_t buf[64] = { 0xe2, 0x79, 0x2a, 0xca, 0xff, 0xff, 0xff, 0xff };
    g_autoptr(GError) err = NULL;
    Qcow2HeaderTail tail;

    g_assert_false(qcow2_tail_parse(buf, sizeof(buf), &tail, &err));
    g_assert_cmpstr(err->message, ==, "Header extension too large");
    qcow2_tail_clear(&tail);
    /* Unknown ones are kept, an end in the middle of one is not read past. */
    st32_be(buf, 0x12345678);
    st32_be(buf + 4, 5);
    g_assert_true(qcow2_tail_parse(buf, 13, &tail, NULL));
    g_assert_cmpuint(tail.unknown->len, ==, 1);
    g_assert_cmpuint(g_array_index(tail.unknown, Qcow2Extension, 0).len, ==, 5);
    qcow2_tail_clear(&tail);
}

static void test_refcounts(void)
{
    for (unsigned order = 0; order <= QCOW_MAX_REFCOUNT_ORDER; order++) {
        uint8_t block[512] = { 0 };
        unsigned n = sizeof(block) * 8 >> order;
        uint64_t max = qcow2_refcount_max(order);

        for (unsigned i = 0; i < n; i += 3) {
            qcow2_refcount_put(block, i, order, max);
        }
        for (unsigned i = 0; i < n; i++) {
            g_assert_cmpuint(qcow2_refcount_get(block, i, order), ==, i % 3 ? 0 : max);
        }
    }
}

static void test_compressed_entries(void)
{
    for (unsigned bits = MIN_CLUSTER_BITS; bits <= MAX_CLUSTER_BITS; bits++) {
        uint64_t offset = 0x12345 + (1ULL << 30);
        uint32_t len = (1U << bits) - 200;
        uint64_t entry = qcow2_entry_make_compressed(offset, len, bits);
        uint64_t got;
        uint32_t got_len;

        g_assert_cmpint(qcow2_entry_type(entry), ==, QCOW2_CLUSTER_COMPRESSED);
        qcow2_entry_compressed(entry, bits, &got, &got_len);
        g_assert_cmpuint(got, ==, offset);
        g_assert_cmpuint(got_len, >=, len);
        g_assert_cmpuint(got_len, <, len + 512);
    }
}

static void test_snapshots(void)
{
    QCowSnapshot in = {
        .l1_table_offset = 0x50000, .l1_size = 7, .id_str = (char *)"12", .name = (char *)"before",
        .disk_size = 1 << 20,
        .vm_state_size = 5ULL << 32, .date_sec = 1, .date_nsec = 2, .vm_clock_nsec = 3, .icount = 4,
    };
    g_autoptr(GByteArray) table = g_byte_array_new();
    QCowSnapshot out;

    qcow2_snapshot_store(&in, table);
    for (guint len = 0; len < table->len - 8; len++) {
        g_assert_cmpint(qcow2_snapshot_parse(table->data, len, 9, &out, NULL), ==, 0);
    }
    g_assert_cmpint(qcow2_snapshot_parse(table->data, table->len, 9, &out, NULL), ==, table->len);
    g_assert_cmpstr(out.name, ==, "before");
    g_assert_cmpuint(out.vm_state_size, ==, 5ULL << 32);
    g_assert_cmpuint(out.disk_size, ==, 1 << 20);
    g_assert_cmpuint(out.icount, ==, 4);
    qcow2_snapshot_clear(&out);
    st32_be(table->data + 36, 1025);
    g_assert_cmpint(qcow2_snapshot_parse(table->data, table->len, 9, &out, NULL), ==, -EINVAL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qcow2/format/round-trip", test_round_trip);
    g_test_add_func("/qcow2/format/bounds", test_bounds);
    g_test_add_func("/qcow2/format/extensions", test_extensions);
    g_test_add_func("/qcow2/format/refcounts", test_refcounts);
    g_test_add_func("/qcow2/format/compressed", test_compressed_entries);
    g_test_add_func("/qcow2/format/snapshots", test_snapshots);
    return g_test_run();
}
