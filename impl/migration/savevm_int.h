/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What savevm.c (list, writing) and loadvm.c (reading) share. */
#ifndef MIGRATION_SAVEVM_INT_H
#define MIGRATION_SAVEVM_INT_H

#include "migration/register.h"
#include "migration/savevm.h"
#include "migration/vmstate.h"
#include "sched/sched.h"

typedef struct SaveStateEntry {
    /* fixed after registration */
    char idstr[256];
    uint32_t instance_id;
    int version_id;
    uint32_t section_id;
    const SaveVMHandlers *ops;          /* a live section, or */
    const VMStateDescription *vmsd;     /* a device */
    void *opaque;

    /* owned by the load that runs */
    bool load_started;
    uint32_t load_section_id;
    int load_version_id;
} SaveStateEntry;

typedef struct SaveState {
    GPtrArray *entries;                 /* of SaveStateEntry *; I1 of savevm.c */
    uint32_t next_section_id;
    const char *machine_type;
    SchedObject switchover;             /* choice points between the steps of a switch-over */
} SaveState;

typedef struct SaveConfiguration {
    uint32_t len;                       /* bytes of name, no NUL */
    char *name;
} SaveConfiguration;

extern const VMStateDescription vmstate_configuration;

SaveState *savevm_state(void);
void savevm_init(void);
void savevm_cleanup(void);
const char *savevm_machine_type(void);
SaveStateEntry *savevm_find_entry(const char *idstr, uint32_t instance_id);

#endif
