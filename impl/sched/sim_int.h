/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulator's own state, shared by the engine_sim sources only.
 *
 * I1  Exactly one fiber runs; sim.current is it.
 * I2  A parked fiber's pending operation is published in t->op before anybody else runs.
 * I3  t->ready decides enabledness from the model alone: no side effect, no clock but sim.now_ns.
 * I4  Virtual time moves only when nothing is enabled, or by instructions that a vCPU executed.
 */
#ifndef SCHED_SIM_INT_H
#define SCHED_SIM_INT_H

#include "sched/io.h"
#include "sched/oracle.h"
#include "base/assert.h"

#define SIM_FD_BASE 65536
#define SIM_HOST_EPOCH_NS (1767225600LL * 1000000000)   /* 2026-01-01 00:00 UTC: where every run starts */

typedef struct SimCount SimCount;

struct SchedThread {
    SchedContext ctx;
    void *stack;
    char *name;
    unsigned id;
    SchedThreadFunc *fn;
    void *opaque;
    void *slots[SCHED_SLOT__MAX];
    bool done;
    bool yielding;              /* others first, if any is enabled */

    SimOp op;
    bool (*ready)(SchedThread *t);      /* NULL: enabled */
    void *wait;                 /* SchedMutex, SchedThread, ... by op.kind; argument of ready */
    GPollFD *fds;
    unsigned nfds;
    int64_t deadline_ns;        /* virtual time at which the wait ends by itself; -1: never */
    bool woken;                 /* condition variable: signalled */

    uint64_t fifo;              /* when it stopped running, in steps */
    const char *blocked_on;
    SimCount *counts;           /* open-addressed (kind, object) -> occurrences */
    unsigned counts_used, counts_size;
};

typedef struct Sim {
    SimConfig config;
    GPtrArray *threads;         /* SchedThread *, creation order; done ones are removed at join */
    SchedThread *current;
    SchedContext host;          /* the stack sched_main() was called on */
    unsigned next_thread_id;
    uint64_t steps, decisions, digest;
    int64_t now_ns;
    uint64_t random_state;
    GHashTable *names;          /* string -> id */
    GPtrArray *name_list;
    GPtrArray *fds;             /* SimFd *, index = descriptor - SIM_FD_BASE */
    GPtrArray *files;           /* SimFile *, by path, for the whole run */
    GPtrArray *channels;        /* SimChannel *, in the order they were opened */
    int main_status;
    bool leaving;
} Sim;

extern Sim sim;

/* ---- engine_sim.c ---- */

/**
 * sim_op: publish an operation of the running thread, let the oracle choose, return when this thread goes on.
 * @ready: NULL if it can always be performed. Performs the bookkeeping of the event, not its effect.
 */
void sim_op(SchedKind kind, SchedObject *o, uintptr_t site, bool (*ready)(SchedThread *t), void *wait,
            int64_t deadline_ns);
uint32_t sim_intern(SchedObject *o);
void sim_thread_free(SchedThread *t);

#define SIM_SITE ((uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))

/* ---- Descriptors ---- */

typedef enum SimFdType { SIM_FD_NOTIFIER, SIM_FD_FILE, SIM_FD_STREAM, SIM_FD_LISTENER } SimFdType;

typedef struct SimFd {
    SimFdType type;
    unsigned refs;
    SchedObject o;
    char *name;
    uint64_t count;             /* notifier */
    struct SimFile *file;
    struct SimChannel *channel;
    bool blocking;
    bool writable;
} SimFd;

int sim_fd_add(SimFd *f);
/** sim_fd: NULL if @fd is not an open descriptor of ours. */
SimFd *sim_fd(int fd);
/** sim_fd_revents: which of @events hold now. */
unsigned sim_fd_revents(int fd, unsigned events);
void sim_fds_free(void);

void sim_file_close(SimFd *d);
void sim_files_free(void);
void sim_channel_close(struct SimChannel *c);
unsigned sim_channel_revents(struct SimChannel *c, unsigned events);
/**
 * sim_stream_live_wait: live world: take what real peers sent, waiting at most @timeout_ns of real time. True if
 * anything came.
 */
bool sim_stream_live_wait(int64_t timeout_ns);
void sim_streams_free(void);

#endif
