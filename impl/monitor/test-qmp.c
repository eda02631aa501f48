/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: requests are answered in order, once, and to the connection that made them, whatever the client does.
 * Method: monitors on chardevs in memory; the test is the client and turns the main loop.
 */
#include "monitor/events.h"
#include "monitor/monitor_int.h"
#include "monitor/qapi_events.h"
#include "monitor/test-monitor.h"

#define GREETING \
    "{\"QMP\": {\"version\": {\"qemu\": {\"major\": 10, \"minor\": 0, \"micro\": 0}, \"package\": \"rondo-0.1.0\"}, " \
    "\"capabilities\": [\"oob\"]}}\r\n"
#define VERSION \
    "{\"qemu\": {\"major\": 10, \"minor\": 0, \"micro\": 0}, \"package\": \"rondo-0.1.0\"}"

static FakeChr *client_new(const char *label, bool negotiate)
{
    FakeChr *f = fake_new(label, false);

    g_assert_true(monitor_init_qmp(&f->parent, false, NULL));
    fake_expect(f, GREETING);
    if (negotiate) {
        fake_type(f, "{\"execute\": \"qmp_capabilities\"}");
        loop_settle();
        fake_expect(f, "{\"return\": {}}\r\n");
    }
    return f;
}

static void begin(void)
{
    chardev_init();
    monitor_init_globals();
    monitor_set_preconfig_done();
}

static void end(void)
{
    monitor_cleanup();
    chardev_cleanup();
}

/* Types @text and expects @reply. */
static void talk(FakeChr *f, const char *text, const char *reply)
{
    g_assert_cmpuint(fake_type(f, text), ==, strlen(text));
    loop_settle();
    fake_expect(f, reply);
}

static void test_negotiation_comes_first(void)
{
    FakeChr *f;

    begin();
    f = client_new("qmp0", false);
    talk(f, "{\"execute\": \"query-version\", \"id\": 1}",
         "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Expecting capabilities negotiation with "
         "'qmp_capabilities'\"}, \"id\": 1}\r\n");
    talk(f, "{\"execute\": \"qmp_capabilities\", \"arguments\": {\"enable\": [\"x\"]}}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Parameter 'enable[0]' does not accept value "
         "'x'\"}}\r\n");
    talk(f, "{\"execute\": \"qmp_capabilities\"}", "{\"return\": {}}\r\n");
    talk(f, "{\"execute\": \"qmp_capabilities\"}",
         "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"Capabilities negotiation is already complete, "
         "command ignored\"}}\r\n");
    talk(f, "{\"execute\": \"query-version\", \"id\": [2]}", "{\"return\": " VERSION ", \"id\": [2]}\r\n");
    end();
}

static void test_wrong_requests(void)
{
    FakeChr *f;

    begin();
    f = client_new("qmp0", true);
    talk(f, "[]", "{\"error\": {\"class\": \"GenericError\", \"desc\": \"QMP input must be a JSON object\"}}\r\n");
    talk(f, "null\n", "{\"error\": {\"class\": \"GenericError\", \"desc\": \"QMP input must be a JSON object\"}}\r\n");
    talk(f, "{\"exec-oob\": \"query-version\"}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"QMP input member 'exec-oob' is unexpected\"}}\r\n");
    talk(f, "{\"execute\": \"nope\"}",
         "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"The command nope has not been found\"}}\r\n");
    talk(f, "{\"execute\": \"getfd\", \"arguments\": {\"fdname\": \"x\"}}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"No file descriptor supplied via SCM_RIGHTS\"}}\r\n");
    talk(f, "{\"execute\": \"remove-fd\", \"arguments\": {\"fdset-id\": 3, \"fd\": 9}}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"File descriptor named 'fdset-id:3, fd:9' not "
         "found\"}}\r\n");
    talk(f, "{\"execute\": \"query-fdsets\"}", "{\"return\": []}\r\n");
    end();
}

static void test_preconfig(void)
{
    FakeChr *f;

    chardev_init();
    monitor_init_globals();
    f = client_new("qmp0", true);
    talk(f, "{\"execute\": \"query-fdsets\"}",
         "{\"error\": {\"class\": \"GenericError\", \"desc\": \"The command 'query-fdsets' is permitted only after "
         "machine initialization has completed\"}}\r\n");
    talk(f, "{\"execute\": \"query-version\"}", "{\"return\": " VERSION "}\r\n");
    end();
}

static void test_one_request_at_a_time(void)
{
    const char *two = "{\"execute\":\"query-version\",\"id\":1}{\"execute\":\"query-version\",\"id\":2}\n";
    FakeChr *f;

    begin();
    f = client_new("qmp0", true);
    g_assert_cmpuint(fake_type(f, two), ==, strlen(two));
    g_assert_cmpint(chr_wants_input(&f->parent), ==, 0);        /* no more before these are answered */
    loop_settle();
    fake_expect(f, "{\"return\": " VERSION ", \"id\": 1}\r\n{\"return\": " VERSION ", \"id\": 2}\r\n");
    g_assert_cmpint(chr_wants_input(&f->parent), >, 0);
    end();
}

static void test_nothing_runs_in_a_nested_loop(void)
{
    FakeChr *f;

    begin();
    f = client_new("qmp0", true);
    fake_type(f, "{\"execute\":\"query-version\"}");
    while (aio_poll(qemu_get_aio_context(), false)) {
    }
    fake_expect(f, "");
    loop_settle();
    fake_expect(f, "{\"return\": " VERSION "}\r\n");
    end();
}

static void test_reply_goes_to_the_session_that_asked(void)
{
    FakeChr *f;

    begin();
    f = client_new("qmp0", true);
    fake_type(f, "{\"execute\":\"query-version\",\"id\":1}{\"execute\":\"query-version\",\"id\":2}{\"exec");
    chr_event(&f->parent, CHR_EVENT_CLOSED);
    chr_event(&f->parent, CHR_EVENT_OPENED);
    loop_settle();
    fake_expect(f, GREETING);
    talk(f, "{\"execute\": \"qmp_capabilities\"}", "{\"return\": {}}\r\n");
    end();
}

static void test_leaving_while_a_command_runs(void)
{
    FakeChr *f;

    begin();
    f = client_new("qmp0", true);
    fake_type(f, "{\"execute\":\"query-version\",\"id\":1}");
    main_loop_wait(true);               /* the dispatcher has taken it; its bottom half has not run */
    chr_event(&f->parent, CHR_EVENT_CLOSED);
    chr_event(&f->parent, CHR_EVENT_OPENED);
    loop_settle();
    fake_expect(f, GREETING);
    end();
}

static void test_monitors_take_turns(void)
{
    FakeChr *a, *b;

    begin();
    a = client_new("qmp0", true);
    b = client_new("qmp1", true);
    for (int i = 0; i < 3; i++) {
        fake_type(a, "{\"execute\":\"query-fdsets\",\"id\":1}{\"execute\":\"query-fdsets\",\"id\":2}");
        fake_type(b, "{\"execute\":\"query-fdsets\",\"id\":3}");
        loop_settle();
        fake_expect(a, "{\"return\": [], \"id\": 1}\r\n{\"return\": [], \"id\": 2}\r\n");
        fake_expect(b, "{\"return\": [], \"id\": 3}\r\n");
    }
    end();
}

static void test_events_reach_the_negotiated(void)
{
    FakeChr *a, *b;

    begin();
    a = client_new("qmp0", true);
    b = client_new("qmp1", false);
    qapi_event_send_powerdown();
    qapi_event_send_job_status_change("j", JOB_STATUS_RUNNING);
    g_assert_nonnull(strstr(a->out->str, "\"event\": \"POWERDOWN\"}\r\n"));
    g_assert_nonnull(strstr(a->out->str, "\"event\": \"JOB_STATUS_CHANGE\", \"data\": {\"id\": \"j\", \"status\": "
                                         "\"running\"}}\r\n"));
    fake_expect(b, "");
    end();
}

static void test_rate_limited_event_keeps_its_newest(void)
{
    FakeChr *f;

    begin();
    f = client_new("qmp0", true);
    qapi_event_send_watchdog(WATCHDOG_ACTION_RESET);
    g_assert_nonnull(strstr(f->out->str, "reset"));
    g_string_truncate(f->out, 0);
    qapi_event_send_watchdog(WATCHDOG_ACTION_PAUSE);
    qapi_event_send_watchdog(WATCHDOG_ACTION_NONE);
    fake_expect(f, "");
    while (!f->out->len) {
        main_loop_wait(false);
    }
    g_assert_nonnull(strstr(f->out->str, "none"));
    g_assert_null(strstr(f->out->str, "pause"));
    end();
}

static void test_slow_reader_loses_nothing(void)
{
    FakeChr *f;
    GString *all = g_string_new(NULL);

    begin();
    f = client_new("qmp0", true);
    f->room = 7;
    fake_type(f, "{\"execute\":\"query-version\",\"id\":1}");
    loop_settle();
    g_assert_cmpuint(f->out->len, ==, 7);
    while (f->parent.pending->len) {
        f->room = 5;
        chr_flush_pending(&f->parent);
    }
    g_string_append(all, f->out->str);
    g_assert_cmpstr(all->str, ==, "{\"return\": " VERSION ", \"id\": 1}\r\n");
    g_string_free(all, TRUE);
    end();
}

static void test_cleanup_with_requests_waiting(void)
{
    FakeChr *f;

    begin();
    f = client_new("qmp0", true);
    fake_type(f, "{\"execute\":\"query-version\"}{\"execute\":\"query-version\"}{");
    end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qmp/negotiation-comes-first", test_negotiation_comes_first);
    g_test_add_func("/qmp/wrong-requests", test_wrong_requests);
    g_test_add_func("/qmp/preconfig", test_preconfig);
    g_test_add_func("/qmp/one-request-at-a-time", test_one_request_at_a_time);
    g_test_add_func("/qmp/nothing-runs-in-a-nested-loop", test_nothing_runs_in_a_nested_loop);
    g_test_add_func("/qmp/reply-goes-to-the-session-that-asked", test_reply_goes_to_the_session_that_asked);
    g_test_add_func("/qmp/leaving-while-a-command-runs", test_leaving_while_a_command_runs);
    g_test_add_func("/qmp/monitors-take-turns", test_monitors_take_turns);
    g_test_add_func("/qmp/events-reach-the-negotiated", test_events_reach_the_negotiated);
    g_test_add_func("/qmp/rate-limited-event-keeps-its-newest", test_rate_limited_event_keeps_its_newest);
    g_test_add_func("/qmp/slow-reader-loses-nothing", test_slow_reader_loses_nothing);
    g_test_add_func("/qmp/cleanup-with-requests-waiting", test_cleanup_with_requests_waiting);
    return test_machine_run();
}
