/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Traces: what is written reads back the same; every defect is an error that names the line. */
#include "replay/trace.h"

#include <string.h>

static Trace *parse(const char *text, GError **errp)
{
    return trace_parse(text, strlen(text), "t", errp);
}

static void test_round_trip(void)
{
    static const char text[] =
        "rondo-trace 1\n"
        "scenario 'it'\\''s \"one\"'\n"
        "machine -m 2 -name 'two words' -S\n"
        "connect qmp0\n"
        "send 'qmp0#1' after=greeting data='{\"execute\": \"qmp_capabilities\"}'\n"
        "send 'qmp0#1' after=reply:1,event:STOP:2 data64=AAEC/w==\n"
        "close 'qmp0#1' after='line:a b:c:3,bytes:serial0#1:58'\n"
        "switch thread='CPU 0/TCG' at=unlock object=bql n=4 to=main\n"
        "choose thread=main at=fault object=disk n=1 value=2\n"
        "slice thread='CPU 0/TCG' at=vcpu.slice object=cpu0 n=9 value=357\n"
        "fair 1000 20000\n"
        "expect assert\n"
        "signature 'Assertion `x == y'\\'' failed'\n"
        "stack main aio_poll bdrv_drain_all_begin\n"
        "digest gcc-12 0123456789abcdef\n";
    g_autoptr(GError) err = NULL;
    g_autoptr(Trace) t = parse(text, &err), again = NULL;
    g_autofree char *out = NULL, *out2 = NULL;

    g_assert_no_error(err);
    g_assert_cmpuint(t->script->len, ==, 4);
    g_assert_cmpuint(t->deviations->len, ==, 3);
    g_assert_cmpstr(t->signature, ==, "Assertion `x == y' failed");
    out = trace_format(t);
    again = parse(out, &err);
    g_assert_no_error(err);
    out2 = trace_format(again);
    g_assert_cmpstr(out, ==, out2);
}

static void check_error(const char *text, const char *where)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(Trace) t = parse(text, &err);

    g_assert_null(t);
    g_assert_nonnull(err);
    g_test_message("%s", err->message);
    g_assert_nonnull(strstr(err->message, where));
}

static void test_errors(void)
{
    check_error("", "t:1: not a trace");
    check_error("hello\n", "t:1: not a trace");
    check_error("rondo-trace 2\nunit x\n", "t:1: trace format 2 is not supported");
    check_error("rondo-trace 1\n", "needs either a 'machine' or a 'unit'");
    check_error("rondo-trace 1\nunit x\nunit y\n", "t:3: 'unit' is given twice");
    check_error("rondo-trace 1\nunit x\nfly away\n", "t:3: cannot use the line 'fly");
    check_error("rondo-trace 1\nunit x\nswitch thread=a at=lock object=o n=1\n", "t:3: 'switch' needs");
    check_error("rondo-trace 1\nunit x\nswitch thread=a at=dance object=o n=1 to=b\n",
                "unknown kind of operation 'dance'");
    check_error("rondo-trace 1\nunit x\nswitch thread=a at=lock object=o n=0 to=b\n", "t:3: n=0 is not a number");
    check_error("rondo-trace 1\nunit x\nsend c after=reply:0 data=x\n", "must end in a count");
    check_error("rondo-trace 1\nunit x\nsend c after=never data=x\n", "unknown condition 'never'");
    check_error("rondo-trace 1\nunit x\nsend c\n", "needs either data=");
    check_error("rondo-trace 1\nunit x\nfair 5 5\n", "t:3: 'fair' needs two numbers");
    check_error("rondo-trace 1\nunit x\nsend c after=reply data=x\n", "unknown condition 'reply'");
    check_error("rondo-trace 1\nunit 'x\n", "t:2:");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/trace/round-trip", test_round_trip);
    g_test_add_func("/trace/errors", test_errors);
    return g_test_run();
}
