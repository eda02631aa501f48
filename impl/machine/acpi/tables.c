/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI tables. See tables.h.
 *
 * Every table begins with a header whose length and checksum are filled in when it ends; the loader is told of each
 * checksum, because firmware changes pointers under it.
 */
#include "machine/acpi/tables.h"

#include <string.h>

#include "base/bytes.h"
#include "devices/acpi/acpi_pm.h"
#include "devices/acpi/ged.h"
#include "devices/apic/apic.h"
#include "devices/hpet/hpet.h"
#include "devices/ioapic/ioapic.h"

#define HEADER_SIZE 36
#define FACS_SIZE 64
#define MAX_TABLES 8
#define RESET_PORT 0xcf9
#define RESET_VALUE 0x0f
#define GAS_MEMORY 0
#define GAS_IO 1

#define FADT_WBINVD (1u << 0)
#define FADT_PROC_C1 (1u << 2)
#define FADT_SLP_BUTTON (1u << 5)
#define FADT_RTC_S4 (1u << 7)
#define FADT_RESET_REG (1u << 10)
#define FADT_PLATFORM_CLOCK (1u << 15)
#define FADT_HW_REDUCED (1u << 20)
#define BOOT_ARCH_LEGACY (1u << 0)
#define BOOT_ARCH_8042 (1u << 1)

typedef struct Builder {
    const AcpiMachine *m;
    GByteArray *out;
    AcpiLoader loader;
    guint start;                /* of the table being written */
    uint32_t listed[MAX_TABLES];    /* offsets of the tables that RSDT and XSDT list */
    unsigned num_listed;
} Builder;

/* ---- Bytes ---- */

static void put(Builder *b, uint64_t val, unsigned size)
{
    uint8_t le[8];

    st64_le(le, val);
    g_byte_array_append(b->out, le, size);
}

static void put_text(Builder *b, const char *text, unsigned size)
{
    char field[8] = { 0 };

    memcpy(field, text, MIN(strlen(text), size));
    g_byte_array_append(b->out, (const uint8_t *)field, size);
}

static void put_zeros(Builder *b, unsigned n)
{
    while (n--) {
        put(b, 0, 1);
    }
}

/* A generic address structure; @access: bytes, 1, 2 or 4. */
static void put_address(Builder *b, unsigned space, unsigned bytes, unsigned access, uint64_t addr)
{
    put(b, addr ? space : 0, 1);
    put(b, addr ? bytes * 8 : 0, 1);
    put(b, 0, 1);
    put(b, !addr ? 0 : access == 4 ? 3 : access, 1);
    put(b, addr, 8);
}

/* An address in the tables themselves: the offset now, a pointer after the loader. */
static void put_pointer(Builder *b, uint32_t offset, unsigned size)
{
    acpi_loader_add_pointer(&b->loader, ACPI_TABLES_FILE, b->out->len, size, ACPI_TABLES_FILE);
    put(b, offset, size);
}

static void table_begin(Builder *b, const char *signature, uint8_t revision)
{
    b->start = b->out->len;
    put_text(b, signature, 4);
    put(b, 0, 4);               /* length */
    put(b, revision, 1);
    put(b, 0, 1);               /* checksum */
    put_text(b, "RONDO ", 6);
    put_text(b, "RONDOACP", 8);
    put(b, 1, 4);
    put_text(b, "RNDO", 4);
    put(b, 1, 4);
}

static void table_end(Builder *b, bool listed)
{
    uint32_t len = b->out->len - b->start;

    st32_le(b->out->data + b->start + 4, len);
    acpi_loader_add_checksum(&b->loader, ACPI_TABLES_FILE, b->start + 9, b->start, len);
    if (listed) {
        b->listed[b->num_listed++] = b->start;
    }
}

/* ---- Tables ---- */

static void build_facs(Builder *b)
{
    put_text(b, "FACS", 4);
    put(b, FACS_SIZE, 4);
    put_zeros(b, FACS_SIZE - 8);
}

static uint32_t build_dsdt(Builder *b, AcpiDsdtFunc *dsdt, void *opaque)
{
    Aml *a = aml_new(b->out);

    table_begin(b, "DSDT", 1);
    dsdt(a, opaque);
    aml_free(a);
    table_end(b, false);
    return b->start;
}

static void build_fadt_blocks(Builder *b)
{
    const AcpiMachine *m = b->m;

    put(b, m->pm1_evt, 4);
    put(b, 0, 4);
    put(b, m->pm1_cnt, 4);
    put(b, 0, 4);
    put(b, 0, 4);               /* PM2 */
    put(b, m->pm_tmr, 4);
    put(b, m->gpe0_len ? m->gpe0 : 0, 4);
    put(b, 0, 4);
    put(b, ACPI_PM1_EVT_SIZE, 1);
    put(b, ACPI_PM1_CNT_SIZE, 1);
    put(b, 0, 1);
    put(b, ACPI_PM_TMR_SIZE, 1);
    put(b, m->gpe0_len, 1);
    put(b, 0, 3);               /* GPE1 length and base, CST */
    put(b, 0xfff, 2);           /* no C2 */
    put(b, 0xfff, 2);           /* no C3 */
}

static void build_fadt_extended(Builder *b)
{
    const AcpiMachine *m = b->m;

    put_address(b, GAS_IO, ACPI_PM1_EVT_SIZE, 2, m->pm1_evt);
    put_address(b, GAS_IO, 0, 0, 0);
    put_address(b, GAS_IO, ACPI_PM1_CNT_SIZE, 2, m->pm1_cnt);
    put_address(b, GAS_IO, 0, 0, 0);
    put_address(b, GAS_IO, 0, 0, 0);
    put_address(b, GAS_IO, ACPI_PM_TMR_SIZE, 4, m->pm_tmr);
    put_address(b, GAS_IO, m->gpe0_len, 1, m->gpe0_len ? m->gpe0 : 0);
    put_address(b, GAS_IO, 0, 0, 0);
}

static void build_fadt(Builder *b, uint32_t facs, uint32_t dsdt)
{
    const AcpiMachine *m = b->m;

    table_begin(b, "FACP", 3);
    put_pointer(b, facs, 4);
    put_pointer(b, dsdt, 4);
    put(b, 0, 1);
    put(b, 0, 1);               /* profile: unspecified */
    put(b, m->sci, 2);
    put(b, m->smi_cmd, 4);
    put(b, m->smi_cmd ? ACPI_ENABLE : 0, 1);
    put(b, m->smi_cmd ? ACPI_DISABLE : 0, 1);
    put(b, 0, 2);               /* no S4BIOS, no processor performance control */
    build_fadt_blocks(b);
    put(b, 0, 4);               /* cache flush sizes */
    put(b, 0, 2);               /* duty cycle */
    put(b, 0, 2);               /* alarm: day and month */
    put(b, 0x32, 1);            /* century in CMOS */
    put(b, BOOT_ARCH_LEGACY | (m->i8042 ? BOOT_ARCH_8042 : 0), 2);
    put(b, 0, 1);
    put(b, FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_RTC_S4 | FADT_RESET_REG | FADT_PLATFORM_CLOCK, 4);
    put_address(b, GAS_IO, 1, 1, RESET_PORT);
    put(b, RESET_VALUE, 1);
    put(b, 0, 3);
    put(b, 0, 8);               /* FACS: the 32-bit pointer holds */
    put_pointer(b, dsdt, 8);
    build_fadt_extended(b);
    table_end(b, true);
}

/* Without fixed hardware most of the table is empty; the registers there are stand behind it. */
static void build_fadt_reduced(Builder *b, uint32_t facs, uint32_t dsdt)
{
    uint64_t regs = b->m->reduced_regs;

    table_begin(b, "FACP", 5);
    put_pointer(b, facs, 4);
    put_pointer(b, dsdt, 4);
    put_zeros(b, 109 - 44);
    put(b, 0, 2);               /* boot architecture: no 8042, no legacy devices */
    put(b, 0, 1);
    put(b, FADT_WBINVD | FADT_PROC_C1 | FADT_RESET_REG | FADT_HW_REDUCED, 4);
    put_address(b, GAS_MEMORY, 1, 1, regs + ACPI_GED_REG_RESET);
    put(b, ACPI_GED_RESET_VALUE, 1);
    put(b, 0, 2);
    put(b, 1, 1);               /* ACPI 5.1 */
    put(b, 0, 8);
    put_pointer(b, dsdt, 8);
    put_zeros(b, 5 * 12);
    put_address(b, GAS_IO, ACPI_PM_TMR_SIZE, 4, b->m->pm_tmr);
    put_zeros(b, 2 * 12);
    put_address(b, GAS_MEMORY, 1, 1, regs);
    put_address(b, GAS_MEMORY, 1, 1, regs + 1);
    table_end(b, true);
}

static void build_madt(Builder *b)
{
    const AcpiMachine *m = b->m;

    table_begin(b, "APIC", 1);
    put(b, APIC_DEFAULT_ADDRESS, 4);
    put(b, 1, 4);               /* there are 8259s too */
    for (unsigned i = 0; i < m->num_cpus; i++) {
        put(b, 0x0800, 2);      /* local APIC, 8 bytes */
        put(b, i, 1);           /* processor */
        put(b, i, 1);           /* APIC id */
        put(b, 1, 4);           /* enabled */
    }
    put(b, 0x0c01, 2);          /* I/O APIC, 12 bytes */
    put(b, 0, 2);
    put(b, IOAPIC_DEFAULT_ADDRESS, 4);
    put(b, 0, 4);               /* first GSI */
    for (unsigned irq = 0; irq < 16; irq++) {
        if (irq == 0 || m->level_gsis >> irq & 1) {
            put(b, 0x0a02, 2);  /* interrupt source override, 10 bytes */
            put(b, 0, 1);       /* ISA */
            put(b, irq, 1);
            put(b, irq == 0 ? 2 : irq, 4);
            put(b, irq == 0 ? 0 : 0x0d, 2);
        }
    }
    put(b, 0x0604, 2);          /* local APIC NMI, 6 bytes */
    put(b, 0xff, 1);            /* of all processors */
    put(b, 0, 2);
    put(b, 1, 1);               /* LINT1 */
    table_end(b, true);
}

static void build_hpet(Builder *b)
{
    table_begin(b, "HPET", 1);
    put(b, HPET_BLOCK_ID, 4);
    put(b, GAS_MEMORY, 4);
    put(b, HPET_BASE, 8);
    put(b, 0, 1);
    put(b, 0, 2);
    put(b, 0, 1);
    table_end(b, true);
}

static void build_mcfg(Builder *b)
{
    table_begin(b, "MCFG", 1);
    put(b, 0, 8);
    put(b, b->m->mcfg_base, 8);
    put(b, 0, 2);
    put(b, 0, 1);
    put(b, b->m->mcfg_buses_minus_1, 1);
    put(b, 0, 4);
    table_end(b, true);
}

/* The PM timer is good: reading it once is enough. */
static void build_waet(Builder *b)
{
    table_begin(b, "WAET", 1);
    put(b, 2, 4);
    table_end(b, true);
}

static uint32_t build_list(Builder *b, const char *signature, unsigned size)
{
    table_begin(b, signature, 1);
    for (unsigned i = 0; i < b->num_listed; i++) {
        put_pointer(b, b->listed[i], size);
    }
    table_end(b, false);
    return b->start;
}

static GByteArray *build_rsdp(Builder *b, uint32_t rsdt, uint32_t xsdt)
{
    uint8_t rsdp[HEADER_SIZE] = "RSD PTR ";

    memcpy(rsdp + 9, "RONDO ", 6);
    rsdp[15] = 2;               /* revision */
    st32_le(rsdp + 16, rsdt);
    st32_le(rsdp + 20, sizeof(rsdp));
    st64_le(rsdp + 24, xsdt);
    acpi_loader_alloc(&b->loader, ACPI_RSDP_FILE, 16, true);
    acpi_loader_add_pointer(&b->loader, ACPI_RSDP_FILE, 16, 4, ACPI_TABLES_FILE);
    acpi_loader_add_pointer(&b->loader, ACPI_RSDP_FILE, 24, 8, ACPI_TABLES_FILE);
    acpi_loader_add_checksum(&b->loader, ACPI_RSDP_FILE, 8, 0, 20);
    acpi_loader_add_checksum(&b->loader, ACPI_RSDP_FILE, 32, 0, sizeof(rsdp));
    return g_byte_array_append(g_byte_array_new(), rsdp, sizeof(rsdp));
}

void acpi_build(const AcpiMachine *m, AcpiDsdtFunc *dsdt, void *opaque, AcpiTables *ret)
{
    Builder b = { .m = m, .out = g_byte_array_new(), .loader.script = g_byte_array_new() };
    uint32_t dsdt_at;
    uint32_t rsdt;
    uint32_t xsdt;

    acpi_loader_alloc(&b.loader, ACPI_TABLES_FILE, FACS_SIZE, false);
    build_facs(&b);             /* at offset 0, because it must be aligned */
    dsdt_at = build_dsdt(&b, dsdt, opaque);
    (m->reduced_regs ? build_fadt_reduced : build_fadt)(&b, 0, dsdt_at);
    build_madt(&b);
    if (m->hpet) {
        build_hpet(&b);
    }
    if (m->mcfg_base) {
        build_mcfg(&b);
    }
    build_waet(&b);
    rsdt = build_list(&b, "RSDT", 4);
    xsdt = build_list(&b, "XSDT", 8);
    ret->rsdp = build_rsdp(&b, rsdt, xsdt);
    ret->tables = b.out;
    ret->script = b.loader.script;
}

void acpi_tables_clear(AcpiTables *t)
{
    g_byte_array_unref(t->tables);
    g_byte_array_unref(t->rsdp);
    g_byte_array_unref(t->script);
}
