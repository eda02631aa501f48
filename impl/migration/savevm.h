/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stream as a whole: header, sections, end; and internal snapshots made of it.
 *
 * Layout (big endian): magic "QEVM", version 3; configuration (0x07, length and name of the machine type); then
 * sections START 0x01, PART 0x02, END 0x03 of live state and FULL 0x04 of devices, each closed by FOOTER 0x7e and its
 * id; EOF 0x00; optionally a description 0x06 (length, JSON). Subsections 0x05 are inside sections.
 *
 * Owns: MACHINE_SAVEVM, the list of sections. Context: BQL, unless a function says otherwise.
 *
 * I1  Header and setup always run with the BQL: they may flush, and a flush to a block node polls.
 * I2  A section is loaded only if its name, instance and version were checked against the list; an unknown one ends the
 *     load before any byte of it is used.
 * Source: docs/devel/migration of QEMU ("Stream structure").
 */
#ifndef MIGRATION_SAVEVM_H
#define MIGRATION_SAVEVM_H

#include "base/error.h"
#include "migration/qemu_file.h"

#include <stdbool.h>
#include <stdint.h>

#define QEMU_VM_FILE_MAGIC 0x5145564du
#define QEMU_VM_FILE_VERSION 3u
enum {
    QEMU_VM_EOF = 0x00,
    QEMU_VM_SECTION_START = 0x01,
    QEMU_VM_SECTION_PART = 0x02,
    QEMU_VM_SECTION_END = 0x03,
    QEMU_VM_SECTION_FULL = 0x04,
    QEMU_VM_SUBSECTION = 0x05,
    QEMU_VM_VMDESCRIPTION = 0x06,
    QEMU_VM_CONFIGURATION = 0x07,
    QEMU_VM_COMMAND = 0x08,
    QEMU_VM_SECTION_FOOTER = 0x7e,
};

/** savevm_set_machine_type: the name in the configuration section; borrowed. NULL: "none". */
void savevm_set_machine_type(const char *name);
/** savevm_device_blocked: does a registered device say it cannot migrate? @errp names it. */
bool savevm_device_blocked(GError **errp);

/* ---- Writing ---- */

void qemu_savevm_state_header(QEMUFile *f);
/** qemu_savevm_state_setup: START sections. 0 or -errno. */
int qemu_savevm_state_setup(QEMUFile *f, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qemu_savevm_state_iterate: PART sections. 1: nothing left; 0: more; -errno. With or without the BQL; may yield. */
int qemu_savevm_state_iterate(QEMUFile *f);
/** qemu_savevm_state_complete_precopy: END and FULL sections, end marker, flush. VM stopped. 0 or -errno. */
int qemu_savevm_state_complete_precopy(QEMUFile *f, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qemu_savevm_state_cleanup: release what setup took; always safe. */
void qemu_savevm_state_cleanup(void);
/** Bytes left, @must_precopy before and @can_postcopy after the switch-over. exact: without the BQL. */
void qemu_savevm_state_pending_estimate(uint64_t *must_precopy, uint64_t *can_postcopy);
void qemu_savevm_state_pending_exact(uint64_t *must_precopy, uint64_t *can_postcopy);

/* ---- Reading ---- */

/** qemu_loadvm_state: a whole stream. 0 or -errno with @errp. May yield in a coroutine. */
int qemu_loadvm_state(QEMUFile *f, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* ---- Internal snapshots. Main context; poll. @devices: node names, NULL-terminated; without has_devices: all. ---- */

/**
 * save_snapshot: VM state into node @vmstate (NULL: the first that can) and a disk snapshot of every device, all named
 * @name (NULL: the time). @overwrite: delete one of that name first. The VM is stopped meanwhile.
 */
bool save_snapshot(const char *name, bool overwrite, const char *vmstate, bool has_devices,
                   const char *const *devices, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** load_snapshot: the VM must be stopped (RESTORE_VM). Resets the machine first. */
bool load_snapshot(const char *name, const char *vmstate, bool has_devices, const char *const *devices,
                   GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** load_snapshot_resume: go back to run state @state (a RunState) after a load. */
void load_snapshot_resume(int state);
bool delete_snapshot(const char *name, bool has_devices, const char *const *devices, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
