/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parsing of blkdebug's rules. Pure. */
#include "block/drivers/blkdebug/rules.h"
#include "block/drivers/blkdebug/events.h"

#define RULES_MAX 256

static const BlockOptDesc inject_error_opts[] = {
    { "event", BLOCK_OPT_STRING, "debug point that arms the rule" },
    { "state", BLOCK_OPT_NUMBER, "only in this state" },
    { "iotype", BLOCK_OPT_STRING, "kind of request" },
    { "errno", BLOCK_OPT_NUMBER, "error to return" },
    { "sector", BLOCK_OPT_NUMBER, "only requests that touch this sector" },
    { "once", BLOCK_OPT_BOOL, "disarm after the first error" },
    { "immediately", BLOCK_OPT_BOOL, "fail without going through the event loop" },
    { NULL },
};

static const BlockOptDesc set_state_opts[] = {
    { "event", BLOCK_OPT_STRING, "debug point" },
    { "state", BLOCK_OPT_NUMBER, "only in this state" },
    { "new_state", BLOCK_OPT_NUMBER, "state from then on" },
    { NULL },
};

void blkdebug_rule_free(BlkdebugRule *rule)
{
    if (rule) {
        g_free(rule->tag);
        g_free(rule);
    }
}

const char *blkdebug_event_name(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(blkdebug_events); i++) {
        if (g_str_equal(blkdebug_events[i], name)) {
            return blkdebug_events[i];
        }
    }
    return NULL;
}

static bool parse_io_type(const char *text, unsigned *ret, GError **errp)
{
    static const char *const names[] = { "read", "write", "write-zeroes", "discard", "flush", "block-status" };

    *ret = BLKDEBUG_IO_DEFAULT;
    for (unsigned i = 0; text && i < G_N_ELEMENTS(names); i++) {
        if (g_str_equal(text, names[i])) {
            *ret = 1u << i;
            return true;
        }
    }
    if (text) {
        error_setg(errp, "Invalid parameter '%s' for 'iotype'", text);
    }
    return !text;
}

static bool fill_rule(BlkdebugRule *r, const QDict *o, GError **errp)
{
    const char *event = qdict_get_try_str(o, "event");
    uint64_t sector = qdict_get_number(o, "sector", UINT64_MAX);

    if (!event) {
        error_setg(errp, "Missing event name for rule");
        return false;
    }
    r->event = blkdebug_event_name(event);
    if (!r->event) {
        error_setg(errp, "Invalid event name \"%s\"", event);
        return false;
    }
    r->state = MIN(qdict_get_number(o, "state", 0), INT_MAX);
    r->new_state = MIN(qdict_get_number(o, "new_state", 0), INT_MAX);
    r->error = MIN(qdict_get_number(o, "errno", EIO), 4095);
    r->once = qdict_get_bool(o, "once", false);
    r->immediately = qdict_get_bool(o, "immediately", false);
    r->offset = sector > INT64_MAX / BDRV_SECTOR_SIZE ? -1 : (int64_t)(sector * BDRV_SECTOR_SIZE);
    return parse_io_type(qdict_get_try_str(o, "iotype"), &r->io_types, errp);
}

/* Consumes @options. */
static bool add_rule(BlkdebugAction action, QDict *options, GPtrArray *rules, GError **errp)
{
    g_autoptr(QDict) left = options;
    g_autoptr(QDict) o = block_opts_take(action == BLKDEBUG_SET_STATE ? set_state_opts : inject_error_opts, left,
                                         errp);
    BlkdebugRule *r;

    if (!o) {
        return false;
    }
    if (qdict_size(left)) {
        error_setg(errp, "Invalid parameter '%s'", qdict_key_at(left, 0));
        return false;
    }
    r = g_new0(BlkdebugRule, 1);
    r->action = action;
    if (!fill_rule(r, o, errp)) {
        blkdebug_rule_free(r);
        return false;
    }
    g_ptr_array_add(rules, r);
    return true;
}

static bool rules_of_kind(QDict *options, const char *kind, BlkdebugAction action, GPtrArray *rules, GError **errp)
{
    for (unsigned i = 0; i < RULES_MAX; i++) {
        g_autofree char *prefix = g_strdup_printf("%s.%u.", kind, i);
        QDict *sub = qdict_extract_subqdict(options, prefix);

        if (!qdict_size(sub)) {
            qdict_unref(sub);
            return true;
        }
        if (!add_rule(action, sub, rules, errp)) {
            return false;
        }
    }
    error_setg(errp, "More than %d %s rules", RULES_MAX, kind);
    return false;
}

bool blkdebug_rules_from_options(QDict *options, GPtrArray *rules, GError **errp)
{
    return rules_of_kind(options, "inject-error", BLKDEBUG_INJECT_ERROR, rules, errp) &&
           rules_of_kind(options, "set-state", BLKDEBUG_SET_STATE, rules, errp);
}

/* ---- INI ---- */

static bool section_action(const char *name, BlkdebugAction *ret)
{
    if (g_str_equal(name, "[inject-error]")) {
        *ret = BLKDEBUG_INJECT_ERROR;
    } else if (g_str_equal(name, "[set-state]")) {
        *ret = BLKDEBUG_SET_STATE;
    } else {
        return false;
    }
    return true;
}

/* key = "value" */
static bool parse_line(char *line, QDict *d)
{
    char *eq = strchr(line, '=');
    char *value;
    size_t len;

    if (!eq) {
        return false;
    }
    *eq = '\0';
    value = g_strstrip(eq + 1);
    len = strlen(value);
    if (len < 2 || value[0] != '"' || value[len - 1] != '"') {
        return false;
    }
    value[len - 1] = '\0';
    g_strstrip(line);
    if (!*line) {
        return false;
    }
    qdict_put_str(d, line, value + 1);
    return true;
}

bool blkdebug_rules_from_text(const char *text, const char *name, GPtrArray *rules, GError **errp)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    BlkdebugAction action = BLKDEBUG_INJECT_ERROR;
    QDict *d = NULL;

    for (unsigned i = 0; lines[i]; i++) {
        char *line = g_strstrip(lines[i]);

        if (!*line || *line == '#') {
            continue;
        }
        if (*line == '[') {
            if (d && !add_rule(action, g_steal_pointer(&d), rules, errp)) {
                return false;
            }
            if (!section_action(line, &action)) {
                error_setg(errp, "%s:%u: There is no option group '%s'", name, i + 1, line);
                return false;
            }
            d = qdict_new();
        } else if (!d || !parse_line(line, d)) {
            error_setg(errp, "%s:%u: parse error", name, i + 1);
            qdict_unref(d);
            return false;
        }
    }
    return !d || add_rule(action, d, rules, errp);
}
