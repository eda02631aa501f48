/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: text that names images: json: filenames, -drive lines, sizes, paths, blkdebug's configuration. */
#include "base/assert.h"
#include "base/error.h"
#include "block/block.h"
#include "block/drivers/blkdebug/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void free_rule(void *opaque)
{
    blkdebug_rule_free(opaque);
}

static void fuzz_dict(QDict *d)
{
    json_object *obj;
    QDict *again;

    if (!d) {
        return;
    }
    for (size_t i = 0; i < qdict_size(d); i++) {
        const char *key = qdict_key_at(d, i);

        assert(qdict_haskey(d, key));
        (void)qdict_get_bool(d, key, false);
        (void)qdict_get_size(d, key, 0);
    }
    obj = qdict_to_json(d);
    again = qdict_from_json(obj, NULL);
    qdict_unref(again);
    json_object_put(obj);
    qdict_unref(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *joined = path_combine(text, "x");
    g_autoptr(GPtrArray) rules = g_ptr_array_new_with_free_func(free_rule);
    g_autoptr(QDict) inline_rules = qdict_from_keyval(text, NULL, NULL);
    uint64_t v;

    fuzz_dict(qdict_from_json_text(text, NULL));
    fuzz_dict(qdict_from_keyval(text, "file", NULL));
    result_ignored(block_parse_size("x", text, &v, NULL));          /* any answer will do: it must not crash */
    result_ignored(blkdebug_rules_from_text(text, "config", rules, NULL));
    if (inline_rules) {
        result_ignored(blkdebug_rules_from_options(inline_rules, rules, NULL));
    }
    assert(*text == 0 || *joined);
    (void)bdrv_find_protocol(text, true, NULL);
    return 0;
}
