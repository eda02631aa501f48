/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated engine: every thread a fiber on one OS thread, one decision before each visible operation.
 *
 * The default schedule keeps the running thread until it blocks, then takes the thread that has waited longest.
 * Everything else is an oracle's deviation from that. State is one struct (sim), because there is one OS thread and
 * one simulation per process at a time; machines inside it hang off their own objects.
 *
 * Context: any fiber. Invariants: sim_int.h.
 */
#include "sched/sim_int.h"

#include "platform/os.h"

#include <errno.h>
#include <string.h>

Sim sim;

/* ---- Decisions ---- */

bool sim_thread_enabled(SchedThread *t)
{
    if (t->done) {
        return false;
    }
    return !t->ready || (t->deadline_ns >= 0 && sim.now_ns >= t->deadline_ns) || t->ready(t);
}

static int64_t earliest_deadline(void)
{
    int64_t first = -1;

    for (unsigned i = 0; i < sim.threads->len; i++) {
        SchedThread *t = sim.threads->pdata[i];

        if (!t->done && t->deadline_ns >= 0 && (first < 0 || t->deadline_ns < first)) {
            first = t->deadline_ns;
        }
    }
    return first;
}

/* Nothing is enabled. True if time or the outside world has changed that. */
static bool sim_idle(void)
{
    int64_t deadline = earliest_deadline();

    if (sim.config.world.live) {
        /* Give a person or a test program a moment before virtual time jumps ahead of them. */
        const int64_t patience_ns = 20 * 1000 * 1000;
        int64_t limit = deadline < 0 ? -1 : MIN(MAX(deadline - sim.now_ns, 0), patience_ns);

        if (sim_stream_live_wait(limit)) {
            return true;
        }
    }
    if (deadline < 0) {
        return false;
    }
    sim.now_ns = MAX(sim.now_ns, deadline);
    return true;
}

/* Real peers must be heard although a guest spins: look now and then. */
#define LIVE_LOOK_EVERY 512

static SchedThread *decide(SchedThread *self, SchedThread *first_waiting, bool self_enabled)
{
    SchedThread *def = self_enabled && !self->yielding ? self : first_waiting;

    sim.decisions++;
    if (sim.config.world.live && sim.decisions % LIVE_LOOK_EVERY == 0) {
        (void)sim_stream_live_wait(0);      /* news or not, the decision stands */
    }
    if (sim.config.steps_max_unfair && sim.steps > sim.config.steps_max_unfair) {
        return first_waiting;
    }
    return sim.config.oracle.pick ? sim.config.oracle.pick(sim.config.oracle.opaque, self, def) : def;
}

/* Who performs its pending operation next? @self may be done. */
static SchedThread *sim_next(SchedThread *self)
{
    if (sim.config.steps_max && sim.steps >= sim.config.steps_max) {
        sim_fail(SIM_HANG, "no end under a fair schedule");
    }
    for (;;) {
        bool self_enabled = sim_thread_enabled(self);
        SchedThread *first = NULL;      /* of the others, the one that waits longest */
        unsigned enabled = self_enabled;

        for (unsigned i = 0; i < sim.threads->len; i++) {
            SchedThread *t = sim.threads->pdata[i];

            if (t != self && sim_thread_enabled(t)) {
                enabled++;
                first = !first || t->fifo < first->fifo ? t : first;
            }
        }
        if (enabled > 1) {
            return decide(self, first, self_enabled);
        }
        if (enabled) {
            return first ? first : self;
        }
        if (!sim_idle()) {
            sim_fail(SIM_DEADLOCK, "nothing can run");
        }
    }
}

static void sim_switch(SchedThread *from, SchedThread *to)
{
    sim.current = to;
    from->fifo = sim.steps;
    if (from->done) {
        sched_context_exit_to(&from->ctx, &to->ctx);
    }
    sched_context_switch(&from->ctx, &to->ctx);
}

void sim_digest_mix(uint64_t v)
{
    uint64_t h = (sim.digest ^ v) * 0x9E3779B97F4A7C15ull;

    sim.digest = h ^ (h >> 29);
}

void sim_digest_bytes(const void *buf, size_t len)
{
    const uint8_t *p = buf;
    uint64_t word = 0;

    sim_digest_mix(len);
    for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
        memcpy(&word, p, sizeof(word));
        sim_digest_mix(GUINT64_FROM_LE(word));
    }
    for (word = 0; len--;) {
        word = word << 8 | p[len];
    }
    sim_digest_mix(word);
}

/* Names only: ids depend on what was named before, addresses on the day. */
static void sim_event(SchedThread *t)
{
    sim_digest_mix(t->name_hash);
    sim_digest_mix(sim_kind_hash(t->op.kind) ^ sim_name_of(t->op.object_id)->hash);
    sim.steps++;
    if (sim.config.oracle.event) {
        sim.config.oracle.event(sim.config.oracle.opaque, t);
    }
}

void sim_op(SchedKind kind, SchedObject *o, uintptr_t site, bool (*ready)(SchedThread *t), void *wait,
            int64_t deadline_ns)
{
    SchedThread *t = sim.current;
    uint32_t id = sim_intern(o);
    SchedThread *next;

    t->op = (SimOp){
        .kind = kind, .type = o ? o->type : "", .object = id ? sim_name_of(id)->text : "", .object_id = id,
        .occurrence = sim_count_operation(t, kind, id), .site = site,
    };
    t->ready = ready;
    t->wait = wait;
    t->deadline_ns = deadline_ns;
    next = sim_next(t);
    if (next != t) {
        sim_switch(t, next);
    }
    t->ready = NULL;
    t->deadline_ns = -1;
    t->yielding = false;
    sim_event(t);
}

int64_t sim_deadline(int64_t timeout_ns)
{
    return timeout_ns < 0 || timeout_ns > INT64_MAX / 2 - sim.now_ns ? -1 : sim.now_ns + timeout_ns;
}

void sched_point(SchedKind kind, SchedObject *o)
{
    sim_op(kind, o, SIM_SITE, NULL, NULL, -1);
}

unsigned sim_choose(unsigned n)
{
    unsigned v = 0;

    if (n > 1 && sim.config.oracle.choose) {
        v = sim.config.oracle.choose(sim.config.oracle.opaque, sim.current, &sim.current->op, n);
        assert(v < n);
    }
    sim_digest_mix(v);
    return v;
}

unsigned sched_choose(SchedKind kind, SchedObject *o, unsigned n)
{
    assert(n >= 1 && n <= SIM_CHOICES_MAX);
    sim_op(kind, o, SIM_SITE, NULL, NULL, -1);
    return sim_choose(n);
}

const char *sched_blocked_on(const char *what)
{
    const char *old = sim.current->blocked_on;

    sim.current->blocked_on = what;
    return old;
}

uint64_t sched_vcpu_slice(SchedObject *cpu, uint64_t max)
{
    uint64_t n = max;

    /* A guest that spins may be the only one that can run: look for real peers before every slice of it. */
    if (sim.config.world.live) {
        (void)sim_stream_live_wait(0);
    }
    sim.current->yielding = true;       /* nor must it keep the others out */
    sim_op(SCHED_K_VCPU_SLICE, cpu, SIM_SITE, NULL, NULL, -1);
    if (sim.config.oracle.slice) {
        n = sim.config.oracle.slice(sim.config.oracle.opaque, sim.current, &sim.current->op, max);
        assert(n >= 1 && n <= max);
    }
    return n;
}

void sched_vcpu_ran(SchedObject *cpu, uint64_t executed)
{
    sim.now_ns += executed;
    sim_digest_mix(executed);
}

/* ---- Threads ---- */

static void thread_body(void *opaque)
{
    SchedThread *t = opaque;
    SchedObject o;

    t->ready = NULL;
    sim_event(t);
    t->fn(t->opaque);
    sched_object_init(&o, "thread", t->name);
    sim_op(SCHED_K_THREAD_EXIT, &o, SIM_SITE, NULL, NULL, -1);
    t->done = true;
    t->counts->in_use = false;
    sim_switch(t, sim_next(t));
    g_assert_not_reached();
}

/* Mapping a stack costs more than a short run: the next run of this process gets the last one's. */
static void *stack_take(void)
{
    return sim.stacks_kept ? sim.stacks[--sim.stacks_kept] : sched_stack_alloc();
}

static void stack_give(void *stack)
{
    if (sim.stacks_kept < G_N_ELEMENTS(sim.stacks)) {
        sim.stacks[sim.stacks_kept++] = stack;
    } else {
        sched_stack_free(stack);
    }
}

static SchedThread *thread_new(const char *name, SchedThreadFunc *fn, void *opaque)
{
    SchedThread *t = g_new0(SchedThread, 1);
    SchedObject o;

    t->counts = sim_counts_for(name);
    t->name = t->counts->name;
    t->name_hash = sim_text_hash(t->name);
    t->id = sim.next_thread_id++;
    t->fn = fn;
    t->opaque = opaque;
    t->deadline_ns = -1;
    t->fifo = sim.steps;
    t->stack = stack_take();
    sched_context_init(&t->ctx, t->stack, SCHED_STACK_SIZE, thread_body, t);
    sched_object_init(&o, "thread", t->name);
    t->op = (SimOp){ .kind = SCHED_K_THREAD_START, .type = "thread", .object_id = sim_intern(&o) };
    t->op.object = sim_name_of(t->op.object_id)->text;
    t->op.occurrence = sim_count_operation(t, t->op.kind, t->op.object_id);
    g_ptr_array_add(sim.threads, t);
    return t;
}

void sim_thread_free(SchedThread *t)
{
    g_ptr_array_remove(sim.threads, t);
    sched_context_destroy(&t->ctx);
    stack_give(t->stack);
    g_free(t);
}

SchedThread *sched_thread_create(const char *name, SchedThreadFunc *fn, void *opaque)
{
    SchedThread *t = thread_new(name, fn, opaque);
    SchedObject o;

    t->slots[SCHED_SLOT_MACHINE] = sched_slot_get(SCHED_SLOT_MACHINE);
    sched_object_init(&o, "thread", t->name);
    sim_op(SCHED_K_THREAD_START, &o, SIM_SITE, NULL, NULL, -1);
    return t;
}

static bool ready_joined(SchedThread *t)
{
    return ((SchedThread *)t->wait)->done;
}

void sched_thread_join(SchedThread *t)
{
    SchedObject o;

    sched_object_init(&o, "thread", t->name);
    sim_op(SCHED_K_THREAD_JOIN, &o, SIM_SITE, ready_joined, t, -1);
    sim_thread_free(t);
}

SchedThread *sched_thread_self(void)
{
    return sim.current;
}

const char *sched_thread_name(const SchedThread *t)
{
    return t->name;
}

int sched_thread_number(const SchedThread *t)
{
    return (int)t->id;
}

void **sched_slots(void)
{
    return sim.current->slots;
}

/* ---- Start and end of a run ---- */

typedef struct MainCall {
    int (*fn)(void *opaque);
    void *opaque;
} MainCall;

static G_NORETURN void sim_end(SimOutcome outcome, int status, const char *text)
{
    sim.main_status = status;
    base_set_fatal_handler(NULL);       /* a failure while reporting this one must not report again */
    if (sim.config.oracle.ended) {
        sim.config.oracle.ended(sim.config.oracle.opaque, outcome, status, text);
    }
    if (outcome != SIM_EXIT) {
        base_fatal("simulator: %s (thread %s)", text, sim.current->name);
    }
    sim_leave(status);
}

static void main_body(void *opaque)
{
    MainCall *call = opaque;

    sim_end(SIM_EXIT, call->fn(call->opaque), SIM_MAIN_RETURNED);
}

static void fatal_handler(const char *text)
{
    sim_end(SIM_ASSERT, 134, text);
}

void sim_configure(const SimConfig *config)
{
    sim.config = *config;
}

SimConfig *sim_config(void)
{
    return &sim.config;
}

int sched_main(int (*fn)(void *opaque), void *opaque)
{
    MainCall call = { fn, opaque };
    SchedThread *t;

    assert(!sim.current);
    sim.steps = sim.decisions = sim.digest = 0;
    sim.next_thread_id = 0;
    sim.now_ns = 0;
    sim.random_state = 0x2545F4914F6CDD1Dull;
    sim.threads = g_ptr_array_new();
    sim.counts = g_ptr_array_new_with_free_func(sim_counts_free);
    sim.fds = g_ptr_array_new();
    base_set_fatal_handler(fatal_handler);
    os_ignore_sigpipe();        /* a real client that left, while recording */
    sched_context_init_thread(&sim.host);
    t = thread_new("main", main_body, &call);
    sim.current = t;
    sched_context_switch(&sim.host, &t->ctx);

    sim.current = NULL;
    base_set_fatal_handler(NULL);
    while (sim.threads->len) {
        sim_thread_free(sim.threads->pdata[0]);
    }
    sim_fds_free();
    sim_streams_free();
    sim_files_free();
    g_clear_pointer(&sim.threads, g_ptr_array_unref);
    g_clear_pointer(&sim.counts, g_ptr_array_unref);
    g_clear_pointer(&sim.fds, g_ptr_array_unref);
    sched_context_destroy(&sim.host);
    return sim.main_status;
}

void sim_leave(int status)
{
    sim.main_status = status;
    sched_context_exit_to(&sim.current->ctx, &sim.host);
}

void sim_fail(SimOutcome outcome, const char *text)
{
    sim_end(outcome, 1, text);
}

void sched_exit(int status)
{
    sim_end(SIM_EXIT, status, "exit");
}

/* ---- Time and chance ---- */

/* Looking at the clock takes time, or a loop that polls it would never end. */
#define CLOCK_READ_NS 100

int64_t sched_clock_ns(SchedClock clock)
{
    sim.now_ns += CLOCK_READ_NS;
    return clock == SCHED_CLOCK_HOST ? SIM_HOST_EPOCH_NS + sim.now_ns : sim.now_ns;
}

void sched_random_bytes(void *buf, size_t len)
{
    uint8_t *p = buf;

    for (size_t i = 0; i < len; i++) {
        sim.random_state ^= sim.random_state << 13;
        sim.random_state ^= sim.random_state >> 7;
        sim.random_state ^= sim.random_state << 17;
        p[i] = sim.random_state >> 32;
    }
}

bool sched_is_sim(void)
{
    return true;
}

bool sched_can_run_natively(void)
{
    return false;
}

void sched_thread_take_kicks(void)
{
}

void sched_thread_kick(SchedThread *t)
{
}
