/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of options, and reading them.
 */
#include "tools/cmdline.h"

#include <string.h>

#define OPT(text, opt_id, arg, help_text) { .name = (text), .id = (opt_id), .has_arg = (arg), .help = (help_text) }

static const CmdOpt cmd_opts[] = {
    OPT("h", CMD_HELP, false, NULL),
    OPT("help", CMD_HELP, false, "-help or -h      print this text"),
    OPT("version", CMD_VERSION, false, "-version         print the version"),
    OPT("machine", CMD_MACHINE, true,
        "-machine [type=]NAME[,pflash0=NODE][,pflash1=NODE]\n"
        "                 choose the machine (-machine help lists them)"),
    OPT("M", CMD_MACHINE, true, NULL),
    OPT("cpu", CMD_CPU, true, "-cpu MODEL       choose the processor (-cpu help lists them)"),
    OPT("accel", CMD_ACCEL, true,
        "-accel NAME[:NAME...][,translate=on|off]\n"
        "                 choose the accelerator (-accel help lists them)"),
    OPT("enable-kvm", CMD_ENABLE_KVM, false, "-enable-kvm      the same as -accel kvm"),
    OPT("smp", CMD_SMP, true, "-smp [cpus=]N    number of processors"),
    OPT("m", CMD_M, true, "-m [size=]MEGS   memory size; suffix M or G"),
    OPT("bios", CMD_BIOS, true, "-bios FILE       firmware"),
    OPT("name", CMD_NAME, true, "-name STRING     name of the guest"),
    OPT("uuid", CMD_UUID, true, "-uuid UUID       identity of the guest"),
    OPT("rtc", CMD_RTC, true, "-rtc [base=utc][,clock=host|vm]\n                 the guest's clock"),
    OPT("boot", CMD_BOOT, true, "-boot [order=DRIVES][,menu=on|off][,strict=on|off]\n                 boot order"),
    OPT("kernel", CMD_KERNEL, true, "-kernel FILE     boot this Linux kernel (bzImage)"),
    OPT("initrd", CMD_INITRD, true, "-initrd FILE     with this initial RAM disk"),
    OPT("append", CMD_APPEND, true, "-append CMDLINE  and this command line"),
    OPT("fw_cfg", CMD_FW_CFG, true, "-fw_cfg [name=]NAME,file=FILE|string=TEXT\n"
        "                 a file for firmware and guest to find"),
    OPT("smbios", CMD_SMBIOS, true,
        "-smbios type=1[,manufacturer=T][,product=T][,version=T][,serial=T][,sku=T][,family=T]\n"
        "                 what the machine says it is"),
    OPT("no-hpet", CMD_NO_HPET, false, "-no-hpet         no HPET"),
    OPT("no-acpi", CMD_NO_ACPI, false, "-no-acpi         no ACPI tables"),
    OPT("object", CMD_OBJECT, true, "-object iothread,id=ID[,poll-max-ns=N][,poll-grow=N][,poll-shrink=N]\n"
        "-object rng-random,id=ID[,filename=FILE]\n-object rng-builtin,id=ID\n"
        "                 create an object"),
    OPT("device", CMD_DEVICE, true, "-device DRIVER[,PROP=VALUE...]\n"
        "                 add a device (-device help lists them, -device DRIVER,help its properties)"),
    OPT("global", CMD_GLOBAL, true, "-global DRIVER.PROP=VALUE\n                 set a default for a device property"),
    OPT("drive", CMD_DRIVE, true,
        "-drive [file=FILE][,if=ide|none|virtio|pflash][,id=ID][,format=FMT][,readonly=on]...\n"
        "                 add a disk image"),
    OPT("hda", CMD_HDA, true, "-hda FILE        disk image 0; also -hdb, -hdc and -hdd"),
    OPT("hdb", CMD_HDB, true, NULL),
    OPT("hdc", CMD_HDC, true, NULL),
    OPT("hdd", CMD_HDD, true, NULL),
    OPT("cdrom", CMD_CDROM, true, "-cdrom FILE      image of a CD-ROM, in the place of -hdc"),
    OPT("blockdev", CMD_BLOCKDEV, true, "-blockdev [driver=]DRIVER[,node-name=N][,PROP=VALUE...]\n"
        "                 add a block node; JSON is accepted too"),
    OPT("chardev", CMD_CHARDEV, true, "-chardev BACKEND,id=ID[,OPTIONS]\n                 add a character device"),
    OPT("serial", CMD_SERIAL, true, "-serial DEV      redirect a serial port"),
    OPT("parallel", CMD_PARALLEL, true, "-parallel none   there are no parallel ports"),
    OPT("monitor", CMD_MONITOR, true, "-monitor DEV     human monitor"),
    OPT("qmp", CMD_QMP, true, "-qmp DEV         QMP monitor"),
    OPT("qmp-pretty", CMD_QMP_PRETTY, true, "-qmp-pretty DEV  QMP monitor with readable output"),
    OPT("mon", CMD_MON, true, "-mon [chardev=]ID[,mode=readline|control][,pretty=on|off]\n"
        "                 monitor on a character device"),
    OPT("add-fd", CMD_ADD_FD, true, "-add-fd fd=N,set=N[,opaque=TEXT]\n                 add a descriptor to a set"),
    OPT("nographic", CMD_NOGRAPHIC, false, "-nographic       no display; serial port and monitor on the terminal"),
    OPT("display", CMD_DISPLAY, true, "-display none|vnc=DISPLAY\n                 how to show the guest's screen"),
    OPT("vnc", CMD_VNC, true,
        "-vnc HOST:N|unix:PATH|none[,password=on]\n                 show the screen to VNC viewers"),
    OPT("vga", CMD_VGA, true, "-vga std|none    graphics card"),
    OPT("netdev", CMD_NETDEV, true,
        "-netdev user,id=ID[,net=ADDR[/MASK]][,host=ADDR][,dhcpstart=ADDR][,dns=ADDR][,hostname=NAME]\n"
        "                 [,dnssearch=DOMAIN][,restrict=on|off][,ipv6=on|off][,hostfwd=RULE]...\n"
        "                 add a user network; RULE: [tcp|udp]:[ADDR]:PORT-[GUEST-ADDR]:PORT"),
    OPT("nic", CMD_NIC, true, "-nic user[,model=MODEL][,mac=ADDR][,PROP=VALUE...]\n"
        "                 add a card with a backend of its own (-nic none: no network, which is the default)"),
    OPT("net", CMD_NET, true, "-net nic[,model=MODEL][,macaddr=ADDR][,netdev=ID]\n-net user[,PROP=VALUE...]\n"
        "                 the same in two options (-net none: no network)"),
    OPT("nodefaults", CMD_NODEFAULTS, false, "-nodefaults      no default devices"),
    OPT("no-user-config", CMD_NO_USER_CONFIG, false, "-no-user-config  read no configuration files"),
    OPT("s", CMD_GDB_DEFAULT, false, "-s               the same as -gdb tcp::1234"),
    OPT("gdb", CMD_GDB, true, "-gdb DEV         listen for gdb on DEV: tcp:[HOST]:PORT, unix:PATH"),
    OPT("S", CMD_S, false, "-S               do not start the guest ('cont' starts it)"),
    OPT("incoming", CMD_INCOMING, true, "-incoming URI    wait for a migration: tcp:, unix:, fd:, exec:, file:, defer"),
    OPT("loadvm", CMD_LOADVM, true, "-loadvm TAG      start from an internal snapshot"),
    OPT("loadstate", CMD_LOADSTATE, true, "-loadstate FILE  start from a state file of savevm-start"),
    OPT("no-reboot", CMD_NO_REBOOT, false, "-no-reboot       exit instead of resetting"),
    OPT("no-shutdown", CMD_NO_SHUTDOWN, false, "-no-shutdown     stop instead of exiting when the guest powers off"),
    OPT("action", CMD_ACTION, true, "-action reboot=reset|shutdown\n-action shutdown=poweroff|pause\n"
        "                 what to do on these events"),
    OPT("pidfile", CMD_PIDFILE, true, "-pidfile FILE    write the process id to FILE"),
};

static const CmdOpt *cmdline_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cmd_opts); i++) {
        if (strcmp(cmd_opts[i].name, name) == 0) {
            return &cmd_opts[i];
        }
    }
    return NULL;
}

/* What a bare word on the command line means: a disk image. */
static const CmdOpt cmd_bare = OPT("", CMD_HDA, true, NULL);

bool cmdline_parse(CmdLine *c, int argc, char **argv)
{
    c->args = g_array_new(FALSE, FALSE, sizeof(CmdArg));
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        CmdArg a = { .opt = &cmd_bare, .arg = word };

        if (word[0] != '-') {
            g_array_append_val(c->args, a);
            continue;
        }
        a.opt = cmdline_find(word + (word[1] == '-' ? 2 : 1));
        a.arg = NULL;
        if (!a.opt) {
            g_printerr("rondo: %s: invalid option\n", word);
            return false;
        }
        if (a.opt->has_arg) {
            if (i + 1 >= argc) {
                g_printerr("rondo: %s: requires an argument\n", word);
                return false;
            }
            a.arg = argv[++i];
        }
        g_array_append_val(c->args, a);
    }
    return true;
}

void cmdline_clear(CmdLine *c)
{
    g_clear_pointer(&c->args, g_array_unref);
}

const CmdArg *cmdline_each(const CmdLine *c, CmdOptId id, unsigned *pos)
{
    while (*pos < c->args->len) {
        const CmdArg *a = &g_array_index(c->args, CmdArg, (*pos)++);

        if (a->opt->id == id) {
            return a;
        }
    }
    return NULL;
}

const CmdArg *cmdline_last(const CmdLine *c, CmdOptId id)
{
    const CmdArg *last = NULL;
    const CmdArg *a;
    unsigned pos = 0;

    while ((a = cmdline_each(c, id, &pos))) {
        last = a;
    }
    return last;
}

bool cmdline_report(const CmdArg *a, GError *err)
{
    const char *message = err ? err->message : "failed";

    if (!a) {
        g_printerr("rondo: %s\n", message);
    } else if (a->opt == &cmd_bare) {
        g_printerr("rondo: %s: %s\n", a->arg, message);
    } else {
        g_printerr("rondo: -%s%s%s: %s\n", a->opt->name, a->arg ? " " : "", a->arg ? a->arg : "", message);
    }
    g_clear_error(&err);
    return false;
}

void cmdline_print_help(void)
{
    g_print("usage: rondo [options] [disk_image]\n\nAn option starts with one or two dashes.\n\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(cmd_opts); i++) {
        if (cmd_opts[i].help) {
            g_print("%s\n", cmd_opts[i].help);
        }
    }
}
