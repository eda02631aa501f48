/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI of the PC: the DSDT of an i440FX and PIIX3, whose four PCI interrupt lines are links that software can route.
 */
#include "machine/pc/pc_int.h"

#include "devices/piix/piix.h"

#define PC_PCI_GSIS (1u << 5 | 1u << 10 | 1u << 11)
#define PC_SCI 9
#define SMI_PORT 0xb2

static const char *const links[4] = { "LNKA", "LNKB", "LNKC", "LNKD" };
static const char *const pirqs[4] = { "PRQ0", "PRQ1", "PRQ2", "PRQ3" };

/* Slot 1 is the chipset itself: its pin A is the SCI. */
static const char *pc_route(unsigned slot, unsigned pin)
{
    return slot == 1 && pin == 0 ? "LNKS" : links[(slot + pin - 1) & 3];
}

static void pc_acpi_routing(Aml *a)
{
    aml_name(a, "_PRT");
    aml_package_begin(a, 32 * 4);
    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            aml_package_begin(a, 4);
            aml_int(a, slot << 16 | 0xffff);
            aml_int(a, pin);
            aml_ref(a, pc_route(slot, pin));
            aml_int(a, 0);
            aml_end(a);
        }
    }
    aml_end(a);
}

static void pc_acpi_links(Aml *a)
{
    static const uint32_t choices[] = { 5, 10, 11 };

    aml_field_begin(a, "PCI0.ISA_.P40C", AML_ACCESS_BYTE);
    for (unsigned i = 0; i < 4; i++) {
        aml_field_unit(a, pirqs[i], 8);
    }
    aml_end(a);
    x86_acpi_link_methods(a);
    for (unsigned i = 0; i < 4; i++) {
        x86_acpi_link(a, links[i], i, pirqs[i], choices, G_N_ELEMENTS(choices));
    }
    x86_acpi_fixed_link(a, "LNKS", 4, PC_SCI);
}

static void pc_acpi_dsdt(X86Machine *x, Aml *a)
{
    PCBoard *b = (PCBoard *)x;

    x86_acpi_sleep_states(a);
    aml_scope_begin(a, "\\_SB");
    aml_device_begin(a, "PCI0");
    aml_name(a, "_HID");
    aml_eisaid(a, "PNP0A03");
    aml_name(a, "_UID");
    aml_int(a, 0);
    x86_acpi_host_resources(a, x, b->pci, 0, 0);
    aml_device_begin(a, "ISA");
    aml_name(a, "_ADR");
    aml_int(a, 0x10000);
    aml_operation_region(a, "P40C", AML_PCI_CONFIG, 0x60, 4);
    x86_acpi_isa_devices(a);
    aml_end(a);
    pc_acpi_routing(a);
    aml_end(a);
    pc_acpi_links(a);
    x86_acpi_system_devices(a);
    x86_acpi_cpus(a, machine_state_current()->smp_cpus);
    aml_end(a);
}

static void pc_acpi_fill(X86Machine *x, AcpiMachine *m)
{
    uint16_t base = piix4_pm_base(((PCBoard *)x)->pm);

    m->pm1_evt = base;
    m->pm1_cnt = base + 4;
    m->pm_tmr = base + 8;
    m->gpe0 = PIIX4_GPE_BASE;
    m->gpe0_len = PIIX4_GPE_LEN;
    m->sci = PC_SCI;
    m->smi_cmd = SMI_PORT;
    m->level_gsis = PC_PCI_GSIS | 1u << PC_SCI;
}

const X86AcpiOps pc_acpi_ops = { .fill = pc_acpi_fill, .dsdt = pc_acpi_dsdt };
