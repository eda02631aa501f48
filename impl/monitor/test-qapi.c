/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: generated visitors take exactly what the schema says, name what is wrong the way clients know it, and give
 * back what they took.
 * Method: JSON text in, converted, out again, compared; for errors the text of the message.
 */
#include "base/json_stream.h"
#include "monitor/qapi_visit.h"

#include <string.h>

static json_object *parse(const char *text)
{
    json_object *value = NULL;
    GError *err = NULL;

    if (!json_parse_text(text, strlen(text), &value, &err)) {
        g_error("%s: %s", text, err->message);
    }
    return value;
}

static void node_ok(const char *text)
{
    json_object *in = parse(text), *out;
    BlockdevOptions *o = NULL;
    GError *err = NULL;

    g_assert_true(visit_in_BlockdevOptions(NULL, in, &o, &err));
    g_assert_no_error(err);
    out = visit_out_BlockdevOptions(o);
    g_assert_true(json_object_equal(in, out));
    json_object_put(out);
    json_object_put(in);
    qapi_free_BlockdevOptions(o);
}

static void node_fails(const char *text, const char *message)
{
    json_object *in = parse(text);
    BlockdevOptions *o = NULL;
    GError *err = NULL;

    g_assert_false(visit_in_BlockdevOptions(NULL, in, &o, &err));
    g_assert_null(o);
    g_assert_cmpstr(err->message, ==, message);
    g_error_free(err);
    json_object_put(in);
}

static void test_nodes_survive_the_way_there_and_back(void)
{
    node_ok("{\"driver\": \"null-co\", \"node-name\": \"n\", \"size\": 4096, \"read-zeroes\": true}");
    node_ok("{\"driver\": \"raw\", \"file\": \"n0\"}");
    node_ok("{\"driver\": \"qcow2\", \"backing\": null, \"file\": {\"driver\": \"file\", \"filename\": \"/x\"}}");
    node_ok("{\"driver\": \"qcow2\", \"backing\": \"b\", \"file\": {\"driver\": \"raw\", \"file\": {\"driver\": "
            "\"null-co\", \"latency-ns\": 18446744073709551615}}, \"cache\": {\"direct\": true}}");
    node_ok("{\"driver\": \"blkdebug\", \"image\": \"n\", \"inject-error\": [{\"event\": \"none\", \"errno\": 5}, "
            "{\"event\": \"l2_load\", \"once\": false}], \"take-child-perms\": [\"write\"]}");
}

static void test_what_is_wrong_is_named(void)
{
    node_fails("7", "Invalid parameter type for '<anonymous>', expected: object");
    node_fails("{}", "Parameter 'driver' is missing");
    node_fails("{\"driver\": \"vhdx\"}", "Parameter 'driver' does not accept value 'vhdx'");
    node_fails("{\"driver\": 1}", "Invalid parameter type for 'driver', expected: string");
    node_fails("{\"driver\": \"file\"}", "Parameter 'filename' is missing");
    node_fails("{\"driver\": \"null-co\", \"filename\": \"x\"}", "Parameter 'filename' is unexpected");
    node_fails("{\"driver\": \"null-co\", \"size\": \"1G\"}", "Invalid parameter type for 'size', expected: integer");
    node_fails("{\"driver\": \"null-co\", \"size\": 1.0}", "Invalid parameter type for 'size', expected: integer");
    node_fails("{\"driver\": \"null-co\", \"size\": 9223372036854775808}", "Parameter 'size' expects int64_t");
    node_fails("{\"driver\": \"null-co\", \"latency-ns\": -1}", "Parameter 'latency-ns' expects uint64_t");
    node_fails("{\"driver\": \"null-co\", \"read-only\": \"on\"}",
               "Invalid parameter type for 'read-only', expected: boolean");
    node_fails("{\"driver\": \"raw\", \"file\": 5}", "Invalid parameter type for 'file', expected: BlockdevRef");
    node_fails("{\"driver\": \"raw\", \"file\": null}", "Invalid parameter type for 'file', expected: BlockdevRef");
    node_fails("{\"driver\": \"raw\", \"file\": {\"driver\": \"file\", \"filename\": \"/x\", \"aio\": \"fast\"}}",
               "Parameter 'file.aio' does not accept value 'fast'");
    node_fails("{\"driver\": \"blkdebug\", \"image\": \"n\", \"inject-error\": [{\"event\": \"e\"}, {}]}",
               "Parameter 'inject-error[1].event' is missing");
    node_fails("{\"driver\": \"blkdebug\", \"image\": \"n\", \"max-transfer\": 2147483648}",
               "Parameter 'max-transfer' expects int32_t");
    node_fails("{\"driver\": \"blkdebug\", \"image\": \"n\", \"inject-error\": {}}",
               "Invalid parameter type for 'inject-error', expected: array");
}

static void test_every_schema_entry_is_json(void)
{
    extern const char *const qmp_schema_entries[];
    extern const unsigned qmp_schema_entries_count;

    g_assert_cmpuint(qmp_schema_entries_count, >, 100);
    for (unsigned i = 0; i < qmp_schema_entries_count; i++) {
        json_object *entry = parse(qmp_schema_entries[i]);

        g_assert_true(json_object_object_get_ex(entry, "meta-type", NULL));
        json_object_put(entry);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qapi/nodes-survive-the-way-there-and-back", test_nodes_survive_the_way_there_and_back);
    g_test_add_func("/qapi/what-is-wrong-is-named", test_what_is_wrong_is_named);
    g_test_add_func("/qapi/every-schema-entry-is-json", test_every_schema_entry_is_json);
    return g_test_run();
}
