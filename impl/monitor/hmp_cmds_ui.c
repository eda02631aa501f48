/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of the human monitor for screen and keyboard. Context: main thread, BQL, outside coroutines. */
#include "monitor/hmp.h"
#include "monitor/monitor_int.h"
#include "monitor/qmp_commands.h"
#include "ui/input.h"

#include <string.h>

#define SENDKEY_MAX 16

void hmp_screendump(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    qmp_screendump(hmp_arg_str(args, "filename"), hmp_arg_str(args, "device"), true, hmp_arg_int(args, "head", 0),
                   false, IMAGE_FORMAT_PPM, &err);
    hmp_handle_error(mon, err);
}

/* "ctrl-alt-f1"; a single "-" at an end is the key of that name. */
void hmp_sendkey(Monitor *mon, HmpArgs *args)
{
    g_auto(GStrv) names = g_strsplit(hmp_arg_str(args, "keys"), "-", -1);
    unsigned qnums[SENDKEY_MAX];
    unsigned n = 0;
    GError *err = NULL;

    for (unsigned i = 0; names[i]; i++) {
        const char *name = names[i];

        if (!*name && names[i + 1]) {
            name = "minus";
            i++;
        } else if (strcmp(name, "<") == 0) {
            name = "less";
        }
        if (n == SENDKEY_MAX) {
            monitor_puts(mon, "too many keys\n");
            return;
        }
        qnums[n] = input_qnum_from_name(name);
        if (!qnums[n++]) {
            monitor_printf(mon, "invalid parameter: %s\n", name);
            return;
        }
    }
    if (!input_send_keys(qnums, n, CLAMP(hmp_arg_int(args, "hold-time", 100), 1, 3600000), &err)) {
        hmp_handle_error(mon, err);
    }
}
