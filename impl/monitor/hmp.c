/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The human monitor: lines to commands. Commands run in the handler that read the line: iohandler context, BQL,
 * outside coroutines.
 */
#include "monitor/hmp.h"
#include "monitor/chardev_int.h"
#include "monitor/monitor_int.h"
#include "base/assert.h"

#include <string.h>

typedef struct HmpArg {
    char *name;
    char *text;                     /* strings, formats; NULL for the rest */
    int64_t number;                 /* integers, sizes, flags */
} HmpArg;

struct HmpArgs {
    GPtrArray *list;                /* of HmpArg * */
};

/* ---- Arguments ---- */

static void hmp_arg_free(gpointer p)
{
    HmpArg *a = p;

    g_free(a->name);
    g_free(a->text);
    g_free(a);
}

static HmpArg *hmp_arg_find(HmpArgs *args, const char *name)
{
    for (guint i = 0; i < args->list->len; i++) {
        HmpArg *a = g_ptr_array_index(args->list, i);

        if (strcmp(a->name, name) == 0) {
            return a;
        }
    }
    return NULL;
}

const char *hmp_arg_str(HmpArgs *args, const char *name)
{
    HmpArg *a = hmp_arg_find(args, name);

    return a ? a->text : NULL;
}

int64_t hmp_arg_int(HmpArgs *args, const char *name, int64_t def)
{
    HmpArg *a = hmp_arg_find(args, name);

    return a ? a->number : def;
}

bool hmp_arg_bool(HmpArgs *args, const char *name, bool def)
{
    return hmp_arg_int(args, name, def) != 0;
}

static void hmp_args_add(HmpArgs *args, const char *name, char *text, int64_t number)
{
    HmpArg *a = g_new0(HmpArg, 1);

    a->name = g_strdup(name);
    a->text = text;
    a->number = number;
    g_ptr_array_add(args->list, a);
}

static void hmp_skip_blanks(const char **p)
{
    while (g_ascii_isspace(**p)) {
        (*p)++;
    }
}

/* A word, or text in double quotes with \" \\ \n. NULL at the end of the line or if a quote is not closed. */
static char *hmp_take_word(const char **p)
{
    GString *word;
    const char *s;

    hmp_skip_blanks(p);
    s = *p;
    if (!*s) {
        return NULL;
    }
    word = g_string_new(NULL);
    if (*s != '"') {
        while (*s && !g_ascii_isspace(*s)) {
            g_string_append_c(word, *s++);
        }
    } else {
        for (s++; *s && *s != '"'; s++) {
            if (*s == '\\' && s[1]) {
                s++;
                g_string_append_c(word, *s == 'n' ? '\n' : *s);
            } else {
                g_string_append_c(word, *s);
            }
        }
        if (*s++ != '"') {
            g_string_free(word, TRUE);
            return NULL;
        }
    }
    *p = s;
    return g_string_free(word, FALSE);
}

static bool hmp_parse_number(const char *word, bool size, int64_t *ret)
{
    static const char units[] = "BKMGTPE";
    char *end;
    const char *unit;
    int64_t n, factor = 1;

    errno = 0;
    n = g_ascii_strtoll(word, &end, 0);
    if (end == word || errno) {
        return false;
    }
    if (size) {
        unit = *end ? strchr(units, g_ascii_toupper(*end)) : strchr(units, 'M');
        if (!unit || n < 0) {
            return false;
        }
        factor = (int64_t)1 << (10 * (unit - units));
        end += *end != '\0';
    }
    return !*end && !__builtin_mul_overflow(n, factor, ret);
}

/* One argument of kind @kind. Returns false after printing what is wrong. */
static bool hmp_take_arg(Monitor *mon, const char *cmd, HmpArgs *args, const char *name, char kind, bool optional,
                         const char **p)
{
    g_autofree char *word = NULL;
    int64_t number = 0;

    hmp_skip_blanks(p);
    if (!**p && optional) {
        return true;
    }
    if (kind == 'S') {
        if (!**p) {
            monitor_printf(mon, "%s: string expected\n", cmd);
            return false;
        }
        hmp_args_add(args, name, g_strdup(*p), 0);
        *p += strlen(*p);
        return true;
    }
    word = hmp_take_word(p);
    if (!word) {
        monitor_printf(mon, "%s: %s expected\n", cmd, kind == 's' ? "string" : "integer");
        return false;
    }
    if (kind == 'b') {
        if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0) {
            monitor_printf(mon, "%s: Expected 'on' or 'off'\n", cmd);
            return false;
        }
        number = strcmp(word, "on") == 0;
    } else if (kind != 's' && !hmp_parse_number(word, kind == 'o', &number)) {
        monitor_printf(mon, "%s: invalid %s '%s'\n", cmd, kind == 'o' ? "size" : "number", word);
        return false;
    }
    hmp_args_add(args, name, kind == 's' ? g_steal_pointer(&word) : NULL, number);
    return true;
}

/* "-f" and "/8xb" may be left out without a mark. */
static void hmp_take_flag(HmpArgs *args, const char *flag, const char **p)
{
    hmp_skip_blanks(p);
    if ((*p)[0] == '-' && (*p)[1] == flag[1] && (!(*p)[2] || g_ascii_isspace((*p)[2]))) {
        hmp_args_add(args, flag + 1, NULL, 1);
        *p += 2;
    }
}

static bool hmp_parse_args(Monitor *mon, const HmpCommand *cmd, HmpArgs *args, const char *p)
{
    g_auto(GStrv) specs = g_strsplit(cmd->args, ",", -1);

    for (char **spec = specs; *spec; spec++) {
        char *colon = strchr(*spec, ':');

        if (!colon) {
            hmp_take_flag(args, *spec, &p);
            continue;
        }
        *colon = '\0';
        if (colon[1] == '/') {
            if (*p == '/') {
                gsize n = strcspn(p, " \t");

                hmp_args_add(args, *spec, g_strndup(p + 1, n - 1), 0);
                p += n;
            }
            continue;
        }
        if (!hmp_take_arg(mon, cmd->name, args, *spec, colon[1], colon[2] == '?', &p)) {
            return false;
        }
    }
    hmp_skip_blanks(&p);
    if (*p) {
        monitor_printf(mon, "%s: extraneous characters at the end of line\n", cmd->name);
        return false;
    }
    return true;
}

/* ---- Commands ---- */

bool hmp_name_matches(const char *names, const char *name)
{
    g_auto(GStrv) list = g_strsplit(names, "|", -1);

    return g_strv_contains((const char *const *)list, name);
}

static const HmpCommand *hmp_find(const HmpCommand *table, const char *name)
{
    for (; table->name; table++) {
        if (hmp_name_matches(table->name, name)) {
            return table;
        }
    }
    return NULL;
}

void hmp_execute_line(Monitor *mon, const char *line)
{
    const HmpCommand *table = hmp_commands, *cmd = NULL;
    HmpArgs args = { g_ptr_array_new_with_free_func(hmp_arg_free) };
    GString *name = g_string_new(NULL);
    const char *p = line;

    for (;;) {
        gsize n;

        hmp_skip_blanks(&p);
        n = strcspn(p, " \t/");
        if (!n && !name->len) {
            break;                      /* an empty line */
        }
        g_string_append_printf(name, "%s%.*s", name->len ? " " : "", (int)n, p);
        cmd = hmp_find(table, name->str + (table == hmp_info_commands ? strlen("info ") : 0));
        if (!cmd || (n == 0 && table == hmp_info_commands)) {
            monitor_printf(mon, "unknown command: '%s'\n", name->str);
            break;
        }
        p += n;
        hmp_skip_blanks(&p);
        if (!cmd->fn && *p) {
            table = hmp_info_commands;
            continue;
        }
        if (!cmd->fn) {
            hmp_execute_line(mon, "help info");
        } else if (hmp_parse_args(mon, cmd, &args, p)) {
            cmd->fn(mon, &args);
        } else {
            monitor_printf(mon, "Try \"help %s\" for more information\n", name->str);
        }
        break;
    }
    g_string_free(name, TRUE);
    g_ptr_array_free(args.list, TRUE);
}

static void hmp_run_line(Monitor *mon, const char *line)
{
    Monitor *old = monitor_set_cur(mon);

    hmp_execute_line(mon, line);
    monitor_set_cur(old);
}

bool hmp_handle_error(Monitor *mon, GError *err)
{
    if (!err) {
        return false;
    }
    monitor_printf(mon, "Error: %s\n", error_get_pretty(err));
    error_free(err);
    return true;
}

char *monitor_hmp_execute(const char *command_line)
{
    Monitor mon = { .skip_flush = true };

    mon.outbuf = g_string_new(NULL);
    mon.fds = g_ptr_array_new();
    hmp_run_line(&mon, command_line);
    g_ptr_array_free(mon.fds, TRUE);
    return g_string_free(mon.outbuf, FALSE);
}

/* ---- The terminal ---- */

static int hmp_can_read(void *opaque)
{
    return monitor_state()->shutdown ? 0 : 1;
}

static void hmp_read(void *opaque, const uint8_t *buf, int size)
{
    Monitor *mon = opaque;

    for (int i = 0; i < size; i++) {
        g_autofree char *line = hmp_line_byte(mon->line, buf[i]);

        if (line) {
            hmp_run_line(mon, line);
            hmp_line_prompt(mon->line);
        }
    }
}

static void hmp_greet(Monitor *mon)
{
    mon->greeted = true;
    monitor_puts(mon, "QEMU 10.0.0 monitor - type 'help' for more information\n");
    hmp_line_prompt(mon->line);
}

/* While the machine is built, each front end that attaches takes the focus; only the last one shall speak. */
static void hmp_greet_bh(void *opaque)
{
    Monitor *mon = opaque;

    mon->settled = true;
    if (mon->in_focus && !mon->greeted) {
        hmp_greet(mon);
    }
}

static void hmp_opened(Monitor *mon)
{
    hmp_line_free(mon->line);
    mon->line = hmp_line_new(mon);
    mon->connected = true;
    mon->greeted = false;
    if (!mon->greet_bh) {
        hmp_greet(mon);
    } else if (mon->settled) {
        hmp_greet_bh(mon);
    } else {
        qemu_bh_schedule(mon->greet_bh);
    }
}

static void hmp_event(void *opaque, QEMUChrEvent event)
{
    Monitor *mon = opaque;

    switch (event) {
    case CHR_EVENT_OPENED:
        hmp_opened(mon);
        break;
    case CHR_EVENT_MUX_IN:
        mon->in_focus = true;
        if (mon->settled && mon->connected && !mon->greeted) {
            hmp_greet(mon);
        } else if (mon->settled && mon->connected) {
            monitor_puts(mon, "\n");
            hmp_line_prompt(mon->line);
        }
        break;
    case CHR_EVENT_MUX_OUT:
        mon->in_focus = false;
        break;
    case CHR_EVENT_CLOSED:
        mon->connected = false;
        monitor_fds_close(mon);
        break;
    case CHR_EVENT_BREAK:
        break;
    }
}

void monitor_hmp_setup(Monitor *mon)
{
    mon->line = hmp_line_new(mon);
    if (chr_is_mux(mon->chr.chr)) {
        mon->greet_bh = aio_bh_new(iohandler_get_aio_context(), hmp_greet_bh, mon);
    }
    qemu_chr_fe_set_handlers(&mon->chr, hmp_can_read, hmp_read, hmp_event, mon, true);
}

void monitor_hmp_teardown(Monitor *mon)
{
    hmp_line_free(mon->line);
    mon->line = NULL;
    if (mon->greet_bh) {
        qemu_bh_delete(mon->greet_bh);
    }
}
