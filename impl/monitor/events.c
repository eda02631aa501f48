/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events: from any thread into one queue, from there to the clients; and the observers of lower modules.
 *
 * Context: emit: any thread, also under other locks; delivery: main thread, or whoever emits with the BQL.
 * Locks: events->lock, taken after every other lock, never held while calling out.
 */
#include "monitor/events.h"
#include "aio/main_loop.h"
#include "block/backend.h"
#include "block/blockjob.h"
#include "block/job.h"
#include "machine/runstate.h"
#include "monitor/monitor_int.h"
#include "monitor/qapi_events.h"
#include "monitor/qmp_cmds_migration.h"

#include <string.h>

typedef struct QueuedEvent {
    unsigned event;
    json_object *message;
} QueuedEvent;

/* One stream of a rate-limited event: nothing for a period, then its newest value. */
typedef struct Throttle {
    unsigned event;
    char *key;                      /* what else tells streams apart, or NULL */
    json_object *newest;            /* waiting, or NULL */
    QEMUTimer timer;                /* pending while the period lasts */
} Throttle;

struct MonitorEvents {
    SchedMutex lock;
    GQueue queue;                   /* of QueuedEvent *; under lock */
    bool delivering;                /* under lock: somebody empties the queue */
    GPtrArray *throttles;           /* of Throttle *; BQL */
};

static const struct {
    unsigned event;
    int64_t period_ns;
    const char *key;                /* member of the data that tells streams apart */
} event_limits[] = {
    { QAPI_EVENT_BALLOON_CHANGE, NANOSECONDS_PER_SECOND, NULL },
    { QAPI_EVENT_VSERPORT_CHANGE, NANOSECONDS_PER_SECOND, "id" },
    { QAPI_EVENT_BLOCK_IO_ERROR, NANOSECONDS_PER_SECOND, "device" },
    { QAPI_EVENT_WATCHDOG, NANOSECONDS_PER_SECOND, NULL },
};

/* ---- Delivery ---- */

static void monitor_events_broadcast(json_object *message)
{
    MonitorState *s = monitor_state();

    for (guint i = 0; i < s->monitors->len; i++) {
        Monitor *mon = g_ptr_array_index(s->monitors, i);

        if (mon->is_qmp && mon->connected && mon->negotiated) {
            qmp_send(mon, message);
        }
    }
}

static void monitor_throttle_over(void *opaque)
{
    Throttle *t = opaque;
    json_object *message = g_steal_pointer(&t->newest);

    if (message) {
        monitor_events_broadcast(message);
        json_object_put(message);
        timer_mod(&t->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + NANOSECONDS_PER_SECOND);
    }
}

static Throttle *monitor_throttle_find(struct MonitorEvents *ev, unsigned event, const char *key)
{
    Throttle *t;

    for (guint i = 0; i < ev->throttles->len; i++) {
        t = g_ptr_array_index(ev->throttles, i);
        if (t->event == event && g_strcmp0(t->key, key) == 0) {
            return t;
        }
    }
    t = g_new0(Throttle, 1);
    t->event = event;
    t->key = g_strdup(key);
    timer_init_ns(&t->timer, QEMU_CLOCK_REALTIME, monitor_throttle_over, t);
    g_ptr_array_add(ev->throttles, t);
    return t;
}

static void monitor_event_deliver(struct MonitorEvents *ev, const QueuedEvent *q)
{
    json_object *data = NULL, *value = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(event_limits); i++) {
        Throttle *t;

        if (event_limits[i].event != q->event) {
            continue;
        }
        json_object_object_get_ex(q->message, "data", &data);
        if (event_limits[i].key && data) {
            json_object_object_get_ex(data, event_limits[i].key, &value);
        }
        t = monitor_throttle_find(ev, q->event, value ? json_object_get_string(value) : NULL);
        if (timer_pending(&t->timer)) {
            json_object_put(t->newest);
            t->newest = json_object_get(q->message);
            return;
        }
        timer_mod(&t->timer, qemu_clock_get_ns(QEMU_CLOCK_REALTIME) + event_limits[i].period_ns);
        break;
    }
    monitor_events_broadcast(q->message);
}

/* Empties the queue. BQL held. Nested calls leave the work to the outer one, so that order is kept. */
static void monitor_events_flush(struct MonitorEvents *ev)
{
    QueuedEvent *q;

    sched_mutex_lock(&ev->lock);
    if (!ev->delivering) {
        ev->delivering = true;
        while ((q = g_queue_pop_head(&ev->queue))) {
            sched_mutex_unlock(&ev->lock);
            monitor_event_deliver(ev, q);
            json_object_put(q->message);
            g_free(q);
            sched_mutex_lock(&ev->lock);
        }
        ev->delivering = false;
    }
    sched_mutex_unlock(&ev->lock);
}

static void monitor_events_bh(void *opaque)
{
    MonitorState *s = monitor_state();

    if (s) {
        monitor_events_flush(s->events);
    }
}

static json_object *monitor_event_message(const char *name, json_object *data)
{
    int64_t now = sched_clock_ns(SCHED_CLOCK_HOST) / 1000;
    json_object *message = json_object_new_object(), *stamp = json_object_new_object();

    json_object_object_add(stamp, "seconds", json_object_new_int64(now / 1000000));
    json_object_object_add(stamp, "microseconds", json_object_new_int64(now % 1000000));
    json_object_object_add(message, "timestamp", stamp);
    json_object_object_add(message, "event", json_object_new_string(name));
    if (data) {
        json_object_object_add(message, "data", data);
    }
    return message;
}

void qapi_event_emit(unsigned event, const char *name, json_object *data)
{
    MonitorState *s = monitor_state();
    QueuedEvent *q;

    if (!s) {
        json_object_put(data);
        return;
    }
    q = g_new0(QueuedEvent, 1);
    q->event = event;
    q->message = monitor_event_message(name, data);
    sched_mutex_lock(&s->events->lock);
    g_queue_push_tail(&s->events->queue, q);
    sched_mutex_unlock(&s->events->lock);
    if (bql_locked()) {
        monitor_events_flush(s->events);
    } else {
        aio_bh_schedule_oneshot(iohandler_get_aio_context(), monitor_events_bh, NULL);
    }
}

/* ---- Observers ---- */

static void monitor_on_reset(bool guest, ShutdownCause reason)
{
    qapi_event_send_reset(guest, reason);
}

static void monitor_on_shutdown(bool guest, ShutdownCause reason)
{
    qapi_event_send_shutdown(guest, reason);
}

static void monitor_on_panic(void)
{
    qapi_event_send_guest_panicked(GUEST_PANIC_ACTION_PAUSE);
}

static const RunStateEvents runstate_events = {
    .stop = qapi_event_send_stop,
    .resume = qapi_event_send_resume,
    .reset = monitor_on_reset,
    .shutdown = monitor_on_shutdown,
    .powerdown = qapi_event_send_powerdown,
    .suspend = qapi_event_send_suspend,
    .guest_panicked = monitor_on_panic,
};

static void monitor_on_block_error(void *opaque, BlockBackend *blk, BlockErrorAction action, bool is_read, int error)
{
    BlockDriverState *bs = blk_bs(blk);
    const char *dev = blk_get_attached_dev_id(blk);

    qapi_event_send_block_io_error(dev ? dev : "", blk_name(blk), bs ? bdrv_get_node_name(bs) : NULL,
                                   is_read ? IO_OPERATION_TYPE_READ : IO_OPERATION_TYPE_WRITE, action, true,
                                   error == ENOSPC, g_strerror(error));
}

/* Jobs tell every step; block jobs also have events of their own for the steps a client waits for. */
static void monitor_on_job(void *opaque, Job *job)
{
    int64_t speed = 0;
    uint64_t done = job->progress_current, total = job->progress_total;
    JobType type = job->driver->job_type;

    if (!job->id) {
        return;
    }
    qapi_event_send_job_status_change(job->id, job->status);
    if (type > JOB_TYPE_BACKUP) {
        return;
    }
    speed = ((BlockJob *)job)->speed;
    if (job->status == JOB_STATUS_READY) {
        qapi_event_send_block_job_ready(type, job->id, (int64_t)total, (int64_t)done, speed);
    } else if (job->status == JOB_STATUS_PENDING) {
        qapi_event_send_block_job_pending(type, job->id);
    } else if (job->status == JOB_STATUS_CONCLUDED && job->ret == -ECANCELED) {
        qapi_event_send_block_job_cancelled(type, job->id, (int64_t)total, (int64_t)done, speed);
    } else if (job->status == JOB_STATUS_CONCLUDED) {
        qapi_event_send_block_job_completed(type, job->id, (int64_t)total, (int64_t)done, speed,
                                            job->ret < 0 ? (job->err ? job->err->message : g_strerror(-job->ret))
                                                         : NULL);
    }
}

void monitor_events_init(void)
{
    struct MonitorEvents *ev = g_new0(struct MonitorEvents, 1);

    sched_mutex_init(&ev->lock, "monitor-events");
    g_queue_init(&ev->queue);
    ev->throttles = g_ptr_array_new();
    monitor_state()->events = ev;
}

void monitor_events_subscribe(void)
{
    runstate_set_events(&runstate_events);
    monitor_device_events_init();
    monitor_migration_events_init();
    job_set_observer(monitor_on_job, NULL);
    blk_set_error_observer(monitor_on_block_error, NULL);
}

void monitor_events_cleanup(void)
{
    struct MonitorEvents *ev = monitor_state()->events;
    QueuedEvent *q;

    while ((q = g_queue_pop_head(&ev->queue))) {
        json_object_put(q->message);
        g_free(q);
    }
    for (guint i = 0; i < ev->throttles->len; i++) {
        Throttle *t = g_ptr_array_index(ev->throttles, i);

        timer_del(&t->timer);
        timer_deinit(&t->timer);
        json_object_put(t->newest);
        g_free(t->key);
        g_free(t);
    }
    g_ptr_array_free(ev->throttles, TRUE);
    sched_mutex_destroy(&ev->lock);
    g_free(ev);
    monitor_state()->events = NULL;
}
