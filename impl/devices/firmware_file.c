/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where firmware images that come with the host are. The folders are Debian's: seabios, qemu-system-data, ipxe-qemu.
 */
#include "devices/firmware_file.h"

#include <glib.h>
#include <string.h>

#include "sched/io.h"

char *firmware_file_find(const char *name)
{
    static const char *const dirs[] = { "/usr/share/seabios", "/usr/share/qemu", "/usr/lib/ipxe/qemu" };

    if (sched_file_exists(name)) {
        return g_strdup(name);
    }
    for (unsigned i = 0; !strchr(name, '/') && i < G_N_ELEMENTS(dirs); i++) {
        g_autofree char *path = g_build_filename(dirs[i], name, NULL);

        if (sched_file_exists(path)) {
            return g_steal_pointer(&path);
        }
    }
    return NULL;
}
