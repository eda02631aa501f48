/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The human monitor's command tables.
 *
 * Adding a command: a function in hmp_cmds.c or hmp_info.c and a line in its table.
 * Argument letters after "name:": s word or "quoted text", S rest of the line, i integer, o size (k, M, G, T; M if
 * bare), b on|off, / format as in x/8xb; "-f" is a flag; a trailing ? makes it optional.
 */
#ifndef MONITOR_HMP_H
#define MONITOR_HMP_H

#include "monitor/monitor.h"

typedef struct HmpArgs HmpArgs;
typedef void HmpHandler(Monitor *mon, HmpArgs *args);

typedef struct HmpCommand {
    const char *name;           /* "cont|c": either */
    const char *args;           /* "device:s,size:o?" or "" */
    const char *params;         /* as help shows them */
    const char *help;
    HmpHandler *fn;             /* NULL: "info", which has a table of its own */
} HmpCommand;

extern const HmpCommand hmp_commands[];         /* ended by { NULL } */
extern const HmpCommand hmp_info_commands[];

/* Handlers that are not in the file of their table (qmp_cmds_net.c). */
HmpHandler hmp_netdev_add, hmp_netdev_del, hmp_set_link, hmp_hostfwd_add, hmp_hostfwd_remove, hmp_balloon;
HmpHandler hmp_info_network, hmp_info_usernet, hmp_info_balloon;
/* Of hmp_cmds_ui.c. */
HmpHandler hmp_screendump, hmp_sendkey;
/* Of qmp_cmds_media.c. */
HmpHandler hmp_eject, hmp_change;

/** hmp_name_matches: is @name one of the alternatives in @names ("cont|c")? */
bool hmp_name_matches(const char *names, const char *name);
/** hmp_arg_str: NULL if left out. Borrowed. */
const char *hmp_arg_str(HmpArgs *args, const char *name);
/** hmp_arg_int: @def if left out. Sizes in bytes. */
int64_t hmp_arg_int(HmpArgs *args, const char *name, int64_t def);
bool hmp_arg_bool(HmpArgs *args, const char *name, bool def);

/** hmp_execute_line: parse and run; prints errors on @mon. */
void hmp_execute_line(Monitor *mon, const char *line);

/* ---- Line editor (hmp_line.c) ---- */

typedef struct HmpLine HmpLine;
HmpLine *hmp_line_new(Monitor *mon);
void hmp_line_free(HmpLine *l);
/** hmp_line_prompt: show the prompt and what was typed so far. */
void hmp_line_prompt(HmpLine *l);
/** hmp_line_byte: one byte from the terminal. Returns a complete line (caller g_free()s) or NULL. */
char *hmp_line_byte(HmpLine *l, uint8_t ch);

#endif
