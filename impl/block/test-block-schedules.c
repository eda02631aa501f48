/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: requests in an iothread, drains, graph changes, a throttled job, moves between contexts and a vCPU that does
 * synchronous I/O go together under any order of threads. Simulator only.
 * Method: many random schedules of one small machine; every request completes once, counters end at zero.
 */
#include "aio/iothread.h"
#include "block/blockjob.h"
#include "block/test-driver.h"
#include "sched/oracle.h"

#define SEEDS 2000
#define REQUESTS 6
#define RW (BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE)

static uint64_t rng;

static uint64_t rng_next(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static SchedThread *pick_random(void *opaque, SchedThread *self, SchedThread *def)
{
    SchedThread *chosen = NULL;
    unsigned n = 0;

    for (SchedThread *t = sim_thread_next(NULL); t; t = sim_thread_next(t)) {
        if (sim_thread_enabled(t) && rng_next() % ++n == 0) {
            chosen = t;
        }
    }
    return chosen;
}

typedef struct World {
    BlockDriverState *disk;
    BlockDriverState *base;
    BlockBackend *blk;          /* the guest's, in the iothread */
    BlockBackend *flash;        /* the vCPU's, in the main context */
    IOThread *io;
    unsigned submitted;         /* iothread only */
    unsigned completed;
    unsigned busy;              /* atomic: guest, vCPU, job */
    char buf[512];
    QEMUIOVector qiov;
} World;

static void leave(World *w)
{
    __atomic_fetch_sub(&w->busy, 1, __ATOMIC_SEQ_CST);
    qemu_notify_event();
}

static void guest_submit(void *opaque);

static void guest_done(void *opaque, int ret)
{
    World *w = opaque;

    g_assert_cmpint(ret, ==, 0);
    w->completed++;
    g_assert_cmpuint(w->completed, <=, w->submitted);
    if (w->submitted < REQUESTS) {
        guest_submit(w);
    } else if (w->completed == REQUESTS) {
        leave(w);
    }
}

static void guest_submit(void *opaque)
{
    World *w = opaque;

    if (w->submitted++ % 2) {
        blk_aio_flush(w->blk, guest_done, w);
    } else {
        blk_aio_pwritev(w->blk, 0, &w->qiov, 0, guest_done, w);
    }
}

static void vcpu(void *opaque)
{
    World *w = opaque;
    char byte = 1;

    for (int i = 0; i < 3; i++) {
        bql_lock();
        g_assert_cmpint(blk_pwrite(w->flash, i, 1, &byte, 0), ==, 0);
        bql_unlock();
    }
    leave(w);
}

/* ---- A job that only sleeps ---- */

typedef struct SleepJob {
    BlockJob common;
} SleepJob;

static int coroutine_fn sleep_run(Job *job, GError **errp)
{
    for (int i = 0; i < 3; i++) {
        job_sleep_ns(job, 1000);
    }
    return 0;
}

static const BlockJobDriver sleep_driver = {
    .job_driver = {
        .instance_size = sizeof(SleepJob),
        .job_type = JOB_TYPE_STREAM,
        .free = block_job_free,
        .run = sleep_run,
    },
};

static void job_done(void *opaque, int ret)
{
    g_assert_cmpint(ret, ==, 0);
    leave(opaque);
}

static void start_job(World *w)
{
    SleepJob *job = block_job_create("j0", &sleep_driver, NULL, w->disk, 0, BLK_PERM_ALL, 0, 0, job_done, w, NULL);

    g_assert_nonnull(job);
    job_start(&job->common.job);
}

/* ---- The main thread's part ---- */

static void set_up(World *w)
{
    w->disk = test_open("driver=raw,node-name=disk,file.driver=null-co,file.latency-ns=500");
    w->base = test_open("driver=null-co,node-name=base");
    w->blk = test_backend(w->disk, RW);
    w->flash = test_backend(w->base, RW);
    w->io = iothread_create("io0", NULL);
    qemu_iovec_init_buf(&w->qiov, w->buf, sizeof(w->buf));
    blk_set_allow_aio_context_change(w->blk, true);
    g_assert_cmpint(blk_set_aio_context(w->blk, iothread_get_aio_context(w->io), NULL), ==, 0);
    w->busy = 3;
}

static void change_things(World *w)
{
    BlockDriverState *overlay = test_node("overlay");
    GError *err = NULL;

    g_assert_cmpint(bdrv_set_backing_hd(overlay, w->base, &err), ==, 0);
    blk_drain_all();
    bdrv_drained_begin(w->disk);
    bdrv_drained_end(w->disk);
    g_assert_cmpint(bdrv_flush_all(), ==, 0);
    g_assert_cmpint(bdrv_reopen(w->disk, test_qdict("offset=4096"), true, &err), ==, 0);
    g_assert_no_error(err);
    g_assert_cmpint(bdrv_set_backing_hd(overlay, NULL, &err), ==, 0);
    bdrv_unref(overlay);
}

static int world_run(void *opaque)
{
    Machine *m = machine_new("vm");
    World w = { 0 };
    SchedThread *cpu;

    machine_set_current(m);
    g_assert_true(qemu_init_main_loop(NULL));
    bdrv_init();
    set_up(&w);
    cpu = sched_thread_create("CPU 0/TCG", vcpu, &w);
    aio_bh_schedule_oneshot(iothread_get_aio_context(w.io), guest_submit, &w);
    start_job(&w);
    change_things(&w);
    while (__atomic_load_n(&w.busy, __ATOMIC_SEQ_CST)) {
        main_loop_wait(false);
    }
    bql_unlock();
    sched_thread_join(cpu);
    bql_lock();
    g_assert_cmpint(blk_set_aio_context(w.blk, qemu_get_aio_context(), NULL), ==, 0);
    g_assert_cmpuint(w.completed, ==, REQUESTS);
    blk_unref(w.blk);
    blk_unref(w.flash);
    bdrv_unref(w.disk);
    bdrv_unref(w.base);
    iothread_destroy(w.io);
    bdrv_cleanup();
    qemu_cleanup_main_loop();
    machine_set_current(NULL);
    machine_free(m);
    return 0;
}

static void test_random_schedules(void)
{
    SimConfig config = { .oracle = { .pick = pick_random } };

    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        rng = seed * 0x9e3779b97f4a7c15;
        g_test_message("seed %u", seed);
        sim_configure(&config);
        g_assert_cmpint(sched_main(world_run, NULL), ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/block/schedules/random", test_random_schedules);
    return g_test_run();
}
