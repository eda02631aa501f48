/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What generated code needs to turn JSON into C values and back. Pure: no machine, no locks, any thread.
 *
 * A client's value is walked with its place (QapiAt chain), so that a message names the offending member the way
 * the client spelt it: "a.b[2].c".
 *
 * I1  A converted object has no member that nobody asked for: qapi_in_end() finds what was not taken.
 * I2  On failure outputs are untouched and everything built so far is freed.
 */
#ifndef MONITOR_QAPI_JSON_H
#define MONITOR_QAPI_JSON_H

#include "base/error.h"

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum QType {
    QTYPE_NONE,
    QTYPE_QNULL,
    QTYPE_QNUM,
    QTYPE_QSTRING,
    QTYPE_QDICT,
    QTYPE_QLIST,
    QTYPE_QBOOL,
    QTYPE__MAX,
} QType;

/* The type with the one value null. */
typedef struct QNull {
    char no_members;
} QNull;

/* Where a value stands in the client's input; lives on the walker's stack. */
typedef struct QapiAt {
    const struct QapiAt *up;        /* NULL: the root */
    const char *name;               /* member of an object, or NULL */
    int index;                      /* element of an array if name is NULL */
} QapiAt;

/* An object being taken apart. */
typedef struct QapiIn {
    const QapiAt *at;               /* NULL for the root */
    json_object *obj;
    GPtrArray *taken;               /* of const char *: members asked for and found */
} QapiIn;

typedef struct QapiMember {
    QapiAt at;
    json_object *value;             /* borrowed; NULL is JSON's null */
} QapiMember;

/** qapi_in_begin: @value must be an object. Pair with qapi_in_clear(), also after a failure. */
bool qapi_in_begin(QapiIn *in, const QapiAt *at, json_object *value, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qapi_in_required: take member @name. Fails with "Parameter 'x' is missing". */
bool qapi_in_required(QapiIn *in, const char *name, QapiMember *ret, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qapi_in_optional: take member @name if it is there. */
bool qapi_in_optional(QapiIn *in, const char *name, QapiMember *ret) G_GNUC_WARN_UNUSED_RESULT;
/** qapi_in_end: nothing may be left (I1). Fails with "Parameter 'x' is unexpected". */
bool qapi_in_end(QapiIn *in, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
void qapi_in_clear(QapiIn *in);
bool qapi_in_array(const QapiAt *at, json_object *value, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qapi_in_enum: @names: one per value, entries may be NULL. */
bool qapi_in_enum(const QapiAt *at, json_object *value, const char *const *names, size_t n, int *ret, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;

QType qapi_qtype(json_object *value);
/** qapi_error_type: "Invalid parameter type for 'a.b', expected: @expected". */
void qapi_error_type(GError **errp, const QapiAt *at, const char *expected);
/** qapi_enum_str: the spelling of @value; asserts that it is one. */
const char *qapi_enum_str(const char *const *names, size_t n, int value);

#define QAPI_IN_SCALAR(name, ctype) \
    bool visit_in_##name(const QapiAt *at, json_object *value, ctype *ret, GError **errp) G_GNUC_WARN_UNUSED_RESULT
QAPI_IN_SCALAR(str, char *);                    /* caller g_free()s */
QAPI_IN_SCALAR(number, double);
QAPI_IN_SCALAR(int, int64_t);
QAPI_IN_SCALAR(int8, int8_t);
QAPI_IN_SCALAR(int16, int16_t);
QAPI_IN_SCALAR(int32, int32_t);
QAPI_IN_SCALAR(int64, int64_t);
QAPI_IN_SCALAR(uint8, uint8_t);
QAPI_IN_SCALAR(uint16, uint16_t);
QAPI_IN_SCALAR(uint32, uint32_t);
QAPI_IN_SCALAR(uint64, uint64_t);
QAPI_IN_SCALAR(size, uint64_t);
QAPI_IN_SCALAR(bool, bool);
QAPI_IN_SCALAR(any, json_object *);             /* a reference; caller json_object_put()s */
QAPI_IN_SCALAR(null, QNull);
#undef QAPI_IN_SCALAR

static inline json_object *visit_out_str(const char *value)
{
    return json_object_new_string(value ? value : "");
}

static inline json_object *visit_out_number(double value)
{
    return json_object_new_double(value);
}

static inline json_object *visit_out_bool(bool value)
{
    return json_object_new_boolean(value);
}

static inline json_object *visit_out_any(json_object *value)
{
    return json_object_get(value);
}

static inline json_object *visit_out_null(QNull value)
{
    return NULL;
}

#define QAPI_OUT_INT(name, ctype, make)                         \
    static inline json_object *visit_out_##name(ctype value)    \
    {                                                           \
        return make(value);                                     \
    }
QAPI_OUT_INT(int, int64_t, json_object_new_int64)
QAPI_OUT_INT(int8, int8_t, json_object_new_int64)
QAPI_OUT_INT(int16, int16_t, json_object_new_int64)
QAPI_OUT_INT(int32, int32_t, json_object_new_int64)
QAPI_OUT_INT(int64, int64_t, json_object_new_int64)
QAPI_OUT_INT(uint8, uint8_t, json_object_new_int64)
QAPI_OUT_INT(uint16, uint16_t, json_object_new_int64)
QAPI_OUT_INT(uint32, uint32_t, json_object_new_int64)
QAPI_OUT_INT(uint64, uint64_t, json_object_new_uint64)
QAPI_OUT_INT(size, uint64_t, json_object_new_uint64)
#undef QAPI_OUT_INT

/** QAPI_LIST_APPEND: @tail: XList **, moves to the new end. */
#define QAPI_LIST_APPEND(tail, element)                         \
    do {                                                        \
        *(tail) = g_malloc0(sizeof(**(tail)));                  \
        (*(tail))->value = (element);                           \
        (tail) = &(*(tail))->next;                              \
    } while (0)

#endif
