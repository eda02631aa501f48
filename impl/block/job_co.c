/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The coroutine of a job: start, yield, pause points, sleep.
 *
 * I1  busy is true from the moment somebody decides to enter the coroutine until it yields again; only the one who
 *     changes it from false to true may enter it. So the coroutine is never entered twice.
 * I2  A pause asks for a stop at the next pause point and kicks the coroutine there; the time a job sleeps is
 *     counted on the clock, so however often it is kicked, it sleeps as long as it was meant to.
 */
#include "block/job_int.h"

static void coroutine_fn job_co_entry(void *opaque)
{
    Job *job = opaque;

    job_pause_point(job);
    job->ret = job->driver->run(job, &job->err);
    job_lock();
    job->deferred_to_main_loop = true;
    job->busy = true;
    job_unlock();
    aio_bh_schedule_oneshot(qemu_get_aio_context(), job_exit, job);
}

void job_start(Job *job)
{
    GLOBAL_STATE_CODE();
    job_lock();
    assert(!job_started_locked(job) && job->driver && job->driver->run);
    job->co = qemu_coroutine_create_named(job->id ? job->id : "job", job_co_entry, job);
    job->pause_count--;
    job->busy = true;
    job->paused = false;
    job_state_transition_locked(job, JOB_STATUS_RUNNING);
    job_unlock();
    aio_co_enter(job->aio_context, job->co);
}

/* ---- Entering ---- */

void job_enter_cond_locked(Job *job, bool (*fn)(Job *job))
{
    if (!job_started_locked(job) || job->deferred_to_main_loop || job->busy || (fn && !fn(job))) {
        return;
    }
    timer_del(&job->sleep_timer);
    job->busy = true;                   /* (I1) */
    job_unlock();
    sched_point(SCHED_K_JOB_RESUME, &job->o);
    aio_co_wake(job->co);
    job_lock();
}

void job_enter_locked(Job *job)
{
    job_enter_cond_locked(job, NULL);
}

void job_enter(Job *job)
{
    JOB_LOCK_GUARD();
    job_enter_locked(job);
}

void job_kick_locked(Job *job)
{
    job->sleep_kicked = true;
    job_enter_locked(job);
}

/* ---- Yielding ---- */

/* @deadline: of the sleep timer, -1: none. */
static void coroutine_fn do_yield_locked(Job *job, int64_t deadline)
{
    AioContext *ctx;

    if (deadline != -1) {
        timer_mod(&job->sleep_timer, deadline);
    }
    job->busy = false;
    /* Drains may be waiting for exactly this. */
    aio_wait_kick();
    job_unlock();
    qemu_coroutine_yield();
    job_lock();
    /* The nodes of the job may have moved while it stood still. */
    while ((ctx = job->aio_context) != qemu_get_current_aio_context()) {
        job_unlock();
        aio_co_reschedule_self(ctx);
        job_lock();
    }
    assert(job->busy);
}

bool job_should_pause_locked(const Job *job)
{
    return job->pause_count > 0;
}

static void coroutine_fn pause_point_locked(Job *job)
{
    JobStatus status = job->status;

    if (!job_should_pause_locked(job) || job_is_cancelled_locked(job)) {
        return;
    }
    if (job->driver->pause) {
        job_unlock();
        job->driver->pause(job);
        job_lock();
    }
    if (job_should_pause_locked(job) && !job_is_cancelled_locked(job)) {
        job_state_transition_locked(job, status == JOB_STATUS_READY ? JOB_STATUS_STANDBY : JOB_STATUS_PAUSED);
        job->paused = true;
        sched_point(SCHED_K_JOB_PAUSE, &job->o);
        do_yield_locked(job, -1);
        job->paused = false;
        job_state_transition_locked(job, status);
    }
    if (job->driver->resume) {
        job_unlock();
        job->driver->resume(job);
        job_lock();
    }
}

void coroutine_fn job_pause_point(Job *job)
{
    JOB_LOCK_GUARD();
    assert(job_started_locked(job));
    while (job_should_pause_locked(job) && !job_is_cancelled_locked(job)) {
        pause_point_locked(job);
    }
}

void coroutine_fn job_yield(Job *job)
{
    JOB_LOCK_GUARD();
    assert(job->busy);
    if (job_is_cancelled_locked(job)) {
        return;
    }
    if (!job_should_pause_locked(job)) {
        do_yield_locked(job, -1);
    }
    pause_point_locked(job);
}

void coroutine_fn job_sleep_ns(Job *job, int64_t ns)
{
    int64_t end = qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + ns;

    JOB_LOCK_GUARD();
    assert(job->busy);
    job->sleeping = true;
    job->sleep_kicked = false;
    while (!job_is_cancelled_locked(job) && !job->sleep_kicked) {
        if (job_should_pause_locked(job)) {
            pause_point_locked(job);
            continue;                   /* (I2) the pause may have been shorter than what is left */
        }
        if (qemu_clock_get_ns(QEMU_CLOCK_REALTIME) >= end) {
            break;
        }
        sched_point(SCHED_K_JOB_SLEEP, &job->o);
        do_yield_locked(job, end);
    }
    job->sleeping = false;
    timer_del(&job->sleep_timer);
}

/* ---- Pause and resume ---- */

void job_pause_locked(Job *job)
{
    job->pause_count++;
    if (!job->paused) {
        job_enter_locked(job);
    }
}

void job_pause(Job *job)
{
    JOB_LOCK_GUARD();
    job_pause_locked(job);
}

static bool timer_not_pending(Job *job)
{
    return !timer_pending(&job->sleep_timer);
}

void job_resume_locked(Job *job)
{
    assert(job->pause_count > 0);
    job->pause_count--;
    if (job->pause_count == 0) {
        job_enter_cond_locked(job, timer_not_pending);
    }
}

void job_resume(Job *job)
{
    JOB_LOCK_GUARD();
    job_resume_locked(job);
}

void job_transition_to_ready(Job *job)
{
    JOB_LOCK_GUARD();
    job_state_transition_locked(job, JOB_STATUS_READY);
}

void job_set_aio_context(Job *job, AioContext *ctx)
{
    GLOBAL_STATE_CODE();
    JOB_LOCK_GUARD();
    assert(job->paused || !job_started_locked(job) || job_is_completed_locked(job) || !job->busy);
    job->aio_context = ctx;
}
