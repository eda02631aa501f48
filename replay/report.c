/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Failure reports. Reads the simulator, the contexts and the coroutines; changes nothing.
 * A thread that was caught inside a coroutine shows the coroutine's frames first, then those of whoever entered it.
 */
#include "replay/report.h"
#include "replay/symbols.h"
#include "aio/inspect.h"

#include <stdio.h>
#include <string.h>

#define FRAMES_MAX 256

const char *report_outcome_name(SimOutcome outcome)
{
    static const char *const names[] = {
        [SIM_EXIT] = "exit", [SIM_ASSERT] = "assert", [SIM_DEADLOCK] = "deadlock", [SIM_HANG] = "hang",
        [SIM_CRASH] = "crash", [SIM_STALE] = "stale",
    };

    return names[outcome];
}

static void put_string(json_object *o, const char *key, const char *value)
{
    json_object_object_add(o, key, value ? json_object_new_string(value) : NULL);
}

static const char *get_string(json_object *o, const char *key)
{
    json_object *v;

    return json_object_object_get_ex(o, key, &v) && v ? json_object_get_string(v) : "";
}

/* ---- Stacks ---- */

static void add_frame(const char *function, const char *file, int line, void *opaque)
{
    json_object *f = json_object_new_object();

    put_string(f, "function", function);
    if (file) {
        const char *impl = strstr(file, "impl/");

        put_string(f, "file", impl ? impl : file);
        json_object_object_add(f, "line", json_object_new_int(line));
    }
    json_object_array_add(opaque, f);
}

static void add_frames(json_object *frames, const uintptr_t *pcs, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        symbols_at(pcs[i], true, add_frame, frames);
    }
}

static const char *frame_function(json_object *frames, size_t i)
{
    return get_string(json_object_array_get_idx(frames, i), "function");
}

/* The simulator's own frames on top say nothing: begin at the call into the seam, or at the caller of assert(). */
static json_object *without_engine(json_object *frames)
{
    json_object *out = json_object_new_array();
    size_t n = json_object_array_length(frames), start = 0;

    for (size_t i = 0; i < n; i++) {
        if (g_str_has_prefix(frame_function(frames, i), "base_")) {
            start = i + 1;
        } else if (g_str_has_prefix(frame_function(frames, i), "sched_") && !start && i + 2 < n &&
                   !g_str_has_prefix(frame_function(frames, i), "sched_context_")) {
            start = i;
        }
    }
    for (size_t i = start; i < n; i++) {
        json_object_array_add(out, json_object_get(json_object_array_get_idx(frames, i)));
    }
    json_object_put(frames);
    return out;
}

/* Innermost first. */
static json_object *thread_stack(SchedThread *t)
{
    json_object *frames = json_object_new_array();
    const Coroutine *co = sim_thread_slots(t)[SCHED_SLOT_COROUTINE];
    uintptr_t pcs[FRAMES_MAX];

    add_frames(frames, pcs, sim_thread_unwind(t, pcs, FRAMES_MAX));
    while (co) {
        const SchedContext *caller = aio_inspect_caller(co, &co);

        if (!caller) {
            break;
        }
        add_frames(frames, pcs, sched_context_unwind(caller, pcs, FRAMES_MAX));
    }
    return without_engine(frames);
}

/* ---- Threads: what each waits for ---- */

static char *wait_words(SchedThread *t)
{
    const SimOp *op = sim_thread_op(t);
    SchedThread *owner = sim_thread_owner(t);
    const char *why = sim_thread_blocked_on(t);
    GString *s = g_string_new(sched_thread_name(t));

    if (t == sim_running() && sim_thread_enabled(t)) {
        g_string_append(s, " was running");
    } else if (sim_thread_enabled(t)) {
        g_string_append_printf(s, " could go on: %s %s", sim_kind_name(op->kind), op->object);
    } else if (op->kind == SCHED_K_POLL_SLEEP) {
        g_string_append_printf(s, " polls %s, where nothing will happen", op->object);
    } else {
        g_string_append_printf(s, " waits: %s %s %s", sim_kind_name(op->kind), op->type, op->object);
    }
    if (owner) {
        g_string_append_printf(s, ", held by %s", sched_thread_name(owner));
    }
    if (why) {
        g_string_append_printf(s, " (for %s)", why);
    }
    return g_string_free(s, false);
}

static json_object *thread_report(SchedThread *t, bool stacks)
{
    json_object *o = json_object_new_object();
    g_autofree char *words = wait_words(t);
    const SimOp *op = sim_thread_op(t);

    put_string(o, "name", sched_thread_name(t));
    put_string(o, "operation", sim_kind_name(op->kind));
    put_string(o, "object", op->object);
    put_string(o, "words", words);
    if (stacks) {
        json_object_object_add(o, "stack", thread_stack(t));
    }
    return o;
}

/* "a waits for b, b waits for a": follow owners from each thread; report a cycle once. */
static void add_cycle(json_object *waits)
{
    for (SchedThread *t = sim_thread_next(NULL); t; t = sim_thread_next(t)) {
        GString *s = g_string_new(NULL);
        SchedThread *u = t;
        unsigned n = 0;

        do {
            g_string_append_printf(s, "%s -> ", sched_thread_name(u));
            u = sim_thread_owner(u);
        } while (u && u != t && ++n < 64);
        if (u == t) {
            g_string_append(s, sched_thread_name(t));
            g_string_prepend(s, "cycle: ");
            json_object_array_add(waits, json_object_new_string(s->str));
            g_string_free(s, true);
            return;
        }
        g_string_free(s, true);
    }
}

/* ---- Coroutines and contexts ---- */

typedef struct CoroutineWalk {
    json_object *list, *waits;
    Machine *machine;
    bool stacks, explain;       /* explain: nobody runs any more, so where a coroutine is scheduled says why */
} CoroutineWalk;

typedef struct ContextQuestion {
    const AioContext *ctx;
    AioContextInfo info;
    bool found;
} ContextQuestion;

static void match_context(const AioContextInfo *info, void *opaque)
{
    ContextQuestion *q = opaque;

    if (info->ctx == q->ctx) {
        q->info = *info;
        q->found = true;
    }
}

static void add_coroutine(const CoroutineInfo *info, void *opaque)
{
    CoroutineWalk *w = opaque;
    json_object *o = json_object_new_object();
    ContextQuestion q = { .ctx = info->scheduled_on };

    put_string(o, "name", info->name);
    put_string(o, "context", info->ctx_name);
    put_string(o, "scheduled", info->scheduled);
    json_object_object_add(o, "running", json_object_new_boolean(info->running));
    aio_inspect_contexts(w->machine, match_context, &q);
    if (q.found && w->explain) {
        g_autofree char *text = g_strdup_printf("coroutine %s is scheduled on %s%s", info->name, q.info.name,
                                                q.info.outer_loop_only ? ", which no running loop polls" : "");

        json_object_array_add(w->waits, json_object_new_string(text));
    }
    if (w->stacks && !info->running && info->started) {
        json_object *frames = json_object_new_array();
        uintptr_t pcs[FRAMES_MAX];

        add_frames(frames, pcs, sched_context_unwind(info->stack, pcs, FRAMES_MAX));
        json_object_object_add(o, "stack", frames);
    }
    json_object_array_add(w->list, o);
}

static Machine *any_machine(void)
{
    for (SchedThread *t = sim_thread_next(NULL); t; t = sim_thread_next(t)) {
        if (sim_thread_slots(t)[SCHED_SLOT_MACHINE]) {
            return sim_thread_slots(t)[SCHED_SLOT_MACHINE];
        }
    }
    return NULL;
}

json_object *report_build(SimOutcome outcome, int status, const char *text, bool stacks)
{
    json_object *o = json_object_new_object(), *threads = json_object_new_array();
    bool failed = outcome != SIM_EXIT;
    CoroutineWalk w = {
        .list = json_object_new_array(), .waits = json_object_new_array(), .machine = any_machine(), .stacks = stacks,
        .explain = outcome == SIM_DEADLOCK || outcome == SIM_HANG,
    };
    g_autofree char *digest = g_strdup_printf("%016" G_GINT64_MODIFIER "x", sim_digest());

    put_string(o, "outcome", report_outcome_name(outcome));
    json_object_object_add(o, "status", json_object_new_int(status));
    put_string(o, "text", text);
    put_string(o, "thread", sched_thread_name(sim_running()));
    json_object_object_add(o, "steps", json_object_new_int64(sim_steps()));
    json_object_object_add(o, "decisions", json_object_new_int64(sim_decisions()));
    json_object_object_add(o, "time-ns", json_object_new_int64(sim_now_ns()));
    put_string(o, "digest", digest);
    for (SchedThread *t = sim_thread_next(NULL); failed && t; t = sim_thread_next(t)) {
        json_object *r = thread_report(t, stacks), *words;

        json_object_array_add(threads, r);
        if (outcome != SIM_ASSERT && json_object_object_get_ex(r, "words", &words)) {
            json_object_array_add(w.waits, json_object_get(words));
        }
    }
    if (failed) {
        add_cycle(w.waits);
        if (w.machine) {
            aio_inspect_coroutines(w.machine, add_coroutine, &w);
        }
    }
    json_object_object_add(o, "threads", threads);
    json_object_object_add(o, "coroutines", w.list);
    json_object_object_add(o, "waits", w.waits);
    return o;
}

/* ---- Reading a report ---- */

static json_object *array_of(json_object *o, const char *key)
{
    json_object *v;

    return json_object_object_get_ex(o, key, &v) && json_object_is_type(v, json_type_array) ? v : NULL;
}

static size_t array_len(json_object *a)
{
    return a ? json_object_array_length(a) : 0;
}

static void print_stack(json_object *owner)
{
    json_object *stack = array_of(owner, "stack");

    for (size_t i = 0; i < array_len(stack); i++) {
        json_object *f = json_object_array_get_idx(stack, i), *line;
        const char *file = get_string(f, "file");

        fprintf(stderr, "      #%-2zu %s", i, get_string(f, "function"));
        if (*file && json_object_object_get_ex(f, "line", &line)) {
            fprintf(stderr, " (%s:%d)", file, json_object_get_int(line));
        }
        fputc('\n', stderr);
    }
}

static void print_owners(json_object *list, const char *what)
{
    for (size_t i = 0; i < array_len(list); i++) {
        json_object *o = json_object_array_get_idx(list, i);

        if (array_of(o, "stack")) {
            fprintf(stderr, "  %s %s\n", what, get_string(o, "name"));
            print_stack(o);
        }
    }
}

void report_print(json_object *report, bool stacks)
{
    json_object *waits = array_of(report, "waits");

    fprintf(stderr, "simulator: %s on thread %s: %s\n", get_string(report, "outcome"), get_string(report, "thread"),
            get_string(report, "text"));
    for (size_t i = 0; i < array_len(waits); i++) {
        fprintf(stderr, "  %s\n", json_object_get_string(json_object_array_get_idx(waits, i)));
    }
    if (stacks) {
        print_owners(array_of(report, "threads"), "thread");
        print_owners(array_of(report, "coroutines"), "coroutine");
    }
}

char *report_signature(json_object *report)
{
    const char *outcome = get_string(report, "outcome"), *text = get_string(report, "text");
    GString *s = g_string_new(outcome);
    json_object *waits = array_of(report, "waits");

    g_string_append_printf(s, ": %s", text);
    /* Only a deadlock stands still: where a hang was cut off is chance. */
    for (size_t i = 0; !strcmp(outcome, "deadlock") && i < array_len(waits); i++) {
        g_string_append_printf(s, "; %s", json_object_get_string(json_object_array_get_idx(waits, i)));
    }
    return g_string_free(s, false);
}
