/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the guest gets random bytes, no more of them than it is allowed, and buffers of any shape do no harm.
 * Method: the test is the guest.
 */
#include "devices/virtio-rng/rng_backend.h"

#include <string.h>

#include "devices/test-virtio-guest.h"

static void test_bytes(void)
{
    VGuest *g;
    GError *err = NULL;
    static const char *const kv[] = { "rng", "r0", "id", "d0", NULL };
    uint8_t buf[256] = { 0 };

    g_assert_true(rng_backend_create("r0", "/dev/urandom", &err));
    g_assert_false(rng_backend_create("r0", NULL, NULL));
    g_assert_false(rng_backend_create("r1", "/etc/passwd", NULL));
    g = vg_new("virtio-rng-pci", kv, 1, 0);
    g_assert_false(rng_backend_destroy(rng_backend_find("r0"), &err));
    g_assert_cmpstr(err->message, ==, "object 'r0' is in use, can not be deleted");
    g_clear_error(&err);
    vg_driver_up(g);
    for (unsigned i = 0; i < 40; i++) {
        vg_in(g, 0, i % 8, VG_DATA, sizeof(buf));
        vg_kick(0);
        g_assert_cmpuint(vg_wait_used(g, 0, NULL), ==, sizeof(buf));
    }
    vg_read(VG_DATA, buf, sizeof(buf));
    g_assert_false(buffer_is_zero(buf, sizeof(buf)));
    vg_out(g, 0, 0, VG_DATA, 16);               /* nothing to write to */
    vg_kick(0);
    g_assert_cmpuint(vg_wait_used(g, 0, NULL), ==, 0);
    vg_in(g, 0, 0, VG_DATA, 1 << 20);
    vg_kick(0);
    g_assert_cmpuint(vg_wait_used(g, 0, NULL), ==, 65536);
    vg_free(g);
    g_assert_true(rng_backend_destroy(rng_backend_find("r0"), &err));
    rng_backends_cleanup();
}

static void test_rate(void)
{
    static const char *const kv[] = { "max-bytes", "100", "period", "20", NULL };
    VGuest *g = vg_new("virtio-rng-pci", kv, 1, 0);
    int64_t start = qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL);

    vg_driver_up(g);
    for (unsigned i = 0; i < 4; i++) {
        vg_in(g, 0, i, VG_DATA, 70);
    }
    vg_kick(0);
    g_assert_cmpuint(vg_wait_used(g, 0, NULL), ==, 70);
    g_assert_cmpuint(vg_wait_used(g, 0, NULL), ==, 30);
    vg_settle();
    g_assert_cmpuint(vg_wait_used(g, 0, NULL), ==, 70);         /* in the next period */
    g_assert_cmpint(qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) - start, >=, 20);
    g_assert_cmpuint(vg_wait_used(g, 0, NULL), ==, 30);
    vg_in(g, 0, 4, VG_DATA, 70);
    g_assert_cmpint(vm_stop(RUN_STATE_PAUSED), ==, 0);
    vg_settle();
    vm_start();
    g_assert_cmpuint(vg_wait_used(g, 0, NULL), ==, 70);
    vg_free(g);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-rng/bytes", test_bytes);
    g_test_add_func("/virtio-rng/rate", test_rate);
    return test_board_run();
}
