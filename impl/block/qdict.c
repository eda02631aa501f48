/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option dictionaries: an array of (key, value) in order of insertion. They hold tens of entries; a linear search is
 * what keeps order and code simple.
 *
 * I1  A key occurs once. Values are owned text; NULL is JSON's null.
 */
#include "block/qdict.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/json_stream.h"

#define QDICT_JSON_DEPTH_MAX 32
#define QDICT_JSON_ENTRIES_MAX 4096     /* each is looked for among all before it */

typedef struct QDictEntry {
    char *key;
    char *value;
} QDictEntry;

struct QDict {
    GPtrArray *entries;
};

static void entry_free(void *opaque)
{
    QDictEntry *e = opaque;

    g_free(e->key);
    g_free(e->value);
    g_free(e);
}

static QDictEntry *entry_at(const QDict *d, size_t i)
{
    return g_ptr_array_index(d->entries, i);
}

static QDictEntry *find(const QDict *d, const char *key, size_t *ret_index)
{
    for (size_t i = 0; i < d->entries->len; i++) {
        if (g_str_equal(entry_at(d, i)->key, key)) {
            if (ret_index) {
                *ret_index = i;
            }
            return entry_at(d, i);
        }
    }
    return NULL;
}

QDict *qdict_new(void)
{
    QDict *d = g_new0(QDict, 1);

    d->entries = g_ptr_array_new_with_free_func(entry_free);
    return d;
}

void qdict_unref(QDict *d)
{
    if (d) {
        g_ptr_array_unref(d->entries);
        g_free(d);
    }
}

/* Takes @value. */
static void put(QDict *d, const char *key, char *value)
{
    QDictEntry *e = find(d, key, NULL);

    if (e) {
        g_free(e->value);
    } else {
        e = g_new0(QDictEntry, 1);
        e->key = g_strdup(key);
        g_ptr_array_add(d->entries, e);
    }
    e->value = value;
}

QDict *qdict_clone_shallow(const QDict *src)
{
    QDict *d = qdict_new();

    for (size_t i = 0; src && i < src->entries->len; i++) {
        put(d, entry_at(src, i)->key, g_strdup(entry_at(src, i)->value));
    }
    return d;
}

void qdict_put_str(QDict *d, const char *key, const char *value)
{
    put(d, key, g_strdup(value));
}

void qdict_put_int(QDict *d, const char *key, int64_t value)
{
    put(d, key, g_strdup_printf("%" PRId64, value));
}

void qdict_put_bool(QDict *d, const char *key, bool value)
{
    put(d, key, g_strdup(value ? "on" : "off"));
}

void qdict_put_null(QDict *d, const char *key)
{
    put(d, key, NULL);
}

bool qdict_haskey(const QDict *d, const char *key)
{
    return find(d, key, NULL) != NULL;
}

bool qdict_is_null(const QDict *d, const char *key)
{
    QDictEntry *e = find(d, key, NULL);

    return e && !e->value;
}

void qdict_del(QDict *d, const char *key)
{
    size_t i;

    if (find(d, key, &i)) {
        g_ptr_array_remove_index(d->entries, i);
    }
}

size_t qdict_size(const QDict *d)
{
    return d->entries->len;
}

const char *qdict_key_at(const QDict *d, size_t i)
{
    return entry_at(d, i)->key;
}

const char *qdict_get_try_str(const QDict *d, const char *key)
{
    QDictEntry *e = find(d, key, NULL);

    return e ? e->value : NULL;
}

bool qdict_equal(const QDict *a, const QDict *b)
{
    if (qdict_size(a) != qdict_size(b)) {
        return false;
    }
    for (size_t i = 0; i < qdict_size(a); i++) {
        const QDictEntry *e = find(b, qdict_key_at(a, i), NULL);

        if (!e || g_strcmp0(e->value, entry_at(a, i)->value)) {
            return false;
        }
    }
    return true;
}

QDict *qdict_extract_subqdict(QDict *src, const char *prefix)
{
    QDict *d = qdict_new();
    size_t i = 0;

    while (i < src->entries->len) {
        QDictEntry *e = entry_at(src, i);

        if (g_str_has_prefix(e->key, prefix)) {
            put(d, e->key + strlen(prefix), g_strdup(e->value));
            g_ptr_array_remove_index(src->entries, i);
        } else {
            i++;
        }
    }
    return d;
}

void qdict_join(QDict *dest, QDict *src, bool overwrite)
{
    size_t i = 0;

    while (i < src->entries->len) {
        QDictEntry *e = entry_at(src, i);

        if (overwrite || !qdict_haskey(dest, e->key)) {
            put(dest, e->key, g_strdup(e->value));
            g_ptr_array_remove_index(src->entries, i);
        } else {
            i++;
        }
    }
}

void qdict_copy_default(QDict *dest, const QDict *src, const char *key)
{
    const QDictEntry *e = find(src, key, NULL);

    if (e && !qdict_haskey(dest, key)) {
        put(dest, key, g_strdup(e->value));
    }
}

void qdict_set_default_str(QDict *d, const char *key, const char *value)
{
    if (!qdict_haskey(d, key)) {
        qdict_put_str(d, key, value);
    }
}

/* ---- JSON ---- */

static bool flatten(QDict *d, const char *prefix, json_object *value, int depth, GError **errp)
{
    if (depth > QDICT_JSON_DEPTH_MAX) {
        error_setg(errp, "Options are nested too deeply (more than %d levels)", QDICT_JSON_DEPTH_MAX);
        return false;
    }
    if (qdict_size(d) == QDICT_JSON_ENTRIES_MAX) {
        error_setg(errp, "More than %d options", QDICT_JSON_ENTRIES_MAX);
        return false;
    }
    switch (json_object_get_type(value)) {
    case json_type_object: {
        json_object_object_foreach(value, k, v) {
            g_autofree char *key = prefix ? g_strdup_printf("%s.%s", prefix, k) : g_strdup(k);

            if (!*k) {
                error_setg(errp, "Option names must not be empty");
                return false;
            }
            if (!flatten(d, key, v, depth + 1, errp)) {
                return false;
            }
        }
        return true;
    }
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            g_autofree char *key = g_strdup_printf("%s.%zu", prefix, i);

            if (!flatten(d, key, json_object_array_get_idx(value, i), depth + 1, errp)) {
                return false;
            }
        }
        return true;
    case json_type_null:
        qdict_put_null(d, prefix);
        return true;
    case json_type_boolean:
        qdict_put_bool(d, prefix, json_object_get_boolean(value));
        return true;
    default:
        qdict_put_str(d, prefix, json_object_get_string(value));
        return true;
    }
}

QDict *qdict_from_json(json_object *obj, GError **errp)
{
    g_autoptr(QDict) d = qdict_new();

    if (!json_object_is_type(obj, json_type_object)) {
        error_setg(errp, "Invalid JSON object given");
        return NULL;
    }
    if (!flatten(d, NULL, obj, 0, errp)) {
        return NULL;
    }
    return g_steal_pointer(&d);
}

QDict *qdict_from_json_text(const char *text, GError **errp)
{
    json_object *obj;
    QDict *d;

    if (!json_parse_text(text, strlen(text), &obj, errp)) {
        return NULL;
    }
    d = qdict_from_json(obj, errp);
    json_object_put(obj);
    return d;
}

json_object *qdict_to_json(const QDict *d)
{
    json_object *root = json_object_new_object();

    for (size_t i = 0; i < qdict_size(d); i++) {
        const QDictEntry *e = entry_at(d, i);
        g_auto(GStrv) parts = g_strsplit(e->key, ".", -1);
        json_object *obj = root;
        size_t n = 0;

        for (; parts[n + 1]; n++) {
            json_object *sub;

            if (!json_object_object_get_ex(obj, parts[n], &sub) || !json_object_is_type(sub, json_type_object)) {
                sub = json_object_new_object();
                json_object_object_add(obj, parts[n], sub);
            }
            obj = sub;
        }
        json_object_object_add(obj, parts[n], e->value ? json_object_new_string(e->value) : NULL);
    }
    return root;
}

/* ---- a=b,c=d ---- */

/* Reads up to an unescaped comma; ",," is a comma. */
static char *next_item(const char **p)
{
    GString *s = g_string_new(NULL);

    for (; **p; (*p)++) {
        if (**p == ',') {
            if ((*p)[1] != ',') {
                (*p)++;
                break;
            }
            (*p)++;
        }
        g_string_append_c(s, **p);
    }
    return g_string_free(s, FALSE);
}

QDict *qdict_from_keyval(const char *text, const char *implied, GError **errp)
{
    g_autoptr(QDict) d = qdict_new();
    const char *p = text;
    bool first = true;

    while (*p) {
        g_autofree char *item = next_item(&p);
        char *eq = strchr(item, '=');

        if (eq == item || (!eq && (!first || !implied) && !*item)) {
            error_setg(errp, "Invalid parameter ''");
            return NULL;
        }
        if (eq) {
            *eq = '\0';
            qdict_put_str(d, item, eq + 1);
        } else if (first && implied) {
            qdict_put_str(d, implied, item);
        } else {
            error_setg(errp, "Expected '=' after parameter '%s'", item);
            return NULL;
        }
        first = false;
    }
    return g_steal_pointer(&d);
}
