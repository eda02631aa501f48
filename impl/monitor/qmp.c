/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A QMP connection: bytes to requests, replies to bytes. Executing them is in qmp_dispatch.c.
 *
 * Context: handlers run in the iohandler context with the BQL.
 *
 * I1  Replies leave in the order of the requests, except those of exec-oob.
 * I2  Input is read only while the queue has room: one request, or QMP_OOB_QUEUE of them once out-of-band is on.
 *     One read may bring more; they are all kept.
 * I3  A client that goes takes its queued requests with it, but the one that runs finishes; its reply is dropped.
 * Source: QMP specification.
 */
#include "monitor/monitor_int.h"
#include "base/assert.h"
#include "monitor/qmp_commands.h"

#include <string.h>

#define QMP_CHUNK 4096
#define QMP_OOB_QUEUE 8

void qmp_request_free(QMPRequest *req)
{
    json_object_put(req->value);
    g_clear_error(&req->err);
    g_free(req);
}

void qmp_send(Monitor *mon, json_object *value)
{
    g_autofree char *text = json_to_text(value, mon->pretty);
    g_autofree char *line = g_strconcat(text, "\r\n", NULL);

    monitor_send(mon, line, strlen(line));
}

bool qmp_accepts_request(const Monitor *mon)
{
    if (!mon->connected || monitor_state()->shutdown) {
        return false;
    }
    return mon->oob ? mon->requests.length < QMP_OOB_QUEUE : mon->requests.length == 0 && !mon->executing;
}

static void qmp_drop_requests(Monitor *mon)
{
    QMPRequest *req;

    while ((req = g_queue_pop_head(&mon->requests))) {
        qmp_request_free(req);
    }
}

static void qmp_handle_value(void *opaque, json_object *value, GError *err)
{
    Monitor *mon = opaque;
    QMPRequest *req;

    if (!err && qmp_request_is_oob(mon, value)) {
        json_object *reply = qmp_dispatch_oob(mon, value);

        json_object_put(value);
        qmp_send(mon, reply);
        json_object_put(reply);
        return;
    }
    req = g_new0(QMPRequest, 1);
    req->value = value;
    req->err = err;
    g_queue_push_tail(&mon->requests, req);
    qmp_dispatcher_wake();
}

static int qmp_can_read(void *opaque)
{
    return qmp_accepts_request(opaque) ? QMP_CHUNK : 0;
}

static void qmp_read(void *opaque, const uint8_t *buf, int size)
{
    Monitor *mon = opaque;

    json_stream_feed(&mon->stream, (const char *)buf, (size_t)size);
}

static void qmp_send_greeting(Monitor *mon)
{
    json_object *msg = json_object_new_object(), *qmp = json_object_new_object(), *caps = json_object_new_array();
    json_object *version = NULL, *args = json_object_new_object();
    const QmpCommand *query = qmp_find_command("query-version");

    query->fn(args, &version, NULL);
    json_object_put(args);
    json_object_array_add(caps, json_object_new_string("oob"));
    json_object_object_add(qmp, "version", version);
    json_object_object_add(qmp, "capabilities", caps);
    json_object_object_add(msg, "QMP", qmp);
    qmp_send(mon, msg);
    json_object_put(msg);
}

static void qmp_event(void *opaque, QEMUChrEvent event)
{
    Monitor *mon = opaque;

    switch (event) {
    case CHR_EVENT_OPENED:
        mon->connected = true;
        mon->session++;
        mon->negotiated = mon->oob = false;
        qmp_send_greeting(mon);
        break;
    case CHR_EVENT_CLOSED:
        mon->connected = mon->negotiated = mon->oob = false;
        json_stream_reset(&mon->stream);
        mon->stream.skipping = false;
        qmp_drop_requests(mon);
        monitor_fds_close(mon);
        break;
    case CHR_EVENT_BREAK:
    case CHR_EVENT_MUX_IN:
    case CHR_EVENT_MUX_OUT:
        break;
    }
}

void monitor_qmp_setup(Monitor *mon)
{
    g_queue_init(&mon->requests);
    json_stream_init(&mon->stream, qmp_handle_value, mon);
    qemu_chr_fe_set_handlers(&mon->chr, qmp_can_read, qmp_read, qmp_event, mon, true);
}

void monitor_qmp_teardown(Monitor *mon)
{
    json_stream_clear(&mon->stream);
    qmp_drop_requests(mon);
}

/* ---- Negotiation ---- */

void qmp_qmp_capabilities(QMPCapabilityList *enable, GError **errp)
{
    Monitor *mon = monitor_cur();

    if (!mon || !mon->is_qmp) {
        error_setg(errp, "Only a QMP client can negotiate capabilities");
        return;
    }
    if (mon->negotiated) {
        error_set(errp, ERROR_CLASS_COMMAND_NOT_FOUND,
                  "Capabilities negotiation is already complete, command ignored");
        return;
    }
    for (QMPCapabilityList *e = enable; e; e = e->next) {
        mon->oob |= e->value == QMP_CAPABILITY_OOB;
    }
    mon->negotiated = true;
}
