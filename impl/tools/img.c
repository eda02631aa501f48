/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rondo-img: create, inspect, check, convert and measure disk images. */
#include "tools/img.h"

#include <stdio.h>

const char *const tool_name = "rondo-img";

static const struct {
    const char *name;
    int (*fn)(int argc, char **argv);
    const char *usage;
} commands[] = {
    { "bench", img_bench, "[-c count] [-d depth] [-f fmt] [--flush-interval=flush_interval] [-i aio] [-n] [--no-drain] "
      "[-o offset] [--pattern=pattern] [-q] [-s buffer_size] [-S step_size] [-t cache] [-w] [-U] "
      "[--image-opts] filename" },
    { "check", img_check, "[--image-opts] [-q] [-f fmt] [--output=ofmt] [-r [leaks | all]] [-T src_cache] "
                          "[-U] filename" },
    { "compare", img_compare, "[--image-opts] [-f fmt] [-F fmt] [-T src_cache] [-p] [-q] [-s] [-U] filename1 "
                              "filename2" },
    { "convert", img_convert, "[--image-opts] [--target-is-zero] [-U] [-c] [-p] [-q] [-n] [-f fmt] [-t cache] "
      "[-T src_cache] [-O output_fmt] [-B backing_file [-F backing_fmt]] [-o options] [-l snapshot_param] "
      "[-S sparse_size] [-m num_coroutines] [-W] filename output_filename" },
    { "create", img_create, "[-q] [-f fmt] [-b backing_file [-F backing_fmt]] [-u] [-o options] filename [size]" },
    { "info", img_info, "[--image-opts] [-f fmt] [--output=ofmt] [--backing-chain] [-U] filename" },
    { "map", img_map, "[--image-opts] [-f fmt] [--start-offset=offset] [--max-length=len] [--output=ofmt] "
                      "[-U] filename" },
    { "rebase", img_rebase, "[-q] [-f fmt] -u -b backing_file [-F backing_fmt] filename" },
    { "resize", img_resize, "[--image-opts] [-f fmt] [--preallocation=prealloc] [-q] [--shrink] filename [+ | -]size" },
    { "snapshot", img_snapshot, "[--image-opts] [-U] [-q] [-l | -a snapshot | -c snapshot | -d snapshot] filename" },
};

static void print_format(void *opaque, const char *name)
{
    printf(" %s", name);
}

static int print_help(void)
{
    printf("rondo-img version " RONDO_VERSION "\n"
           "usage: rondo-img [standard options] command [command options]\n"
           "Rondo disk image utility; commands and options are those of qemu-img\n\n"
           "    '-h', '--help'       display this help and exit\n"
           "    '-V', '--version'    output version information and exit\n\n"
           "Command syntax:\n");
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        printf("  %s %s\n", commands[i].name, commands[i].usage);
    }
    printf("\nCommand parameters:\n"
           "  'fmt' is the disk image format. It is guessed automatically in most cases\n"
           "  'cache' is one of 'none', 'writeback' (default, except for convert), 'writethrough', 'directsync' and\n"
           "    'unsafe' (default for convert)\n"
           "  'size' is in bytes; suffixes k, M, G, T, P and E are powers of 1024\n"
           "  'options' is a comma separated list name=value; -o help lists those of the format\n"
           "  '-p' shows progress, '-q' prints nothing but errors\n"
           "  '-S' is the number of consecutive zero bytes (default 4k) that convert leaves sparse; 0: none\n"
           "  '-m' is how many requests convert runs in parallel (default 8); '-W' lets it write out of order\n\n"
           "Supported formats:");
    bdrv_iterate_format(print_format, NULL);
    putchar('\n');
    return 0;
}

static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            return true;
        }
    }
    return false;
}

static int img_main(int argc, char **argv)
{
    if (argc < 2) {
        return tool_usage_error("Not enough arguments");
    }
    if (!strcmp(argv[1], "-V") || !strcmp(argv[1], "--version")) {
        printf("rondo-img version " RONDO_VERSION "\n");
        return 0;
    }
    if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
        return print_help();
    }
    if (argv[1][0] == '-') {
        return tool_usage_error("unrecognized option '%s'", argv[1]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (!strcmp(argv[1], commands[i].name)) {
            if (asks_for_help(argc - 1, argv + 1)) {
                printf("usage: rondo-img %s %s\n", commands[i].name, commands[i].usage);
                return 0;
            }
            return commands[i].fn(argc - 1, argv + 1);
        }
    }
    return tool_usage_error("Command not found: %s", argv[1]);
}

int main(int argc, char **argv)
{
    return tool_run(argc, argv, img_main);
}
