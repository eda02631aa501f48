/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The device tree: devices plug into buses, buses belong to devices, and the root is the machine's system bus.
 *
 * A kind of device is one const DeviceClass; all classes stand in one const table (devices/table.c), so their
 * order is visible and nothing registers itself at run time. A device is a plain struct that begins with
 * DeviceState.
 *
 * Owns: the tree of the current machine (MACHINE_DEVICES). Context: main thread or a vCPU thread, BQL held.
 *
 * I1  A device is on its parent bus exactly from device_attach() to device_free().
 * I2  A realized device has a realized parent; unrealize runs once for each successful realize.
 * I3  Reset visits children before their parent, in order of creation.
 */
#ifndef DEVICES_DEVICE_H
#define DEVICES_DEVICE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct DeviceState DeviceState;
typedef struct DeviceClass DeviceClass;
typedef struct BusState BusState;
typedef struct BusClass BusClass;
typedef struct Property Property;
typedef struct VMStateDescription VMStateDescription;

typedef enum PropertyType {
    PROP_BOOL,          /* bool: on, off, yes, no, true, false */
    PROP_UINT8,
    PROP_UINT16,
    PROP_UINT32,
    PROP_UINT64,
    PROP_INT32,
    PROP_SIZE,          /* uint64_t with suffix k, M, G, T */
    PROP_STRING,        /* char *, owned by the device */
    PROP_DRIVE,         /* BlockBackend *, referenced by the device */
    PROP_IOTHREAD,      /* IOThread *, referenced by the device */
    PROP_CHR,           /* CharBackend embedded in the device */
    PROP_ON_OFF_AUTO,   /* OnOffAuto */
    PROP_PCI_DEVFN,     /* int32_t: "slot", "slot.fn"; -1 = choose */
    PROP_MACADDR,       /* MACAddr */
    PROP_NETDEV,        /* char *, the name of a network backend that has no card; owned by the device */
} PropertyType;

typedef enum OnOffAuto {
    ON_OFF_AUTO_AUTO,
    ON_OFF_AUTO_ON,
    ON_OFF_AUTO_OFF,
} OnOffAuto;

struct Property {
    const char *name;           /* NULL ends a table */
    PropertyType type;
    size_t offset;              /* of the field in the device struct */
    int64_t defval;             /* numbers, bool, OnOffAuto */
    const char *description;
};

#define DEFINE_PROP(_n, _s, _f, _t, _d) \
    { .name = (_n), .type = (_t), .offset = offsetof(_s, _f), .defval = (_d) }
#define DEFINE_PROP_BOOL(n, s, f, d) DEFINE_PROP(n, s, f, PROP_BOOL, d)
#define DEFINE_PROP_UINT8(n, s, f, d) DEFINE_PROP(n, s, f, PROP_UINT8, d)
#define DEFINE_PROP_UINT16(n, s, f, d) DEFINE_PROP(n, s, f, PROP_UINT16, d)
#define DEFINE_PROP_UINT32(n, s, f, d) DEFINE_PROP(n, s, f, PROP_UINT32, d)
#define DEFINE_PROP_UINT64(n, s, f, d) DEFINE_PROP(n, s, f, PROP_UINT64, d)
#define DEFINE_PROP_INT32(n, s, f, d) DEFINE_PROP(n, s, f, PROP_INT32, d)
#define DEFINE_PROP_SIZE(n, s, f, d) DEFINE_PROP(n, s, f, PROP_SIZE, d)
#define DEFINE_PROP_STRING(n, s, f) DEFINE_PROP(n, s, f, PROP_STRING, 0)
#define DEFINE_PROP_DRIVE(n, s, f) DEFINE_PROP(n, s, f, PROP_DRIVE, 0)
#define DEFINE_PROP_IOTHREAD(n, s, f) DEFINE_PROP(n, s, f, PROP_IOTHREAD, 0)
#define DEFINE_PROP_CHR(n, s, f) DEFINE_PROP(n, s, f, PROP_CHR, 0)
#define DEFINE_PROP_ON_OFF_AUTO(n, s, f, d) DEFINE_PROP(n, s, f, PROP_ON_OFF_AUTO, d)
#define DEFINE_PROP_PCI_DEVFN(n, s, f, d) DEFINE_PROP(n, s, f, PROP_PCI_DEVFN, d)
#define DEFINE_PROP_MACADDR(n, s, f) DEFINE_PROP(n, s, f, PROP_MACADDR, 0)
#define DEFINE_PROP_NETDEV(n, s, f) DEFINE_PROP(n, s, f, PROP_NETDEV, 0)
#define DEFINE_PROP_END_OF_LIST() { .name = NULL }

/** One kind of device. Any callback may be NULL. */
struct DeviceClass {
    const char *name;
    const char *desc;
    const char *bus_type;       /* class of bus it plugs into: "System", "ISA", "PCI", "SCSI", "virtio-bus" */
    size_t instance_size;
    const Property *props;
    bool user_creatable;        /* may follow -device */
    /* Set up embedded parts (children included) before properties are set. */
    void (*init)(DeviceState *dev);
    /* On failure everything it did is undone. */
    bool (*realize)(DeviceState *dev, GError **errp);
    void (*unrealize)(DeviceState *dev);
    /* Release what init and properties made beyond the property table. */
    void (*finalize)(DeviceState *dev);
    void (*reset)(DeviceState *dev);
    /* The device whose properties are also ours (the virtio device behind its PCI proxy). */
    DeviceState *(*prop_target)(DeviceState *dev);
    const VMStateDescription *vmsd;     /* registered while realized */
    const void *class_data;     /* per bus type: PCIDeviceClass, VirtioDeviceClass, SCSIDeviceClass */
};

struct DeviceState {
    const DeviceClass *klass;
    char *id;                   /* what the user called it, or NULL */
    char *path;                 /* stable name for traces and streams, e.g. "0000:00:04.0/virtio-scsi-device" */
    bool realized;
    bool embedded;              /* memory belongs to another device */
    BusState *parent_bus;
    GPtrArray *child_buses;     /* of BusState *, in order of creation */
};

struct BusClass {
    const char *type;
    /* The whole address of @dev, which is also its name in streams, e.g. "0000:00:04.0". Caller frees. */
    char *(*get_dev_path)(DeviceState *dev);
    /* Called after the children have been reset, before the device that owns the bus. */
    void (*reset)(BusState *bus);
    /* Give @dev its address, or refuse it. Called at realize, before the device's own. */
    bool (*check_address)(BusState *bus, DeviceState *dev, GError **errp);
    /* Release what the bus has besides its children, which are gone. */
    void (*finalize)(BusState *bus);
    unsigned max_dev;           /* 0: no limit */
};

struct BusState {
    const BusClass *klass;
    char *name;                 /* "pci.0", "scsi0.0" */
    DeviceState *parent;        /* NULL for the root */
    GPtrArray *children;        /* of DeviceState *, in order of creation */
};

/* ---- The machine's tree ---- */

/** devices_machine_init: an empty system bus for the current machine. */
void devices_machine_init(void);
/** devices_machine_cleanup: unrealize and free everything, newest first. */
void devices_machine_cleanup(void);
BusState *sysbus_get_default(void);

/* ---- Classes ---- */

/** All classes, ended by NULL. */
extern const DeviceClass *const device_class_table[];
const DeviceClass *device_class_by_name(const char *name);

/* ---- Buses ---- */

/** bus_init: @bus is embedded in @parent (NULL: the root). @name is copied; NULL: made from the id or class. */
void bus_init(BusState *bus, const BusClass *klass, DeviceState *parent, const char *name);
/** bus_cleanup: frees the children too. */
void bus_cleanup(BusState *bus);
/** bus_find: by name, or by type if @name is NULL and the bus has room; depth first. NULL if there is none. */
BusState *bus_find(const char *name, const char *type);

/* ---- Devices ---- */

/** device_new: a device of @klass with default properties, on no bus. Pair with device_free. */
DeviceState *device_new(const DeviceClass *klass);
/** device_init_embedded: the same for a device that is a field of another. Pair with device_free. */
void device_init_embedded(DeviceState *dev, const DeviceClass *klass);
/** device_free: unrealizes, leaves the bus, frees child buses and the struct. NULL: nothing. */
void device_free(DeviceState *dev);
void device_attach(DeviceState *dev, BusState *bus);

/** device_realize: @dev becomes visible to the guest. @bus: where to attach (already attached: NULL). */
G_GNUC_WARN_UNUSED_RESULT
bool device_realize(DeviceState *dev, BusState *bus, GError **errp);
void device_unrealize(DeviceState *dev);

/** device_cold_reset: child buses, then @dev itself (I3). */
void device_cold_reset(DeviceState *dev);
/** bus_cold_reset: all children of @bus, then the bus's own reset. */
void bus_cold_reset(BusState *bus);
/** qemu_devices_reset: the whole tree of the current machine. */
void qemu_devices_reset(void) G_GNUC_NO_INLINE;

/** device_set_prop: set property @name from text. Errors name the property and the device class. */
G_GNUC_WARN_UNUSED_RESULT
bool device_set_prop(DeviceState *dev, const char *name, const char *value, GError **errp);
/** device_get_prop: the current value as text, or NULL if there is no such property. Caller frees. */
char *device_get_prop(DeviceState *dev, const char *name);
/** device_find_prop: the property and, in @ret_dev, the device that has it (see prop_target). NULL: none. */
const Property *device_find_prop(DeviceState *dev, const char *name, DeviceState **ret_dev);
/** device_prop_type_name: what help prints, e.g. "uint32", "bool", "str", "link<iothread>". */
const char *device_prop_type_name(PropertyType type);

/**
 * qdev_device_add: make, set up, plug and realize a device from parsed options.
 * @opts: "key", "value" pairs (char *), without the driver. @driver: the class name.
 * "id" and "bus" are keys too. Returns the device (owned by the tree) or NULL.
 */
G_GNUC_WARN_UNUSED_RESULT
DeviceState *qdev_device_add(const char *driver, const GPtrArray *opts, GError **errp);
/** device_add_global: from now on a device of class @driver gets @prop = @value when it is made by qdev_device_add. */
void device_add_global(const char *driver, const char *prop, const char *value);
/** qdev_set_globals: what device_add_global() said of @dev's class. For boards that make devices users know. */
G_GNUC_WARN_UNUSED_RESULT
bool qdev_set_globals(DeviceState *dev, GError **errp);
/** qdev_unplug: unrealize and free the device called @id (a cold unplug). */
G_GNUC_WARN_UNUSED_RESULT
bool qdev_unplug(const char *id, GError **errp);

/** device_find_by_id: NULL if there is none. */
DeviceState *device_find_by_id(const char *id);

/** device_walk: call @fn for every device, parents first. Stops and returns the first non-zero result. */
int device_walk(BusState *bus, int (*fn)(DeviceState *dev, void *opaque), void *opaque);

/** device_description: "device 'id'" or "class 'path'" for messages. Caller frees. */
char *device_description(const DeviceState *dev);

/** device_tree_print: as "info qtree" shows it, appended to @out. */
void device_tree_print(GString *out);

#endif
