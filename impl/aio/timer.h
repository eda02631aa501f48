/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timers on the machine's clocks.
 *
 * Timers made with aio_timer_* belong to an AioContext and fire from its poll, nested polls
 * included. Those made with timer_new_* belong to the main loop and fire from the outermost
 * main_loop_wait only, with the BQL held.
 *
 * I1  A timer fires at most once per timer_mod, and never before its time.
 * I2  Timers of one list fire in order of time, then in the order in which they were set.
 * I3  QEMU_CLOCK_VIRTUAL stands still, and its timers do not fire, while ticks are disabled.
 */
#ifndef AIO_TIMER_H
#define AIO_TIMER_H

#include "sched/sched.h"

struct AioContext;

typedef enum QEMUClockType {
    QEMU_CLOCK_REALTIME,        /* monotonic, runs always */
    QEMU_CLOCK_VIRTUAL,         /* guest time: runs while the VM runs */
    QEMU_CLOCK_HOST,            /* wall clock, may jump */
    QEMU_CLOCK_VIRTUAL_RT,      /* same as VIRTUAL here: nothing warps guest time */
    QEMU_CLOCK_MAX,
} QEMUClockType;

#define SCALE_MS 1000000
#define SCALE_US 1000
#define SCALE_NS 1
#define NANOSECONDS_PER_SECOND 1000000000LL

typedef void QEMUTimerCB(void *opaque);
typedef struct QEMUTimerList QEMUTimerList;

typedef struct QEMUTimerListGroup {
    QEMUTimerList *tl[QEMU_CLOCK_MAX];
} QEMUTimerListGroup;

typedef struct QEMUTimer {
    SchedObject o;
    QEMUTimerList *timer_list;
    QEMUTimerCB *cb;
    void *opaque;
    struct QEMUTimer *next;     /* owned by the list */
    int64_t expire_time;        /* nanoseconds; -1: not pending */
    int scale;                  /* nanoseconds per unit of timer_mod */
} QEMUTimer;

/** qemu_clock_get_ns: reading of @type. Any thread. */
int64_t qemu_clock_get_ns(QEMUClockType type);
static inline int64_t qemu_clock_get_us(QEMUClockType type)
{
    return qemu_clock_get_ns(type) / SCALE_US;
}
static inline int64_t qemu_clock_get_ms(QEMUClockType type)
{
    return qemu_clock_get_ns(type) / SCALE_MS;
}
/** qemu_clock_notify: the clock changed; all loops with timers on @type look again. */
void qemu_clock_notify(QEMUClockType type);

/**
 * cpu_enable_ticks / cpu_disable_ticks: start and stop QEMU_CLOCK_VIRTUAL. With the BQL. Repeating
 * is harmless.
 */
void cpu_enable_ticks(void);
void cpu_disable_ticks(void);
/** cpu_get_clock / cpu_set_clock: guest time in nanoseconds, for saving and loading the VM. */
int64_t cpu_get_clock(void);
void cpu_set_clock(int64_t ns);

/* ---- Timers. The names are borrowed; the macros take the name of the callback. ---- */

/**
 * timer_init_full: @tlg NULL: the main loop's. @scale: SCALE_*. The timer is not pending
 * afterwards.
 */
void timer_init_full(QEMUTimer *ts, QEMUTimerListGroup *tlg, QEMUClockType type, int scale,
                     QEMUTimerCB *cb, void *opaque, const char *name);
QEMUTimer *timer_new_full(QEMUTimerListGroup *tlg, QEMUClockType type, int scale, QEMUTimerCB *cb,
                          void *opaque, const char *name);
QEMUTimerListGroup *aio_context_timers(struct AioContext *ctx);

#define timer_init(ts, type, scale, cb, opaque) \
    timer_init_full((ts), NULL, (type), (scale), (cb), (opaque), #cb)
#define timer_init_ns(ts, type, cb, opaque) \
    timer_init_full((ts), NULL, (type), SCALE_NS, (cb), (opaque), #cb)
#define timer_init_us(ts, type, cb, opaque) \
    timer_init_full((ts), NULL, (type), SCALE_US, (cb), (opaque), #cb)
#define timer_init_ms(ts, type, cb, opaque) \
    timer_init_full((ts), NULL, (type), SCALE_MS, (cb), (opaque), #cb)
#define timer_new(type, scale, cb, opaque) \
    timer_new_full(NULL, (type), (scale), (cb), (opaque), #cb)
#define timer_new_ns(type, cb, opaque) \
    timer_new_full(NULL, (type), SCALE_NS, (cb), (opaque), #cb)
#define timer_new_us(type, cb, opaque) \
    timer_new_full(NULL, (type), SCALE_US, (cb), (opaque), #cb)
#define timer_new_ms(type, cb, opaque) \
    timer_new_full(NULL, (type), SCALE_MS, (cb), (opaque), #cb)
#define aio_timer_new(ctx, type, scale, cb, opaque) \
    timer_new_full(aio_context_timers(ctx), (type), (scale), (cb), (opaque), #cb)
#define aio_timer_init(ctx, ts, type, scale, cb, opaque) \
    timer_init_full((ts), aio_context_timers(ctx), (type), (scale), (cb), (opaque), #cb)

/** timer_deinit: detach from the list; the timer must not be pending (asserted). */
void timer_deinit(QEMUTimer *ts);
/** timer_free: stop and free. NULL is fine. */
void timer_free(QEMUTimer *ts);
/** timer_del: stop. Any thread; does not wait for a callback that is running. */
void timer_del(QEMUTimer *ts);
/**
 * timer_mod: fire at @expire_time, in the timer's own unit, of its clock. Negative counts as zero.
 * Any thread.
 */
void timer_mod(QEMUTimer *ts, int64_t expire_time);
void timer_mod_ns(QEMUTimer *ts, int64_t expire_time_ns);
/** timer_mod_anticipate: like timer_mod, but never later than it is already set. */
void timer_mod_anticipate(QEMUTimer *ts, int64_t expire_time);
void timer_mod_anticipate_ns(QEMUTimer *ts, int64_t expire_time_ns);
bool timer_pending(const QEMUTimer *ts);
/** timer_expired: is it pending and due at @current_time (its own unit)? */
bool timer_expired(const QEMUTimer *ts, int64_t current_time);
/** timer_expire_time_ns: -1 if not pending. */
uint64_t timer_expire_time_ns(const QEMUTimer *ts);

#endif
