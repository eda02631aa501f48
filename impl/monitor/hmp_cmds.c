/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands of the human monitor that do something. Context: main thread, BQL, outside coroutines. */
#include "aio/coroutine.h"
#include "aio/wait.h"
#include "block/backend.h"
#include "cpu/vcpu.h"
#include "devices/device.h"
#include "machine/runstate.h"
#include "migration/migration.h"
#include "migration/savevm.h"
#include "migration/savevm_async.h"
#include "mem/memory.h"
#include "monitor/hmp.h"
#include "monitor/monitor_int.h"
#include "monitor/qmp_commands.h"

#include <string.h>

/* ---- Help ---- */

static void help_table(Monitor *mon, const HmpCommand *table, const char *prefix, const char *name)
{
    for (; table->name; table++) {
        if (!name || hmp_name_matches(table->name, name)) {
            monitor_printf(mon, "%s%s %s -- %s\n", prefix, table->name, table->params, table->help);
        }
    }
}

static void hmp_help(Monitor *mon, HmpArgs *args)
{
    const char *name = hmp_arg_str(args, "name");

    if (!name) {
        help_table(mon, hmp_commands, "", NULL);
    } else if (strcmp(name, "info") == 0) {
        help_table(mon, hmp_info_commands, "info ", NULL);
    } else if (g_str_has_prefix(name, "info ")) {
        help_table(mon, hmp_info_commands, "info ", name + strlen("info "));
    } else {
        help_table(mon, hmp_commands, "", name);
    }
}

/* ---- Running ---- */

#define HMP_PLAIN(name)                                     \
    static void hmp_##name(Monitor *mon, HmpArgs *args)     \
    {                                                       \
        GError *err = NULL;                                 \
                                                            \
        qmp_##name(&err);                                   \
        hmp_handle_error(mon, err);                         \
    }
HMP_PLAIN(quit)
HMP_PLAIN(stop)
HMP_PLAIN(cont)
HMP_PLAIN(system_reset)
HMP_PLAIN(system_powerdown)
HMP_PLAIN(savevm_end)
HMP_PLAIN(migrate_cancel)
#undef HMP_PLAIN

/* ---- Snapshots ---- */

static void hmp_savevm(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    result_ignored(save_snapshot(hmp_arg_str(args, "name"), true, NULL, false, NULL, &err));      /* @err tells */
    hmp_handle_error(mon, err);
}

static void hmp_loadvm(Monitor *mon, HmpArgs *args)
{
    RunState old = runstate_get();
    GError *err = NULL;

    (void)vm_stop(RUN_STATE_RESTORE_VM);        /* a failed flush is no reason not to go back */
    if (load_snapshot(hmp_arg_str(args, "name"), NULL, false, NULL, &err)) {
        load_snapshot_resume((int)old);
    }
    hmp_handle_error(mon, err);
}

static void hmp_delvm(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    result_ignored(delete_snapshot(hmp_arg_str(args, "name"), false, NULL, &err));        /* @err tells */
    hmp_handle_error(mon, err);
}

static void hmp_savevm_start(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    qmp_savevm_start(hmp_arg_str(args, "statefile"), &err);
    hmp_handle_error(mon, err);
}

/* ---- Migration ---- */

static void hmp_migrate(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    qmp_migrate(hmp_arg_str(args, "uri"), false, false, false, false, &err);
    hmp_handle_error(mon, err);
}

static void hmp_migrate_incoming(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    qmp_migrate_incoming(hmp_arg_str(args, "uri"), false, false, &err);
    hmp_handle_error(mon, err);
}

static void hmp_migrate_set_capability(Monitor *mon, HmpArgs *args)
{
    int cap = MigrationCapability_parse(hmp_arg_str(args, "capability"));
    MigrationCapability one = (MigrationCapability)cap;
    bool state = hmp_arg_bool(args, "state", false);
    GError *err = NULL;

    if (cap < 0) {
        error_setg(&err, "invalid parameter value: %s", hmp_arg_str(args, "capability"));
    } else {
        result_ignored(migrate_set_capabilities(&one, &state, 1, &err));      /* @err tells */
    }
    hmp_handle_error(mon, err);
}

/* ---- Block ---- */

typedef struct HmpResize {
    const char *device;
    int64_t size;
    GError *err;
    bool done;
} HmpResize;

static void coroutine_fn hmp_co_block_resize(void *opaque)
{
    HmpResize *call = opaque;

    qmp_block_resize(call->device, NULL, call->size, &call->err);
    call->done = true;
    aio_wait_kick();
}

static void hmp_block_resize(Monitor *mon, HmpArgs *args)
{
    HmpResize call = { .device = hmp_arg_str(args, "device"), .size = hmp_arg_int(args, "size", 0) };

    aio_co_enter(qemu_get_aio_context(), qemu_coroutine_create(hmp_co_block_resize, &call));
    AIO_WAIT_WHILE(NULL, !call.done);
    hmp_handle_error(mon, call.err);
}

static void hmp_drive_add(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    if (drive_new(hmp_arg_str(args, "opts"), IF_NONE, &err)) {
        monitor_puts(mon, "OK\n");
    }
    hmp_handle_error(mon, err);
}

/* ---- Devices ---- */

static void hmp_device_add(Monitor *mon, HmpArgs *args)
{
    g_autoptr(ChrOpts) opts = chr_opts_parse(hmp_arg_str(args, "device"), "driver");
    json_object *json = chr_opts_to_json(opts), *ret = NULL;
    GError *err = NULL;

    qmp_device_add(json, &ret, &err);
    json_object_put(json);
    hmp_handle_error(mon, err);
}

static void hmp_device_del(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    qmp_device_del(hmp_arg_str(args, "id"), &err);
    hmp_handle_error(mon, err);
}

static void hmp_object_add(Monitor *mon, HmpArgs *args)
{
    g_autoptr(ChrOpts) opts = chr_opts_parse(hmp_arg_str(args, "object"), "qom-type");
    GError *err = NULL;

    result_ignored(monitor_object_add(opts, &err));       /* @err tells */
    hmp_handle_error(mon, err);
}

static void hmp_object_del(Monitor *mon, HmpArgs *args)
{
    GError *err = NULL;

    qmp_object_del(hmp_arg_str(args, "id"), &err);
    hmp_handle_error(mon, err);
}

/* ---- Memory ---- */

/* "8xw": count, format (x d u c), size (b h w g). Returns false if @fmt is none. */
static bool parse_dump_format(const char *fmt, unsigned *count, char *format, unsigned *size)
{
    static const char sizes[] = "bhwg";
    char *end = NULL;

    *count = 1;
    *format = 'x';
    *size = 4;
    if (!fmt) {
        return true;
    }
    if (g_ascii_isdigit(*fmt)) {
        guint64 n = g_ascii_strtoull(fmt, &end, 10);

        if (n < 1 || n > 65536) {
            return false;
        }
        *count = (unsigned)n;
        fmt = end;
    }
    for (; *fmt; fmt++) {
        if (strchr(sizes, *fmt)) {
            *size = 1u << (strchr(sizes, *fmt) - sizes);
        } else if (strchr("xduc", *fmt)) {
            *format = *fmt;
        } else {
            return false;
        }
    }
    return true;
}

static void print_dump_item(Monitor *mon, uint64_t value, char format, unsigned size)
{
    unsigned shift = 64 - 8 * size;

    switch (format) {
    case 'd':
        monitor_printf(mon, " %" G_GINT64_FORMAT, (int64_t)(value << shift) >> shift);
        break;
    case 'u':
        monitor_printf(mon, " %" G_GUINT64_FORMAT, value);
        break;
    case 'c':
        monitor_printf(mon, g_ascii_isprint((char)value) ? " '%c'" : " '\\x%02x'", (int)(value & 0xff));
        break;
    default:
        monitor_printf(mon, " 0x%0*" G_GINT64_MODIFIER "x", (int)(2 * size), value);
        break;
    }
}

/* @cpu: whose page tables to use; NULL: @addr is physical. Items do not cross pages unless misaligned. */
static bool read_guest(CPUState *cpu, uint64_t addr, uint8_t *buf, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        uint64_t phys = addr + i;

        if (cpu) {
            phys = cpu_x86_get_phys(cpu->x86, phys);
            if (phys == UINT64_MAX) {
                return false;
            }
        }
        if (address_space_read(&address_space_memory, phys, MEMTXATTRS_UNSPECIFIED, buf + i, 1) != MEMTX_OK) {
            return false;
        }
    }
    return true;
}

static void dump_memory(Monitor *mon, HmpArgs *args, CPUState *cpu)
{
    uint64_t addr = (uint64_t)hmp_arg_int(args, "addr", 0);
    unsigned count, size;
    char format;

    if (!parse_dump_format(hmp_arg_str(args, "fmt"), &count, &format, &size)) {
        monitor_printf(mon, "invalid format '%s'\n", hmp_arg_str(args, "fmt"));
        return;
    }
    for (unsigned i = 0; i < count; i++, addr += size) {
        uint8_t raw[8] = { 0 };
        uint64_t value = 0;

        if (i % (16 / size) == 0) {
            monitor_printf(mon, "%s%016" G_GINT64_MODIFIER "x:", i ? "\n" : "", addr);
        }
        if (!read_guest(cpu, addr, raw, size)) {
            monitor_printf(mon, " Cannot access memory");
            break;
        }
        for (unsigned b = 0; b < size; b++) {
            value |= (uint64_t)raw[b] << (8 * b);
        }
        print_dump_item(mon, value, format, size);
    }
    monitor_puts(mon, "\n");
}

static void hmp_physical_dump(Monitor *mon, HmpArgs *args)
{
    dump_memory(mon, args, NULL);
}

static void hmp_memory_dump(Monitor *mon, HmpArgs *args)
{
    if (!first_cpu) {
        monitor_puts(mon, "No CPU\n");
        return;
    }
    if (runstate_is_running()) {
        /* The page tables are those of a thread that is using them. */
        monitor_puts(mon, "Stop the VM first; xp works at any time\n");
        return;
    }
    dump_memory(mon, args, first_cpu);
}

const HmpCommand hmp_commands[] = {
    { "help|?", "name:S?", "[cmd]", "show the help", hmp_help },
    { "info", "", "[subcommand]", "show various information about the system state", NULL },
    { "quit|q", "", "", "quit the emulator", hmp_quit },
    { "stop|s", "", "", "stop emulation", hmp_stop },
    { "cont|c", "", "", "resume emulation", hmp_cont },
    { "system_reset", "", "", "reset the system", hmp_system_reset },
    { "system_powerdown", "", "", "send system power down event", hmp_system_powerdown },
    { "savevm", "name:s?", "tag", "save a VM snapshot", hmp_savevm },
    { "loadvm", "name:s", "tag", "restore a VM snapshot from its tag", hmp_loadvm },
    { "delvm", "name:s", "tag", "delete a VM snapshot from its tag", hmp_delvm },
    { "savevm-start", "statefile:s?", "[statefile]", "save the state of the running VM to a file", hmp_savevm_start },
    { "savevm-end", "", "", "resume the VM after savevm-start, or cancel it", hmp_savevm_end },
    { "migrate", "-d,uri:s", "[-d] uri", "migrate to uri; never waits", hmp_migrate },
    { "migrate_cancel", "", "", "cancel the current VM migration", hmp_migrate_cancel },
    { "migrate_incoming", "uri:s", "uri", "continue an incoming migration from -incoming defer", hmp_migrate_incoming },
    { "migrate_set_capability", "capability:s,state:b", "capability state", "switch a capability on or off",
      hmp_migrate_set_capability },
    { "block_resize", "device:s,size:o", "device size", "resize a block image", hmp_block_resize },
    { "drive_add", "pci_addr:s,opts:s", "dummy opts", "add a drive that no device uses yet", hmp_drive_add },
    { "device_add", "device:S", "driver[,prop=value][,...]", "add device, like -device on the command line",
      hmp_device_add },
    { "device_del", "id:s", "device", "remove device", hmp_device_del },
    { "netdev_add", "netdev:S", "[user],id=str[,prop=value][,...]", "add host network device", hmp_netdev_add },
    { "netdev_del", "id:s", "id", "remove host network device", hmp_netdev_del },
    { "set_link", "name:s,up:b", "name on|off", "change the link status of a network adapter", hmp_set_link },
    { "hostfwd_add", "arg1:s,arg2:s?", "[netdev_id] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport",
      "redirect TCP or UDP connections from host to guest", hmp_hostfwd_add },
    { "hostfwd_remove", "arg1:s,arg2:s?", "[netdev_id] [tcp|udp]:[hostaddr]:hostport",
      "remove host-to-guest TCP or UDP redirection", hmp_hostfwd_remove },
    { "balloon", "value:o", "target", "request VM to change its memory allocation (in MB)", hmp_balloon },
    { "eject", "-f,device:s", "[-f] device", "eject a removable medium (use -f to force it)", hmp_eject },
    { "change", "device:s,target:s,format:s?", "device filename [format]", "change a removable medium", hmp_change },
    { "screendump", "filename:s,device:s?,head:i?", "filename [device [head]]",
      "save screen from head 'head' of display device 'device' into image 'filename'", hmp_screendump },
    { "sendkey", "keys:s,hold-time:i?", "keys [hold_ms]", "send keys to the VM (e.g. 'sendkey ctrl-alt-f1')",
      hmp_sendkey },
    { "object_add", "object:S", "type,id=str[,prop=value][,...]", "create an object", hmp_object_add },
    { "object_del", "id:s", "id", "destroy an object", hmp_object_del },
    { "x", "fmt:/,addr:i", "/fmt addr", "virtual memory dump starting at 'addr'", hmp_memory_dump },
    { "xp", "fmt:/,addr:i", "/fmt addr", "physical memory dump starting at 'addr'", hmp_physical_dump },
    { NULL },
};
