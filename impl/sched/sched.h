/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine seam: threads, locks, clocks, random numbers and choices.
 *
 * Implemented twice, chosen by linking: engine_os (pthreads, no hooks) and engine_sim (every thread a fiber on
 * one OS thread, an oracle picks who runs). Code above this header is the same object in both.
 *
 * Under engine_sim every call that names an object is a choice point: the calling thread publishes what it is
 * about to do (kind, object, caller) and others may run first. Code between two such calls is atomic there, so
 * a lock-free protocol puts a sched_point() before each access that another thread can see.
 *
 * Ownership: objects embed in their owner's struct; names are borrowed and must outlive the object. Names are
 * identity in traces: derive them from what a user called the thing, never from an address or a counter that
 * an unrelated object would shift.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include "base/context.h"
#include "sched/kinds.h"

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Names ---- */

typedef struct SchedObject {
    const char *type;       /* "mutex", "bh", "co", ...: what deadlock reports call it */
    const char *name;       /* stable, unique enough for a person */
    uint32_t id;            /* engine_sim's handle for the name; 0 until it first needs one */
} SchedObject;

static inline void sched_object_init(SchedObject *o, const char *type, const char *name)
{
    *o = (SchedObject){ .type = type, .name = name };
}

/* ---- Choice points ---- */

/** sched_point: others may run before what the caller does next to @o. Any thread. Does nothing in engine_os. */
void sched_point(SchedKind kind, SchedObject *o);

/**
 * sched_choose: pick one of @n alternatives that the outside world could cause.
 * @n: 1..64. Returns 0..n-1; engine_os and the default schedule always return 0, so make 0 the plain case.
 */
unsigned sched_choose(SchedKind kind, SchedObject *o, unsigned n);

/**
 * sched_blocked_on: tell deadlock reports why the calling thread polls, in words.
 * @what: e.g. "drain of all nodes"; borrowed until the matching call with the previous value.
 * Returns the previous text, to be restored by the caller.
 */
const char *sched_blocked_on(const char *what);

/**
 * sched_vcpu_slice: how many guest instructions to run before asking again.
 * @max: what the caller would like, >= 1. Returns 1..@max. engine_os: @max.
 */
uint64_t sched_vcpu_slice(SchedObject *cpu, uint64_t max);

/** sched_vcpu_ran: @executed instructions of the slice are done; virtual time moves on (1 ns each). */
void sched_vcpu_ran(SchedObject *cpu, uint64_t executed);

/* ---- Threads ---- */

typedef struct SchedThread SchedThread;
typedef void SchedThreadFunc(void *opaque);

/**
 * sched_thread_create: start a thread. It inherits the creator's machine.
 * @name: unique among live threads; copied. Words of users: "main", "CPU 0/TCG", "iothread0", "worker1".
 * Never fails (the process ends if the system has no threads left).
 */
SchedThread *sched_thread_create(const char *name, SchedThreadFunc *fn, void *opaque);
/** sched_thread_join: wait for the end of @t and free it. Blocks. */
void sched_thread_join(SchedThread *t);
SchedThread *sched_thread_self(void);
const char *sched_thread_name(const SchedThread *t);
/**
 * sched_thread_number: by which the system knows it (gettid(2)), 0 until it has begun to run; in the simulator the
 * order of creation, from 0.
 */
int sched_thread_number(const SchedThread *t);

/**
 * sched_main: run @fn as the thread "main" of an engine that is set up before and torn down after.
 * Call it once at a time per process, from main(). Returns what @fn returns.
 */
int sched_main(int (*fn)(void *opaque), void *opaque);

/* Thread-local state lives here, because `__thread` cannot follow a fiber. All slots start as NULL. */
typedef enum SchedSlot {
    SCHED_SLOT_MACHINE,             /* Machine * */
    SCHED_SLOT_AIO_CONTEXT,         /* AioContext *, home context of this thread */
    SCHED_SLOT_BQL,                 /* non-NULL while this thread owns the BQL */
    SCHED_SLOT_COROUTINE,           /* Coroutine *, current */
    SCHED_SLOT_COROUTINE_LEADER,    /* Coroutine *, stands for the thread's own stack */
    SCHED_SLOT_COROUTINE_POOL,
    SCHED_SLOT_CPU,                 /* CPUState * of a vCPU thread */
    SCHED_SLOT_MONITOR,             /* Monitor * whose command runs */
    SCHED_SLOT_IOTHREAD,
    SCHED_SLOT_SPARE,
    SCHED_SLOT__MAX,
} SchedSlot;

/** sched_slots: the calling thread's slots. Never keep the pointer across a coroutine switch. */
void **sched_slots(void);

static inline void *sched_slot_get(SchedSlot slot)
{
    return sched_slots()[slot];
}

static inline void sched_slot_set(SchedSlot slot, void *value)
{
    sched_slots()[slot] = value;
}

/* ---- Locks. Fixed size so that both engines fit; all blocking calls are choice points. ---- */

typedef struct SchedMutex {
    SchedObject o;
    SchedThread *owner;             /* who holds it; kept by both engines for ownership checks */
    unsigned depth;                 /* recursive mutexes only */
    bool recursive;
    uint64_t os[6];
} TSA_CAPABILITY("mutex") SchedMutex;

void sched_mutex_init(SchedMutex *m, const char *name);
void sched_rec_mutex_init(SchedMutex *m, const char *name);
void sched_mutex_destroy(SchedMutex *m);
void sched_mutex_lock(SchedMutex *m) TSA_ACQUIRE(m);
bool sched_mutex_trylock(SchedMutex *m) TSA(try_acquire_capability(true, m));
/** sched_mutex_unlock: the caller must own @m (asserted). */
void sched_mutex_unlock(SchedMutex *m) TSA_RELEASE(m);
/** sched_mutex_owned: does the calling thread own @m? */
bool sched_mutex_owned(const SchedMutex *m);

typedef struct SchedCond {
    SchedObject o;
    uint64_t os[6];
} SchedCond;

void sched_cond_init(SchedCond *c, const char *name);
void sched_cond_destroy(SchedCond *c);
void sched_cond_wait(SchedCond *c, SchedMutex *m) TSA_REQUIRES(m);
/** sched_cond_timedwait: @timeout_ns >= 0. Returns false if the time ran out. */
bool sched_cond_timedwait(SchedCond *c, SchedMutex *m, int64_t timeout_ns) TSA_REQUIRES(m);
void sched_cond_signal(SchedCond *c);
void sched_cond_broadcast(SchedCond *c);

typedef struct SchedSem {
    SchedObject o;
    uint64_t os[14];
} SchedSem;

void sched_sem_init(SchedSem *s, const char *name, unsigned value);
void sched_sem_destroy(SchedSem *s);
void sched_sem_post(SchedSem *s);
void sched_sem_wait(SchedSem *s);
/** sched_sem_timedwait: @timeout_ns >= 0. Returns false if the time ran out. */
bool sched_sem_timedwait(SchedSem *s, int64_t timeout_ns);

/* A flag that threads wait for; set stays set until reset. */
typedef struct SchedEvent {
    SchedObject o;
    uint64_t os[14];
} SchedEvent;

void sched_event_init(SchedEvent *e, const char *name, bool set);
void sched_event_destroy(SchedEvent *e);
void sched_event_set(SchedEvent *e);
void sched_event_reset(SchedEvent *e);
void sched_event_wait(SchedEvent *e);

/* ---- Time and chance ---- */

typedef enum SchedClock {
    SCHED_CLOCK_MONOTONIC,          /* never jumps back; virtual in engine_sim */
    SCHED_CLOCK_HOST,               /* since 1970-01-01 UTC; a fixed start in engine_sim */
} SchedClock;

int64_t sched_clock_ns(SchedClock clock);
void sched_random_bytes(void *buf, size_t len);

/**
 * sched_can_run_natively: may code run that the engine does not see, as a guest on the host's own processor? False in
 * engine_sim, which could not replay it.
 */
bool sched_can_run_natively(void);

/**
 * sched_thread_take_kicks / sched_thread_kick: for native code only: make a blocking call of the thread return. Any
 * thread may kick. Nothing happens in engine_sim.
 */
void sched_thread_take_kicks(void);
void sched_thread_kick(SchedThread *t);

/** sched_is_sim: for the few outputs that must say which engine runs. Never branch on it to change behaviour. */
bool sched_is_sim(void);

#endif
