/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: bytes, vectors, errors and assertions do what their headers say.
 * Method: vectors against a plain buffer, cut at random places from a printed seed; the rest by example.
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/id.h"
#include "base/iov.h"

#include <stdio.h>

static void test_byte_order(void)
{
    uint8_t raw[9] = { 0xff, 1, 2, 3, 4, 5, 6, 7, 8 };

    g_assert_cmphex(ld16_be(raw + 1), ==, 0x0102);
    g_assert_cmphex(ld16_le(raw + 1), ==, 0x0201);
    g_assert_cmphex(ld32_be(raw + 1), ==, 0x01020304);
    g_assert_cmphex(ld64_be(raw + 1), ==, 0x0102030405060708);
    g_assert_cmphex(ld64_le(raw + 1), ==, 0x0807060504030201);
    st32_be(raw + 3, 0xa1b2c3d4);
    g_assert_cmphex(raw[3], ==, 0xa1);
    st32_le(raw + 3, 0xa1b2c3d4);
    g_assert_cmphex(raw[3], ==, 0xd4);
}

static void test_arithmetic(void)
{
    uint64_t sum;

    g_assert_cmpuint(QEMU_ALIGN_UP(4097u, 4096), ==, 8192);
    g_assert_cmpuint(QEMU_ALIGN_DOWN(4097u, 4096), ==, 4096);
    g_assert_cmpuint(QEMU_ALIGN_DOWN(1ULL << 40 | 5, 512), ==, 1ULL << 40);
    g_assert_cmpuint(DIV_ROUND_UP(10, 4), ==, 3);
    g_assert_true(is_power_of_2(1ULL << 63));
    g_assert_false(is_power_of_2(0));
    g_assert_false(u64_add_overflows(UINT64_MAX - 1, 1, &sum));
    g_assert_cmpuint(sum, ==, UINT64_MAX);
    g_assert_true(u64_add_overflows(UINT64_MAX, 1, &sum));
    g_assert_true(u64_mul_overflows(1ULL << 33, 1ULL << 31, &sum));
}

static void test_ranges(void)
{
    g_assert_true(ranges_overlap(0, 10, 9, 1));
    g_assert_false(ranges_overlap(0, 10, 10, 1));
    g_assert_false(ranges_overlap(5, 0, 0, 10));
    g_assert_true(ranges_overlap(0, UINT64_MAX, 5, 1));
}

static void test_buffer_is_zero(void)
{
    uint8_t buf[100] = { 0 };

    for (size_t len = 0; len <= sizeof(buf); len++) {
        g_assert_true(buffer_is_zero(buf, len));
        for (size_t i = 0; i < len; i++) {
            buf[i] = 1;
            g_assert_false(buffer_is_zero(buf, len));
            buf[i] = 0;
        }
    }
}

#define TOTAL 1000

/* A vector over @flat, cut at random places, some of the pieces empty. */
static void cut_randomly(QEMUIOVector *qiov, uint8_t *flat)
{
    size_t done = 0;

    qemu_iovec_init(qiov, 1);
    while (done < TOTAL) {
        size_t len = g_test_rand_int_range(0, 200);

        len = MIN(len, TOTAL - done);
        qemu_iovec_add(qiov, flat + done, len);
        done += len;
    }
}

static void test_vector_copies(void)
{
    g_autofree uint8_t *flat = g_malloc0(TOTAL), *expected = g_malloc0(TOTAL), *out = g_malloc(TOTAL);

    for (int round = 0; round < 200; round++) {
        QEMUIOVector qiov, slice;
        size_t offset = g_test_rand_int_range(0, TOTAL), len = g_test_rand_int_range(0, TOTAL - offset + 1);

        cut_randomly(&qiov, flat);
        g_assert_cmpuint(qiov.size, ==, TOTAL);
        for (size_t i = 0; i < len; i++) {
            out[i] = expected[offset + i] = g_test_rand_int();
        }
        g_assert_cmpuint(qemu_iovec_from_buf(&qiov, offset, out, len), ==, len);
        g_assert_cmpmem(flat, TOTAL, expected, TOTAL);
        g_assert_cmpuint(qemu_iovec_to_buf(&qiov, offset, out, TOTAL), ==, TOTAL - offset);
        g_assert_cmpmem(out, TOTAL - offset, expected + offset, TOTAL - offset);
        qemu_iovec_init_slice(&slice, &qiov, offset, len);
        g_assert_cmpuint(slice.size, ==, len);
        g_assert_cmpuint(qemu_iovec_to_buf(&slice, 0, out, TOTAL), ==, len);
        g_assert_cmpmem(out, len, expected + offset, len);
        qemu_iovec_destroy(&slice);
        g_assert_cmpuint(qemu_iovec_memset(&qiov, offset, 0, len), ==, len);
        memset(expected + offset, 0, len);
        g_assert_true(qemu_iovec_is_zero(&qiov, offset, len));
        g_assert_cmpmem(flat, TOTAL, expected, TOTAL);
        qemu_iovec_destroy(&qiov);
    }
}

static void test_vector_of_one_buffer(void)
{
    char buf[8] = "abcdefg", out[8] = { 0 };
    QEMUIOVector qiov;

    qemu_iovec_init_buf(&qiov, buf, sizeof(buf));
    g_assert_cmpuint(qemu_iovec_to_buf(&qiov, 2, out, 3), ==, 3);
    g_assert_cmpstr(out, ==, "cde");
    g_assert_cmpuint(qemu_iovec_to_buf(&qiov, 8, out, 3), ==, 0);
}

static void test_ids(void)
{
    g_assert_true(id_wellformed("a"));
    g_assert_true(id_wellformed("Disk-0.a_b"));
    g_assert_false(id_wellformed(""));
    g_assert_false(id_wellformed("0a"));
    g_assert_false(id_wellformed("_a"));
    g_assert_false(id_wellformed("a b"));
    g_assert_false(id_wellformed("a/b"));
    g_assert_false(id_wellformed("#block000"));
    g_assert_false(id_wellformed("\xc3\xa4"));
}

static void test_errors(void)
{
    GError *err = NULL;

    error_setg_errno(&err, -ENOENT, "Could not open '%s'", "disk");
    g_assert_cmpstr(error_get_pretty(err), ==, "Could not open 'disk': No such file or directory");
    g_assert_cmpstr(error_class_name(err), ==, "GenericError");
    error_prepend(&err, "drive0: ");
    g_assert_true(g_str_has_prefix(error_get_pretty(err), "drive0: Could"));
    error_free(err);
    error_set(&err, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", "x");
    g_assert_cmpstr(error_class_name(err), ==, "DeviceNotFound");
    error_free(err);
    error_setg(NULL, "nobody wants to know");
}

static void test_assertion_text(void)
{
    if (g_test_subprocess()) {
        assert(1 + 1 == 3);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*test-base.c:*: test_assertion_text: Assertion `1 + 1 == 3' failed.*");
}

static void say_more(const char *text)
{
    fprintf(stderr, "handler saw %zu bytes\n", strlen(text));
}

static void test_fatal_handler(void)
{
    if (g_test_subprocess()) {
        base_set_fatal_handler(say_more);
        base_fatal("value %d", 5);
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*value 5\n*handler saw 7 bytes*");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/byte-order", test_byte_order);
    g_test_add_func("/base/arithmetic", test_arithmetic);
    g_test_add_func("/base/ranges", test_ranges);
    g_test_add_func("/base/buffer-is-zero", test_buffer_is_zero);
    g_test_add_func("/base/vector-copies", test_vector_copies);
    g_test_add_func("/base/vector-of-one-buffer", test_vector_of_one_buffer);
    g_test_add_func("/base/ids", test_ids);
    g_test_add_func("/base/errors", test_errors);
    g_test_add_func("/base/assertion-text", test_assertion_text);
    g_test_add_func("/base/fatal-handler", test_fatal_handler);
    return g_test_run();
}
