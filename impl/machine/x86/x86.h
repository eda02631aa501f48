/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every x86 board has, whatever its chipset: RAM around the PCI hole, firmware below 4 GiB, processors,
 * the interrupt lines of the whole system, the A20 gate, what CMOS says about memory, serial ports.
 *
 * A board's own struct begins with X86Machine and hangs off MachineState.board.
 * Context: main thread, BQL held; the interrupt lines from any thread with the BQL.
 */
#ifndef MACHINE_X86_X86_H
#define MACHINE_X86_X86_H

#include "devices/fw_cfg/fw_cfg.h"
#include "devices/irq.h"
#include "devices/isa/isa.h"
#include "machine/machine.h"
#include "mem/memory.h"

#define X86_NUM_GSIS 24
#define X86_TIMER_PIN 2             /* of the I/O APIC: where the timer's line 0 goes, since pin 0 is the 8259's */

typedef struct X86AcpiOps X86AcpiOps;

typedef struct X86Machine {
    uint64_t below_4g;          /* bytes of RAM below the PCI hole */
    uint64_t above_4g;          /* bytes of RAM from 4 GiB on */
    MemoryRegion ram;
    MemoryRegion ram_below_4g;
    MemoryRegion ram_above_4g;
    MemoryRegion option_rom;
    MemoryRegion bios;
    MemoryRegion isa_bios;
    DeviceState *pic_master;    /* NULL: the board has no 8259 */
    DeviceState *ioapic;        /* NULL: the board has none */
    DeviceState *rtc;
    FWCfgState *fw_cfg;
    const X86AcpiOps *acpi;      /* NULL: no ACPI */
    qemu_irq pic[ISA_NUM_IRQS];
    IRQState gsi_lines[X86_NUM_GSIS];
    qemu_irq gsi[X86_NUM_GSIS]; /* global system interrupts; the first sixteen are the ISA lines */
    IRQState pic_out;           /* INT of the master: the boot processor's interrupt line */
    IRQState isa_gates[ISA_NUM_IRQS];   /* only lines 0 and 8: from PIT and RTC, unless the HPET has them */
    IRQState hpet_takes;
    bool hpet_legacy;
    IRQState a20;
} X86Machine;

/** x86_map: @mr into the memory address space; x86_unmap takes it out and finalizes it, if init got that far. */
void x86_map(MemoryRegion *mr, hwaddr addr, int priority);
void x86_unmap(MemoryRegion *mr);

/**
 * x86_init_ram: one block, up to @max bytes of it below 4 GiB; if it is larger it is cut at @split.
 * Called before anything else; x86_cleanup undoes it and all that follows.
 */
G_GNUC_WARN_UNUSED_RESULT
bool x86_init_ram(MachineState *ms, X86Machine *x, uint64_t max, uint64_t split, GError **errp);
/** x86_init_firmware: flash chips, or the file that -bios names (@bios if it names none), ending at 4 GiB. */
G_GNUC_WARN_UNUSED_RESULT
bool x86_init_firmware(MachineState *ms, X86Machine *x, const char *bios, GError **errp);
/** x86_init_cpus: processors with their local APICs. */
G_GNUC_WARN_UNUSED_RESULT
bool x86_init_cpus(MachineState *ms, X86Machine *x, GError **errp);
/** x86_add_device: a device of the board itself; @addr its PCI address or NULL. NULL on error. */
DeviceState *x86_add_device(const DeviceClass *dc, BusState *bus, const char *addr, GError **errp);
/** x86_init_gsis: the system's interrupt lines. */
void x86_init_gsis(X86Machine *x);
/** x86_init_pics: the pair of 8259 on @isa, behind the system's interrupt lines, which it sets up. */
G_GNUC_WARN_UNUSED_RESULT
bool x86_init_pics(X86Machine *x, BusState *isa, GError **errp);
/** x86_init_ioapic: the I/O APIC behind the same lines. */
G_GNUC_WARN_UNUSED_RESULT
bool x86_init_ioapic(X86Machine *x, GError **errp);
/**
 * x86_init_hpet: the HPET, unless switched off. @intcap: a bit for each interrupt line it may use.
 * Before PIT and RTC, whose lines on @isa it can take.
 */
G_GNUC_WARN_UNUSED_RESULT
bool x86_init_hpet(MachineState *ms, X86Machine *x, ISABus *isa, uint32_t intcap, GError **errp);
/** x86_init_a20: the line that gates address bit 20 of all processors, as the keyboard controller drives it. */
void x86_init_a20(X86Machine *x);
/** x86_init_cmos: memory sizes and boot order for firmware that looks there. Sets x->rtc. */
void x86_init_cmos(MachineState *ms, X86Machine *x, DeviceState *rtc);
/**
 * x86_init_fw_cfg: the device, and what firmware always finds in it; with -kernel the kernel too. Sets x->fw_cfg.
 * After x86_init_ram.
 */
G_GNUC_WARN_UNUSED_RESULT
bool x86_init_fw_cfg(MachineState *ms, X86Machine *x, GError **errp);
/** x86_init_boot_order: what -boot and the devices' boot indices say, when all devices are there. */
G_GNUC_WARN_UNUSED_RESULT
bool x86_init_boot_order(MachineState *ms, X86Machine *x, GError **errp);
/** x86_reset_boot_order: the guest resets: the end of -boot once. */
void x86_reset_boot_order(MachineState *ms, X86Machine *x);
/** x86_load_linux: -kernel, -initrd and -append into @x's fw_cfg, with the option ROM that boots them. */
G_GNUC_WARN_UNUSED_RESULT
bool x86_load_linux(MachineState *ms, X86Machine *x, GError **errp);
/**
 * x86_init_isa_devices: what every PC has on @isa: clock, timer, keyboard controller with the A20 gate, serial ports.
 * After x86_init_pics.
 */
G_GNUC_WARN_UNUSED_RESULT
bool x86_init_isa_devices(MachineState *ms, X86Machine *x, BusState *isa, GError **errp);
/** x86_init_serials: an ISA port for each -serial. */
G_GNUC_WARN_UNUSED_RESULT
bool x86_init_serials(MachineState *ms, BusState *isa, GError **errp);
/** x86_reset_cpus: after the devices. */
void x86_reset_cpus(void);
/** x86_cleanup: what init made, but for the devices, which are gone. */
void x86_cleanup(X86Machine *x);

#endif
