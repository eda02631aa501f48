/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The jobs behind the QMP commands snapshot-save, -load and -delete. They are here and not with the other jobs because
 * what they do is above the block layer. Context: main thread, BQL. @devices ends with NULL; all strings are copied.
 */
#ifndef MIGRATION_SNAPSHOT_JOBS_H
#define MIGRATION_SNAPSHOT_JOBS_H

#include "base/error.h"

#include <stdbool.h>

/** Each creates job @job_id (which waits for job-dismiss at its end) and starts it. @vmstate: node name. */
bool snapshot_save_start(const char *job_id, const char *tag, const char *vmstate, const char *const *devices,
                         GError **errp) G_GNUC_WARN_UNUSED_RESULT;
bool snapshot_load_start(const char *job_id, const char *tag, const char *vmstate, const char *const *devices,
                         GError **errp) G_GNUC_WARN_UNUSED_RESULT;
bool snapshot_delete_start(const char *job_id, const char *tag, const char *const *devices, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
