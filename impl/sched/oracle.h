/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the simulator asks, and of whom: the oracle decides, the world talks, the observer looks on.
 *
 * engine_sim knows no strategy. replay/ implements these tables (record, replay, search) and gives them to
 * sim_configure() before sched_main(). All callbacks run on the one OS thread, in the context of the fiber that
 * reached the choice point, and must not call anything of sched.h that is itself a choice point. They may fork().
 *
 * A decision has an address that survives edits: (thread name, kind, object name, how many times this thread did
 * this kind of thing to this object). It never contains a step number or a pointer.
 */
#ifndef SCHED_ORACLE_H
#define SCHED_ORACLE_H

#include "sched/sched.h"
#include "sched/switch.h"

/** One pending operation, with its address. */
typedef struct SimOp {
    SchedKind kind;
    const char *type;           /* object type, "" if none */
    const char *object;         /* object name, interned: equal strings are equal pointers */
    uint32_t object_id;         /* small integer for the same; 0: none */
    uint32_t occurrence;        /* 1 for this thread's first (kind, object) */
    uintptr_t site;             /* return address of the caller of the seam */
} SimOp;

#define SIM_MAIN_RETURNED "main returned"       /* text of a SIM_EXIT that has cleaned up; others just stop */

typedef enum SimOutcome {
    SIM_EXIT,                   /* the program ended by itself; status says how */
    SIM_ASSERT,                 /* assertion or abort of ours */
    SIM_DEADLOCK,               /* nothing enabled, and a cycle of owners explains it */
    SIM_HANG,                   /* nothing enabled and nothing will come, or no end under a fair schedule */
    SIM_CRASH,                  /* memory error, sanitizer report */
    SIM_STALE,                  /* the trace no longer applies (reported by replay/) */
} SimOutcome;

typedef struct SimOracle {
    void *opaque;
    /**
     * pick: who performs its pending operation next?
     * @self: the thread at the choice point. @def: what the default schedule would do (enabled; may be @self).
     * Called only when at least two threads are enabled. Must return an enabled thread.
     */
    SchedThread *(*pick)(void *opaque, SchedThread *self, SchedThread *def);
    /** choose: a data choice, 0..n-1. Default 0. */
    unsigned (*choose)(void *opaque, SchedThread *self, const SimOp *op, unsigned n);
    /** slice: instructions for a vCPU, 1..max. Default max. */
    uint64_t (*slice)(void *opaque, SchedThread *self, const SimOp *op, uint64_t max);
    /** event: @self performs its pending operation now. NULL when nobody looks. */
    void (*event)(void *opaque, SchedThread *self);
    /** ended: the run is over; does not return (exits the process or leaves with sim_leave). */
    void (*ended)(void *opaque, SimOutcome outcome, int status, const char *text) G_GNUC_NORETURN;
} SimOracle;

/** One byte stream to the outside, as the world sees it. */
typedef struct SimChannel SimChannel;

typedef struct SimWorld {
    void *opaque;
    bool live;                  /* real sockets and processes; else only what the world pushes */
    /** opened: a channel, or a listener (@listener), exists now. */
    void (*opened)(void *opaque, SimChannel *c, bool listener);
    /** output: the machine wrote @len bytes. */
    void (*output)(void *opaque, SimChannel *c, const void *buf, size_t len);
    /** input: live only: the peer sent bytes (NULL, 0: it closed; a connection: on the listener's accepted channel). */
    void (*input)(void *opaque, SimChannel *c, const void *buf, size_t len);
    /** closed: the machine closed it. */
    void (*closed)(void *opaque, SimChannel *c);
} SimWorld;

typedef struct SimConfig {
    SimOracle oracle;
    SimWorld world;
    uint64_t steps_max_unfair;  /* after so many decisions the schedule is fair round robin; 0: never */
    uint64_t steps_max;         /* no end after so many: a hang; 0: no limit */
} SimConfig;

void sim_configure(const SimConfig *config);
/** sim_config: the live configuration; an oracle may change it at a choice point (an explorer's child does). */
SimConfig *sim_config(void);

/* ---- What oracles may ask ---- */

bool sim_thread_enabled(SchedThread *t);
/** sim_thread_yields: its pending operation is one of a loop that would spin; others should go first. */
bool sim_thread_yields(const SchedThread *t);
const SimOp *sim_thread_op(SchedThread *t);
unsigned sim_thread_id(const SchedThread *t);       /* creation order, from 0 */
/** sim_thread_next: all live threads in creation order; NULL starts and ends. */
SchedThread *sim_thread_next(SchedThread *t);
unsigned sim_threads_created(void);
SchedThread *sim_thread_find(const char *name);
/** sim_thread_owner: who holds the lock @t waits for, or whom it joins; NULL if it does not wait for a thread. */
SchedThread *sim_thread_owner(SchedThread *t);
const char *sim_thread_blocked_on(const SchedThread *t);
/** sim_thread_unwind: return addresses of @t, innermost first; @t may be the running thread. */
unsigned sim_thread_unwind(SchedThread *t, uintptr_t *pcs, unsigned max);
void **sim_thread_slots(SchedThread *t);
SchedThread *sim_running(void);
uint64_t sim_steps(void);                           /* operations performed so far */
uint64_t sim_decisions(void);                       /* those with at least two threads enabled */
uint64_t sim_digest(void);                          /* hash of all events so far */
int64_t sim_now_ns(void);
/** sim_fail: report a failure found by replay/ itself. */
G_NORETURN void sim_fail(SimOutcome outcome, const char *text);
/** sim_leave: abandon the run and make sched_main() return @status. For scenarios repeated in one process. */
G_NORETURN void sim_leave(int status);

const char *sim_kind_name(SchedKind kind);
/** sim_kind_from_name: SCHED_K__MAX if unknown. */
SchedKind sim_kind_from_name(const char *name);
bool sim_kind_reads(SchedKind kind);
/** sim_ops_conflict: same object, at least one of them not a read. */
bool sim_ops_conflict(const SimOp *a, const SimOp *b);

/* ---- What worlds may do ---- */

const char *sim_channel_name(const SimChannel *c);
SimChannel *sim_channel_find(const char *name);
/** sim_channel_push: bytes for the machine to read. */
void sim_channel_push(SimChannel *c, const void *buf, size_t len);
void sim_channel_push_eof(SimChannel *c);
/** sim_listener_push: one connection waits on listener @c. */
void sim_listener_push(SimChannel *c);
/** sim_channel_unread: pushed and not yet read. */
size_t sim_channel_unread(const SimChannel *c);

/** sim_file_path: the files of the run, in the order they were first named; NULL after the last. */
const char *sim_file_path(unsigned index);
/**
 * sim_file_export: write the simulated contents of @path to the real file @dest.
 * @after_crash: only what had been flushed, as after a power failure. 0 or -errno.
 */
int sim_file_export(const char *path, const char *dest, bool after_crash);

#endif
