/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "info ..." of the human monitor. Context: main thread, BQL, outside coroutines. */
#include "block/backend.h"
#include "block/blockjob.h"
#include "block/snapshot.h"
#include "cpu/vcpu.h"
#include "devices/device.h"
#include "mem/memory.h"
#include "monitor/hmp.h"
#include "monitor/monitor_int.h"
#include "monitor/qmp_commands.h"

#include <string.h>

static void info_version(Monitor *mon, HmpArgs *args)
{
    g_autoptr(VersionInfo) v = qmp_query_version(NULL);

    monitor_printf(mon, "%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT ".%" G_GINT64_FORMAT " (%s)\n", v->qemu->major,
                   v->qemu->minor, v->qemu->micro, v->package);
}

static void info_status(Monitor *mon, HmpArgs *args)
{
    g_autoptr(StatusInfo) s = qmp_query_status(NULL);

    monitor_printf(mon, "VM status: %s", s->running ? "running" : "paused");
    if (!s->running && s->status != RUN_STATE_PAUSED) {
        monitor_printf(mon, " (%s)", RunState_str(s->status));
    }
    monitor_puts(mon, "\n");
}

static void info_name(Monitor *mon, HmpArgs *args)
{
    g_autoptr(NameInfo) info = qmp_query_name(NULL);

    if (info->name) {
        monitor_printf(mon, "%s\n", info->name);
    }
}

static void info_uuid(Monitor *mon, HmpArgs *args)
{
    g_autoptr(UuidInfo) info = qmp_query_uuid(NULL);

    monitor_printf(mon, "%s\n", info->UUID);
}

static void info_kvm(Monitor *mon, HmpArgs *args)
{
    g_autoptr(KvmInfo) info = qmp_query_kvm(NULL);

    monitor_printf(mon, "kvm support: %s\n", info->enabled ? "enabled" : info->present ? "disabled" : "not compiled");
}

static void info_cpus(Monitor *mon, HmpArgs *args)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        monitor_printf(mon, "%c CPU #%u: thread=\"%s\"\n", cpu->cpu_index ? ' ' : '*', cpu->cpu_index,
                       cpu->thread_name);
    }
}

static void info_registers(Monitor *mon, HmpArgs *args)
{
    CPUState *cpu;

    CPU_FOREACH(cpu) {
        g_autofree char *text = cpu_x86_dump(cpu->x86);

        monitor_printf(mon, "\nCPU#%u\n%s", cpu->cpu_index, text);
        if (!g_str_has_suffix(text, "\n")) {
            monitor_puts(mon, "\n");
        }
    }
}

/* ---- Memory ---- */

static void print_region(Monitor *mon, const MemoryRegion *mr, uint64_t base, unsigned depth)
{
    uint64_t start = base + mr->addr;
    const char *kind = mr->rom_device ? "romd" : mr->ram ? mr->readonly ? "rom" : "ram" : "i/o";

    monitor_printf(mon, "%*s%016" G_GINT64_MODIFIER "x-%016" G_GINT64_MODIFIER "x (prio %d, %s): ",
                   (int)(2 * depth), "", start, start + mr->size - (mr->size != 0), mr->priority, kind);
    if (mr->alias) {
        monitor_printf(mon, "alias %s @%s %016" G_GINT64_MODIFIER "x", mr->name, mr->alias->name, mr->alias_offset);
    } else {
        monitor_puts(mon, mr->name ? mr->name : "");
    }
    monitor_puts(mon, mr->enabled ? "\n" : " [disabled]\n");
    for (guint i = 0; mr->subregions && i < mr->subregions->len; i++) {
        print_region(mon, g_ptr_array_index(mr->subregions, i), start, depth + 1);
    }
}

static void info_mtree(Monitor *mon, HmpArgs *args)
{
    monitor_puts(mon, "memory-region: system\n");
    print_region(mon, get_system_memory(), 0, 1);
    monitor_puts(mon, "\nmemory-region: io\n");
    print_region(mon, get_system_io(), 0, 1);
}

static void info_memory_size(Monitor *mon, HmpArgs *args)
{
    g_autoptr(MemoryInfo) info = qmp_query_memory_size_summary(NULL);

    monitor_printf(mon, "base memory: %" G_GUINT64_FORMAT "\n", info->base_memory);
}

/* ---- Devices ---- */

static void info_qtree(Monitor *mon, HmpArgs *args)
{
    GString *text = g_string_new(NULL);

    device_tree_print(text);
    monitor_puts(mon, text->str);
    g_string_free(text, TRUE);
}

static int print_pci_device(DeviceState *dev, void *opaque)
{
    if (dev->parent_bus && strcmp(dev->parent_bus->klass->type, "PCI") == 0) {
        monitor_printf(opaque, "  %s: %s%s%s%s\n", dev->path ? dev->path : "?", dev->klass->name,
                       dev->id ? ", id \"" : "", dev->id ? dev->id : "", dev->id ? "\"" : "");
    }
    return 0;
}

static void info_pci(Monitor *mon, HmpArgs *args)
{
    (void)device_walk(sysbus_get_default(), print_pci_device, mon);     /* it never stops early */
}

static void info_chardev(Monitor *mon, HmpArgs *args)
{
    for (Chardev *chr = qemu_chr_next(NULL); chr; chr = qemu_chr_next(chr)) {
        g_autofree char *filename = qemu_chr_filename(chr);

        monitor_printf(mon, "%s: filename=%s\n", qemu_chr_label(chr), filename);
    }
}

static void info_iothreads(Monitor *mon, HmpArgs *args)
{
    g_autoptr(IOThreadInfoList) list = qmp_query_iothreads(NULL);

    for (IOThreadInfoList *e = list; e; e = e->next) {
        monitor_printf(mon, "%s:\n  poll-max-ns=%" G_GINT64_FORMAT "\n  poll-grow=%" G_GINT64_FORMAT "\n  poll-shrink=%"
                       G_GINT64_FORMAT "\n  aio-max-batch=%" G_GINT64_FORMAT "\n", e->value->id, e->value->poll_max_ns,
                       e->value->poll_grow, e->value->poll_shrink, e->value->aio_max_batch);
    }
}

/* ---- Block ---- */

static const char *member(json_object *obj, const char *name)
{
    json_object *value = NULL;

    return obj && json_object_object_get_ex(obj, name, &value) && value ? json_object_get_string(value) : "";
}

static void print_inserted(Monitor *mon, const char *title, json_object *node)
{
    monitor_printf(mon, "%s (%s): %s (%s%s)\n", title, member(node, "node-name"), member(node, "file"),
                   member(node, "drv"), strcmp(member(node, "ro"), "true") == 0 ? ", read-only" : "");
}

static void info_block(Monitor *mon, HmpArgs *args)
{
    const char *only = hmp_arg_str(args, "device");
    GError *err = NULL;
    bool nodes = hmp_arg_bool(args, "n", false);
    json_object *all = nodes ? qmp_query_named_block_nodes(true, true, &err) : qmp_query_block(&err);

    for (size_t i = 0; all && i < json_object_array_length(all); i++) {
        json_object *one = json_object_array_get_idx(all, i), *inserted = NULL;
        const char *name = member(one, nodes ? "node-name" : "device");

        name = *name ? name : member(one, "qdev");
        if (only && strcmp(only, name) != 0) {
            continue;
        }
        if (nodes) {
            print_inserted(mon, name, one);
        } else if (json_object_object_get_ex(one, "inserted", &inserted) && inserted) {
            print_inserted(mon, name, inserted);
        } else {
            monitor_printf(mon, "%s: [not inserted]\n", name);
        }
        if (!nodes && *member(one, "qdev")) {
            monitor_printf(mon, "    Attached to:      %s\n", member(one, "qdev"));
        }
    }
    json_object_put(all);
    hmp_handle_error(mon, err);
}

static void info_blockstats(Monitor *mon, HmpArgs *args)
{
    json_object *all = qmp_query_blockstats(NULL);

    for (size_t i = 0; all && i < json_object_array_length(all); i++) {
        json_object *one = json_object_array_get_idx(all, i), *stats = NULL;

        json_object_object_get_ex(one, "stats", &stats);
        monitor_printf(mon, "%s: rd_bytes=%s wr_bytes=%s rd_operations=%s wr_operations=%s flush_operations=%s\n",
                       member(one, "device"), member(stats, "rd_bytes"), member(stats, "wr_bytes"),
                       member(stats, "rd_operations"), member(stats, "wr_operations"),
                       member(stats, "flush_operations"));
    }
    json_object_put(all);
}

static void info_block_jobs(Monitor *mon, HmpArgs *args)
{
    g_autoptr(JobInfoList) list = qmp_query_jobs(NULL);

    if (!list) {
        monitor_puts(mon, "No active jobs\n");
    }
    for (JobInfoList *e = list; e; e = e->next) {
        monitor_printf(mon, "Type %s, job %s: %s, completed %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT "%s%s\n",
                       job_type_name(e->value->type), e->value->id, job_status_name(e->value->status),
                       e->value->current_progress, e->value->total_progress, e->value->error ? ", error: " : "",
                       e->value->error ? e->value->error : "");
    }
}

static void print_snapshots(Monitor *mon, BlockDriverState *bs, QEMUSnapshotInfo *list, int n)
{
    monitor_printf(mon, "List of snapshots present on node '%s':\n%-10s%-17s%13s\n", bdrv_get_node_name(bs), "ID",
                   "TAG", "VM SIZE");
    for (int i = 0; i < n; i++) {
        monitor_printf(mon, "%-10s%-17s%13" G_GUINT64_FORMAT "\n", list[i].id_str, list[i].name,
                       list[i].vm_state_size);
    }
}

static void info_snapshots(Monitor *mon, HmpArgs *args)
{
    bool any = false;

    bdrv_graph_rdlock_main_loop();
    for (BlockDriverState *bs = bdrv_next_node(NULL); bs; bs = bdrv_next_node(bs)) {
        g_autofree QEMUSnapshotInfo *list = NULL;
        int n = bdrv_can_snapshot(bs) ? bdrv_snapshot_list(bs, &list) : 0;

        if (n > 0) {
            print_snapshots(mon, bs, list, n);
            any = true;
        }
    }
    bdrv_graph_rdunlock_main_loop();
    if (!any) {
        monitor_puts(mon, "There is no snapshot available.\n");
    }
}

/* ---- Migration ---- */

static void info_migrate(Monitor *mon, HmpArgs *args)
{
    g_autoptr(MigrationInfo) info = qmp_query_migrate(NULL);

    if (info->blocked_reasons) {
        monitor_puts(mon, "Outgoing migration blocked:\n");
        for (strList *e = info->blocked_reasons; e; e = e->next) {
            monitor_printf(mon, "  %s\n", e->value);
        }
    }
    if (info->has_status) {
        monitor_printf(mon, "Migration status: %s%s%s%s\n", MigrationStatus_str(info->status),
                       info->error_desc ? " (" : "", info->error_desc ? info->error_desc : "",
                       info->error_desc ? ")" : "");
    }
    if (info->has_total_time) {
        monitor_printf(mon, "total time: %" G_GINT64_FORMAT " ms\n", info->total_time);
    }
    if (info->has_downtime) {
        monitor_printf(mon, "downtime: %" G_GINT64_FORMAT " ms\n", info->downtime);
    }
    if (info->ram) {
        monitor_printf(mon, "transferred ram: %" G_GINT64_FORMAT " kbytes\nremaining ram: %" G_GINT64_FORMAT
                       " kbytes\ntotal ram: %" G_GINT64_FORMAT " kbytes\n", info->ram->transferred >> 10,
                       info->ram->remaining >> 10, info->ram->total >> 10);
    }
}

static void info_savevm(Monitor *mon, HmpArgs *args)
{
    g_autoptr(SaveVMInfo) info = qmp_query_savevm(NULL);

    if (!info->status) {
        monitor_puts(mon, "savevm status: not running\n");
        return;
    }
    monitor_printf(mon, "savevm status: %s\n", info->status);
    if (info->has_total_time) {
        monitor_printf(mon, "total time: %" G_GINT64_FORMAT " milliseconds\n", info->total_time);
    }
    if (info->has_bytes) {
        monitor_printf(mon, "Bytes saved: %" G_GINT64_FORMAT "\n", info->bytes);
    }
    if (info->error) {
        monitor_printf(mon, "Error: %s\n", info->error);
    }
}

const HmpCommand hmp_info_commands[] = {
    { "balloon", "", "", "show balloon information", hmp_info_balloon },
    { "block", "-n,device:s?", "[-n] [device]", "show info of one block device or all; -n: named nodes", info_block },
    { "blockstats", "", "", "show block device statistics", info_blockstats },
    { "block-jobs|jobs", "", "", "show jobs", info_block_jobs },
    { "chardev", "", "", "show the character devices", info_chardev },
    { "cpus", "", "", "show infos for each CPU", info_cpus },
    { "iothreads", "", "", "show iothreads", info_iothreads },
    { "kvm", "", "", "show KVM information", info_kvm },
    { "memory_size_summary", "", "", "show the amount of memory", info_memory_size },
    { "migrate", "", "", "show migration status", info_migrate },
    { "mtree", "", "", "show memory tree", info_mtree },
    { "name", "", "", "show the current VM name", info_name },
    { "network", "", "", "show the network state", hmp_info_network },
    { "pci", "", "", "show PCI devices", info_pci },
    { "qtree", "", "", "show device tree", info_qtree },
    { "registers", "", "", "show the cpu registers", info_registers },
    { "savevm", "", "", "show savevm status", info_savevm },
    { "snapshots", "", "", "show the currently saved VM snapshots", info_snapshots },
    { "status", "", "", "show the current VM status", info_status },
    { "usernet", "", "", "show user network stack connection states", hmp_info_usernet },
    { "uuid", "", "", "show the current VM UUID", info_uuid },
    { "version", "", "", "show the version", info_version },
    { NULL },
};
