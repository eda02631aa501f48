/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keyboard controller with its keyboard and mouse. Context: BQL held.
 */
#ifndef DEVICES_I8042_I8042_H
#define DEVICES_I8042_I8042_H

#include "devices/device.h"
#include "devices/irq.h"

/** i8042_connect_a20: @a20 follows bit 1 of the output port. Borrowed. */
void i8042_connect_a20(DeviceState *dev, qemu_irq a20);

#endif
