/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands of objects and devices. There is no object tree: "/machine/peripheral/ID" names the device with that
 * id, and its properties are those of its class. Context: main thread, BQL, outside coroutines.
 */
#include "aio/iothread.h"
#include "block/block.h"
#include "cpu/vcpu.h"
#include "devices/device.h"
#include "devices/virtio-rng/rng_backend.h"
#include "monitor/monitor_int.h"
#include "monitor/qapi_events.h"
#include "monitor/qmp_commands.h"

#include <string.h>

#define PERIPHERAL "/machine/peripheral"

/* ---- Objects ---- */

static bool iothread_configure(IOThread *t, const IothreadProperties *p, GError **errp)
{
    IOThreadPollParams params;

    iothread_get_poll_params(t, &params);
    params.max_ns = p->has_poll_max_ns ? p->poll_max_ns : params.max_ns;
    params.grow = p->has_poll_grow ? p->poll_grow : params.grow;
    params.shrink = p->has_poll_shrink ? p->poll_shrink : params.shrink;
    params.max_batch = p->has_aio_max_batch ? p->aio_max_batch : params.max_batch;
    return iothread_set_poll_params(t, &params, errp);
}

void qmp_object_add(ObjectOptions *arg, GError **errp)
{
    IOThread *t;

    if (arg->qom_type != OBJECT_TYPE_IOTHREAD) {
        const char *filename = arg->u.rng_random.filename;

        filename = arg->qom_type == OBJECT_TYPE_RNG_RANDOM ? filename ? filename : "/dev/urandom" : NULL;
        result_ignored(rng_backend_create(arg->id, filename, errp));      /* @errp tells */
        return;
    }
    t = iothread_create(arg->id, errp);
    if (t && !iothread_configure(t, &arg->u.iothread, errp)) {
        iothread_destroy(t);
    }
}

/* Does @dev name the iothread in one of its properties? */
static int device_uses_iothread(DeviceState *dev, void *opaque)
{
    const char *id = opaque;

    for (const Property *p = dev->klass->props; p && p->name; p++) {
        g_autofree char *text = p->type == PROP_IOTHREAD ? device_get_prop(dev, p->name) : NULL;

        if (text && strstr(text, id)) {
            return 1;
        }
    }
    return 0;
}

static bool iothread_in_use(IOThread *t)
{
    for (BlockDriverState *bs = bdrv_next_all_states(NULL); bs; bs = bdrv_next_all_states(bs)) {
        if (bdrv_get_aio_context(bs) == iothread_get_aio_context(t)) {
            return true;
        }
    }
    return device_walk(sysbus_get_default(), device_uses_iothread, (void *)iothread_get_id(t)) != 0;
}

/* A number of the iothread's, if the user gave one. */
static bool object_opt_int(ChrOpts *opts, const char *key, bool *ret_has, int64_t *ret, GError **errp)
{
    uint64_t n;

    if (!chr_opts_get_number(opts, key, 0, &n, errp)) {
        return false;
    }
    *ret_has = chr_opts_get(opts, key) != NULL;
    *ret = (int64_t)MIN(n, G_MAXINT64);
    return true;
}

static bool object_opts_iothread(ChrOpts *opts, IothreadProperties *p, GError **errp)
{
    return object_opt_int(opts, "poll-max-ns", &p->has_poll_max_ns, &p->poll_max_ns, errp) &&
           object_opt_int(opts, "poll-grow", &p->has_poll_grow, &p->poll_grow, errp) &&
           object_opt_int(opts, "poll-shrink", &p->has_poll_shrink, &p->poll_shrink, errp) &&
           object_opt_int(opts, "aio-max-batch", &p->has_aio_max_batch, &p->aio_max_batch, errp);
}

bool monitor_object_add(ChrOpts *opts, GError **errp)
{
    const char *type = chr_opts_get(opts, "qom-type"), *id = chr_opts_get(opts, "id");
    ObjectOptions object = { .id = (char *)id };
    unsigned kind = 0;
    GError *err = NULL;

    if (!type || !id) {
        error_setg(errp, "Parameter '%s' is missing", type ? "id" : "qom-type");
        return false;
    }
    while (kind < OBJECT_TYPE__MAX && strcmp(ObjectType_str(kind), type) != 0) {
        kind++;
    }
    if (kind == OBJECT_TYPE__MAX) {
        error_setg(errp, "Parameter 'qom-type' does not accept value '%s'", type);
        return false;
    }
    object.qom_type = kind;
    if (kind == OBJECT_TYPE_RNG_RANDOM) {
        object.u.rng_random.filename = (char *)chr_opts_get(opts, "filename");
    }
    if ((kind == OBJECT_TYPE_IOTHREAD && !object_opts_iothread(opts, &object.u.iothread, errp)) ||
        !chr_opts_finish(opts, errp)) {
        return false;
    }
    qmp_object_add(&object, &err);
    if (err) {
        g_propagate_error(errp, err);
        return false;
    }
    return true;
}

bool monitor_cmdline_object(const char *optarg, GError **errp)
{
    g_autoptr(ChrOpts) opts = chr_opts_parse(optarg, "qom-type");

    return monitor_object_add(opts, errp);
}

void qmp_object_del(const char *id, GError **errp)
{
    IOThread *t = iothread_by_id(id);
    RngBackend *rng = rng_backend_find(id);

    if (rng) {
        result_ignored(rng_backend_destroy(rng, errp));        /* @errp tells */
        return;
    }
    if (!t) {
        error_setg(errp, "object '%s' not found", id);
        return;
    }
    if (iothread_in_use(t)) {
        error_setg(errp, "object '%s' is in use, can not be deleted", id);
        return;
    }
    iothread_destroy(t);
}

IOThreadInfoList *qmp_query_iothreads(GError **errp)
{
    IOThreadInfoList *list = NULL, **tail = &list;

    for (IOThread *t = iothread_next(NULL); t; t = iothread_next(t)) {
        IOThreadInfo *info = g_new0(IOThreadInfo, 1);
        IOThreadPollParams p;

        iothread_get_poll_params(t, &p);
        info->id = g_strdup(iothread_get_id(t));
        info->thread_id = iothread_get_thread_number(t);
        info->poll_max_ns = p.max_ns;
        info->poll_grow = p.grow;
        info->poll_shrink = p.shrink;
        info->aio_max_batch = p.max_batch;
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

/* ---- Devices ---- */

/* A property value as text, the way the command line would have it. NULL: not a scalar. */
static char *device_value_text(json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_boolean:
        return g_strdup(json_object_get_boolean(value) ? "on" : "off");
    case json_type_int:
    case json_type_double:
    case json_type_string:
        return g_strdup(json_object_get_string(value));
    case json_type_null:
    case json_type_object:
    case json_type_array:
        break;
    }
    return NULL;
}

void qmp_device_add(json_object *args, json_object **ret, GError **errp)
{
    g_autoptr(GPtrArray) opts = g_ptr_array_new_with_free_func(g_free);
    json_object *driver = NULL;

    if (!json_object_object_get_ex(args, "driver", &driver)) {
        error_setg(errp, "Parameter 'driver' is missing");
        return;
    }
    if (json_object_get_type(driver) != json_type_string) {
        error_setg(errp, "Invalid parameter type for 'driver', expected: string");
        return;
    }
    json_object_object_foreach(args, key, value) {
        char *text = device_value_text(value);

        if (!text) {
            error_setg(errp, "Invalid parameter type for '%s', expected: string", key);
            return;
        }
        if (strcmp(key, "driver") == 0) {
            g_free(text);
            continue;
        }
        g_ptr_array_add(opts, g_strdup(key));
        g_ptr_array_add(opts, text);
    }
    result_ignored(qdev_device_add(json_object_get_string(driver), opts, errp));     /* @errp tells */
}

void qmp_device_del(const char *id, GError **errp)
{
    g_autofree char *name = NULL, *path = NULL;
    bool deleted;

    if (!device_find_by_id(id)) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", id);
        return;
    }
    name = g_strdup(id);
    path = g_strdup_printf(PERIPHERAL "/%s", id);
    /* A processor that waits for the big lock to access the device has found its region already. */
    pause_all_vcpus();
    deleted = qdev_unplug(id, errp);
    resume_all_vcpus();
    if (deleted) {
        qapi_event_send_device_deleted(name, path);
    }
}

static void list_properties(const Property *props, ObjectPropertyInfoList ***tail)
{
    for (; props && props->name; props++) {
        ObjectPropertyInfo *info = g_new0(ObjectPropertyInfo, 1);

        info->name = g_strdup(props->name);
        info->type = g_strdup(device_prop_type_name(props->type));
        info->description = g_strdup(props->description);
        QAPI_LIST_APPEND(*tail, info);
    }
}

ObjectPropertyInfoList *qmp_device_list_properties(const char *class_name, GError **errp)
{
    const DeviceClass *klass = device_class_by_name(class_name);
    ObjectPropertyInfoList *list = NULL, **tail = &list;

    if (!klass) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", class_name);
        return NULL;
    }
    list_properties(klass->props, &tail);
    return list;
}

static DeviceState *device_by_path(const char *path, GError **errp)
{
    const char *id = g_str_has_prefix(path, PERIPHERAL "/") ? path + strlen(PERIPHERAL "/") : path;
    DeviceState *dev = device_find_by_id(id);

    if (!dev) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_FOUND, "Device '%s' not found", path);
    }
    return dev;
}

static int list_named_device(DeviceState *dev, void *opaque)
{
    ObjectPropertyInfoList ***tail = opaque;

    if (dev->id) {
        ObjectPropertyInfo *info = g_new0(ObjectPropertyInfo, 1);

        info->name = g_strdup(dev->id);
        info->type = g_strdup_printf("child<%s>", dev->klass->name);
        QAPI_LIST_APPEND(*tail, info);
    }
    return 0;
}

ObjectPropertyInfoList *qmp_qom_list(const char *path, GError **errp)
{
    ObjectPropertyInfoList *list = NULL, **tail = &list;
    DeviceState *dev;

    if (strcmp(path, PERIPHERAL) == 0) {
        (void)device_walk(sysbus_get_default(), list_named_device, &tail);      /* it never stops early */
        return list;
    }
    dev = device_by_path(path, errp);
    if (dev) {
        list_properties(dev->klass->props, &tail);
    }
    return list;
}

void qmp_qom_set(const char *path, const char *property, json_object *value, GError **errp)
{
    DeviceState *dev = device_by_path(path, errp);
    DeviceState *owner;

    if (!dev) {
        return;
    }
    if (!device_find_prop(dev, property, &owner)) {
        error_setg(errp, "Property '%s.%s' not found", dev->klass->name, property);
        return;
    }
    if (strcmp(property, "guest-stats-polling-interval") != 0) {
        error_setg(errp, "Attempt to set property '%s' on device '%s' (type '%s') after it was realized", property,
                   dev->id, dev->klass->name);
        return;
    }
    if (json_object_get_type(value) != json_type_int || json_object_get_int64(value) < 0) {
        error_setg(errp, "Invalid parameter type for '%s', expected: integer", property);
        return;
    }
    (void)monitor_balloon_set_interval(dev, json_object_get_int64(value));      /* only a balloon has it */
}

json_object *qmp_qom_get(const char *path, const char *property, GError **errp)
{
    DeviceState *dev = device_by_path(path, errp);
    g_autofree char *text = NULL;

    if (!dev) {
        return NULL;
    }
    if (strcmp(property, "guest-stats") == 0) {
        json_object *stats = monitor_balloon_stats(dev);

        if (stats) {
            return stats;
        }
    }
    text = device_get_prop(dev, property);
    if (!text) {
        error_setg(errp, "Property '%s.%s' not found", dev->klass->name, property);
        return NULL;
    }
    return json_object_new_string(text);
}
