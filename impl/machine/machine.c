/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The machine's description and the table of boards.
 */
#include "machine/machine.h"

#include <string.h>

#include "machine/microvm/microvm.h"
#include "machine/pc/pc.h"
#include "machine/q35/q35.h"
#include "sched/machine.h"

const MachineClass *const machine_class_table[] = {
    &pc_machine_class,
    &q35_machine_class,
    &microvm_machine_class,
    NULL,
};

const MachineClass *machine_class_by_name(const char *name)
{
    for (unsigned i = 0; machine_class_table[i]; i++) {
        const MachineClass *mc = machine_class_table[i];

        if (strcmp(mc->name, name) == 0 || (mc->alias && strcmp(mc->alias, name) == 0)) {
            return mc;
        }
    }
    return NULL;
}

bool machine_set_prop(MachineState *ms, const char *key, const char *value)
{
    const char *const *props = ms->klass->props;

    for (unsigned i = 0; props && props[i]; i++) {
        uint32_t bit = UINT32_C(1) << i;

        if (strcmp(props[i], key) != 0) {
            continue;
        }
        if (strcmp(value, "auto") == 0) {
            ms->props_set &= ~bit;
            return true;
        }
        ms->props_set |= bit;
        ms->props_on = strcmp(value, "on") == 0 ? ms->props_on | bit : ms->props_on & ~bit;
        return strcmp(value, "on") == 0 || strcmp(value, "off") == 0;
    }
    return false;
}

MachineState *machine_state_current(void)
{
    return machine_state(MACHINE_MAIN);
}

const char *qemu_get_vm_name(void)
{
    MachineState *ms = machine_state_current();

    return ms ? ms->name : NULL;
}

const char *qemu_get_vm_uuid(void)
{
    MachineState *ms = machine_state_current();

    return ms ? ms->uuid : NULL;
}

static void fw_cfg_option_clear(gpointer data)
{
    FwCfgOption *o = data;

    g_free(o->name);
    g_free(o->data);
}

MachineState *machine_state_new(void)
{
    MachineState *ms = g_new0(MachineState, 1);

    ms->ram_size = MACHINE_DEFAULT_RAM;
    ms->translate = true;
    ms->smp_cpus = 1;
    ms->klass = &pc_machine_class;
    ms->boot = (BootOptions){ .splash_time = -1, .reboot_timeout = -2 };
    ms->hpet = true;
    ms->acpi = true;
    ms->fw_cfg_files = g_array_new(FALSE, FALSE, sizeof(FwCfgOption));
    g_array_set_clear_func(ms->fw_cfg_files, fw_cfg_option_clear);
    machine_set_state(MACHINE_MAIN, ms);
    return ms;
}

void machine_state_free(MachineState *ms)
{
    machine_set_state(MACHINE_MAIN, NULL);
    g_free(ms->name);
    g_free(ms->uuid);
    g_free(ms->cpu_type);
    g_free(ms->accel);
    g_free(ms->firmware);
    g_free(ms->kernel);
    g_free(ms->initrd);
    g_free(ms->append);
    g_free(ms->boot.order);
    g_free(ms->boot.once);
    for (unsigned i = 0; i < SMBIOS_SYSTEM__MAX; i++) {
        g_free(ms->smbios_system[i]);
    }
    g_array_unref(ms->fw_cfg_files);
    for (unsigned i = 0; i < MACHINE_MAX_PFLASH; i++) {
        g_free(ms->pflash[i]);
    }
    for (unsigned i = 0; i < MACHINE_MAX_SERIAL; i++) {
        g_free(ms->serial[i]);
    }
    g_free(ms);
}
