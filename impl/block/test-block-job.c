/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: the states and verbs of jobs, transactions, pausing by drains, and a rate limit that drains cannot defeat.
 * Method: jobs that sleep in steps; an observer that writes down every state.
 */
#include "block/blockjob.h"
#include "block/test-driver.h"

typedef struct TestJob {
    BlockJob common;
    int steps;
    int64_t sleep_ns;
    int ret;
    bool should_complete;
    bool wait_ready;
    GString *log;               /* borrowed: commit, abort, clean */
} TestJob;

static int coroutine_fn test_run(Job *job, GError **errp)
{
    TestJob *s = (TestJob *)job;

    for (int i = 0; i < s->steps && !job_is_cancelled(job); i++) {
        job_sleep_ns(job, s->sleep_ns);
    }
    if (s->wait_ready) {
        job_transition_to_ready(job);
        while (!s->should_complete && !job_is_cancelled(job)) {
            job_sleep_ns(job, 1000000);
        }
    }
    return s->ret;
}

static void test_complete(Job *job, GError **errp)
{
    ((TestJob *)job)->should_complete = true;
}

static void log_commit(Job *job)
{
    g_string_append(((TestJob *)job)->log, "commit ");
}

static void log_abort(Job *job)
{
    g_string_append(((TestJob *)job)->log, "abort ");
}

static void log_clean(Job *job)
{
    g_string_append(((TestJob *)job)->log, "clean ");
}

static const BlockJobDriver test_job_driver = {
    .job_driver = {
        .instance_size = sizeof(TestJob),
        .job_type = JOB_TYPE_STREAM,
        .free = block_job_free,
        .run = test_run,
        .complete = test_complete,
        .commit = log_commit,
        .abort = log_abort,
        .clean = log_clean,
    },
};

static void done_cb(void *opaque, int ret)
{
    *(int *)opaque = ret;
}

static void observe(void *opaque, Job *job)
{
    g_string_append_printf(opaque, "%s ", job_status_name(job->status));
}

static TestJob *new_job(const char *id, BlockDriverState *bs, JobTxn *txn, int flags, GString *log, int *result)
{
    GError *err = NULL;
    TestJob *job = block_job_create(id, &test_job_driver, txn, bs, BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL, 0, flags,
                                    done_cb, result, &err);

    g_assert_no_error(err);
    job->log = log;
    job->steps = 1;
    job->sleep_ns = 1000;
    *result = -EINPROGRESS;
    return job;
}

static void wait_result(int *result)
{
    while (*result == -EINPROGRESS) {
        aio_poll(qemu_get_aio_context(), true);
    }
}

static void test_success(void)
{
    BlockDriverState *bs = test_node("disk");
    g_autoptr(GString) log = g_string_new(NULL);
    g_autoptr(GString) states = g_string_new(NULL);
    int ret;

    job_set_observer(observe, states);
    job_start(&new_job("j0", bs, NULL, 0, log, &ret)->common.job);
    wait_result(&ret);
    g_assert_cmpint(ret, ==, 0);
    g_assert_cmpstr(states->str, ==, "created running waiting pending concluded null ");
    g_assert_cmpstr(log->str, ==, "commit clean ");
    g_assert_null(job_get("j0"));
    job_set_observer(NULL, NULL);
    bdrv_unref(bs);
}

static void test_failure(void)
{
    BlockDriverState *bs = test_node("disk");
    g_autoptr(GString) log = g_string_new(NULL);
    TestJob *job;
    GError *err = NULL;
    Job *j;
    int ret;

    job = new_job("j0", bs, NULL, JOB_MANUAL_DISMISS, log, &ret);
    job->ret = -EIO;
    job_start(&job->common.job);
    wait_result(&ret);
    g_assert_cmpint(ret, ==, -EIO);
    g_assert_cmpstr(log->str, ==, "abort clean ");
    j = job_get("j0");
    g_assert_cmpint(j->status, ==, JOB_STATUS_CONCLUDED);
    g_assert_cmpstr(j->err->message, ==, "Input/output error");
    job_user_pause(j, &err);
    g_assert_cmpstr(err->message, ==, "Job 'j0' in state 'concluded' cannot accept command verb 'pause'");
    g_clear_error(&err);
    job_dismiss(&j, &err);
    g_assert_no_error(err);
    g_assert_null(j);
    bdrv_unref(bs);
}

static void test_cancel_states(void)
{
    BlockDriverState *bs = test_node("disk");
    g_autoptr(GString) log = g_string_new(NULL);
    TestJob *job;
    GError *err = NULL;
    int ret;

    job = new_job("j0", bs, NULL, 0, log, &ret);       /* created */
    g_assert_cmpint(job_cancel_sync(&job->common.job, true), ==, -ECANCELED);
    job = new_job("j0", bs, NULL, 0, log, &ret);       /* sleeping */
    job->sleep_ns = 1000LL * NANOSECONDS_PER_SECOND;
    job_start(&job->common.job);
    g_assert_cmpint(job_cancel_sync(&job->common.job, true), ==, -ECANCELED);
    g_assert_cmpint(ret, ==, -ECANCELED);
    job = new_job("j0", bs, NULL, 0, log, &ret);       /* paused */
    job_start(&job->common.job);
    job_user_pause(&job->common.job, &err);
    g_assert_no_error(err);
    g_assert_cmpint(job_cancel_sync(&job->common.job, true), ==, -ECANCELED);
    job = new_job("j0", bs, NULL, 0, log, &ret);       /* ready */
    job->wait_ready = true;
    job_start(&job->common.job);
    while (!job_is_ready(&job->common.job)) {
        aio_poll(qemu_get_aio_context(), true);
    }
    g_assert_cmpint(job_cancel_sync(&job->common.job, true), ==, -ECANCELED);
    g_assert_null(job_next(NULL));
    bdrv_unref(bs);
}

static void test_ready_complete(void)
{
    BlockDriverState *bs = test_node("disk");
    g_autoptr(GString) log = g_string_new(NULL);
    TestJob *job;
    GError *err = NULL;
    int ret;

    job = new_job("j0", bs, NULL, JOB_MANUAL_FINALIZE, log, &ret);
    job->wait_ready = true;
    job->sleep_ns = 1000LL * NANOSECONDS_PER_SECOND;
    job_start(&job->common.job);
    job_complete(&job->common.job, &err);
    g_assert_cmpstr(err->message, ==, "Job 'j0' in state 'running' cannot accept command verb 'complete'");
    g_clear_error(&err);
    g_assert_true(block_job_set_speed(&job->common, 1 << 20, &err));    /* a new speed ends the sleep */
    while (!job_is_ready(&job->common.job)) {
        aio_poll(qemu_get_aio_context(), true);
    }
    job_complete(&job->common.job, &err);
    g_assert_no_error(err);
    while (job->common.job.status != JOB_STATUS_PENDING) {
        aio_poll(qemu_get_aio_context(), true);
    }
    job_finalize(&job->common.job, &err);
    g_assert_no_error(err);
    g_assert_cmpint(ret, ==, 0);
    bdrv_unref(bs);
}

static void test_txn(void)
{
    BlockDriverState *a = test_node("a"), *b = test_node("b");
    g_autoptr(GString) log = g_string_new(NULL);
    JobTxn *txn = job_txn_new();
    TestJob *j0, *j1;
    int ret0, ret1;

    j0 = new_job("j0", a, txn, 0, log, &ret0);
    j1 = new_job("j1", b, txn, 0, log, &ret1);
    job_txn_unref(txn);
    j1->ret = -ENOSPC;
    j1->steps = 3;
    job_start(&j0->common.job);
    job_start(&j1->common.job);
    wait_result(&ret0);
    wait_result(&ret1);
    g_assert_cmpint(ret0, ==, -ECANCELED);
    g_assert_cmpint(ret1, ==, -ENOSPC);
    g_assert_null(strstr(log->str, "commit"));
    bdrv_unref(a);
    bdrv_unref(b);
}

/* Five sleeps of 10 ms, drained all the time: still at least 50 ms of the clock. */
static void test_drain_does_not_shorten_sleep(void)
{
    BlockDriverState *bs = test_node("disk");
    g_autoptr(GString) log = g_string_new(NULL);
    int64_t start = qemu_clock_get_ns(QEMU_CLOCK_REALTIME);
    TestJob *job;
    int ret;

    job = new_job("j0", bs, NULL, 0, log, &ret);
    job->steps = 5;
    job->sleep_ns = 10000000;
    job_start(&job->common.job);
    for (int i = 0; i < 20 && ret == -EINPROGRESS; i++) {
        bdrv_drained_begin(bs);
        bdrv_drained_end(bs);
    }
    wait_result(&ret);
    g_assert_cmpint(ret, ==, 0);
    g_assert_cmpint(qemu_clock_get_ns(QEMU_CLOCK_REALTIME) - start, >=, 50000000);
    bdrv_unref(bs);
}

static void test_ids(void)
{
    BlockDriverState *bs = test_node("disk");
    g_autoptr(GString) log = g_string_new(NULL);
    GError *err = NULL;
    TestJob *job;
    int ret;

    job = new_job("j0", bs, NULL, 0, log, &ret);
    g_assert_null(block_job_create("j0", &test_job_driver, NULL, bs, 0, BLK_PERM_ALL, 0, 0, done_cb, &ret, &err));
    g_assert_cmpstr(err->message, ==, "Job ID 'j0' already in use");
    g_clear_error(&err);
    g_assert_null(block_job_create("0j", &test_job_driver, NULL, bs, 0, BLK_PERM_ALL, 0, 0, done_cb, &ret, &err));
    g_assert_cmpstr(err->message, ==, "Invalid job ID '0j'");
    g_clear_error(&err);
    g_assert_false(block_job_set_speed(&job->common, -1, &err));
    g_assert_cmpstr(err->message, ==, "Parameter 'speed' expects a non-negative value");
    g_clear_error(&err);
    job_cancel_sync(&job->common.job, true);
    bdrv_unref(bs);
}

static void add_tests(void)
{
    test_add("/job/success", test_success);
    test_add("/job/failure", test_failure);
    test_add("/job/cancel", test_cancel_states);
    test_add("/job/ready-complete", test_ready_complete);
    test_add("/job/txn", test_txn);
    test_add("/job/drain-does-not-shorten-sleep", test_drain_does_not_shorten_sleep);
    test_add("/job/ids", test_ids);
}

int main(int argc, char **argv)
{
    return test_block_main(argc, argv, add_tests);
}
