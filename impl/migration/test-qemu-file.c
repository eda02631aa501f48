/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMUFile: widths, order of bytes, buffers of every size, ends and errors. Method: memory channels, and a channel that
 * fails at a chosen byte.
 */
#include "migration/qemu_file.h"

#include "aio/test-machine.h"
#include "base/bytes.h"
#include "sched/io.h"

static void put_some_of_everything(QEMUFile *f)
{
    qemu_put_byte(f, 0xab);
    qemu_put_be16(f, 0x1234);
    qemu_put_be32(f, 0xdeadbeef);
    qemu_put_be64(f, UINT64_C(0x0123456789abcdef));
    qemu_put_counted_string(f, "a name");
    qemu_put_buffer(f, (const uint8_t *)"0123456789", 10);
}

static void check_some_of_everything(QEMUFile *f)
{
    char name[256];
    uint8_t buf[10];

    g_assert_cmphex((unsigned)qemu_get_byte(f), ==, 0xab);
    g_assert_cmphex(qemu_get_be16(f), ==, 0x1234);
    g_assert_cmphex(qemu_get_be32(f), ==, 0xdeadbeef);
    g_assert_cmphex(qemu_get_be64(f), ==, UINT64_C(0x0123456789abcdef));
    g_assert_cmpuint(qemu_get_counted_string(f, name), ==, 6);
    g_assert_cmpstr(name, ==, "a name");
    g_assert_cmpuint(qemu_get_buffer(f, buf, sizeof(buf)), ==, 10);
    g_assert_cmpmem(buf, 10, "0123456789", 10);
}

static void test_round_trip_with_any_buffer(void)
{
    const size_t sizes[] = { 1, 2, 3, 7, 16, 4096, QEMU_FILE_BUFFER_SIZE };

    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        QEMUFile *f = qemu_fopen_memory(bytes, true);

        qemu_file_set_buffer_size(f, sizes[i]);
        put_some_of_everything(f);
        g_assert_cmpuint(qemu_file_transferred(f), ==, 32);
        g_assert_cmpint(qemu_fclose(f), ==, 0);
        g_assert_cmpuint(bytes->len, ==, 32);
        g_assert_cmphex(bytes->data[1], ==, 0x12);      /* big endian */
        g_assert_cmphex(bytes->data[3], ==, 0xde);

        f = qemu_fopen_memory(bytes, false);
        qemu_file_set_buffer_size(f, sizes[i]);
        check_some_of_everything(f);
        g_assert_cmpuint(qemu_file_transferred(f), ==, 32);
        g_assert_cmpint(qemu_file_get_error(f), ==, 0);
        g_assert_cmpint(qemu_fclose(f), ==, 0);
    }
}

static void test_end_is_an_error_only_for_who_needs_a_byte(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    const uint8_t data[] = { 1, 2, 3 };
    GError *err = NULL;
    QEMUFile *f;

    g_byte_array_append(bytes, data, sizeof(data));
    f = qemu_fopen_memory(bytes, false);
    g_assert_cmpint(qemu_peek_byte(f, 2), ==, 3);
    g_assert_cmpint(qemu_peek_byte(f, 3), ==, 0);
    g_assert_cmpint(qemu_file_get_error(f), ==, 0);
    g_assert_cmpint(qemu_get_byte(f), ==, 1);
    g_assert_cmpint((int)qemu_get_be32(f), ==, 0x02030000);
    g_assert_cmpint(qemu_file_get_error_obj(f, &err), ==, -EIO);
    g_assert_cmpstr(err->message, ==, "Unexpected end of the stream at byte 3");
    g_error_free(err);
    g_assert_cmpint(qemu_get_byte(f), ==, 0);
    g_assert_cmpint(qemu_fclose(f), ==, -EIO);
}

typedef struct FailingChannel {
    uint64_t fail_at;
    unsigned calls;
    bool closed;
} FailingChannel;

static int failing_writev(void *opaque, const struct iovec *iov, int niov, uint64_t pos, GError **errp)
{
    FailingChannel *c = opaque;

    c->calls++;
    if (pos + iov[0].iov_len > c->fail_at) {
        error_setg(errp, "the disk is full");
        return -ENOSPC;
    }
    return 0;
}

static int failing_close(void *opaque, GError **errp)
{
    ((FailingChannel *)opaque)->closed = true;
    return 0;
}

static const QEMUFileOps failing_ops = { .name = "failing", .writev = failing_writev, .close = failing_close };

static void test_first_error_sticks(void)
{
    FailingChannel c = { .fail_at = 40 };
    QEMUFile *f = qemu_file_new_output(&failing_ops, &c);
    GError *err = NULL;

    qemu_file_set_buffer_size(f, 16);
    for (unsigned i = 0; i < 100; i++) {
        qemu_put_be64(f, i);
    }
    g_assert_cmpuint(c.calls, ==, 3);       /* two good ones, the bad one, and none after it */
    qemu_file_set_error(f, -EPIPE);
    g_assert_cmpint(qemu_file_get_error_obj(f, &err), ==, -ENOSPC);
    g_assert_cmpstr(err->message, ==, "the disk is full");
    g_error_free(err);
    g_assert_true(qemu_file_rate_exceeded(f));
    g_assert_cmpint(qemu_fclose(f), ==, -ENOSPC);
    g_assert_true(c.closed);
}

static void test_shutdown_stops_everything(void)
{
    FailingChannel c = { .fail_at = UINT64_MAX };
    QEMUFile *f = qemu_file_new_output(&failing_ops, &c);

    qemu_put_be64(f, 1);
    g_assert_cmpint(qemu_file_shutdown(f), ==, -ENOSYS);
    qemu_put_be64(f, 1);
    g_assert_cmpint(qemu_fflush(f), ==, -EIO);
    g_assert_cmpuint(c.calls, ==, 0);
    g_assert_cmpint(qemu_fclose(f), ==, -EIO);
}

static void test_rate_limit_counts_per_window(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    QEMUFile *f = qemu_fopen_memory(bytes, true);

    qemu_file_set_rate_limit(f, 16);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_false(qemu_file_rate_exceeded(f));
        qemu_put_be64(f, 0);
    }
    g_assert_true(qemu_file_rate_exceeded(f));
    qemu_file_reset_rate(f);
    g_assert_false(qemu_file_rate_exceeded(f));
    qemu_file_set_rate_limit(f, 0);
    qemu_put_buffer(f, (const uint8_t *)"0123456789012345678901234567890", 30);
    g_assert_false(qemu_file_rate_exceeded(f));
    g_assert_cmpint(qemu_fclose(f), ==, 0);
}

static void test_counted_string_takes_255_bytes(void)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autofree char *longest = g_strnfill(255, 'x');
    QEMUFile *f = qemu_fopen_memory(bytes, true);
    char name[256];

    qemu_put_counted_string(f, longest);
    qemu_put_counted_string(f, "");
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    f = qemu_fopen_memory(bytes, false);
    g_assert_cmpuint(qemu_get_counted_string(f, name), ==, 255);
    g_assert_cmpstr(name, ==, longest);
    g_assert_cmpuint(qemu_get_counted_string(f, name), ==, 0);
    g_assert_cmpint(qemu_fclose(f), ==, 0);

    g_byte_array_set_size(bytes, 100);
    f = qemu_fopen_memory(bytes, false);
    g_assert_cmpuint(qemu_get_counted_string(f, name), ==, 0);
    g_assert_cmpint(qemu_fclose(f), ==, -EIO);
}

static void test_file_starts_at_its_offset(void)
{
    g_autofree char *path = g_strdup_printf("%s/rondo-test-qemu-file-%d", g_get_tmp_dir(), sched_getpid());
    uint8_t raw[8];
    struct iovec iov = { .iov_base = raw, .iov_len = sizeof(raw) };
    QEMUFile *f;
    int fd = sched_file_open("state", path, SCHED_FILE_WRITE | SCHED_FILE_CREATE | SCHED_FILE_TRUNC);

    g_assert_cmpint(fd, >=, 0);
    f = qemu_fopen_file(sched_dup(fd), 512, true);
    put_some_of_everything(f);
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    g_assert_cmpint((int)sched_file_preadv(fd, &iov, 1, 512), ==, 8);
    g_assert_cmphex(raw[0], ==, 0xab);
    f = qemu_fopen_file(sched_dup(fd), 512, false);
    check_some_of_everything(f);
    g_assert_cmpint(qemu_fclose(f), ==, 0);
    sched_close(fd);
    if (!sched_is_sim()) {
        g_assert_cmpint(sched_file_unlink(path), ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qemu-file/round-trip-with-any-buffer", test_round_trip_with_any_buffer);
    g_test_add_func("/qemu-file/end", test_end_is_an_error_only_for_who_needs_a_byte);
    g_test_add_func("/qemu-file/first-error-sticks", test_first_error_sticks);
    g_test_add_func("/qemu-file/shutdown", test_shutdown_stops_everything);
    g_test_add_func("/qemu-file/rate-limit", test_rate_limit_counts_per_window);
    g_test_add_func("/qemu-file/counted-string", test_counted_string_takes_255_bytes);
    g_test_add_func("/qemu-file/file-offset", test_file_starts_at_its_offset);
    return test_machine_run();
}
