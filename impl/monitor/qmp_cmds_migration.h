/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the monitor's start-up needs from the migration commands. */
#ifndef MONITOR_QMP_CMDS_MIGRATION_H
#define MONITOR_QMP_CMDS_MIGRATION_H

/** monitor_migration_events_init: send MIGRATION and MIGRATION_PASS from now on. After migration_object_init(). */
void monitor_migration_events_init(void);

#endif
