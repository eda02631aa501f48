/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices the user asks for: from a driver name and options to a realized device, and away again.
 */
#include "devices/device.h"

#include <string.h>

#include "base/id.h"
#include "devices/device_int.h"

static BusState *qdev_choose_bus(const DeviceClass *dc, const char *name, GError **errp)
{
    BusState *bus = bus_find(name, dc->bus_type);

    if (!bus && name) {
        error_setg(errp, "Bus '%s' not found", name);
        return NULL;
    }
    if (!bus) {
        error_setg(errp, "No '%s' bus found for device '%s'", dc->bus_type, dc->name);
        return NULL;
    }
    if (strcmp(bus->klass->type, dc->bus_type) != 0) {
        error_setg(errp, "Device '%s' can't go on %s bus", dc->name, bus->klass->type);
        return NULL;
    }
    if (bus->klass->max_dev && bus->children->len >= bus->klass->max_dev) {
        error_setg(errp, "Bus '%s' is full", bus->name);
        return NULL;
    }
    return bus;
}

static bool qdev_set_options(DeviceState *dev, const GPtrArray *opts, GError **errp)
{
    for (unsigned i = 0; i + 1 < opts->len; i += 2) {
        const char *key = g_ptr_array_index(opts, i);
        const char *value = g_ptr_array_index(opts, i + 1);

        if (strcmp(key, "id") == 0 || strcmp(key, "bus") == 0) {
            continue;
        }
        if (!device_set_prop(dev, key, value, errp)) {
            return false;
        }
    }
    return true;
}

void device_add_global(const char *driver, const char *prop, const char *value)
{
    GPtrArray *globals = device_globals();

    g_ptr_array_add(globals, g_strdup(driver));
    g_ptr_array_add(globals, g_strdup(prop));
    g_ptr_array_add(globals, g_strdup(value));
}

bool qdev_set_globals(DeviceState *dev, GError **errp)
{
    GPtrArray *globals = device_globals();

    for (unsigned i = 0; i + 2 < globals->len; i += 3) {
        if (strcmp(g_ptr_array_index(globals, i), dev->klass->name) == 0 &&
            !device_set_prop(dev, g_ptr_array_index(globals, i + 1), g_ptr_array_index(globals, i + 2), errp)) {
            error_prepend(errp, "can't apply global %s.%s=%s: ", dev->klass->name,
                          (const char *)g_ptr_array_index(globals, i + 1),
                          (const char *)g_ptr_array_index(globals, i + 2));
            return false;
        }
    }
    return true;
}

DeviceState *qdev_device_add(const char *driver, const GPtrArray *opts, GError **errp)
{
    const DeviceClass *dc = device_class_by_name(driver);
    const char *id = NULL;
    const char *bus_name = NULL;
    BusState *bus;
    DeviceState *dev;

    if (!dc) {
        error_setg(errp, "'%s' is not a valid device model name", driver);
        return NULL;
    }
    if (!dc->user_creatable) {
        error_setg(errp, "Parameter 'driver' expects a pluggable device type");
        return NULL;
    }
    for (unsigned i = 0; i + 1 < opts->len; i += 2) {
        const char *key = g_ptr_array_index(opts, i);

        if (strcmp(key, "id") == 0) {
            id = g_ptr_array_index(opts, i + 1);
        } else if (strcmp(key, "bus") == 0) {
            bus_name = g_ptr_array_index(opts, i + 1);
        }
    }
    if (id && !id_wellformed(id)) {
        error_setg(errp, "Parameter 'id' expects an identifier");
        return NULL;
    }
    if (id && device_find_by_id(id)) {
        error_setg(errp, "Duplicate ID '%s' for device", id);
        return NULL;
    }
    bus = qdev_choose_bus(dc, bus_name, errp);
    if (!bus) {
        return NULL;
    }
    dev = device_new(dc);
    dev->id = g_strdup(id);
    if (!qdev_set_globals(dev, errp) || !qdev_set_options(dev, opts, errp) || !device_realize(dev, bus, errp)) {
        device_free(dev);
        return NULL;
    }
    return dev;
}

bool qdev_unplug(const char *id, GError **errp)
{
    DeviceState *dev = device_find_by_id(id);

    if (!dev) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", id);
        return false;
    }
    if (!dev->klass->user_creatable) {
        error_setg(errp, "Device '%s' does not support hotplugging", id);
        return false;
    }
    device_free(dev);
    return true;
}
