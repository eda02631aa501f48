/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options that describe the machine and how to run it.
 */
#include <string.h>

#include "base/bytes.h"
#include "cpu/cpuid.h"
#include "cpu/vcpu.h"
#include "tools/cmdline.h"

#define SIZE_HINT "\nOptional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n" \
                  "and exabytes, respectively."

QDict *cmdline_qdict(const char *text, const char *implied, GError **errp)
{
    return text[0] == '{' ? qdict_from_json_text(text, errp) : qdict_from_keyval(text, implied, errp);
}

const char *cmdline_unknown_key(const QDict *d, const char *const *known)
{
    for (size_t i = 0; i < qdict_size(d); i++) {
        if (!g_strv_contains(known, qdict_key_at(d, i))) {
            return qdict_key_at(d, i);
        }
    }
    return NULL;
}

bool cmdline_check_keys(const CmdArg *a, const QDict *d, const char *const *known)
{
    const char *key = cmdline_unknown_key(d, known);
    GError *err = NULL;

    if (key) {
        error_setg(&err, "Invalid parameter '%s'", key);
        return cmdline_report(a, err);
    }
    return true;
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

static bool cmdline_rtc(const CmdLine *c)
{
    static const char *const known[] = { "base", "clock", "driftfix", NULL };
    const CmdArg *a;
    unsigned pos = 0;

    while ((a = cmdline_each(c, CMD_RTC, &pos))) {
        GError *err = NULL;
        g_autoptr(QDict) d = cmdline_qdict(a->arg, NULL, &err);

        if (!d) {
            return cmdline_report(a, err);
        }
        if (!cmdline_check_keys(a, d, known)) {
            return false;
        }
        if (qdict_haskey(d, "base") && strcmp(qdict_get_try_str(d, "base"), "utc") != 0) {
            error_setg(&err, "invalid datetime format");
            return cmdline_report(a, err);
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
    return cmdline_only_none(c, CMD_PARALLEL, "parallel") && cmdline_rtc(c);
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

/* @names: one, or several with colons between them; @more: they come after those there are. */
static bool cmdline_accel_names(const CmdArg *a, const char *names, bool more, MachineState *ms)
{
    g_auto(GStrv) list = g_strsplit(names, ":", -1);
    g_autofree char *before = more ? g_steal_pointer(&ms->accel) : NULL;
    GError *err = NULL;

    for (unsigned i = 0; i == 0 || list[i]; i++) {
        if (!list[i] || !accel_by_option(list[i])) {
            error_setg(&err, "invalid accelerator %s", list[i] ? list[i] : "");
            return cmdline_report(a, err);
        }
    }
    g_free(ms->accel);
    ms->accel = before ? g_strconcat(before, ":", names, NULL) : g_strdup(names);
    return true;
}

static bool cmdline_machine_bool(const char *key, const char *value, bool *ret)
{
    GError *err = NULL;

    if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0) {
        error_setg(&err, "Parameter '%s' expects 'on' or 'off'", key);
        return cmdline_report(NULL, err);
    }
    *ret = strcmp(value, "on") == 0;
    return true;
}

/* -accel NAME[,translate=on|off]; other properties of accelerators say nothing here. Several: the first that works. */
static bool cmdline_accel(const CmdArg *a, bool more, MachineState *ms)
{
    GError *err = NULL;
    g_autoptr(QDict) d = cmdline_qdict(a->arg, "accel", &err);
    const char *name = d ? qdict_get_try_str(d, "accel") : NULL;
    const char *translate = d ? qdict_get_try_str(d, "translate") : NULL;

    if (!d) {
        return cmdline_report(a, err);
    }
    return cmdline_accel_names(a, name ? name : "", more, ms) &&
           (!translate || cmdline_machine_bool("translate", translate, &ms->translate));
}

/* Properties that other machines have and that say here only what is so anyway. */
static bool cmdline_machine_prop_is_moot(const char *key, const char *value)
{
    static const char *const off[] = { "vmport", "usb", "smm", "nvdimm", "sata", "fd-bootchk", NULL };
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
            if (!cmdline_accel_names(a, value, false, ms)) {
                return false;
            }
        } else if (strcmp(key, "pflash0") == 0 || strcmp(key, "pflash1") == 0) {
            g_free(ms->pflash[key[6] - '0']);
            ms->pflash[key[6] - '0'] = g_strdup(value);
        } else if (strcmp(key, "hpet") == 0 || strcmp(key, "acpi") == 0) {
            if (!cmdline_machine_bool(key, value, key[0] == 'h' ? &ms->hpet : &ms->acpi)) {
                return false;
            }
        } else if (!machine_set_prop(ms, key, value) && !cmdline_machine_prop_is_moot(key, value)) {
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
    g_autoptr(GString) warnings = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;
    X86CPUModel model;
    bool ok = cpu_model_parse(a->arg, &model, warnings, &err);

    lines = g_strsplit(warnings->str, "\n", -1);
    for (unsigned i = 0; lines[i] && *lines[i]; i++) {
        g_printerr("rondo: warning: %s\n", lines[i]);
    }
    if (!ok) {
        return cmdline_report(NULL, err);
    }
    g_free(ms->cpu_type);
    ms->cpu_type = g_strdup(a->arg);
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
    bool more = false;          /* the first -accel replaces what -machine says */

    if (!cmdline_machine_type(c, ms) || !cmdline_identity(c, ms)) {
        return false;
    }
    if (cmdline_last(c, CMD_ENABLE_KVM)) {
        g_free(ms->accel);
        ms->accel = g_strdup("kvm");
    }
    while ((accel = cmdline_each(c, CMD_ACCEL, &pos))) {
        if (!cmdline_accel(accel, more, ms)) {
            return false;
        }
        more = true;
    }
    ms->firmware = bios ? g_strdup(bios->arg) : NULL;
    return cmdline_boot(c, ms) && (!mem || cmdline_memory(mem, ms)) && (!smp || cmdline_smp(smp, ms)) &&
           (!cpu || cmdline_cpu(cpu, ms));
}
