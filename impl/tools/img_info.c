/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rondo-img info and map: what an image is and where its data lies, for people and as JSON. Main thread. */
#include "block/block_int.h"
#include "tools/img.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const char *get_str(json_object *o, const char *key)
{
    json_object *v;

    return json_object_object_get_ex(o, key, &v) ? json_object_get_string(v) : NULL;
}

static int64_t get_int(json_object *o, const char *key)
{
    json_object *v;

    return json_object_object_get_ex(o, key, &v) ? json_object_get_int64(v) : 0;
}

/* ---- Snapshots ---- */

static void print_snapshot(const char *id, const char *name, uint64_t vm_state_size, uint32_t date_sec,
                           uint64_t vm_clock_ns, uint64_t icount)
{
    g_autofree char *size = tool_format_size(vm_state_size);
    time_t when = date_sec;
    uint64_t sec = vm_clock_ns / 1000000000;
    char date[32];
    char clock[64];
    char count[32] = "";
    struct tm tm;

    gmtime_r(&when, &tm);
    strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    g_snprintf(clock, sizeof(clock), "%02" PRIu64 ":%02d:%02d.%03d", sec / 3600, (int)(sec / 60 % 60), (int)(sec % 60),
               (int)(vm_clock_ns / 1000000 % 1000));
    if (icount != UINT64_MAX) {
        g_snprintf(count, sizeof(count), "%" PRIu64, icount);
    }
    printf("%-9s %-16s %8s%20s%13s%11s\n", id, name, size, date, clock, count);
}

static void print_snapshot_head(void)
{
    printf("Snapshot list:\n%-9s %-16s %8s%20s%13s%11s\n", "ID", "TAG", "VM SIZE", "DATE", "VM CLOCK", "ICOUNT");
}

void img_print_snapshots(BlockDriverState *bs)
{
    QEMUSnapshotInfo *list = NULL;
    int n;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    n = bdrv_snapshot_list(bs, &list);
    if (n > 0) {
        print_snapshot_head();
    }
    for (int i = 0; i < n; i++) {
        print_snapshot(list[i].id_str, list[i].name, list[i].vm_state_size, list[i].date_sec, list[i].vm_clock_nsec,
                       list[i].icount);
    }
    g_free(list);
}

static void print_json_snapshots(json_object *info)
{
    json_object *list;

    if (!json_object_object_get_ex(info, "snapshots", &list) || json_object_array_length(list) == 0) {
        return;
    }
    print_snapshot_head();
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        json_object *s = json_object_array_get_idx(list, i);
        json_object *icount;

        print_snapshot(get_str(s, "id"), get_str(s, "name"), get_int(s, "vm-state-size"), get_int(s, "date-sec"),
                       get_int(s, "vm-clock-sec") * 1000000000ULL + get_int(s, "vm-clock-nsec"),
                       json_object_object_get_ex(s, "icount", &icount) ? json_object_get_uint64(icount) : UINT64_MAX);
    }
}

/* ---- Info ---- */

void img_print_specific(json_object *specific)
{
    json_object *data;

    if (!specific || !json_object_object_get_ex(specific, "data", &data) || json_object_object_length(data) == 0) {
        return;
    }
    printf("Format specific information:\n");
    json_object_object_foreach(data, key, value) {
        g_autofree char *words = g_strdup(key);

        g_strdelimit(words, "-", ' ');
        printf("    %s: %s\n", words, json_object_get_string(value));
    }
}

void img_print_info(json_object *info)
{
    uint64_t size = get_int(info, "virtual-size");
    g_autofree char *virtual = tool_format_size(size);
    const char *backing = get_str(info, "backing-filename");
    const char *full = get_str(info, "full-backing-filename");
    json_object *v;

    printf("image: %s\nfile format: %s\nvirtual size: %s (%" PRIu64 " bytes)\n", get_str(info, "filename"),
           get_str(info, "format"), virtual, size);
    if (json_object_object_get_ex(info, "actual-size", &v)) {
        g_autofree char *actual = tool_format_size(json_object_get_int64(v));

        printf("disk size: %s\n", actual);
    } else {
        printf("disk size: unavailable\n");
    }
    if (json_object_object_get_ex(info, "cluster-size", &v)) {
        printf("cluster_size: %" PRId64 "\n", json_object_get_int64(v));
    }
    if (json_object_object_get_ex(info, "dirty-flag", &v) && json_object_get_boolean(v)) {
        printf("cleanly shut down: no\n");
    }
    if (backing) {
        printf("backing file: %s", backing);
        if (!full) {
            printf(" (cannot determine actual path)");
        } else if (strcmp(backing, full)) {
            printf(" (actual path: %s)", full);
        }
        putchar('\n');
        if (get_str(info, "backing-filename-format")) {
            printf("backing file format: %s\n", get_str(info, "backing-filename-format"));
        }
    }
    print_json_snapshots(info);
    if (json_object_object_get_ex(info, "format-specific", &v)) {
        img_print_specific(v);
    }
}

static json_object *query_node(BlockDriverState *bs, char **ret_next, char **ret_next_fmt, GError **errp)
{
    json_object *info;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    info = bdrv_query_image_info(bs, false, errp);
    if (info && bs->backing_file && bs->backing_file[0]) {
        *ret_next = bdrv_get_full_backing_filename(bs, NULL);
        *ret_next_fmt = bs->backing_format && bs->backing_format[0] ? g_strdup(bs->backing_format) : NULL;
    }
    return info;
}

/* ImageInfo of one image; *@ret_next: the image behind it, or NULL. */
static json_object *query_one(const char *name, const ImgOpen *how, char **ret_next, char **ret_next_fmt)
{
    BlockBackend *blk = img_open(name, how);
    GError *err = NULL;
    json_object *info;

    if (!blk) {
        return NULL;
    }
    info = query_node(blk_bs(blk), ret_next, ret_next_fmt, &err);
    blk_unref(blk);
    if (!info) {
        tool_report(err);
    }
    return info;
}

/* The list of the chain's ImageInfo objects, or NULL after telling the user. */
static json_object *query_chain(const char *name, ImgOpen how, bool chain)
{
    json_object *list = json_object_new_array();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *current = g_strdup(name);
    g_autofree char *fmt = g_strdup(how.fmt);

    while (current) {
        char *next = NULL;
        char *next_fmt = NULL;
        json_object *info;

        if (!g_hash_table_add(seen, g_strdup(current))) {
            tool_error("Backing file '%s' creates an infinite loop.", current);
            json_object_put(list);
            return NULL;
        }
        how.fmt = fmt;
        info = query_one(current, &how, &next, &next_fmt);
        g_free(current);
        g_free(fmt);
        current = next;
        fmt = next_fmt;
        if (!info) {
            json_object_put(list);
            return NULL;
        }
        json_object_array_add(list, info);
        how.image_opts = false;
        if (!chain) {
            g_clear_pointer(&current, g_free);
        }
    }
    return list;
}

enum { OPT_OUTPUT = 256, OPT_CHAIN, OPT_IMAGE_OPTS, OPT_START, OPT_MAX };

static bool parse_output(const char *arg, bool *json)
{
    *json = !strcmp(arg, "json");
    if (!*json && strcmp(arg, "human")) {
        tool_error("--output must be used with human or json as argument.");
        return false;
    }
    return true;
}

int img_info(int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'f', 'f', "format", true }, { OPT_OUTPUT, 0, "output", true }, { OPT_CHAIN, 0, "backing-chain", false },
        { OPT_IMAGE_OPTS, 0, "image-opts", false }, { 'U', 'U', "force-share", false }, { 0 },
    };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    ImgOpen how = { .flags = BDRV_O_NO_BACKING | BDRV_O_NO_IO };
    bool json = false;
    bool chain = false;
    json_object *list;
    const char *arg;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        if (o == 'f') {
            how.fmt = arg;
        } else if (o == OPT_OUTPUT && !parse_output(arg, &json)) {
            return 1;
        } else if (o == OPT_CHAIN) {
            chain = true;
        } else if (o == OPT_IMAGE_OPTS) {
            how.image_opts = true;
        } else if (o == 'U') {
            how.force_share = true;
        }
    }
    if (o < 0) {
        return 1;
    }
    if (a.words->len != 1) {
        return tool_usage_error("Expecting one image file name");
    }
    list = query_chain(g_ptr_array_index(a.words, 0), how, chain);
    if (!list) {
        return 1;
    }
    if (json) {
        img_print_json(chain ? list : json_object_array_get_idx(list, 0));
    }
    for (size_t i = 0; i < json_object_array_length(list) && !json; i++) {
        if (i) {
            putchar('\n');
        }
        img_print_info(json_object_array_get_idx(list, i));
    }
    json_object_put(list);
    return 0;
}

/* ---- Map ---- */

typedef struct MapEntry {
    int64_t start;
    int64_t length;
    bool data;
    bool zero;
    bool present;
    bool has_offset;
    int64_t offset;
    int depth;
    char filename[1024];
} MapEntry;

static void print_entry(const MapEntry *e, bool json, bool first)
{
    if (!json) {
        if (e->data && !e->has_offset) {
            tool_error("File contains external, encrypted or compressed clusters.");
        } else if (e->data && !e->zero) {
            printf("%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n", e->start, e->length, e->offset, e->filename);
        }
        return;
    }
    printf("%s{ \"start\": %" PRId64 ", \"length\": %" PRId64 ", \"depth\": %d, \"present\": %s, \"zero\": %s, "
           "\"data\": %s", first ? "[" : ",\n", e->start, e->length, e->depth, e->present ? "true" : "false",
           e->zero ? "true" : "false", e->data ? "true" : "false");
    if (e->has_offset) {
        printf(", \"offset\": %" PRId64, e->offset);
    }
    putchar('}');
}

/* Status of the layer that answers for @offset. */
static int block_info(BlockDriverState *bs, int64_t offset, int64_t bytes, MapEntry *e)
{
    int64_t map = 0;
    int depth = 0;
    BlockDriverState *file = NULL;
    int ret;

    GRAPH_RDLOCK_GUARD_MAINLOOP();
    for (;;) {
        ret = bdrv_block_status(bs, offset, bytes, &bytes, &map, &file);
        if (ret < 0) {
            return ret;
        }
        if (ret & (BDRV_BLOCK_ZERO | BDRV_BLOCK_DATA)) {
            break;
        }
        if (!bdrv_filter_or_cow_bs(bs)) {
            break;
        }
        bs = bdrv_filter_or_cow_bs(bs);
        depth++;
    }
    *e = (MapEntry){
        .start = offset, .length = bytes, .data = ret & BDRV_BLOCK_DATA, .zero = ret & BDRV_BLOCK_ZERO,
        .present = ret & BDRV_BLOCK_ALLOCATED, .has_offset = ret & BDRV_BLOCK_OFFSET_VALID, .offset = map,
        .depth = depth,
    };
    if (file && e->has_offset) {
        bdrv_refresh_filename(file);
        g_strlcpy(e->filename, file->filename, sizeof(e->filename));
    }
    return 0;
}

static bool entries_join(const MapEntry *a, const MapEntry *b)
{
    return a->length && a->zero == b->zero && a->data == b->data && a->present == b->present && a->depth == b->depth &&
           a->has_offset == b->has_offset && !strcmp(a->filename, b->filename) &&
           (!a->has_offset || a->offset + a->length == b->offset);
}

static int map_image(BlockBackend *blk, int64_t start, int64_t max, bool json)
{
    int64_t length = blk_getlength(blk);
    int64_t at = start;
    MapEntry current = { 0 };
    bool first = true;

    if (length < 0) {
        tool_error("Failed to get size for '%s'", blk_bs(blk)->filename);
        return 1;
    }
    if (max >= 0 && max < length - start) {
        length = start + max;
    }
    if (!json) {
        printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
    }
    while (at < length) {
        MapEntry e;
        int ret = block_info(blk_bs(blk), at, length - at, &e);

        if (ret < 0) {
            tool_error("Could not read file metadata: %s", g_strerror(-ret));
            return 1;
        }
        at += e.length;
        if (entries_join(&current, &e)) {
            current.length += e.length;
            continue;
        }
        if (current.length) {
            print_entry(&current, json, first);
            first = false;
        }
        current = e;
    }
    if (current.length) {
        print_entry(&current, json, first);
        first = false;
    }
    if (json) {
        printf("%s]\n", first ? "[" : "");
    }
    return 0;
}

int img_map(int argc, char **argv)
{
    static const ToolOpt table[] = {
        { 'f', 'f', "format", true }, { OPT_OUTPUT, 0, "output", true }, { OPT_IMAGE_OPTS, 0, "image-opts", false },
        { 'U', 'U', "force-share", false }, { OPT_START, 's', "start-offset", true },
        { OPT_MAX, 'l', "max-length", true }, { 0 },
    };
    g_auto(ToolArgs) a = { .argv = argv, .argc = argc, .at = 1 };
    ImgOpen how = { 0 };
    int64_t start = 0;
    int64_t max = -1;
    bool json = false;
    BlockBackend *blk;
    const char *arg;
    int status;
    int o;

    while ((o = tool_next_option(&a, table, &arg)) > 0) {
        if (o == 'f') {
            how.fmt = arg;
        } else if (o == OPT_OUTPUT && !parse_output(arg, &json)) {
            return 1;
        } else if (o == OPT_IMAGE_OPTS) {
            how.image_opts = true;
        } else if (o == 'U') {
            how.force_share = true;
        } else if (o == OPT_START && !img_parse_count("start offset", arg, 0, INT64_MAX, &start)) {
            return 1;
        } else if (o == OPT_MAX && !img_parse_count("max length", arg, 0, INT64_MAX, &max)) {
            return 1;
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
    status = map_image(blk, start, max, json);
    blk_unref(blk);
    return status;
}
