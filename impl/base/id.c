/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one rule of what a name may look like: "id" in qemu(1). */
#include "base/id.h"

#include <glib.h>
#include <string.h>

bool id_wellformed(const char *id)
{
    if (!g_ascii_isalpha(*id)) {
        return false;
    }
    for (; *id; id++) {
        if (!g_ascii_isalnum(*id) && !strchr("-._", *id)) {
            return false;
        }
    }
    return true;
}
