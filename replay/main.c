/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rondo-sim: rondo on the simulated engine. By hand it behaves like rondo; with options before "--" it records,
 * replays and explores.
 */
#include "replay/session.h"
#include "replay/guest.h"
#include "replay/units.h"
#include "replay/checkpoint.h"
#include "base/assert.h"
#include "base/error.h"
#include "machine/machine.h"
#include "platform/os.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS_TYPICAL 100000    /* a bug's scenario; a boot takes twenty times as many */

static Session session;

const char *session_build_id(void)
{
#if defined(__clang__)
    return "clang-" G_STRINGIFY(__clang_major__);
#else
    return "gcc-" G_STRINGIFY(__GNUC__);
#endif
}

/* A run that needs a hundred times its usual length under a schedule that starves nobody is not going to end. */
void session_limits(SimConfig *config, const Trace *t, uint64_t typical_steps)
{
    config->steps_max_unfair = t->fair_end ? t->fair_from : 4 * typical_steps + 20000;
    config->steps_max = t->fair_end ? t->fair_end : config->steps_max_unfair + 20 * typical_steps + 200000;
}

/* Does everybody wait for something to do, and nobody for somebody? */
static bool machine_is_idle(void)
{
    for (SchedThread *t = sim_thread_next(NULL); t; t = sim_thread_next(t)) {
        if (sim_thread_owner(t) || sim_thread_blocked_on(t)) {
            return false;
        }
    }
    return true;
}

SimOutcome session_judge(Session *s, SimOutcome outcome, char **text)
{
    g_autofree char *pending = script_pending(s->script);

    if (outcome == SIM_DEADLOCK && s->trace->script->len && s->options.mode != MODE_RECORD &&
        script_over(s->script) && machine_is_idle()) {
        g_free(*text);
        *text = g_strdup("the script is over, the machine is idle and has not been told to quit");
        return SIM_HANG;
    }
    if (outcome == SIM_HANG && pending) {
        char *longer = g_strdup_printf("%s; not done: %s", *text, pending);

        g_free(*text);
        *text = longer;
    }
    return outcome;
}

/* ---- The end of a run ---- */

static void save_result(const char *path, json_object *report)
{
    if (path && json_object_to_file_ext(path, report, JSON_C_TO_STRING_PRETTY) < 0) {
        fprintf(stderr, "rondo-sim: cannot write %s: %s\n", path, strerror(errno));
        os_exit(2);
    }
}

static void close_log(Session *s)
{
    bool bad = s->log && ferror(s->log);

    if (s->log && (fclose(s->log) != 0 || bad)) {
        fprintf(stderr, "rondo-sim: cannot write %s: %s\n", s->options.log, strerror(errno));
        os_exit(2);
    }
    s->log = NULL;
}

/* Every file as the run left it, or as a power failure now would leave it, under its own name. */
static void export_images(const Options *o)
{
    const char *path;

    for (unsigned i = 0; o->images && (path = sim_file_path(i)); i++) {
        g_autofree char *base = g_path_get_basename(path), *dest = g_build_filename(o->images, base, NULL);
        int ret = sim_file_export(path, dest, o->power_fails);

        if (ret < 0 && ret != -ENOENT) {
            fprintf(stderr, "rondo-sim: cannot write %s: %s\n", dest, g_strerror(-ret));
        }
    }
}

/* What kept the trace from being followed, or NULL. */
static char *stale_words(Session *s)
{
    unsigned index;
    const Deviation *d = s->follower ? follower_unmet(s->follower, &index) : NULL;
    g_autofree char *line = d ? deviation_format(d) : NULL;

    if (!d) {
        return NULL;
    }
    return g_strdup_printf("deviation %u %s: %s", index + 1,
                           d->missed ? "came up but its thread could not run" : "never came up", line);
}

/* A long run's replay must not be taken for one that never ends. Short ones fit into the usual limits. */
static void keep_length(Trace *t, uint64_t steps)
{
    if (steps > STEPS_TYPICAL) {
        SimConfig limits;

        session_limits(&limits, t, steps);
        t->fair_from = limits.steps_max_unfair;
        t->fair_end = limits.steps_max;
    }
}

static void run_ended(Session *s, SimOutcome outcome, int status, const char *text)
{
    g_autofree char *said = g_strdup(text), *stale = stale_words(s);
    json_object *report;

    if (s->explorer) {          /* a run of a search ends elsewhere; this one never came to its start */
        fprintf(stderr, "rondo-sim: the client never sent '%s', where the search was to begin: %s\n",
                s->options.from ? s->options.from : "", said);
        os_exit(2);
    }
    outcome = session_judge(s, outcome, &said);
    report = report_build(outcome, status, said, !s->options.no_stacks);
    if (stale) {
        json_object_object_add(report, "stale", json_object_new_string(stale));
    }
    save_result(s->options.result, report);
    export_images(&s->options);
    if (outcome != SIM_EXIT && !s->options.quiet) {
        report_print(report, true);
    }
    if (stale && !s->options.quiet) {
        fprintf(stderr, "rondo-sim: the trace does not fit this build: %s\n", stale);
    }
    json_object_put(report);
    close_log(s);
    if (s->options.mode == MODE_RECORD) {
        g_autoptr(GError) err = NULL;

        keep_length(s->trace, sim_steps());
        if (!trace_save(s->trace, s->options.trace, &err)) {
            fprintf(stderr, "rondo-sim: %s\n", err->message);
            status = 2;
        }
    }
    if (outcome == SIM_EXIT && !strcmp(text, SIM_MAIN_RETURNED)) {
        g_free(g_steal_pointer(&said));
        g_free(g_steal_pointer(&stale));
        sim_leave(status);      /* everything has been taken down: let the sanitizers look at what is left */
    }
    os_exit(outcome == SIM_EXIT ? status : 134);
}

G_NORETURN static void oracle_ended(void *opaque, SimOutcome outcome, int status, const char *text)
{
    if (session.options.guest_gdb) {
        guest_ended(outcome == SIM_EXIT ? status : 134);
    }
    session.run_ended(&session, outcome, status, text);
    abort();
}

static void on_crash(int sig)
{
    g_autofree char *text = g_strdup_printf("signal %d (%s)", sig, strsignal(sig));

    signal(sig, SIG_DFL);
    sim_fail(SIM_CRASH, text);
}

static void catch_crashes(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
    static char memory[1 << 20];
    stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) };
    struct sigaction action = { .sa_handler = on_crash, .sa_flags = SA_ONSTACK };

    sigaltstack(&stack, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++) {
        sigaction(signals[i], &action, NULL);
    }
}

/* ---- Looking on ---- */

/** replay_stop: where a debugger stops for --stop-at. The step is also in replay_step, for a watchpoint. */
void replay_stop(void);
volatile uint64_t replay_step;

__attribute__((noinline)) void replay_stop(void)
{
    __asm__ volatile("");
}

static void event_explore(void *opaque, SchedThread *self)
{
    const char *from = session.options.from;
    bool quiet = session.trace->unit || (sim_thread_op(self)->kind == SCHED_K_POLL_SLEEP && sim_thread_id(self) == 0);

    if (quiet && (!from || script_has_sent(session.script, from))) {
        sim_config()->oracle.event = NULL;
        explorer_fork_here(session.explorer);
    }
}

static void event_log(void *opaque, SchedThread *self)
{
    const SimOp *op = sim_thread_op(self);

    replay_step = sim_steps();
    if (session.log) {
        fprintf(session.log, "%" G_GUINT64_FORMAT "\t%s\t%s\t%s\t%s\t%u\t%" G_GINT64_FORMAT "\t%lx\n", sim_steps(),
                sched_thread_name(self), sim_kind_name(op->kind), op->type, op->object, op->occurrence, sim_now_ns(),
                (unsigned long)op->site);
    }
    if ((gint64)sim_steps() == session.options.end_at) {
        session.run_ended(&session, SIM_EXIT, 0, "ended where --end-at said");
    }
    if (session.options.checkpoints && (sim_steps() == 1 || sim_steps() % session.options.checkpoints == 0)) {
        checkpoint_leave(sim_steps());
    }
    if ((gint64)sim_steps() == session.options.stop_at) {
        replay_stop();
    }
    if (session.options.guest_gdb) {
        guest_event(self);
    }
}

/* ---- Set-up ---- */

SimConfig session_config(Session *s, SimOracle oracle)
{
    SimConfig config = { .oracle = oracle, .world = script_world(s->script) };

    config.oracle.ended = oracle_ended;
    if (s->options.mode != MODE_LIVE && s->options.mode != MODE_RECORD) {
        session_limits(&config, s->trace, STEPS_TYPICAL);
    }
    return config;
}

typedef struct MachineCall {
    int argc;
    char **argv;
} MachineCall;

static int machine_main(void *opaque)
{
    MachineCall *call = opaque;

    return rondo_main(call->argc, call->argv);
}

static int run_machine(char **words)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    MachineCall call;

    g_ptr_array_add(argv, (char *)"rondo");
    for (int i = 0; words && words[i]; i++) {
        g_ptr_array_add(argv, words[i]);
    }
    g_ptr_array_add(argv, NULL);
    call = (MachineCall){ argv->len - 1, (char **)argv->pdata };
    return sched_main(machine_main, &call);
}

static bool session_prepare(Session *s, GError **errp)
{
    Options *o = &s->options;

    s->run_ended = run_ended;
    if (o->mode == MODE_REPLAY || o->mode == MODE_EXPLORE) {
        s->trace = trace_load(o->trace, errp);
        if (!s->trace) {
            return false;
        }
        if (s->trace->unit && !unit_exists(s->trace->unit)) {
            error_setg(errp, "there is no unit '%s'", s->trace->unit);
            return false;
        }
    } else {
        s->trace = trace_new();
        s->trace->scenario = g_strdup(o->scenario);
        s->trace->machine = g_strdupv(o->machine);
    }
    s->script = script_new(s->trace, o->mode == MODE_RECORD || o->mode == MODE_LIVE);
    if (o->log) {
        s->log = fopen(o->log, "w");
        if (!s->log) {
            error_setg_errno(errp, errno, "cannot write %s", o->log);
            return false;
        }
    }
    return true;
}

static int session_run(Session *s)
{
    Options *o = &s->options;
    SimOracle oracle = { .opaque = NULL };
    SimConfig config;
    int status;

    if (o->mode == MODE_REPLAY) {
        s->follower = follower_new(s->trace->deviations);
        oracle = follower_oracle(s->follower);
    }
    if (o->mode == MODE_EXPLORE) {
        s->explorer = explorer_new(s);
        oracle.event = event_explore;
    } else if (s->log || o->stop_at || o->end_at || o->checkpoints || o->guest_gdb) {
        oracle.event = event_log;
    }
    if (o->checkpoints && checkpoint_init(getppid()) < 0) {
        perror("rondo-sim: checkpoints");
        return 2;
    }
    if (o->guest_gdb && !guest_debug(o->guest_gdb, (uint64_t)o->guest_at, &status)) {
        return status;
    }
    config = session_config(s, oracle);
    catch_crashes();
    sim_configure(&config);
    if (!s->trace->unit) {
        return run_machine(s->trace->machine);
    }
    /* Only a child of the explorer comes back from a unit's run in order to do another. */
    for (;;) {
        status = unit_run(s->trace->unit);
        if (!s->explorer) {
            return status;
        }
        explorer_again(s->explorer);
    }
}

static bool parse_options(Options *o, int *argc, char ***argv, GError **errp)
{
    char *record = NULL, *replay = NULL, *explore = NULL;
    const GOptionEntry entries[] = {
        { "record", 0, 0, G_OPTION_ARG_FILENAME, &record, "Log what real clients send into TRACE", "TRACE" },
        { "replay", 0, 0, G_OPTION_ARG_FILENAME, &replay, "Follow TRACE; no client is needed", "TRACE" },
        { "explore", 0, 0, G_OPTION_ARG_FILENAME, &explore, "Search schedules of TRACE's machine and script", "TRACE" },
        { "scenario", 0, 0, G_OPTION_ARG_STRING, &o->scenario, "Name to write into the recorded trace", "NAME" },
        { "result", 0, 0, G_OPTION_ARG_FILENAME, &o->result, "Write outcome, waits and stacks as JSON", "FILE" },
        { "log", 0, 0, G_OPTION_ARG_FILENAME, &o->log, "Write every event, one line each", "FILE" },
        { "images", 0, 0, G_OPTION_ARG_FILENAME, &o->images, "Write the files as the run leaves them to DIR", "DIR" },
        { "end-at", 0, 0, G_OPTION_ARG_INT64, &o->end_at, "End the run at this step", "STEP" },
        { "power-fails", 0, 0, G_OPTION_ARG_NONE, &o->power_fails, "With --images: only what was flushed", NULL },
        { "stop-at", 0, 0, G_OPTION_ARG_INT64, &o->stop_at, "Call replay_stop() at this step, for a debugger", "STEP" },
        { "checkpoints", 0, 0, G_OPTION_ARG_INT64, &o->checkpoints,
          "For a debugger: leave a copy of the process every STEPS", "STEPS" },
        { "guest-gdb", 0, 0, G_OPTION_ARG_STRING, &o->guest_gdb,
          "With --replay: let gdb look at the guest, in both directions (tcp:HOST:PORT, unix:PATH)", "ADDRESS" },
        { "guest-at", 0, 0, G_OPTION_ARG_INT64, &o->guest_at, "With --guest-gdb: stand at this step first", "STEP" },
        { "strategy", 0, 0, G_OPTION_ARG_STRING, &o->strategy, "random, pct (default) or pos", "NAME" },
        { "seed", 0, 0, G_OPTION_ARG_INT64, &o->seed, "First seed (default 1)", "N" },
        { "runs", 0, 0, G_OPTION_ARG_INT64, &o->runs, "Stop after so many schedules", "N" },
        { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &o->seconds, "Stop after so much time", "S" },
        { "from", 0, 0, G_OPTION_ARG_STRING, &o->from, "Search only from when the client has sent TEXT on", "TEXT" },
        { "depth", 0, 0, G_OPTION_ARG_INT, &o->depth, "PCT depth (default: 1, 2, 3 in turn)", "D" },
        { "job", 0, 0, G_OPTION_ARG_INT, &o->job, "This explorer's number, from 0", "N" },
        { "jobs", 0, 0, G_OPTION_ARG_INT, &o->jobs, "Explorers that share the seeds", "N" },
        { "replays", 0, 0, G_OPTION_ARG_INT64, &o->replays_max, "Most replays to minimise one failure", "N" },
        { "out", 0, 0, G_OPTION_ARG_FILENAME, &o->out, "Where failures' traces go (default .)", "DIR" },
        { "no-record", 0, 0, G_OPTION_ARG_NONE, &o->no_record,
          "Note no deviations: to measure what noting costs", NULL },
        { "keep-going", 0, 0, G_OPTION_ARG_NONE, &o->keep_going, "Do not stop at the first failure", NULL },
        { "quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet, "Print no report", NULL },
        { "no-stacks", 0, 0, G_OPTION_ARG_NONE, &o->no_stacks, "Report without symbolised stacks (faster)", NULL },
        { NULL },
    };
    g_autoptr(GOptionContext) context = g_option_context_new("-- RONDO OPTIONS");
    bool ok;

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_summary(context,
                                 "rondo on the simulated engine: one OS thread, every interleaving repeatable.");
    ok = g_option_context_parse(context, argc, argv, errp);
    o->mode = explore ? MODE_EXPLORE : replay ? MODE_REPLAY : record ? MODE_RECORD : MODE_LIVE;
    o->trace = explore ? explore : replay ? replay : record;
    if (ok && !!explore + !!replay + !!record > 1) {
        g_free(explore ? replay : NULL);
        g_free(record);
        error_setg(errp, "only one of --record, --replay and --explore can be given");
        return false;
    }
    if (ok && (o->job < 0 || o->jobs < 1 || o->job >= o->jobs || o->depth < 0 || o->seed < 0 || o->runs < 0)) {
        error_setg(errp, "--job must be below --jobs, and --depth, --seed and --runs not negative");
        return false;
    }
    if (ok && o->guest_gdb && (o->mode != MODE_REPLAY || o->guest_at < 0)) {
        error_setg(errp, "--guest-gdb needs --replay, and a step that is not negative");
        return false;
    }
    return ok;
}

static void session_free(Session *s)
{
    Options *o = &s->options;

    follower_free(s->follower);
    script_free(s->script);
    trace_free(s->trace);
    g_strfreev(o->machine);
    g_free(o->trace);
    g_free(o->scenario);
    g_free(o->result);
    g_free(o->log);
    g_free(o->out);
    g_free(o->strategy);
    g_free(o->from);
    g_free(o->guest_gdb);
}

int main(int argc, char **argv)
{
    Options *o = &session.options;
    g_autoptr(GError) err = NULL;
    bool usage_error = false;
    int split = 1, status;

    /* Options of ours end at "--"; without it, everything is rondo's. */
    while (split < argc && strcmp(argv[split], "--") != 0) {
        split++;
    }
    *o = (Options){ .seed = 1, .jobs = 1, .replays_max = 1000, .strategy = g_strdup("pct"), .out = g_strdup(".") };
    if (split < argc || (argc > 1 && g_str_has_prefix(argv[1], "--") && strcmp(argv[1], "--version") != 0)) {
        int ours = split;
        char **words = argv;

        o->machine = g_strdupv(argv + MIN(split + 1, argc));
        if (!parse_options(o, &ours, &words, &err)) {
            usage_error = true;
        } else if (ours > 1) {
            error_setg(&err, "unexpected '%s' before '--'", words[1]);
            usage_error = true;
        }
    } else {
        o->machine = g_strdupv(argv + 1);
    }
    if (err || !session_prepare(&session, &err)) {
        fprintf(stderr, "rondo-sim: %s%s\n", err->message, usage_error ? " (see --help)" : "");
        session_free(&session);
        return 2;
    }
    status = session_run(&session);
    session_free(&session);
    if (o->mode == MODE_LIVE || o->mode == MODE_RECORD) {
        os_exit(status);        /* gives the terminal back */
    }
    return status;
}
