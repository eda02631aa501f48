/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: every command of the schema answers once, with or without arguments, on a machine that has nothing; and
 * nodes, jobs and iothreads can be made and unmade through QMP alone.
 * Method: a client in memory; replies are looked at as JSON.
 */
#include "monitor/monitor_int.h"
#include "monitor/test-null-machine.h"

/* Sends @text, turns the loop until one reply is there. Returns it; caller puts the reference. */
static json_object *ask(NullMachine *n, const char *text)
{
    json_object *found = NULL;

    g_string_truncate(n->client->out, 0);
    g_assert_cmpuint(fake_type(n->client, text), ==, strlen(text));
    for (int i = 0; i < 1000 && !found; i++) {
        g_auto(GStrv) lines = NULL;

        main_loop_wait(true);
        lines = g_strsplit(n->client->out->str, "\r\n", -1);
        for (char **line = lines; *line && **line; line++) {
            json_object *one = json_tokener_parse(*line);

            if (json_object_object_get_ex(one, "return", NULL) || json_object_object_get_ex(one, "error", NULL)) {
                g_assert_null(found);
                found = json_object_get(one);
            }
            json_object_put(one);
        }
    }
    g_assert_nonnull(found);
    return found;
}

static void expect_error(NullMachine *n, const char *text, const char *desc)
{
    json_object *reply = ask(n, text), *error = NULL, *value = NULL;

    g_assert_true(json_object_object_get_ex(reply, "error", &error));
    g_assert_true(json_object_object_get_ex(error, "desc", &value));
    g_assert_cmpstr(json_object_get_string(value), ==, desc);
    json_object_put(reply);
}

static json_object *expect_ok(NullMachine *n, const char *text)
{
    json_object *reply = ask(n, text), *value = NULL;

    if (!json_object_object_get_ex(reply, "return", &value)) {
        g_error("%s: %s", text, json_object_to_json_string(reply));
    }
    value = json_object_get(value);
    json_object_put(reply);
    return value;
}

static void do_ok(NullMachine *n, const char *text)
{
    json_object_put(expect_ok(n, text));
}

static int every_command_body(void *opaque)
{
    const char *const args[] = { "{}", "{\"no-such\": 1}", "[]" };
    NullMachine n;

    null_machine_up(&n);
    for (unsigned i = 0; i < qmp_commands_count; i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(args); k++) {
            g_autofree char *text = g_strdup_printf("{\"execute\": \"%s\", \"arguments\": %s}\n",
                                                    qmp_commands[i].name, args[k]);

            json_object_put(ask(&n, text));
        }
    }
    null_machine_down(&n);
    return 0;
}

static void test_every_command_answers(void)
{
    g_assert_cmpint(sched_main(every_command_body, NULL), ==, 0);
}

static int nodes_body(void *opaque)
{
    NullMachine n;
    json_object *list;

    null_machine_up(&n);
    do_ok(&n, "{\"execute\": \"blockdev-add\", \"arguments\": {\"driver\": \"null-co\", \"node-name\": \"n\", "
              "\"size\": 65536}}");
    do_ok(&n, "{\"execute\": \"blockdev-add\", \"arguments\": {\"driver\": \"raw\", \"node-name\": \"r\", "
              "\"file\": \"n\"}}");
    list = expect_ok(&n, "{\"execute\": \"query-named-block-nodes\"}");
    g_assert_cmpuint(json_object_array_length(list), ==, 2);
    json_object_put(list);
    expect_error(&n, "{\"execute\": \"blockdev-del\", \"arguments\": {\"node-name\": \"n\"}}",
                 "Block device n is in use");
    expect_error(&n, "{\"execute\": \"block_resize\", \"arguments\": {\"size\": 1}}",
                 "Need exactly one of 'device' and 'node-name'");
    expect_error(&n, "{\"execute\": \"block_resize\", \"arguments\": {\"node-name\": \"n\", \"size\": -1}}",
                 "Parameter 'size' expects a >0 size");
    json_object_put(ask(&n, "{\"execute\": \"block_resize\", \"arguments\": {\"node-name\": \"n\", \"size\": 512}}"));
    do_ok(&n, "{\"execute\": \"blockdev-set-active\", \"arguments\": {\"active\": false}}");
    do_ok(&n, "{\"execute\": \"blockdev-set-active\", \"arguments\": {\"active\": true}}");
    do_ok(&n, "{\"execute\": \"blockdev-del\", \"arguments\": {\"node-name\": \"r\"}}");
    do_ok(&n, "{\"execute\": \"blockdev-del\", \"arguments\": {\"node-name\": \"n\"}}");
    null_machine_down(&n);
    return 0;
}

static void test_nodes(void)
{
    g_assert_cmpint(sched_main(nodes_body, NULL), ==, 0);
}

static int iothreads_body(void *opaque)
{
    NullMachine n;
    json_object *list;

    null_machine_up(&n);
    do_ok(&n, "{\"execute\": \"object-add\", \"arguments\": {\"qom-type\": \"iothread\", \"id\": \"t0\", "
              "\"poll-max-ns\": 0}}");
    expect_error(&n, "{\"execute\": \"object-add\", \"arguments\": {\"qom-type\": \"rng\", \"id\": \"t1\"}}",
                 "Parameter 'qom-type' does not accept value 'rng'");
    do_ok(&n, "{\"execute\": \"blockdev-add\", \"arguments\": {\"driver\": \"null-co\", \"node-name\": \"n\"}}");
    do_ok(&n, "{\"execute\": \"x-blockdev-set-iothread\", \"arguments\": "
          "{\"node-name\": \"n\", \"iothread\": \"t0\"}}");
    expect_error(&n, "{\"execute\": \"object-del\", \"arguments\": {\"id\": \"t0\"}}",
                 "object 't0' is in use, can not be deleted");
    do_ok(&n, "{\"execute\": \"x-blockdev-set-iothread\", \"arguments\": {\"node-name\": \"n\", \"iothread\": null}}");
    list = expect_ok(&n, "{\"execute\": \"query-iothreads\"}");
    g_assert_cmpuint(json_object_array_length(list), ==, 1);
    json_object_put(list);
    do_ok(&n, "{\"execute\": \"object-del\", \"arguments\": {\"id\": \"t0\"}}");
    expect_error(&n, "{\"execute\": \"object-del\", \"arguments\": {\"id\": \"t0\"}}", "object 't0' not found");
    null_machine_down(&n);
    return 0;
}

static void test_iothreads(void)
{
    g_assert_cmpint(sched_main(iothreads_body, NULL), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/commands/every-command-answers", test_every_command_answers);
    g_test_add_func("/commands/nodes", test_nodes);
    g_test_add_func("/commands/iothreads", test_iothreads);
    return g_test_run();
}
