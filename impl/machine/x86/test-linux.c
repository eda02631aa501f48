/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: a kernel image is taken apart as the boot protocol says, and what is none is refused with the reason.
 * Method: headers made here.
 */
#include "base/bytes.h"
#include "machine/x86/linux.h"

#define IMAGE_SIZE 0x8000

/* A kernel of protocol 2.15 with 4 sectors of setup. */
static uint8_t *image_new(void)
{
    uint8_t *p = g_malloc0(IMAGE_SIZE);

    p[0x1f1] = 4;
    st16_le(p + 0x1fe, 0xaa55);
    st32_le(p + 0x202, 0x53726448);
    st16_le(p + 0x206, 0x20f);
    p[0x211] = 1;
    st32_le(p + 0x22c, 0x7fffffff);
    st16_le(p + 0x236, 0x3f);
    st32_le(p + 0x238, 2047);
    st32_le(p + 0x260, 0x200000);
    return p;
}

static void test_parse(void)
{
    g_autofree uint8_t *p = image_new();
    GError *err = NULL;
    LinuxImage img;

    g_assert_true(linux_parse(p, IMAGE_SIZE, &img, &err));
    g_assert_cmpuint(img.setup_size, ==, 2560);
    g_assert_cmpuint(img.kernel_size, ==, IMAGE_SIZE - 2560);
    g_assert_cmpuint(img.init_size, ==, 0x200000);
    g_assert_cmpuint(img.cmdline_max, ==, 2047);
    g_assert_cmphex(img.initrd_max, ==, UINT32_MAX);
    st16_le(p + 0x206, 0x202);
    p[0x1f1] = 0;
    g_assert_true(linux_parse(p, IMAGE_SIZE, &img, &err));
    g_assert_cmpuint(img.setup_size, ==, 2560);
    g_assert_cmpuint(img.cmdline_max, ==, 255);
    g_assert_cmphex(img.initrd_max, ==, 0x37ffffff);
    linux_patch_setup(&img, p, 0x1234000, 99);
    g_assert_cmphex(p[0x210], !=, 0);
    g_assert_cmphex(p[0x211], ==, 0x81);
    g_assert_cmphex(ld32_le(p + 0x218), ==, 0x1234000);
    g_assert_cmphex(ld32_le(p + 0x21c), ==, 99);
    g_assert_cmphex(ld32_le(p + 0x228), ==, LINUX_CMDLINE_ADDR);
}

static char *refusal(const uint8_t *p, size_t len)
{
    g_autoptr(GError) err = NULL;
    LinuxImage img;

    g_assert_false(linux_parse(p, len, &img, &err));
    return g_strdup(err->message);
}

static void test_refusals(void)
{
    g_autofree uint8_t *p = image_new();
    g_autofree char *none = refusal(p, 0x263);
    g_autofree char *magic = NULL;
    g_autofree char *sects = NULL;
    g_autofree char *most = NULL;
    g_autofree char *old = NULL;

    g_assert_cmpstr(none, ==, "not a Linux kernel image (bzImage)");
    p[0x1f1] = 64;
    sects = refusal(p, 65 * 512);
    g_assert_cmpstr(sects, ==, "its header announces 33280 bytes of setup code in a file of 33280");
    p[0x1f1] = 255;
    most = refusal(p, IMAGE_SIZE);
    g_assert_nonnull(strstr(most, "131072 bytes of setup code"));
    p[0x211] = 0;
    old = refusal(p, IMAGE_SIZE);
    g_assert_cmpstr(old, ==,
                    "a kernel of boot protocol 2.15 that cannot be loaded above 1 MiB is not supported");
    p[0x203] = 0;
    magic = refusal(p, IMAGE_SIZE);
    g_assert_cmpstr(magic, ==, none);
}

static void test_placement(void)
{
    LinuxImage img = { .kernel_size = 0x300000, .init_size = 0x400000, .initrd_max = 0x37ffffff };
    uint64_t room = 0x8000000 - 0x500000;
    uint32_t addr = 1;
    GError *err = NULL;

    g_assert_true(linux_place_initrd(&img, 0, 0x8000000, &addr, &err));
    g_assert_cmphex(addr, ==, 0);
    g_assert_true(linux_place_initrd(&img, 0x1001, 0x8000000, &addr, &err));
    g_assert_cmphex(addr, ==, 0x7ffe000);
    g_assert_true(linux_place_initrd(&img, 0x1000, 0x80000000, &addr, &err));
    g_assert_cmphex(addr, ==, 0x37fff000);
    g_assert_true(linux_place_initrd(&img, room, 0x8000000, &addr, &err));
    g_assert_cmphex(addr, ==, 0x500000);
    g_assert_false(linux_place_initrd(&img, room + 1, 0x8000000, &addr, &err));
    g_assert_nonnull(strstr(err->message, "initrd is too large"));
    g_clear_error(&err);
    g_assert_false(linux_place_initrd(&img, UINT64_MAX, 0x8000000, &addr, &err));
    g_clear_error(&err);
    g_assert_false(linux_place_initrd(&img, 1, 0x4fffff, &addr, &err));
    g_assert_cmpstr(err->message, ==, "the kernel needs 5 MiB of memory below 4 GiB, and there are 4");
    g_clear_error(&err);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/linux/parse", test_parse);
    g_test_add_func("/linux/refusals", test_refusals);
    g_test_add_func("/linux/placement", test_placement);
    return g_test_run();
}
