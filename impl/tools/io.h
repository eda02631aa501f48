/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rondo-io: state and commands. Main thread, BQL held, outside coroutines. */
#ifndef TOOLS_IO_H
#define TOOLS_IO_H

#include "tools/img.h"

typedef struct IoState {
    BlockBackend *blk;          /* NULL: nothing open */
    ImgOpen how;                /* defaults for "open" */
    bool quit;
} IoState;

typedef enum IoNeed {
    IO_NOTHING,
    IO_IMAGE,                   /* an open one */
    IO_WRITABLE,                /* and one that may be written */
} IoNeed;

typedef struct IoCommand {
    const char *name;
    const char *alias;          /* NULL: none */
    int (*fn)(IoState *io, int argc, char **argv);
    int min_args;
    int max_args;               /* -1: no limit */
    IoNeed need;
    const char *args;
    const char *help;
} IoCommand;                    /* a table ends with name NULL */

extern const IoCommand io_rw_commands[];
extern const IoCommand io_other_commands[];

/** io_run_line: one command line. 0 or -errno (what went wrong has been printed). */
int io_run_line(IoState *io, const char *line);
/** io_open: 0, or -1 after telling the user. @options consumed, NULL allowed. */
int io_open(IoState *io, const char *name, const ImgOpen *how, QDict *options);
/** io_print_usage: one line about the command called @name. */
void io_print_usage(const char *name);
/** io_parse_number: a number with optional suffix, or -1 after telling the user. */
int64_t io_parse_number(const char *text);
/** io_format_bytes: "64 KiB", "1.500 GiB", "512 bytes". Caller frees. */
char *io_format_bytes(double bytes);

#endif
