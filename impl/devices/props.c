/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Properties: text to fields of a device struct and back. Fields that refer to something (drive, iothread,
 * chardev) hold it until the device is freed.
 */
#include "devices/device.h"

#include <stdlib.h>
#include <string.h>

#include "aio/iothread.h"
#include "block/backend.h"
#include "block/block.h"
#include "devices/device_int.h"
#include "monitor/chardev.h"
#include "net/net.h"

static void *prop_field(DeviceState *dev, const Property *p)
{
    return (char *)dev + p->offset;
}

const char *device_prop_type_name(PropertyType type)
{
    switch (type) {
    case PROP_BOOL:
        return "bool";
    case PROP_UINT8:
        return "uint8";
    case PROP_UINT16:
        return "uint16";
    case PROP_UINT32:
        return "uint32";
    case PROP_UINT64:
        return "uint64";
    case PROP_INT32:
        return "int32";
    case PROP_SIZE:
        return "size";
    case PROP_STRING:
    case PROP_DRIVE:
    case PROP_CHR:
    case PROP_MACADDR:
    case PROP_NETDEV:
        return "str";
    case PROP_IOTHREAD:
        return "link<iothread>";
    case PROP_ON_OFF_AUTO:
        return "OnOffAuto";
    case PROP_PCI_DEVFN:
        return "int32";
    }
    return "?";
}

/* Bytes of a number field; 0 for the others. */
static unsigned prop_width(PropertyType type)
{
    switch (type) {
    case PROP_UINT8:
        return 1;
    case PROP_UINT16:
        return 2;
    case PROP_UINT32:
    case PROP_INT32:
    case PROP_PCI_DEVFN:
        return 4;
    case PROP_UINT64:
    case PROP_SIZE:
        return 8;
    default:
        return 0;
    }
}

static void prop_store_number(void *field, unsigned width, uint64_t v)
{
    switch (width) {
    case 1:
        *(uint8_t *)field = v;
        break;
    case 2:
        *(uint16_t *)field = v;
        break;
    case 4:
        *(uint32_t *)field = v;
        break;
    default:
        *(uint64_t *)field = v;
        break;
    }
}

static uint64_t prop_load_number(const void *field, unsigned width)
{
    switch (width) {
    case 1:
        return *(const uint8_t *)field;
    case 2:
        return *(const uint16_t *)field;
    case 4:
        return *(const uint32_t *)field;
    default:
        return *(const uint64_t *)field;
    }
}

void device_prop_set_default(DeviceState *dev, const Property *p)
{
    void *field = prop_field(dev, p);

    if (prop_width(p->type)) {
        prop_store_number(field, prop_width(p->type), p->defval);
    } else if (p->type == PROP_BOOL) {
        *(bool *)field = p->defval;
    } else if (p->type == PROP_ON_OFF_AUTO) {
        *(OnOffAuto *)field = p->defval;
    }
}

void device_prop_release(DeviceState *dev, const Property *p)
{
    void *field = prop_field(dev, p);

    switch (p->type) {
    case PROP_STRING:
    case PROP_NETDEV:
        g_clear_pointer((char **)field, g_free);
        break;
    case PROP_DRIVE:
        if (*(BlockBackend **)field) {
            blk_detach_dev(*(BlockBackend **)field, dev);
            blk_unref(*(BlockBackend **)field);
            *(BlockBackend **)field = NULL;
        }
        break;
    case PROP_CHR:
        qemu_chr_fe_deinit(field, false);
        break;
    default:
        break;
    }
}

const Property *device_find_prop(DeviceState *dev, const char *name, DeviceState **ret_dev)
{
    for (const Property *p = dev->klass->props; p && p->name; p++) {
        if (strcmp(p->name, name) == 0) {
            *ret_dev = dev;
            return p;
        }
    }
    if (dev->klass->prop_target) {
        return device_find_prop(dev->klass->prop_target(dev), name, ret_dev);
    }
    return NULL;
}

static bool prop_parse_bool(const char *value, bool *ret)
{
    static const char *const yes[] = { "on", "yes", "true", "y" };
    static const char *const no[] = { "off", "no", "false", "n" };

    for (unsigned i = 0; i < G_N_ELEMENTS(yes); i++) {
        if (strcmp(value, yes[i]) == 0) {
            *ret = true;
            return true;
        }
        if (strcmp(value, no[i]) == 0) {
            *ret = false;
            return true;
        }
    }
    return false;
}

static bool prop_parse_number(const Property *p, const char *name, const char *value, uint64_t *ret,
                              GError **errp)
{
    char *end;
    unsigned bits = 8 * prop_width(p->type);
    unsigned shift = 0;
    guint64 v;

    errno = 0;
    v = g_ascii_strtoull(value, &end, 0);
    if (p->type == PROP_SIZE && *end && end != value) {
        static const char suffix[] = "BKMGT";
        const char *at = strchr(suffix, g_ascii_toupper(*end));

        shift = at && *at ? 10 * (at - suffix) : 0;
        end += at && *at;
    }
    if (errno || end == value || *end || (bits < 64 && p->type != PROP_INT32 && v >> bits) ||
        (shift && v >> (64 - shift))) {
        error_setg(errp, "Parameter '%s' expects %s", name,
                   p->type == PROP_SIZE ? "a non-negative number below 2^64" : device_prop_type_name(p->type));
        return false;
    }
    *ret = v << shift;
    return true;
}

static bool prop_parse_devfn(const char *name, const char *value, int32_t *ret, GError **errp)
{
    char *end;
    guint64 slot = g_ascii_strtoull(value, &end, 16);
    guint64 fn = 0;

    if (end != value && *end == '.') {
        const char *at = end + 1;

        fn = g_ascii_strtoull(at, &end, 16);
        if (end == at) {
            slot = 32;
        }
    }
    if (end == value || *end || slot > 31 || fn > 7) {
        error_setg(errp, "Property '%s' doesn't take value '%s'", name, value);
        return false;
    }
    *ret = slot << 3 | fn;
    return true;
}

/* A name of -drive is a backend already; a node name gets a backend of its own. */
static bool prop_set_drive(DeviceState *dev, const char *name, BlockBackend **field, const char *value,
                           GError **errp)
{
    BlockBackend *blk = blk_by_name(value);
    bool own = false;

    if (*field) {
        error_setg(errp, "Property '%s.%s' was set twice", dev->klass->name, name);
        return false;
    }
    if (!blk) {
        BlockDriverState *bs = bdrv_lookup_bs(NULL, value, NULL);

        if (!bs) {
            error_setg(errp, "Property '%s.%s' can't find value '%s'", dev->klass->name, name, value);
            return false;
        }
        blk = blk_new(bdrv_get_aio_context(bs), 0, BLK_PERM_ALL);
        own = true;
        if (blk_insert_bs(blk, bs, errp) < 0) {
            blk_unref(blk);
            return false;
        }
    }
    if (blk_attach_dev(blk, dev) < 0) {
        error_setg(errp, "Drive '%s' is already in use by another device", value);
        if (own) {
            blk_unref(blk);
        }
        return false;
    }
    if (!own) {
        blk_ref(blk);
    }
    *field = blk;
    return true;
}

/* The name is kept, not the client: a backend may be deleted while its card stays. */
static bool prop_set_netdev(DeviceState *dev, const Property *p, const char *value, GError **errp)
{
    char **field = prop_field(dev, p);
    NetClientState *nc = qemu_find_netdev(value);

    if (!nc) {
        error_setg(errp, "Property '%s.%s' can't find value '%s'", dev->klass->name, p->name, value);
        return false;
    }
    if (nc->peer) {
        error_setg(errp, "Property '%s.%s' can't take value '%s', it's in use", dev->klass->name, p->name, value);
        return false;
    }
    g_free(*field);
    *field = g_strdup(value);
    return true;
}

static bool prop_set_reference(DeviceState *dev, const Property *p, const char *value, GError **errp)
{
    void *field = prop_field(dev, p);

    if (p->type == PROP_DRIVE) {
        return prop_set_drive(dev, p->name, field, value, errp);
    }
    if (p->type == PROP_IOTHREAD) {
        IOThread *iothread = iothread_by_id(value);

        if (!iothread) {
            error_setg(errp, "Device '%s' not found", value);
            return false;
        }
        *(IOThread **)field = iothread;
        return true;
    }
    Chardev *chr = qemu_chr_find(value);

    if (!chr) {
        error_setg(errp, "Property '%s.%s' can't find value '%s'", dev->klass->name, p->name, value);
        return false;
    }
    if (!qemu_chr_fe_init(field, chr, errp)) {
        error_prepend(errp, "Property '%s.%s' can't take value '%s': ", dev->klass->name, p->name, value);
        return false;
    }
    return true;
}

bool device_set_prop(DeviceState *dev, const char *name, const char *value, GError **errp)
{
    DeviceState *owner;
    const Property *p = device_find_prop(dev, name, &owner);
    uint64_t number;
    void *field;

    if (!p) {
        error_setg(errp, "Property '%s.%s' not found", dev->klass->name, name);
        return false;
    }
    field = prop_field(owner, p);
    switch (p->type) {
    case PROP_DRIVE:
    case PROP_IOTHREAD:
    case PROP_CHR:
        return prop_set_reference(owner, p, value, errp);
    case PROP_STRING:
        g_free(*(char **)field);
        *(char **)field = g_strdup(value);
        return true;
    case PROP_PCI_DEVFN:
        return prop_parse_devfn(name, value, field, errp);
    case PROP_NETDEV:
        return prop_set_netdev(owner, p, value, errp);
    case PROP_MACADDR:
        if (!net_parse_macaddr(value, field)) {
            error_setg(errp, "Property '%s.%s' doesn't take value '%s'", owner->klass->name, name, value);
            return false;
        }
        return true;
    case PROP_ON_OFF_AUTO:
        if (strcmp(value, "auto") == 0) {
            *(OnOffAuto *)field = ON_OFF_AUTO_AUTO;
            return true;
        }
        G_GNUC_FALLTHROUGH;
    case PROP_BOOL: {
        bool on;

        if (!prop_parse_bool(value, &on)) {
            error_setg(errp, "Parameter '%s' expects %s", name,
                       p->type == PROP_BOOL ? "'on' or 'off'" : "'on', 'off' or 'auto'");
            return false;
        }
        if (p->type == PROP_BOOL) {
            *(bool *)field = on;
        } else {
            *(OnOffAuto *)field = on ? ON_OFF_AUTO_ON : ON_OFF_AUTO_OFF;
        }
        return true;
    }
    default:
        if (!prop_parse_number(p, name, value, &number, errp)) {
            return false;
        }
        prop_store_number(field, prop_width(p->type), number);
        return true;
    }
}

static char *prop_reference_text(const Property *p, void *field)
{
    if (p->type == PROP_DRIVE) {
        BlockBackend *blk = *(BlockBackend **)field;
        const char *name = blk ? blk_name(blk) : "";

        if (blk && !*name && blk_bs(blk)) {
            name = bdrv_get_node_name(blk_bs(blk));
        }
        return g_strdup_printf("\"%s\"", name);
    }
    if (p->type == PROP_IOTHREAD) {
        IOThread *iothread = *(IOThread **)field;

        return g_strdup_printf("\"%s\"", iothread ? iothread_get_id(iothread) : "");
    }
    Chardev *chr = qemu_chr_fe_get_driver(field);

    return g_strdup_printf("\"%s\"", chr ? qemu_chr_label(chr) : "");
}

char *device_get_prop(DeviceState *dev, const char *name)
{
    static const char *const on_off_auto[] = { "\"auto\"", "\"on\"", "\"off\"" };
    DeviceState *owner;
    const Property *p = device_find_prop(dev, name, &owner);
    uint64_t v;
    void *field;

    if (!p) {
        return NULL;
    }
    field = prop_field(owner, p);
    switch (p->type) {
    case PROP_BOOL:
        return g_strdup(*(bool *)field ? "true" : "false");
    case PROP_STRING:
    case PROP_NETDEV:
        return g_strdup_printf("\"%s\"", *(char **)field ? *(char **)field : "");
    case PROP_MACADDR: {
        const uint8_t *a = ((MACAddr *)field)->a;

        return g_strdup_printf("\"%02x:%02x:%02x:%02x:%02x:%02x\"", a[0], a[1], a[2], a[3], a[4], a[5]);
    }
    case PROP_ON_OFF_AUTO:
        return g_strdup(on_off_auto[*(OnOffAuto *)field]);
    case PROP_DRIVE:
    case PROP_IOTHREAD:
    case PROP_CHR:
        return prop_reference_text(p, field);
    case PROP_PCI_DEVFN:
        v = prop_load_number(field, 4);
        return g_strdup_printf("%02x.%x", (unsigned)v >> 3 & 0x1f, (unsigned)v & 7);
    default:
        v = prop_load_number(field, prop_width(p->type));
        return g_strdup_printf("%" G_GUINT64_FORMAT " (0x%" G_GINT64_MODIFIER "x)", v, v);
    }
}
