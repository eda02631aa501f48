/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON values out of a byte stream. See the header. */
#include "base/json_stream.h"

#include <json-c/json.h>
#include <string.h>

void json_stream_init(JsonStream *s, JsonStreamFunc *fn, void *opaque)
{
    *s = (JsonStream){ .fn = fn, .opaque = opaque, .text = g_string_new(NULL) };
}

void json_stream_clear(JsonStream *s)
{
    if (s->text) {
        g_string_free(s->text, TRUE);
        s->text = NULL;
    }
}

void json_stream_reset(JsonStream *s)
{
    g_string_truncate(s->text, 0);
    s->depth = s->tokens = 0;
    s->in_word = s->escaped = false;
    s->quote = 0;
}

/* ---- One value ---- */

static const char *json_error_words(enum json_tokener_error err)
{
    switch (err) {
    case json_tokener_error_parse_object_key_name:
        return "key is not a string in object";
    case json_tokener_error_parse_object_key_sep:
        return "missing : in object pair";
    case json_tokener_error_parse_object_value_sep:
        return "expected separator in dict";
    case json_tokener_error_parse_array:
        return "expected separator in list";
    case json_tokener_error_parse_string:
        return "invalid escape sequence in string";
    case json_tokener_error_parse_utf8_string:
        return "invalid UTF-8 sequence in string";
    case json_tokener_error_parse_null:
    case json_tokener_error_parse_boolean:
        return "invalid keyword";
    case json_tokener_error_parse_number:
        return "invalid number";
    case json_tokener_error_depth:
        return "nesting too deep";
    default:
        return "expecting value";
    }
}

static bool json_word_char(unsigned char c)
{
    return g_ascii_isalnum(c) || c == '-' || c == '+' || c == '.' || c == '_';
}

/* What is wrong at offset @at of @text. */
static void json_error_at(const char *text, size_t len, size_t at, enum json_tokener_error err, GError **errp)
{
    size_t begin = MIN(at, len), end = begin;

    while (begin > 0 && json_word_char((unsigned char)text[begin - 1])) {
        begin--;
    }
    while (end < len && json_word_char((unsigned char)text[end])) {
        end++;
    }
    if (err != json_tokener_error_parse_string && begin < end && g_ascii_islower(text[begin])) {
        error_setg(errp, "JSON parse error, invalid keyword '%.*s'", (int)MIN(end - begin, 64), text + begin);
    } else {
        error_setg(errp, "JSON parse error, %s", json_error_words(err));
    }
}

static bool json_parse_value(const char *text, size_t len, json_object **ret, GError **errp)
{
    struct json_tokener *tok = json_tokener_new_ex(JSON_STREAM_MAX_DEPTH + 2);
    json_object *value;
    enum json_tokener_error err;

    json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    value = json_tokener_parse_ex(tok, text, (int)len);
    err = json_tokener_get_error(tok);
    if (err == json_tokener_continue) {
        value = json_tokener_parse_ex(tok, "", 1);      /* the end: numbers and keywords need to see it */
        err = json_tokener_get_error(tok);
        if (err == json_tokener_error_parse_eof || err == json_tokener_continue) {
            error_setg(errp, "JSON parse error, premature EOI");
        } else if (err != json_tokener_success) {
            json_error_at(text, len, len, err, errp);
        }
    } else if (err != json_tokener_success) {
        json_error_at(text, len, json_tokener_get_parse_end(tok), err, errp);
    }
    json_tokener_free(tok);
    *ret = value;
    return err == json_tokener_success;
}

static void json_stream_value(JsonStream *s)
{
    GError *err = NULL;
    json_object *value = NULL;

    (void)json_parse_value(s->text->str, s->text->len, &value, &err);
    json_stream_reset(s);
    s->fn(s->opaque, value, err);
}

/* ---- The scanner ---- */

static void json_stream_stray(JsonStream *s, unsigned char c)
{
    GError *err = NULL;

    json_stream_reset(s);
    if (g_ascii_isprint(c)) {
        error_setg(&err, "JSON parse error, stray '%c'", c);
    } else {
        error_setg(&err, "JSON parse error, stray '\\x%02x'", c);
    }
    s->fn(s->opaque, NULL, err);
}

static bool json_stream_within_limits(JsonStream *s)
{
    const char *what = NULL;
    GError *err = NULL;

    if (s->depth > JSON_STREAM_MAX_DEPTH) {
        what = "nesting depth";
    } else if (s->tokens > JSON_STREAM_MAX_TOKENS) {
        what = "token count";
    } else if (s->text->len > JSON_STREAM_MAX_BYTES) {
        what = "token size";
    }
    if (!what) {
        return true;
    }
    json_stream_reset(s);
    s->skipping = true;
    error_setg(&err, "JSON %s limit exceeded", what);
    s->fn(s->opaque, NULL, err);
    return false;
}

static void json_stream_in_string(JsonStream *s, unsigned char c)
{
    if (c < 0x20 || c > 0xf4) {
        json_stream_stray(s, c);
        return;
    }
    if (s->escaped) {
        s->escaped = false;
        if (c == '\'') {
            g_string_truncate(s->text, s->text->len - 1);       /* \' is nothing special between double quotes */
        }
        g_string_append_c(s->text, (char)c);
    } else if (c == (unsigned char)s->quote) {
        s->quote = 0;
        g_string_append_c(s->text, '"');
    } else {
        if (c == '"') {
            g_string_append_c(s->text, '\\');
        }
        s->escaped = c == '\\';
        g_string_append_c(s->text, (char)c);
    }
}

static void json_stream_outside(JsonStream *s, unsigned char c)
{
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
        if (s->depth) {
            g_string_append_c(s->text, (char)c);
        }
        return;
    }
    if (c < 0x20 || c >= 0x7f) {
        json_stream_stray(s, c);
        return;
    }
    g_string_append_c(s->text, c == '\'' ? '"' : (char)c);
    s->tokens++;
    if (c == '{' || c == '[') {
        s->depth++;
    } else if ((c == '}' || c == ']') && s->depth) {
        s->depth--;
    } else if (c == '"' || c == '\'') {
        s->quote = (char)c;
    } else if (json_word_char(c)) {
        s->in_word = true;
    }
}

static void json_stream_byte(JsonStream *s, unsigned char c)
{
    if (s->skipping) {
        s->skipping = c != '\n';
        return;
    }
    if (s->in_word && !json_word_char(c)) {
        s->in_word = false;
        if (!s->depth) {
            json_stream_value(s);       /* a bare word ends where something else begins */
        }
    }
    if (s->in_word) {
        g_string_append_c(s->text, (char)c);
    } else if (s->quote) {
        json_stream_in_string(s, c);
    } else {
        json_stream_outside(s, c);
    }
    if (json_stream_within_limits(s) && s->text->len && !s->depth && !s->quote && !s->in_word) {
        json_stream_value(s);
    }
}

void json_stream_feed(JsonStream *s, const char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        json_stream_byte(s, (unsigned char)buf[i]);
    }
}

/* ---- One text ---- */

typedef struct JsonOne {
    json_object *value;
    GError *err;
    unsigned count;
} JsonOne;

static void json_one_value(void *opaque, json_object *value, GError *err)
{
    JsonOne *one = opaque;

    if (one->count++) {
        json_object_put(value);
        g_clear_error(&err);
        return;
    }
    one->value = value;
    one->err = err;
}

bool json_parse_text(const char *text, size_t len, json_object **ret, GError **errp)
{
    JsonOne one = { 0 };
    JsonStream s;

    json_stream_init(&s, json_one_value, &one);
    json_stream_feed(&s, text, len);
    if (s.in_word) {
        json_stream_feed(&s, "\n", 1);
    }
    if (s.depth || s.quote) {
        json_stream_value(&s);
    }
    json_stream_clear(&s);
    if (!one.err && one.count != 1) {
        error_setg(&one.err, one.count ? "Expecting at most one JSON value" : "Expecting a JSON value");
    }
    if (one.err) {
        json_object_put(one.value);
        g_propagate_error(errp, one.err);
        return false;
    }
    *ret = one.value;
    return true;
}

/* ---- Output ---- */

char *json_to_text(json_object *value, bool pretty)
{
    int flags = JSON_C_TO_STRING_NOSLASHESCAPE | (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : 0);
    const char *text = json_object_to_json_string_ext(value, flags);
    GString *out;
    bool in_string = false;

    if (pretty) {
        return g_strdup(text);
    }
    out = g_string_sized_new(strlen(text) + 16);
    for (const char *p = text; *p; p++) {
        g_string_append_c(out, *p);
        if (*p == '\\' && in_string) {
            g_string_append_c(out, *++p);
        } else if (*p == '"') {
            in_string = !in_string;
        } else if (!in_string && (*p == ',' || *p == ':')) {
            g_string_append_c(out, ' ');
        }
    }
    return g_string_free(out, FALSE);
}
