/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Goal: options mean the same by every way in, and bad ones are named. Method: the texts of errors are compared. */
#include "block/test-block.h"

static void expect_error(const char *filename, QDict *options, const char *text)
{
    GError *err = NULL;
    BlockDriverState *bs = bdrv_open(filename, NULL, options, 0, &err);

    g_assert_null(bs);
    g_assert_cmpstr(err->message, ==, text);
    g_clear_error(&err);
}

static void test_unknown(void)
{
    expect_error(NULL, test_qdict("driver=raw,x=1,file.driver=null-co"),
                 "Block format 'raw' does not support the option 'x'");
    expect_error(NULL, test_qdict("driver=null-co,x=1"), "Block protocol 'null-co' doesn't support the option 'x'");
    expect_error(NULL, test_qdict("driver=nonsense"), "Unknown driver 'nonsense'");
    expect_error(NULL, test_qdict("driver=raw"), "A block device must be specified for \"file\"");
    expect_error(NULL, NULL, "Must specify either driver or file");
    expect_error("nope:x", NULL, "Unknown protocol 'nope'");
    expect_error(NULL, test_qdict("driver=file"), "The 'file' block driver requires a file name");
    expect_error(NULL, test_qdict("driver=null-co,size=x"),
                 "Parameter 'size' expects a non-negative number below 2^64");
    expect_error(NULL, test_qdict("driver=null-co,read-only=maybe"), "Parameter 'read-only' expects 'on' or 'off'");
    expect_error(NULL, test_qdict("driver=null-co,node-name=0x"), "Invalid node-name: '0x'");
    expect_error(NULL, test_qdict("driver=file,filename=/x,aio=io_uring"),
                 "aio=io_uring is not supported in this build; use aio=threads");
}

static void test_json(void)
{
    GError *err = NULL;
    BlockDriverState *bs = bdrv_open("json:{\"driver\": \"raw\", \"file\": {\"driver\": \"null-co\", \"size\": 1024}}",
                                     NULL, NULL, 0, &err);

    g_assert_no_error(err);
    g_assert_cmpint(bdrv_getlength(bs), ==, 1024);
    bdrv_unref(bs);
    bs = bdrv_open("json:[1]", NULL, NULL, 0, &err);
    g_assert_null(bs);
    g_assert_cmpstr(err->message, ==, "Invalid JSON object given");
    g_clear_error(&err);
    bs = bdrv_open("json:{", NULL, NULL, 0, &err);
    g_assert_null(bs);
    g_assert_true(g_str_has_prefix(err->message, "Could not parse the JSON options: "));
    g_clear_error(&err);
}

static void test_json_texts(void)
{
    static const struct {
        const char *text;
        const char *err;
    } cases[] = {
        { "{'driver': 'raw', \"a\": [1, true]}", NULL },
        { "{", "JSON parse error, premature EOI" },
        { "{\"a", "JSON parse error, premature EOI" },
        { "", "Expecting a JSON value" },
        { "{} {}", "Expecting at most one JSON value" },
        { "{bad", "JSON parse error, invalid keyword 'bad'" },
        { "{'a': tru}", "JSON parse error, invalid keyword 'tru'" },
        { "{'a': 1,}", "JSON parse error, expecting value" },
        { "{1: 2}", "JSON parse error, key is not a string in object" },
        { "}", "JSON parse error, expecting value" },
        { "null", "Invalid JSON object given" },
        { "[1]", "Invalid JSON object given" },
        { "{'': 1}", "Option names must not be empty" },
    };
    g_autoptr(GString) many = g_string_new("{");
    GError *err = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QDict) d = qdict_from_json_text(cases[i].text, &err);

        g_assert_cmpstr(err ? err->message : NULL, ==, cases[i].err);
        g_assert_true(!d == !!err);
        g_clear_error(&err);
    }
    for (unsigned i = 0; i <= 4096; i++) {
        g_string_append_printf(many, "%s'k%u': 1", i ? "," : "", i);
    }
    g_assert_null(qdict_from_json_text(g_string_append_c(many, '}')->str, &err));
    g_assert_cmpstr(err->message, ==, "More than 4096 options");
    g_clear_error(&err);
}

static void test_keyval(void)
{
    GError *err = NULL;
    QDict *d = qdict_from_keyval("file=a,,b,if=none,x=", NULL, &err);

    g_assert_no_error(err);
    g_assert_cmpstr(qdict_get_try_str(d, "file"), ==, "a,b");
    g_assert_cmpstr(qdict_get_try_str(d, "if"), ==, "none");
    g_assert_cmpstr(qdict_get_try_str(d, "x"), ==, "");
    qdict_unref(d);
    g_assert_null(qdict_from_keyval("novalue", NULL, &err));
    g_assert_cmpstr(err->message, ==, "Expected '=' after parameter 'novalue'");
    g_clear_error(&err);
}

static void test_sizes(void)
{
    static const struct {
        const char *text;
        uint64_t value;
        bool ok;
    } cases[] = {
        { "0", 0, true },       { "1k", 1024, true },  { "1K", 1024, true }, { "2M", 2 << 20, true },
        { "3G", 3ULL << 30, true }, { "16E", 0, false }, { "-1", 0, false }, { "", 0, false },
        { "0x10", 16, true },   { "512b", 512, true }, { "k", 0, false },    { "1kk", 0, false },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t v = 0;

        g_assert_cmpint(block_parse_size("s", cases[i].text, &v, NULL), ==, cases[i].ok);
        g_assert_cmpuint(v, ==, cases[i].value);
    }
}

static void test_drive(void)
{
    GError *err = NULL;
    DriveInfo *d = drive_new("if=none,id=d0,file=null-co://,format=raw,file.size=64k", IF_IDE, &err);

    g_assert_no_error(err);
    g_assert_cmpint(d->type, ==, IF_NONE);
    g_assert_cmpint(blk_getlength(blk_by_name("d0")), ==, 65536);
    g_assert_null(drive_new("if=none,id=d0,file=null-co://,format=raw", IF_IDE, &err));
    g_assert_cmpstr(err->message, ==, "Device with id 'd0' already exists");
    g_clear_error(&err);
    g_assert_null(drive_new("if=none,file=null-co://,format=raw,bogus=1", IF_IDE, &err));
    g_assert_cmpstr(err->message, ==, "Block format 'raw' does not support the option 'bogus'");
    g_clear_error(&err);
    d = drive_new("if=pflash,file=null-co://,format=raw", IF_IDE, &err);
    g_assert_no_error(err);
    g_assert_true(drive_get(IF_PFLASH, 0, 0) == d);
}

static void test_blockdev(void)
{
    GError *err = NULL;

    g_assert_true(blockdev_add(test_qdict("driver=null-co,node-name=n0,size=1M"), &err));
    g_assert_true(blockdev_add(test_qdict("driver=raw,node-name=r0,file=n0"), &err));
    g_assert_no_error(err);
    g_assert_false(blockdev_add(test_qdict("driver=raw,node-name=r0,file=n0"), &err));
    g_assert_cmpstr(err->message, ==, "Duplicate nodes with node-name='r0'");
    g_clear_error(&err);
    g_assert_false(blockdev_del("n0", &err));
    g_assert_cmpstr(err->message, ==, "Block device n0 is in use");
    g_clear_error(&err);
    g_assert_true(blockdev_del("r0", &err));
    g_assert_true(blockdev_del("n0", &err));
    g_assert_false(blockdev_del("n0", &err));
    g_assert_cmpstr(err->message, ==, "Failed to find node with node-name='n0'");
    g_clear_error(&err);
}

static void test_reopen(void)
{
    GError *err = NULL;
    g_autofree char *path = test_new_file(65536);
    g_autofree char *add = g_strdup_printf("driver=file,filename=%s,node-name=f0,read-only=on", path);
    BlockDriverState *bs;

    g_assert_true(blockdev_add(test_qdict(add), &err));
    g_assert_true(blockdev_add(test_qdict("driver=raw,node-name=r0,file=f0,read-only=on"), &err));
    bs = bdrv_find_node("r0");
    g_assert_cmpint(bdrv_getlength(bs), ==, 65536);
    g_assert_true(blockdev_reopen(test_qdict("driver=raw,node-name=r0,file=f0,read-only=on,offset=32k"), &err));
    g_assert_no_error(err);
    g_assert_cmpint(bdrv_getlength(bs), ==, 32768);
    g_assert_false(blockdev_reopen(test_qdict("driver=raw,node-name=r0,file=f0,read-only=on,offset=1M"), &err));
    g_assert_nonnull(err);
    g_clear_error(&err);
    g_assert_cmpint(bdrv_getlength(bs), ==, 32768);
    g_assert_false(blockdev_reopen(test_qdict("driver=raw,node-name=r0,file=nope,read-only=on"), &err));
    g_assert_cmpstr(err->message, ==, "Cannot find device='' nor node-name='nope'");
    g_clear_error(&err);
    g_assert_cmpint(bs->quiesce_counter, ==, 0);
    g_assert_true(blockdev_del("r0", &err));
    g_assert_true(blockdev_del("f0", &err));
    test_remove_file(path);
}

static void add_tests(void)
{
    test_add("/options/unknown", test_unknown);
    test_add("/options/json", test_json);
    test_add("/options/json-texts", test_json_texts);
    test_add("/options/keyval", test_keyval);
    test_add("/options/sizes", test_sizes);
    test_add("/options/drive", test_drive);
    test_add("/options/blockdev", test_blockdev);
    test_add("/options/reopen", test_reopen);
}

int main(int argc, char **argv)
{
    return test_block_main(argc, argv, add_tests);
}
