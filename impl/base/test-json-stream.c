/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: every value and every error of a stream arrives once and in order, however the bytes are cut.
 * Method: one text fed whole and byte by byte; the outcome is written down as one line per callback.
 */
#include "base/json_stream.h"

#include <json-c/json.h>
#include <string.h>

static void note(void *opaque, json_object *value, GError *err)
{
    GString *log = opaque;

    if (err) {
        g_string_append_printf(log, "!%s\n", err->message);
        g_error_free(err);
    } else {
        g_autofree char *text = json_to_text(value, false);

        g_string_append_printf(log, "%s\n", text);
        json_object_put(value);
    }
}

static void check_chunks(const char *input, size_t len, size_t chunk, const char *expected)
{
    GString *log = g_string_new(NULL);
    JsonStream s;

    json_stream_init(&s, note, log);
    for (size_t i = 0; i < len; i += chunk) {
        json_stream_feed(&s, input + i, MIN(chunk, len - i));
    }
    json_stream_clear(&s);
    g_assert_cmpstr(log->str, ==, expected);
    g_string_free(log, TRUE);
}

static void check(const char *input, const char *expected)
{
    check_chunks(input, strlen(input), strlen(input), expected);
    check_chunks(input, strlen(input), 1, expected);
    check_chunks(input, strlen(input), 3, expected);
}

static void test_values(void)
{
    check("{\"a\": [1, 2.5, null, true]}\n", "{\"a\": [1, 2.5, null, true]}\n");
    check("{}{} []", "{}\n{}\n[]\n");
    check("\"x\"7 true\n", "\"x\"\n7\ntrue\n");
    check("  \r\n\t", "");
    check("{\"a\": \"}\\\"{\"}", "{\"a\": \"}\\\"{\"}\n");
}

static void test_single_quotes(void)
{
    check("{'a': 'it\\'s \"so\"'}", "{\"a\": \"it's \\\"so\\\"\"}\n");
}

static void test_numbers_keep_64_bits(void)
{
    check("[9223372036854775807, 18446744073709551615, -9223372036854775808]\n",
          "[9223372036854775807, 18446744073709551615, -9223372036854775808]\n");
}

static void test_errors_cost_one_value(void)
{
    check("{]\n{}", "!JSON parse error, key is not a string in object\n{}\n");
    check("}{}", "!JSON parse error, expecting value\n{}\n");
    check("{\"a\" 1}{}", "!JSON parse error, missing : in object pair\n{}\n");
    check("{\"a\": 1 \"b\"}{}", "!JSON parse error, expected separator in dict\n{}\n");
    check("[1 2]{}", "!JSON parse error, expected separator in list\n{}\n");
    check("{1: 2}{}", "!JSON parse error, key is not a string in object\n{}\n");
    check("[\"\\q\"]{}", "!JSON parse error, invalid escape sequence in string\n{}\n");
}

static void test_stray_bytes(void)
{
    check("{\"a\":\001{}", "!JSON parse error, stray '\\x01'\n{}\n");
    check("\xff{}", "!JSON parse error, stray '\\xff'\n{}\n");
    check("{\"a\nb\": 1", "!JSON parse error, stray '\\x0a'\n"
                          "!JSON parse error, invalid keyword 'b'\n");
}

static void test_depth_limit(void)
{
    GString *deep = g_string_new(NULL);

    for (int i = 0; i < 3000; i++) {
        g_string_append_c(deep, '[');
    }
    for (int i = 0; i < 3000; i++) {
        g_string_append_c(deep, ']');
    }
    g_string_append(deep, "\n{}");
    check(deep->str, "!JSON nesting depth limit exceeded\n{}\n");
    g_string_free(deep, TRUE);

    deep = g_string_new(NULL);
    for (int i = 0; i < JSON_STREAM_MAX_DEPTH; i++) {
        g_string_append_c(deep, '[');
    }
    for (int i = 0; i < JSON_STREAM_MAX_DEPTH; i++) {
        g_string_append_c(deep, ']');
    }
    g_string_append_c(deep, '\n');
    check_chunks(deep->str, deep->len, deep->len, deep->str);
    g_string_free(deep, TRUE);
}

static void test_token_limit(void)
{
    GString *many = g_string_new("[");

    for (unsigned i = 0; i < JSON_STREAM_MAX_TOKENS / 2 + 1; i++) {
        g_string_append(many, "1,");
    }
    g_string_append(many, "1]\n{}");
    check_chunks(many->str, many->len, 4096, "!JSON token count limit exceeded\n{}\n");
    g_string_free(many, TRUE);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json-stream/values", test_values);
    g_test_add_func("/json-stream/single-quotes", test_single_quotes);
    g_test_add_func("/json-stream/numbers-keep-64-bits", test_numbers_keep_64_bits);
    g_test_add_func("/json-stream/errors-cost-one-value", test_errors_cost_one_value);
    g_test_add_func("/json-stream/stray-bytes", test_stray_bytes);
    g_test_add_func("/json-stream/depth-limit", test_depth_limit);
    g_test_add_func("/json-stream/token-limit", test_token_limit);
    return g_test_run();
}
