/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the image tools share: option parsing, messages, opening, sizes, progress. Main thread. */
#include "tools/img.h"

#include "aio/main_loop.h"

#include <math.h>
#include <stdio.h>

/* ---- Messages ---- */

static void print_error(const char *fmt, va_list ap)
{
    fflush(stdout);
    fprintf(stderr, "%s: ", tool_name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
}

void tool_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_error(fmt, ap);
    va_end(ap);
}

void tool_report(GError *err)
{
    tool_error("%s", error_get_pretty(err));
    g_error_free(err);
}

int tool_usage_error(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_error(fmt, ap);
    va_end(ap);
    fprintf(stderr, "Try '%s --help' for more information\n", tool_name);
    return 1;
}

/* ---- Options ---- */

static int option_arg(ToolArgs *a, const ToolOpt *opt, const char *inline_arg, const char *shown, const char **ret_arg)
{
    *ret_arg = NULL;
    if (!opt->has_arg) {
        return opt->id;
    }
    if (inline_arg) {
        *ret_arg = inline_arg;
    } else if (a->at < a->argc) {
        *ret_arg = a->argv[a->at++];
    } else {
        tool_usage_error("missing argument for option '%s'", shown);
        return -1;
    }
    return opt->id;
}

static int short_option(ToolArgs *a, const ToolOpt *table, const char **ret_arg)
{
    char shown[3] = { '-', *a->cluster, '\0' };
    const char *rest = a->cluster + 1;

    for (const ToolOpt *o = table; o->id; o++) {
        if (o->letter == *a->cluster && o->letter) {
            a->cluster = o->has_arg || !*rest ? NULL : rest;
            return option_arg(a, o, o->has_arg && *rest ? rest : NULL, shown, ret_arg);
        }
    }
    tool_usage_error("unrecognized option '%s'", shown);
    return -1;
}

static int long_option(ToolArgs *a, const ToolOpt *table, const char *word, const char **ret_arg)
{
    const char *eq = strchr(word, '=');
    size_t len = eq ? (size_t)(eq - word) : strlen(word);

    for (const ToolOpt *o = table; o->id; o++) {
        if (o->name && strlen(o->name) == len && !strncmp(o->name, word, len)) {
            g_autofree char *shown = g_strdup_printf("--%s", o->name);

            if (eq && !o->has_arg) {
                tool_usage_error("option '%s' takes no argument", shown);
                return -1;
            }
            return option_arg(a, o, eq ? eq + 1 : NULL, shown, ret_arg);
        }
    }
    tool_usage_error("unrecognized option '--%.*s'", (int)len, word);
    return -1;
}

int tool_next_option(ToolArgs *a, const ToolOpt *table, const char **ret_arg)
{
    if (!a->words) {
        a->words = g_ptr_array_new();
    }
    if (a->cluster) {
        return short_option(a, table, ret_arg);
    }
    while (a->at < a->argc) {
        char *word = a->argv[a->at++];

        if (!strcmp(word, "--")) {
            while (a->at < a->argc) {
                g_ptr_array_add(a->words, a->argv[a->at++]);
            }
            return 0;
        }
        if (word[0] != '-' || !word[1]) {
            g_ptr_array_add(a->words, word);
            continue;
        }
        if (word[1] == '-') {
            return long_option(a, table, word + 2, ret_arg);
        }
        a->cluster = word + 1;
        return short_option(a, table, ret_arg);
    }
    return 0;
}

void tool_args_clear(ToolArgs *a)
{
    g_clear_pointer(&a->words, g_ptr_array_unref);
}

/* ---- Running ---- */

typedef struct RunArgs {
    int argc;
    char **argv;
    int (*fn)(int argc, char **argv);
} RunArgs;

static int run_main(void *opaque)
{
    RunArgs *r = opaque;
    Machine *m = machine_new(tool_name);
    GError *err = NULL;
    int status;

    machine_set_current(m);
    if (!qemu_init_main_loop(&err)) {
        tool_report(err);
        return 1;
    }
    bdrv_init();
    status = r->fn(r->argc, r->argv);
    fflush(stdout);
    bdrv_cleanup();
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
    return status;
}

int tool_run(int argc, char **argv, int (*fn)(int argc, char **argv))
{
    RunArgs r = { argc, argv, fn };

    return sched_main(run_main, &r);
}

/* ---- Images ---- */

bool tool_parse_cache(const char *mode, int *flags, bool *writethrough)
{
    static const struct { const char *name; int flags; bool writethrough; } modes[] = {
        { "none", BDRV_O_NOCACHE, false }, { "off", BDRV_O_NOCACHE, false },
        { "writeback", 0, false }, { "writethrough", 0, true },
        { "directsync", BDRV_O_NOCACHE, true }, { "unsafe", BDRV_O_NO_FLUSH, false },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (!strcmp(mode, modes[i].name)) {
            *flags = (*flags & ~BDRV_O_CACHE_MASK) | modes[i].flags;
            *writethrough = modes[i].writethrough;
            return true;
        }
    }
    return false;
}

BlockBackend *img_open(const char *name, const ImgOpen *how)
{
    GError *err = NULL;
    QDict *options;
    BlockBackend *blk;

    if (how->image_opts) {
        options = qdict_from_keyval(name, NULL, &err);
        if (!options) {
            tool_report(err);
            return NULL;
        }
        if (how->fmt) {
            tool_error("--image-opts and --format are mutually exclusive");
            qdict_unref(options);
            return NULL;
        }
    } else {
        options = qdict_new();
        if (how->fmt) {
            qdict_put_str(options, "driver", how->fmt);
        }
    }
    if (how->force_share) {
        qdict_put_bool(options, BDRV_OPT_FORCE_SHARE, true);
    }
    blk = blk_new_open(how->image_opts ? NULL : name, NULL, options, how->flags, &err);
    if (!blk) {
        g_prefix_error(&err, "Could not open '%s': ", name);
        tool_report(err);
        return NULL;
    }
    blk_set_enable_write_cache(blk, !how->writethrough);
    return blk;
}

int64_t img_parse_size(const char *text)
{
    static const char suffixes[] = "bkmgtpe";
    uint64_t size;
    double bytes;
    char *end;

    if (block_parse_size("size", text, &size, NULL) && size <= INT64_MAX) {
        return (int64_t)size;
    }
    bytes = g_ascii_strtod(text, &end);
    if (end != text && end[0] && strchr(suffixes, g_ascii_tolower(end[0]))) {
        bytes = ldexp(bytes, 10 * (int)(strchr(suffixes, g_ascii_tolower(*end++)) - suffixes));
    }
    if (end != text && !*end && bytes >= (double)INT64_MAX) {
        tool_error("Invalid image size specified. Must be between 0 and %" PRId64 ".", INT64_MAX);
        return -1;
    }
    if (end != text && !*end && strchr(text, '.') && g_ascii_isalpha(end[-1]) && bytes >= 0) {
        return (int64_t)bytes;
    }
    tool_error("Invalid image size specified. You may use k, M, G, T, P or E suffixes for");
    tool_error("kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.");
    return -1;
}

char *tool_format_size(uint64_t bytes)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    double value = bytes;
    unsigned u = 0;

    /* The next unit takes over at 1000, so that three significant digits always do. */
    while (u + 1 < G_N_ELEMENTS(units) && value / 1024 >= 1000.0 / 1024) {
        value /= 1024;
        u++;
    }
    return g_strdup_printf("%0.3g %s", value, units[u]);
}

bool img_parse_count(const char *what, const char *text, int64_t min, int64_t max, int64_t *ret)
{
    uint64_t value;

    if (!block_parse_size(what, text, &value, NULL) || value > (uint64_t)max || (int64_t)value < min) {
        tool_error("Invalid %s specified. Must be between %" G_GINT64_FORMAT " and %" G_GINT64_FORMAT ".", what, min,
                   max);
        return false;
    }
    *ret = (int64_t)value;
    return true;
}

void img_progress(bool enabled, double percent)
{
    if (enabled) {
        printf("    (%3.2f/100%%)\r", percent);
        fflush(stdout);
    }
}

void img_progress_end(bool enabled)
{
    if (enabled) {
        printf("    (100.00/100%%)\n");
    }
}

void img_print_json(json_object *obj)
{
    const char *text = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                      JSON_C_TO_STRING_NOSLASHESCAPE);

    /* json-c indents by two; readers of this output expect four. */
    for (const char *line = text; *line;) {
        size_t indent = strspn(line, " ");
        size_t len = strcspn(line, "\n");

        printf("%*s%.*s\n", (int)(indent * 2), "", (int)(len - indent), line + indent);
        line += len + (line[len] == '\n');
    }
}
