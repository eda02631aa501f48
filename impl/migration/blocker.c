/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reasons why this VM cannot migrate at the moment.
 *
 * Owns: MigrationModule.blockers. Context: BQL.
 */
#include "migration/migration_int.h"

#include "base/assert.h"

struct MigrationBlocker {
    const char *tag;
    char *reason;
};

int migrate_add_blocker(const char *tag, const char *reason, MigrationBlocker **ret_blocker, GError **errp)
{
    MigrationBlocker *b;

    if (migration_is_running()) {
        error_setg(errp, "disallowing migration blocker (migration/snapshot in progress) for: %s", reason);
        return -EBUSY;
    }
    b = g_new0(MigrationBlocker, 1);
    b->tag = tag;
    b->reason = g_strdup(reason);
    g_ptr_array_add(migration_module()->blockers, b);
    *ret_blocker = b;
    return 0;
}

void migrate_del_blocker(MigrationBlocker **blocker)
{
    MigrationBlocker *b = *blocker;

    if (b) {
        (void)g_ptr_array_remove(migration_module()->blockers, b);      /* it was added */
        g_free(b->reason);
        g_free(b);
        *blocker = NULL;
    }
}

bool migration_blocked_except(const char *tag, GError **errp)
{
    GPtrArray *all = migration_module()->blockers;

    if (savevm_device_blocked(errp)) {
        return true;
    }
    for (unsigned i = 0; i < all->len; i++) {
        const MigrationBlocker *b = g_ptr_array_index(all, i);

        if (!tag || strcmp(b->tag, tag) != 0) {
            error_setg(errp, "%s", b->reason);
            return true;
        }
    }
    return false;
}

bool migration_is_blocked(GError **errp)
{
    return migration_blocked_except(NULL, errp);
}

GPtrArray *migration_blocked_reasons(void)
{
    GPtrArray *all = migration_module()->blockers;
    GPtrArray *reasons = NULL;
    GError *err = NULL;

    if (savevm_device_blocked(&err)) {
        reasons = g_ptr_array_new_with_free_func(g_free);
        g_ptr_array_add(reasons, g_strdup(err->message));
        g_error_free(err);
    }
    for (unsigned i = 0; i < all->len; i++) {
        const MigrationBlocker *b = g_ptr_array_index(all, i);

        if (!reasons) {
            reasons = g_ptr_array_new_with_free_func(g_free);
        }
        g_ptr_array_add(reasons, g_strdup(b->reason));
    }
    return reasons;
}
