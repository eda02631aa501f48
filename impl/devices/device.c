/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device tree: creation, plugging, realize, reset and the walk. See device.h for the invariants.
 */
#include "devices/device.h"

#include <string.h>

#include "base/assert.h"
#include "devices/events.h"
#include "migration/vmstate.h"
#include "sched/machine.h"
#include "devices/device_int.h"

typedef struct DevicesState {
    BusState sysbus;
    GPtrArray *globals;         /* of char *: driver, property, value */
    const DeviceEvents *events;
} DevicesState;

static const BusClass sysbus_class = { .type = "System" };

static DevicesState *devices_state(void)
{
    return machine_state(MACHINE_DEVICES);
}

void devices_machine_init(void)
{
    DevicesState *s = g_new0(DevicesState, 1);

    machine_set_state(MACHINE_DEVICES, s);
    s->globals = g_ptr_array_new_with_free_func(g_free);
    bus_init(&s->sysbus, &sysbus_class, NULL, "main-system-bus");
}

void devices_machine_cleanup(void)
{
    DevicesState *s = devices_state();

    if (!s) {
        return;
    }
    bus_cleanup(&s->sysbus);
    g_ptr_array_free(s->globals, TRUE);
    machine_set_state(MACHINE_DEVICES, NULL);
    g_free(s);
}

GPtrArray *device_globals(void)
{
    return devices_state()->globals;
}

void devices_set_events(const DeviceEvents *events)
{
    devices_state()->events = events;
}

const DeviceEvents *devices_events(void)
{
    static const DeviceEvents none;
    DevicesState *s = devices_state();

    return s && s->events ? s->events : &none;
}

BusState *sysbus_get_default(void)
{
    DevicesState *s = devices_state();

    return s ? &s->sysbus : NULL;
}

const DeviceClass *device_class_by_name(const char *name)
{
    for (unsigned i = 0; device_class_table[i]; i++) {
        if (strcmp(device_class_table[i]->name, name) == 0) {
            return device_class_table[i];
        }
    }
    return NULL;
}

/* ---- Buses ---- */

void bus_init(BusState *bus, const BusClass *klass, DeviceState *parent, const char *name)
{
    bus->klass = klass;
    bus->parent = parent;
    bus->children = g_ptr_array_new();
    if (name) {
        bus->name = g_strdup(name);
    } else if (parent && parent->id) {
        bus->name = g_strdup_printf("%s.%u", parent->id, parent->child_buses->len);
    } else {
        g_autofree char *lower = g_ascii_strdown(klass->type, -1);

        bus->name = g_strdup_printf("%s.0", lower);
    }
    if (parent) {
        g_ptr_array_add(parent->child_buses, bus);
    }
}

void bus_cleanup(BusState *bus)
{
    if (!bus->children) {
        return;
    }
    while (bus->children->len) {
        device_free(g_ptr_array_index(bus->children, bus->children->len - 1));
    }
    if (bus->klass->finalize) {
        bus->klass->finalize(bus);
    }
    g_ptr_array_free(bus->children, TRUE);
    bus->children = NULL;
    if (bus->parent) {
        g_ptr_array_remove(bus->parent->child_buses, bus);
    }
    g_free(bus->name);
    bus->name = NULL;
}

static bool bus_has_room(const BusState *bus)
{
    return !bus->klass->max_dev || bus->children->len < bus->klass->max_dev;
}

static BusState *bus_find_below(BusState *bus, const char *name, const char *type)
{
    if (name ? strcmp(bus->name, name) == 0
             : strcmp(bus->klass->type, type) == 0 && bus_has_room(bus)) {
        return bus;
    }
    for (unsigned i = 0; i < bus->children->len; i++) {
        DeviceState *dev = g_ptr_array_index(bus->children, i);

        for (unsigned j = 0; j < dev->child_buses->len; j++) {
            BusState *found = bus_find_below(g_ptr_array_index(dev->child_buses, j), name, type);

            if (found) {
                return found;
            }
        }
    }
    return NULL;
}

BusState *bus_find(const char *name, const char *type)
{
    return bus_find_below(sysbus_get_default(), name, type);
}

/* ---- Life of a device ---- */

static void device_set_defaults(DeviceState *dev)
{
    const Property *p = dev->klass->props;

    for (; p && p->name; p++) {
        device_prop_set_default(dev, p);
    }
}

void device_init_embedded(DeviceState *dev, const DeviceClass *klass)
{
    dev->klass = klass;
    dev->embedded = true;
    dev->child_buses = g_ptr_array_new();
    device_set_defaults(dev);
    if (klass->init) {
        klass->init(dev);
    }
}

DeviceState *device_new(const DeviceClass *klass)
{
    DeviceState *dev = g_malloc0(klass->instance_size);

    device_init_embedded(dev, klass);
    dev->embedded = false;
    return dev;
}

void device_attach(DeviceState *dev, BusState *bus)
{
    assert(!dev->parent_bus);
    dev->parent_bus = bus;
    g_ptr_array_add(bus->children, dev);
}

void device_free(DeviceState *dev)
{
    const Property *p;

    if (!dev) {
        return;
    }
    device_unrealize(dev);
    while (dev->child_buses->len) {
        bus_cleanup(g_ptr_array_index(dev->child_buses, dev->child_buses->len - 1));
    }
    if (dev->parent_bus) {
        g_ptr_array_remove(dev->parent_bus->children, dev);
        dev->parent_bus = NULL;
    }
    if (dev->klass->finalize) {
        dev->klass->finalize(dev);
    }
    for (p = dev->klass->props; p && p->name; p++) {
        device_prop_release(dev, p);
    }
    g_ptr_array_free(dev->child_buses, TRUE);
    g_free(dev->id);
    g_free(dev->path);
    if (!dev->embedded) {
        g_free(dev);
    }
}

/* Names repeat only on buses without addresses; there the position tells devices of one class apart. */
static char *device_make_path(DeviceState *dev)
{
    BusState *bus = dev->parent_bus;
    const char *parent = bus->parent ? bus->parent->path : NULL;
    g_autofree char *own = NULL;
    unsigned same = 0;

    if (bus->klass->get_dev_path) {
        g_autofree char *addr = bus->klass->get_dev_path(dev);

        return g_strdup_printf("%s/%s", addr, dev->klass->name);
    }
    for (unsigned i = 0; i < bus->children->len; i++) {
        DeviceState *other = g_ptr_array_index(bus->children, i);

        if (other == dev) {
            break;
        }
        same += other->klass == dev->klass;
    }
    own = same ? g_strdup_printf("%s[%u]", dev->klass->name, same) : g_strdup(dev->klass->name);
    return parent ? g_strdup_printf("%s/%s", parent, own) : g_steal_pointer(&own);
}

/* Streams name devices by their place on a bus that has addresses; the others are told apart by instance. */
static void device_register_state(DeviceState *dev, bool on)
{
    g_autofree char *addr = NULL;

    if (!dev->klass->vmsd) {
        return;
    }
    if (dev->parent_bus->klass->get_dev_path) {
        addr = dev->parent_bus->klass->get_dev_path(dev);
    }
    if (on) {
        (void)vmstate_register(addr, VMSTATE_INSTANCE_ID_ANY, dev->klass->vmsd, dev);   /* always 0 */
    } else {
        vmstate_unregister(addr, dev->klass->vmsd, dev);
    }
}

bool device_realize(DeviceState *dev, BusState *bus, GError **errp)
{
    const DeviceClass *dc = dev->klass;
    bool attached = false;

    assert(!dev->realized);
    if (bus) {
        device_attach(dev, bus);
        attached = true;
    }
    assert(dev->parent_bus);
    if (dev->parent_bus->klass->check_address &&
        !dev->parent_bus->klass->check_address(dev->parent_bus, dev, errp)) {
        goto fail;
    }
    g_free(dev->path);
    dev->path = device_make_path(dev);
    if (dc->realize && !dc->realize(dev, errp)) {
        goto fail;
    }
    device_register_state(dev, true);
    dev->realized = true;
    return true;
fail:
    if (attached) {
        g_ptr_array_remove(bus->children, dev);
        dev->parent_bus = NULL;
    }
    return false;
}

void device_unrealize(DeviceState *dev)
{
    if (!dev->realized) {
        return;
    }
    dev->realized = false;
    for (unsigned i = 0; i < dev->child_buses->len; i++) {
        BusState *bus = g_ptr_array_index(dev->child_buses, i);

        for (unsigned j = bus->children->len; j > 0; j--) {
            device_unrealize(g_ptr_array_index(bus->children, j - 1));
        }
    }
    device_register_state(dev, false);
    if (dev->klass->unrealize) {
        dev->klass->unrealize(dev);
    }
}

/* ---- Reset ---- */

void device_cold_reset(DeviceState *dev)
{
    if (!dev->realized) {
        return;
    }
    for (unsigned i = 0; i < dev->child_buses->len; i++) {
        bus_cold_reset(g_ptr_array_index(dev->child_buses, i));
    }
    if (dev->klass->reset) {
        dev->klass->reset(dev);
    }
}

void bus_cold_reset(BusState *bus)
{
    for (unsigned i = 0; i < bus->children->len; i++) {
        device_cold_reset(g_ptr_array_index(bus->children, i));
    }
    if (bus->klass->reset) {
        bus->klass->reset(bus);
    }
}

void qemu_devices_reset(void)
{
    bus_cold_reset(sysbus_get_default());
}

/* ---- Looking around ---- */

int device_walk(BusState *bus, int (*fn)(DeviceState *dev, void *opaque), void *opaque)
{
    for (unsigned i = 0; i < bus->children->len; i++) {
        DeviceState *dev = g_ptr_array_index(bus->children, i);
        int ret = fn(dev, opaque);

        for (unsigned j = 0; ret == 0 && j < dev->child_buses->len; j++) {
            ret = device_walk(g_ptr_array_index(dev->child_buses, j), fn, opaque);
        }
        if (ret != 0) {
            return ret;
        }
    }
    return 0;
}

typedef struct FindById {
    const char *id;
    DeviceState *found;
} FindById;

static int device_match_id(DeviceState *dev, void *opaque)
{
    FindById *f = opaque;

    if (dev->id && strcmp(dev->id, f->id) == 0) {
        f->found = dev;
        return 1;
    }
    return 0;
}

DeviceState *device_find_by_id(const char *id)
{
    FindById f = { .id = id };

    if (sysbus_get_default()) {
        (void)device_walk(sysbus_get_default(), device_match_id, &f);   /* f.found says it all */
    }
    return f.found;
}

char *device_description(const DeviceState *dev)
{
    if (dev->id) {
        return g_strdup_printf("device '%s'", dev->id);
    }
    return g_strdup_printf("%s at '%s'", dev->klass->name, dev->path ? dev->path : "nowhere");
}

static void device_print(DeviceState *dev, GString *out, int indent);

static void bus_print(BusState *bus, GString *out, int indent)
{
    g_string_append_printf(out, "%*sbus: %s\n", indent, "", bus->name);
    g_string_append_printf(out, "%*s  type %s\n", indent, "", bus->klass->type);
    for (unsigned i = bus->children->len; i > 0; i--) {
        device_print(g_ptr_array_index(bus->children, i - 1), out, indent + 2);
    }
}

static void device_print(DeviceState *dev, GString *out, int indent)
{
    g_string_append_printf(out, "%*sdev: %s, id \"%s\"\n", indent, "", dev->klass->name, dev->id ? dev->id : "");
    for (const Property *p = dev->klass->props; p && p->name; p++) {
        g_autofree char *text = device_get_prop(dev, p->name);

        g_string_append_printf(out, "%*s%s = %s\n", indent + 2, "", p->name, text);
    }
    for (unsigned i = dev->child_buses->len; i > 0; i--) {
        bus_print(g_ptr_array_index(dev->child_buses, i - 1), out, indent + 2);
    }
}

void device_tree_print(GString *out)
{
    bus_print(sysbus_get_default(), out, 0);
}
