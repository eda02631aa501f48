/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Typed options: checks text against a driver's table and reads it back. Pure. */
#include "block/qdict.h"
#include "base/assert.h"
#include "base/bytes.h"
#include "base/error.h"

bool block_parse_bool(const char *name, const char *text, bool *ret, GError **errp)
{
    static const char *const yes[] = { "on", "yes", "true", "y", NULL };
    static const char *const no[] = { "off", "no", "false", "n", NULL };

    if (text && g_strv_contains(yes, text)) {
        *ret = true;
        return true;
    }
    if (text && g_strv_contains(no, text)) {
        *ret = false;
        return true;
    }
    error_setg(errp, "Parameter '%s' expects 'on' or 'off'", name);
    return false;
}

bool block_parse_number(const char *name, const char *text, uint64_t *ret, GError **errp)
{
    bool hex = text && (g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0X"));
    const char *digits = hex ? text + 2 : text;
    char *end = NULL;
    guint64 v = 0;

    errno = 0;
    if (digits && g_ascii_isxdigit(*digits)) {
        v = g_ascii_strtoull(digits, &end, hex ? 16 : 10);
    }
    if (!end || end == digits || *end || errno) {
        error_setg(errp, "Parameter '%s' expects a number", name);
        return false;
    }
    *ret = v;
    return true;
}

bool block_parse_size(const char *name, const char *text, uint64_t *ret, GError **errp)
{
    static const char suffixes[] = "bkMGTPE";
    g_autofree char *digits = g_strdup(text ? text : "");
    size_t len = strlen(digits);
    uint64_t unit = 1;
    uint64_t v;

    if (len && !g_ascii_isdigit(digits[len - 1]) && !g_str_has_prefix(digits, "0x")) {
        char c = g_ascii_toupper(digits[len - 1]);
        const char *s = strchr(suffixes, c == 'K' ? 'k' : c == 'B' ? 'b' : c);

        if (s && *s) {
            unit = 1ULL << (10 * (s - suffixes));
            digits[len - 1] = '\0';
        }
    }
    if (!block_parse_number(name, digits, &v, NULL) || u64_mul_overflows(v, unit, &v)) {
        error_setg(errp, "Parameter '%s' expects a non-negative number below 2^64", name);
        return false;
    }
    *ret = v;
    return true;
}

static bool check_type(const BlockOptDesc *desc, const char *text, GError **errp)
{
    uint64_t num;
    bool flag;

    if (!text) {
        error_setg(errp, "Parameter '%s' must not be null", desc->name);
        return false;
    }
    switch (desc->type) {
    case BLOCK_OPT_STRING:
        return true;
    case BLOCK_OPT_BOOL:
        return block_parse_bool(desc->name, text, &flag, errp);
    case BLOCK_OPT_NUMBER:
        return block_parse_number(desc->name, text, &num, errp);
    case BLOCK_OPT_SIZE:
        return block_parse_size(desc->name, text, &num, errp);
    }
    g_assert_not_reached();
}

QDict *block_opts_take(const BlockOptDesc *desc, QDict *options, GError **errp)
{
    g_autoptr(QDict) d = qdict_new();

    for (const BlockOptDesc *o = desc; o && o->name; o++) {
        if (qdict_haskey(options, o->name)) {
            if (!check_type(o, qdict_get_try_str(options, o->name), errp)) {
                return NULL;
            }
            qdict_put_str(d, o->name, qdict_get_try_str(options, o->name));
        }
    }
    for (size_t i = 0; i < qdict_size(d); i++) {
        qdict_del(options, qdict_key_at(d, i));
    }
    return g_steal_pointer(&d);
}

bool qdict_get_bool(const QDict *d, const char *key, bool def)
{
    const char *text = qdict_get_try_str(d, key);
    bool v;

    return text && block_parse_bool(key, text, &v, NULL) ? v : def;
}

uint64_t qdict_get_number(const QDict *d, const char *key, uint64_t def)
{
    const char *text = qdict_get_try_str(d, key);
    uint64_t v;

    return text && block_parse_number(key, text, &v, NULL) ? v : def;
}

uint64_t qdict_get_size(const QDict *d, const char *key, uint64_t def)
{
    const char *text = qdict_get_try_str(d, key);
    uint64_t v;

    return text && block_parse_size(key, text, &v, NULL) ? v : def;
}
