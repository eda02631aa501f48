/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI of the microvm board: hardware reduced, with the transports that have a device, the power button and the first
 * serial port.
 */
#include "machine/microvm/microvm_int.h"

#include "devices/acpi/ged.h"
#include "virtio/mmio.h"

static void device_begin(Aml *a, const char *name, const char *hid, unsigned uid)
{
    aml_device_begin(a, name);
    aml_name(a, "_HID");
    aml_string(a, hid);
    aml_name(a, "_UID");
    aml_int(a, uid);
}

static void microvm_acpi_transports(MicroVMBoard *b, Aml *a)
{
    for (unsigned i = 0; i < MICROVM_NUM_TRANSPORTS; i++) {
        g_autofree char *name = g_strdup_printf("VR%02u", i);
        uint32_t gsi = MICROVM_TRANSPORT_GSI + i;

        if (!virtio_mmio_has_device(b->transport[i])) {
            continue;
        }
        device_begin(a, name, "LNRO0005", i);
        aml_name(a, "_CRS");
        aml_resources_begin(a);
        aml_memory32_fixed(a, true, MICROVM_TRANSPORT_BASE + i * VIRTIO_MMIO_SIZE, VIRTIO_MMIO_SIZE);
        aml_interrupt(a, &gsi, 1);
        aml_end(a);
        aml_end(a);
    }
}

static void microvm_acpi_serial(Aml *a)
{
    MachineState *ms = machine_state_current();

    if (!ms->serial[0] || !machine_prop(ms, PROP_ISA_SERIAL, true)) {
        return;
    }
    aml_device_begin(a, "COM1");
    aml_name(a, "_HID");
    aml_eisaid(a, "PNP0501");
    aml_name(a, "_UID");
    aml_int(a, 1);
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_io(a, 0x3f8, 8);
    aml_irq_noflags(a, 4);
    aml_end(a);
    aml_end(a);
}

/* The event device reads what happened, and passes a pressed button on. */
static void microvm_acpi_power(Aml *a)
{
    static const uint32_t gsi = MICROVM_GED_GSI;

    aml_device_begin(a, "PWRB");
    aml_name(a, "_HID");
    aml_eisaid(a, "PNP0C0C");
    aml_name(a, "_UID");
    aml_int(a, 0);
    aml_end(a);
    device_begin(a, "GED", "ACPI0013", 0);
    aml_operation_region(a, "EREG", AML_SYSTEM_MEMORY, ACPI_GED_EVENT_BASE, ACPI_GED_EVENT_SIZE);
    aml_field_begin(a, "EREG", AML_ACCESS_DWORD);
    aml_field_unit(a, "ESEL", 32);
    aml_end(a);
    aml_name(a, "_CRS");
    aml_resources_begin(a);
    aml_interrupt(a, &gsi, 1);
    aml_end(a);
    aml_method_begin(a, "_EVT", 1, true);
    aml_store(a);
    aml_ref(a, "ESEL");
    aml_local(a, 0);
    aml_if_begin(a);
    aml_and(a);
    aml_local(a, 0);
    aml_int(a, ACPI_GED_EVENT_POWER_BUTTON);
    aml_none(a);
    aml_notify(a);
    aml_ref(a, "PWRB");
    aml_int(a, 0x80);
    aml_end(a);
    aml_end(a);
    aml_end(a);
}

static void microvm_acpi_dsdt(X86Machine *x, Aml *a)
{
    aml_name(a, "\\_S5_");
    aml_package_begin(a, 4);
    aml_int(a, ACPI_GED_SLP_TYP_S5);
    for (unsigned i = 1; i < 4; i++) {
        aml_int(a, 0);
    }
    aml_end(a);
    aml_scope_begin(a, "\\_SB");
    microvm_acpi_serial(a);
    microvm_acpi_power(a);
    microvm_acpi_transports((MicroVMBoard *)x, a);
    x86_acpi_cpus(a, machine_state_current()->smp_cpus);
    aml_end(a);
}

static void microvm_acpi_fill(X86Machine *x, AcpiMachine *m)
{
    m->reduced_regs = ACPI_GED_REGS_BASE;
    m->pm_tmr = ACPI_GED_TMR_PORT;
    m->i8042 = false;
    m->hpet = false;
}

const X86AcpiOps microvm_acpi_ops = { .fill = microvm_acpi_fill, .dsdt = microvm_acpi_dsdt };
