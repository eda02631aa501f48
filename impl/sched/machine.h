/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine: the one object that holds what would otherwise be process-wide state.
 *
 * Each module keeps its state here under its own key. The calling thread's slot says which machine it works
 * for, so one simulated process can hold both ends of a migration. Threads inherit their creator's machine.
 */
#ifndef SCHED_MACHINE_H
#define SCHED_MACHINE_H

#include "sched/sched.h"

typedef struct Machine Machine;

typedef enum MachineModule {
    MACHINE_AIO,
    MACHINE_BLOCK,
    MACHINE_JOB,
    MACHINE_MEM,
    MACHINE_CPU,
    MACHINE_MIGRATION,
    MACHINE_SAVEVM,
    MACHINE_SAVEVM_ASYNC,
    MACHINE_MONITOR,
    MACHINE_CHARDEV,
    MACHINE_DEVICES,
    MACHINE_RUNSTATE,
    MACHINE_MAIN,
    MACHINE_FDSETS,
    MACHINE_NET,
    MACHINE_UI,
    MACHINE_GDBSTUB,
    MACHINE_RNG,
    MACHINE__MAX,
} MachineModule;

/** machine_new: an empty machine. @name is copied; a single machine is called "vm". */
Machine *machine_new(const char *name);
/** machine_free: @m may be NULL. Modules must have released their state before (asserted). */
void machine_free(Machine *m);
const char *machine_name(const Machine *m);

/** machine_current: the calling thread's machine, or NULL. */
static inline Machine *machine_current(void)
{
    return sched_slot_get(SCHED_SLOT_MACHINE);
}

static inline void machine_set_current(Machine *m)
{
    sched_slot_set(SCHED_SLOT_MACHINE, m);
}

/** machine_state: what module @key keeps in the current machine; NULL before machine_set_state. */
void *machine_state(MachineModule key);
/** machine_state_of: the same of machine @m, for reports. */
void *machine_state_of(const Machine *m, MachineModule key);
void machine_set_state(MachineModule key, void *state);

#endif
