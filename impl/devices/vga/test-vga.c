/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: text, planes and the linear frame buffer show on the surface what a guest wrote; bad registers do no harm.
 * Method: the card on a PC's bus, accesses through ports and memory.
 */
#include "base/bytes.h"
#include "devices/piix/piix.h"
#include "devices/table.h"
#include "devices/test-board.h"
#include "devices/vga/vga.h"
#include "ui/console.h"

#define LFB 0xe0000000u

static DeviceState *host;

static void board_up(void)
{
    static const char *const at0[] = { "addr", "00.0", NULL };
    static const char *const at2[] = { "addr", "02.0", "romfile", "", NULL };

    host = test_board_add(&i440fx_pcihost_class, sysbus_get_default(), NULL);
    (void)test_board_add(&i440fx_class, &i440fx_pci_bus(host)->bus, at0);
    (void)test_board_add(&vga_class, &i440fx_pci_bus(host)->bus, at2);
    cpu_outl(0xcf8, 0x80001010);
    cpu_outl(0xcfc, LFB);
    cpu_outl(0xcf8, 0x80001004);
    cpu_outl(0xcfc, 3);
}

static void indexed(uint16_t port, uint8_t index, uint8_t val)
{
    cpu_outw(port, index | val << 8);
}

static void attribute(uint8_t index, uint8_t val)
{
    (void)cpu_inb(0x3da);
    cpu_outb(0x3c0, index);
    cpu_outb(0x3c0, val);
}

static void dac(uint8_t index, uint8_t r, uint8_t g, uint8_t b)
{
    cpu_outb(0x3c8, index);
    cpu_outb(0x3c9, r);
    cpu_outb(0x3c9, g);
    cpu_outb(0x3c9, b);
}

/* 80 by 25 cells of 8 by 16, colour 7 white and 1 blue. */
static void text_mode(void)
{
    cpu_outb(0x3c2, 0x67);
    indexed(0x3c4, 1, 1);
    indexed(0x3c4, 2, 3);
    indexed(0x3c4, 4, 2);
    indexed(0x3ce, 5, 0x10);
    indexed(0x3ce, 6, 0x0e);
    indexed(0x3ce, 8, 0xff);
    indexed(0x3d4, 1, 79);
    indexed(0x3d4, 7, 0x1f);
    indexed(0x3d4, 9, 0x4f);
    indexed(0x3d4, 0x0a, 0x20);
    indexed(0x3d4, 0x12, 0x8f);
    indexed(0x3d4, 0x13, 40);
    indexed(0x3d4, 0x17, 0xa3);
    indexed(0x3d4, 0x18, 0xff);
    for (unsigned i = 0; i < 16; i++) {
        attribute(i, i);
    }
    attribute(0x12, 0x0f);
    (void)cpu_inb(0x3da);
    cpu_outb(0x3c0, 0x20);
    dac(1, 0, 0, 63);
    dac(7, 63, 63, 63);
}

/* Line 3 of the letter: one stroke in the middle. */
static void load_font(char letter)
{
    indexed(0x3c4, 2, 4);
    indexed(0x3c4, 4, 6);
    indexed(0x3ce, 5, 0);
    indexed(0x3ce, 6, 4);
    stb_phys(&address_space_memory, 0xa0000 + letter * 32 + 3, 0x18);
    indexed(0x3c4, 2, 3);
    indexed(0x3c4, 4, 2);
    indexed(0x3ce, 5, 0x10);
    indexed(0x3ce, 6, 0x0e);
}

static const DisplaySurface *look(void)
{
    QemuConsole *con = qemu_console_lookup_by_index(0);

    graphic_hw_update(con);
    return qemu_console_surface(con);
}

static void test_text(void)
{
    const DisplaySurface *s;

    board_up();
    text_mode();
    load_font('A');
    stw_le_phys(&address_space_memory, 0xb8000 + 2 * 81, 'A' | 0x17 << 8);
    g_assert_cmphex(lduw_le_phys(&address_space_memory, 0xb8000 + 2 * 81), ==, 'A' | 0x17 << 8);
    s = look();
    g_assert_cmpuint(s->width, ==, 640);
    g_assert_cmpuint(s->height, ==, 400);
    g_assert_cmphex(s->data[(16 + 3) * 640 + 8 + 3], ==, 0xffffff);
    g_assert_cmphex(s->data[(16 + 3) * 640 + 8 + 2], ==, 0x0000ff);
    g_assert_cmphex(s->data[(16 + 4) * 640 + 8 + 3], ==, 0x0000ff);
    g_assert_cmphex(s->data[0], ==, 0);
    device_free(host);
}

static void test_planes(void)
{
    const DisplaySurface *s;

    board_up();
    text_mode();
    indexed(0x3c4, 2, 0x0f);
    indexed(0x3c4, 4, 6);
    indexed(0x3ce, 5, 2);                       /* write mode 2: a colour for eight pixels */
    indexed(0x3ce, 6, 5);
    indexed(0x3d4, 9, 0x40);
    stb_phys(&address_space_memory, 0xa0001, 7);
    indexed(0x3ce, 5, 1);                       /* write mode 1: copy through the latch */
    (void)ldub_phys(&address_space_memory, 0xa0001);
    stb_phys(&address_space_memory, 0xa0003, 0);
    s = look();
    g_assert_cmphex(s->data[7], ==, 0);
    g_assert_cmphex(s->data[8], ==, 0xffffff);
    g_assert_cmphex(s->data[31], ==, 0xffffff);
    g_assert_cmphex(s->data[32], ==, 0);
    indexed(0x3ce, 5, 8);                       /* read mode 1: which pixels have the colour */
    indexed(0x3ce, 2, 7);
    indexed(0x3ce, 7, 0x0f);
    g_assert_cmphex(ldub_phys(&address_space_memory, 0xa0001), ==, 0xff);
    g_assert_cmphex(ldub_phys(&address_space_memory, 0xa0002), ==, 0x00);
    device_free(host);
}

static void vbe(uint16_t index, uint16_t val)
{
    cpu_outw(0x1ce, index);
    cpu_outw(0x1cf, val);
}

static void test_linear(void)
{
    const DisplaySurface *s;

    board_up();
    vbe(1, 320);
    vbe(2, 200);
    vbe(3, 32);
    vbe(4, 0x41);
    stl_le_phys(&address_space_memory, LFB + 4 * (320 * 10 + 5), 0xff123456);
    s = look();
    g_assert_true(s->width == 320 && s->height == 200);
    g_assert_cmphex(s->data[320 * 10 + 5], ==, 0x123456);
    stl_le_phys(&address_space_memory, LFB + 4 * (320 * 10 + 5), 0x00654321);
    s = look();
    g_assert_cmphex(s->data[320 * 10 + 5], ==, 0x654321);
    vbe(4, 0);
    vbe(3, 16);
    vbe(4, 0x41);
    stw_le_phys(&address_space_memory, LFB, 0xf800);
    g_assert_cmphex(look()->data[0], ==, 0xff0000);
    device_free(host);
}

static void shape(VGAState *s, unsigned width, unsigned height)
{
    vbe_ioport_write(s, VBE_ENABLE, 0);
    vbe_ioport_write(s, VBE_XRES, width);
    vbe_ioport_write(s, VBE_YRES, height);
    vbe_ioport_write(s, VBE_BPP, 32);
    vbe_ioport_write(s, VBE_ENABLE, VBE_DISPI_ENABLED | VBE_DISPI_LFB_ENABLED);
}

/* A guest can find a second shape with the hash of the first; here the hash is put where it would be. */
static void test_two_shapes_of_one_hash(void)
{
    VGAState vga = { 0 };
    GError *err = NULL;
    uint32_t hash;

    g_assert_true(vga_common_init(&vga, &vga, 16, &err));
    vga_common_reset(&vga);
    shape(&vga, 640, 480);
    (void)look();
    hash = vga.shape;
    shape(&vga, 16, 16);
    (void)look();
    shape(&vga, 640, 480);
    vga.shape = hash;
    vga.full_update = false;
    g_assert_cmpint(look()->width, ==, 640);
    vga_common_cleanup(&vga);
}

/* I1 and I2: any register, any value; then somebody looks. */
static void test_nonsense(void)
{
    uint32_t x = 12345;

    board_up();
    for (unsigned i = 0; i < 20000; i++) {
        x = x * 1664525 + 1013904223;
        switch (x >> 29) {
        case 0:
            vbe(x >> 8 & 0x0f, x >> 12);
            break;
        case 1:
            stb_phys(&address_space_memory, 0xa0000 + (x >> 4 & 0x1ffff), x);
            break;
        case 2:
            (void)ldub_phys(&address_space_memory, 0xa0000 + (x >> 4 & 0x1ffff));
            break;
        case 3:
            (void)cpu_inb(0x3b0 + (x >> 8) % 0x30);
            break;
        default:
            cpu_outb(0x3b0 + (x >> 8) % 0x30, x >> 16);
            break;
        }
        if (i % 200 == 0) {
            (void)look();
        }
    }
    device_free(host);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/vga/text", test_text);
    g_test_add_func("/vga/planes", test_planes);
    g_test_add_func("/vga/linear", test_linear);
    g_test_add_func("/vga/two-shapes-of-one-hash", test_two_shapes_of_one_hash);
    g_test_add_func("/vga/nonsense", test_nonsense);
    return test_board_run();
}
