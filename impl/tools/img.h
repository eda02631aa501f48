/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rondo-img's commands and rondo-io share: options, opening images, sizes as people write and read them.
 *
 * All functions: main thread, BQL held, outside coroutines.
 */
#ifndef TOOLS_IMG_H
#define TOOLS_IMG_H

#include "block/backend.h"

#define RONDO_VERSION "0.1.0"

/* ---- Command line ---- */

typedef struct ToolOpt {
    int id;                     /* what tool_next_option returns; the letter for short options */
    char letter;                /* 0: long only */
    const char *name;           /* NULL: short only */
    bool has_arg;
} ToolOpt;                      /* a table ends with id 0 */

typedef struct ToolArgs {
    char **argv;                /* [0] is the command */
    int argc;
    int at;                     /* next argument to look at */
    const char *cluster;        /* rest of "-pq" */
    GPtrArray *words;           /* what is not an option, in order; borrowed strings */
} ToolArgs;

/**
 * tool_next_option: the next option's id with its argument in *@ret_arg; 0 when there are no more; -1 after telling
 * the user about an unknown option or a missing argument. Options and words may be mixed; "--" ends options.
 */
int tool_next_option(ToolArgs *a, const ToolOpt *table, const char **ret_arg);
void tool_args_clear(ToolArgs *a);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ToolArgs, tool_args_clear)

/** tool_name: "rondo-img" or "rondo-io": begins every message. */
extern const char *const tool_name;

/** tool_error: "<tool>: <message>" on stderr. */
void tool_error(const char *fmt, ...) G_GNUC_PRINTF(1, 2);
/** tool_report: tool_error with @err, which is freed. */
void tool_report(GError *err);
/** tool_usage_error: tool_error and where to find help. Returns 1, the exit status. */
int tool_usage_error(const char *fmt, ...) G_GNUC_PRINTF(1, 2);

/** tool_run: engine, machine, main loop and block layer around @fn. Returns its status. */
int tool_run(int argc, char **argv, int (*fn)(int argc, char **argv));

/* ---- Images ---- */

/** tool_parse_cache: "none", "writeback", ... into BDRV_O_ bits. */
bool tool_parse_cache(const char *mode, int *flags, bool *writethrough);

typedef struct ImgOpen {
    const char *fmt;            /* NULL: probe */
    int flags;
    bool writethrough;
    bool force_share;
    bool image_opts;            /* the name is "driver=x,..." */
} ImgOpen;

/** img_open: NULL after telling the user. */
BlockBackend *img_open(const char *name, const ImgOpen *how);

/** img_parse_size: "1G", "512", "1.5M"; the size must be an integer. -1 after telling the user. */
int64_t img_parse_size(const char *text);
/** tool_format_size: "64 KiB", "1.5 GiB". Caller frees. */
char *tool_format_size(uint64_t bytes);
/** img_parse_count: a number from @min to @max. False after telling the user, naming @what. */
bool img_parse_count(const char *what, const char *text, int64_t min, int64_t max, int64_t *ret);

/** img_progress: "(12.34/100%)" on the same line; nothing unless @enabled. */
void img_progress(bool enabled, double percent);
void img_progress_end(bool enabled);

/** img_print_snapshots: the table of "snapshot -l". Prints nothing when there are none. */
void img_print_snapshots(BlockDriverState *bs);
/** img_print_info: the human form of an ImageInfo object. */
void img_print_info(json_object *info);
/** img_print_json: the object on stdout, indented by four. */
void img_print_json(json_object *obj);
/** img_print_specific: "Format specific information:" of "info". */
void img_print_specific(json_object *specific);

/** img_create_image: as "create". @options: from -o, consumed, NULL: none. @size < 0: of the backing file. */
int img_create_image(const char *filename, const char *fmt, const char *base, const char *base_fmt, QDict *options,
                     int64_t size, bool unsafe, bool quiet);
/** img_print_create_options: "-o help". */
int img_print_create_options(const char *fmt);

/* ---- Commands; each returns the exit status ---- */

int img_create(int argc, char **argv);
int img_info(int argc, char **argv);
int img_map(int argc, char **argv);
int img_check(int argc, char **argv);
int img_snapshot(int argc, char **argv);
int img_convert(int argc, char **argv);
int img_compare(int argc, char **argv);
int img_bench(int argc, char **argv);
int img_resize(int argc, char **argv);
int img_rebase(int argc, char **argv);

#endif
