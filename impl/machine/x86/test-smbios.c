/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: SMBIOS structures can be walked as readers do, and the anchor counts them.
 * Method: a machine with much memory and several processors.
 */
#include "base/bytes.h"
#include "machine/x86/smbios.h"

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;

    while (len--) {
        s += *p++;
    }
    return s;
}

/* The next structure: past the formatted area and the strings. */
static size_t next(const GByteArray *t, size_t at)
{
    for (at += t->data[at + 1]; t->data[at] || t->data[at + 1]; at++) {
        g_assert_cmpuint(at + 2, <, t->len);
    }
    return at + 2;
}

static void test_walk(void)
{
    static const MachineClass mc = { .name = "pc-test", .desc = "A PC" };
    char uuid[] = "00112233-4455-6677-8899-aabbccddeeff";
    MachineState ms = { .klass = &mc, .ram_size = 64 * GiB, .smp_cpus = 3, .uuid = uuid };
    static const uint8_t uuid_bytes[16] = { 0x33, 0x22, 0x11, 0, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc,
                                            0xdd, 0xee, 0xff };
    static const uint8_t types[] = { 1, 3, 4, 4, 4, 16, 17, 19, 19, 32, 127 };
    SmbiosTables t;
    unsigned n = 0;
    size_t at;

    smbios_build(&ms, 3 * GiB, &t);
    g_assert_cmpuint(sum(t.anchor, 31), ==, 0);
    g_assert_cmpuint(sum(t.anchor + 16, 15), ==, 0);
    g_assert_cmpuint(ld16_le(t.anchor + 22), ==, t.tables->len);
    g_assert_cmpuint(ld16_le(t.anchor + 28), ==, G_N_ELEMENTS(types));
    for (at = 0; at < t.tables->len; at = next(t.tables, at), n++) {
        const uint8_t *p = t.tables->data + at;

        g_assert_cmpuint(p[0], ==, types[n]);
        if (p[0] == 1) {
            g_assert_cmpmem(p + 8, 16, uuid_bytes, 16);
            g_assert_cmpstr((const char *)p + p[1], ==, "Rondo");
        } else if (p[0] == 17) {
            g_assert_cmphex(ld16_le(p + 12), ==, 0x7fff);
            g_assert_cmpuint(ld32_le(p + 28), ==, 64 * 1024);
        }
    }
    g_assert_cmpuint(n, ==, G_N_ELEMENTS(types));
    g_assert_cmpuint(at, ==, t.tables->len);
    g_byte_array_unref(t.tables);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smbios/walk", test_walk);
    return g_test_run();
}
