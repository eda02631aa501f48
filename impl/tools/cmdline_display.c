/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of the graphics card and of those who look at it.
 */
#include <string.h>

#include "devices/device.h"
#include "tools/cmdline.h"
#include "ui/vnc.h"

/* The card: what -vga says, else the board's own, but for a machine without defaults. */
bool cmdline_vga(const CmdLine *c, const RunOptions *run, const MachineState *ms)
{
    const CmdArg *a = cmdline_last(c, CMD_VGA);
    const char *kind = a ? a->arg : run->defaults && ms->klass->default_vga ? ms->klass->default_vga : "none";
    g_autoptr(GPtrArray) opts = g_ptr_array_new();
    GError *err = NULL;

    if (strcmp(kind, "none") == 0) {
        return true;
    }
    if (strcmp(kind, "std") != 0) {
        error_setg(&err, "unknown vga type: %s", kind);
        return cmdline_report(NULL, err);
    }
    return qdev_device_add("VGA", opts, &err) || cmdline_report(a, err);
}

/* Is @a "vnc=ADDRESS"? Then *@ret_vnc is ADDRESS. */
static bool cmdline_display_is(const CmdArg *a, const char **ret_vnc)
{
    *ret_vnc = g_str_has_prefix(a->arg, "vnc=") ? a->arg + 4 : NULL;
    return *ret_vnc || strcmp(a->arg, "none") == 0;
}

bool cmdline_displays(const CmdLine *c)
{
    const CmdArg *a;
    unsigned pos = 0;

    while ((a = cmdline_each(c, CMD_DISPLAY, &pos))) {
        const char *vnc;
        GError *err = NULL;

        if (!cmdline_display_is(a, &vnc)) {
            error_setg(&err, "Parameter 'type' does not accept value '%s'", a->arg);
            return cmdline_report(a, err);
        }
        if (vnc && !vnc_display_open(vnc, &err)) {
            return cmdline_report(a, err);
        }
    }
    pos = 0;
    while ((a = cmdline_each(c, CMD_VNC, &pos))) {
        GError *err = NULL;

        if (!vnc_display_open(a->arg, &err)) {
            return cmdline_report(a, err);
        }
    }
    return true;
}
