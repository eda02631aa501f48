/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rondo-io: command line and prompt. */
#include "tools/io.h"

#include <stdio.h>

enum { OPT_IMAGE_OPTS = 256 };

static int print_help(void)
{
    printf("Usage: rondo-io [OPTIONS]... [-c STRING]... [file]\n"
           "Rondo disk exerciser; commands are those of qemu-io\n\n"
           "      --image-opts     treat file as option string\n"
           "  -c, --cmd STRING     execute command with its arguments from the given string\n"
           "  -f, --format FMT     specifies the block driver to use\n"
           "  -r, --read-only      export read-only\n"
           "  -s, --snapshot       use snapshot file\n"
           "  -n, --nocache        disable host cache, short for -t none\n"
           "  -C, --copy-on-read   enable copy-on-read\n"
           "  -k, --native-aio     use kernel AIO implementation\n"
           "  -i, --aio=MODE       use AIO mode (threads, native or io_uring)\n"
           "  -t, --cache=MODE     use the given cache mode for the image\n"
           "  -d, --discard=MODE   use the given discard mode for the image (ignore, unmap)\n"
           "  -U, --force-share    force shared permissions\n"
           "  -h, --help           display this help and exit\n"
           "  -V, --version        output version information and exit\n\n"
           "See 'rondo-io -c help' for information on available commands.\n");
    return 0;
}

static bool main_option(IoState *io, int o, const char *arg)
{
    switch (o) {
    case 'f':
        io->how.fmt = arg;
        return true;
    case 'r':
        io->how.flags &= ~(BDRV_O_RDWR | BDRV_O_RESIZE);
        return true;
    case 's':
        io->how.flags |= BDRV_O_SNAPSHOT;
        return true;
    case 'n':
        io->how.flags |= BDRV_O_NOCACHE;
        return true;
    case 'C':
        io->how.flags |= BDRV_O_COPY_ON_READ;
        return true;
    case 'k':
        io->how.flags |= BDRV_O_NATIVE_AIO;
        return true;
    case 'U':
        io->how.force_share = true;
        return true;
    case OPT_IMAGE_OPTS:
        io->how.image_opts = true;
        return true;
    case 'i':
        io->how.flags |= !strcmp(arg, "native") ? BDRV_O_NATIVE_AIO : !strcmp(arg, "io_uring") ? BDRV_O_IO_URING : 0;
        return true;
    case 'd':
        io->how.flags &= ~BDRV_O_UNMAP;
        io->how.flags |= !strcmp(arg, "unmap") || !strcmp(arg, "on") ? BDRV_O_UNMAP : 0;
        return true;
    default:
        if (!tool_parse_cache(arg, &io->how.flags, &io->how.writethrough)) {
            tool_error("Invalid cache option: %s", arg);
            return false;
        }
        return true;
    }
}

static int prompt(IoState *io)
{
    char line[4096];
    int status = 0;

    while (!io->quit) {
        printf("rondo-io> ");
        fflush(stdout);
        if (!fgets(line, sizeof(line), stdin)) {
            break;
        }
        status |= io_run_line(io, line) < 0;
        fflush(stdout);
    }
    return status;
}

static int io_main(int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'c', 'c', "cmd", true }, { 'f', 'f', "format", true }, { 'r', 'r', "read-only", false },
        { 's', 's', "snapshot", false }, { 'n', 'n', "nocache", false }, { 'C', 'C', "copy-on-read", false },
        { 'k', 'k', "native-aio", false }, { 'i', 'i', "aio", true }, { 't', 't', "cache", true },
        { 'd', 'd', "discard", true }, { 'U', 'U', "force-share", false }, { 'h', 'h', "help", false },
        { 'V', 'V', "version", false }, { OPT_IMAGE_OPTS, 0, "image-opts", false }, { 0 },
    };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    g_autoptr(GPtrArray) lines = g_ptr_array_new();
    IoState io = { .how = { .flags = BDRV_O_RDWR | BDRV_O_RESIZE | BDRV_O_UNMAP } };
    const char *arg;
    int status = 0;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        if (o == 'h') {
            return print_help();
        } else if (o == 'V') {
            printf("rondo-io version " RONDO_VERSION "\n");
            return 0;
        } else if (o == 'c') {
            g_ptr_array_add(lines, (char *)arg);
        } else if (!main_option(&io, o, arg)) {
            return 1;
        }
    }
    if (o < 0) {
        return 1;
    }
    if (a.words->len > 1) {
        return tool_usage_error("Expecting one image file name");
    }
    if (a.words->len && io_open(&io, g_ptr_array_index(a.words, 0), &io.how, NULL) < 0) {
        return 1;
    }
    for (guint i = 0; i < lines->len && !io.quit; i++) {
        status |= io_run_line(&io, g_ptr_array_index(lines, i)) < 0;
    }
    if (!lines->len) {
        status = prompt(&io);
    }
    blk_drain_all();
    if (io.blk) {
        blk_unref(io.blk);
    }
    return status;
}

int main(int argc, char **argv)
{
    return tool_run(argc, argv, io_main);
}
