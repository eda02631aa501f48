/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: viewers are understood and see the picture; keys have the numbers of a PC keyboard; surfaces become files.
 * Method: the pure parts byte by byte; a console with a picture of our own.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "aio/test-machine.h"
#include "base/bytes.h"
#include "ui/console.h"
#include "ui/input.h"
#include "ui/vnc_proto.h"

static void test_version(void)
{
    static const struct {
        const char *text;
        int minor;
    } cases[] = { { "RFB 003.003\n", 3 }, { "RFB 003.005\n", 3 }, { "RFB 003.007\n", 7 }, { "RFB 003.008\n", 8 },
                  { "RFB 003.889\n", 8 }, { "RFB 004.001\n", 8 }, { "RFB 002.000\n", -1 }, { "GET / HTTP/1", -1 },
                  { "RFB 00x.008\n", -1 } };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpint(vnc_parse_version((const uint8_t *)cases[i].text), ==, cases[i].minor);
    }
}

static void test_messages(void)
{
    static const uint8_t encodings[] = { 2, 0, 0, 3, 0, 0, 0, 7, 0xff, 0xff, 0xfe, 0xfe, 0, 0, 0, 5 };
    static const uint8_t request[] = { 3, 1, 0, 1, 0, 2, 0, 3, 0, 4 };
    static const uint8_t ext_key[] = { 255, 0, 0, 1, 0, 0, 0xff, 0x0d, 0, 0, 0, 0x1c };
    static const uint8_t cut[] = { 6, 0, 0, 0, 0, 1, 0, 0 };
    static const uint8_t bad_format[20] = { 0, 0, 0, 0, 32, 24, 0, 1, 0, 254, 0, 255, 0, 255, 16, 8, 0 };
    static const uint8_t far_format[20] = { 0, 0, 0, 0, 16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 12, 5, 0 };
    static const uint8_t unknown[] = { 77 };
    VncMessage m;

    g_assert_cmpint(vnc_parse_message(encodings, 15, &m), ==, 0);
    g_assert_cmpint(vnc_parse_message(encodings, 16, &m), ==, 16);
    g_assert_cmpint(m.encoding, ==, VNC_ENC_HEXTILE);
    g_assert_true(m.can_ext_key && !m.can_resize);
    g_assert_cmpint(vnc_parse_message(request, sizeof(request), &m), ==, 10);
    g_assert_true(m.incremental && m.x == 1 && m.y == 2 && m.w == 3 && m.h == 4);
    g_assert_cmpint(vnc_parse_message(ext_key, sizeof(ext_key), &m), ==, 12);
    g_assert_true(m.kind == VNC_MSG_KEY && m.down && m.keycode == 0x1c);
    g_assert_cmpint(vnc_parse_message(cut, sizeof(cut), &m), ==, 8);
    g_assert_cmpuint(m.skip, ==, 65536);
    g_assert_cmpint(vnc_parse_message(bad_format, 20, &m), ==, -1);
    g_assert_cmpint(vnc_parse_message(far_format, 20, &m), ==, -1);
    g_assert_cmpint(vnc_parse_message(unknown, 1, &m), ==, -1);
}

static void test_pixels(void)
{
    VncPixelFormat f = vnc_default_format();
    uint8_t buf[16];

    g_assert_cmpuint(vnc_put_pixel(buf, &f, 0x123456), ==, 4);
    g_assert_cmphex(ld32_le(buf), ==, 0x123456);
    f = (VncPixelFormat){ .bits = 16, .big_endian = true, .max = { 31, 63, 31 }, .shift = { 11, 5, 0 },
                          .width = { 5, 6, 5 } };
    g_assert_cmpuint(vnc_put_pixel(buf, &f, 0xff8040), ==, 2);
    g_assert_cmphex(ld16_be(buf), ==, 31 << 11 | 32 << 5 | 8);
    vnc_put_format(buf, &f);
    g_assert_cmphex(buf[0], ==, 16);
    g_assert_cmphex(buf[10], ==, 11);
}

static void test_hextile(void)
{
    static const uint8_t want[] = { 0x0e, 0, 0, 0, 0, 0xff, 0, 0, 0, 2, 0x21, 0x10, 0x02, 0xf0 };
    VncPixelFormat f = vnc_default_format();
    g_autoptr(GByteArray) out = g_byte_array_new();
    uint32_t pixels[16 * 16] = { 0 };

    vnc_hextile(out, &f, pixels, 16, 16, 16);
    g_assert_cmpuint(out->len, ==, 5);
    pixels[16 + 2] = pixels[16 + 3] = 0xff;
    for (unsigned x = 0; x < 16; x++) {
        pixels[32 + x] = 0xff;
    }
    g_byte_array_set_size(out, 0);
    vnc_hextile(out, &f, pixels, 16, 16, 16);
    g_assert_cmpmem(out->data, out->len, want, sizeof(want));
    pixels[40] = 0x77;
    g_byte_array_set_size(out, 0);
    vnc_hextile(out, &f, pixels, 16, 16, 16);
    g_assert_cmpuint(out->len, ==, 1 + 16 * 16 * 4);
}

/* The well-known example key, with its bits turned round as VNC does. */
static void test_des(void)
{
    static const char password[] = "\xc8\x2c\xea\x9e\xd9\x3d\xfb\x8f";
    uint8_t challenge[16];
    uint8_t out[16];

    st64_be(challenge, 0x0123456789abcdefULL);
    st64_be(challenge + 8, 0x0123456789abcdefULL);
    vnc_des_response(password, challenge, out);
    g_assert_cmphex(ld64_be(out), ==, 0x85e813540f0ab405ULL);
    g_assert_cmphex(ld64_be(out + 8), ==, 0x85e813540f0ab405ULL);
}

static void test_keys(void)
{
    g_assert_cmphex(input_qnum_from_name("ret"), ==, 0x1c);
    g_assert_cmphex(input_qnum_from_name("0x39"), ==, 0x39);
    g_assert_cmphex(input_qnum_from_name("nosuch"), ==, 0);
    g_assert_cmphex(input_qnum_from_keysym('A'), ==, 0x1e);
    g_assert_cmphex(input_qnum_from_keysym('!'), ==, 0x02);
    g_assert_cmphex(input_qnum_from_keysym(0xff52), ==, 0xc8);
    g_assert_cmphex(input_qnum_from_keysym(0x12345), ==, 0);
}

static void draw(void *opaque)
{
    QemuConsole **con = opaque;

    qemu_console_resize(*con, 2, 1);
    qemu_console_surface(*con)->data[1] = 0x102030;
    dpy_gfx_update(*con, 1, 0, 100, 100);
}

static unsigned updates;

static void on_update(DisplayChangeListener *dcl, unsigned x, unsigned y, unsigned w, unsigned h)
{
    g_assert_true(x == 1 && y == 0 && w == 1 && h == 1);
    updates++;
}

static void test_console(void)
{
    static const GraphicHwOps ops = { .gfx_update = draw };
    DisplayChangeListener dcl = { .gfx_update = on_update };
    g_autofree char *dir = g_dir_make_tmp("rondo-test-ui-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "screen", NULL);
    QemuConsole *con = NULL;
    GError *err = NULL;

    con = graphic_console_init("card", &ops, &con);
    register_displaychangelistener(&dcl);
    g_assert_true(qemu_console_lookup_by_device_name("card") == con);
    graphic_hw_update(con);
    g_assert_cmpuint(updates, ==, 1);
    g_assert_true(ppm_save(qemu_console_surface(con), path, &err));
    g_assert_true(png_save(qemu_console_surface(con), path, &err));
    unregister_displaychangelistener(&dcl);
    graphic_console_close(con);
    (void)g_remove(path);       /* the simulator has it in its overlay */
    g_assert_cmpint(g_rmdir(dir), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ui/version", test_version);
    g_test_add_func("/ui/messages", test_messages);
    g_test_add_func("/ui/pixels", test_pixels);
    g_test_add_func("/ui/hextile", test_hextile);
    g_test_add_func("/ui/des", test_des);
    g_test_add_func("/ui/keys", test_keys);
    g_test_add_func("/ui/console", test_console);
    return test_machine_run();
}
