/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RAM, processors, interrupt lines, A20, CMOS and serial ports of an x86 board. See x86.h.
 *
 * Context: main thread, BQL held; interrupt lines and A20 from vCPU threads too.
 *
 * I1  RAM is one block: below 4 GiB as far as the PCI hole allows, the rest from 4 GiB on.
 */
#include "machine/x86/x86.h"

#include "base/bytes.h"
#include "cpu/vcpu.h"
#include "devices/apic/apic.h"
#include "devices/hpet/hpet.h"
#include "devices/i8042/i8042.h"
#include "devices/i8259/i8259.h"
#include "devices/ioapic/ioapic.h"
#include "devices/port92/port92.h"
#include "devices/rtc/rtc.h"
#include "devices/table.h"

#define X86_CASCADE 2                       /* input of the master that the slave has */
#define X86_ROM_BASE 0xc0000
#define X86_ROM_SIZE 0x20000

void x86_map(MemoryRegion *mr, hwaddr addr, int priority)
{
    memory_region_add_subregion_overlap(get_system_memory(), addr, mr, priority);
}

void x86_unmap(MemoryRegion *mr)
{
    if (mr->container) {
        memory_region_del_subregion(mr->container, mr);
    }
    memory_region_finalize(mr);
}

/* ---- Memory ---- */

bool x86_init_ram(MachineState *ms, X86Machine *x, uint64_t max, uint64_t split, GError **errp)
{
    x->below_4g = ms->ram_size <= max ? ms->ram_size : split;
    x->above_4g = ms->ram_size - x->below_4g;
    if (!memory_region_init_ram(&x->ram, ms, "pc.ram", ms->ram_size, errp)) {
        return false;
    }
    memory_region_init_alias(&x->ram_below_4g, ms, "ram-below-4g", &x->ram, 0, x->below_4g);
    x86_map(&x->ram_below_4g, 0, 0);
    if (x->above_4g) {
        memory_region_init_alias(&x->ram_above_4g, ms, "ram-above-4g", &x->ram, x->below_4g, x->above_4g);
        x86_map(&x->ram_above_4g, 4 * GiB, 0);
    }
    if (!memory_region_init_rom(&x->option_rom, ms, "pc.rom", X86_ROM_SIZE, errp)) {
        return false;
    }
    x86_map(&x->option_rom, X86_ROM_BASE, 1);
    return true;
}

/* ---- Processors ---- */

static void x86_pic_irq(void *opaque, int n, int level)
{
    DeviceState *apic = first_cpu ? cpu_get_apic(first_cpu) : NULL;

    if (apic) {
        apic_deliver_pic_intr(apic, level);
    }
}

static int cpu_get_pic_interrupt(void *opaque)
{
    return pic_read_irq(((X86Machine *)opaque)->pic_master);
}

static void x86_cpu_set_a20(CPUState *cpu, run_on_cpu_data data)
{
    cpu_x86_set_a20(cpu->x86, data.host_int);
}

static void x86_a20_irq(void *opaque, int n, int level)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        if (qemu_cpu_is_self(cpu)) {
            x86_cpu_set_a20(cpu, RUN_ON_CPU_HOST_INT(level));
        } else {
            async_run_on_cpu(cpu, x86_cpu_set_a20, RUN_ON_CPU_HOST_INT(level));
        }
    }
}

void x86_init_a20(X86Machine *x)
{
    qemu_init_irq(&x->a20, x86_a20_irq, x, 0);
}

bool x86_init_cpus(MachineState *ms, X86Machine *x, GError **errp)
{
    g_autoptr(GString) warnings = g_string_new(NULL);   /* were shown when the command line was read */
    X86CPUModel model = *cpu_model_default();

    if (ms->cpu_type && !cpu_model_parse(ms->cpu_type, &model, warnings, errp)) {
        return false;
    }
    if (ms->accel && !cpus_choose_accel(ms->accel, errp)) {
        return false;
    }
    g_free(ms->accel);
    ms->accel = g_strdup(cpus_accel()->option);
    for (unsigned i = 0; i < ms->smp_cpus; i++) {
        CPUState *cpu = qemu_cpu_new(i, errp);

        if (!cpu) {
            return false;
        }
        cpu_x86_set_model(cpu->x86, &model, ms->smp_cpus);
        if (ms->translate && cpu->accel->translates) {
            (void)cpu_x86_set_translate(cpu->x86, CPU_TRANSLATE_AFTER);   /* else it is interpreted */
        }
        if (i == 0) {
            cpu_x86_set_get_irq(cpu->x86, cpu_get_pic_interrupt, x);
        }
        if (!apic_new(cpu, errp)) {
            return false;
        }
        qemu_init_vcpu(cpu);
    }
    return true;
}

void x86_reset_cpus(void)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        cpu_x86_set_a20(cpu->x86, true);        /* the vector of reset has that bit set */
        cpu_reset(cpu);
    }
}

/* ---- Devices ---- */

DeviceState *x86_add_device(const DeviceClass *dc, BusState *bus, const char *addr, GError **errp)
{
    DeviceState *dev = device_new(dc);

    if ((addr && !device_set_prop(dev, "addr", addr, errp)) || !device_realize(dev, bus, errp)) {
        device_free(dev);
        return NULL;
    }
    return dev;
}

static void x86_gsi_set(void *opaque, int n, int level)
{
    X86Machine *x = opaque;

    if (n < ISA_NUM_IRQS && n != X86_CASCADE) {
        qemu_set_irq(x->pic[n], level);
    }
    if (x->ioapic) {
        qemu_set_irq(ioapic_irq(x->ioapic, n == 0 ? X86_TIMER_PIN : n), level);
    }
}

void x86_init_gsis(X86Machine *x)
{
    for (int n = 0; n < X86_NUM_GSIS; n++) {
        qemu_init_irq(&x->gsi_lines[n], x86_gsi_set, x, n);
        x->gsi[n] = &x->gsi_lines[n];
    }
}

bool x86_init_pics(X86Machine *x, BusState *isa, GError **errp)
{
    DeviceState *slave;

    x->pic_master = x86_add_device(&i8259_class, isa, NULL, errp);
    slave = x->pic_master ? x86_add_device(&i8259_class, isa, NULL, errp) : NULL;
    if (!slave) {
        return false;
    }
    qemu_init_irq(&x->pic_out, x86_pic_irq, x, 0);
    i8259_init_master(x->pic_master, &x->pic_out);
    i8259_init_slave(slave, x->pic_master);
    for (int n = 0; n < ISA_NUM_IRQS; n++) {
        x->pic[n] = i8259_irq(n < 8 ? x->pic_master : slave, n & 7);
    }
    x86_init_gsis(x);
    return true;
}

/* PIT and RTC are not heard while the HPET has their lines. */
static void x86_isa_gate_set(void *opaque, int n, int level)
{
    X86Machine *x = opaque;

    if (!x->hpet_legacy) {
        qemu_set_irq(x->gsi[n], level);
    }
}

static void x86_hpet_takes(void *opaque, int n, int level)
{
    X86Machine *x = opaque;

    if (level && !x->hpet_legacy) {
        qemu_irq_lower(x->gsi[0]);
        qemu_irq_lower(x->gsi[8]);
    }
    x->hpet_legacy = level;
}

bool x86_init_hpet(MachineState *ms, X86Machine *x, ISABus *isa, uint32_t intcap, GError **errp)
{
    static const uint8_t gated[] = { 0, 8 };
    g_autofree char *text = g_strdup_printf("%u", intcap);
    DeviceState *dev;

    if (!ms->hpet) {
        return true;
    }
    dev = device_new(&hpet_class);
    if (!device_set_prop(dev, "hpet-intcap", text, errp) || !device_realize(dev, sysbus_get_default(), errp)) {
        device_free(dev);
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(gated); i++) {
        qemu_init_irq(&x->isa_gates[gated[i]], x86_isa_gate_set, x, gated[i]);
        isa_bus_connect_irq(isa, gated[i], &x->isa_gates[gated[i]]);
    }
    qemu_init_irq(&x->hpet_takes, x86_hpet_takes, x, 0);
    hpet_connect(dev, x->gsi, &x->hpet_takes);
    return true;
}

bool x86_init_ioapic(X86Machine *x, GError **errp)
{
    x->ioapic = x86_add_device(&ioapic_class, sysbus_get_default(), NULL, errp);
    return x->ioapic;
}

void x86_init_cmos(MachineState *ms, X86Machine *x, DeviceState *rtc)
{
    uint64_t below = x->below_4g;
    uint64_t above = x->above_4g;
    unsigned ext_kb = MIN((below > MiB ? below - MiB : 0) / KiB, 65535);
    unsigned high_64k = MIN((below > 16 * MiB ? below - 16 * MiB : 0) / (64 * KiB), 65535);
    const struct {
        uint8_t index;
        uint8_t value;
    } bytes[] = {
        { 0x14, 0x06 },                             /* FPU, mouse */
        { 0x15, 640 & 0xff }, { 0x16, 640 >> 8 },
        { 0x17, ext_kb & 0xff }, { 0x18, ext_kb >> 8 }, { 0x30, ext_kb & 0xff }, { 0x31, ext_kb >> 8 },
        { 0x34, high_64k & 0xff }, { 0x35, high_64k >> 8 },
        { 0x5b, above >> 16 & 0xff }, { 0x5c, above >> 24 & 0xff }, { 0x5d, above >> 32 & 0xff },
        { 0x5f, ms->smp_cpus - 1 },
        { 0x3d, 0x02 },                             /* boot from the first hard disk */
    };

    x->rtc = rtc;
    for (unsigned i = 0; i < G_N_ELEMENTS(bytes); i++) {
        mc146818_set_cmos(rtc, bytes[i].index, bytes[i].value);
    }
}

bool x86_init_serials(MachineState *ms, BusState *isa, GError **errp)
{
    for (unsigned i = 0; i < MACHINE_MAX_SERIAL; i++) {
        g_autofree char *index = g_strdup_printf("%u", i);
        DeviceState *dev;

        if (!ms->serial[i]) {
            continue;
        }
        dev = device_new(&isa_serial_class);
        if (!device_set_prop(dev, "index", index, errp) || !device_set_prop(dev, "chardev", ms->serial[i], errp) ||
            !device_realize(dev, isa, errp)) {
            device_free(dev);
            return false;
        }
    }
    return true;
}

bool x86_init_isa_devices(MachineState *ms, X86Machine *x, BusState *isa, GError **errp)
{
    DeviceState *rtc = x86_add_device(&mc146818_class, isa, NULL, errp);
    DeviceState *i8042;
    DeviceState *port92;

    if (!rtc || !x86_add_device(&isa_pit_class, isa, NULL, errp)) {
        return false;
    }
    x86_init_cmos(ms, x, rtc);
    i8042 = x86_add_device(&i8042_class, isa, NULL, errp);
    port92 = i8042 ? x86_add_device(&port92_class, isa, NULL, errp) : NULL;
    if (!port92) {
        return false;
    }
    x86_init_a20(x);
    i8042_connect_a20(i8042, &x->a20);
    port92_connect_a20(port92, &x->a20);
    return x86_init_serials(ms, isa, errp);
}

void x86_cleanup(X86Machine *x)
{
    x86_unmap(&x->isa_bios);
    x86_unmap(&x->bios);
    x86_unmap(&x->option_rom);
    x86_unmap(&x->ram_above_4g);
    x86_unmap(&x->ram_below_4g);
    x86_unmap(&x->ram);
}
