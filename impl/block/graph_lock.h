/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The graph lock: who may walk the node graph, and who may change it.
 *
 * Writers: main loop with the BQL, never in a coroutine. Taking the lock quiesces all nodes without polling, then
 * polls until no reader is left. Readers that count are coroutines, in any thread; a reader that meets a writer
 * parks itself until the writer is gone. The main loop itself needs no count: it holds the BQL, so no writer can
 * run; bdrv_graph_rdlock_main_loop() only asserts that.
 *
 * The capability `graph_lock` exists for clang's analysis only. "Must not hold" (GRAPH_UNLOCKED) is weak: clang is
 * silent when it does not know.
 */
#ifndef BLOCK_GRAPH_LOCK_H
#define BLOCK_GRAPH_LOCK_H

#include "base/context.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct TSA_CAPABILITY("mutex") BdrvGraphLock {
    int unused;
} BdrvGraphLock;

/* Declared for the annotations, defined nowhere: there is one lock per machine, in its block state. */
extern BdrvGraphLock graph_lock;

#define GRAPH_WRLOCK TSA_REQUIRES(graph_lock)
#define GRAPH_RDLOCK TSA_REQUIRES_SHARED(graph_lock)
#define GRAPH_UNLOCKED TSA_EXCLUDES(graph_lock)
/* For struct fields: reading needs the reader lock, writing the writer lock. */
#define GRAPH_RDLOCK_PTR TSA(guarded_by(graph_lock))
#define GRAPH_WRLOCK_PTR TSA(guarded_by(graph_lock))
#define GRAPH_UNLOCKED_PTR

/** bdrv_graph_wrlock: become the writer. Polls. Asserts BQL, no coroutine, no writer yet. */
void bdrv_graph_wrlock(void) no_coroutine_fn TSA_ACQUIRE(graph_lock);
/** bdrv_graph_wrlock_drained: the same inside bdrv_drain_all_begin(): nothing is left to quiesce. */
void bdrv_graph_wrlock_drained(void) no_coroutine_fn TSA_ACQUIRE(graph_lock);
/**
 * bdrv_graph_wrunlock: restart parked readers, then run main-context bottom halves, so that references dropped with
 * bdrv_schedule_unref() under the lock are really gone when this returns.
 */
void bdrv_graph_wrunlock(void) no_coroutine_fn TSA_RELEASE(graph_lock);

/** bdrv_graph_co_rdlock: count this coroutine as a reader; yields while a writer is active. */
void coroutine_fn bdrv_graph_co_rdlock(void) TSA_ACQUIRE_SHARED(graph_lock);
void coroutine_fn bdrv_graph_co_rdunlock(void) TSA_RELEASE_SHARED(graph_lock);

/** bdrv_graph_rdlock_main_loop: takes nothing; asserts BQL and !qemu_in_coroutine(). */
void bdrv_graph_rdlock_main_loop(void) TSA_ACQUIRE_SHARED(graph_lock);
void bdrv_graph_rdunlock_main_loop(void) TSA_RELEASE_SHARED(graph_lock);

/** assert_bdrv_graph_readable: BQL held without a writer, or at least one reader counted. */
void assert_bdrv_graph_readable(void) TSA_ASSERT_SHARED(graph_lock);
/** assert_bdrv_graph_writable: BQL held and the writer flag set. */
void assert_bdrv_graph_writable(void) TSA_ASSERT(graph_lock);

/** bdrv_graph_has_writer: is a writer active in this machine? For checks and reports. */
bool bdrv_graph_has_writer(void);
/** bdrv_graph_reader_count: sum over all contexts; asserts that it is not negative. */
uint32_t bdrv_graph_reader_count(void);

/**
 * bdrv_graph_check_wait: called where a blocking wait on a coroutine begins. With the writer flag set that wait can
 * never end (the coroutine would park as a reader), so this is fatal: it names @who.
 */
void bdrv_graph_check_wait(const char *who);

/* ---- Guards. clang takes them as assertions, so early returns are fine. ---- */

typedef struct GraphLockable { int unused; } GraphLockable;

static inline GraphLockable bdrv_graph_guard_co_enter(void) TSA_ASSERT_SHARED(graph_lock) TSA_NO_TSA;
static inline GraphLockable bdrv_graph_guard_co_enter(void)
{
    bdrv_graph_co_rdlock();
    return (GraphLockable){ 0 };
}

static inline void bdrv_graph_guard_co_leave(GraphLockable *x) TSA_NO_TSA;
static inline void bdrv_graph_guard_co_leave(GraphLockable *x)
{
    bdrv_graph_co_rdunlock();
}

static inline GraphLockable bdrv_graph_guard_main_enter(void) TSA_ASSERT_SHARED(graph_lock) TSA_NO_TSA;
static inline GraphLockable bdrv_graph_guard_main_enter(void)
{
    bdrv_graph_rdlock_main_loop();
    return (GraphLockable){ 0 };
}

static inline void bdrv_graph_guard_main_leave(GraphLockable *x) TSA_NO_TSA;
static inline void bdrv_graph_guard_main_leave(GraphLockable *x)
{
    bdrv_graph_rdunlock_main_loop();
}

#define GRAPH_GUARD_NAME2(line) graph_guard_##line
#define GRAPH_GUARD_NAME(line) GRAPH_GUARD_NAME2(line)

/* Until the end of the block: reader lock of a coroutine. */
#define GRAPH_RDLOCK_GUARD()                                                                            \
    __attribute__((cleanup(bdrv_graph_guard_co_leave), unused))                                         \
    GraphLockable GRAPH_GUARD_NAME(__LINE__) = bdrv_graph_guard_co_enter()

/* Until the end of the block: reader assertion of the main loop. */
#define GRAPH_RDLOCK_GUARD_MAINLOOP()                                                                   \
    __attribute__((cleanup(bdrv_graph_guard_main_leave), unused))                                       \
    GraphLockable GRAPH_GUARD_NAME(__LINE__) = bdrv_graph_guard_main_enter()

#endif
