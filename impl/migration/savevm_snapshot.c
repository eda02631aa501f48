/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Internal snapshots: the VM's state in the VM state area of one image, and a disk snapshot of every image.
 *
 * Owns: nothing. Context: main thread, BQL. Everything polls.
 *
 * I1  The VM is stopped and all nodes are drained from before the state is written until every disk has its snapshot.
 * I2  Whatever fails, the run state afterwards is the one before.
 */
#include "migration/savevm.h"

#include "aio/bql.h"
#include "base/assert.h"
#include "block/block.h"
#include "migration/global_state.h"
#include "migration/migration_int.h"

static int save_all_sections(QEMUFile *f, GError **errp)
{
    int ret;

    while ((ret = qemu_savevm_state_iterate(f)) == 0 && qemu_file_get_error(f) == 0) {
    }
    if (ret < 0 || qemu_file_get_error(f)) {
        (void)qemu_file_get_error_obj(f, errp);     /* the same error, as text */
        error_prepend(errp, "Error while writing VM state: ");
        return ret < 0 ? ret : qemu_file_get_error(f);
    }
    return qemu_savevm_state_complete_precopy(f, errp);
}

/* A whole stream of the stopped VM into @f. Out of line: reports of bugs name it. */
static G_NO_INLINE int qemu_savevm_state(QEMUFile *f, GError **errp)
{
    MigrationState *ms = migrate_get_current();
    int ret;

    assert(bql_locked());
    if (migration_is_running()) {
        error_setg(errp, "There's a migration process in progress");
        return -EINVAL;
    }
    if (migration_is_blocked(errp)) {
        return -EINVAL;
    }
    ret = migrate_init(ms, errp);
    if (ret < 0) {
        return ret;
    }
    migrate_set_file(ms, f);
    qemu_savevm_state_header(f);
    ret = qemu_savevm_state_setup(f, errp);
    if (ret == 0) {
        ret = save_all_sections(f, errp);
    }
    qemu_savevm_state_cleanup();
    migrate_set_file(ms, NULL);
    (void)migrate_set_state(ms, MIGRATION_STATUS_SETUP,
                            ret < 0 ? MIGRATION_STATUS_FAILED : MIGRATION_STATUS_COMPLETED);
    return ret;
}

static char *snapshot_default_name(void)
{
    int64_t now_s = sched_clock_ns(SCHED_CLOCK_HOST) / 1000000000;
    g_autoptr(GDateTime) t = g_date_time_new_from_unix_utc(now_s);

    return g_date_time_format(t, "vm-%Y%m%d%H%M%S");
}

/* Is the name free, or may it be made free? */
static bool snapshot_claim_name(const char *name, bool overwrite, bool has_devices, const char *const *devices,
                                GError **errp)
{
    int ret;

    if (overwrite) {
        return bdrv_all_delete_snapshot(name, has_devices, devices, errp) >= 0;
    }
    ret = bdrv_all_has_snapshot(name, has_devices, devices, errp);
    if (ret == 1) {
        error_setg(errp, "Snapshot '%s' already exists in one or more devices", name);
    }
    return ret == 0;
}

static bool save_vmstate(BlockDriverState *bs, uint64_t *ret_size, GError **errp)
{
    QEMUFile *f = qemu_fopen_bdrv(bs, true);
    int ret = qemu_savevm_state(f, errp);
    int ret_close;

    *ret_size = qemu_file_transferred(f);
    ret_close = qemu_fclose(f);
    if (ret == 0 && ret_close < 0) {
        error_setg_errno(errp, ret_close, "Error while closing VM state file");
    }
    return ret == 0 && ret_close == 0;
}

bool save_snapshot(const char *name, bool overwrite, const char *vmstate, bool has_devices,
                   const char *const *devices, GError **errp)
{
    g_autofree char *default_name = NULL;
    QEMUSnapshotInfo sn = { .icount = UINT64_MAX };
    int64_t now = sched_clock_ns(SCHED_CLOCK_HOST);
    RunState saved_state;
    BlockDriverState *bs;
    uint64_t vm_state_size;
    bool ok = false;

    if (migration_is_blocked(errp) || !bdrv_all_can_snapshot(has_devices, devices, errp)) {
        return false;
    }
    if (!name) {
        name = default_name = snapshot_default_name();
    } else if (!snapshot_claim_name(name, overwrite, has_devices, devices, errp)) {
        return false;
    }
    bs = bdrv_all_find_vmstate_bs(vmstate, has_devices, devices, errp);
    if (!bs) {
        return false;
    }
    saved_state = runstate_get();
    global_state_store();
    (void)vm_stop(RUN_STATE_SAVE_VM);       /* flush errors show again when the snapshot is written */
    bdrv_drain_all_begin();
    g_strlcpy(sn.name, name, sizeof(sn.name));
    sn.date_sec = (uint32_t)(now / NANOSECONDS_PER_SECOND);
    sn.date_nsec = (uint32_t)(now % NANOSECONDS_PER_SECOND);
    sn.vm_clock_nsec = (uint64_t)qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    if (save_vmstate(bs, &vm_state_size, errp)) {
        ok = bdrv_all_create_snapshot(&sn, bs, vm_state_size, has_devices, devices, errp) >= 0;
        if (!ok) {
            (void)bdrv_all_delete_snapshot(name, has_devices, devices, NULL);   /* take back the ones that worked */
        }
    }
    bdrv_drain_all_end();
    vm_resume(saved_state);
    return ok;
}

/*
 * Read the state of @bs into the machine, which was reset. If that fails half way, the machine is reset once more: its
 * devices hold values that nobody has checked, and a client may let it run.
 */
static bool load_vmstate(BlockDriverState *bs, GError **errp)
{
    QEMUFile *f = qemu_fopen_bdrv(bs, false);
    int ret;

    qemu_system_reset(SHUTDOWN_CAUSE_SNAPSHOT_LOAD);
    ret = qemu_loadvm_state(f, errp);
    if (ret < 0) {
        error_prepend(errp, "Error %d while loading VM state: ", ret);
        qemu_system_reset(SHUTDOWN_CAUSE_SNAPSHOT_LOAD);
    }
    return qemu_fclose(f) == 0 && ret == 0;
}

bool load_snapshot(const char *name, const char *vmstate, bool has_devices, const char *const *devices,
                   GError **errp)
{
    BlockDriverState *bs_vm_state;
    QEMUSnapshotInfo sn;
    bool ok;
    int ret;

    if (!bdrv_all_can_snapshot(has_devices, devices, errp)) {
        return false;
    }
    ret = bdrv_all_has_snapshot(name, has_devices, devices, errp);
    if (ret == 0) {
        error_setg(errp, "Snapshot '%s' does not exist in one or more devices", name);
    }
    if (ret <= 0) {
        return false;
    }
    bs_vm_state = bdrv_all_find_vmstate_bs(vmstate, has_devices, devices, errp);
    if (!bs_vm_state) {
        return false;
    }
    bdrv_graph_rdlock_main_loop();
    ret = bdrv_snapshot_find(bs_vm_state, &sn, name);
    bdrv_graph_rdunlock_main_loop();
    if (ret <= 0) {
        error_setg(errp, "Snapshot '%s' cannot be read from the device of the VM state", name);
        return false;
    }
    if (sn.vm_state_size == 0) {
        error_setg(errp, "This is a disk-only snapshot. Revert to it  offline using qemu-img");
        return false;
    }
    bdrv_drain_all_begin();
    ok = bdrv_all_goto_snapshot(name, has_devices, devices, errp) >= 0 && load_vmstate(bs_vm_state, errp);
    bdrv_drain_all_end();
    return ok;
}

void load_snapshot_resume(int state)
{
    vm_resume((RunState)state);
}

bool delete_snapshot(const char *name, bool has_devices, const char *const *devices, GError **errp)
{
    return bdrv_all_can_snapshot(has_devices, devices, errp) &&
           bdrv_all_delete_snapshot(name, has_devices, devices, errp) >= 0;
}
