/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands of jobs. Context: main thread, BQL, outside coroutines. */
#include "block/blockjob.h"
#include "block/job.h"
#include "monitor/qmp_commands.h"

static Job *find_job(const char *id, GError **errp)
{
    Job *job = job_get(id);

    if (!job) {
        error_setg(errp, "Job not found");
    }
    return job;
}

static Job *find_block_job(const char *id, GError **errp)
{
    BlockJob *job = block_job_get(id);

    if (!job) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_ACTIVE, "Block job '%s' not found", id);
        return NULL;
    }
    return &job->job;
}

static JobInfo *job_info(Job *job)
{
    JobInfo *info = g_new0(JobInfo, 1);
    uint64_t current, total;

    job_progress_get(job, &current, &total);
    info->id = g_strdup(job->id);
    info->type = job_type(job);
    JOB_LOCK_GUARD();
    info->status = job->status;
    info->current_progress = (int64_t)current;
    info->total_progress = (int64_t)total;
    info->error = job->err ? g_strdup(job->err->message) : job->ret < 0 ? g_strdup(g_strerror(-job->ret)) : NULL;
    return info;
}

JobInfoList *qmp_query_jobs(GError **errp)
{
    JobInfoList *list = NULL, **tail = &list;

    for (Job *job = job_next(NULL); job; job = job_next(job)) {
        if (!job_is_internal(job)) {
            QAPI_LIST_APPEND(tail, job_info(job));
        }
    }
    return list;
}

#define JOB_COMMAND(qmp_name, find, act)                \
    void qmp_name(const char *id, GError **errp)        \
    {                                                   \
        Job *job = find(id, errp);                      \
                                                        \
        if (job) {                                      \
            act;                                        \
        }                                               \
    }
JOB_COMMAND(qmp_job_pause, find_job, job_user_pause(job, errp))
JOB_COMMAND(qmp_job_resume, find_job, job_user_resume(job, errp))
JOB_COMMAND(qmp_job_cancel, find_job, job_user_cancel(job, true, errp))
JOB_COMMAND(qmp_job_complete, find_job, job_complete(job, errp))
JOB_COMMAND(qmp_job_finalize, find_job, job_finalize(job, errp))
JOB_COMMAND(qmp_job_dismiss, find_job, job_dismiss(&job, errp))
JOB_COMMAND(qmp_block_job_pause, find_block_job, job_user_pause(job, errp))
JOB_COMMAND(qmp_block_job_resume, find_block_job, job_user_resume(job, errp))
JOB_COMMAND(qmp_block_job_complete, find_block_job, job_complete(job, errp))
JOB_COMMAND(qmp_block_job_finalize, find_block_job, job_finalize(job, errp))
JOB_COMMAND(qmp_block_job_dismiss, find_block_job, job_dismiss(&job, errp))
#undef JOB_COMMAND

void qmp_block_job_cancel(const char *device, bool has_force, bool force, GError **errp)
{
    Job *job = find_block_job(device, errp);

    if (!job) {
        return;
    }
    if (job_user_paused(job) && !(has_force && force)) {
        error_setg(errp, "The block job for device '%s' is currently paused", device);
        return;
    }
    job_user_cancel(job, has_force && force, errp);
}

void qmp_block_job_set_speed(const char *device, int64_t speed, GError **errp)
{
    BlockJob *job = block_job_get(device);

    if (!job) {
        error_set(errp, ERROR_CLASS_DEVICE_NOT_ACTIVE, "Block job '%s' not found", device);
        return;
    }
    result_ignored(block_job_set_speed(job, speed, errp));        /* @errp tells */
}

static BlockJobInfo *block_job_info(BlockJob *bjob)
{
    BlockJobInfo *info = g_new0(BlockJobInfo, 1);
    Job *job = &bjob->job;
    uint64_t current, total;

    job_progress_get(job, &current, &total);
    info->type = job_type(job);
    info->device = g_strdup(job->id);
    info->len = (int64_t)total;
    info->offset = (int64_t)current;
    info->paused = job_user_paused(job);
    info->ready = job_is_ready(job);
    info->speed = bjob->speed;
    info->io_status = g_strdup("ok");
    JOB_LOCK_GUARD();
    info->busy = job->busy;
    info->status = job->status;
    info->auto_finalize = job->auto_finalize;
    info->auto_dismiss = job->auto_dismiss;
    info->error = job->err ? g_strdup(job->err->message) : job->ret < 0 ? g_strdup(g_strerror(-job->ret)) : NULL;
    return info;
}

BlockJobInfoList *qmp_query_block_jobs(GError **errp)
{
    BlockJobInfoList *list = NULL, **tail = &list;

    for (BlockJob *job = block_job_next(NULL); job; job = block_job_next(job)) {
        if (!job_is_internal(&job->job)) {
            QAPI_LIST_APPEND(tail, block_job_info(job));
        }
    }
    return list;
}
