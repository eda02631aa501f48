/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Activation and inactivation of all disks, for every kind of hand-over.
 *
 * Owns: nothing; nodes know their own state. Context: block_active.h.
 */
#include "migration/block_active.h"

#include "aio/bql.h"
#include "base/assert.h"
#include "block/block.h"

bool migration_block_activate(GError **errp)
{
    GError *err = NULL;

    assert(bql_locked());
    bdrv_activate_all(&err);
    if (err) {
        g_propagate_error(errp, err);
        return false;
    }
    return true;
}

bool migration_block_inactivate(GError **errp)
{
    int ret;

    assert(bql_locked());
    ret = bdrv_inactivate_all();
    if (ret < 0) {
        error_setg_errno(errp, ret, "bdrv_inactivate_all() failed");
        return false;
    }
    return true;
}
