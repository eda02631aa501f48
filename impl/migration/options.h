/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capabilities and parameters of migration. Capabilities whose mechanism Rondo does not have are known by name and
 * refused when switched on, apart from those below that only promise something weaker than what happens anyway.
 * Context: BQL; reads from any thread.
 */
#ifndef MIGRATION_OPTIONS_H
#define MIGRATION_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/** In the order of the schema. */
typedef enum MigrationCapability {
    MIGRATION_CAPABILITY_XBZRLE,
    MIGRATION_CAPABILITY_RDMA_PIN_ALL,
    MIGRATION_CAPABILITY_AUTO_CONVERGE,
    MIGRATION_CAPABILITY_EVENTS,
    MIGRATION_CAPABILITY_POSTCOPY_RAM,
    MIGRATION_CAPABILITY_X_COLO,
    MIGRATION_CAPABILITY_RELEASE_RAM,
    MIGRATION_CAPABILITY_RETURN_PATH,
    MIGRATION_CAPABILITY_PAUSE_BEFORE_SWITCHOVER,
    MIGRATION_CAPABILITY_MULTIFD,
    MIGRATION_CAPABILITY_DIRTY_BITMAPS,
    MIGRATION_CAPABILITY_POSTCOPY_BLOCKTIME,
    MIGRATION_CAPABILITY_LATE_BLOCK_ACTIVATE,
    MIGRATION_CAPABILITY_X_IGNORE_SHARED,
    MIGRATION_CAPABILITY_VALIDATE_UUID,
    MIGRATION_CAPABILITY_BACKGROUND_SNAPSHOT,
    MIGRATION_CAPABILITY_ZERO_COPY_SEND,
    MIGRATION_CAPABILITY_POSTCOPY_PREEMPT,
    MIGRATION_CAPABILITY_SWITCHOVER_ACK,
    MIGRATION_CAPABILITY_DIRTY_LIMIT,
    MIGRATION_CAPABILITY_MAPPED_RAM,
    MIGRATION_CAPABILITY__MAX,
} MigrationCapability;

const char *MigrationCapability_str(MigrationCapability c);
/** MigrationCapability_parse: -1 if @name is none. */
int MigrationCapability_parse(const char *name);

bool migrate_capability(MigrationCapability c);
/** migrate_set_capabilities: all or none of @n changes; refused while a migration runs. */
bool migrate_set_capabilities(const MigrationCapability *caps, const bool *states, unsigned n, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;

bool migrate_events(void);
bool migrate_pause_before_switchover(void);
bool migrate_auto_converge(void);
bool migrate_late_block_activate(void);

typedef struct MigrationSettings {
    uint64_t max_bandwidth;             /* bytes per second */
    uint64_t avail_switchover_bandwidth;/* bytes per second, 0: measure */
    uint64_t downtime_limit;            /* ms, 0..2000000 */
    uint64_t announce_initial, announce_max, announce_rounds, announce_step;
    uint8_t throttle_trigger_threshold; /* percent, 1..100 */
    uint8_t cpu_throttle_initial;       /* percent, 1..99 */
    uint8_t cpu_throttle_increment;     /* percent, 1..99 */
    bool cpu_throttle_tailslow;
    uint8_t max_cpu_throttle;           /* percent, initial..99 */
    uint8_t multifd_channels;
    uint64_t xbzrle_cache_size;         /* bytes */
    uint64_t max_postcopy_bandwidth;
} MigrationSettings;

/** migrate_parameters: the present values; borrowed. */
const MigrationSettings *migrate_parameters(void);
/** migrate_set_parameters: check all of @p, then take them. A running migration follows the new bandwidth. */
bool migrate_set_parameters(const MigrationSettings *p, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

#endif
