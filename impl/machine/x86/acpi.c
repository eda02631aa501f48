/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI of x86 boards. See acpi.h.
 *
 * I1  The files keep the size they were offered with; tables are padded with zeros up to TABLES_SIZE.
 */
#include "machine/x86/acpi.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "devices/hpet/hpet.h"
#include "devices/ioapic/ioapic.h"

#define TABLES_SIZE (32 * KiB)
#define SCRIPT_SIZE (8 * KiB)
#define LINK_OFF 0x80                   /* of a PIRQ register */

/* ---- Pieces of the DSDT ---- */

static void name_int(Aml *a, const char *name, uint64_t val)
{
    aml_name(a, name);
    aml_int(a, val);
}

static void name_eisaid(Aml *a, const char *name, const char *id)
{
    aml_name(a, name);
    aml_eisaid(a, id);
}

void x86_acpi_sleep_states(Aml *a)
{
    aml_name(a, "\\_S5_");
    aml_package_begin(a, 4);
    for (unsigned i = 0; i < 4; i++) {
        aml_int(a, 0);
    }
    aml_end(a);
}

void x86_acpi_cpus(Aml *a, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        g_autofree char *name = g_strdup_printf("C%03X", i);

        aml_device_begin(a, name);
        aml_name(a, "_HID");
        aml_string(a, "ACPI0007");
        name_int(a, "_UID", i);
        aml_end(a);
    }
}

/* The memory above 4 GiB that devices have been given. False: none. */
static bool high_window(PCIBus *bus, uint64_t *min, uint64_t *max)
{
    *min = UINT64_MAX;
    *max = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(bus->devices); i++) {
        for (unsigned n = 0; bus->devices[i] && n < PCI_NUM_REGIONS; n++) {
            const PCIIORegion *r = &bus->devices[i]->io_regions[n];

            if (r->size && r->addr != PCI_BAR_UNMAPPED && r->addr >= 4 * GiB) {
                *min = MIN(*min, r->addr);
                *max = MAX(*max, r->addr + r->size - 1);
            }
        }
    }
    return *max != 0;
}

void x86_acpi_host_resources(Aml *a, const X86Machine *x, PCIBus *bus, uint32_t hole, uint32_t hole_end)
{
    uint64_t min;
    uint64_t max;

    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_word_bus(a, 0, 255);
    aml_io(a, 0xcf8, 8);
    aml_word_io(a, 0, 0xcf7);
    aml_word_io(a, 0xd00, 0xffff);
    aml_dword_memory(a, true, 0xa0000, 0xbffff);
    if (hole_end) {
        if (x->below_4g < hole) {
            aml_dword_memory(a, false, x->below_4g, hole - 1);
        }
        aml_dword_memory(a, false, hole_end, IOAPIC_DEFAULT_ADDRESS - 1);
    } else {
        aml_dword_memory(a, false, x->below_4g, IOAPIC_DEFAULT_ADDRESS - 1);
    }
    if (high_window(bus, &min, &max)) {
        aml_qword_memory(a, QEMU_ALIGN_DOWN(min, GiB), QEMU_ALIGN_UP(max + 1, GiB) - 1);
    }
    aml_end(a);
}

/* Left open for more. */
static void isa_device_begin(Aml *a, const char *name, const char *id, uint16_t port, uint8_t len, uint16_t port2,
                             unsigned irq)
{
    aml_device_begin(a, name);
    name_eisaid(a, "_HID", id);
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    if (len) {
        aml_io(a, port, len);
    }
    if (port2) {
        aml_io(a, port2, len);
    }
    aml_irq_noflags(a, irq);
    aml_end(a);
}

void x86_acpi_isa_devices(Aml *a)
{
    static const struct {
        uint16_t port;
        uint8_t irq;
    } com[MACHINE_MAX_SERIAL] = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } };
    MachineState *ms = machine_state_current();

    isa_device_begin(a, "KBD", "PNP0303", 0x60, 1, 0x64, 1);
    aml_end(a);
    isa_device_begin(a, "MOU", "PNP0F13", 0, 0, 0, 12);
    aml_end(a);
    isa_device_begin(a, "RTC", "PNP0B00", 0x70, 2, 0, 8);
    aml_end(a);
    for (unsigned i = 0; i < MACHINE_MAX_SERIAL; i++) {
        g_autofree char *name = g_strdup_printf("COM%u", i + 1);

        if (ms->serial[i]) {
            isa_device_begin(a, name, "PNP0501", com[i].port, 8, 0, com[i].irq);
            name_int(a, "_UID", i + 1);
            aml_end(a);
        }
    }
}

/*
 * IQCR(reg) gives the resources of a link whose register is @reg, IQST(reg) its status. The interrupt's number is the
 * dword at byte 5 of an extended interrupt descriptor.
 */
void x86_acpi_link_methods(Aml *a)
{
    static const uint32_t none = 0;

    aml_method_begin(a, "IQST", 1, false);
    aml_if_begin(a);
    aml_and(a);
    aml_int(a, LINK_OFF);
    aml_arg(a, 0);
    aml_none(a);
    aml_return(a);
    aml_int(a, 0x09);           /* present, not enabled */
    aml_end(a);
    aml_return(a);
    aml_int(a, 0x0b);
    aml_end(a);

    aml_method_begin(a, "IQCR", 1, true);
    aml_name(a, "PRR0");
    aml_resources_begin(a);
    aml_interrupt(a, &none, 1);
    aml_end(a);
    aml_create_dword_field(a);
    aml_ref(a, "PRR0");
    aml_int(a, 5);
    aml_ref(a, "PRRI");
    aml_if_begin(a);
    aml_lless(a);
    aml_arg(a, 0);
    aml_int(a, LINK_OFF);
    aml_store(a);
    aml_arg(a, 0);
    aml_ref(a, "PRRI");
    aml_end(a);
    aml_return(a);
    aml_ref(a, "PRR0");
    aml_end(a);
}

static void link_begin(Aml *a, const char *name, unsigned uid, const uint32_t *irqs, unsigned n)
{
    aml_device_begin(a, name);
    name_eisaid(a, "_HID", "PNP0C0F");
    name_int(a, "_UID", uid);
    aml_name(a, "_PRS");
    aml_resources_begin(a);
    aml_interrupt(a, irqs, n);
    aml_end(a);
}

/* Method (@name) { Return (@what (@field)) } */
static void link_query(Aml *a, const char *name, const char *what, const char *field)
{
    aml_method_begin(a, name, 0, false);
    aml_return(a);
    aml_call(a, what);
    aml_ref(a, field);
    aml_end(a);
}

void x86_acpi_link(Aml *a, const char *name, unsigned uid, const char *field, const uint32_t *irqs, unsigned n)
{
    link_begin(a, name, uid, irqs, n);
    link_query(a, "_STA", "IQST", field);
    aml_method_begin(a, "_DIS", 0, false);
    aml_or(a);
    aml_ref(a, field);
    aml_int(a, LINK_OFF);
    aml_ref(a, field);
    aml_end(a);
    link_query(a, "_CRS", "IQCR", field);
    aml_method_begin(a, "_SRS", 1, false);
    aml_create_dword_field(a);
    aml_arg(a, 0);
    aml_int(a, 5);
    aml_ref(a, "PRRI");
    aml_store(a);
    aml_ref(a, "PRRI");
    aml_ref(a, field);
    aml_end(a);
    aml_end(a);
}

void x86_acpi_fixed_link(Aml *a, const char *name, unsigned uid, uint32_t irq)
{
    link_begin(a, name, uid, &irq, 1);
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_interrupt(a, &irq, 1);
    aml_end(a);
    name_int(a, "_STA", 0x0b);
    aml_method_begin(a, "_DIS", 0, false);
    aml_end(a);
    aml_method_begin(a, "_SRS", 1, false);
    aml_end(a);
    aml_end(a);
}

void x86_acpi_system_devices(Aml *a)
{
    if (machine_state_current()->hpet) {
        aml_device_begin(a, "HPET");
        name_eisaid(a, "_HID", "PNP0103");
        name_int(a, "_UID", 0);
        aml_name(a, "_CRS");
        aml_resources_begin(a);
        aml_memory32_fixed(a, false, HPET_BASE, HPET_SIZE);
        aml_end(a);
        aml_end(a);
    }
    aml_device_begin(a, "FWCF");
    aml_name(a, "_HID");
    aml_string(a, "QEMU0002");
    name_int(a, "_STA", 0x0b);
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_io(a, 0x510, 12);
    aml_end(a);
    aml_end(a);
}

/* ---- The files ---- */

static void write_dsdt(Aml *a, void *opaque)
{
    X86Machine *x = opaque;

    x->acpi->dsdt(x, a);
}

static void build(X86Machine *x, AcpiTables *t)
{
    MachineState *ms = machine_state_current();
    AcpiMachine m = { .num_cpus = ms->smp_cpus, .i8042 = true, .hpet = ms->hpet };

    x->acpi->fill(x, &m);
    acpi_build(&m, write_dsdt, x, t);
}

static void copy_padded(uint8_t *data, size_t len, const GByteArray *from)
{
    assert(from->len <= len);
    memcpy(data, from->data, from->len);
    memset(data + from->len, 0, len - from->len);
}

static void select_tables(void *opaque, uint8_t *data, size_t len)
{
    AcpiTables t;

    build(opaque, &t);
    copy_padded(data, len, t.tables);
    acpi_tables_clear(&t);
}

static void select_rsdp(void *opaque, uint8_t *data, size_t len)
{
    AcpiTables t;

    build(opaque, &t);
    copy_padded(data, len, t.rsdp);
    acpi_tables_clear(&t);
}

/* An empty entry is none: the interpreter of the script goes over it. */
static void select_script(void *opaque, uint8_t *data, size_t len)
{
    AcpiTables t;

    build(opaque, &t);
    copy_padded(data, len, t.script);
    acpi_tables_clear(&t);
}

void x86_init_acpi(MachineState *ms, X86Machine *x, const X86AcpiOps *ops)
{
    AcpiTables t;

    if (!ms->acpi) {
        return;
    }
    x->acpi = ops;
    build(x, &t);
    fw_cfg_add_file_callback(x->fw_cfg, ACPI_TABLES_FILE, select_tables, x, g_malloc0(TABLES_SIZE), TABLES_SIZE);
    fw_cfg_add_file_callback(x->fw_cfg, ACPI_RSDP_FILE, select_rsdp, x, g_malloc0(t.rsdp->len), t.rsdp->len);
    fw_cfg_add_file_callback(x->fw_cfg, ACPI_LOADER_FILE, select_script, x, g_malloc0(SCRIPT_SIZE), SCRIPT_SIZE);
    acpi_tables_clear(&t);
}
