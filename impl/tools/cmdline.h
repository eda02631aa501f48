/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line of `rondo`: which options there are, in which order they came, and what they do to the machine.
 *
 * Names, values and messages are QEMU's. An option that is not in the table, and a value that is not understood, is an
 * error that names it; nothing is ignored silently.
 */
#ifndef TOOLS_CMDLINE_H
#define TOOLS_CMDLINE_H

#include "base/error.h"
#include "block/block_common.h"
#include "machine/machine.h"

typedef enum CmdOptId {
    CMD_CDROM, CMD_HDA, CMD_HDB, CMD_HDC, CMD_HDD,
    CMD_ACCEL, CMD_ACTION, CMD_ADD_FD, CMD_APPEND, CMD_BIOS, CMD_BLOCKDEV, CMD_BOOT, CMD_CHARDEV, CMD_CPU, CMD_DEVICE,
    CMD_DISPLAY, CMD_DRIVE, CMD_ENABLE_KVM, CMD_GDB,
    CMD_GDB_DEFAULT, CMD_GLOBAL, CMD_HELP, CMD_INCOMING, CMD_LOADSTATE, CMD_LOADVM, CMD_M, CMD_MACHINE,
    CMD_MON, CMD_MONITOR, CMD_NAME, CMD_NET, CMD_NETDEV, CMD_NIC, CMD_NODEFAULTS, CMD_NOGRAPHIC, CMD_NO_REBOOT,
    CMD_NO_SHUTDOWN, CMD_NO_USER_CONFIG, CMD_OBJECT, CMD_PARALLEL, CMD_PIDFILE, CMD_QMP, CMD_QMP_PRETTY, CMD_RTC,
    CMD_FW_CFG, CMD_INITRD, CMD_KERNEL, CMD_NO_ACPI, CMD_NO_HPET, CMD_SMBIOS,
    CMD_S, CMD_SERIAL, CMD_SMP, CMD_UUID, CMD_VERSION, CMD_VGA, CMD_VNC,
} CmdOptId;

typedef struct CmdOpt {
    const char *name;           /* without the dash */
    CmdOptId id;
    bool has_arg;
    const char *help;           /* one or more lines, without the last newline */
} CmdOpt;

/** One option as given. */
typedef struct CmdArg {
    const CmdOpt *opt;
    const char *arg;            /* NULL if it takes none; borrowed from argv */
} CmdArg;

typedef struct CmdLine {
    GArray *args;               /* of CmdArg, in order */
} CmdLine;

/** cmdline_parse: false after a message on stderr. */
G_GNUC_WARN_UNUSED_RESULT
bool cmdline_parse(CmdLine *c, int argc, char **argv);
void cmdline_clear(CmdLine *c);
/** cmdline_last: the last occurrence of @id, or NULL. */
const CmdArg *cmdline_last(const CmdLine *c, CmdOptId id);
/** cmdline_each: the next occurrence of @id at or after *@pos, which moves past it; NULL at the end. */
const CmdArg *cmdline_each(const CmdLine *c, CmdOptId id, unsigned *pos);
void cmdline_print_help(void);

/** cmdline_report: "rondo: -opt arg: message" on stderr; @a may be NULL. Frees @err. Always false. */
bool cmdline_report(const CmdArg *a, GError *err);

/** cmdline_qdict: "a=b,c=d" or JSON; a bare first word belongs to @implied. NULL on error. */
QDict *cmdline_qdict(const char *text, const char *implied, GError **errp);
/** cmdline_unknown_key: the first key of @d that is not in the NULL-terminated list @known, or NULL. */
const char *cmdline_unknown_key(const QDict *d, const char *const *known);
/** cmdline_check_keys: report the first unknown key. */
bool cmdline_check_keys(const CmdArg *a, const QDict *d, const char *const *known);

/* ---- Applying (cmdline_machine.c, cmdline_apply.c). Each reports its own error and returns false. ---- */

/** What the command line says about the run, besides the machine. */
typedef struct RunOptions {
    bool autostart;
    bool defaults;
    bool nographic;
    RebootAction reboot;
    ShutdownAction shutdown;
    const char *pidfile;
    const CmdArg *incoming;
} RunOptions;

/** cmdline_help_requested: -help, -version, "-device help" and the like: prints and returns true. */
bool cmdline_help_requested(const CmdLine *c);
bool cmdline_run_options(const CmdLine *c, RunOptions *ret);
/** cmdline_machine: fill in @ms from -machine, -m, -smp, -cpu, -accel, -bios, -name, -uuid. */
bool cmdline_machine(const CmdLine *c, MachineState *ms);
/** cmdline_boot: -kernel, -initrd, -append, -boot, -fw_cfg, -smbios, -no-hpet, -no-acpi, -nographic's part. */
bool cmdline_boot(const CmdLine *c, MachineState *ms);
bool cmdline_objects(const CmdLine *c);
bool cmdline_chardevs(const CmdLine *c, const RunOptions *run, MachineState *ms);
bool cmdline_monitors(const CmdLine *c, const RunOptions *run);
bool cmdline_blockdevs(const CmdLine *c, MachineState *ms);
bool cmdline_globals(const CmdLine *c);
/** cmdline_netdevs: -netdev and the backends of -net. */
bool cmdline_netdevs(const CmdLine *c);
/** cmdline_nics: -nic and the cards of -net, once the board is there. */
bool cmdline_nics(const CmdLine *c);
/** cmdline_check_peers: warn of cards and backends that lead nowhere. */
void cmdline_check_peers(void);
/** cmdline_net_help: "-netdev help", "-nic model=help": prints and returns true. */
bool cmdline_net_help(const CmdLine *c);
/** cmdline_vga: the graphics card, before other devices. cmdline_displays: -vnc and -display. */
bool cmdline_vga(const CmdLine *c, const RunOptions *run, const MachineState *ms);
bool cmdline_displays(const CmdLine *c);
/** cmdline_devices: -device and the devices of -drive, once the board is there. */
bool cmdline_devices(const CmdLine *c);

#endif
