/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Conversion of JSON values, with the texts that clients of the protocol know. See the header. */
#include "monitor/qapi_json.h"
#include "base/assert.h"

#include <string.h>

/* "a.b[2].c"; what has no name at all is "<anonymous>", as QMP clients expect. Caller frees. */
static char *qapi_at_text(const QapiAt *at)
{
    GString *s = g_string_new(NULL);

    for (; at; at = at->up) {
        if (at->name) {
            g_string_prepend(s, at->name);
            if (at->up) {
                g_string_prepend_c(s, '.');
            }
        } else {
            char *index = g_strdup_printf("[%d]", at->index);

            g_string_prepend(s, index);
            g_free(index);
        }
    }
    if (!s->len) {
        g_string_append(s, "<anonymous>");
    }
    return g_string_free(s, FALSE);
}

static void qapi_error_at(GError **errp, const QapiAt *at, const char *before, const char *after)
{
    g_autofree char *where = qapi_at_text(at);

    error_setg(errp, "%s'%s'%s", before, where, after);
}

void qapi_error_type(GError **errp, const QapiAt *at, const char *expected)
{
    g_autofree char *after = g_strdup_printf(", expected: %s", expected);

    qapi_error_at(errp, at, "Invalid parameter type for ", after);
}

static void qapi_error_expects(GError **errp, const QapiAt *at, const char *expected)
{
    g_autofree char *after = g_strdup_printf(" expects %s", expected);

    qapi_error_at(errp, at, "Parameter ", after);
}

QType qapi_qtype(json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return QTYPE_QNULL;
    case json_type_boolean:
        return QTYPE_QBOOL;
    case json_type_double:
    case json_type_int:
        return QTYPE_QNUM;
    case json_type_object:
        return QTYPE_QDICT;
    case json_type_array:
        return QTYPE_QLIST;
    case json_type_string:
        return QTYPE_QSTRING;
    }
    return QTYPE_NONE;
}

bool qapi_in_begin(QapiIn *in, const QapiAt *at, json_object *value, GError **errp)
{
    *in = (QapiIn){ .at = at, .obj = value };
    if (qapi_qtype(value) != QTYPE_QDICT) {
        qapi_error_type(errp, at, "object");
        return false;
    }
    in->taken = g_ptr_array_new();
    return true;
}

bool qapi_in_optional(QapiIn *in, const char *name, QapiMember *ret)
{
    json_object *value;

    if (!json_object_object_get_ex(in->obj, name, &value)) {
        return false;
    }
    g_ptr_array_add(in->taken, (gpointer)name);
    *ret = (QapiMember){ .at = { .up = in->at, .name = name }, .value = value };
    return true;
}

bool qapi_in_required(QapiIn *in, const char *name, QapiMember *ret, GError **errp)
{
    QapiAt at = { .up = in->at, .name = name };

    if (qapi_in_optional(in, name, ret)) {
        return true;
    }
    qapi_error_at(errp, &at, "Parameter ", " is missing");
    return false;
}

static bool qapi_in_was_taken(const QapiIn *in, const char *name)
{
    for (guint i = 0; i < in->taken->len; i++) {
        if (strcmp(g_ptr_array_index(in->taken, i), name) == 0) {
            return true;
        }
    }
    return false;
}

bool qapi_in_end(QapiIn *in, GError **errp)
{
    if ((guint)json_object_object_length(in->obj) == in->taken->len) {
        return true;
    }
    json_object_object_foreach(in->obj, key, value) {
        QapiAt at = { .up = in->at, .name = key };

        (void)value;
        if (!qapi_in_was_taken(in, key)) {
            qapi_error_at(errp, &at, "Parameter ", " is unexpected");
            return false;
        }
    }
    return true;
}

void qapi_in_clear(QapiIn *in)
{
    if (in->taken) {
        g_ptr_array_free(in->taken, TRUE);
        in->taken = NULL;
    }
}

bool qapi_in_array(const QapiAt *at, json_object *value, GError **errp)
{
    if (qapi_qtype(value) != QTYPE_QLIST) {
        qapi_error_type(errp, at, "array");
        return false;
    }
    return true;
}

bool qapi_in_enum(const QapiAt *at, json_object *value, const char *const *names, size_t n, int *ret, GError **errp)
{
    const char *text;
    g_autofree char *after = NULL;

    if (qapi_qtype(value) != QTYPE_QSTRING) {
        qapi_error_type(errp, at, "string");
        return false;
    }
    text = json_object_get_string(value);
    for (size_t i = 0; i < n; i++) {
        if (names[i] && strcmp(names[i], text) == 0) {
            *ret = (int)i;
            return true;
        }
    }
    after = g_strdup_printf(" does not accept value '%s'", text);
    qapi_error_at(errp, at, "Parameter ", after);
    return false;
}

const char *qapi_enum_str(const char *const *names, size_t n, int value)
{
    assert(value >= 0 && (size_t)value < n && names[value]);
    return names[value];
}

/* ---- Scalars ---- */

bool visit_in_str(const QapiAt *at, json_object *value, char **ret, GError **errp)
{
    if (qapi_qtype(value) != QTYPE_QSTRING) {
        qapi_error_type(errp, at, "string");
        return false;
    }
    *ret = g_strdup(json_object_get_string(value));
    return true;
}

bool visit_in_number(const QapiAt *at, json_object *value, double *ret, GError **errp)
{
    if (qapi_qtype(value) != QTYPE_QNUM) {
        qapi_error_type(errp, at, "number");
        return false;
    }
    *ret = json_object_get_double(value);
    return true;
}

/* json-c saturates; both views of one number agree exactly when it fits the signed one. */
static bool json_fits_int64(json_object *value)
{
    int64_t i = json_object_get_int64(value);

    return i < 0 || json_object_get_uint64(value) == (uint64_t)i;
}

static bool visit_in_range(const QapiAt *at, json_object *value, int64_t min, int64_t max, const char *type,
                           int64_t *ret, GError **errp)
{
    int64_t i;

    if (json_object_get_type(value) != json_type_int) {
        qapi_error_type(errp, at, "integer");
        return false;
    }
    i = json_object_get_int64(value);
    if (!json_fits_int64(value) || i < min || i > max) {
        qapi_error_expects(errp, at, type);
        return false;
    }
    *ret = i;
    return true;
}

#define VISIT_IN_INT(name, ctype, min, max)                                                         \
    bool visit_in_##name(const QapiAt *at, json_object *value, ctype *ret, GError **errp)           \
    {                                                                                               \
        int64_t i;                                                                                  \
                                                                                                    \
        if (!visit_in_range(at, value, (min), (max), #ctype, &i, errp)) {                           \
            return false;                                                                           \
        }                                                                                           \
        *ret = (ctype)i;                                                                            \
        return true;                                                                                \
    }
VISIT_IN_INT(int, int64_t, INT64_MIN, INT64_MAX)
VISIT_IN_INT(int8, int8_t, INT8_MIN, INT8_MAX)
VISIT_IN_INT(int16, int16_t, INT16_MIN, INT16_MAX)
VISIT_IN_INT(int32, int32_t, INT32_MIN, INT32_MAX)
VISIT_IN_INT(int64, int64_t, INT64_MIN, INT64_MAX)
VISIT_IN_INT(uint8, uint8_t, 0, UINT8_MAX)
VISIT_IN_INT(uint16, uint16_t, 0, UINT16_MAX)
VISIT_IN_INT(uint32, uint32_t, 0, UINT32_MAX)
#undef VISIT_IN_INT

bool visit_in_uint64(const QapiAt *at, json_object *value, uint64_t *ret, GError **errp)
{
    if (json_object_get_type(value) != json_type_int) {
        qapi_error_type(errp, at, "integer");
        return false;
    }
    if (json_object_get_int64(value) < 0) {
        qapi_error_expects(errp, at, "uint64_t");
        return false;
    }
    *ret = json_object_get_uint64(value);
    return true;
}

bool visit_in_size(const QapiAt *at, json_object *value, uint64_t *ret, GError **errp)
{
    return visit_in_uint64(at, value, ret, errp);
}

bool visit_in_bool(const QapiAt *at, json_object *value, bool *ret, GError **errp)
{
    if (qapi_qtype(value) != QTYPE_QBOOL) {
        qapi_error_type(errp, at, "boolean");
        return false;
    }
    *ret = json_object_get_boolean(value);
    return true;
}

bool visit_in_any(const QapiAt *at, json_object *value, json_object **ret, GError **errp)
{
    *ret = json_object_get(value);
    return true;
}

bool visit_in_null(const QapiAt *at, json_object *value, QNull *ret, GError **errp)
{
    if (qapi_qtype(value) != QTYPE_QNULL) {
        qapi_error_type(errp, at, "null");
        return false;
    }
    *ret = (QNull){ 0 };
    return true;
}
