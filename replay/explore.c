/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The explorer: build the machine once, then fork a child for every schedule.
 *
 * The parent stands at the first quiet moment of the machine (everything built, no command read yet), or at the first
 * after the client has sent a certain command (--from): until there every run is the default schedule. A child leaves a
 * record in shared memory: the deviations as they happen, so that even a crash leaves its schedule, and the outcome.
 * One process explores on one core; the front end starts one for each core with interleaved seeds.
 *
 * Progress and results go to stdout as JSON lines.
 */
#include "replay/session.h"
#include "base/assert.h"
#include "platform/os.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEVIATIONS_MAX 1000000 /* of one run; the memory is touched as it is used */
#define NAMES_MAX (64u << 20)
#define SIGNATURE_MAX 8192
#define PROGRESS_EVERY_S 0.5
#define UNIT_REPEAT 1000        /* runs of a unit in one child; a machine always gets a fresh one */

typedef struct FlatDeviation {
    DeviationType type;
    SchedKind kind;
    uint32_t occurrence;
    uint64_t value;
    uint32_t thread, to, object;        /* offsets into names; 0: none */
} FlatDeviation;

typedef struct RunRecord {
    bool ended;
    SimOutcome outcome;
    int status;
    uint64_t steps, digest;
    uint64_t decisions;         /* most of any run of this child */
    unsigned threads;
    uint64_t seed;
    unsigned passed_before;     /* runs of the same child that passed */
    char text[1024];
    char signature[SIGNATURE_MAX];
    bool overflow;              /* not everything could be noted: the run cannot be replayed */
    unsigned deviations;
    uint32_t names_used;
    FlatDeviation deviation[DEVIATIONS_MAX];
    char names[NAMES_MAX];
} RunRecord;

struct Explorer {
    Session *session;
    RunRecord *run;             /* shared with the child */
    jmp_buf child;
    GHashTable *seen;           /* signatures already reported */
    uint64_t typical_steps, k, k_before;     /* k_before: decisions of the part that all runs share */
    unsigned threads;
    uint64_t runs, failures;
    double started, reported, found_at;
    /* The child's own: a unit repeats in one process until a run fails. */
    StrategyType type;
    Strategy *strategy;
    uint64_t run_seed;
    unsigned repeat;
};

/* ---- The child's side ---- */

static uint32_t note_name(RunRecord *r, const char *name)
{
    size_t len = name ? strlen(name) + 1 : 0;
    uint32_t at = r->names_used;

    if (!len) {
        return 0;
    }
    if (len > NAMES_MAX - at) {
        r->overflow = true;
        return 0;
    }
    memcpy(&r->names[at], name, len);
    r->names_used += len;
    return at;
}

static void child_deviated(void *opaque, DeviationType type, SchedThread *self, const char *to, uint64_t value)
{
    Explorer *e = opaque;
    RunRecord *r = e->run;
    const SimOp *op = sim_thread_op(self);

    if (e->session->options.no_record) {
        return;
    }
    if (r->deviations == DEVIATIONS_MAX) {
        r->overflow = true;
        return;
    }
    r->deviation[r->deviations] = (FlatDeviation){
        .type = type, .kind = op->kind, .occurrence = op->occurrence, .value = value,
        .thread = note_name(r, sched_thread_name(self)), .to = note_name(r, to), .object = note_name(r, op->object),
    };
    r->deviations++;
}

/*
 * Processor time, not the clock's: a loaded machine must not look like a loop. A run that reaches its last choice point
 * takes far less.
 */
#define CHILD_SECONDS 120

static void child_watchdog(void)
{
    const struct itimerval limit = { .it_value = { .tv_sec = CHILD_SECONDS } };

    setitimer(ITIMER_VIRTUAL, &limit, NULL);
}

void explorer_child_ended(Session *s, SimOutcome outcome, int status, const char *text)
{
    RunRecord *r = s->explorer->run;
    g_autofree char *said = NULL, *signature = NULL;
    json_object *report;

    r->decisions = MAX(r->decisions, sim_decisions() - s->explorer->k_before);
    if (outcome == SIM_EXIT && status == 0 && s->explorer->repeat) {
        s->explorer->repeat--;
        r->passed_before++;
        sim_leave(0);
    }
    said = g_strdup(text);
    outcome = session_judge(s, outcome, &said);
    report = report_build(outcome, status, said, false);
    signature = report_signature(report);
    g_strlcpy(r->text, said, sizeof(r->text));
    g_strlcpy(r->signature, signature, sizeof(r->signature));
    r->outcome = outcome;
    r->status = status;
    r->steps = sim_steps();
    r->digest = sim_digest();
    r->threads = sim_threads_created();
    r->ended = true;
    _exit(0);
}

static void run_clear_deviations(RunRecord *r)
{
    r->deviations = 0;
    r->overflow = false;
    r->names_used = 1;          /* offset 0 means none */
}

static unsigned depth_for(const Explorer *e, uint64_t seed)
{
    const Options *o = &e->session->options;

    return o->depth ? o->depth : 1 + seed / o->jobs % 3;
}

void explorer_again(Explorer *e)
{
    SimConfig *config = sim_config();
    SimOracle oracle;

    strategy_free(e->strategy);
    child_watchdog();
    script_reset(e->session->script);
    run_clear_deviations(e->run);
    e->run->seed += e->session->options.jobs;
    e->strategy = strategy_new(e->type, e->run->seed, e->k, depth_for(e, e->run->seed), child_deviated, e);
    oracle = strategy_oracle(e->strategy);
    oracle.ended = config->oracle.ended;
    config->oracle = oracle;
}

static void child_silence(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
}

/* ---- The parent's side: one run ---- */

static void record_death(RunRecord *r, int wstatus)
{
    r->outcome = SIM_CRASH;
    r->status = wstatus;
    if (WIFSIGNALED(wstatus) && WTERMSIG(wstatus) == SIGVTALRM) {
        g_snprintf(r->text, sizeof(r->text), "no choice point for %d s of processor time", CHILD_SECONDS);
        r->outcome = SIM_HANG;
    } else if (WIFSIGNALED(wstatus)) {
        g_snprintf(r->text, sizeof(r->text), "killed by signal %d (%s)", WTERMSIG(wstatus),
                   strsignal(WTERMSIG(wstatus)));
    } else {
        g_snprintf(r->text, sizeof(r->text), "process ended by itself with status %d (sanitizer?)",
                   WEXITSTATUS(wstatus));
    }
    g_snprintf(r->signature, sizeof(r->signature), "%s: %s", report_outcome_name(r->outcome), r->text);
}

/* Fork; the child continues the machine with @oracle (from explorer_fork_here), the parent waits for its record. */
static void run_child(Explorer *e, SimOracle oracle)
{
    RunRecord *r = e->run;
    pid_t pid, parent = getpid();
    int wstatus;

    memset(r, 0, offsetof(RunRecord, text));
    r->text[0] = r->signature[0] = '\0';
    run_clear_deviations(r);
    r->seed = e->run_seed;
    fflush(stdout);
    pid = fork();
    if (pid < 0) {
        perror("rondo-sim: fork");
        os_exit(2);
    }
    if (pid == 0) {
        SimConfig *config = sim_config();

        /* Whoever stops the search stops its runs. */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) {
            _exit(1);
        }
        child_silence();
        child_watchdog();
        e->session->run_ended = explorer_child_ended;
        oracle.ended = config->oracle.ended;
        config->oracle = oracle;
        session_limits(config, e->session->trace, e->typical_steps);
        longjmp(e->child, 1);
    }
    while (waitpid(pid, &wstatus, 0) < 0 && errno == EINTR) {
    }
    if (!r->ended) {
        record_death(r, wstatus);
    }
}

static bool run_failed(const RunRecord *r)
{
    return r->outcome != SIM_EXIT || r->status != 0;
}

bool explorer_try(Explorer *e, GPtrArray *deviations, const char *signature)
{
    Follower *f = follower_new(deviations);

    run_child(e, follower_oracle(f));
    follower_free(f);
    return run_failed(e->run) && !strcmp(e->run->signature, signature);
}

/* ---- The parent's side: the search ---- */

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void say(json_object *o)
{
    puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    fflush(stdout);
    json_object_put(o);
}

static void say_progress(Explorer *e, bool last)
{
    json_object *o;
    double now = now_s();

    if (!last && now - e->reported < PROGRESS_EVERY_S) {
        return;
    }
    e->reported = now;
    o = json_object_new_object();
    json_object_object_add(o, last ? "done" : "progress", json_object_new_boolean(true));
    json_object_object_add(o, "runs", json_object_new_int64(e->runs));
    json_object_object_add(o, "failures", json_object_new_int64(e->failures));
    json_object_object_add(o, "seconds", json_object_new_double(now - e->started));
    json_object_object_add(o, "n", json_object_new_int64(e->threads));
    json_object_object_add(o, "k", json_object_new_int64(e->k));
    json_object_object_add(o, "steps", json_object_new_int64(e->typical_steps));
    say(o);
}

static GPtrArray *record_deviations(const RunRecord *r)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)deviation_free);

    for (unsigned i = 0; i < r->deviations; i++) {
        const FlatDeviation *d = &r->deviation[i];
        SimOp op = { .kind = d->kind, .object = &r->names[d->object], .occurrence = d->occurrence };

        g_ptr_array_add(list, deviation_new(d->type, &r->names[d->thread], &op, d->to ? &r->names[d->to] : NULL,
                                            d->value));
    }
    return list;
}

static char *failure_path(Explorer *e)
{
    const Options *o = &e->session->options;
    const char *scenario = e->session->trace->scenario ? e->session->trace->scenario : "scenario";

    return g_strdup_printf("%s/%s-%d-%" G_GUINT64_FORMAT ".trace", o->out, scenario, o->job, e->failures);
}

/* A failure as it is written down: what happened, and the deviations that make it happen again. */
typedef struct Found {
    SimOutcome outcome;
    char *text, *signature;
    uint64_t digest;
    GPtrArray *list;            /* borrowed deviations */
} Found;

static void save_failure(Explorer *e, const Found *f, const char *path)
{
    Trace t = *e->session->trace;       /* machine and script are shared, the rest is this failure's */
    g_autofree char *digest = g_strdup_printf("%016" G_GINT64_MODIFIER "x", f->digest);
    g_autoptr(GError) err = NULL;
    SimConfig limits;

    t.deviations = f->list;
    t.expect = (char *)report_outcome_name(f->outcome);
    t.signature = f->text;
    t.digest_build = (char *)session_build_id();
    t.digest = digest;
    if (f->outcome == SIM_HANG) {
        session_limits(&limits, e->session->trace, e->typical_steps);
        t.fair_from = limits.steps_max_unfair;
        t.fair_end = limits.steps_max;
    }
    if (!trace_save(&t, path, &err)) {
        fprintf(stderr, "rondo-sim: the trace of a failure cannot be written: %s\n", err->message);
        os_exit(2);
    }
}

static void say_found(Explorer *e, const Found *f, uint64_t seed, bool reproduced, unsigned all, unsigned replays,
                      const char *path)
{
    json_object *o = json_object_new_object();

    json_object_object_add(o, "reproduced", json_object_new_boolean(reproduced));
    json_object_object_add(o, "failure", json_object_new_string(report_outcome_name(f->outcome)));
    json_object_object_add(o, "text", json_object_new_string(f->text));
    json_object_object_add(o, "signature", json_object_new_string(f->signature));
    json_object_object_add(o, "seed", json_object_new_int64(seed));
    json_object_object_add(o, "run", json_object_new_int64(e->runs));
    json_object_object_add(o, "seconds", json_object_new_double(e->found_at - e->started));
    json_object_object_add(o, "deviations-found", json_object_new_int64(all));
    json_object_object_add(o, "deviations", json_object_new_int64(f->list->len));
    json_object_object_add(o, "replays", json_object_new_int64(replays));
    json_object_object_add(o, "trace", json_object_new_string(path));
    say(o);
}

/* A failure that was not seen before: minimise it, write its trace, tell the front end. */
static void found(Explorer *e, uint64_t seed)
{
    RunRecord *r = e->run;
    bool whole = !r->overflow, reproduced = false;
    g_autofree char *path = NULL, *text = g_strdup(r->text), *signature = g_strdup(r->signature);
    Found f = { .outcome = r->outcome, .text = text, .signature = signature, .digest = r->digest };
    g_autoptr(GPtrArray) all = record_deviations(r), small = NULL;
    unsigned replays = 0;

    e->failures++;
    e->found_at = now_s();
    g_hash_table_add(e->seen, g_strdup(f.signature));
    path = failure_path(e);
    f.list = all;
    if (whole) {
        small = minimise(e, all, f.signature, e->session->options.replays_max, &replays);
        reproduced = explorer_try(e, small, f.signature);
    }
    if (reproduced) {
        f.list = small;
        f.digest = r->digest;
    }
    save_failure(e, &f, path);
    say_found(e, &f, seed, reproduced, all->len, replays, path);
}

/* Run schedules from @seed on: one, or with @repeat up to so many more until one fails. Returns the next seed. */
static uint64_t run_seed(Explorer *e, StrategyType type, uint64_t seed, unsigned repeat)
{
    e->type = type;
    e->repeat = repeat;
    e->strategy = strategy_new(type, seed, e->k, depth_for(e, seed), child_deviated, e);
    e->run_seed = seed;
    run_child(e, strategy_oracle(e->strategy));
    strategy_free(e->strategy);
    e->repeat = 0;
    seed = e->run->seed;
    e->runs += e->run->passed_before + 1;
    e->threads = MAX(e->threads, e->run->threads);
    if (!run_failed(e->run)) {
        e->k = MAX(e->k, e->run->decisions);    /* the bound needs the longest run, not the usual one */
    }
    if (run_failed(e->run) && !g_hash_table_contains(e->seen, e->run->signature)) {
        found(e, seed);
    }
    return seed + e->session->options.jobs;
}

static G_NORETURN void search(Explorer *e)
{
    const Options *o = &e->session->options;
    StrategyType type;
    uint64_t seed = o->seed + o->job;

    e->started = now_s();
    if (!strategy_from_name(o->strategy, &type)) {
        fprintf(stderr, "rondo-sim: unknown strategy '%s' (random, pct, pos)\n", o->strategy);
        os_exit(2);
    }
    run_seed(e, STRATEGY_DEFAULT, 0, 0);
    e->typical_steps = e->run->steps;
    e->k = MAX(e->k, 1);
    while ((!o->runs || e->runs < o->runs) && (o->seconds <= 0 || now_s() - e->started < o->seconds) &&
           (o->keep_going || !e->failures)) {
        uint64_t left = o->runs ? o->runs - e->runs - 1 : UINT64_MAX;

        seed = run_seed(e, type, seed, e->session->trace->unit ? MIN(left, UNIT_REPEAT) : 0);
        say_progress(e, false);
    }
    say_progress(e, true);
    os_exit(e->failures ? 1 : 0);      /* the machine that was built for the children still stands */
}

Explorer *explorer_new(Session *s)
{
    Explorer *e = g_new0(Explorer, 1);

    e->session = s;
    e->run = mmap(NULL, sizeof(RunRecord), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (e->run == MAP_FAILED) {
        perror("rondo-sim: shared memory for results");
        os_exit(2);
    }
    e->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return e;
}

void explorer_fork_here(Explorer *e)
{
    e->k_before = e->session->trace->unit ? 0 : sim_decisions();
    if (setjmp(e->child) == 0) {
        search(e);
    }
}
