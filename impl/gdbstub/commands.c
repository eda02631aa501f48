/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a debugger may ask: one function for each kind of packet, found by its prefix in one table.
 */
#include <errno.h>
#include <string.h>

#include "cpu/debug.h"
#include "gdbstub/registers.h"
#include "gdbstub/stub.h"
#include "mem/memory.h"

enum { MEMORY_MAX = 4096, TRANSFER_MAX = 4096 };

static void reply_status(GdbStub *s, int ret)
{
    if (ret < 0) {
        gdb_put_errno(s, -ret);
    } else {
        gdb_put_packet(s, "OK");
    }
}

/* ---- Threads are processors, from 1 on ---- */

static CPUState *cpu_of_thread(uint64_t thread)
{
    return thread >= 1 && thread <= qemu_cpu_count() ? qemu_get_cpu((unsigned)thread - 1) : NULL;
}

/* "-1" all, "0" any, or a number. NULL: no such thread; all and any are the present one. */
static CPUState *parse_thread(GdbStub *s, const char **p, bool *all)
{
    uint64_t n;

    *all = false;
    if (g_str_has_prefix(*p, "-1")) {
        *p += 2;
        *all = true;
        return qemu_get_cpu(s->g_cpu);
    }
    if (!gdb_hex_number(p, &n)) {
        return NULL;
    }
    *all = n == 0;
    return n == 0 ? qemu_get_cpu(s->g_cpu) : cpu_of_thread(n);
}

static void cmd_set_thread(GdbStub *s, const char *args, unsigned len)
{
    const char *p = args + 1;
    bool all;
    const CPUState *cpu = args[0] ? parse_thread(s, &p, &all) : NULL;

    if (!cpu || (args[0] != 'g' && args[0] != 'c')) {
        gdb_put_errno(s, EINVAL);
        return;
    }
    if (args[0] == 'g') {
        s->g_cpu = cpu->cpu_index;
    } else {
        s->c_cpu = cpu->cpu_index;
    }
    gdb_put_packet(s, "OK");
}

static void cmd_thread_alive(GdbStub *s, const char *args, unsigned len)
{
    uint64_t n;

    reply_status(s, gdb_hex_number(&args, &n) && cpu_of_thread(n) ? 0 : -EINVAL);
}

static void cmd_next_thread(GdbStub *s, const char *args, unsigned len)
{
    g_autofree char *text = NULL;

    if (s->next_thread >= qemu_cpu_count()) {
        gdb_put_packet(s, "l");
        return;
    }
    text = g_strdup_printf("m%02x", ++s->next_thread);
    gdb_put_packet(s, text);
}

static void cmd_first_thread(GdbStub *s, const char *args, unsigned len)
{
    s->next_thread = 0;
    cmd_next_thread(s, args, len);
}

static void cmd_current_thread(GdbStub *s, const char *args, unsigned len)
{
    g_autofree char *text = g_strdup_printf("QC%02x", s->g_cpu + 1);

    gdb_put_packet(s, text);
}

static void cmd_thread_info(GdbStub *s, const char *args, unsigned len)
{
    g_autoptr(GString) hex = g_string_new(NULL);
    g_autofree char *text = NULL;
    const CPUState *cpu = NULL;
    uint64_t n;

    if (gdb_hex_number(&args, &n)) {
        cpu = cpu_of_thread(n);
    }
    if (!cpu) {
        gdb_put_errno(s, EINVAL);
        return;
    }
    text = g_strdup_printf("CPU#%u [%s]", cpu->cpu_index, cpu->x86->halted ? "halted " : "running");
    gdb_hex_append(hex, text, strlen(text));
    gdb_put_packet(s, hex->str);
}

/* ---- Registers ---- */

static void registers_written(CPUState *cpu)
{
    cpu_x86_state_loaded(cpu->x86);
    cpu->accel->put_state(cpu);
}

static void cmd_read_registers(GdbStub *s, const char *args, unsigned len)
{
    g_autoptr(GString) hex = g_string_new(NULL);
    CPUState *cpu = qemu_get_cpu(s->g_cpu);
    uint8_t buf[GDB_REG_BYTES_MAX];

    for (unsigned n = 0; n < gdb_reg_count(); n++) {
        gdb_hex_append(hex, buf, gdb_reg_read(cpu->x86, n, buf));
    }
    gdb_put_packet(s, hex->str);
}

/* What a recording cannot take. */
static bool refuse_to_write(GdbStub *s)
{
    if (s->host->recorded) {
        gdb_put_errno(s, EPERM);
    }
    return s->host->recorded;
}

static void cmd_write_registers(GdbStub *s, const char *args, unsigned len)
{
    CPUState *cpu = qemu_get_cpu(s->g_cpu);
    uint8_t buf[GDB_REG_BYTES_MAX];
    const char *end = args + strlen(args);

    if (refuse_to_write(s)) {
        return;
    }
    for (unsigned n = 0; n < gdb_reg_count(); n++) {
        unsigned bytes = gdb_reg_read(cpu->x86, n, buf);

        if ((size_t)(end - args) < 2 * bytes || gdb_hex_decode(args, buf, bytes) != (int)bytes) {
            break;          /* a short packet sets the registers it has */
        }
        (void)gdb_reg_write(cpu->x86, n, buf, bytes);   /* those that cannot be set stay, as with other stubs */
        args += 2 * bytes;
    }
    registers_written(cpu);
    gdb_put_packet(s, "OK");
}

static void cmd_read_register(GdbStub *s, const char *args, unsigned len)
{
    g_autoptr(GString) hex = g_string_new(NULL);
    uint8_t buf[GDB_REG_BYTES_MAX];
    unsigned bytes = 0;
    uint64_t n;

    if (gdb_hex_number(&args, &n) && n < gdb_reg_count()) {
        bytes = gdb_reg_read(qemu_get_cpu(s->g_cpu)->x86, (unsigned)n, buf);
    }
    if (!bytes) {
        gdb_put_errno(s, EINVAL);
        return;
    }
    gdb_hex_append(hex, buf, bytes);
    gdb_put_packet(s, hex->str);
}

static void cmd_write_register(GdbStub *s, const char *args, unsigned len)
{
    CPUState *cpu = qemu_get_cpu(s->g_cpu);
    uint8_t buf[GDB_REG_BYTES_MAX];
    uint64_t n;
    int bytes;

    if (refuse_to_write(s)) {
        return;
    }
    if (!gdb_hex_number(&args, &n) || n >= gdb_reg_count() || *args++ != '=') {
        gdb_put_errno(s, EINVAL);
        return;
    }
    bytes = gdb_hex_decode(args, buf, sizeof(buf));
    if (bytes < 0 || !gdb_reg_write(cpu->x86, (unsigned)n, buf, (unsigned)bytes)) {
        gdb_put_errno(s, EINVAL);
        return;
    }
    registers_written(cpu);
    gdb_put_packet(s, "OK");
}

/* ---- Memory, by linear address ---- */

/* From what is RAM or ROM, past all devices. */
static bool peek(const X86CPU *x86, uint64_t phys, uint8_t *buf, uint64_t n)
{
    const FlatRange *fr = flatview_lookup(x86->view, phys);
    const void *host = fr ? flatrange_ram_ptr(fr, phys, false) : NULL;

    if (host) {
        memcpy(buf, host, n);
    }
    return host != NULL;
}

static bool memory_access(GdbStub *s, uint64_t lin, uint8_t *buf, uint64_t len, bool write)
{
    X86CPU *x86 = qemu_get_cpu(s->g_cpu)->x86;

    while (len) {
        uint64_t phys = cpu_x86_get_phys(x86, lin);
        uint64_t n = MIN(len, 4096 - (lin & 0xfff));

        if (phys == UINT64_MAX || (s->host->recorded ? !peek(x86, phys, buf, n)
                                   : address_space_rw(x86->as, phys, MEMTXATTRS_UNSPECIFIED, buf, n, write) !=
                                     MEMTX_OK)) {
            return false;
        }
        lin += n;
        buf += n;
        len -= n;
    }
    return true;
}

/* "ADDR,LEN" at *@p. */
static bool parse_range(const char **p, uint64_t *addr, uint64_t *len)
{
    return gdb_hex_number(p, addr) && *(*p)++ == ',' && gdb_hex_number(p, len);
}

static void cmd_read_memory(GdbStub *s, const char *args, unsigned len)
{
    g_autoptr(GString) hex = g_string_new(NULL);
    uint8_t buf[MEMORY_MAX];
    uint64_t addr, n;

    if (!parse_range(&args, &addr, &n) || n > sizeof(buf)) {
        gdb_put_errno(s, EINVAL);
    } else if (!memory_access(s, addr, buf, n, false)) {
        gdb_put_errno(s, EFAULT);
    } else {
        gdb_hex_append(hex, buf, n);
        gdb_put_packet(s, hex->str);
    }
}

static void cmd_write_memory(GdbStub *s, const char *args, unsigned len)
{
    uint8_t buf[MEMORY_MAX];
    uint64_t addr, n;

    if (refuse_to_write(s)) {
        return;
    }
    if (!parse_range(&args, &addr, &n) || *args++ != ':' || n > sizeof(buf) ||
        gdb_hex_decode(args, buf, (unsigned)n) != (int)n) {
        gdb_put_errno(s, EINVAL);
    } else {
        reply_status(s, memory_access(s, addr, buf, n, true) ? 0 : -EFAULT);
    }
}

static void cmd_write_binary(GdbStub *s, const char *args, unsigned len)
{
    const char *end = args + len;
    uint8_t buf[MEMORY_MAX];
    uint64_t addr, n;

    if (refuse_to_write(s)) {
        return;
    }
    if (!parse_range(&args, &addr, &n) || *args++ != ':' || n > sizeof(buf) || (uint64_t)(end - args) != n) {
        gdb_put_errno(s, EINVAL);
        return;
    }
    memcpy(buf, args, n);
    reply_status(s, memory_access(s, addr, buf, n, true) ? 0 : -EFAULT);
}

/* ---- Breakpoints ---- */

static void cmd_point(GdbStub *s, const char *args, int (*fn)(GdbStub *, unsigned, uint64_t, uint64_t))
{
    uint64_t type, addr, len;

    if (!gdb_hex_number(&args, &type) || *args++ != ',' || !parse_range(&args, &addr, &len)) {
        gdb_put_errno(s, EINVAL);
    } else if (type > 4) {
        gdb_put_packet(s, "");
    } else {
        reply_status(s, fn(s, (unsigned)type, addr, len));
    }
}

static void cmd_insert_point(GdbStub *s, const char *args, unsigned len)
{
    cmd_point(s, args, gdb_point_insert);
}

static void cmd_remove_point(GdbStub *s, const char *args, unsigned len)
{
    cmd_point(s, args, gdb_point_remove);
}

/* ---- Running ---- */

static void set_rip_if_given(GdbStub *s, const char *args)
{
    CPUState *cpu = qemu_get_cpu(s->c_cpu);
    uint64_t addr;

    if (gdb_hex_number(&args, &addr) && !s->host->recorded) {
        cpu->x86->rip = addr;
        registers_written(cpu);
    }
}

static void cmd_continue(GdbStub *s, const char *args, unsigned len)
{
    g_autofree char *actions = g_strnfill(qemu_cpu_count(), 'c');

    set_rip_if_given(s, args);
    s->host->run(s, actions);
}

static void cmd_step(GdbStub *s, const char *args, unsigned len)
{
    g_autofree char *actions = g_malloc0(qemu_cpu_count() + 1);

    set_rip_if_given(s, args);
    actions[s->c_cpu] = 's';
    s->host->run(s, actions);
}

/* With a signal, which means nothing to a machine: "SIG" or "SIG;ADDR". */
static const char *skip_signal(const char *args)
{
    const char *semi = strchr(args, ';');

    return semi ? semi + 1 : args + strlen(args);
}

static void cmd_continue_signal(GdbStub *s, const char *args, unsigned len)
{
    cmd_continue(s, skip_signal(args), 0);
}

static void cmd_step_signal(GdbStub *s, const char *args, unsigned len)
{
    cmd_step(s, skip_signal(args), 0);
}

/* One action of vCont, "c", "C05", "s:1": the first that fits a processor counts. */
static bool vcont_action(GdbStub *s, const char *text, char *actions)
{
    char what = (char)g_ascii_tolower(text[0]);
    const char *p = strchr(text, ':');
    const CPUState *one = NULL;
    bool all = true;

    if ((what != 'c' && what != 's') || (p && !(p++, one = parse_thread(s, &p, &all)))) {
        return false;
    }
    for (unsigned i = 0; i < qemu_cpu_count(); i++) {
        if (!actions[i] && (all || i == one->cpu_index)) {
            actions[i] = what;
            if (what == 's') {
                s->c_cpu = i;
            }
        }
    }
    return true;
}

static void cmd_vcont(GdbStub *s, const char *args, unsigned len)
{
    g_autofree char *actions = g_malloc0(qemu_cpu_count() + 1);
    g_auto(GStrv) parts = g_strsplit(args, ";", -1);

    for (unsigned i = 0; parts[i]; i++) {
        if (!vcont_action(s, parts[i], actions)) {
            gdb_put_errno(s, EINVAL);
            return;
        }
    }
    s->host->run(s, actions);
}

static void cmd_vcont_supported(GdbStub *s, const char *args, unsigned len)
{
    gdb_put_packet(s, "vCont;c;C;s;S");
}

static void cmd_backwards(GdbStub *s, const char *args, unsigned len)
{
    if (!s->host->reverse || (args[0] != 's' && args[0] != 'c') || len != 1) {
        gdb_put_packet(s, "");
        return;
    }
    s->host->reverse(s, args[0] == 's');
}

static void cmd_why(GdbStub *s, const char *args, unsigned len)
{
    g_autofree char *reply = s->host->why(s);

    gdb_points_clear(s);        /* a debugger that asks this is new; what another one left is not its own */
    gdb_put_packet(s, reply);
}

static void cmd_detach(GdbStub *s, const char *args, unsigned len)
{
    gdb_points_clear(s);
    gdb_put_packet(s, "OK");
    s->host->detach(s);
}

static void cmd_kill(GdbStub *s, const char *args, unsigned len)
{
    s->host->kill(s);
}

/* ---- Questions ---- */

static void cmd_supported(GdbStub *s, const char *args, unsigned len)
{
    g_autofree char *text = g_strdup_printf("PacketSize=%x;qXfer:features:read+;vContSupported+;QStartNoAckMode+;"
                                            "swbreak-;hwbreak-%s", GDB_PACKET_MAX,
                                            s->host->reverse ? ";ReverseStep+;ReverseContinue+" : "");

    gdb_put_packet(s, text);
}

static void cmd_no_ack(GdbStub *s, const char *args, unsigned len)
{
    gdb_put_packet(s, "OK");
    s->no_ack = true;
}

static void cmd_features(GdbStub *s, const char *args, unsigned len)
{
    g_autofree char *xml = gdb_target_xml();
    g_autoptr(GString) reply = g_string_new(NULL);
    uint64_t size = strlen(xml), offset, n;

    if (!g_str_has_prefix(args, "target.xml:")) {
        gdb_put_packet(s, "E00");
        return;
    }
    args += strlen("target.xml:");
    if (!parse_range(&args, &offset, &n) || offset > size) {
        gdb_put_errno(s, EINVAL);
        return;
    }
    n = MIN(MIN(n, (uint64_t)TRANSFER_MAX), size - offset);
    g_string_append_c(reply, offset + n < size ? 'm' : 'l');
    g_string_append_len(reply, xml + offset, (gssize)n);
    gdb_put_bytes(s, reply->str, reply->len);
}

static void cmd_attached(GdbStub *s, const char *args, unsigned len)
{
    gdb_put_packet(s, "1");
}

/* "monitor LINE" */
static void cmd_monitor(GdbStub *s, const char *args, unsigned len)
{
    uint8_t line[1024];
    int n = gdb_hex_decode(args, line, sizeof(line) - 1);
    g_autoptr(GString) reply = g_string_new("O");
    g_autofree char *text = NULL;

    if (n < 0) {
        gdb_put_errno(s, EINVAL);
        return;
    }
    line[n] = '\0';
    text = s->host->monitor(s, (const char *)line);
    if (!text) {
        return;
    }
    for (size_t done = 0, all = strlen(text); done < all; done += MEMORY_MAX) {
        g_string_truncate(reply, 1);
        gdb_hex_append(reply, text + done, MIN(all - done, (size_t)MEMORY_MAX));
        gdb_put_packet(s, reply->str);
    }
    gdb_put_packet(s, "OK");
}

static void cmd_unknown(GdbStub *s, const char *args, unsigned len)
{
    gdb_put_packet(s, "");      /* the debugger does without */
}

/* ---- The table: the first prefix that fits ---- */

static const struct {
    const char *prefix;
    void (*fn)(GdbStub *s, const char *args, unsigned len);
} commands[] = {
    { "?", cmd_why }, { "H", cmd_set_thread }, { "T", cmd_thread_alive },
    { "g", cmd_read_registers }, { "G", cmd_write_registers }, { "p", cmd_read_register }, { "P", cmd_write_register },
    { "m", cmd_read_memory }, { "M", cmd_write_memory }, { "X", cmd_write_binary },
    { "Z", cmd_insert_point }, { "z", cmd_remove_point },
    { "vCont?", cmd_vcont_supported }, { "vCont;", cmd_vcont }, { "vKill", cmd_kill },
    { "c", cmd_continue }, { "C", cmd_continue_signal }, { "s", cmd_step }, { "S", cmd_step_signal },
    { "b", cmd_backwards },
    { "D", cmd_detach }, { "k", cmd_kill },
    { "qSupported", cmd_supported }, { "QStartNoAckMode", cmd_no_ack }, { "qXfer:features:read:", cmd_features },
    { "qfThreadInfo", cmd_first_thread }, { "qsThreadInfo", cmd_next_thread },
    { "qThreadExtraInfo,", cmd_thread_info }, { "qCRC:", cmd_unknown }, { "qC", cmd_current_thread },
    { "qAttached", cmd_attached }, { "qRcmd,", cmd_monitor }, { "", cmd_unknown },
};

void gdb_command(GdbStub *s, const char *text, unsigned len)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        unsigned skip = (unsigned)strlen(commands[i].prefix);

        if (strncmp(text, commands[i].prefix, skip) == 0) {
            commands[i].fn(s, text + skip, len - skip);
            return;
        }
    }
}
