/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON values out of a byte stream: one callback for each value or error, in order.
 *
 * A scanner finds where a value ends, so that the parser sees whole values and an error costs only the value it is
 * in. It also turns strings in single quotes, which clients type by hand, into proper ones.
 * Pure apart from the callback; no locks; any thread.
 *
 * I1  Memory is bounded by the limits below, whatever is fed.
 * I2  After an error the next value is found: at once, or after the next newline if a limit was exceeded.
 */
#ifndef BASE_JSON_STREAM_H
#define BASE_JSON_STREAM_H

#include "base/error.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct json_object;

#define JSON_STREAM_MAX_BYTES (64u << 20)
#define JSON_STREAM_MAX_TOKENS (2u << 20)
#define JSON_STREAM_MAX_DEPTH 1024

/**
 * JsonStreamFunc: a value (@value, transferred; NULL for JSON's null) or an error (@err, transferred).
 * It must not feed or clear the stream.
 */
typedef void JsonStreamFunc(void *opaque, struct json_object *value, GError *err);

typedef struct JsonStream {
    JsonStreamFunc *fn;
    void *opaque;
    GString *text;              /* the value so far */
    unsigned depth;
    unsigned tokens;
    char quote;                 /* of the string we are in, or 0 */
    bool in_word;               /* number or keyword */
    bool escaped;               /* inside a string, after a backslash */
    bool skipping;              /* to the next newline */
} JsonStream;

void json_stream_init(JsonStream *s, JsonStreamFunc *fn, void *opaque);
void json_stream_feed(JsonStream *s, const char *buf, size_t len);
/** json_stream_reset: forget a value that is not complete. */
void json_stream_reset(JsonStream *s);
void json_stream_clear(JsonStream *s);

/**
 * json_parse_text: one value and nothing after it, by the same rules. Fails with "JSON parse error, ..." and the like.
 * *@ret is the caller's, and NULL for null.
 */
bool json_parse_text(const char *text, size_t len, struct json_object **ret, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;
/** json_to_text: one line with a space after "," and ":". Caller g_free()s. */
char *json_to_text(struct json_object *value, bool pretty);

#endif
