/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI of the Q35 board: the DSDT of a PCI Express host with an ICH9, whose eight PCI interrupt lines are inputs 16 to
 * 23 of the I/O APIC, or links that software routes to the 8259.
 */
#include "machine/q35/q35_int.h"

#include "devices/ich9/ich9.h"
#include "devices/q35/q35.h"

#define Q35_PCI_GSIS (1u << 5 | 1u << 10 | 1u << 11)
#define Q35_SCI 9
#define Q35_NUM_PIRQS 8
#define PIRQ_ROUT_OFFSET 0x60           /* four registers; four more 8 bytes on */
#define SMI_PORT 0xb2

static const char *const links[Q35_NUM_PIRQS] = {
    "LNKA", "LNKB", "LNKC", "LNKD", "LNKE", "LNKF", "LNKG", "LNKH",
};
static const char *const pirqs[Q35_NUM_PIRQS] = {
    "PRQA", "PRQB", "PRQC", "PRQD", "PRQE", "PRQF", "PRQG", "PRQH",
};

/* The line of a pin, as the chip's registers are after a reset (devices/ich9/lpc.c). */
static unsigned q35_line(unsigned slot, unsigned pin)
{
    if (slot < 25) {
        return 4 + ((slot + pin) & 3);
    }
    return slot == 30 ? 4 + pin : pin;
}

static void q35_acpi_route(Aml *a, const char *name, bool apic)
{
    aml_name(a, name);
    aml_package_begin(a, 32 * 4);
    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            unsigned line = q35_line(slot, pin);

            aml_package_begin(a, 4);
            aml_int(a, slot << 16 | 0xffff);
            aml_int(a, pin);
            if (apic) {
                aml_int(a, 0);
                aml_int(a, ICH9_GSI_PIRQ + line);
            } else {
                aml_ref(a, links[line]);
                aml_int(a, 0);
            }
            aml_end(a);
        }
    }
    aml_end(a);
}

/* Which of the two tables: software says by _PIC whether it uses the I/O APIC. */
static void q35_acpi_routing(Aml *a)
{
    q35_acpi_route(a, "PRTP", false);
    q35_acpi_route(a, "PRTA", true);
    aml_method_begin(a, "_PRT", 0, false);
    aml_if_begin(a);
    aml_ref(a, "PICF");
    aml_return(a);
    aml_ref(a, "PRTA");
    aml_end(a);
    aml_return(a);
    aml_ref(a, "PRTP");
    aml_end(a);
}

static void q35_acpi_pic_method(Aml *a)
{
    aml_name(a, "\\PICF");
    aml_int(a, 0);
    aml_method_begin(a, "\\_PIC", 1, false);
    aml_store(a);
    aml_arg(a, 0);
    aml_ref(a, "PICF");
    aml_end(a);
}

/* There is nothing whose control an operating system could take over: it is told so in the third word. */
static void q35_acpi_osc(Aml *a)
{
    aml_method_begin(a, "_OSC", 4, true);
    aml_create_dword_field(a);
    aml_arg(a, 3);
    aml_int(a, 8);
    aml_ref(a, "CTRL");
    aml_store(a);
    aml_int(a, 0);
    aml_ref(a, "CTRL");
    aml_return(a);
    aml_arg(a, 3);
    aml_end(a);
}

static void q35_acpi_links(Aml *a)
{
    static const uint32_t choices[] = { 5, 10, 11 };

    aml_field_begin(a, "PCI0.ISA_.PIRQ", AML_ACCESS_BYTE);
    for (unsigned i = 0; i < Q35_NUM_PIRQS; i++) {
        if (i == 4) {
            aml_field_unit(a, NULL, 32);
        }
        aml_field_unit(a, pirqs[i], 8);
    }
    aml_end(a);
    x86_acpi_link_methods(a);
    for (unsigned i = 0; i < Q35_NUM_PIRQS; i++) {
        x86_acpi_link(a, links[i], i, pirqs[i], choices, G_N_ELEMENTS(choices));
    }
}

static void q35_acpi_host(Q35Board *b, Aml *a, uint64_t ecam, uint64_t ecam_size)
{
    aml_device_begin(a, "PCI0");
    aml_name(a, "_HID");
    aml_eisaid(a, "PNP0A08");
    aml_name(a, "_CID");
    aml_eisaid(a, "PNP0A03");
    aml_name(a, "_UID");
    aml_int(a, 0);
    q35_acpi_osc(a);
    x86_acpi_host_resources(a, &b->x86, b->pci, ecam, ecam_size ? ecam + ecam_size : 0);
    aml_device_begin(a, "ISA");
    aml_name(a, "_ADR");
    aml_int(a, 0x1f0000);
    aml_operation_region(a, "PIRQ", AML_PCI_CONFIG, PIRQ_ROUT_OFFSET, 12);
    x86_acpi_isa_devices(a);
    aml_end(a);
    q35_acpi_routing(a);
    aml_end(a);
}

/* The window on configuration space belongs to nobody else. */
static void q35_acpi_ecam(Aml *a, uint32_t ecam, uint32_t ecam_size)
{
    aml_device_begin(a, "DRAC");
    aml_name(a, "_HID");
    aml_string(a, "PNP0C01");
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_memory32_fixed(a, true, ecam, ecam_size);
    aml_end(a);
    aml_end(a);
}

/* Where the window is; nothing if firmware has put it where 32 bits do not reach. */
static uint64_t q35_ecam(Q35Board *b, uint64_t *ret_size)
{
    uint64_t base = mch_pciexbar(b->mch, ret_size);

    if (base + *ret_size > UINT32_MAX || base < b->x86.below_4g) {
        *ret_size = 0;
    }
    return *ret_size ? base : 0;
}

static void q35_acpi_dsdt(X86Machine *x, Aml *a)
{
    Q35Board *b = (Q35Board *)x;
    uint64_t size;
    uint64_t ecam = q35_ecam(b, &size);

    x86_acpi_sleep_states(a);
    q35_acpi_pic_method(a);
    aml_scope_begin(a, "\\_SB");
    q35_acpi_host(b, a, ecam, size);
    q35_acpi_links(a);
    if (size) {
        q35_acpi_ecam(a, ecam, size);
    }
    x86_acpi_system_devices(a);
    x86_acpi_cpus(a, machine_state_current()->smp_cpus);
    aml_end(a);
}

static void q35_acpi_fill(X86Machine *x, AcpiMachine *m)
{
    Q35Board *b = (Q35Board *)x;
    uint16_t base = ich9_lpc_pm_base(b->lpc);
    uint64_t size;

    m->pm1_evt = base;
    m->pm1_cnt = base + ICH9_PM_CNT;
    m->pm_tmr = base + ICH9_PM_TMR;
    m->gpe0 = base + ICH9_PM_GPE0;
    m->gpe0_len = ICH9_PM_GPE0_LEN;
    m->sci = Q35_SCI;
    m->smi_cmd = SMI_PORT;
    m->level_gsis = Q35_PCI_GSIS | 1u << Q35_SCI;
    m->mcfg_base = q35_ecam(b, &size);
    m->mcfg_buses_minus_1 = size ? (size >> 20) - 1 : 0;
}

const X86AcpiOps q35_acpi_ops = { .fill = q35_acpi_fill, .dsdt = q35_acpi_dsdt };
