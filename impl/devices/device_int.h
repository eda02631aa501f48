/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the device core share: single properties of single devices.
 */
#ifndef DEVICES_DEVICE_INT_H
#define DEVICES_DEVICE_INT_H

#include "devices/device.h"

/** The current machine's globals: driver, property, value (char *), in order of arrival. */
GPtrArray *device_globals(void);

/** device_prop_set_default: @p belongs to @dev's own class; the field is still zero. */
void device_prop_set_default(DeviceState *dev, const Property *p);
/** device_prop_release: give back what the field owns. */
void device_prop_release(DeviceState *dev, const Property *p);

#endif
