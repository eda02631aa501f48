/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Options of the form "first,key=value,flag". See the header. */
#include "monitor/chardev_opts.h"

#include <json-c/json.h>
#include <string.h>

typedef struct ChrOpt {
    char *key;
    char *value;
    bool used;
} ChrOpt;

struct ChrOpts {
    GPtrArray *list;                    /* of ChrOpt *, in the order given */
};

static void chr_opt_free(gpointer p)
{
    ChrOpt *o = p;

    g_free(o->key);
    g_free(o->value);
    g_free(o);
}

void chr_opts_set(ChrOpts *opts, const char *key, const char *value)
{
    ChrOpt *o = g_new0(ChrOpt, 1);

    o->key = g_strdup(key);
    o->value = g_strdup(value);
    g_ptr_array_add(opts->list, o);
}

/* One part, unescaped, e.g. "path=a,b". */
static char *chr_opts_part(const char **text)
{
    GString *part = g_string_new(NULL);
    const char *p = *text;

    for (; *p; p++) {
        if (*p == ',') {
            if (p[1] != ',') {
                break;
            }
            p++;
        }
        g_string_append_c(part, *p);
    }
    *text = *p ? p + 1 : p;
    return g_string_free(part, FALSE);
}

static void chr_opts_add_part(ChrOpts *opts, char *part, const char *implied)
{
    char *eq = strchr(part, '=');

    if (eq) {
        *eq = '\0';
        chr_opts_set(opts, part, eq + 1);
    } else if (implied) {
        chr_opts_set(opts, implied, part);
    } else if (g_str_has_prefix(part, "no") && part[2]) {
        chr_opts_set(opts, part + 2, "off");
    } else {
        chr_opts_set(opts, part, "on");
    }
}

ChrOpts *chr_opts_parse(const char *text, const char *implied)
{
    ChrOpts *opts = g_new0(ChrOpts, 1);

    opts->list = g_ptr_array_new_with_free_func(chr_opt_free);
    while (*text) {
        g_autofree char *part = chr_opts_part(&text);

        chr_opts_add_part(opts, part, opts->list->len ? NULL : implied);
    }
    return opts;
}

void chr_opts_free(ChrOpts *opts)
{
    if (opts) {
        g_ptr_array_free(opts->list, TRUE);
        g_free(opts);
    }
}

const char *chr_opts_get(ChrOpts *opts, const char *key)
{
    const char *value = NULL;

    for (guint i = 0; i < opts->list->len; i++) {
        ChrOpt *o = g_ptr_array_index(opts->list, i);

        if (strcmp(o->key, key) == 0) {
            o->used = true;
            value = o->value;
        }
    }
    return value;
}

bool chr_opts_get_bool(ChrOpts *opts, const char *key, bool def, bool *ret, GError **errp)
{
    const char *value = chr_opts_get(opts, key);

    if (!value) {
        *ret = def;
    } else if (!strcmp(value, "on") || !strcmp(value, "yes") || !strcmp(value, "true") || !strcmp(value, "y")) {
        *ret = true;
    } else if (!strcmp(value, "off") || !strcmp(value, "no") || !strcmp(value, "false") || !strcmp(value, "n")) {
        *ret = false;
    } else {
        error_setg(errp, "Parameter '%s' expects 'on' or 'off'", key);
        return false;
    }
    return true;
}

bool chr_opts_get_number(ChrOpts *opts, const char *key, uint64_t def, uint64_t *ret, GError **errp)
{
    const char *value = chr_opts_get(opts, key);
    char *end;
    uint64_t n, factor = 1;

    if (!value) {
        *ret = def;
        return true;
    }
    errno = 0;
    n = g_ascii_strtoull(value, &end, 0);
    if (end != value && *end && !end[1]) {
        factor = *end == 'k' || *end == 'K' ? 1024 : *end == 'M' ? 1024 * 1024 : 0;
        end++;
    }
    if (end == value || *end || errno || *value == '-' || !factor || __builtin_mul_overflow(n, factor, &n)) {
        error_setg(errp, "Parameter '%s' expects a number", key);
        return false;
    }
    *ret = n;
    return true;
}

json_object *chr_opts_to_json(ChrOpts *opts)
{
    json_object *obj = json_object_new_object();

    for (guint i = 0; i < opts->list->len; i++) {
        ChrOpt *o = g_ptr_array_index(opts->list, i);

        json_object_object_add(obj, o->key, json_object_new_string(o->value));
    }
    return obj;
}

bool chr_opts_finish(ChrOpts *opts, GError **errp)
{
    for (guint i = 0; i < opts->list->len; i++) {
        ChrOpt *o = g_ptr_array_index(opts->list, i);

        if (!o->used) {
            error_setg(errp, "Invalid parameter '%s'", o->key);
            return false;
        }
    }
    return true;
}
