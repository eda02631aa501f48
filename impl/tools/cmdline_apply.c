/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options that make something: objects, backends, devices; and help about them.
 */
#include <string.h>

#include "aio/iothread.h"
#include "base/id.h"
#include "block/backend.h"
#include "block/block.h"
#include "cpu/cpuid.h"
#include "cpu/vcpu.h"
#include "devices/device.h"
#include "monitor/chardev.h"
#include "monitor/monitor.h"
#include "tools/cmdline.h"

/* ---- Help ---- */

static void cmdline_device_list(void)
{
    for (unsigned i = 0; device_class_table[i]; i++) {
        const DeviceClass *dc = device_class_table[i];

        if (dc->user_creatable) {
            g_print("name \"%s\", bus %s%s%s%s\n", dc->name, dc->bus_type, dc->desc ? ", desc \"" : "",
                    dc->desc ? dc->desc : "", dc->desc ? "\"" : "");
        }
    }
}

static void cmdline_device_props(const char *driver)
{
    const DeviceClass *dc = device_class_by_name(driver);
    DeviceState *dev;

    if (!dc || !dc->user_creatable) {
        g_printerr("rondo: '%s' is not a valid device model name\n", driver);
        return;
    }
    dev = device_new(dc);
    g_print("%s options:\n", driver);
    for (DeviceState *d = dev; d; d = d->klass->prop_target ? d->klass->prop_target(d) : NULL) {
        for (const Property *p = d->klass->props; p && p->name; p++) {
            g_print("  %s=<%s>\n", p->name, device_prop_type_name(p->type));
        }
    }
    device_free(dev);
}

static bool cmdline_is_help(const CmdArg *a)
{
    return a && a->arg && (strcmp(a->arg, "help") == 0 || strcmp(a->arg, "?") == 0);
}

static bool cmdline_device_help(const CmdLine *c)
{
    const CmdArg *a;
    unsigned pos = 0;

    while ((a = cmdline_each(c, CMD_DEVICE, &pos))) {
        const char *comma = strchr(a->arg, ',');

        if (cmdline_is_help(a)) {
            cmdline_device_list();
            return true;
        }
        if (comma && strcmp(comma, ",help") == 0) {
            g_autofree char *driver = g_strndup(a->arg, comma - a->arg);

            cmdline_device_props(driver);
            return true;
        }
    }
    return false;
}

bool cmdline_help_requested(const CmdLine *c)
{
    if (cmdline_last(c, CMD_HELP)) {
        cmdline_print_help();
        return true;
    }
    if (cmdline_last(c, CMD_VERSION)) {
        g_print("Rondo version 0.1.0\n");
        return true;
    }
    if (cmdline_is_help(cmdline_last(c, CMD_MACHINE))) {
        g_print("Supported machines are:\n");
        for (unsigned i = 0; machine_class_table[i]; i++) {
            const MachineClass *mc = machine_class_table[i];

            g_print("%-20s %s (alias of %s)\n%-20s %s (default)\n", mc->alias, mc->desc, mc->name, mc->name,
                    mc->desc);
        }
        return true;
    }
    if (cmdline_is_help(cmdline_last(c, CMD_CPU))) {
        g_autofree char *text = cpu_model_help();

        g_print("%s", text);
        return true;
    }
    if (cmdline_is_help(cmdline_last(c, CMD_ACCEL))) {
        g_print("%s", accel_help());
        return true;
    }
    if (cmdline_is_help(cmdline_last(c, CMD_OBJECT))) {
        g_print("List of user creatable objects:\n  iothread\n  rng-builtin\n  rng-random\n");
        return true;
    }
    return cmdline_net_help(c) || cmdline_device_help(c);
}

/* ---- Objects ---- */

static bool cmdline_object_id(const CmdArg *a)
{
    GError *err = NULL;
    g_autoptr(QDict) d = cmdline_qdict(a->arg, "qom-type", &err);
    const char *id = d ? qdict_get_try_str(d, "id") : NULL;

    if (!d) {
        return cmdline_report(a, err);
    }
    if (id && !id_wellformed(id)) {
        error_setg(&err, "Parameter 'id' expects an identifier\n"
                   "Identifiers consist of letters, digits, '-', '.', '_', starting with a letter.");
        return cmdline_report(a, err);
    }
    if (id && iothread_by_id(id)) {
        error_setg(&err, "Duplicate ID '%s' for object", id);
        return cmdline_report(a, err);
    }
    return true;
}

bool cmdline_objects(const CmdLine *c)
{
    const CmdArg *a;
    unsigned pos = 0;

    while ((a = cmdline_each(c, CMD_OBJECT, &pos))) {
        GError *err = NULL;

        if (!cmdline_object_id(a)) {
            return false;
        }
        if (!monitor_cmdline_object(a->arg, &err)) {
            return cmdline_report(a, err);
        }
    }
    return true;
}

/* ---- Chardevs and monitors ---- */

static bool cmdline_serial(const CmdArg *a, const char *text, unsigned index, MachineState *ms)
{
    Chardev *chr = NULL;
    GError *err = NULL;

    if (index >= MACHINE_MAX_SERIAL) {
        error_setg(&err, "too many serial ports, at most %d", MACHINE_MAX_SERIAL);
        return cmdline_report(a, err);
    }
    if (!qemu_chr_cmdline_serial(index, text, &chr, &err)) {
        return cmdline_report(a, err);
    }
    ms->serial[index] = chr ? g_strdup(qemu_chr_label(chr)) : NULL;
    return true;
}

bool cmdline_chardevs(const CmdLine *c, const RunOptions *run, MachineState *ms)
{
    const CmdArg *a;
    unsigned pos = 0;
    unsigned n = 0;

    while ((a = cmdline_each(c, CMD_ADD_FD, &pos))) {
        GError *err = NULL;

        if (!monitor_cmdline_add_fd(a->arg, &err)) {
            return cmdline_report(a, err);
        }
    }
    pos = 0;
    while ((a = cmdline_each(c, CMD_CHARDEV, &pos))) {
        GError *err = NULL;

        if (!qemu_chr_new_from_opts(a->arg, &err)) {
            return cmdline_report(a, err);
        }
    }
    pos = 0;
    while ((a = cmdline_each(c, CMD_SERIAL, &pos))) {
        if (!cmdline_serial(a, a->arg, n++, ms)) {
            return false;
        }
    }
    if (n == 0 && run->nographic) {
        return cmdline_serial(NULL, cmdline_last(c, CMD_MONITOR) ? "stdio" : "mon:stdio", 0, ms);
    }
    return n > 0 || !run->defaults || cmdline_serial(NULL, "null", 0, ms);
}

bool cmdline_monitors(const CmdLine *c, const RunOptions *run)
{
    const struct {
        CmdOptId id;
        bool qmp;
        bool pretty;
    } kinds[] = { { CMD_MONITOR, false, false }, { CMD_QMP, true, false }, { CMD_QMP_PRETTY, true, true } };
    const CmdArg *a;
    unsigned pos = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        pos = 0;
        while ((a = cmdline_each(c, kinds[i].id, &pos))) {
            GError *err = NULL;

            if (kinds[i].qmp ? !monitor_cmdline_qmp(a->arg, kinds[i].pretty, &err)
                             : !monitor_cmdline_monitor(a->arg, &err)) {
                return cmdline_report(a, err);
            }
        }
    }
    pos = 0;
    while ((a = cmdline_each(c, CMD_MON, &pos))) {
        GError *err = NULL;

        if (!monitor_cmdline_mon(a->arg, &err)) {
            return cmdline_report(a, err);
        }
    }
    return true;
}

/* ---- Disks and devices ---- */

/* -hda to -hdd, -cdrom and a bare word; anything else is no drive, which is fine. */
static bool cmdline_short_drive(const CmdArg *a, BlockInterfaceType type, GError **errp)
{
    static const struct {
        CmdOptId id;
        const char *index;
        const char *media;
    } kinds[] = { { CMD_HDA, "0", "disk" }, { CMD_HDB, "1", "disk" }, { CMD_HDC, "2", "disk" },
                  { CMD_HDD, "3", "disk" }, { CMD_CDROM, "2", "cdrom" } };

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (a->opt->id == kinds[i].id) {
            QDict *d = qdict_new();

            qdict_put_str(d, "index", kinds[i].index);
            qdict_put_str(d, "media", kinds[i].media);
            qdict_put_str(d, "file", a->arg);
            return drive_new_opts(d, type, errp);
        }
    }
    return true;
}

bool cmdline_blockdevs(const CmdLine *c, MachineState *ms)
{
    BlockInterfaceType def = ms->klass->block_default_type == IF_NONE ? IF_VIRTIO : ms->klass->block_default_type;

    drive_set_ide_units_per_bus(ms->klass->ide_units_per_bus);
    for (unsigned i = 0; i < c->args->len; i++) {
        const CmdArg *a = &g_array_index(c->args, CmdArg, i);
        GError *err = NULL;

        if (a->opt->id == CMD_BLOCKDEV) {
            QDict *d = cmdline_qdict(a->arg, "driver", &err);

            if (!d || !blockdev_add(d, &err)) {
                return cmdline_report(a, err);
            }
        } else if (a->opt->id == CMD_DRIVE ? !drive_new(a->arg, def, &err) : !cmdline_short_drive(a, def, &err)) {
            return cmdline_report(a, err);
        }
    }
    for (unsigned i = 0; i < MACHINE_MAX_PFLASH; i++) {
        DriveInfo *dinfo = drive_get(IF_PFLASH, 0, i);

        if (dinfo) {
            g_free(ms->pflash[i]);
            ms->pflash[i] = g_strdup(blk_name(blk_by_legacy_dinfo(dinfo)));
        }
    }
    return true;
}

bool cmdline_globals(const CmdLine *c)
{
    const CmdArg *a;
    unsigned pos = 0;

    while ((a = cmdline_each(c, CMD_GLOBAL, &pos))) {
        const char *dot = strchr(a->arg, '.');
        const char *eq = dot ? strchr(dot, '=') : NULL;
        GError *err = NULL;

        if (!eq) {
            error_setg(&err, "Invalid parameter '%s'", a->arg);
            return cmdline_report(a, err);
        }
        g_autofree char *driver = g_strndup(a->arg, dot - a->arg);
        g_autofree char *prop = g_strndup(dot + 1, eq - dot - 1);

        device_add_global(driver, prop, eq + 1);
    }
    return true;
}

static bool cmdline_device(const CmdArg *a)
{
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    GError *err = NULL;
    g_autoptr(QDict) d = cmdline_qdict(a->arg, "driver", &err);
    const char *driver = d ? qdict_get_try_str(d, "driver") : NULL;

    if (!d) {
        return cmdline_report(a, err);
    }
    if (!driver) {
        error_setg(&err, "Parameter 'driver' is missing");
        return cmdline_report(a, err);
    }
    for (size_t i = 0; i < qdict_size(d); i++) {
        const char *key = qdict_key_at(d, i);

        if (strcmp(key, "driver") != 0) {
            const char *value = qdict_get_try_str(d, key);

            g_ptr_array_add(opts, (char *)key);
            g_ptr_array_add(opts, (char *)(value ? value : ""));
        }
    }
    return qdev_device_add(driver, opts, &err) || cmdline_report(a, err);
}

/* Drives with an interface get a device made for them, or are an error if the board has no such interface. */
static bool cmdline_drive_device(DriveInfo *dinfo)
{
    const char *name = blk_name(blk_by_legacy_dinfo(dinfo));
    g_autofree char *ide_bus = g_strdup_printf("ide.%d", dinfo->bus);
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    GError *err = NULL;

    if (dinfo->type == IF_IDE && bus_find(ide_bus, NULL)) {
        g_autofree char *unit = g_strdup_printf("%d", dinfo->unit);
        const char *const kv[] = { "bus", ide_bus, "unit", unit, "drive", name };

        for (unsigned i = 0; i < G_N_ELEMENTS(kv); i++) {
            g_ptr_array_add(opts, (char *)kv[i]);
        }
        if (qdev_device_add(dinfo->media_cd ? "ide-cd" : "ide-hd", opts, &err)) {
            return true;
        }
    } else if (dinfo->type == IF_VIRTIO) {
        g_ptr_array_add(opts, (char *)"drive");
        g_ptr_array_add(opts, (char *)name);
        if (qdev_device_add(bus_find(NULL, "PCI") ? "virtio-blk-pci" : "virtio-blk-device", opts, &err)) {
            return true;
        }
    } else {
        error_setg(&err, "machine type does not support if=%s,bus=%d,unit=%d", drive_if_name(dinfo->type), dinfo->bus,
                   dinfo->unit);
    }
    return cmdline_report(NULL, err);
}

bool cmdline_devices(const CmdLine *c)
{
    const CmdArg *a;
    unsigned pos = 0;

    if (!cmdline_nics(c)) {
        return false;
    }
    for (BlockBackend *blk = blk_next(NULL); blk; blk = blk_next(blk)) {
        DriveInfo *dinfo = blk_legacy_dinfo(blk);

        if (dinfo && dinfo->type != IF_NONE && dinfo->type != IF_PFLASH && !blk_get_attached_dev(blk) &&
            !cmdline_drive_device(dinfo)) {
            return false;
        }
    }
    while ((a = cmdline_each(c, CMD_DEVICE, &pos))) {
        if (!cmdline_device(a)) {
            return false;
        }
    }
    return true;
}
