/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System control port A.
 */
#ifndef DEVICES_PORT92_PORT92_H
#define DEVICES_PORT92_PORT92_H

#include "devices/device.h"
#include "devices/irq.h"

/** port92_connect_a20: @a20 follows bit 1 of the port. Borrowed. */
void port92_connect_a20(DeviceState *dev, qemu_irq a20);

#endif
