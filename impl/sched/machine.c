/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine: a name and one pointer per module. Written under the BQL or before threads exist. */
#include "sched/machine.h"
#include "base/assert.h"

struct Machine {
    char *name;
    void *state[MACHINE__MAX];
};

Machine *machine_new(const char *name)
{
    Machine *m = g_new0(Machine, 1);

    m->name = g_strdup(name);
    return m;
}

void machine_free(Machine *m)
{
    if (!m) {
        return;
    }
    for (int i = 0; i < MACHINE__MAX; i++) {
        assert(!m->state[i]);
    }
    g_free(m->name);
    g_free(m);
}

const char *machine_name(const Machine *m)
{
    return m->name;
}

void *machine_state(MachineModule key)
{
    return machine_current()->state[key];
}

void *machine_state_of(const Machine *m, MachineModule key)
{
    return m->state[key];
}

void machine_set_state(MachineModule key, void *state)
{
    machine_current()->state[key] = state;
}
