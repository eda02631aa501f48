/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The microvm board: processors, RAM, as much of a PC's old devices as is asked for, and eight virtio transports. ACPI
 * tables say where those are or, with acpi=off, the kernel's command line.
 *
 * Owns: MachineState.board. Context: main thread, BQL held.
 *
 * I1  Firmware can write where it and the tables it makes are below 1 MiB: there is no chipset with shadow registers.
 * Source: the layout of QEMU's microvm; Linux, Documentation/admin-guide/kernel-parameters.txt.
 */
#include "machine/microvm/microvm_int.h"

#include "base/bytes.h"
#include "devices/acpi/ged.h"
#include "devices/rtc/rtc.h"
#include "devices/table.h"
#include "machine/pc/pc.h"
#include "virtio/mmio.h"

#define MICROVM_LOWMEM_MAX 0xc0000000ULL
#define MICROVM_BIOS "bios-microvm.bin"
#define MICROVM_BIOS_NO_ACPI "qboot.rom"

static const char *const microvm_props[] = { "pic", "pit", "rtc", "isa-serial", "auto-kernel-cmdline", NULL };

static void microvm_init_firmware_writable(X86Machine *x)
{
    memory_region_set_enabled(&x->option_rom, false);
    if (memory_region_size(&x->bios)) {
        memory_region_set_readonly(&x->bios, false);        /* (I1) */
    }
    memory_region_set_readonly(&x->isa_bios, false);
}

static bool microvm_init_isa(MachineState *ms, X86Machine *x, GError **errp)
{
    DeviceState *bridge = x86_add_device(&isabus_bridge_class, sysbus_get_default(), NULL, errp);
    BusState *isa = bridge ? &isabus_bridge_isa_bus(bridge)->bus : NULL;
    DeviceState *rtc = NULL;

    if (!bridge) {
        return false;
    }
    x86_init_gsis(x);
    if (machine_prop(ms, PROP_PIC, true) && !x86_init_pics(x, isa, errp)) {
        return false;
    }
    if (!x86_init_ioapic(x, errp)) {
        return false;
    }
    for (int n = 0; n < ISA_NUM_IRQS; n++) {
        isa_bus_connect_irq(isabus_bridge_isa_bus(bridge), n, x->gsi[n]);
    }
    if (machine_prop(ms, PROP_PIT, true) && !x86_add_device(&isa_pit_class, isa, NULL, errp)) {
        return false;
    }
    if (machine_prop(ms, PROP_RTC, true)) {
        rtc = x86_add_device(&mc146818_class, isa, NULL, errp);
        if (!rtc) {
            return false;
        }
        x86_init_cmos(ms, x, rtc);
    }
    return !machine_prop(ms, PROP_ISA_SERIAL, true) || x86_init_serials(ms, isa, errp);
}

static bool microvm_init_power(MachineState *ms, X86Machine *x, GError **errp)
{
    DeviceState *ged = ms->acpi ? x86_add_device(&acpi_ged_class, sysbus_get_default(), NULL, errp) : NULL;

    if (ged) {
        acpi_ged_connect(ged, x->gsi[MICROVM_GED_GSI]);
    }
    return ged || !ms->acpi;
}

static unsigned microvm_transport_gsi(const MachineState *ms, unsigned i)
{
    return i + (ms->acpi ? MICROVM_TRANSPORT_GSI : MICROVM_TRANSPORT_ISA_GSI);
}

/* The highest first: that is where the first device without bus= goes, as users know it. */
static bool microvm_init_transports(MachineState *ms, MicroVMBoard *b, GError **errp)
{
    for (int i = MICROVM_NUM_TRANSPORTS - 1; i >= 0; i--) {
        g_autofree char *addr = g_strdup_printf("0x%llx", MICROVM_TRANSPORT_BASE + i * VIRTIO_MMIO_SIZE);
        g_autofree char *index = g_strdup_printf("%d", i);
        DeviceState *dev = device_new(&virtio_mmio_class);

        if (!device_set_prop(dev, "x-addr", addr, errp) || !device_set_prop(dev, "x-index", index, errp) ||
            !qdev_set_globals(dev, errp) || !device_realize(dev, sysbus_get_default(), errp)) {
            device_free(dev);
            return false;
        }
        virtio_mmio_connect_irq(dev, b->x86.gsi[microvm_transport_gsi(ms, i)]);
        b->transport[i] = dev;
    }
    return true;
}

static bool microvm_machine_init(MachineState *ms, GError **errp)
{
    MicroVMBoard *b = g_new0(MicroVMBoard, 1);
    X86Machine *x = &b->x86;

    ms->board = b;
    if (!x86_init_ram(ms, x, MICROVM_LOWMEM_MAX, MICROVM_LOWMEM_MAX, errp) ||
        !x86_init_firmware(ms, x, ms->acpi ? MICROVM_BIOS : MICROVM_BIOS_NO_ACPI, errp)) {
        return false;
    }
    microvm_init_firmware_writable(x);
    x86_init_a20(x);
    return x86_init_cpus(ms, x, errp) && microvm_init_isa(ms, x, errp) && microvm_init_power(ms, x, errp) &&
           microvm_init_transports(ms, b, errp);
}

/* What the kernel is told of the transports that have a device. */
static void microvm_extend_append(MachineState *ms, MicroVMBoard *b)
{
    g_autoptr(GString) s = g_string_new(ms->append);

    for (int i = MICROVM_NUM_TRANSPORTS - 1; i >= 0; i--) {
        if (virtio_mmio_has_device(b->transport[i])) {
            g_string_append_printf(s, " virtio_mmio.device=%d@0x%llx:%d", VIRTIO_MMIO_SIZE,
                                   MICROVM_TRANSPORT_BASE + i * VIRTIO_MMIO_SIZE, microvm_transport_gsi(ms, i));
        }
    }
    g_free(ms->append);
    ms->append = g_string_free(g_steal_pointer(&s), FALSE);
}

static bool microvm_machine_ready(MachineState *ms, GError **errp)
{
    MicroVMBoard *b = ms->board;

    if (!ms->acpi && ms->kernel && machine_prop(ms, PROP_AUTO_KERNEL_CMDLINE, true)) {
        microvm_extend_append(ms, b);
    }
    if (!x86_init_fw_cfg(ms, &b->x86, errp)) {
        return false;
    }
    x86_init_acpi(ms, &b->x86, &microvm_acpi_ops);
    return x86_init_boot_order(ms, &b->x86, errp);
}

static void microvm_machine_cleanup(MachineState *ms)
{
    MicroVMBoard *b = ms->board;

    if (!b) {
        return;
    }
    x86_cleanup(&b->x86);
    g_free(b);
    ms->board = NULL;
}

const MachineClass microvm_machine_class = {
    .name = "microvm",
    .desc = "microvm (i386)",
    .max_cpus = 16,
    .props = microvm_props,
    .init = microvm_machine_init,
    .ready = microvm_machine_ready,
    .reset = pc_machine_reset,
    .cleanup = microvm_machine_cleanup,
};
