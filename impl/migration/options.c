/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Capabilities and parameters.
 *
 * Owns: MigrationModule.caps and .params. Context: BQL to change; single words to read from the sender's thread.
 */
#include "migration/options.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "migration/migration_int.h"

#include <inttypes.h>

typedef enum CapabilitySupport {
    CAP_UNKNOWN_HERE,           /* the mechanism does not exist here: switching it on is refused */
    CAP_WORKS,
    CAP_ACCEPTED,               /* a hint or a promise that holds without it */
} CapabilitySupport;

static const struct {
    const char *name;
    CapabilitySupport support;
} capabilities[MIGRATION_CAPABILITY__MAX] = {
    /* Clients of savevm-start set these three; RAM is sent whole, vCPUs are not throttled, bitmaps stay here. */
    [MIGRATION_CAPABILITY_XBZRLE] = { "xbzrle", CAP_ACCEPTED },
    [MIGRATION_CAPABILITY_AUTO_CONVERGE] = { "auto-converge", CAP_ACCEPTED },
    [MIGRATION_CAPABILITY_DIRTY_BITMAPS] = { "dirty-bitmaps", CAP_ACCEPTED },
    [MIGRATION_CAPABILITY_RDMA_PIN_ALL] = { "rdma-pin-all", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_EVENTS] = { "events", CAP_WORKS },
    [MIGRATION_CAPABILITY_POSTCOPY_RAM] = { "postcopy-ram", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_X_COLO] = { "x-colo", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_RELEASE_RAM] = { "release-ram", CAP_ACCEPTED },
    [MIGRATION_CAPABILITY_RETURN_PATH] = { "return-path", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_PAUSE_BEFORE_SWITCHOVER] = { "pause-before-switchover", CAP_WORKS },
    [MIGRATION_CAPABILITY_MULTIFD] = { "multifd", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_POSTCOPY_BLOCKTIME] = { "postcopy-blocktime", CAP_UNKNOWN_HERE },
    /* Images of a guest that does not run on arrival always stay inactive until cont. */
    [MIGRATION_CAPABILITY_LATE_BLOCK_ACTIVATE] = { "late-block-activate", CAP_WORKS },
    [MIGRATION_CAPABILITY_X_IGNORE_SHARED] = { "x-ignore-shared", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_VALIDATE_UUID] = { "validate-uuid", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_BACKGROUND_SNAPSHOT] = { "background-snapshot", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_ZERO_COPY_SEND] = { "zero-copy-send", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_POSTCOPY_PREEMPT] = { "postcopy-preempt", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_SWITCHOVER_ACK] = { "switchover-ack", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_DIRTY_LIMIT] = { "dirty-limit", CAP_UNKNOWN_HERE },
    [MIGRATION_CAPABILITY_MAPPED_RAM] = { "mapped-ram", CAP_UNKNOWN_HERE },
};

const char *MigrationCapability_str(MigrationCapability c)
{
    assert(c < MIGRATION_CAPABILITY__MAX);
    return capabilities[c].name;
}

int MigrationCapability_parse(const char *name)
{
    for (int i = 0; i < MIGRATION_CAPABILITY__MAX; i++) {
        if (strcmp(capabilities[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

bool migrate_capability(MigrationCapability c)
{
    return __atomic_load_n(&migration_module()->caps[c], __ATOMIC_RELAXED);
}

bool migrate_set_capabilities(const MigrationCapability *caps, const bool *states, unsigned n, GError **errp)
{
    MigrationModule *m = migration_module();

    if (migration_is_running() || m->in.state == MIGRATION_STATUS_ACTIVE) {
        error_setg(errp, "There's a migration process in progress");
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        if (states[i] && capabilities[caps[i]].support == CAP_UNKNOWN_HERE) {
            error_setg(errp, "Capability '%s' is not supported", capabilities[caps[i]].name);
            return false;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        m->caps[caps[i]] = states[i];
    }
    return true;
}

bool migrate_events(void)
{
    return migrate_capability(MIGRATION_CAPABILITY_EVENTS);
}

bool migrate_pause_before_switchover(void)
{
    return migrate_capability(MIGRATION_CAPABILITY_PAUSE_BEFORE_SWITCHOVER);
}

bool migrate_auto_converge(void)
{
    return migrate_capability(MIGRATION_CAPABILITY_AUTO_CONVERGE);
}

bool migrate_late_block_activate(void)
{
    return migrate_capability(MIGRATION_CAPABILITY_LATE_BLOCK_ACTIVATE);
}

/* ---- Parameters ---- */

const MigrationSettings *migrate_parameters(void)
{
    return &migration_module()->params;
}

static bool check_range(const char *name, uint64_t v, uint64_t min, uint64_t max, GError **errp)
{
    if (v < min || v > max) {
        error_setg(errp, "Parameter '%s' expects an integer in the range of %" PRIu64 " to %" PRIu64, name, min, max);
        return false;
    }
    return true;
}

bool migrate_set_parameters(const MigrationSettings *p, GError **errp)
{
    MigrationModule *m = migration_module();

    if (!check_range("max-bandwidth", p->max_bandwidth, 0, INT64_MAX, errp) ||
        !check_range("avail-switchover-bandwidth", p->avail_switchover_bandwidth, 0, INT64_MAX, errp) ||
        !check_range("downtime-limit", p->downtime_limit, 0, 2000 * 1000, errp) ||
        !check_range("throttle-trigger-threshold", p->throttle_trigger_threshold, 1, 100, errp) ||
        !check_range("cpu-throttle-initial", p->cpu_throttle_initial, 1, 99, errp) ||
        !check_range("cpu-throttle-increment", p->cpu_throttle_increment, 1, 99, errp) ||
        !check_range("max-cpu-throttle", p->max_cpu_throttle, p->cpu_throttle_initial, 99, errp) ||
        !check_range("multifd-channels", p->multifd_channels, 1, 255, errp) ||
        !check_range("announce-initial", p->announce_initial, 0, 100000, errp) ||
        !check_range("announce-max", p->announce_max, 0, 100000, errp) ||
        !check_range("announce-rounds", p->announce_rounds, 0, 1000, errp) ||
        !check_range("announce-step", p->announce_step, 1, 10000, errp)) {
        return false;
    }
    if (p->xbzrle_cache_size < 4096 || !is_power_of_2(p->xbzrle_cache_size)) {
        error_setg(errp, "Parameter 'xbzrle-cache-size' expects a power of two no less than the target page size");
        return false;
    }
    m->params = *p;
    if (m->out.thread) {
        sched_sem_post(&m->out.rate_sem);
    }
    return true;
}

void migration_options_init(void)
{
    migration_module()->params = (MigrationSettings) {
        .max_bandwidth = 128 * MiB,
        .downtime_limit = 300,
        .announce_initial = 50,
        .announce_max = 550,
        .announce_rounds = 5,
        .announce_step = 100,
        .throttle_trigger_threshold = 50,
        .cpu_throttle_initial = 20,
        .cpu_throttle_increment = 10,
        .max_cpu_throttle = 99,
        .multifd_channels = 2,
        .xbzrle_cache_size = 64 * MiB,
    };
}
