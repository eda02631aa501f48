/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: AML is encoded as the specification says, and the tables are whole once firmware has run the loader's script.
 * Method: small pieces against bytes written by hand; the script is run here.
 */
#include "base/bytes.h"
#include "machine/acpi/tables.h"

#define BASE 0x7ff0000u

static void check(GByteArray *bytes, const uint8_t *want, size_t len)
{
    g_assert_cmpmem(bytes->data, bytes->len, want, len);
    g_byte_array_set_size(bytes, 0);
}

#define CHECK(bytes, ...) \
    do { \
        static const uint8_t want_[] = { __VA_ARGS__ }; \
        check(bytes, want_, sizeof(want_)); \
    } while (0)

static void test_values(void)
{
    GByteArray *bytes = g_byte_array_new();
    Aml *a = aml_new(bytes);

    aml_int(a, 0);
    aml_int(a, 1);
    aml_int(a, 2);
    aml_int(a, 0x100);
    aml_int(a, 0x10000);
    CHECK(bytes, 0x00, 0x01, 0x0a, 2, 0x0b, 0, 1, 0x0c, 0, 0, 1, 0);
    aml_int(a, UINT64_C(0x123456789));
    CHECK(bytes, 0x0e, 0x89, 0x67, 0x45, 0x23, 1, 0, 0, 0);
    aml_string(a, "ab");
    aml_eisaid(a, "PNP0A03");
    CHECK(bytes, 0x0d, 'a', 'b', 0, 0x0c, 0x41, 0xd0, 0x0a, 0x03);
    aml_ref(a, "\\_SB");
    aml_ref(a, "^A.B");
    aml_ref(a, "A.B.CDEF");
    CHECK(bytes, '\\', '_', 'S', 'B', '_', '^', 0x2e, 'A', '_', '_', '_', 'B', '_', '_', '_',
          0x2f, 3, 'A', '_', '_', '_', 'B', '_', '_', '_', 'C', 'D', 'E', 'F');
    aml_free(a);
    g_byte_array_unref(bytes);
}

static void test_nesting(void)
{
    GByteArray *bytes = g_byte_array_new();
    Aml *a = aml_new(bytes);

    aml_device_begin(a, "D");
    aml_name(a, "X");
    aml_package_begin(a, 1);
    aml_int(a, 7);
    aml_end(a);
    aml_end(a);
    CHECK(bytes, 0x5b, 0x82, 15, 'D', '_', '_', '_', 0x08, 'X', '_', '_', '_', 0x12, 4, 1, 0x0a, 7);
    aml_resources_begin(a);
    aml_io(a, 0x60, 1);
    aml_end(a);
    CHECK(bytes, 0x11, 14, 0x0b, 10, 0, 0x47, 1, 0x60, 0, 0x60, 0, 1, 1, 0x79, 0);
    /* 60 bytes and the two of the length need more than six bits. */
    aml_scope_begin(a, "S");
    for (unsigned i = 0; i < 59; i++) {
        aml_int(a, 0);
    }
    aml_end(a);
    g_assert_cmpuint(bytes->len, ==, 66);
    g_assert_cmphex(bytes->data[1], ==, 0x41);
    g_assert_cmphex(bytes->data[2], ==, 0x04);
    aml_free(a);
    g_byte_array_unref(bytes);
}

static void write_dsdt(Aml *a, void *opaque)
{
    aml_name(a, "ABCD");
    aml_int(a, 5);
}

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;

    while (len--) {
        s += *p++;
    }
    return s;
}

static GByteArray *file_of(AcpiTables *t, const char *name)
{
    return strcmp(name, ACPI_RSDP_FILE) == 0 ? t->rsdp : t->tables;
}

/* What firmware does, with both files at BASE. */
static void run_script(AcpiTables *t)
{
    for (guint at = 0; at < t->script->len; at += ACPI_LOADER_ENTRY) {
        const uint8_t *p = t->script->data + at;
        GByteArray *f = file_of(t, (const char *)p + 4);

        if (ld32_le(p) == 2) {
            uint32_t offset = ld32_le(p + 116);

            g_assert_cmpuint(offset + p[120], <=, f->len);
            g_assert_cmpuint(ld32_le(f->data + offset), <, t->tables->len);
            st32_le(f->data + offset, ld32_le(f->data + offset) + BASE);
        } else if (ld32_le(p) == 3) {
            uint32_t start = ld32_le(p + 64);
            uint32_t len = ld32_le(p + 68);

            g_assert_cmpuint(start + len, <=, f->len);
            f->data[ld32_le(p + 60)] = 0;
            f->data[ld32_le(p + 60)] = -sum(f->data + start, len);
        }
    }
}

static void test_tables(void)
{
    static const AcpiMachine m = {
        .num_cpus = 2, .pm1_evt = 0x600, .pm1_cnt = 0x604, .pm_tmr = 0x608, .gpe0 = 0xafe0, .gpe0_len = 4, .sci = 9,
        .smi_cmd = 0xb2, .level_gsis = 0x0e20, .hpet = true, .mcfg_base = 0xb0000000, .mcfg_buses_minus_1 = 255,
    };
    static const char *const expected[] = { "FACP", "APIC", "HPET", "MCFG", "WAET" };
    AcpiTables t;
    const uint8_t *base;
    const uint8_t *xsdt;

    acpi_build(&m, write_dsdt, NULL, &t);
    run_script(&t);
    base = t.tables->data;
    g_assert_cmpuint(sum(t.rsdp->data, 20), ==, 0);
    g_assert_cmpuint(sum(t.rsdp->data, 36), ==, 0);
    xsdt = base + (ld64_le(t.rsdp->data + 24) - BASE);
    g_assert_cmpmem(xsdt, 4, "XSDT", 4);
    g_assert_cmpuint(ld32_le(xsdt + 4), ==, 36 + 8 * G_N_ELEMENTS(expected));
    g_assert_cmpuint(sum(xsdt, ld32_le(xsdt + 4)), ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        const uint8_t *p = base + (ld64_le(xsdt + 36 + 8 * i) - BASE);

        g_assert_cmpmem(p, 4, expected[i], 4);
        g_assert_cmpuint(sum(p, ld32_le(p + 4)), ==, 0);
        if (i == 0) {
            const uint8_t *dsdt = base + (ld32_le(p + 40) - BASE);

            g_assert_cmpuint(ld32_le(p + 4), ==, 244);
            g_assert_cmpmem(base + (ld32_le(p + 36) - BASE), 4, "FACS", 4);
            g_assert_cmpmem(dsdt, 4, "DSDT", 4);
            g_assert_cmpuint(sum(dsdt, ld32_le(dsdt + 4)), ==, 0);
            g_assert_cmphex(ld64_le(p + 140), ==, ld32_le(p + 40));
        }
    }
    acpi_tables_clear(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi/values", test_values);
    g_test_add_func("/acpi/nesting", test_nesting);
    g_test_add_func("/acpi/tables", test_tables);
    return g_test_run();
}
