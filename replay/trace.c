/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading and writing traces. Reader and writer live side by side so that they cannot drift apart.
 * Pure: parsing has no side effect, and any bytes give a trace or an error with the place.
 */
#include "replay/trace.h"
#include "base/error.h"

#include <string.h>

/* ---- Objects ---- */

Deviation *deviation_new(DeviationType type, const char *thread, const SimOp *op, const char *to, uint64_t value)
{
    Deviation *d = g_new0(Deviation, 1);

    *d = (Deviation){
        .type = type, .thread = g_strdup(thread), .kind = op->kind, .object = g_strdup(op->object),
        .occurrence = op->occurrence, .to = g_strdup(to), .value = value,
    };
    return d;
}

void deviation_free(Deviation *d)
{
    g_free(d->thread);
    g_free(d->object);
    g_free(d->to);
    g_free(d);
}

static void condition_clear(gpointer c)
{
    g_free(((Condition *)c)->name);
}

ScriptStep *script_step_new(ScriptType type, const char *channel)
{
    ScriptStep *s = g_new0(ScriptStep, 1);

    s->type = type;
    s->channel = g_strdup(channel);
    s->conditions = g_array_new(false, true, sizeof(Condition));
    g_array_set_clear_func(s->conditions, condition_clear);
    return s;
}

static void script_step_free(ScriptStep *s)
{
    g_free(s->channel);
    g_array_unref(s->conditions);
    g_clear_pointer(&s->data, g_bytes_unref);
    g_free(s);
}

Trace *trace_new(void)
{
    Trace *t = g_new0(Trace, 1);

    t->script = g_ptr_array_new_with_free_func((GDestroyNotify)script_step_free);
    t->deviations = g_ptr_array_new_with_free_func((GDestroyNotify)deviation_free);
    t->stacks = g_ptr_array_new_with_free_func((GDestroyNotify)g_strfreev);
    return t;
}

void trace_free(Trace *t)
{
    if (!t) {
        return;
    }
    g_ptr_array_unref(t->script);
    g_ptr_array_unref(t->deviations);
    g_ptr_array_unref(t->stacks);
    g_strfreev(t->machine);
    g_free(t->scenario);
    g_free(t->unit);
    g_free(t->expect);
    g_free(t->signature);
    g_free(t->digest_build);
    g_free(t->digest);
    g_free(t);
}

/* ---- Parsing ---- */

static const char *field(char **words, const char *key)
{
    size_t len = strlen(key);

    for (int i = 1; words[i]; i++) {
        if (!strncmp(words[i], key, len) && words[i][len] == '=') {
            return words[i] + len + 1;
        }
    }
    return NULL;
}

static bool field_number(char **words, const char *key, uint64_t min, uint64_t max, uint64_t *ret, GError **errp)
{
    const char *text = field(words, key);
    guint64 v;

    if (!text) {
        error_setg(errp, "'%s' needs %s=NUMBER", words[0], key);
        return false;
    }
    if (!g_ascii_string_to_unsigned(text, 10, min, max, &v, NULL)) {
        error_setg(errp, "%s=%s is not a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, key, text, min, max);
        return false;
    }
    *ret = v;
    return true;
}

static bool parse_deviation(Trace *t, char **words, GError **errp)
{
    const char *thread = field(words, "thread"), *at = field(words, "at"), *object = field(words, "object");
    bool is_switch = !strcmp(words[0], "switch");
    const char *to = field(words, "to");
    uint64_t n, value = 0;
    SimOp op;

    if (!thread || !at || !object || (is_switch && !to)) {
        error_setg(errp, "'%s' needs thread=, at=, object=, n= and %s=", words[0], is_switch ? "to" : "value");
        return false;
    }
    op = (SimOp){ .kind = sim_kind_from_name(at), .object = object };
    if (op.kind == SCHED_K__MAX) {
        error_setg(errp, "unknown kind of operation '%s'", at);
        return false;
    }
    if (!field_number(words, "n", 1, UINT32_MAX, &n, errp) ||
        (!is_switch && !field_number(words, "value", 0, UINT64_MAX, &value, errp))) {
        return false;
    }
    op.occurrence = n;
    g_ptr_array_add(t->deviations, deviation_new(is_switch ? DEVIATION_SWITCH :
                                                 !strcmp(words[0], "slice") ? DEVIATION_SLICE : DEVIATION_CHOOSE,
                                                 thread, &op, is_switch ? to : NULL, value));
    return true;
}

/* greeting | reply:K | event:NAME:K | line:CHANNEL:K | bytes:CHANNEL:K */
static bool parse_condition(ScriptStep *s, const char *text, GError **errp)
{
    const char *first = strchr(text, ':'), *last = strrchr(text, ':');      /* a channel's name may have its own */
    g_autofree char *type = first ? g_strndup(text, first - text) : g_strdup(text);
    bool named = last > first;
    Condition c = { .type = CONDITION_GREETING, .count = 1 };
    guint64 count = 1;

    if (first && !named && !strcmp(type, "reply")) {
        c.type = CONDITION_REPLY;
    } else if (named && !strcmp(type, "event")) {
        c.type = CONDITION_EVENT;
    } else if (named && !strcmp(type, "line")) {
        c.type = CONDITION_LINE;
    } else if (named && !strcmp(type, "bytes")) {
        c.type = CONDITION_BYTES;
    } else if (strcmp(text, "greeting") != 0) {
        error_setg(errp, "unknown condition '%s' (use greeting, reply:K, event:NAME:K, line:CHANNEL:K or "
                   "bytes:CHANNEL:K)", text);
        return false;
    }
    if (last && !g_ascii_string_to_unsigned(last + 1, 10, 1, UINT32_MAX, &count, NULL)) {
        error_setg(errp, "condition '%s' must end in a count of at least 1", text);
        return false;
    }
    c.count = count;
    c.name = named ? g_strndup(first + 1, last - first - 1) : NULL;
    g_array_append_val(s->conditions, c);
    return true;
}

static bool parse_step(Trace *t, char **words, GError **errp)
{
    ScriptType type = !strcmp(words[0], "connect") ? SCRIPT_CONNECT :
                      !strcmp(words[0], "send") ? SCRIPT_SEND : SCRIPT_CLOSE;
    const char *after = words[1] ? field(words, "after") : NULL;
    const char *data = words[1] ? field(words, "data") : NULL, *data64 = words[1] ? field(words, "data64") : NULL;
    g_auto(GStrv) conditions = g_strsplit(after ? after : "", ",", 0);
    ScriptStep *s;

    if (!words[1] || strchr(words[1], '=')) {
        error_setg(errp, "'%s' needs the name of a channel", words[0]);
        return false;
    }
    s = script_step_new(type, words[1]);
    g_ptr_array_add(t->script, s);
    for (int i = 0; conditions[i]; i++) {
        if (!parse_condition(s, conditions[i], errp)) {
            return false;
        }
    }
    if (type == SCRIPT_SEND) {
        if (!data == !data64) {
            error_setg(errp, "'send' needs either data=TEXT or data64=BASE64");
            return false;
        }
        if (data) {
            g_autofree char *line = g_strconcat(data, "\n", NULL);

            s->data = g_bytes_new(line, strlen(line));
        } else {
            gsize len;
            guchar *bytes = g_base64_decode(data64, &len);

            s->data = g_bytes_new_take(bytes, len);
        }
    }
    return true;
}

static bool set_once(char **where, char **words, GError **errp)
{
    if (*where) {
        error_setg(errp, "'%s' is given twice", words[0]);
        return false;
    }
    if (!words[1]) {
        error_setg(errp, "'%s' needs a value", words[0]);
        return false;
    }
    *where = g_strjoinv(" ", words + 1);
    return true;
}

static bool parse_fair(Trace *t, char **words, GError **errp)
{
    guint64 from, end;

    if (!words[1] || !words[2] || !g_ascii_string_to_unsigned(words[1], 10, 1, UINT64_MAX / 2, &from, NULL) ||
        !g_ascii_string_to_unsigned(words[2], 10, from + 1, UINT64_MAX, &end, NULL)) {
        error_setg(errp, "'fair' needs two numbers of steps, the second larger");
        return false;
    }
    t->fair_from = from;
    t->fair_end = end;
    return true;
}

static bool parse_line(Trace *t, char **words, GError **errp)
{
    const char *key = words[0];

    if (t->script->len + t->deviations->len > TRACE_ITEMS_MAX) {
        error_setg(errp, "more than %d items", TRACE_ITEMS_MAX);
        return false;
    }
    if (!strcmp(key, "switch") || !strcmp(key, "choose") || !strcmp(key, "slice")) {
        return parse_deviation(t, words, errp);
    }
    if (!strcmp(key, "connect") || !strcmp(key, "send") || !strcmp(key, "close")) {
        return parse_step(t, words, errp);
    }
    if (!strcmp(key, "scenario")) {
        return set_once(&t->scenario, words, errp);
    }
    if (!strcmp(key, "unit")) {
        return set_once(&t->unit, words, errp);
    }
    if (!strcmp(key, "expect")) {
        return set_once(&t->expect, words, errp);
    }
    if (!strcmp(key, "signature")) {
        return set_once(&t->signature, words, errp);
    }
    if (!strcmp(key, "fair")) {
        return parse_fair(t, words, errp);
    }
    if (!strcmp(key, "machine") && !t->machine) {
        t->machine = g_strdupv(words + 1);
        return true;
    }
    if (!strcmp(key, "stack") && words[1]) {
        g_ptr_array_add(t->stacks, g_strdupv(words + 1));
        return true;
    }
    if (!strcmp(key, "digest") && words[1] && words[2] && !t->digest) {
        t->digest_build = g_strdup(words[1]);
        t->digest = g_strdup(words[2]);
        return true;
    }
    error_setg(errp, "cannot use the line '%s ...' here", key);
    return false;
}

static bool parse_header(const char *line, GError **errp)
{
    const char *magic = "rondo-trace ";
    guint64 version;

    if (!g_str_has_prefix(line, magic) ||
        !g_ascii_string_to_unsigned(line + strlen(magic), 10, 0, UINT32_MAX, &version, NULL)) {
        error_setg(errp, "not a trace: the first line must be 'rondo-trace %d'", TRACE_VERSION);
        return false;
    }
    if (version != TRACE_VERSION) {
        error_setg(errp, "trace format %" G_GUINT64_FORMAT " is not supported, this build reads %d: record it again",
                   version, TRACE_VERSION);
        return false;
    }
    return true;
}

Trace *trace_parse(const char *text, size_t len, const char *where, GError **errp)
{
    g_autoptr(Trace) t = trace_new();
    unsigned line_no = 0;

    for (size_t pos = 0; pos < len || line_no == 0;) {
        const char *end = memchr(text + pos, '\n', len - pos);
        size_t n = end ? (size_t)(end - text - pos) : len - pos;
        g_autofree char *line = g_strndup(text + pos, n);
        g_auto(GStrv) words = NULL;
        bool ok;

        pos += n + 1;
        line_no++;
        g_strstrip(line);
        if (line_no > 1 && (!*line || *line == '#')) {
            continue;
        }
        ok = line_no == 1 ? parse_header(line, errp)
                          : g_shell_parse_argv(line, NULL, &words, errp) && parse_line(t, words, errp);
        if (!ok) {
            error_prepend(errp, "%s:%u: ", where, line_no);
            return NULL;
        }
    }
    if (!t->machine == !t->unit) {
        error_setg(errp, "%s: a trace needs either a 'machine' or a 'unit' line", where);
        return NULL;
    }
    return g_steal_pointer(&t);
}

Trace *trace_load(const char *path, GError **errp)
{
    g_autofree char *text = NULL;
    gsize len;

    if (!g_file_get_contents(path, &text, &len, errp)) {
        return NULL;
    }
    return trace_parse(text, len, path, errp);
}

/* ---- Writing ---- */

/* As the shell would need it, but plain where it can be, because people read this. */
static void append_word(GString *out, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+./:,%@#";

    if (*word && *word != '#' && strspn(word, plain) == strlen(word)) {
        g_string_append(out, word);
    } else {
        g_autofree char *quoted = g_shell_quote(word);

        g_string_append(out, quoted);
    }
}

static void append_field(GString *out, const char *key, const char *value)
{
    g_string_append_printf(out, " %s=", key);
    append_word(out, value);
}

static void append_words(GString *out, const char *key, char **words)
{
    g_string_append(out, key);
    for (int i = 0; words[i]; i++) {
        g_string_append_c(out, ' ');
        append_word(out, words[i]);
    }
    g_string_append_c(out, '\n');
}

static void append_line(GString *out, const char *key, char *value)
{
    char *words[] = { value, NULL };

    if (value) {
        append_words(out, key, words);
    }
}

char *deviation_format(const Deviation *d)
{
    static const char *const types[] = { "switch", "choose", "slice" };
    GString *out = g_string_new(types[d->type]);

    append_field(out, "thread", d->thread);
    append_field(out, "at", sim_kind_name(d->kind));
    append_field(out, "object", d->object);
    g_string_append_printf(out, " n=%u", d->occurrence);
    if (d->type == DEVIATION_SWITCH) {
        append_field(out, "to", d->to);
    } else {
        g_string_append_printf(out, " value=%" G_GUINT64_FORMAT, d->value);
    }
    return g_string_free(out, false);
}

static void append_conditions(GString *out, const ScriptStep *s)
{
    static const char *const types[] = { "greeting", "reply", "event", "line", "bytes" };
    g_autoptr(GString) list = g_string_new(NULL);

    for (unsigned i = 0; i < s->conditions->len; i++) {
        const Condition *c = &g_array_index(s->conditions, Condition, i);

        g_string_append_printf(list, "%s%s", i ? "," : "", types[c->type]);
        if (c->name) {
            g_string_append_printf(list, ":%s", c->name);
        }
        if (c->type != CONDITION_GREETING) {
            g_string_append_printf(list, ":%u", c->count);
        }
    }
    if (list->len) {
        append_field(out, "after", list->str);
    }
}

static void append_step(GString *out, const ScriptStep *s)
{
    static const char *const types[] = { "connect", "send", "close" };

    g_string_append_printf(out, "%s ", types[s->type]);
    append_word(out, s->channel);
    append_conditions(out, s);
    if (s->data) {
        gsize len;
        const char *bytes = g_bytes_get_data(s->data, &len);
        bool line = len && bytes[len - 1] == '\n';
        g_autofree char *text = g_strndup(bytes, line ? len - 1 : 0);

        if (line && strlen(text) == len - 1 && g_utf8_validate(text, -1, NULL) && !strpbrk(text, "\n\r")) {
            append_field(out, "data", text);
        } else {
            g_autofree char *b64 = g_base64_encode((const guchar *)bytes, len);

            append_field(out, "data64", b64);
        }
    }
    g_string_append_c(out, '\n');
}

char *trace_format(const Trace *t)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "rondo-trace %d\n", TRACE_VERSION);
    append_line(out, "scenario", t->scenario);
    append_line(out, "unit", t->unit);
    if (t->machine) {
        append_words(out, "machine", t->machine);
    }
    for (unsigned i = 0; i < t->script->len; i++) {
        append_step(out, t->script->pdata[i]);
    }
    for (unsigned i = 0; i < t->deviations->len; i++) {
        g_autofree char *line = deviation_format(t->deviations->pdata[i]);

        g_string_append_printf(out, "%s\n", line);
    }
    if (t->fair_end) {
        g_string_append_printf(out, "fair %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", t->fair_from, t->fair_end);
    }
    append_line(out, "expect", t->expect);
    append_line(out, "signature", t->signature);
    for (unsigned i = 0; i < t->stacks->len; i++) {
        append_words(out, "stack", t->stacks->pdata[i]);
    }
    if (t->digest) {
        char *words[] = { t->digest_build, t->digest, NULL };

        append_words(out, "digest", words);
    }
    return g_string_free(out, false);
}

bool trace_save(const Trace *t, const char *path, GError **errp)
{
    g_autofree char *text = trace_format(t);

    return g_file_set_contents(path, text, -1, errp);
}
