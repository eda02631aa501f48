/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the monitor share.
 *
 * Owns: MACHINE_MONITOR. Context: main thread with the BQL, except that fields under "event lock" are any thread's.
 */
#ifndef MONITOR_MONITOR_INT_H
#define MONITOR_MONITOR_INT_H

#include "aio/coroutine.h"
#include "base/json_stream.h"
#include "monitor/chardev_opts.h"
#include "monitor/monitor.h"
#include "monitor/qmp_table.h"
#include "sched/sched.h"

#include <json-c/json.h>

/* One JSON value from a QMP client, or the error it caused. */
typedef struct QMPRequest {
    json_object *value;
    GError *err;
} QMPRequest;

struct Monitor {
    CharBackend chr;
    bool is_qmp;
    bool pretty;
    bool skip_flush;                /* output is collected in outbuf: human-monitor-command */
    GString *outbuf;                /* HMP: text since the last flush */
    GPtrArray *fds;                 /* of MonFd *: named descriptors of getfd, in order of arrival */

    /* ---- QMP ---- */
    JsonStream stream;
    GQueue requests;                /* of QMPRequest *, oldest first */
    bool connected;
    bool negotiated;                /* qmp_capabilities done */
    bool oob;                       /* the client enabled out-of-band execution */
    bool executing;                 /* the dispatcher runs a request of ours */
    unsigned session;               /* counts connections: a reply goes only to the session that asked */

    /* ---- HMP ---- */
    struct HmpLine *line;           /* the line editor; NULL for QMP and for human-monitor-command */
    bool in_focus;                  /* of a mux */
    bool greeted;
    QEMUBH *greet_bh;               /* mux only: greet once everybody has attached, if the focus is ours then */
    bool settled;                   /* it has run */
};

typedef struct MonitorState {
    GPtrArray *monitors;            /* of Monitor *, in order of creation */
    unsigned next;                  /* round robin among monitors with requests */
    unsigned qmp_count;             /* -qmp options so far, for channel names */
    unsigned mon_count;             /* -monitor options so far */
    unsigned compat_count;          /* both, for labels */
    bool preconfig_done;

    Coroutine *dispatcher;          /* NULL once it has ended */
    bool dispatcher_busy;           /* it runs or is scheduled: do not wake it */
    bool shutdown;                  /* take no new requests */
    Monitor *dispatcher_mon;        /* whose coroutine command runs */

    struct MonitorEvents *events;
} MonitorState;

MonitorState *monitor_state(void);

/* ---- monitor.c ---- */

/** monitor_new: registered, not yet on its chardev. */
Monitor *monitor_new(bool is_qmp);
/** monitor_free: detach from its chardev and forget. */
void monitor_free(Monitor *mon);
/** monitor_set_cur: what monitor_cur() says outside the dispatcher. Returns the previous one. */
Monitor *monitor_set_cur(Monitor *mon);
/** monitor_send: bytes to the client; a client that does not read CHR_PENDING_MAX bytes is disconnected. */
void monitor_send(Monitor *mon, const char *text, size_t len);

/* ---- qmp.c ---- */

void monitor_qmp_setup(Monitor *mon);
void monitor_qmp_teardown(Monitor *mon);
/** qmp_send: one JSON value as a line. */
void qmp_send(Monitor *mon, json_object *value);
/** qmp_accepts_request: may another request be read now? */
bool qmp_accepts_request(const Monitor *mon);
void qmp_request_free(QMPRequest *req);

/* ---- qmp_dispatch.c ---- */

void qmp_dispatcher_start(void);
/** qmp_dispatcher_stop: finish the running request. Runs the main loop. */
void qmp_dispatcher_stop(void);
/** qmp_dispatcher_wake: there is a request, or it is time to end. */
void qmp_dispatcher_wake(void);
/** qmp_dispatch_oob: execute @req now. Returns the reply. */
json_object *qmp_dispatch_oob(Monitor *mon, json_object *req);
/** qmp_request_is_oob: is this an "exec-oob" request that @mon may make? */
bool qmp_request_is_oob(const Monitor *mon, json_object *req);
json_object *qmp_error_response(const GError *err);

/* ---- hmp.c ---- */

void monitor_hmp_setup(Monitor *mon);
void monitor_hmp_teardown(Monitor *mon);

/* ---- qmp_cmds_qom.c ---- */

struct DeviceState;
/** monitor_balloon_stats: "guest-stats" of @dev, NULL if it is no balloon. Caller puts the reference. */
struct json_object *monitor_balloon_stats(struct DeviceState *dev);
/** monitor_balloon_set_interval: false if @dev is no balloon. */
bool monitor_balloon_set_interval(struct DeviceState *dev, int64_t seconds);
/** monitor_device_events_init: tell clients what devices tell. */
void monitor_device_events_init(void);
/** monitor_object_add: object-add with all values as text, as people write them. */
bool monitor_object_add(ChrOpts *opts, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* ---- fdset.c ---- */

/** monitor_fds_close: close the named descriptors of @mon. */
void monitor_fds_close(Monitor *mon);

#endif
