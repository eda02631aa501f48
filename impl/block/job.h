/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Jobs: long operations with a coroutine, pause, cancel, and a life that clients can follow.
 *
 * I1  status moves only along the table in job.c; every move is told to the observer.
 * I2  The coroutine runs in job->aio_context; everything else in the main context with the BQL.
 * I3  pause_count counts reasons; the coroutine stops at its next pause point while it is > 0, and job_sleep_ns()
 *     does not end early because of a pause: after resuming it sleeps the rest.
 * I4  Jobs of one transaction complete together or not at all.
 *
 * Locks: the job lock (one per machine) guards the fields marked so. "_locked" functions need it held. It is released
 * around driver callbacks.
 */
#ifndef BLOCK_JOB_H
#define BLOCK_JOB_H

#include "aio/aio.h"
#include "aio/coroutine.h"
#include "aio/timer.h"
#include "base/context.h"
#include "base/error.h"
#include "base/queue.h"
#include "block/graph_lock.h"

typedef struct Job Job;
typedef struct JobDriver JobDriver;
typedef struct JobTxn JobTxn;

typedef enum JobStatus {
    JOB_STATUS_UNDEFINED,
    JOB_STATUS_CREATED,
    JOB_STATUS_RUNNING,
    JOB_STATUS_PAUSED,
    JOB_STATUS_READY,
    JOB_STATUS_STANDBY,
    JOB_STATUS_WAITING,
    JOB_STATUS_PENDING,
    JOB_STATUS_ABORTING,
    JOB_STATUS_CONCLUDED,
    JOB_STATUS_NULL,
    JOB_STATUS__MAX,
} JobStatus;

typedef enum JobVerb {
    JOB_VERB_CANCEL,
    JOB_VERB_PAUSE,
    JOB_VERB_RESUME,
    JOB_VERB_SET_SPEED,
    JOB_VERB_COMPLETE,
    JOB_VERB_DISMISS,
    JOB_VERB_FINALIZE,
    JOB_VERB_CHANGE,
    JOB_VERB__MAX,
} JobVerb;

typedef enum JobType {
    JOB_TYPE_COMMIT,
    JOB_TYPE_STREAM,
    JOB_TYPE_MIRROR,
    JOB_TYPE_BACKUP,
    JOB_TYPE_CREATE,
    JOB_TYPE_AMEND,
    JOB_TYPE_SNAPSHOT_LOAD,
    JOB_TYPE_SNAPSHOT_SAVE,
    JOB_TYPE_SNAPSHOT_DELETE,
    JOB_TYPE__MAX,
} JobType;

const char *job_status_name(JobStatus s);
const char *job_verb_name(JobVerb v);
const char *job_type_name(JobType t);

typedef enum JobCreateFlags {
    JOB_DEFAULT = 0,
    JOB_INTERNAL = 1,           /* no id, no events */
    JOB_MANUAL_FINALIZE = 2,    /* wait in pending for job-finalize */
    JOB_MANUAL_DISMISS = 4,     /* wait in concluded for job-dismiss */
} JobCreateFlags;

struct JobDriver {
    size_t instance_size;       /* of the struct that embeds the Job first */
    JobType job_type;
    /** The work, in the coroutine. 0 or -errno, may set @errp. Must reach pause points. */
    int coroutine_fn (*run)(Job *job, GError **errp);
    void coroutine_fn (*pause)(Job *job);
    void coroutine_fn (*resume)(Job *job);
    /** job-complete: tell a ready job to end. */
    void (*complete)(Job *job, GError **errp);
    /* After run: main context, no coroutine. prepare may fail; then abort instead of commit; clean in both cases. */
    int (*prepare)(Job *job);
    void (*commit)(Job *job);
    void (*abort)(Job *job);
    void (*clean)(Job *job);
    /** Returns true if the cancellation is a forced one (always the case when NULL). */
    bool (*cancel)(Job *job, bool force);
    void (*user_resume)(Job *job);
    void (*free)(Job *job);
    /** Jobs whose coroutine needs more than job_enter to notice a change. */
    void (*set_aio_context)(Job *job, AioContext *ctx);
};

struct Job {
    SchedObject o;              /* type "job" */
    char *id;                   /* NULL: internal */
    const JobDriver *driver;
    AioContext *aio_context;
    Coroutine *co;
    void (*cb)(void *opaque, int ret);
    void *opaque;

    /* ---- job lock ---- */
    int refcnt;
    JobStatus status;
    int pause_count;
    bool paused;                /* the coroutine stands at a pause point */
    bool user_paused;           /* one of the reasons is the user's */
    bool busy;                  /* the coroutine runs, or will be entered without our doing */
    bool cancelled;
    bool force_cancel;
    bool deferred_to_main_loop;
    bool auto_finalize;
    bool auto_dismiss;
    int ret;
    GError *err;
    uint64_t progress_current;
    uint64_t progress_total;
    JobTxn *txn;
    bool sleeping;              /* in job_sleep_ns(), its time not reached */
    bool sleep_kicked;          /* ... and told to end early: the speed changed */
    QEMUTimer sleep_timer;      /* of the main context */
    QLIST_ENTRY(Job) txn_list;
    QTAILQ_ENTRY(Job) job_list;
};

/** JobObserver: @job moved to job->status. Main context or the job's; with the job lock held: read fields only. */
typedef void JobObserver(void *opaque, Job *job);
/** job_set_observer: one per machine; NULL: none. */
void job_set_observer(JobObserver *fn, void *opaque);

void job_lock(void);
void job_unlock(void);
#define JOB_LOCK_GUARD() \
    G_GNUC_UNUSED __attribute__((cleanup(job_guard_leave))) int G_PASTE(job_guard_, __LINE__) = job_guard_enter()
static inline int job_guard_enter(void)
{
    job_lock();
    return 0;
}
static inline void job_guard_leave(int *unused)
{
    job_unlock();
}

/* ---- For those who write jobs ---- */

/**
 * job_create: in status created. @job_id: unique, "letters digits - . _" and begins with a letter; NULL only with
 * JOB_INTERNAL. @txn NULL: its own. @cb: told the result once, main context. Returns one reference.
 */
void *job_create(const char *job_id, const JobDriver *driver, JobTxn *txn, AioContext *ctx, int flags,
                 void (*cb)(void *opaque, int ret), void *opaque, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
void job_ref(Job *job);
void job_unref(Job *job);
void job_ref_locked(Job *job);
void job_unref_locked(Job *job);
/** job_start: run the coroutine. GS. */
void job_start(Job *job);
void job_early_fail(Job *job);
/** job_pause_point: stop here while there is a reason to. Must not be called with the graph reader lock held. */
void coroutine_fn job_pause_point(Job *job) GRAPH_UNLOCKED;
/** job_yield: sleep until job_enter(). */
void coroutine_fn job_yield(Job *job) GRAPH_UNLOCKED;
/** job_sleep_ns: at least @ns of real time unless cancelled; pauses inside do not shorten it (I3). */
void coroutine_fn job_sleep_ns(Job *job, int64_t ns) GRAPH_UNLOCKED;
/** job_enter: run the coroutine if it yields; one that sleeps goes back to sleep for the rest of its time. */
void job_enter(Job *job);
/** job_kick_locked: job_enter() that ends a sleep. */
void job_kick_locked(Job *job);
void job_enter_cond_locked(Job *job, bool (*fn)(Job *job));
bool job_is_cancelled(Job *job);
bool job_is_cancelled_locked(Job *job);
bool job_cancel_requested(Job *job);
/** job_transition_to_ready: the job waits for job-complete. */
void job_transition_to_ready(Job *job);
void job_progress_update(Job *job, uint64_t done);
void job_progress_set_remaining(Job *job, uint64_t remaining);
void job_progress_increase_remaining(Job *job, uint64_t delta);
void job_progress_get(Job *job, uint64_t *current, uint64_t *total);

/* ---- For those who control jobs. GS ---- */

Job *job_get(const char *id);
Job *job_get_locked(const char *id);
Job *job_next(Job *job);
Job *job_next_locked(Job *job);
JobType job_type(const Job *job);
bool job_is_internal(Job *job);
bool job_is_ready(Job *job);
bool job_is_completed(Job *job);
bool job_is_completed_locked(Job *job);
bool job_started_locked(Job *job);
int job_apply_verb(Job *job, JobVerb verb, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
int job_apply_verb_locked(Job *job, JobVerb verb, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
void job_pause(Job *job);
void job_pause_locked(Job *job);
void job_resume(Job *job);
void job_resume_locked(Job *job);
void job_user_pause(Job *job, GError **errp);
void job_user_resume(Job *job, GError **errp);
bool job_user_paused(Job *job);
void job_user_cancel(Job *job, bool force, GError **errp);
void job_cancel(Job *job, bool force);
void job_complete(Job *job, GError **errp);
void job_finalize(Job *job, GError **errp);
/** job_dismiss: *@job becomes NULL. */
void job_dismiss(Job **job, GError **errp);
/* These poll until the job is done; -ECANCELED or its result. */
int job_cancel_sync(Job *job, bool force) GRAPH_UNLOCKED;
void job_cancel_sync_all(void) GRAPH_UNLOCKED;
int job_complete_sync(Job *job, GError **errp) GRAPH_UNLOCKED;
int job_finish_sync(Job *job, void (*finish)(Job *job, GError **errp), GError **errp) GRAPH_UNLOCKED;
void job_set_aio_context(Job *job, AioContext *ctx);

JobTxn *job_txn_new(void);
void job_txn_unref(JobTxn *txn);

#endif
