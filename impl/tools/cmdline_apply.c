/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What options do: settings of the machine, objects, backends, devices.
 */
#include <string.h>

#include "base/bytes.h"
#include "block/backend.h"
#include "block/block.h"
#include "devices/device.h"
#include "monitor/chardev.h"
#include "monitor/monitor.h"
#include "tools/cmdline.h"

#define SIZE_HINT "\nOptional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n" \
                  "and exabytes, respectively."

/* "a=b,c=d" or JSON; a bare first word belongs to @implied. */
static QDict *cmdline_qdict(const char *text, const char *implied, GError **errp)
{
    return text[0] == '{' ? qdict_from_json_text(text, errp) : qdict_from_keyval(text, implied, errp);
}

/* NULL if every key of @d is in the NULL-terminated list @known, else the first that is not. */
static const char *cmdline_unknown_key(const QDict *d, const char *const *known)
{
    for (size_t i = 0; i < qdict_size(d); i++) {
        if (!g_strv_contains(known, qdict_key_at(d, i))) {
            return qdict_key_at(d, i);
        }
    }
    return NULL;
}

static bool cmdline_check_keys(const CmdArg *a, const QDict *d, const char *const *known)
{
    const char *key = cmdline_unknown_key(d, known);
    GError *err = NULL;

    if (key) {
        error_setg(&err, "Invalid parameter '%s'", key);
        return cmdline_report(a, err);
    }
    return true;
}

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
        g_print("Available CPUs:\n  max\n  qemu64\n");
        return true;
    }
    if (cmdline_is_help(cmdline_last(c, CMD_ACCEL))) {
        g_print("Accelerators supported in Rondo:\nsoft\ntcg\n");
        return true;
    }
    if (cmdline_is_help(cmdline_last(c, CMD_OBJECT))) {
        g_print("List of user creatable objects:\n  iothread\n");
        return true;
    }
    return cmdline_device_help(c);
}

/* ---- How to run ---- */

static bool cmdline_action(const CmdArg *a, RunOptions *ret)
{
    static const char *const known[] = { "reboot", "shutdown", "panic", "watchdog", NULL };
    GError *err = NULL;
    g_autoptr(QDict) d = cmdline_qdict(a->arg, NULL, &err);

    if (!d) {
        return cmdline_report(a, err);
    }
    if (!cmdline_check_keys(a, d, known)) {
        return false;
    }
    for (size_t i = 0; i < qdict_size(d); i++) {
        const char *key = qdict_key_at(d, i);
        const char *value = qdict_get_try_str(d, key);

        if (strcmp(key, "reboot") == 0 && strcmp(value, "reset") == 0) {
            ret->reboot = REBOOT_ACTION_RESET;
        } else if (strcmp(key, "reboot") == 0 && strcmp(value, "shutdown") == 0) {
            ret->reboot = REBOOT_ACTION_SHUTDOWN;
        } else if (strcmp(key, "shutdown") == 0 && strcmp(value, "poweroff") == 0) {
            ret->shutdown = SHUTDOWN_ACTION_POWEROFF;
        } else if (strcmp(key, "shutdown") == 0 && strcmp(value, "pause") == 0) {
            ret->shutdown = SHUTDOWN_ACTION_PAUSE;
        } else {
            error_setg(&err, "Parameter '%s' does not accept value '%s'", key, value);
            return cmdline_report(a, err);
        }
    }
    return true;
}

/* Options whose only value says that there is none of something, which is so. */
static bool cmdline_only_none(const CmdLine *c, CmdOptId id, const char *format)
{
    const CmdArg *a;
    unsigned pos = 0;

    while ((a = cmdline_each(c, id, &pos))) {
        GError *err = NULL;

        if (strcmp(a->arg, "none") != 0) {
            error_setg(&err, "Parameter '%s' does not accept value '%s'", format, a->arg);
            return cmdline_report(a, err);
        }
    }
    return true;
}

static bool cmdline_check_lists(const CmdLine *c)
{
    static const char *const rtc[] = { "base", "clock", "driftfix", NULL };
    static const char *const boot[] = { "order", "once", "menu", "splash", "splash-time", "reboot-timeout", "strict",
                                        NULL };
    const struct {
        CmdOptId id;
        const char *implied;
        const char *const *known;
    } lists[] = { { CMD_RTC, NULL, rtc }, { CMD_BOOT, "order", boot } };

    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        const CmdArg *a;
        unsigned pos = 0;

        while ((a = cmdline_each(c, lists[i].id, &pos))) {
            GError *err = NULL;
            g_autoptr(QDict) d = cmdline_qdict(a->arg, lists[i].implied, &err);

            if (!d) {
                return cmdline_report(a, err);
            }
            if (!cmdline_check_keys(a, d, lists[i].known)) {
                return false;
            }
            if (lists[i].id == CMD_RTC && qdict_haskey(d, "base") &&
                strcmp(qdict_get_try_str(d, "base"), "utc") != 0) {
                error_setg(&err, "invalid datetime format");
                return cmdline_report(a, err);
            }
        }
    }
    return true;
}

bool cmdline_run_options(const CmdLine *c, RunOptions *ret)
{
    const CmdArg *a;
    unsigned pos = 0;

    ret->autostart = !cmdline_last(c, CMD_S);
    ret->defaults = !cmdline_last(c, CMD_NODEFAULTS);
    ret->nographic = cmdline_last(c, CMD_NOGRAPHIC) != NULL;
    ret->reboot = cmdline_last(c, CMD_NO_REBOOT) ? REBOOT_ACTION_SHUTDOWN : REBOOT_ACTION_RESET;
    ret->shutdown = cmdline_last(c, CMD_NO_SHUTDOWN) ? SHUTDOWN_ACTION_PAUSE : SHUTDOWN_ACTION_POWEROFF;
    while ((a = cmdline_each(c, CMD_ACTION, &pos))) {
        if (!cmdline_action(a, ret)) {
            return false;
        }
    }
    a = cmdline_last(c, CMD_PIDFILE);
    ret->pidfile = a ? a->arg : NULL;
    ret->incoming = cmdline_last(c, CMD_INCOMING);
    return cmdline_only_none(c, CMD_DISPLAY, "type") && cmdline_only_none(c, CMD_VGA, "vga") &&
           cmdline_only_none(c, CMD_NET, "type") && cmdline_only_none(c, CMD_NIC, "type") &&
           cmdline_only_none(c, CMD_PARALLEL, "parallel") && cmdline_check_lists(c);
}

/* ---- The machine ---- */

static bool cmdline_memory(const CmdArg *a, MachineState *ms)
{
    static const char *const known[] = { "size", NULL };
    GError *err = NULL;
    g_autoptr(QDict) d = cmdline_qdict(a->arg, "size", &err);
    const char *text = d ? qdict_get_try_str(d, "size") : NULL;
    uint64_t size = 0;

    if (!d) {
        return cmdline_report(a, err);
    }
    if (!cmdline_check_keys(a, d, known)) {
        return false;
    }
    if (!text || !block_parse_size("size", text, &size, NULL)) {
        error_setg(&err, "Parameter 'size' expects a non-negative number below 2^64" SIZE_HINT);
        return cmdline_report(a, err);
    }
    /* A bare number means MiB. */
    if (text[0] && g_ascii_isdigit(text[strlen(text) - 1]) && u64_mul_overflows(size, MiB, &size)) {
        size = UINT64_MAX;
    }
    if (size > 1 * TiB) {
        error_setg(&err, "ram size too large");
        return cmdline_report(a, err);
    }
    ms->ram_size = size ? QEMU_ALIGN_UP(size, 8 * KiB) : ms->ram_size;
    return true;
}

static bool cmdline_smp(const CmdArg *a, MachineState *ms)
{
    static const char *const known[] = { "cpus", "sockets", "dies", "clusters", "cores", "threads", "maxcpus", NULL };
    GError *err = NULL;
    g_autoptr(QDict) d = cmdline_qdict(a->arg, "cpus", &err);
    uint64_t cpus = 1;
    bool have = false;

    if (!d) {
        return cmdline_report(a, err);
    }
    if (cmdline_unknown_key(d, known)) {
        error_setg(&err, "Parameter 'smp.%s' is unexpected", cmdline_unknown_key(d, known));
        return cmdline_report(NULL, err);
    }
    for (size_t i = 0; i < qdict_size(d); i++) {
        const char *key = qdict_key_at(d, i);
        uint64_t n;

        if (!block_parse_number(key, qdict_get_try_str(d, key), &n, &err)) {
            return cmdline_report(a, err);
        }
        if (n == 0 || n > 1024) {
            error_setg(&err, "Invalid CPU topology: CPU topology parameters must be greater than zero");
            return cmdline_report(NULL, err);
        }
        if (strcmp(key, "cpus") == 0) {
            cpus = n;
            have = true;
        } else if (!have && strcmp(key, "maxcpus") != 0) {
            cpus *= n;
        }
    }
    if (cpus > ms->klass->max_cpus) {
        error_setg(&err, "Invalid SMP CPUs %u. The max CPUs supported by machine '%s' is %u", (unsigned)cpus,
                   ms->klass->name, ms->klass->max_cpus);
        return cmdline_report(NULL, err);
    }
    ms->smp_cpus = cpus;
    return true;
}

static bool cmdline_accel_name(const CmdArg *a, const char *name, MachineState *ms)
{
    GError *err = NULL;

    if (strcmp(name, "tcg") != 0 && strcmp(name, "soft") != 0) {
        error_setg(&err, "invalid accelerator %s", name);
        return cmdline_report(a, err);
    }
    g_free(ms->accel);
    ms->accel = g_strdup(name);
    return true;
}

/* Properties that other machines have and that say here only what is so anyway. */
static bool cmdline_machine_prop_is_moot(const char *key, const char *value)
{
    static const char *const off[] = { "vmport", "hpet", "usb", "smm", "acpi", "nvdimm", "sata", "fd-bootchk", NULL };
    static const char *const any[] = { "graphics", "dump-guest-core", "mem-merge", "suppress-vmdesc", NULL };

    return g_strv_contains(any, key) || (g_strv_contains(off, key) && strcmp(value, "off") == 0);
}

static bool cmdline_machine_props(const CmdArg *a, const QDict *d, MachineState *ms)
{
    GError *err = NULL;

    for (size_t i = 0; i < qdict_size(d); i++) {
        const char *key = qdict_key_at(d, i);
        const char *value = qdict_get_try_str(d, key);

        if (strcmp(key, "type") == 0) {
            continue;
        }
        if (strcmp(key, "accel") == 0) {
            if (!cmdline_accel_name(a, value, ms)) {
                return false;
            }
        } else if (strcmp(key, "pflash0") == 0 || strcmp(key, "pflash1") == 0) {
            g_free(ms->pflash[key[6] - '0']);
            ms->pflash[key[6] - '0'] = g_strdup(value);
        } else if (!cmdline_machine_prop_is_moot(key, value)) {
            error_setg(&err, "Property '%s-machine.%s' not found", ms->klass->name, key);
            return cmdline_report(NULL, err);
        }
    }
    return true;
}

static bool cmdline_machine_type(const CmdLine *c, MachineState *ms)
{
    const CmdArg *a;
    unsigned pos = 0;

    while ((a = cmdline_each(c, CMD_MACHINE, &pos))) {
        GError *err = NULL;
        g_autoptr(QDict) d = cmdline_qdict(a->arg, "type", &err);
        const char *type = d ? qdict_get_try_str(d, "type") : NULL;

        if (!d) {
            return cmdline_report(a, err);
        }
        if (type) {
            ms->klass = machine_class_by_name(type);
        }
        if (!ms->klass) {
            error_setg(&err, "unsupported machine type\nUse -machine help to list supported machines");
            return cmdline_report(NULL, err);
        }
        if (!cmdline_machine_props(a, d, ms)) {
            return false;
        }
    }
    return true;
}

static bool cmdline_cpu(const CmdArg *a, MachineState *ms)
{
    GError *err = NULL;
    const char *comma = strchr(a->arg, ',');
    g_autofree char *model = g_strndup(a->arg, comma ? (size_t)(comma - a->arg) : strlen(a->arg));

    if (strcmp(model, "qemu64") != 0 && strcmp(model, "max") != 0) {
        error_setg(&err, "unable to find CPU model '%s'", model);
        return cmdline_report(NULL, err);
    }
    if (comma) {
        error_setg(&err, "Property '%s-x86_64-cpu.%s' not found", model, comma + 1);
        return cmdline_report(NULL, err);
    }
    g_free(ms->cpu_type);
    ms->cpu_type = g_steal_pointer(&model);
    return true;
}

static bool cmdline_uuid_ok(const char *s)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

    for (unsigned i = 0; i < sizeof(shape); i++) {
        if (shape[i] == 'x' ? !g_ascii_isxdigit(s[i]) : s[i] != shape[i]) {
            return false;
        }
    }
    return true;
}

static bool cmdline_identity(const CmdLine *c, MachineState *ms)
{
    static const char *const known[] = { "guest", "process", "debug-threads", NULL };
    const CmdArg *name = cmdline_last(c, CMD_NAME);
    const CmdArg *uuid = cmdline_last(c, CMD_UUID);
    GError *err = NULL;

    if (name) {
        g_autoptr(QDict) d = cmdline_qdict(name->arg, "guest", &err);

        if (!d) {
            return cmdline_report(name, err);
        }
        if (!cmdline_check_keys(name, d, known)) {
            return false;
        }
        ms->name = g_strdup(qdict_get_try_str(d, "guest"));
    }
    if (uuid && !cmdline_uuid_ok(uuid->arg)) {
        error_setg(&err, "failed to parse UUID string: wrong format");
        return cmdline_report(uuid, err);
    }
    ms->uuid = uuid ? g_ascii_strdown(uuid->arg, -1) : NULL;
    return true;
}

bool cmdline_machine(const CmdLine *c, MachineState *ms)
{
    const CmdArg *bios = cmdline_last(c, CMD_BIOS);
    const CmdArg *cpu = cmdline_last(c, CMD_CPU);
    const CmdArg *mem = cmdline_last(c, CMD_M);
    const CmdArg *smp = cmdline_last(c, CMD_SMP);
    const CmdArg *accel;
    unsigned pos = 0;

    if (!cmdline_machine_type(c, ms) || !cmdline_identity(c, ms)) {
        return false;
    }
    while ((accel = cmdline_each(c, CMD_ACCEL, &pos))) {
        g_autofree char *first = g_strndup(accel->arg, strcspn(accel->arg, ","));

        if (!cmdline_accel_name(accel, first, ms)) {
            return false;
        }
    }
    ms->firmware = bios ? g_strdup(bios->arg) : NULL;
    return (!mem || cmdline_memory(mem, ms)) && (!smp || cmdline_smp(smp, ms)) && (!cpu || cmdline_cpu(cpu, ms));
}

/* ---- Objects ---- */

bool cmdline_objects(const CmdLine *c)
{
    const CmdArg *a;
    unsigned pos = 0;

    while ((a = cmdline_each(c, CMD_OBJECT, &pos))) {
        GError *err = NULL;

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

bool cmdline_blockdevs(const CmdLine *c, MachineState *ms)
{
    for (unsigned i = 0; i < c->args->len; i++) {
        const CmdArg *a = &g_array_index(c->args, CmdArg, i);
        GError *err = NULL;

        if (a->opt->id == CMD_BLOCKDEV) {
            QDict *d = cmdline_qdict(a->arg, "driver", &err);

            if (!d || !blockdev_add(d, &err)) {
                return cmdline_report(a, err);
            }
        } else if (a->opt->id == CMD_DRIVE) {
            g_autofree char *bare = a->opt->name[0] ? NULL : g_strdup_printf("file=%s", a->arg);

            if (!drive_new(bare ? bare : a->arg, IF_VIRTIO, &err)) {
                return cmdline_report(a, err);
            }
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
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    GError *err = NULL;

    if (dinfo->type == IF_VIRTIO) {
        g_ptr_array_add(opts, (char *)"drive");
        g_ptr_array_add(opts, (char *)name);
        if (qdev_device_add("virtio-blk-pci", opts, &err)) {
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
