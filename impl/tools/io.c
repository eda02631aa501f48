/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rondo-io: run single requests against an image, from the command line or a prompt. Commands are qemu-io's. */
#include "tools/io.h"
#include "aio/main_loop.h"
#include "base/bytes.h"
#include "block/block_int.h"

#include <inttypes.h>
#include <stdio.h>

const char *const tool_name = "rondo-io";

/* ---- Helpers ---- */

int64_t io_parse_number(const char *text)
{
    uint64_t value;

    if (!block_parse_size("value", text, &value, NULL)) {
        printf("Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- %s\n", text);
        return -1;
    }
    if (value > INT64_MAX) {
        printf("Parsing error: argument too large -- %s\n", text);
        return -1;
    }
    return (int64_t)value;
}

char *io_format_bytes(double bytes)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned u = 0;
    g_autofree char *number = NULL;

    while (u + 1 < G_N_ELEMENTS(units) && bytes >= 1024) {
        bytes /= 1024;
        u++;
    }
    number = g_strdup_printf("%.3f", bytes);
    if (g_str_has_suffix(number, ".000")) {
        number[strlen(number) - 4] = '\0';
    }
    return g_strdup_printf("%s %s", number, units[u]);
}

int io_open(IoState *io, const char *name, const ImgOpen *how, QDict *options)
{
    GError *err = NULL;

    if (io->blk) {
        printf("file open already, try 'help close'\n");
        qdict_unref(options);
        return -1;
    }
    if (!options) {
        options = how->image_opts ? qdict_from_keyval(name, NULL, &err) : qdict_new();
    }
    if (options && how->fmt) {
        qdict_put_str(options, "driver", how->fmt);
    }
    if (options && how->force_share) {
        qdict_put_bool(options, BDRV_OPT_FORCE_SHARE, true);
    }
    io->blk = options ? blk_new_open(how->image_opts ? NULL : name, NULL, options, how->flags, &err) : NULL;
    if (!io->blk) {
        tool_error("can't open%s%s: %s", name ? " device " : "", name ? name : "", error_get_pretty(err));
        g_error_free(err);
        return -1;
    }
    blk_set_enable_write_cache(io->blk, !how->writethrough);
    return 0;
}

/* ---- Commands that move no data ---- */

static int cmd_flush(IoState *io, int argc, char **argv)
{
    return blk_flush(io->blk);
}

static int cmd_aio_flush(IoState *io, int argc, char **argv)
{
    blk_drain_all();
    return 0;
}

static int cmd_length(IoState *io, int argc, char **argv)
{
    int64_t length = blk_getlength(io->blk);
    g_autofree char *text = NULL;

    if (length < 0) {
        printf("getlength: %s\n", g_strerror(-length));
        return length;
    }
    text = io_format_bytes(length);
    printf("%s\n", text);
    return 0;
}

static int cmd_truncate(IoState *io, int argc, char **argv)
{
    static const char *const modes[] = { "off", "metadata", "falloc", "full" };
    static const ToolOpt table[] = { { 'm', 'm', NULL, true }, { 0 } };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    PreallocMode mode = PREALLOC_MODE_OFF;
    GError *err = NULL;
    const char *arg;
    int64_t size;
    int ret;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        while (mode < G_N_ELEMENTS(modes) && strcmp(modes[mode], arg)) {
            mode++;
        }
        if (mode == G_N_ELEMENTS(modes)) {
            printf("invalid parameter value: %s\n", arg);
            return -EINVAL;
        }
    }
    if (o < 0) {
        return -EINVAL;
    }
    if (a.words->len != 1) {
        io_print_usage(argv[0]);
        return -EINVAL;
    }
    size = io_parse_number(g_ptr_array_index(a.words, 0));
    if (size < 0) {
        return -EINVAL;
    }
    ret = blk_truncate(io->blk, size, false, mode, 0, &err);
    if (ret < 0) {
        tool_report(err);
    }
    return ret;
}

static int cmd_alloc(IoState *io, int argc, char **argv)
{
    int64_t offset = io_parse_number(argv[1]);
    int64_t count = argc > 2 ? io_parse_number(argv[2]) : BDRV_SECTOR_SIZE;
    int64_t sum = 0;
    g_autofree char *at = NULL;

    if (offset < 0 || count < 0) {
        return -EINVAL;
    }
    for (int64_t pos = offset, end = offset + count, n; pos < end; pos += n) {
        int ret = bdrv_is_allocated(blk_bs(io->blk), pos, end - pos, &n);

        if (ret < 0) {
            printf("is_allocated failed: %s\n", g_strerror(-ret));
            return ret;
        }
        if (n == 0) {
            break;
        }
        sum += ret ? n : 0;
    }
    at = io_format_bytes(offset);
    printf("%" PRId64 "/%" PRId64 " bytes allocated at offset %s\n", sum, count, at);
    return 0;
}

static int cmd_map(IoState *io, int argc, char **argv)
{
    int64_t length = blk_getlength(io->blk);
    int64_t at = 0;

    if (length < 0) {
        tool_error("Failed to query image length: %s", g_strerror(-length));
        return length;
    }
    while (at < length) {
        int64_t n;
        int64_t end = at;
        int kind = bdrv_is_allocated(blk_bs(io->blk), at, length - at, &n);
        int next = kind;
        g_autofree char *size = NULL;
        g_autofree char *from = NULL;

        for (end = at + n; kind >= 0 && n && end < length && next == kind; end += next == kind ? n : 0) {
            next = bdrv_is_allocated(blk_bs(io->blk), end, length - end, &n);
        }
        if (kind < 0 || next < 0) {
            tool_error("Failed to get allocation status: %s", g_strerror(-MIN(kind, next)));
            return MIN(kind, next);
        }
        if (end == at) {
            tool_error("Unexpected end of image");
            return -EIO;
        }
        size = io_format_bytes(end - at);
        from = io_format_bytes(at);
        printf("%s (0x%" PRIx64 ") bytes %s allocated at offset %s (0x%" PRIx64 ")\n", size, end - at,
               kind ? "   " : "not", from, at);
        at = end;
    }
    return 0;
}

static int cmd_info(IoState *io, int argc, char **argv)
{
    BlockDriverInfo info = { 0 };
    int ret = bdrv_get_info(blk_bs(io->blk), &info);
    g_autofree char *cluster = NULL;
    g_autofree char *vm = NULL;
    json_object *specific;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    printf("format name: %s\n", bdrv_get_format_name(blk_bs(io->blk)));
    if (ret < 0) {
        return ret;
    }
    cluster = io_format_bytes(info.cluster_size);
    vm = io_format_bytes(info.vm_state_offset);
    printf("cluster size: %s\nvm state offset: %s\n", cluster, vm);
    specific = bdrv_get_specific_info(blk_bs(io->blk), NULL);
    if (specific) {
        img_print_specific(specific);
        json_object_put(specific);
    }
    return 0;
}

static int cmd_open(IoState *io, int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'r', 'r', NULL, false }, { 'n', 'n', NULL, false }, { 'U', 'U', NULL, false }, { 's', 's', NULL, false },
        { 'C', 'C', NULL, false }, { 't', 't', NULL, true }, { 'o', 'o', NULL, true }, { 0 },
    };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    ImgOpen how = { .flags = BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_UNMAP };
    QDict *options = NULL;
    GError *err = NULL;
    const char *arg;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        if (o == 'r') {
            how.flags &= ~(BDRV_O_RDWR | BDRV_O_RESIZE);
        } else if (o == 'n') {
            how.flags |= BDRV_O_NOCACHE;
        } else if (o == 's') {
            how.flags |= BDRV_O_SNAPSHOT;
        } else if (o == 'C') {
            how.flags |= BDRV_O_COPY_ON_READ;
        } else if (o == 'U') {
            how.force_share = true;
        } else if (o == 't' && !tool_parse_cache(arg, &how.flags, &how.writethrough)) {
            tool_error("Invalid cache option: %s", arg);
            return -EINVAL;
        } else if (o == 'o') {
            qdict_unref(options);
            options = qdict_from_keyval(arg, NULL, &err);
            if (!options) {
                tool_report(err);
                return -EINVAL;
            }
        }
    }
    if (o < 0 || a.words->len > 1 || (!a.words->len && !options)) {
        qdict_unref(options);
        return -EINVAL;
    }
    return io_open(io, a.words->len ? g_ptr_array_index(a.words, 0) : NULL, &how, options) < 0 ? -EINVAL : 0;
}

static int cmd_close(IoState *io, int argc, char **argv)
{
    blk_unref(io->blk);
    io->blk = NULL;
    return 0;
}

static int cmd_quit(IoState *io, int argc, char **argv)
{
    io->quit = true;
    return 0;
}

static void sleep_over(void *opaque)
{
    *(bool *)opaque = true;
}

static int cmd_sleep(IoState *io, int argc, char **argv)
{
    int64_t ms = io_parse_number(argv[1]);
    bool over = false;
    QEMUTimer *timer;

    if (ms < 0) {
        return -EINVAL;
    }
    timer = timer_new_ns(QEMU_CLOCK_HOST, sleep_over, &over);
    timer_mod(timer, qemu_clock_get_ns(QEMU_CLOCK_HOST) + ms * 1000000);
    while (!over) {
        main_loop_wait(false);
    }
    timer_free(timer);
    return 0;
}

static int cmd_break(IoState *io, int argc, char **argv)
{
    int ret;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    ret = bdrv_debug_breakpoint(blk_bs(io->blk), argv[1], argv[2]);
    if (ret < 0) {
        printf("Could not set breakpoint: %s\n", g_strerror(-ret));
    }
    return ret;
}

static int cmd_remove_break(IoState *io, int argc, char **argv)
{
    int ret;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    ret = bdrv_debug_remove_breakpoint(blk_bs(io->blk), argv[1]);
    if (ret < 0) {
        printf("Could not remove breakpoint %s: %s\n", argv[1], g_strerror(-ret));
    }
    return ret;
}

static int cmd_resume(IoState *io, int argc, char **argv)
{
    int ret;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    ret = bdrv_debug_resume(blk_bs(io->blk), argv[1]);
    if (ret < 0) {
        printf("Could not resume request: %s\n", g_strerror(-ret));
    }
    return ret;
}

static bool suspended(BlockDriverState *bs, const char *tag)
{
    GRAPH_RDLOCK_GUARD_MAINLOOP();
    return bdrv_debug_is_suspended(bs, tag);
}

static int cmd_wait_break(IoState *io, int argc, char **argv)
{
    while (!suspended(blk_bs(io->blk), argv[1])) {
        aio_poll(blk_get_aio_context(io->blk), true);
    }
    return 0;
}

static int cmd_help(IoState *io, int argc, char **argv);

const IoCommand io_other_commands[] = {
    { "aio_flush", NULL, cmd_aio_flush, 0, 0, IO_IMAGE, "", "completes all outstanding aio requests" },
    { "alloc", NULL, cmd_alloc, 1, 2, IO_IMAGE, "offset [count]", "checks if offset is allocated in the file" },
    { "break", NULL, cmd_break, 2, 2, IO_IMAGE, "event tag",
      "sets a breakpoint on event and tags the stopped request as tag" },
    { "close", "c", cmd_close, 0, 0, IO_IMAGE, "", "close the current open file" },
    { "flush", "f", cmd_flush, 0, 0, IO_IMAGE, "", "flush all in-core file state to disk" },
    { "help", "?", cmd_help, 0, 1, IO_NOTHING, "[command]", "help for one or all commands" },
    { "info", "i", cmd_info, 0, 0, IO_IMAGE, "", "prints information about the current file" },
    { "length", "l", cmd_length, 0, 0, IO_IMAGE, "", "gets the length of the current file" },
    { "map", NULL, cmd_map, 0, 1, IO_IMAGE, "", "prints the allocated areas of a file" },
    { "open", "o", cmd_open, 0, -1, IO_NOTHING, "[-rsCnU] [-t cache] [-o options] [path]",
      "open the file specified by path" },
    { "quit", "q", cmd_quit, 0, 0, IO_NOTHING, "", "exit the program" },
    { "remove_break", NULL, cmd_remove_break, 1, 1, IO_IMAGE, "tag", "remove a breakpoint by tag" },
    { "resume", NULL, cmd_resume, 1, 1, IO_IMAGE, "tag", "resumes the request tagged as tag" },
    { "sleep", NULL, cmd_sleep, 1, 1, IO_NOTHING, "ms", "waits for the given value in milliseconds" },
    { "truncate", "t", cmd_truncate, 1, -1, IO_WRITABLE, "[-m prealloc_mode] off",
      "truncates the current file at the given offset" },
    { "wait_break", NULL, cmd_wait_break, 1, 1, IO_IMAGE, "tag", "waits for the suspension of a request" },
    { NULL },
};

/* ---- Dispatch ---- */

static const IoCommand *find_command(const char *name)
{
    const IoCommand *const tables[] = { io_rw_commands, io_other_commands };

    for (unsigned t = 0; t < G_N_ELEMENTS(tables); t++) {
        for (const IoCommand *c = tables[t]; c->name; c++) {
            if (!strcmp(c->name, name) || (c->alias && !strcmp(c->alias, name))) {
                return c;
            }
        }
    }
    return NULL;
}

static void print_command(const IoCommand *c)
{
    printf("%s%s%s -- %s\n", c->name, c->args[0] ? " " : "", c->args, c->help);
}

void io_print_usage(const char *name)
{
    print_command(find_command(name));
}

static int cmd_help(IoState *io, int argc, char **argv)
{
    const IoCommand *c;

    if (argc > 1) {
        c = find_command(argv[1]);
        if (!c) {
            printf("command %s not found\n", argv[1]);
            return -EINVAL;
        }
        print_command(c);
        return 0;
    }
    for (c = io_rw_commands; c->name; c++) {
        print_command(c);
    }
    for (c = io_other_commands; c->name; c++) {
        print_command(c);
    }
    printf("\nUse 'help commandname' for extended help.\n");
    return 0;
}

int io_run_line(IoState *io, const char *line)
{
    g_auto(GStrv) words = NULL;
    const IoCommand *c;
    int argc = 0;

    words = g_strsplit_set(line, " \t\n", -1);
    /* Several blanks between words give empty ones. */
    for (int i = 0; words[i]; i++) {
        if (words[i][0]) {
            words[argc++] = words[i];
        } else {
            g_free(words[i]);
        }
    }
    words[argc] = NULL;
    if (argc == 0) {
        return 0;
    }
    c = find_command(words[0]);
    if (!c) {
        fflush(stdout);
        fprintf(stderr, "command \"%s\" not found\n", words[0]);
        return -EINVAL;
    }
    if (c->need >= IO_IMAGE && !io->blk) {
        fprintf(stderr, "no file open, try 'help open'\n");
        return -EINVAL;
    }
    if (argc - 1 < c->min_args || (c->max_args >= 0 && argc - 1 > c->max_args)) {
        fflush(stdout);
        if (c->max_args == -1) {
            fprintf(stderr, "bad argument count %d to %s, expected at least %d arguments\n", argc - 1, c->name,
                    c->min_args);
        } else if (c->min_args == c->max_args) {
            fprintf(stderr, "bad argument count %d to %s, expected %d arguments\n", argc - 1, c->name, c->min_args);
        } else {
            fprintf(stderr, "bad argument count %d to %s, expected between %d and %d arguments\n", argc - 1, c->name,
                    c->min_args, c->max_args);
        }
        return -EINVAL;
    }
    if (c->need == IO_WRITABLE && !blk_supports_write_perm(io->blk)) {
        fflush(stdout);
        tool_error("Block node is read-only");
        return -EINVAL;
    }
    return c->fn(io, argc, words);
}
