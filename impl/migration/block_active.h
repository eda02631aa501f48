/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving the disks away and taking them back. There is no flag that says whose they are: each node knows, both
 * calls may be repeated, and a caller need not know what was done before.
 */
#ifndef MIGRATION_BLOCK_ACTIVE_H
#define MIGRATION_BLOCK_ACTIVE_H

#include "base/error.h"

#include <stdbool.h>

/** migration_block_activate: all nodes may be written again. BQL, not in a coroutine. */
bool migration_block_activate(GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** migration_block_inactivate: flush and give up all nodes. On failure some may be inactive. As above. */
bool migration_block_inactivate(GError **errp) G_GNUC_WARN_UNUSED_RESULT;

#endif
