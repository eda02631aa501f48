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

#define SIM_CHOICES_MAX 64

typedef struct SimCount SimCount;

/* How often the threads of one name have done what: open-addressed (kind, object) -> occurrences. */
typedef struct SimCounts {
    char *name;
    bool in_use;                /* by a thread that has not ended */
    SimCount *table;
    unsigned used, size;
} SimCounts;

/* An interned name, fit for a line of text. */
typedef struct SimName {
    char *text;
    uint64_t hash;              /* of the text: the same in every run and build */
} SimName;

struct SchedThread {
    SchedContext ctx;
    void *stack;
    const char *name;           /* of counts */
    uint64_t name_hash;
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
    SimCounts *counts;
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
    GPtrArray *counts;          /* SimCounts *, of all thread names of the run */
    GHashTable *names;          /* string -> id; kept from run to run */
    GArray *name_list;          /* SimName by id */
    GPtrArray *fds;             /* SimFd *, index = descriptor - SIM_FD_BASE */
    GPtrArray *files;           /* SimFile *, by path, for the whole run */
    GPtrArray *channels;        /* SimChannel *, in the order they were opened */
    int main_status;
    void *stacks[16];           /* of ended threads; kept from run to run */
    unsigned stacks_kept;
} Sim;

extern Sim sim;

/* ---- engine_sim.c ---- */

/**
 * sim_op: publish an operation of the running thread, let the oracle choose, return when this thread goes on.
 * @ready: NULL if it can always be performed. Performs the bookkeeping of the event, not its effect.
 */
void sim_op(SchedKind kind, SchedObject *o, uintptr_t site, bool (*ready)(SchedThread *t), void *wait,
            int64_t deadline_ns);
/** sim_choose: ask the oracle for 0..@n-1 on behalf of the running thread's operation. @n: up to SIM_CHOICES_MAX. */
unsigned sim_choose(unsigned n);
/** sim_digest_mix: what else makes two runs different. Never an address, an id or a time of the real world. */
void sim_digest_mix(uint64_t v);
void sim_digest_bytes(const void *buf, size_t len);
/** sim_kind_hash: of the kind's name: a new kind does not change old digests. */
uint64_t sim_kind_hash(SchedKind kind);
/** sim_deadline: virtual time that is @timeout_ns from now; far away is never (-1), as is a negative timeout. */
int64_t sim_deadline(int64_t timeout_ns);
void sim_thread_free(SchedThread *t);

#define SIM_SITE ((uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))

/* ---- sim_names.c ---- */

/** sim_intern: the id of @o's name; 0 for NULL. */
uint32_t sim_intern(SchedObject *o);
const SimName *sim_name_of(uint32_t id);
/** sim_text_hash: FNV-1a, 64 bits. */
uint64_t sim_text_hash(const char *text);
/** sim_count_operation: how many times @t's name has now done @kind to that object. */
uint32_t sim_count_operation(SchedThread *t, SchedKind kind, uint32_t object_id);
/**
 * sim_counts_for: the counts of a new thread called @name. They go on where an earlier thread of that name stopped;
 * while that one lives, the newcomer is called "name#2".
 */
SimCounts *sim_counts_for(const char *name);
void sim_counts_free(gpointer counts);

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
