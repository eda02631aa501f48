/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The end of jobs: completion, transactions, cancel, finalize, dismiss, and what users may ask of a job.
 *
 * Context: main, BQL. The job lock is held except around callbacks of drivers and users.
 *
 * I1  commit or abort, then clean, then the user's callback run exactly once per job, in that order.
 * I2  In a transaction either every job commits or every job aborts.
 */
#include "block/job_int.h"

/* ---- Transactions ---- */

JobTxn *job_txn_new(void)
{
    JobTxn *txn = g_new0(JobTxn, 1);

    txn->refcnt = 1;
    return txn;
}

void job_txn_unref_locked(JobTxn *txn)
{
    if (txn && --txn->refcnt == 0) {
        assert(QLIST_EMPTY(&txn->jobs));
        g_free(txn);
    }
}

void job_txn_unref(JobTxn *txn)
{
    JOB_LOCK_GUARD();
    job_txn_unref_locked(txn);
}

void job_txn_add_locked(JobTxn *txn, Job *job)
{
    assert(!job->txn);
    job->txn = txn;
    QLIST_INSERT_HEAD(&txn->jobs, job, txn_list);
    txn->refcnt++;
}

static void txn_del_locked(Job *job)
{
    if (job->txn) {
        JobTxn *txn = job->txn;

        QLIST_REMOVE(job, txn_list);
        job->txn = NULL;
        job_txn_unref_locked(txn);
    }
}

/* Calls @fn for the jobs of @job's transaction until one returns non-zero. @fn may end and free its job. */
static int txn_apply_locked(Job *job, int (*fn)(Job *job))
{
    JobTxn *txn = job->txn;
    Job *other, *next;
    int ret = 0;

    txn->refcnt++;
    job_ref_locked(job);
    QLIST_FOREACH_SAFE(other, &txn->jobs, txn_list, next) {
        ret = fn(other);
        if (ret) {
            break;
        }
    }
    job_unref_locked(job);
    job_txn_unref_locked(txn);
    return ret;
}

/* ---- One job ends ---- */

static void call_unlocked(Job *job, void (*fn)(Job *job))
{
    if (fn) {
        job_unlock();
        fn(job);
        job_lock();
    }
}

static void update_rc_locked(Job *job)
{
    if (!job->ret && job_is_cancelled_locked(job)) {
        job->ret = -ECANCELED;
    }
    if (job->ret) {
        if (!job->err) {
            error_setg(&job->err, "%s", g_strerror(-job->ret));
        }
        job_state_transition_locked(job, JOB_STATUS_ABORTING);
    }
}

void job_do_dismiss_locked(Job *job)
{
    assert(job);
    job->busy = false;
    job->paused = false;
    job->deferred_to_main_loop = true;
    txn_del_locked(job);
    job_state_transition_locked(job, JOB_STATUS_NULL);
    job_unref_locked(job);
}

static int finalize_single_locked(Job *job)
{
    int ret;

    assert(job_is_completed_locked(job));
    update_rc_locked(job);
    ret = job->ret;
    call_unlocked(job, ret ? job->driver->abort : job->driver->commit);     /* (I1) */
    call_unlocked(job, job->driver->clean);
    if (job->cb) {
        job_unlock();
        job->cb(job->opaque, ret);
        job_lock();
    }
    txn_del_locked(job);
    job_state_transition_locked(job, JOB_STATUS_CONCLUDED);
    if (job->auto_dismiss || !job_started_locked(job)) {
        job_do_dismiss_locked(job);
    }
    return 0;
}

static void cancel_async_locked(Job *job, bool force)
{
    if (job->driver->cancel) {
        job_unlock();
        force = job->driver->cancel(job, force);
        job_lock();
    } else {
        force = true;
    }
    if (job->user_paused) {
        if (job->driver->user_resume) {
            job_unlock();
            job->driver->user_resume(job);
            job_lock();
        }
        job->user_paused = false;
        assert(job->pause_count > 0);
        job->pause_count--;
    }
    /* Too late for a polite request once the work is done. */
    if (force || !job->deferred_to_main_loop) {
        job->cancelled = true;
        job->force_cancel |= force;
    }
}

static int finish_sync_locked(Job *job, void (*finish)(Job *job, GError **errp), GError **errp);

void job_completed_txn_abort_locked(Job *job)
{
    JobTxn *txn = job->txn;
    Job *other;

    if (txn->aborting) {
        return;         /* the first one to fail takes care of all */
    }
    txn->aborting = true;
    txn->refcnt++;
    job_ref_locked(job);
    QLIST_FOREACH(other, &txn->jobs, txn_list) {
        if (other != job) {
            cancel_async_locked(other, true);       /* (I2) */
        }
    }
    while ((other = QLIST_FIRST(&txn->jobs))) {
        if (!job_is_completed_locked(other)) {
            assert(other->cancelled);
            (void)finish_sync_locked(other, NULL, NULL);
        }
        finalize_single_locked(other);
    }
    job_unref_locked(job);
    job_txn_unref_locked(txn);
}

static int prepare_locked(Job *job)
{
    if (job->ret == 0 && job->driver->prepare) {
        job_unlock();
        job->ret = job->driver->prepare(job);
        job_lock();
        update_rc_locked(job);
    }
    return job->ret;
}

static void do_finalize_locked(Job *job)
{
    if (txn_apply_locked(job, prepare_locked)) {
        job_completed_txn_abort_locked(job);
    } else {
        txn_apply_locked(job, finalize_single_locked);
    }
}

static int to_pending_locked(Job *job)
{
    job_state_transition_locked(job, JOB_STATUS_PENDING);
    return 0;
}

static int needs_finalize_locked(Job *job)
{
    return !job->auto_finalize;
}

static void completed_txn_success_locked(Job *job)
{
    Job *other;

    job_state_transition_locked(job, JOB_STATUS_WAITING);
    QLIST_FOREACH(other, &job->txn->jobs, txn_list) {
        if (!job_is_completed_locked(other)) {
            return;
        }
        assert(other->ret == 0);
    }
    txn_apply_locked(job, to_pending_locked);
    if (txn_apply_locked(job, needs_finalize_locked) == 0) {
        do_finalize_locked(job);
    }
}

void job_completed_locked(Job *job)
{
    assert(job->txn && !job_is_completed_locked(job));
    update_rc_locked(job);
    if (job->ret) {
        job_completed_txn_abort_locked(job);
    } else {
        completed_txn_success_locked(job);
    }
}

void job_exit(void *opaque)
{
    Job *job = opaque;

    JOB_LOCK_GUARD();
    job_ref_locked(job);
    /*
     * Completion callbacks drain nodes, and a drain waits for busy jobs: from here on the job counts as standing
     * still, although its callbacks run.
     */
    job->busy = false;
    job_completed_locked(job);
    aio_wait_kick();
    job_unref_locked(job);
}

void job_early_fail(Job *job)
{
    JOB_LOCK_GUARD();
    assert(job->status == JOB_STATUS_CREATED);
    job_do_dismiss_locked(job);
}

/* ---- Cancel, complete, wait ---- */

static void cancel_locked(Job *job, bool force)
{
    if (job->status == JOB_STATUS_CONCLUDED) {
        job_do_dismiss_locked(job);
        return;
    }
    cancel_async_locked(job, force);
    if (!job_started_locked(job)) {
        job_completed_locked(job);
    } else if (job->deferred_to_main_loop) {
        /* job_exit() has run, or will: it sees a completed job that must abort. */
        if (force && job_is_completed_locked(job)) {
            job_completed_txn_abort_locked(job);
        }
    } else {
        job_enter_locked(job);
    }
}

void job_cancel(Job *job, bool force)
{
    GLOBAL_STATE_CODE();
    JOB_LOCK_GUARD();
    cancel_locked(job, force);
}

static bool not_sleeping(Job *job)
{
    return !job->sleeping;
}

/* Lets a waiting job look around, and says whether it is still at work. */
static bool still_working(Job *job)
{
    JOB_LOCK_GUARD();
    job_enter_cond_locked(job, not_sleeping);
    return !job_is_completed_locked(job);
}

static int finish_sync_locked(Job *job, void (*finish)(Job *job, GError **errp), GError **errp)
{
    GError *err = NULL;
    char what[96];
    int ret;

    job_ref_locked(job);
    if (finish) {
        job_unlock();
        finish(job, &err);
        job_lock();
        if (err) {
            error_propagate(errp, err);
            job_unref_locked(job);
            return -EBUSY;
        }
    }
    g_snprintf(what, sizeof(what), "end of job %s", job->id ? job->id : "(internal)");
    job_unlock();
    AIO_WAIT_WHILE_NAMED(NULL, still_working(job), what);
    job_lock();
    ret = job_is_cancelled_locked(job) && job->ret == 0 ? -ECANCELED : job->ret;
    job_unref_locked(job);
    return ret;
}

int job_finish_sync(Job *job, void (*finish)(Job *job, GError **errp), GError **errp)
{
    GLOBAL_STATE_CODE();
    JOB_LOCK_GUARD();
    return finish_sync_locked(job, finish, errp);
}

static void cancel_err(Job *job, GError **errp)
{
    job_cancel(job, false);
}

static void force_cancel_err(Job *job, GError **errp)
{
    job_cancel(job, true);
}

int job_cancel_sync(Job *job, bool force)
{
    return job_finish_sync(job, force ? force_cancel_err : cancel_err, NULL);
}

void job_cancel_sync_all(void)
{
    Job *job;

    while ((job = job_next(NULL))) {
        (void)job_cancel_sync(job, true);
    }
}

static void complete_locked(Job *job, GError **errp)
{
    if (job_apply_verb_locked(job, JOB_VERB_COMPLETE, errp)) {
        return;
    }
    if (job->cancelled || !job->driver->complete) {
        error_setg(errp, "The active block job '%s' cannot be completed", job->id);
        return;
    }
    job_unlock();
    job->driver->complete(job, errp);
    job_lock();
}

void job_complete(Job *job, GError **errp)
{
    GLOBAL_STATE_CODE();
    JOB_LOCK_GUARD();
    complete_locked(job, errp);
}

int job_complete_sync(Job *job, GError **errp)
{
    return job_finish_sync(job, job_complete, errp);
}

void job_finalize(Job *job, GError **errp)
{
    GLOBAL_STATE_CODE();
    JOB_LOCK_GUARD();
    if (!job_apply_verb_locked(job, JOB_VERB_FINALIZE, errp)) {
        do_finalize_locked(job);
    }
}

void job_dismiss(Job **jobptr, GError **errp)
{
    GLOBAL_STATE_CODE();
    JOB_LOCK_GUARD();
    if (!job_apply_verb_locked(*jobptr, JOB_VERB_DISMISS, errp)) {
        job_do_dismiss_locked(*jobptr);
        *jobptr = NULL;
    }
}

/* ---- Users ---- */

void job_user_pause(Job *job, GError **errp)
{
    GLOBAL_STATE_CODE();
    JOB_LOCK_GUARD();
    if (job_apply_verb_locked(job, JOB_VERB_PAUSE, errp)) {
        return;
    }
    if (job->user_paused) {
        error_setg(errp, "Job is already paused");
        return;
    }
    job->user_paused = true;
    job_pause_locked(job);
}

void job_user_resume(Job *job, GError **errp)
{
    GLOBAL_STATE_CODE();
    JOB_LOCK_GUARD();
    if (!job->user_paused || job->pause_count <= 0) {
        error_setg(errp, "Can't resume a job that was not paused");
        return;
    }
    if (job_apply_verb_locked(job, JOB_VERB_RESUME, errp)) {
        return;
    }
    call_unlocked(job, job->driver->user_resume);
    job->user_paused = false;
    job_resume_locked(job);
}

void job_user_cancel(Job *job, bool force, GError **errp)
{
    GLOBAL_STATE_CODE();
    JOB_LOCK_GUARD();
    if (!job_apply_verb_locked(job, JOB_VERB_CANCEL, errp)) {
        cancel_locked(job, force);
    }
}
