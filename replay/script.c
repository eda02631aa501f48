/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reactive scripts: what the machine says is counted, line by line; what the client says waits for counts.
 *
 * When recording, the condition of a message is what its sender can have been waiting for: all the replies its channel
 * had got, and the newest line the machine had said to anybody if that came after the last of those replies.
 *
 * I1  Steps of one channel happen in order.
 * I2  A count never goes down within a run.
 */
#include "replay/script.h"

#include <json-c/json.h>
#include <string.h>

/* What one channel has said so far. Names of events are few: a linear list is enough. */
typedef struct Said {
    char *channel;
    GString *partial;           /* bytes after the last newline */
    unsigned lines, replies;
    uint64_t bytes;
    bool greeting;
    GPtrArray *events;          /* char *, one entry per event seen */
} Said;

struct Script {
    Trace *trace;
    bool record;
    GPtrArray *said;
    /* Recording: the newest line. */
    char *last_channel, *last_event;
};

/* ---- Counting ---- */

static void said_free(gpointer opaque)
{
    Said *s = opaque;

    g_free(s->channel);
    g_string_free(s->partial, true);
    g_ptr_array_unref(s->events);
    g_free(s);
}

static Said *said_on(Script *s, const char *channel)
{
    Said *d;

    for (unsigned i = 0; i < s->said->len; i++) {
        d = s->said->pdata[i];
        if (!strcmp(d->channel, channel)) {
            return d;
        }
    }
    d = g_new0(Said, 1);
    d->channel = g_strdup(channel);
    d->partial = g_string_new(NULL);
    d->events = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(s->said, d);
    return d;
}

static unsigned count_events(const Said *d, const char *name)
{
    unsigned n = 0;

    for (unsigned i = 0; i < d->events->len; i++) {
        n += !strcmp(d->events->pdata[i], name);
    }
    return n;
}

static void count_line(Script *s, Said *d, const char *line)
{
    struct json_object *o = *line == '{' ? json_tokener_parse(line) : NULL, *v;

    d->lines++;
    g_free(s->last_channel);
    s->last_channel = g_strdup(d->channel);
    g_clear_pointer(&s->last_event, g_free);
    if (!json_object_is_type(o, json_type_object)) {
        json_object_put(o);
        return;
    }
    if (json_object_object_get_ex(o, "QMP", NULL)) {
        d->greeting = true;
    } else if (json_object_object_get_ex(o, "event", &v)) {
        g_ptr_array_add(d->events, g_strdup(json_object_get_string(v)));
        s->last_event = g_strdup(json_object_get_string(v));
    } else if (json_object_object_get_ex(o, "return", NULL) || json_object_object_get_ex(o, "error", NULL)) {
        d->replies++;
    }
    json_object_put(o);
}

/* ---- Playing ---- */

static bool condition_holds(Script *s, const ScriptStep *step, const Condition *c)
{
    bool other = c->type == CONDITION_LINE || c->type == CONDITION_BYTES;
    const Said *d = said_on(s, other ? c->name : step->channel);

    switch (c->type) {
    case CONDITION_GREETING:
        return d->greeting;
    case CONDITION_REPLY:
        return d->replies >= c->count;
    case CONDITION_EVENT:
        return count_events(d, c->name) >= c->count;
    case CONDITION_LINE:
        return d->lines >= c->count;
    case CONDITION_BYTES:
        return d->bytes >= c->count;
    }
    return false;
}

static bool step_try(Script *s, ScriptStep *step)
{
    SimChannel *c = sim_channel_find(step->channel);

    if (!c) {
        return false;
    }
    for (unsigned i = 0; i < step->conditions->len; i++) {
        if (!condition_holds(s, step, &g_array_index(step->conditions, Condition, i))) {
            return false;
        }
    }
    switch (step->type) {
    case SCRIPT_CONNECT:
        sim_listener_push(c);
        break;
    case SCRIPT_SEND: {
        gsize len;
        const void *bytes = g_bytes_get_data(step->data, &len);

        sim_channel_push(c, bytes, len);
        break;
    }
    case SCRIPT_CLOSE:
        sim_channel_push_eof(c);
        break;
    }
    return true;
}

/* Is an earlier step of the same channel still to come? */
static bool step_must_wait(const Script *s, unsigned index)
{
    const ScriptStep *step = s->trace->script->pdata[index];

    for (unsigned i = 0; i < index; i++) {
        const ScriptStep *e = s->trace->script->pdata[i];

        if (!e->done && !strcmp(e->channel, step->channel)) {
            return true;
        }
    }
    return false;
}

static void play(Script *s)
{
    for (unsigned i = 0; !s->record && i < s->trace->script->len; i++) {
        ScriptStep *step = s->trace->script->pdata[i];

        if (!step->done && !step_must_wait(s, i)) {
            step->done = step_try(s, step);
        }
    }
}

bool script_over(const Script *s)
{
    for (unsigned i = 0; i < s->trace->script->len; i++) {
        const ScriptStep *step = s->trace->script->pdata[i];
        SimChannel *c = sim_channel_find(step->channel);

        if (!step->done || (c && sim_channel_unread(c))) {
            return false;
        }
    }
    return true;
}

bool script_has_sent(const Script *s, const char *text)
{
    for (unsigned i = 0; i < s->trace->script->len; i++) {
        const ScriptStep *step = s->trace->script->pdata[i];
        gsize len = 0;
        const char *data = step->data ? g_bytes_get_data(step->data, &len) : "";

        if (step->done && g_strstr_len(data, (gssize)len, text)) {
            return true;
        }
    }
    return false;
}

char *script_pending(const Script *s)
{
    static const char *const words[] = { "connects to", "sends on", "closes" };

    for (unsigned i = 0; i < s->trace->script->len; i++) {
        const ScriptStep *step = s->trace->script->pdata[i];

        if (!step->done) {
            gsize len = 0;
            const char *data = step->data ? g_bytes_get_data(step->data, &len) : "";

            return g_strdup_printf("step %u of the script: the client %s %s %.*s", i + 1, words[step->type],
                                   step->channel, (int)MIN(len, 200), data);
        }
    }
    return NULL;
}

/* ---- Recording ---- */

static void add_condition(ScriptStep *step, ConditionType type, const char *name, unsigned count)
{
    Condition c = { .type = type, .name = g_strdup(name), .count = count };

    g_array_append_val(step->conditions, c);
}

static void record_step(Script *s, ScriptType type, const char *channel, const void *buf, size_t len)
{
    ScriptStep *step = script_step_new(type, channel);
    Said *d = said_on(s, channel);

    if (type == SCRIPT_SEND) {
        step->data = g_bytes_new(buf, len);
    }
    if (d->greeting && !d->replies) {
        add_condition(step, CONDITION_GREETING, NULL, 1);
    }
    if (d->replies) {
        add_condition(step, CONDITION_REPLY, NULL, d->replies);
    }
    if (s->last_event && !strcmp(s->last_channel, channel)) {
        add_condition(step, CONDITION_EVENT, s->last_event, count_events(d, s->last_event));
    } else if (s->last_channel && strcmp(s->last_channel, channel) != 0) {
        add_condition(step, CONDITION_LINE, s->last_channel, said_on(s, s->last_channel)->lines);
    }
    step->done = true;
    g_ptr_array_add(s->trace->script, step);
}

/* ---- The world's callbacks ---- */

static void world_opened(void *opaque, SimChannel *c, bool listener)
{
    Script *s = opaque;
    const char *name = sim_channel_name(c), *mark = strrchr(name, '#');

    if (s->record && !listener && mark) {
        g_autofree char *of = g_strndup(name, mark - name);

        record_step(s, SCRIPT_CONNECT, of, NULL, 0);
    }
    play(s);
}

static void world_output(void *opaque, SimChannel *c, const void *buf, size_t len)
{
    Script *s = opaque;
    Said *d = said_on(s, sim_channel_name(c));
    const char *p = buf;

    d->bytes += len;
    for (size_t i = 0; i < len; i++) {
        if (p[i] != '\n') {
            g_string_append_c(d->partial, p[i]);
            continue;
        }
        count_line(s, d, d->partial->str);
        g_string_truncate(d->partial, 0);
    }
    play(s);
}

static void world_input(void *opaque, SimChannel *c, const void *buf, size_t len)
{
    Script *s = opaque;

    if (s->record) {
        record_step(s, buf ? SCRIPT_SEND : SCRIPT_CLOSE, sim_channel_name(c), buf, len);
    }
}

Script *script_new(Trace *t, bool record)
{
    Script *s = g_new0(Script, 1);

    s->trace = t;
    s->record = record;
    s->said = g_ptr_array_new_with_free_func(said_free);
    script_reset(s);
    return s;
}

void script_reset(Script *s)
{
    g_ptr_array_set_size(s->said, 0);
    for (unsigned i = 0; i < s->trace->script->len; i++) {
        ((ScriptStep *)s->trace->script->pdata[i])->done = false;
    }
}

void script_free(Script *s)
{
    if (!s) {
        return;
    }
    g_ptr_array_unref(s->said);
    g_free(s->last_channel);
    g_free(s->last_event);
    g_free(s);
}

SimWorld script_world(Script *s)
{
    return (SimWorld){
        .opaque = s, .live = s->record, .opened = world_opened, .output = world_output, .input = world_input,
    };
}
