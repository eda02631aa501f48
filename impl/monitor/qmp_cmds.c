/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands of the protocol and of the machine as a whole. Context: main thread, BQL, outside coroutines. */
#include "monitor/monitor_int.h"
#include "monitor/qmp_commands.h"
#include "base/assert.h"
#include "block/backend.h"
#include "cpu/vcpu.h"
#include "machine/machine.h"
#include "machine/runstate.h"
#include "migration/block_active.h"
#include "migration/migration.h"

#include <string.h>

/* The interface that is served. */
#define QMP_MAJOR 10
#define QMP_MINOR 0
#define QMP_MICRO 0
#define RONDO_PACKAGE "rondo-0.1.0"

VersionInfo *qmp_query_version(GError **errp)
{
    VersionInfo *info = g_new0(VersionInfo, 1);

    info->qemu = g_new0(VersionTriple, 1);
    info->qemu->major = QMP_MAJOR;
    info->qemu->minor = QMP_MINOR;
    info->qemu->micro = QMP_MICRO;
    info->package = g_strdup(RONDO_PACKAGE);
    return info;
}

CommandInfoList *qmp_query_commands(GError **errp)
{
    CommandInfoList *list = NULL, **tail = &list;

    for (unsigned i = 0; i < qmp_commands_count; i++) {
        CommandInfo *info = g_new0(CommandInfo, 1);

        info->name = g_strdup(qmp_commands[i].name);
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

anyList *qmp_query_qmp_schema(GError **errp)
{
    anyList *list = NULL, **tail = &list;

    for (unsigned i = 0; i < qmp_schema_entries_count; i++) {
        QAPI_LIST_APPEND(tail, json_tokener_parse(qmp_schema_entries[i]));
    }
    return list;
}

void qmp_quit(GError **errp)
{
    runstate_set_actions(runstate_reboot_action(), SHUTDOWN_ACTION_POWEROFF);
    qemu_system_shutdown_request(SHUTDOWN_CAUSE_HOST_QMP_QUIT);
}

char *qmp_human_monitor_command(const char *command_line, bool has_cpu_index, int64_t cpu_index, GError **errp)
{
    if (has_cpu_index && (cpu_index < 0 || cpu_index > UINT_MAX || !qemu_get_cpu((unsigned)cpu_index))) {
        error_setg(errp, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    return monitor_hmp_execute(command_line);
}

/* ---- The machine ---- */

StatusInfo *qmp_query_status(GError **errp)
{
    StatusInfo *info = g_new0(StatusInfo, 1);

    info->running = runstate_is_running();
    info->status = runstate_get();
    return info;
}

NameInfo *qmp_query_name(GError **errp)
{
    NameInfo *info = g_new0(NameInfo, 1);
    const char *name = qemu_get_vm_name();

    info->name = name && *name ? g_strdup(name) : NULL;
    return info;
}

UuidInfo *qmp_query_uuid(GError **errp)
{
    UuidInfo *info = g_new0(UuidInfo, 1);
    const char *uuid = qemu_get_vm_uuid();

    info->UUID = g_strdup(uuid ? uuid : "00000000-0000-0000-0000-000000000000");
    return info;
}

TargetInfo *qmp_query_target(GError **errp)
{
    TargetInfo *info = g_new0(TargetInfo, 1);

    info->arch = g_strdup("x86_64");
    return info;
}

KvmInfo *qmp_query_kvm(GError **errp)
{
    KvmInfo *info = g_new0(KvmInfo, 1);
    MachineState *ms = machine_state_current();

    info->present = accel_by_option("kvm") != NULL;
    info->enabled = ms && g_strcmp0(ms->accel, "kvm") == 0;
    return info;
}

CpuInfoFastList *qmp_query_cpus_fast(GError **errp)
{
    CpuInfoFastList *list = NULL, **tail = &list;
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        CpuInfoFast *info = g_new0(CpuInfoFast, 1);

        info->cpu_index = cpu->cpu_index;
        info->qom_path = g_strdup_printf("/machine/unattached/device[%u]", cpu->cpu_index);
        info->thread_id = cpu->thread ? sched_thread_number(cpu->thread) : 0;
        info->target = g_strdup("x86_64");
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

MemoryInfo *qmp_query_memory_size_summary(GError **errp)
{
    MemoryInfo *info = g_new0(MemoryInfo, 1);
    MachineState *ms = machine_state_current();

    info->base_memory = ms ? ms->ram_size : 0;
    info->has_plugged_memory = true;
    return info;
}

MachineInfoList *qmp_query_machines(GError **errp)
{
    MachineInfoList *list = NULL, **tail = &list;
    MachineState *ms = machine_state_current();

    for (unsigned i = 0; machine_class_table[i]; i++) {
        const MachineClass *mc = machine_class_table[i];
        MachineInfo *info = g_new0(MachineInfo, 1);

        info->name = g_strdup(mc->name);
        info->alias = g_strdup(mc->alias);
        info->has_is_default = info->is_default = i == 0;
        info->has_is_current = info->is_current = ms && ms->klass == mc;
        info->cpu_max = mc->max_cpus;
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

void qmp_stop(GError **errp)
{
    if (runstate_check(RUN_STATE_INMIGRATE)) {
        migration_set_autostart(false);
    } else {
        (void)vm_stop(RUN_STATE_PAUSED);    /* a disk that cannot be flushed does not keep the VM running */
    }
}

void qmp_cont(GError **errp)
{
    if (runstate_needs_reset()) {
        error_setg(errp, "Resetting the Virtual Machine is required");
        return;
    }
    if (runstate_check(RUN_STATE_SUSPENDED)) {
        return;
    }
    if (runstate_check(RUN_STATE_FINISH_MIGRATE)) {
        error_setg(errp, "Migration is not finalized yet");
        return;
    }
    for (BlockBackend *blk = blk_next(NULL); blk; blk = blk_next(blk)) {
        blk_iostatus_reset(blk);
    }
    if (runstate_check(RUN_STATE_INMIGRATE)) {
        migration_set_autostart(true);
        return;
    }
    /* After a migration the images belong to the other side until we take them back. */
    if (migration_block_activate(errp)) {
        vm_start();
    }
}

void qmp_system_reset(GError **errp)
{
    qemu_system_reset_request(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
}

void qmp_system_powerdown(GError **errp)
{
    qemu_system_powerdown_request();
}

void qmp_system_wakeup(GError **errp)
{
    error_setg(errp, "Unable to wake up: guest is not in suspended state");
}
