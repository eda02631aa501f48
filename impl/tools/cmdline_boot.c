/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options that say what the guest boots and what firmware finds: -kernel, -initrd, -append, -boot, -fw_cfg, -smbios.
 */
#include <string.h>

#include "devices/fw_cfg/fw_cfg.h"
#include "sched/io.h"
#include "tools/cmdline.h"

#define FW_CFG_FILE_MAX (64u << 20)
#define SMBIOS_TEXT_MAX 1024

static bool cmdline_kernel(const CmdLine *c, MachineState *ms)
{
    const CmdArg *kernel = cmdline_last(c, CMD_KERNEL);
    const CmdArg *initrd = cmdline_last(c, CMD_INITRD);
    const CmdArg *append = cmdline_last(c, CMD_APPEND);
    GError *err = NULL;

    if (!kernel && (append || initrd)) {
        error_setg(&err, "-%s only allowed with -kernel option", append ? "append" : "initrd");
        return cmdline_report(NULL, err);
    }
    ms->kernel = kernel ? g_strdup(kernel->arg) : NULL;
    ms->initrd = initrd ? g_strdup(initrd->arg) : NULL;
    ms->append = append ? g_strdup(append->arg) : NULL;
    return true;
}

static bool cmdline_boot_order(const char *order)
{
    GError *err = NULL;
    uint32_t seen = 0;

    for (const char *p = order; p && *p; p++) {
        if (*p < 'a' || *p > 'p') {
            error_setg(&err, "Invalid boot device '%c'", *p);
            return cmdline_report(NULL, err);
        }
        if (seen & 1u << (*p - 'a')) {
            error_setg(&err, "Boot device '%c' was given twice", *p);
            return cmdline_report(NULL, err);
        }
        seen |= 1u << (*p - 'a');
    }
    return true;
}

static bool cmdline_boot_number(const QDict *d, const char *key, const char *what, int32_t min, int32_t *ret)
{
    const char *text = qdict_get_try_str(d, key);
    GError *err = NULL;
    uint64_t n;

    if (!text) {
        return true;
    }
    if (min < 0 && strcmp(text, "-1") == 0) {
        *ret = -1;
        return true;
    }
    if (!block_parse_number(key, text, &n, NULL) || n > UINT16_MAX) {
        error_setg(&err, "%s is invalid,it should be a value between %d and 65535", what, min);
        return cmdline_report(NULL, err);
    }
    *ret = n;
    return true;
}

static bool cmdline_boot_bool(const QDict *d, const char *key, bool *ret)
{
    const char *text = qdict_get_try_str(d, key);
    GError *err = NULL;

    if (text && strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
        error_setg(&err, "Parameter 'boot.%s' expects 'on' or 'off'", key);
        return cmdline_report(NULL, err);
    }
    *ret = text ? strcmp(text, "on") == 0 : *ret;
    return true;
}

static bool cmdline_boot_options(const CmdArg *a, MachineState *ms)
{
    static const char *const known[] = { "order", "once", "menu", "splash", "splash-time", "reboot-timeout", "strict",
                                         NULL };
    GError *err = NULL;
    g_autoptr(QDict) d = cmdline_qdict(a->arg, "order", &err);
    char **const letters[] = { &ms->boot.order, &ms->boot.once };

    if (!d) {
        return cmdline_report(a, err);
    }
    if (cmdline_unknown_key(d, known)) {
        error_setg(&err, "Parameter 'boot.%s' is unexpected", cmdline_unknown_key(d, known));
        return cmdline_report(NULL, err);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(letters); i++) {
        const char *text = qdict_get_try_str(d, known[i]);

        if (!cmdline_boot_order(text)) {
            return false;
        }
        if (text) {
            g_free(*letters[i]);
            *letters[i] = g_strdup(text);
        }
    }
    return cmdline_boot_bool(d, "menu", &ms->boot.menu) && cmdline_boot_bool(d, "strict", &ms->boot.strict) &&
           cmdline_boot_number(d, "splash-time", "splash-time", 0, &ms->boot.splash_time) &&
           cmdline_boot_number(d, "reboot-timeout", "reboot timeout", -1, &ms->boot.reboot_timeout);
}

/* -fw_cfg name=NAME,file=FILE or string=TEXT. */
static bool cmdline_fw_cfg(const CmdArg *a, MachineState *ms)
{
    static const char *const known[] = { "name", "file", "string", NULL };
    GError *err = NULL;
    g_autoptr(QDict) d = cmdline_qdict(a->arg, "name", &err);
    const char *name = d ? qdict_get_try_str(d, "name") : NULL;
    const char *file = d ? qdict_get_try_str(d, "file") : NULL;
    const char *text = d ? qdict_get_try_str(d, "string") : NULL;
    FwCfgOption o = { 0 };

    if (!d) {
        return cmdline_report(a, err);
    }
    if (!cmdline_check_keys(a, d, known)) {
        return false;
    }
    if (!name || !*name || !file == !text) {
        error_setg(&err, "name, plus exactly one of file and string, are needed");
    } else if (strlen(name) >= FW_CFG_MAX_FILE_PATH) {
        error_setg(&err, "name too long (max. %d char)", FW_CFG_MAX_FILE_PATH - 1);
    } else if (file && sched_file_read_all(file, FW_CFG_FILE_MAX, (char **)&o.data, &o.len) < 0) {
        error_setg(&err, "can't load %s", file);
    }
    if (err) {
        return cmdline_report(a, err);
    }
    if (text) {
        o.len = strlen(text);
        o.data = g_memdup2(text, o.len);
    }
    o.name = g_strdup(name);
    g_array_append_val(ms->fw_cfg_files, o);
    return true;
}

/* -smbios type=1,KEY=TEXT...: a later one adds to an earlier one. */
static bool cmdline_smbios(const CmdArg *a, MachineState *ms)
{
    static const char *const known[] = { "manufacturer", "product", "version", "serial", "sku", "family", "type",
                                         NULL };
    GError *err = NULL;
    g_autoptr(QDict) d = cmdline_qdict(a->arg, NULL, &err);
    const char *type = d ? qdict_get_try_str(d, "type") : NULL;

    if (!d) {
        return cmdline_report(a, err);
    }
    if (!type || strcmp(type, "1") != 0) {
        error_setg(&err, type ? "SMBIOS structures of type %s cannot be set" : "No type specified for SMBIOS fields",
                   type);
        return cmdline_report(a, err);
    }
    if (!cmdline_check_keys(a, d, known)) {
        return false;
    }
    for (unsigned i = 0; i < SMBIOS_SYSTEM__MAX; i++) {
        const char *text = qdict_get_try_str(d, known[i]);

        if (text && strlen(text) > SMBIOS_TEXT_MAX) {
            error_setg(&err, "Parameter '%s' is longer than %d bytes", known[i], SMBIOS_TEXT_MAX);
            return cmdline_report(a, err);
        }
        if (text) {
            g_free(ms->smbios_system[i]);
            ms->smbios_system[i] = g_strdup(text);
        }
    }
    return true;
}

bool cmdline_boot(const CmdLine *c, MachineState *ms)
{
    const CmdArg *a;
    unsigned pos = 0;

    ms->nographic = cmdline_last(c, CMD_NOGRAPHIC) != NULL;
    ms->hpet = ms->hpet && !cmdline_last(c, CMD_NO_HPET);
    ms->acpi = ms->acpi && !cmdline_last(c, CMD_NO_ACPI);
    while ((a = cmdline_each(c, CMD_BOOT, &pos))) {
        if (!cmdline_boot_options(a, ms)) {
            return false;
        }
    }
    pos = 0;
    while ((a = cmdline_each(c, CMD_FW_CFG, &pos))) {
        if (!cmdline_fw_cfg(a, ms)) {
            return false;
        }
    }
    pos = 0;
    while ((a = cmdline_each(c, CMD_SMBIOS, &pos))) {
        if (!cmdline_smbios(a, ms)) {
            return false;
        }
    }
    return cmdline_kernel(c, ms);
}
