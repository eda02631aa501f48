/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The I/O APIC: 24 interrupt inputs, each sent to the local APICs as its redirection entry says.
 *
 * Context: BQL held.
 *
 * I1  A level-triggered input that was delivered (remote IRR) is not delivered again before its EOI.
 * Source: Intel 82093AA data sheet; ICH9 data sheet for the EOI register.
 */
#ifndef DEVICES_IOAPIC_IOAPIC_H
#define DEVICES_IOAPIC_IOAPIC_H

#include "devices/device.h"
#include "devices/irq.h"

#define IOAPIC_DEFAULT_ADDRESS UINT64_C(0xfec00000)
#define IOAPIC_NUM_PINS 24

/** A device for the system bus; it maps itself at IOAPIC_DEFAULT_ADDRESS when realized. */
extern const DeviceClass ioapic_class;

/** ioapic_irq: input @pin, 0..23. Borrowed. */
qemu_irq ioapic_irq(DeviceState *dev, int pin);

/** ioapic_eoi_broadcast: a local APIC has finished a level-triggered interrupt @vector. */
void ioapic_eoi_broadcast(int vector);

#endif
