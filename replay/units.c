/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of units. One line adds one. */
#include "replay/units.h"
#include "sched/sched.h"

#include <stdio.h>
#include <string.h>

#define UNITS(X)                            \
    X("canary-deadlock", canary_deadlock)   \
    X("canary-order", canary_order)         \
    X("canary-atomicity", canary_atomicity) \
    X("canary-lost-wake", canary_lost_wake) \
    X("canary-spin", canary_spin)           \
    X("canary-alone", canary_alone)         \
    X("canary-names", canary_names)         \
    X("canary-churn", canary_churn)         \
    X("block-requests", unit_block_requests)

#define X(name, fn) int fn(void *opaque);
UNITS(X)
#undef X

static const struct {
    const char *name;
    int (*fn)(void *opaque);
} units[] = {
#define X(name, fn) { name, fn },
    UNITS(X)
#undef X
};

bool unit_exists(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(units); i++) {
        if (!strcmp(units[i].name, name)) {
            return true;
        }
    }
    return false;
}

int unit_run(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(units); i++) {
        if (!strcmp(units[i].name, name)) {
            return sched_main(units[i].fn, NULL);
        }
    }
    fprintf(stderr, "rondo-sim: there is no unit '%s'\n", name);
    return 2;
}
