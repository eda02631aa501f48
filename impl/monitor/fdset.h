/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of passed descriptors, beyond the QMP commands. */
#ifndef MONITOR_FDSET_H
#define MONITOR_FDSET_H

#include "monitor/chardev_opts.h"
#include "monitor/qapi_types.h"

/**
 * monitor_fdset_add_fd: put kernel descriptor @fd into set @id (or the lowest free one). On success the set owns it, on
 * failure the caller still does. Returns what add-fd answers; caller frees.
 */
AddfdInfo *monitor_fdset_add_fd(int fd, bool has_id, int64_t id, const char *opaque, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
