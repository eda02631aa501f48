/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rondo-img create: image creation with the options of each format. Main thread. */
#include "block/block_int.h"
#include "tools/img.h"

#include <stdio.h>

/* What "Formatting ..." shows for a format, in its order, with the value when the user gives none (NULL: left out). */
static const struct {
    const char *fmt;
    const char *key;
    const char *def;
} shown_options[] = {
    { "qcow2", "cluster_size", "65536" },
    { "qcow2", "extended_l2", "off" },
    { "qcow2", "preallocation", NULL },
    { "qcow2", "compression_type", "zlib" },
    { "qcow2", "size", NULL },
    { "qcow2", "backing_file", NULL },
    { "qcow2", "backing_fmt", NULL },
    { "qcow2", "compat", NULL },
    { "qcow2", "lazy_refcounts", "off" },
    { "qcow2", "refcount_bits", "16" },
    { "raw", "size", NULL },
    { "raw", "preallocation", NULL },
};

static void print_formatting(const char *filename, const char *fmt, const QDict *options)
{
    printf("Formatting '%s', fmt=%s", filename, fmt);
    for (unsigned i = 0; i < G_N_ELEMENTS(shown_options); i++) {
        const char *value = qdict_get_try_str(options, shown_options[i].key);
        uint64_t bytes;

        if (strcmp(shown_options[i].fmt, fmt)) {
            continue;
        }
        if (!value) {
            value = shown_options[i].def;
        }
        if (!value) {
            continue;
        }
        if (!strcmp(shown_options[i].key, "cluster_size") && block_parse_size("cluster_size", value, &bytes, NULL)) {
            printf(" cluster_size=%" G_GUINT64_FORMAT, bytes);
        } else {
            printf(" %s=%s", shown_options[i].key, value);
        }
    }
    putchar('\n');
    fflush(stdout);
}

static const char *type_name(BlockOptType type)
{
    switch (type) {
    case BLOCK_OPT_BOOL:
        return "<bool (on/off)>";
    case BLOCK_OPT_NUMBER:
        return "<num>";
    case BLOCK_OPT_SIZE:
        return "<size>";
    case BLOCK_OPT_STRING:
        break;
    }
    return "<str>";
}

int img_print_create_options(const char *fmt)
{
    const BlockDriver *drv = bdrv_find_format(fmt);

    if (!drv || !drv->create_opts) {
        tool_error(drv ? "Format driver '%s' does not support image creation" : "Unknown file format '%s'", fmt);
        return 1;
    }
    printf("Supported %s options:\n", fmt);
    for (const BlockOptDesc *o = drv->create_opts; o->name; o++) {
        g_autofree char *left = g_strdup_printf("%s=%s", o->name, type_name(o->type));

        printf("  %-22s - %s\n", left, o->help);
    }
    printf("\nThe protocol level may support further options.\n"
           "Specify the target filename to include those options.\n");
    return 0;
}

static bool known_option(const BlockDriver *drv, const char *key)
{
    for (const BlockOptDesc *o = drv->create_opts; o->name; o++) {
        if (!strcmp(o->name, key)) {
            return true;
        }
    }
    return false;
}

static bool check_options(const BlockDriver *drv, const QDict *options, GError **errp)
{
    for (size_t i = 0; i < qdict_size(options); i++) {
        if (!known_option(drv, qdict_key_at(options, i))) {
            error_setg(errp, "Invalid parameter '%s'", qdict_key_at(options, i));
            return false;
        }
    }
    return true;
}

/* The backing file must exist and be what it is said to be; its size is the default. */
static bool check_backing(const char *filename, const char *base, const char *base_fmt, int64_t *size, GError **errp)
{
    g_autofree char *full = path_has_protocol(base) || path_is_absolute(base) ? g_strdup(base)
                                                                              : path_combine(filename, base);
    QDict *opts = qdict_new();
    BlockBackend *blk;
    g_autofree char *detected = NULL;

    if (!strcmp(full, filename)) {
        qdict_unref(opts);
        error_setg(errp, "Error: Trying to create an image with the same filename as the backing file");
        return false;
    }
    if (base_fmt) {
        qdict_put_str(opts, "driver", base_fmt);
    }
    qdict_put_bool(opts, BDRV_OPT_FORCE_SHARE, true);
    blk = blk_new_open(full, NULL, opts, 0, errp);
    if (!blk) {
        if (errp && *errp) {
            g_autofree char *more = g_strdup_printf("%s\nCould not open backing image.", (*errp)->message);

            g_clear_error(errp);
            error_setg(errp, "%s", more);
        }
        return false;
    }
    detected = g_strdup(bdrv_get_format_name(blk_bs(blk)));
    if (*size < 0) {
        *size = blk_getlength(blk);
    }
    blk_unref(blk);
    if (*size < 0) {
        error_setg_errno(errp, *size, "Could not get size of '%s'", full);
        return false;
    }
    if (!base_fmt) {
        error_setg(errp, "Backing file specified without backing format\nDetected format of %s.", detected);
        return false;
    }
    return true;
}

static bool set_backing(QDict *options, const char *fmt, const char *base, const char *base_fmt, GError **errp)
{
    const BlockDriver *drv = bdrv_find_format(fmt);

    if (base) {
        if (!known_option(drv, "backing_file")) {
            error_setg(errp, "Backing file not supported for file format '%s'", fmt);
            return false;
        }
        qdict_put_str(options, "backing_file", base);
    }
    if (base_fmt) {
        if (!known_option(drv, "backing_fmt")) {
            error_setg(errp, "Backing format not supported for file format '%s'", fmt);
            return false;
        }
        qdict_put_str(options, "backing_fmt", base_fmt);
    }
    base_fmt = qdict_get_try_str(options, "backing_fmt");
    if (base_fmt && !bdrv_find_format(base_fmt)) {
        error_setg(errp, "Unknown backing file format '%s'", base_fmt);
        return false;
    }
    return true;
}

/* Everything up to the driver: @options become complete. */
static bool prepare(const char *filename, const char *fmt, const char *base, const char *base_fmt, QDict *options,
                    int64_t size, bool unsafe, GError **errp)
{
    const BlockDriver *drv = bdrv_find_format(fmt);

    if (!drv) {
        error_setg(errp, "Unknown file format '%s'", fmt);
        return false;
    }
    if (!drv->create_opts) {
        error_setg(errp, "Format driver '%s' does not support image creation", fmt);
        return false;
    }
    if (!check_options(drv, options, errp) || !set_backing(options, fmt, base, base_fmt, errp)) {
        return false;
    }
    if (qdict_get_try_str(options, "size")) {
        uint64_t from_options;

        if (!block_parse_size("size", qdict_get_try_str(options, "size"), &from_options, errp)) {
            return false;
        }
        size = size < 0 ? (int64_t)from_options : size;
    }
    base = qdict_get_try_str(options, "backing_file");
    if (base && base[0] && !unsafe &&
        !check_backing(filename, base, qdict_get_try_str(options, "backing_fmt"), &size, errp)) {
        return false;
    }
    if (size < 0) {
        error_setg(errp, "Image creation needs a size parameter");
        return false;
    }
    qdict_put_int(options, "size", size);
    return true;
}

int img_create_image(const char *filename, const char *fmt, const char *base, const char *base_fmt, QDict *options,
                     int64_t size, bool unsafe, bool quiet)
{
    g_autoptr(QDict) opts = options ? options : qdict_new();
    GError *err = NULL;
    int ret = -EINVAL;

    if (prepare(filename, fmt, base, base_fmt, opts, size, unsafe, &err)) {
        if (!quiet) {
            print_formatting(filename, fmt, opts);
        }
        ret = bdrv_create(bdrv_find_format(fmt), filename, opts, &err);
    }
    if (ret == -EFBIG) {
        g_clear_error(&err);
        error_setg(&err, "The image size is too large for file format '%s'%s", fmt,
                   known_option(bdrv_find_format(fmt), "cluster_size") ? " (try using a larger cluster size)" : "");
    }
    if (ret < 0) {
        tool_error("%s: %s", filename, error_get_pretty(err));
        g_error_free(err);
        return 1;
    }
    return 0;
}

typedef struct CreateArgs {
    const char *fmt;
    const char *base;
    const char *base_fmt;
    QDict *options;
    bool unsafe;
    bool quiet;
    bool help;
} CreateArgs;

static bool add_options(CreateArgs *c, const char *text)
{
    GError *err = NULL;
    QDict *more;

    if (!strcmp(text, "help") || !strcmp(text, "?")) {
        c->help = true;
        return true;
    }
    more = qdict_from_keyval(text, NULL, &err);
    if (!more) {
        tool_report(err);
        return false;
    }
    if (!c->options) {
        c->options = more;
        return true;
    }
    qdict_join(c->options, more, true);
    qdict_unref(more);
    return true;
}

int img_create(int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'f', 'f', "format", true }, { 'b', 'b', "backing", true }, { 'F', 'F', "backing-format", true },
        { 'o', 'o', "options", true }, { 'q', 'q', "quiet", false }, { 'u', 'u', NULL, false }, { 0 },
    };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    CreateArgs c = { .fmt = "raw" };
    const char *arg;
    int64_t size = -1;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        switch (o) {
        case 'f':
            c.fmt = arg;
            break;
        case 'b':
            c.base = arg;
            break;
        case 'F':
            c.base_fmt = arg;
            break;
        case 'o':
            if (!add_options(&c, arg)) {
                return 1;
            }
            break;
        case 'q':
            c.quiet = true;
            break;
        default:
            c.unsafe = true;
            break;
        }
    }
    if (o < 0) {
        qdict_unref(c.options);
        return 1;
    }
    if (c.help) {
        qdict_unref(c.options);
        return img_print_create_options(c.fmt);
    }
    if (a.words->len < 1 || a.words->len > 2) {
        qdict_unref(c.options);
        return a.words->len < 1 ? tool_usage_error("Expecting image file name")
                                : tool_usage_error("Unexpected argument: %s", (char *)g_ptr_array_index(a.words, 2));
    }
    if (a.words->len == 2 && (size = img_parse_size(g_ptr_array_index(a.words, 1))) < 0) {
        qdict_unref(c.options);
        return 1;
    }
    return img_create_image(g_ptr_array_index(a.words, 0), c.fmt, c.base, c.base_fmt, c.options, size, c.unsafe,
                            c.quiet);
}
