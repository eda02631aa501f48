/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option dictionaries: what every way of naming a block node is turned into before anything is opened.
 *
 * Keys are flat ("file.filename", "inject-error.0.event"); values are text, or null ("backing": null). Order of
 * insertion is kept, so that error messages and listings do not depend on a hash. Pure; no locks; any thread.
 */
#ifndef BLOCK_QDICT_H
#define BLOCK_QDICT_H

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct QDict QDict;

QDict *qdict_new(void);
/** qdict_unref: free @d (NULL: nothing). Dictionaries have one owner; the name is the familiar one. */
void qdict_unref(QDict *d);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QDict, qdict_unref)
QDict *qdict_clone_shallow(const QDict *src);

void qdict_put_str(QDict *d, const char *key, const char *value);
void qdict_put_int(QDict *d, const char *key, int64_t value);
void qdict_put_bool(QDict *d, const char *key, bool value);
void qdict_put_null(QDict *d, const char *key);
bool qdict_haskey(const QDict *d, const char *key);
/** qdict_is_null: is @key present with the value null? */
bool qdict_is_null(const QDict *d, const char *key);
void qdict_del(QDict *d, const char *key);
size_t qdict_size(const QDict *d);
/** qdict_key_at: the @i-th key in order of insertion; borrowed until the dictionary changes. */
const char *qdict_key_at(const QDict *d, size_t i);
/** qdict_get_try_str: the text of @key, or NULL if absent or null. Borrowed until the dictionary changes. */
const char *qdict_get_try_str(const QDict *d, const char *key);
bool qdict_equal(const QDict *a, const QDict *b);

/** qdict_extract_subqdict: move every key that starts with @prefix (e.g. "file.") to a new dictionary, without it. */
QDict *qdict_extract_subqdict(QDict *src, const char *prefix) G_GNUC_WARN_UNUSED_RESULT;
/** qdict_join: move entries of @src to @dest; @overwrite decides about keys that both have (else they stay in @src). */
void qdict_join(QDict *dest, QDict *src, bool overwrite);
/** qdict_copy_default: take @key from @src unless @dest has it. */
void qdict_copy_default(QDict *dest, const QDict *src, const char *key);
void qdict_set_default_str(QDict *d, const char *key, const char *value);

/**
 * qdict_from_json: flatten a JSON object. Arrays become "key.0", "key.1"; booleans "on"/"off"; numbers their text.
 * Fails for anything that is not an object, for nesting over 32 levels, over 4,096 values and for empty keys.
 */
QDict *qdict_from_json(json_object *obj, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qdict_from_json_text: the same from text as the monitor reads it. */
QDict *qdict_from_json_text(const char *text, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qdict_from_keyval: "a=b,c.d=e"; ",," is a comma; a bare first word is the value of @implied (NULL: error). */
QDict *qdict_from_keyval(const char *text, const char *implied, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qdict_to_json: nested again ("a.b" -> {"a": {"b": ...}}); all values are strings. Caller puts the reference. */
json_object *qdict_to_json(const QDict *d);

/* ---- Typed options ---- */

typedef enum BlockOptType {
    BLOCK_OPT_STRING,
    BLOCK_OPT_BOOL,         /* on/off, yes/no, true/false, y/n */
    BLOCK_OPT_NUMBER,       /* decimal or 0x; 64 bits unsigned */
    BLOCK_OPT_SIZE,         /* number with optional suffix b, k, M, G, T, P, E (powers of 1024) */
} BlockOptType;

typedef struct BlockOptDesc {
    const char *name;
    BlockOptType type;
    const char *help;
} BlockOptDesc;             /* a table ends with { NULL } */

/**
 * block_opts_take: move the options that @desc knows from @options to a new dictionary, checking their types.
 * On error nothing is moved. Messages: "Parameter 'x' expects 'on' or 'off'", "Parameter 'x' expects a number",
 * "Parameter 'x' expects a non-negative number below 2^64".
 */
QDict *block_opts_take(const BlockOptDesc *desc, QDict *options, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* Getters for values that block_opts_take has checked. */
bool qdict_get_bool(const QDict *d, const char *key, bool def);
uint64_t qdict_get_number(const QDict *d, const char *key, uint64_t def);
uint64_t qdict_get_size(const QDict *d, const char *key, uint64_t def);

bool block_parse_bool(const char *name, const char *text, bool *ret, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
bool block_parse_number(const char *name, const char *text, uint64_t *ret, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
bool block_parse_size(const char *name, const char *text, uint64_t *ret, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

#endif
