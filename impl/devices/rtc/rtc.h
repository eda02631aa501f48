/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clock chip of a PC with its battery-backed RAM, which also tells firmware how much memory there is.
 */
#ifndef DEVICES_RTC_RTC_H
#define DEVICES_RTC_RTC_H

#include <stdint.h>

#include "devices/device.h"

/** mc146818_set_cmos: what firmware finds at @index (0x0e..0x7f). Before the guest runs. */
void mc146818_set_cmos(DeviceState *dev, uint8_t index, uint8_t value);

#endif
