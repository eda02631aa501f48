/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Scenarios in C: a few threads and contexts instead of a whole machine, for what no guest is needed to show and for
 * measuring the engine itself.
 */
#ifndef REPLAY_UNITS_H
#define REPLAY_UNITS_H

#include <stdbool.h>

/** unit_run: run the unit called @name under the configured simulator. Returns its exit status; 2 if unknown. */
int unit_run(const char *name);
/** unit_exists: is there one? */
bool unit_exists(const char *name);

#endif
