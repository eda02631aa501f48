/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of images: paths, "proto:...", "json:{...}", names relative to another image, and drivers by name.
 * Pure, except for the file names kept in nodes (main context).
 */
#include "block/state.h"
#include "aio/main_loop.h"
#include "base/json_stream.h"

const BlockDriver *bdrv_find_format(const char *format_name)
{
    for (const BlockDriver *const *d = bdrv_driver_table; *d; d++) {
        if (g_str_equal((*d)->format_name, format_name)) {
            return *d;
        }
    }
    return NULL;
}

void bdrv_iterate_format(void (*it)(void *opaque, const char *name), void *opaque)
{
    for (const BlockDriver *const *d = bdrv_driver_table; *d; d++) {
        it(opaque, (*d)->format_name);
    }
}

bool path_has_protocol(const char *path)
{
    const char *p = path + strcspn(path, ":/");

    return *p == ':';
}

bool path_is_absolute(const char *path)
{
    return *path == '/';
}

char *path_combine(const char *base_path, const char *filename)
{
    const char *slash, *proto_end;

    if (path_is_absolute(filename) || path_has_protocol(filename)) {
        return g_strdup(filename);
    }
    proto_end = path_has_protocol(base_path) ? strchr(base_path, ':') + 1 : base_path;
    slash = strrchr(proto_end, '/');
    if (!slash) {
        return g_strdup_printf("%.*s%s", (int)(proto_end - base_path), base_path, filename);
    }
    return g_strdup_printf("%.*s%s", (int)(slash + 1 - base_path), base_path, filename);
}

const BlockDriver *bdrv_find_protocol(const char *filename, bool allow_protocol_prefix, GError **errp)
{
    size_t len;

    if (!path_has_protocol(filename) || !allow_protocol_prefix) {
        return bdrv_find_format("file");
    }
    len = strcspn(filename, ":");
    for (const BlockDriver *const *d = bdrv_driver_table; *d; d++) {
        const char *name = (*d)->protocol_name;

        if (name && strlen(name) == len && !strncmp(name, filename, len)) {
            return *d;
        }
    }
    error_setg(errp, "Unknown protocol '%.*s'", (int)len, filename);
    return NULL;
}

QDict *bdrv_parse_json_filename(const char *filename, GError **errp)
{
    const char *text = filename + strlen("json:");
    json_object *obj;
    QDict *d;

    assert(g_str_has_prefix(filename, "json:"));
    if (!json_parse_text(text, strlen(text), &obj, errp)) {
        error_prepend(errp, "Could not parse the JSON options: ");
        return NULL;
    }
    d = qdict_from_json(obj, errp);
    json_object_put(obj);
    return d;
}

/* ---- From a filename to options ---- */

bool bdrv_fill_options(QDict *options, const char *filename, int *flags, bool allow_parse_filename, GError **errp)
{
    const char *drvname = qdict_get_try_str(options, "driver");
    const BlockDriver *drv = NULL;
    GError *err = NULL;

    if (drvname) {
        drv = bdrv_find_format(drvname);
        if (!drv) {
            error_setg(errp, "Unknown driver '%s'", drvname);
            return false;
        }
        if (drv->protocol_name) {
            *flags |= BDRV_O_PROTOCOL;
        }
    }
    if (!(*flags & BDRV_O_PROTOCOL)) {
        return true;        /* the file child gets the name */
    }
    if (filename) {
        if (qdict_haskey(options, "filename")) {
            error_setg(errp, "Can't specify 'file' and 'filename' options at the same time");
            return false;
        }
        qdict_put_str(options, "filename", filename);
    }
    filename = qdict_get_try_str(options, "filename");
    if (!drv) {
        if (!filename) {
            error_setg(errp, "Must specify either driver or file");
            return false;
        }
        drv = bdrv_find_protocol(filename, allow_parse_filename, errp);
        if (!drv) {
            return false;
        }
        qdict_put_str(options, "driver", drv->format_name);
    }
    if (allow_parse_filename && filename && drv->bdrv_parse_filename) {
        g_autofree char *name = g_strdup(filename);

        if (!drv->bdrv_needs_filename) {
            qdict_del(options, "filename");
        }
        drv->bdrv_parse_filename(name, options, &err);
        if (err) {
            error_propagate(errp, err);
            return false;
        }
    }
    return true;
}

bool bdrv_check_unknown_options(const BlockDriver *drv, QDict *options, GError **errp)
{
    if (!qdict_size(options)) {
        return true;
    }
    if (drv->protocol_name) {
        error_setg(errp, "Block protocol '%s' doesn't support the option '%s'", drv->format_name,
                   qdict_key_at(options, 0));
    } else {
        error_setg(errp, "Block format '%s' does not support the option '%s'", drv->format_name,
                   qdict_key_at(options, 0));
    }
    return false;
}

/* ---- What a node is called ---- */

static char *json_filename(BlockDriverState *bs)
{
    g_autoptr(QDict) d = qdict_clone_shallow(bs->explicit_options);
    json_object *obj;
    char *name;

    qdict_del(d, "node-name");
    if (bs->drv) {
        qdict_put_str(d, "driver", bs->drv->format_name);
    }
    obj = qdict_to_json(d);
    name = g_strdup_printf("json:%s", json_object_to_json_string_ext(obj, JSON_C_TO_STRING_SPACED |
                                                                     JSON_C_TO_STRING_NOSLASHESCAPE));
    json_object_put(obj);
    return name;
}

/* Does @bs have options of its own that decide about its content? Then a plain file name is not enough. */
static bool has_strong_options(BlockDriverState *bs)
{
    for (const char *const *o = bs->drv->strong_runtime_opts; o && *o; o++) {
        if (bs->explicit_options && qdict_haskey(bs->explicit_options, *o)) {
            return true;
        }
    }
    return false;
}

void bdrv_refresh_filename(BlockDriverState *bs)
{
    BlockDriverState *primary = bdrv_primary_bs(bs);

    GLOBAL_STATE_CODE();
    if (!bs->drv) {
        return;
    }
    if (bs->drv->bdrv_refresh_filename) {
        bs->drv->bdrv_refresh_filename(bs);
    } else if (primary) {
        bdrv_refresh_filename(primary);
        g_free(bs->exact_filename);
        bs->exact_filename = g_strdup(has_strong_options(bs) ? "" : primary->exact_filename);
    }
    g_free(bs->filename);
    bs->filename = *bs->exact_filename ? g_strdup(bs->exact_filename) : json_filename(bs);
}

char *bdrv_get_full_backing_filename(BlockDriverState *bs, GError **errp)
{
    BlockDriverState *primary;

    if (!*bs->backing_file) {
        return NULL;
    }
    if (path_is_absolute(bs->backing_file) || path_has_protocol(bs->backing_file)) {
        return g_strdup(bs->backing_file);
    }
    for (primary = bs; bdrv_primary_bs(primary); primary = bdrv_primary_bs(primary)) {
        continue;
    }
    if (!*primary->exact_filename) {
        error_setg(errp, "Cannot generate a base directory with the '%s' driver for the backing file '%s'",
                   primary->drv->format_name, bs->backing_file);
        return NULL;
    }
    return path_combine(primary->exact_filename, bs->backing_file);
}

void bdrv_get_backing_filename(BlockDriverState *bs, char *filename, int filename_size)
{
    g_strlcpy(filename, bs->backing_file, filename_size);
}
