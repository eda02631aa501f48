/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs: the state machine, creation, references, lookups.
 *
 * created -> running <-> paused;  running -> ready <-> standby;  running/ready -> waiting -> pending -> concluded;
 * anything before pending that fails -> aborting -> concluded;  concluded -> null, and the job is gone.
 *
 * Owns: the list of jobs, the job lock (a leaf, except that the observer is called under it).
 */
#include "block/job_int.h"
#include "base/id.h"
#include "block/state.h"

static const char *const status_names[JOB_STATUS__MAX] = {
    "undefined", "created", "running", "paused", "ready", "standby", "waiting", "pending", "aborting", "concluded",
    "null",
};
static const char *const verb_names[JOB_VERB__MAX] = {
    "cancel", "pause", "resume", "set-speed", "complete", "dismiss", "finalize", "change",
};
static const char *const type_names[JOB_TYPE__MAX] = {
    "commit", "stream", "mirror", "backup", "create", "amend", "snapshot-load", "snapshot-save", "snapshot-delete",
};

#define S(x) (1u << JOB_STATUS_##x)
static const unsigned next_states[JOB_STATUS__MAX] = {
    [JOB_STATUS_UNDEFINED] = S(CREATED),
    [JOB_STATUS_CREATED] = S(RUNNING) | S(ABORTING) | S(NULL),
    [JOB_STATUS_RUNNING] = S(PAUSED) | S(READY) | S(WAITING) | S(ABORTING),
    [JOB_STATUS_PAUSED] = S(RUNNING),
    [JOB_STATUS_READY] = S(STANDBY) | S(WAITING) | S(ABORTING),
    [JOB_STATUS_STANDBY] = S(READY),
    [JOB_STATUS_WAITING] = S(PENDING) | S(ABORTING),
    [JOB_STATUS_PENDING] = S(ABORTING) | S(CONCLUDED),
    [JOB_STATUS_ABORTING] = S(ABORTING) | S(CONCLUDED),
    [JOB_STATUS_CONCLUDED] = S(NULL),
};
static const unsigned verb_states[JOB_VERB__MAX] = {
    [JOB_VERB_CANCEL] = S(CREATED) | S(RUNNING) | S(PAUSED) | S(READY) | S(STANDBY) | S(WAITING) | S(PENDING),
    [JOB_VERB_PAUSE] = S(CREATED) | S(RUNNING) | S(PAUSED) | S(READY) | S(STANDBY),
    [JOB_VERB_RESUME] = S(CREATED) | S(RUNNING) | S(PAUSED) | S(READY) | S(STANDBY),
    [JOB_VERB_SET_SPEED] = S(CREATED) | S(RUNNING) | S(PAUSED) | S(READY) | S(STANDBY),
    [JOB_VERB_COMPLETE] = S(READY),
    [JOB_VERB_DISMISS] = S(CONCLUDED),
    [JOB_VERB_FINALIZE] = S(PENDING),
    [JOB_VERB_CHANGE] = S(RUNNING) | S(PAUSED) | S(READY) | S(STANDBY),
};
#undef S

const char *job_status_name(JobStatus s)
{
    return status_names[s];
}

const char *job_verb_name(JobVerb v)
{
    return verb_names[v];
}

const char *job_type_name(JobType t)
{
    return type_names[t];
}

/* ---- The machine's jobs ---- */

void job_init(void)
{
    JobState *s = g_new0(JobState, 1);

    sched_mutex_init(&s->lock, "jobs");
    QTAILQ_INIT(&s->jobs);
    machine_set_state(MACHINE_JOB, s);
}

void job_cleanup(void)
{
    JobState *s = job_state();

    assert(QTAILQ_EMPTY(&s->jobs));
    sched_mutex_destroy(&s->lock);
    machine_set_state(MACHINE_JOB, NULL);
    g_free(s);
}

TSA_NO_TSA void job_lock(void)
{
    sched_mutex_lock(&job_state()->lock);
}

TSA_NO_TSA void job_unlock(void)
{
    sched_mutex_unlock(&job_state()->lock);
}

void job_set_observer(JobObserver *fn, void *opaque)
{
    JOB_LOCK_GUARD();
    job_state()->observer = fn;
    job_state()->observer_opaque = opaque;
}

Job *job_next_locked(Job *job)
{
    return job ? QTAILQ_NEXT(job, job_list) : QTAILQ_FIRST(&job_state()->jobs);
}

Job *job_next(Job *job)
{
    JOB_LOCK_GUARD();
    return job_next_locked(job);
}

Job *job_get_locked(const char *id)
{
    Job *job = NULL;

    while ((job = job_next_locked(job))) {
        if (job->id && g_str_equal(job->id, id)) {
            return job;
        }
    }
    return NULL;
}

Job *job_get(const char *id)
{
    JOB_LOCK_GUARD();
    return job_get_locked(id);
}

/* ---- States and verbs ---- */

void job_state_transition_locked(Job *job, JobStatus s1)
{
    JobState *s = job_state();

    assert(next_states[job->status] & (1u << s1));
    job->status = s1;
    if (s->observer && job->id) {
        s->observer(s->observer_opaque, job);
    }
}

int job_apply_verb_locked(Job *job, JobVerb verb, GError **errp)
{
    if (verb_states[verb] & (1u << job->status)) {
        return 0;
    }
    error_setg(errp, "Job '%s' in state '%s' cannot accept command verb '%s'", job->id,
               job_status_name(job->status), job_verb_name(verb));
    return -EPERM;
}

int job_apply_verb(Job *job, JobVerb verb, GError **errp)
{
    JOB_LOCK_GUARD();
    return job_apply_verb_locked(job, verb, errp);
}

JobType job_type(const Job *job)
{
    return job->driver->job_type;
}

bool job_is_internal(Job *job)
{
    return !job->id;
}

bool job_is_cancelled_locked(Job *job)
{
    assert(job->cancelled || !job->force_cancel);
    return job->force_cancel;
}

bool job_is_cancelled(Job *job)
{
    JOB_LOCK_GUARD();
    return job_is_cancelled_locked(job);
}

bool job_cancel_requested(Job *job)
{
    JOB_LOCK_GUARD();
    return job->cancelled;
}

bool job_is_ready(Job *job)
{
    JOB_LOCK_GUARD();
    return job->status == JOB_STATUS_READY || job->status == JOB_STATUS_STANDBY;
}

bool job_is_completed_locked(Job *job)
{
    switch (job->status) {
    case JOB_STATUS_WAITING:
    case JOB_STATUS_PENDING:
    case JOB_STATUS_ABORTING:
    case JOB_STATUS_CONCLUDED:
    case JOB_STATUS_NULL:
        return true;
    default:
        return false;
    }
}

bool job_is_completed(Job *job)
{
    JOB_LOCK_GUARD();
    return job_is_completed_locked(job);
}

bool job_started_locked(Job *job)
{
    return job->co != NULL;
}

bool job_user_paused(Job *job)
{
    JOB_LOCK_GUARD();
    return job->user_paused;
}

/* ---- Creation and references ---- */

static void sleep_timer_cb(void *opaque)
{
    job_enter(opaque);
}

static bool check_id(const char *job_id, int flags, GError **errp)
{
    if (!job_id) {
        if (!(flags & JOB_INTERNAL)) {
            error_setg(errp, "An explicit job ID is required");
        }
        return flags & JOB_INTERNAL;
    }
    if (flags & JOB_INTERNAL) {
        error_setg(errp, "Cannot specify job ID for internal job");
        return false;
    }
    if (!id_wellformed(job_id)) {
        error_setg(errp, "Invalid job ID '%s'", job_id);
        return false;
    }
    if (job_get_locked(job_id)) {
        error_setg(errp, "Job ID '%s' already in use", job_id);
        return false;
    }
    return true;
}

void *job_create(const char *job_id, const JobDriver *driver, JobTxn *txn, AioContext *ctx, int flags,
                 void (*cb)(void *opaque, int ret), void *opaque, GError **errp)
{
    Job *job;

    GLOBAL_STATE_CODE();
    assert(driver->instance_size >= sizeof(Job));
    JOB_LOCK_GUARD();
    if (!check_id(job_id, flags, errp)) {
        return NULL;
    }
    job = g_malloc0(driver->instance_size);
    job->id = g_strdup(job_id);
    sched_object_init(&job->o, "job", job->id ? job->id : "(internal job)");
    job->driver = driver;
    job->refcnt = 1;
    job->aio_context = ctx;
    job->pause_count = 1;           /* until job_start */
    job->auto_finalize = !(flags & JOB_MANUAL_FINALIZE);
    job->auto_dismiss = !(flags & JOB_MANUAL_DISMISS);
    job->cb = cb;
    job->opaque = opaque;
    aio_timer_init(qemu_get_aio_context(), &job->sleep_timer, QEMU_CLOCK_REALTIME, SCALE_NS, sleep_timer_cb, job);
    QTAILQ_INSERT_TAIL(&job_state()->jobs, job, job_list);
    job_state_transition_locked(job, JOB_STATUS_CREATED);
    if (txn) {
        job_txn_add_locked(txn, job);
    } else {
        txn = g_new0(JobTxn, 1);
        txn->refcnt = 1;
        job_txn_add_locked(txn, job);
        job_txn_unref_locked(txn);
    }
    return job;
}

void job_ref_locked(Job *job)
{
    job->refcnt++;
}

void job_ref(Job *job)
{
    JOB_LOCK_GUARD();
    job_ref_locked(job);
}

void job_unref_locked(Job *job)
{
    assert(job->refcnt > 0);
    if (--job->refcnt) {
        return;
    }
    GLOBAL_STATE_CODE();
    assert(!job->txn);
    assert(job->status == JOB_STATUS_NULL);
    assert(!timer_pending(&job->sleep_timer));
    if (job->driver->free) {
        job_unlock();
        job->driver->free(job);
        job_lock();
    }
    QTAILQ_REMOVE(&job_state()->jobs, job, job_list);
    timer_deinit(&job->sleep_timer);
    g_clear_error(&job->err);
    g_free(job->id);
    g_free(job);
}

void job_unref(Job *job)
{
    JOB_LOCK_GUARD();
    job_unref_locked(job);
}

/* ---- Progress ---- */

void job_progress_update(Job *job, uint64_t done)
{
    JOB_LOCK_GUARD();
    job->progress_current += done;
}

void job_progress_set_remaining(Job *job, uint64_t remaining)
{
    JOB_LOCK_GUARD();
    job->progress_total = job->progress_current + remaining;
}

void job_progress_increase_remaining(Job *job, uint64_t delta)
{
    JOB_LOCK_GUARD();
    job->progress_total += delta;
}

void job_progress_get(Job *job, uint64_t *current, uint64_t *total)
{
    JOB_LOCK_GUARD();
    *current = job->progress_current;
    *total = job->progress_total;
}
