/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The high precision event timer: a 100 MHz counter with three comparators, at HPET_BASE.
 */
#ifndef DEVICES_HPET_HPET_H
#define DEVICES_HPET_HPET_H

#include "devices/device.h"
#include "devices/irq.h"

#define HPET_BASE UINT64_C(0xfed00000)
#define HPET_SIZE 0x400
#define HPET_BLOCK_ID 0x8086a201u       /* 64-bit counter, legacy routing, 3 comparators, revision 1 */

/**
 * hpet_connect: the system's interrupt lines @gsi (borrowed), and @legacy, which is told by level whether the HPET has
 * taken the lines of PIT and RTC.
 */
void hpet_connect(DeviceState *hpet, qemu_irq *gsi, qemu_irq legacy);

#endif
