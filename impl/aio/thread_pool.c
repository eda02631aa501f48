/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Thread pool.
 *
 * Owns: the workers, the queue of requests, the queue of results. Everything but the pool's own
 * context side (completing, completion_bh) is under `lock`, which is a leaf but for the choice
 * points: workers run the functions without it.
 *
 * I1..I3: see thread_pool.h.
 * I4  A worker exists for each queued request that no idle worker will take, up to the maximum.
 */
#include "aio/thread_pool.h"
#include "aio/aio_int.h"

#define WORKER_IDLE_NS (10 * NANOSECONDS_PER_SECOND)

typedef enum RequestState {
    REQUEST_QUEUED,
    REQUEST_TAKEN,
    REQUEST_DONE,
} RequestState;

typedef struct Request {
    BlockAIOCB common;
    SchedObject o;
    ThreadPoolAio *pool;
    ThreadPoolFunc *func;
    void *arg;
    RequestState state;         /* under the pool's lock */
    int ret;
    struct Request *next;
} Request;

typedef struct RequestQueue {
    Request *first;
    Request **last;
    unsigned len;
} RequestQueue;

typedef struct Worker {
    ThreadPoolAio *pool;
    SchedThread *thread;
    char *name;
    bool finished;              /* under the pool's lock; only the join is left */
} Worker;

struct ThreadPoolAio {
    AioContext *ctx;
    char *name;
    QEMUBH *completion_bh;
    RequestQueue completing;    /* home thread's */
    GPtrArray *workers;         /* Worker *, by number; NULL: free. Home thread's */

    SchedMutex lock;
    SchedCond work;             /* a request was queued, or the pool ends */
    RequestQueue queue;
    RequestQueue results;
    unsigned alive;
    unsigned idle;
    unsigned min;
    unsigned max;
    bool ending;
};

/* ---- Queues ---- */

static void queue_init(RequestQueue *q)
{
    *q = (RequestQueue){ .last = &q->first };
}

static void queue_push(RequestQueue *q, Request *r)
{
    r->next = NULL;
    *q->last = r;
    q->last = &r->next;
    q->len++;
}

static Request *queue_pop(RequestQueue *q)
{
    Request *r = q->first;

    if (r) {
        q->first = r->next;
        q->len--;
        if (!q->first) {
            q->last = &q->first;
        }
    }
    return r;
}

static bool queue_remove(RequestQueue *q, Request *r)
{
    Request **p = &q->first;

    while (*p && *p != r) {
        p = &(*p)->next;
    }
    if (!*p) {
        return false;
    }
    *p = r->next;
    if (!*p) {
        q->last = p;
    }
    q->len--;
    return true;
}

/* ---- Workers ---- */

/* The next request, or NULL when the worker should end. Called and returns with the lock held. */
static Request *worker_wait_locked(ThreadPoolAio *pool) TSA_REQUIRES(pool->lock)
{
    while (!pool->ending) {
        Request *r = queue_pop(&pool->queue);
        bool in_time;

        if (r) {
            r->state = REQUEST_TAKEN;
            return r;
        }
        pool->idle++;
        in_time = sched_cond_timedwait(&pool->work, &pool->lock, WORKER_IDLE_NS);
        pool->idle--;
        if (!in_time && !pool->queue.len && pool->alive > pool->min) {
            break;
        }
    }
    return NULL;
}

static void worker_run(void *opaque)
{
    Worker *w = opaque;
    ThreadPoolAio *pool = w->pool;
    Request *r;

    sched_mutex_lock(&pool->lock);
    while ((r = worker_wait_locked(pool))) {
        int ret;

        sched_mutex_unlock(&pool->lock);
        sched_point(SCHED_K_POOL_TAKE, &r->o);
        ret = r->func(r->arg);
        sched_point(SCHED_K_POOL_COMPLETE, &r->o);
        sched_mutex_lock(&pool->lock);
        r->ret = ret;
        r->state = REQUEST_DONE;
        queue_push(&pool->results, r);
        sched_mutex_unlock(&pool->lock);
        qemu_bh_schedule(pool->completion_bh);
        sched_mutex_lock(&pool->lock);
    }
    pool->alive--;
    w->finished = true;
    sched_mutex_unlock(&pool->lock);
}

static void worker_join(ThreadPoolAio *pool, unsigned i)
{
    Worker *w = pool->workers->pdata[i];

    sched_thread_join(w->thread);
    g_free(w->name);
    g_free(w);
    pool->workers->pdata[i] = NULL;
}

/* A free number, after joining those that ended. */
static unsigned worker_number(ThreadPoolAio *pool)
{
    unsigned free_number = pool->workers->len;

    for (unsigned i = pool->workers->len; i-- > 0;) {
        Worker *w = pool->workers->pdata[i];
        bool finished = false;

        if (w) {
            sched_mutex_lock(&pool->lock);
            finished = w->finished;
            sched_mutex_unlock(&pool->lock);
            if (finished) {
                worker_join(pool, i);
            }
        }
        if (!w || finished) {
            free_number = i;
        }
    }
    if (free_number == pool->workers->len) {
        g_ptr_array_add(pool->workers, NULL);
    }
    return free_number;
}

static void worker_start(ThreadPoolAio *pool)
{
    unsigned number = worker_number(pool);
    Worker *w = g_new0(Worker, 1);

    w->pool = pool;
    w->name = g_strdup_printf("%sworker%u", pool->name, number);
    pool->workers->pdata[number] = w;
    w->thread = sched_thread_create(w->name, worker_run, w);
}

/* ---- Requests ---- */

static void thread_pool_completion_bh(void *opaque)
{
    ThreadPoolAio *pool = opaque;
    Request *r;

    for (;;) {
        if (!pool->completing.len) {
            sched_mutex_lock(&pool->lock);
            while ((r = queue_pop(&pool->results))) {
                queue_push(&pool->completing, r);
            }
            sched_mutex_unlock(&pool->lock);
        }
        r = queue_pop(&pool->completing);
        if (!r) {
            return;
        }
        if (pool->completing.len) {
            qemu_bh_schedule(pool->completion_bh);  /* the callback may poll, and wait for them */
        }
        r->common.cb(r->common.opaque, r->ret);
        qemu_aio_unref(r);
    }
}

static void thread_pool_cancel(BlockAIOCB *acb)
{
    Request *r = (Request *)acb;
    ThreadPoolAio *pool = r->pool;
    bool removed = false;

    sched_mutex_lock(&pool->lock);
    if (r->state == REQUEST_QUEUED) {
        removed = queue_remove(&pool->queue, r);
        assert(removed);
        r->state = REQUEST_DONE;
        r->ret = -ECANCELED;
        queue_push(&pool->results, r);
    }
    sched_mutex_unlock(&pool->lock);
    if (removed) {
        qemu_bh_schedule(pool->completion_bh);
    }
}

static const AIOCBInfo thread_pool_aiocb_info = {
    .aiocb_size = sizeof(Request),
    .cancel_async = thread_pool_cancel,
};

BlockAIOCB *thread_pool_submit_aio_named(const char *name, ThreadPoolFunc *func, void *arg,
                                         BlockCompletionFunc *cb, void *opaque)
{
    AioContext *ctx = qemu_get_current_aio_context();
    ThreadPoolAio *pool;
    Request *r;
    bool start;

    assert(ctx);
    pool = aio_get_thread_pool(ctx);
    r = qemu_aio_get(&thread_pool_aiocb_info, NULL, cb, opaque);
    sched_object_init(&r->o, "request", name);
    r->pool = pool;
    r->func = func;
    r->arg = arg;
    sched_mutex_lock(&pool->lock);
    queue_push(&pool->queue, r);
    start = pool->queue.len > pool->idle && pool->alive < pool->max;
    pool->alive += start;
    sched_mutex_unlock(&pool->lock);
    if (start) {
        worker_start(pool);                                     /* (I4) */
    } else {
        sched_cond_signal(&pool->work);
    }
    return &r->common;
}

typedef struct CoRequest {
    Coroutine *co;
    int ret;
} CoRequest;

static void thread_pool_co_cb(void *opaque, int ret)
{
    CoRequest *r = opaque;

    r->ret = ret;
    aio_co_wake(r->co);
}

int coroutine_fn thread_pool_submit_co_named(const char *name, ThreadPoolFunc *func, void *arg)
{
    CoRequest r = { .co = qemu_coroutine_self(), .ret = -EINPROGRESS };

    assert(r.co);
    thread_pool_submit_aio_named(name, func, arg, thread_pool_co_cb, &r);
    qemu_coroutine_yield();
    return r.ret;
}

/* ---- Life ---- */

ThreadPoolAio *thread_pool_new_aio(AioContext *ctx)
{
    ThreadPoolAio *pool = g_new0(ThreadPoolAio, 1);

    pool->ctx = ctx;
    pool->name = ctx == qemu_get_aio_context() ? g_strdup("") : g_strdup_printf("%s-", ctx->name);
    pool->completion_bh = aio_bh_new(ctx, thread_pool_completion_bh, pool);
    pool->workers = g_ptr_array_new();
    queue_init(&pool->completing);
    queue_init(&pool->queue);
    queue_init(&pool->results);
    sched_mutex_init(&pool->lock, "thread-pool");
    sched_cond_init(&pool->work, "thread-pool-work");
    thread_pool_update_params(pool);
    return pool;
}

void thread_pool_update_params(ThreadPoolAio *pool)
{
    sched_mutex_lock(&pool->lock);
    pool->min = pool->ctx->pool_min;
    pool->max = pool->ctx->pool_max;
    sched_mutex_unlock(&pool->lock);
}

void thread_pool_free_aio(ThreadPoolAio *pool)
{
    if (!pool) {
        return;
    }
    sched_mutex_lock(&pool->lock);
    assert(!pool->queue.len && !pool->results.len && !pool->completing.len);
    pool->ending = true;
    sched_mutex_unlock(&pool->lock);
    sched_cond_broadcast(&pool->work);
    for (unsigned i = 0; i < pool->workers->len; i++) {
        if (pool->workers->pdata[i]) {
            worker_join(pool, i);
        }
    }
    qemu_bh_delete(pool->completion_bh);
    sched_cond_destroy(&pool->work);
    sched_mutex_destroy(&pool->lock);
    g_ptr_array_free(pool->workers, true);
    g_free(pool->name);
    g_free(pool);
}
