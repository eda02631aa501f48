/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The local APIC of a processor, and the bus that connects the APICs of a machine.
 *
 * One device for each processor. Its registers are at 0xfee00000 in the view of its own processor; a write beside
 * them is a message (MSI) that any device can send by writing there.
 *
 * Context: BQL held; the timer fires in the main loop.
 *
 * I1  The processor's CPU_INTERRUPT_HARD bit is set exactly while get_interrupt would give a vector.
 * I2  The timer is armed exactly while an unmasked LVT entry will still fire.
 * Source: SDM volume 3, chapter 10 (APIC).
 */
#ifndef DEVICES_APIC_APIC_H
#define DEVICES_APIC_APIC_H

#include "cpu/vcpu.h"
#include "devices/device.h"

#define APIC_DEFAULT_ADDRESS UINT64_C(0xfee00000)

enum { APIC_DEST_PHYSICAL, APIC_DEST_LOGICAL };
enum {
    APIC_DM_FIXED = 0, APIC_DM_LOWPRI = 1, APIC_DM_SMI = 2, APIC_DM_NMI = 4, APIC_DM_INIT = 5, APIC_DM_SIPI = 6,
    APIC_DM_EXTINT = 7,
};
enum { APIC_TRIGGER_EDGE, APIC_TRIGGER_LEVEL };

extern const DeviceClass apic_class;

/**
 * apic_new: give @cpu its local APIC, on the system bus. Before qemu_init_vcpu() of @cpu.
 * Returns NULL with @errp on failure. Owned by the device tree.
 */
G_GNUC_WARN_UNUSED_RESULT
DeviceState *apic_new(CPUState *cpu, GError **errp);

/** cpu_get_apic: the APIC of @cpu, or NULL. */
DeviceState *cpu_get_apic(CPUState *cpu);

/**
 * apic_deliver_irq: put an interrupt on the bus.
 * @dest: APIC id, or the logical destination. @vector: for fixed and lowest priority; the page for APIC_DM_SIPI.
 */
void apic_deliver_irq(uint8_t dest, uint8_t dest_mode, uint8_t delivery_mode, uint8_t vector, uint8_t trigger_mode);

/** apic_send_msi: what a write of @data to @addr (0xfee00000 and up) means. */
void apic_send_msi(uint64_t addr, uint32_t data);

/**
 * apic_deliver_pic_intr: the level of the interrupt controller's INT pin, which is LINT0 of the boot processor.
 * The vector comes from the processor's cpu_x86_set_get_irq() function. @apic: as cpu_get_apic().
 */
void apic_deliver_pic_intr(DeviceState *apic, int level);

/** apic_deliver_nmi: raise LINT1, where boards wire their NMI button. */
void apic_deliver_nmi(DeviceState *apic);

#endif
