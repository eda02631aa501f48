/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What job.c, job_co.c and job_control.c share. All with the job lock held unless they say otherwise. */
#ifndef BLOCK_JOB_INT_H
#define BLOCK_JOB_INT_H

#include "aio/main_loop.h"
#include "aio/wait.h"
#include "base/assert.h"
#include "block/job.h"
#include "sched/machine.h"

struct JobTxn {
    int refcnt;
    bool aborting;
    QLIST_HEAD(, Job) jobs;
};

typedef struct JobState {
    SchedMutex lock;
    QTAILQ_HEAD(, Job) jobs;
    JobObserver *observer;
    void *observer_opaque;
} JobState;

static inline JobState *job_state(void)
{
    return machine_state(MACHINE_JOB);
}

void job_state_transition_locked(Job *job, JobStatus s1);
void job_enter_locked(Job *job);
bool job_should_pause_locked(const Job *job);
/** job_exit: bottom half in the main context: the coroutine has ended. Without the job lock. */
void job_exit(void *opaque);
void job_completed_locked(Job *job);
void job_completed_txn_abort_locked(Job *job);
void job_do_dismiss_locked(Job *job);
void job_txn_add_locked(JobTxn *txn, Job *job);
void job_txn_unref_locked(JobTxn *txn);

#endif
