/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rondo-img check, snapshot, resize, rebase and commit: work on one existing image. Main thread. */
#include "block/block_int.h"
#include "tools/img.h"

#include <inttypes.h>
#include <stdio.h>

enum { OPT_OUTPUT = 256, OPT_IMAGE_OPTS, OPT_SHRINK, OPT_PREALLOC };

static json_object *check_json(const char *filename, const char *fmt, const BdrvCheckResult *r)
{
    json_object *o = json_object_new_object();
    const struct { const char *key; int64_t value; bool always; } fields[] = {
        { "image-end-offset", r->image_end_offset, false }, { "total-clusters", r->bfi.total_clusters, false },
        { "check-errors", r->check_errors, true }, { "corruptions", r->corruptions, false },
        { "corruptions-fixed", r->corruptions_fixed, false }, { "leaks", r->leaks, false },
        { "leaks-fixed", r->leaks_fixed, false }, { "allocated-clusters", r->bfi.allocated_clusters, false },
        { "fragmented-clusters", r->bfi.fragmented_clusters, false },
        { "compressed-clusters", r->bfi.compressed_clusters, false },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (fields[i].value || fields[i].always) {
            json_object_object_add(o, fields[i].key, json_object_new_int64(fields[i].value));
        }
    }
    json_object_object_add(o, "filename", json_object_new_string(filename));
    json_object_object_add(o, "format", json_object_new_string(fmt));
    return o;
}

static void print_check(const BdrvCheckResult *r)
{
    if (!(r->corruptions || r->leaks || r->check_errors)) {
        printf("No errors were found on the image.\n");
    } else {
        if (r->corruptions) {
            printf("\n%d errors were found on the image.\nData may be corrupted, or further writes to the image may "
                   "corrupt it.\n", r->corruptions);
        }
        if (r->leaks) {
            printf("\n%d leaked clusters were found on the image.\nThis means waste of disk space, but no harm to "
                   "data.\n", r->leaks);
        }
        if (r->check_errors) {
            printf("\n%d internal errors have occurred during the check.\n", r->check_errors);
        }
    }
    if (r->bfi.total_clusters && r->bfi.allocated_clusters) {
        printf("%" PRIu64 "/%" PRIu64 " = %0.2f%% allocated, %0.2f%% fragmented, %0.2f%% compressed clusters\n",
               r->bfi.allocated_clusters, r->bfi.total_clusters,
               r->bfi.allocated_clusters * 100.0 / r->bfi.total_clusters,
               r->bfi.fragmented_clusters * 100.0 / r->bfi.allocated_clusters,
               r->bfi.compressed_clusters * 100.0 / r->bfi.allocated_clusters);
    }
    if (r->image_end_offset) {
        printf("Image end offset: %" PRId64 "\n", r->image_end_offset);
    }
}

/* 0, or -errno after telling the user; 63 when the format has nothing to check. */
static int check_once(BlockBackend *blk, BdrvCheckResult *r, int fix)
{
    int ret;

    *r = (BdrvCheckResult){ 0 };
    ret = bdrv_check(blk_bs(blk), r, fix);
    if (ret == -ENOTSUP) {
        tool_error("This image format does not support checks");
        return 63;
    }
    if (ret < 0 && !r->check_errors) {
        tool_error("Check failed: %s", g_strerror(-ret));
    }
    return ret < 0 ? 1 : 0;
}

static int check_image(BlockBackend *blk, const char *name, int fix, bool json, bool quiet)
{
    BdrvCheckResult r;
    int fixed_corruptions;
    int fixed_leaks;
    int ret = check_once(blk, &r, fix);

    if (ret) {
        return ret;
    }
    fixed_corruptions = r.corruptions_fixed;
    fixed_leaks = r.leaks_fixed;
    if (fixed_corruptions || fixed_leaks) {
        bool said = !json && !quiet;

        if (said) {
            printf("The following inconsistencies were found and repaired:\n\n    %d leaked clusters\n    %d "
                   "corruptions\n\nDouble checking the fixed image now...\n", fixed_leaks, fixed_corruptions);
            fflush(stdout);
        }
        ret = check_once(blk, &r, 0);
        if (ret) {
            return ret;
        }
        r.corruptions_fixed = fixed_corruptions;
        r.leaks_fixed = fixed_leaks;
    }
    if (json) {
        json_object *o = check_json(name, bdrv_get_format_name(blk_bs(blk)), &r);

        img_print_json(o);
        json_object_put(o);
    } else if (!quiet) {
        print_check(&r);
    }
    if (r.check_errors) {
        return 1;
    }
    return r.corruptions ? 2 : r.leaks ? 3 : 0;
}

int img_check(int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'f', 'f', "format", true }, { 'r', 'r', "repair", true }, { OPT_OUTPUT, 0, "output", true },
        { 'q', 'q', "quiet", false }, { 'T', 'T', NULL, true }, { 'U', 'U', "force-share", false },
        { OPT_IMAGE_OPTS, 0, "image-opts", false }, { 0 },
    };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    ImgOpen how = { .flags = BDRV_O_CHECK };
    bool json = false;
    bool quiet = false;
    int fix = 0;
    BlockBackend *blk;
    const char *arg;
    int status;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        if (o == 'f') {
            how.fmt = arg;
        } else if (o == 'r') {
            if (strcmp(arg, "leaks") && strcmp(arg, "all")) {
                return tool_usage_error("Unknown option value for -r (expecting 'leaks' or 'all'): %s", arg);
            }
            fix = BDRV_FIX_LEAKS | (strcmp(arg, "all") ? 0 : BDRV_FIX_ERRORS);
            how.flags |= BDRV_O_RDWR | BDRV_O_RESIZE;
        } else if (o == OPT_OUTPUT) {
            json = !strcmp(arg, "json");
            if (!json && strcmp(arg, "human")) {
                return tool_usage_error("--output expects 'human' or 'json' not '%s'", arg);
            }
        } else if (o == 'q') {
            quiet = true;
        } else if (o == 'T' && !tool_parse_cache(arg, &how.flags, &how.writethrough)) {
            tool_error("Invalid source cache option: %s", arg);
            return 1;
        } else if (o == 'U') {
            how.force_share = true;
        } else if (o == OPT_IMAGE_OPTS) {
            how.image_opts = true;
        }
    }
    if (o < 0) {
        return 1;
    }
    if (a.words->len != 1) {
        return tool_usage_error("Expecting one image file name");
    }
    blk = img_open(g_ptr_array_index(a.words, 0), &how);
    if (!blk) {
        return 1;
    }
    status = check_image(blk, g_ptr_array_index(a.words, 0), fix, json, quiet);
    blk_unref(blk);
    return status;
}

/* ---- snapshot ---- */

static int snapshot_create(BlockDriverState *bs, const char *name)
{
    QEMUSnapshotInfo sn = { .icount = UINT64_MAX };
    int64_t now = sched_clock_ns(SCHED_CLOCK_HOST);
    int ret;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    g_strlcpy(sn.name, name, sizeof(sn.name));
    sn.date_sec = now / 1000000000;
    sn.date_nsec = now % 1000000000;
    sn.icount = 0;
    ret = bdrv_snapshot_create(bs, &sn);
    if (ret < 0) {
        tool_error("Could not create snapshot '%s': %d (%s)", name, ret, g_strerror(-ret));
    }
    return ret < 0;
}

static int snapshot_apply(BlockDriverState *bs, const char *name)
{
    GError *err = NULL;

    if (bdrv_snapshot_goto(bs, name, &err) < 0) {
        tool_error("Could not apply snapshot '%s': %s", name, err ? error_get_pretty(err) : "unknown error");
        g_clear_error(&err);
        return 1;
    }
    return 0;
}

static int snapshot_delete(BlockDriverState *bs, const char *name)
{
    QEMUSnapshotInfo sn;
    GError *err = NULL;
    int ret;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    ret = bdrv_snapshot_find(bs, &sn, name);
    if (ret <= 0) {
        tool_error("Could not delete snapshot '%s': snapshot not found", name);
        return 1;
    }
    if (bdrv_snapshot_delete(bs, sn.id_str, sn.name, &err) < 0) {
        tool_error("Could not delete snapshot '%s': %s", name, err ? error_get_pretty(err) : "unknown error");
        g_clear_error(&err);
        return 1;
    }
    return 0;
}

int img_snapshot(int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'l', 'l', NULL, false }, { 'c', 'c', NULL, true }, { 'a', 'a', NULL, true }, { 'd', 'd', NULL, true },
        { 'q', 'q', "quiet", false }, { 'U', 'U', "force-share", false }, { OPT_IMAGE_OPTS, 0, "image-opts", false },
        { 0 },
    };
    g_auto(ToolArgs) args = { .argv = argv, .argc = argc, .at = 1 };
    ImgOpen how = { .flags = BDRV_O_RDWR | BDRV_O_RESIZE };
    const char *name = NULL;
    BlockBackend *blk;
    const char *arg;
    int action = 0;
    int status = 0;
    int o;

    while ((o = tool_next_option(&args, table, &arg)) > 0) {
        if (o == 'l' || o == 'c' || o == 'a' || o == 'd') {
            if (action) {
                return tool_usage_error("Cannot mix '-l', '-a', '-c', '-d'");
            }
            action = o;
            name = arg;
        } else if (o == 'U') {
            how.force_share = true;
        } else if (o == OPT_IMAGE_OPTS) {
            how.image_opts = true;
        }
    }
    if (o < 0) {
        return 1;
    }
    if (args.words->len != 1) {
        return tool_usage_error("Expecting one image file name");
    }
    if (!action || action == 'l') {
        how.flags = 0;
    }
    blk = img_open(g_ptr_array_index(args.words, 0), &how);
    if (!blk) {
        return 1;
    }
    switch (action) {
    case 'c':
        status = snapshot_create(blk_bs(blk), name);
        break;
    case 'a':
        status = snapshot_apply(blk_bs(blk), name);
        break;
    case 'd':
        status = snapshot_delete(blk_bs(blk), name);
        break;
    case 'l':
        img_print_snapshots(blk_bs(blk));
        break;
    default:            /* as with qemu-img: the image was opened, and that is all */
        break;
    }
    blk_unref(blk);
    return status;
}

/* ---- resize ---- */

static bool parse_prealloc(const char *text, PreallocMode *ret)
{
    static const char *const names[] = { "off", "metadata", "falloc", "full" };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(text, names[i])) {
            *ret = i;
            return true;
        }
    }
    tool_error("Invalid preallocation mode '%s'", text);
    return false;
}

static int resize_image(BlockBackend *blk, const char *size, PreallocMode prealloc, bool shrink, bool quiet)
{
    int relative = size[0] == '+' ? 1 : size[0] == '-' ? -1 : 0;
    int64_t n = img_parse_size(relative ? size + 1 : size);
    int64_t length = blk_getlength(blk);
    GError *err = NULL;

    if (n < 0) {
        return 1;
    }
    if (length < 0) {
        tool_error("Could not get the size of the image: %s", g_strerror(-length));
        return 1;
    }
    if (relative && (relative < 0 ? n >= length : n > INT64_MAX - length)) {
        tool_error("New image size must be positive");
        return 1;
    }
    n = relative ? length + relative * n : n;
    if (n < length && !shrink) {
        tool_error("Use the --shrink option to perform a shrink operation.");
        tool_error("warning: Shrinking an image will delete all data beyond the shrunken image's end. Before "
                   "performing such an operation, make sure there is no important data there.");
        return 1;
    }
    if (blk_truncate(blk, n, true, prealloc, 0, &err) < 0) {
        tool_report(err);
        return 1;
    }
    if (!quiet) {
        printf("Image resized.\n");
    }
    return 0;
}

int img_resize(int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'f', 'f', "format", true }, { 'q', 'q', "quiet", false }, { OPT_SHRINK, 0, "shrink", false },
        { OPT_PREALLOC, 0, "preallocation", true }, { OPT_IMAGE_OPTS, 0, "image-opts", false }, { 0 },
    };
    ImgOpen how = { .flags = BDRV_O_RDWR | BDRV_O_RESIZE };
    g_auto(ToolArgs) a = { .argc = argc, .at = 1 };
    g_autofree char **copy = g_memdup2(argv, (argc + 1) * sizeof(argv[0]));
    PreallocMode prealloc = PREALLOC_MODE_OFF;
    bool shrink = false;
    bool quiet = false;
    const char *size;
    BlockBackend *blk;
    const char *arg;
    int status;
    int o;

    /* "-1G" is a size, not an option, so the last word is taken first. */
    if (argc < 3) {
        return tool_usage_error("Not enough arguments");
    }
    size = argv[argc - 1];
    a.argv = copy;
    a.argc = argc - 1;
    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        if (o == 'f') {
            how.fmt = arg;
        } else if (o == 'q') {
            quiet = true;
        } else if (o == OPT_SHRINK) {
            shrink = true;
        } else if (o == OPT_PREALLOC && !parse_prealloc(arg, &prealloc)) {
            return 1;
        } else if (o == OPT_IMAGE_OPTS) {
            how.image_opts = true;
        }
    }
    if (o < 0) {
        return 1;
    }
    if (a.words->len != 1) {
        return tool_usage_error("Expecting image file name and size");
    }
    blk = img_open(g_ptr_array_index(a.words, 0), &how);
    if (!blk) {
        return 1;
    }
    status = resize_image(blk, size, prealloc, shrink, quiet);
    blk_unref(blk);
    return status;
}

/* ---- rebase ---- */

static int rebase_unsafe(BlockBackend *blk, const char *base, const char *base_fmt)
{
    int ret = bdrv_change_backing_file(blk_bs(blk), base && base[0] ? base : NULL, base_fmt, true);

    if (ret == -EINVAL) {
        tool_error("Could not change the backing file to '%s': backing format must be specified", base);
    } else if (ret < 0) {
        tool_error("Could not change the backing file to '%s': %s", base ? base : "", g_strerror(-ret));
    }
    return ret < 0;
}

int img_rebase(int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'f', 'f', "format", true }, { 'b', 'b', "backing", true }, { 'F', 'F', "backing-format", true },
        { 'u', 'u', "unsafe", false }, { 'q', 'q', "quiet", false }, { 0 },
    };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    ImgOpen how = { .flags = BDRV_O_RDWR | BDRV_O_NO_BACKING };
    const char *base = NULL;
    const char *base_fmt = NULL;
    bool unsafe = false;
    BlockBackend *blk;
    const char *arg;
    int status;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        if (o == 'f') {
            how.fmt = arg;
        } else if (o == 'b') {
            base = arg;
        } else if (o == 'F') {
            base_fmt = arg;
        } else if (o == 'u') {
            unsafe = true;
        }
    }
    if (o < 0) {
        return 1;
    }
    if (a.words->len != 1) {
        return tool_usage_error("Expecting one image file name");
    }
    if (!base) {
        return tool_usage_error("Use backing_file (-b) option");
    }
    if (!unsafe) {
        tool_error("rebase without -u (copying what differs) is not supported");
        return 1;
    }
    blk = img_open(g_ptr_array_index(a.words, 0), &how);
    if (!blk) {
        return 1;
    }
    status = rebase_unsafe(blk, base, base_fmt);
    blk_unref(blk);
    return status;
}
