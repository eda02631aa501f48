/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registration of what goes into a stream: devices described by tables, and live sections with handlers.
 *
 * Context: registration needs the BQL and must not happen while a stream is being written or read. Which lock
 * each handler runs under is said at the handler.
 */
#ifndef MIGRATION_REGISTER_H
#define MIGRATION_REGISTER_H

#include "migration/qemu_file.h"

#define VMSTATE_INSTANCE_ID_ANY UINT32_MAX

/** Handlers of a live section. Any may be NULL. int: 0 or -errno unless said otherwise. */
typedef struct SaveVMHandlers {
    /* ---- Called with the BQL held ---- */

    /** Start a save: announce layout, take resources. First section of this id in the stream. */
    int (*save_setup)(QEMUFile *f, void *opaque, GError **errp);
    /** Release what save_setup took; also after a setup that failed or never ran. Idempotent. */
    void (*save_cleanup)(void *opaque);
    /** The rest of the state; the VM is stopped. */
    int (*save_live_complete_precopy)(QEMUFile *f, void *opaque);
    /** false: leave this section out. Also consulted without the BQL. */
    bool (*is_active)(void *opaque);

    /* ---- Called with or without the BQL ---- */

    /** false: skip this round. */
    bool (*is_active_iterate)(void *opaque);
    /** Write some of the state. Returns 1 when nothing is left, 0 when there is more, -errno. May yield. */
    int (*save_live_iterate)(QEMUFile *f, void *opaque);
    /** Adds to both counts, in bytes, what is known without looking. */
    void (*state_pending_estimate)(void *opaque, uint64_t *must_precopy, uint64_t *can_postcopy);

    /* ---- Called without the BQL ---- */

    /** Adds to both counts after looking; takes the BQL itself where it needs it. */
    void (*state_pending_exact)(void *opaque, uint64_t *must_precopy, uint64_t *can_postcopy);

    /* ---- Loading, with the BQL held; may run in a coroutine ---- */

    int (*load_setup)(QEMUFile *f, void *opaque, GError **errp);
    /** Every section start, part or end of this id. The bytes are not trusted. */
    int (*load_state)(QEMUFile *f, void *opaque, int version_id, GError **errp);
    int (*load_cleanup)(void *opaque);
} SaveVMHandlers;

/** register_savevm_live: @ops borrowed; @instance_id may be VMSTATE_INSTANCE_ID_ANY. @idstr is copied. */
void register_savevm_live(const char *idstr, uint32_t instance_id, int version_id, const SaveVMHandlers *ops,
                          void *opaque);
/** unregister_savevm: by @idstr and @opaque; nothing if not registered. */
void unregister_savevm(const char *idstr, void *opaque);

#endif
