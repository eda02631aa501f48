/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kinds of choice point: what a thread is about to do when it lets others go first.
 *
 * X(enumerator, text in traces, mode). The mode says which pairs of operations on one object conflict:
 * two reads never do, everything else does. One line adds a kind; the text is part of the trace format,
 * so it never changes once released.
 */
#ifndef SCHED_KINDS_H
#define SCHED_KINDS_H

#define SCHED_KINDS(X)                                          \
    X(THREAD_START, "thread.start", WRITE)                      \
    X(THREAD_EXIT, "thread.exit", WRITE)                        \
    X(THREAD_JOIN, "thread.join", READ)                         \
    X(LOCK, "lock", WRITE)                                      \
    X(UNLOCK, "unlock", WRITE)                                  \
    X(COND_WAIT, "cond.wait", WRITE)                            \
    X(COND_SIGNAL, "cond.signal", WRITE)                        \
    X(SEM_WAIT, "sem.wait", WRITE)                              \
    X(SEM_POST, "sem.post", WRITE)                              \
    X(EVENT_WAIT, "event.wait", READ)                           \
    X(EVENT_SET, "event.set", WRITE)                            \
    X(ATOMIC, "atomic", WRITE)                                  \
    X(ATOMIC_READ, "atomic.read", READ)                         \
    X(NOTIFY, "notify", WRITE)                                  \
    X(NOTIFY_CLEAR, "notify.clear", WRITE)                      \
    X(BH_QUEUE, "bh.queue", WRITE)                              \
    X(BH_DISPATCH, "bh.dispatch", WRITE)                        \
    X(POLL_ENTER, "poll.enter", WRITE)                          \
    X(POLL_SLEEP, "poll.sleep", READ)                           \
    X(POLL_LEAVE, "poll.leave", WRITE)                          \
    X(SOURCE_DISPATCH, "source.dispatch", WRITE)                \
    X(TIMER_FIRE, "timer.fire", WRITE)                          \
    X(CO_SCHEDULE, "co.schedule", WRITE)                        \
    X(CO_CLEAR_MARK, "co.sched-bh.clear-mark", WRITE)           \
    X(CO_ENTER, "co.enter", WRITE)                              \
    X(CO_YIELD, "co.yield", WRITE)                              \
    X(POOL_TAKE, "pool.take", WRITE)                            \
    X(POOL_COMPLETE, "pool.complete", WRITE)                    \
    X(GRAPH_WR_BEGIN, "graph.wr.begin", WRITE)                  \
    X(GRAPH_WR_GOT, "graph.wr.got", WRITE)                      \
    X(GRAPH_WR_UNLOCK, "graph.wr.unlock", WRITE)                \
    X(GRAPH_RD, "graph.rd", READ)                               \
    X(GRAPH_RD_UNLOCK, "graph.rd.unlock", WRITE)                \
    X(DRAIN_BEGIN, "drain.begin", WRITE)                        \
    X(DRAIN_POLL, "drain.poll", READ)                           \
    X(DRAIN_END, "drain.end", WRITE)                            \
    X(JOB_SLEEP, "job.sleep", WRITE)                            \
    X(JOB_PAUSE, "job.pause", WRITE)                            \
    X(JOB_RESUME, "job.resume", WRITE)                          \
    X(VCPU_SLICE, "vcpu.slice", WRITE)                          \
    X(VCPU_EXIT, "vcpu.exit", WRITE)                            \
    X(FILE_READ, "file.read", READ)                             \
    X(FILE_WRITE, "file.write", WRITE)                          \
    X(FILE_FLUSH, "file.flush", WRITE)                          \
    X(STREAM_READ, "stream.read", WRITE)                        \
    X(STREAM_WRITE, "stream.write", WRITE)                      \
    X(MIG_SWITCHOVER, "mig.switchover.step", WRITE)             \
    X(FAULT, "fault", WRITE)

typedef enum SchedKind {
#define X(id, text, mode) SCHED_K_##id,
    SCHED_KINDS(X)
#undef X
    SCHED_K__MAX,
} SchedKind;

#endif
