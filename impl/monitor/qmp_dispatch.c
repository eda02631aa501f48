/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The QMP dispatcher: one coroutine that executes the requests of all monitors, one after the other.
 *
 * It lives in the iohandler context, which only the outermost main loop dispatches; so no command starts inside
 * somebody's nested event loop. A coroutine command may wait in a nested loop itself (AIO_WAIT_WHILE polls the main
 * context), hence it runs in the main context: the coroutine schedules itself there and yields, and does the
 * same to come back. aio_co_reschedule_self() would do nothing here, because from the iohandler context the current
 * context reads as the main one. Other commands run in a bottom half of the iohandler context, outside coroutines.
 *
 * I1  dispatcher_busy is set from the wake-up until the dispatcher found every queue empty; only its setter enters it.
 * I2  Monitors are served round robin: a client that sends without pause does not starve another.
 */
#include "monitor/monitor_int.h"
#include "aio/main_loop.h"
#include "base/assert.h"

#include <string.h>

const QmpCommand *qmp_find_command(const char *name)
{
    unsigned low = 0, high = qmp_commands_count;

    while (low < high) {
        unsigned mid = (low + high) / 2;
        int cmp = strcmp(name, qmp_commands[mid].name);

        if (cmp == 0) {
            return &qmp_commands[mid];
        }
        if (cmp < 0) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return NULL;
}

json_object *qmp_error_response(const GError *err)
{
    json_object *reply = json_object_new_object(), *error = json_object_new_object();

    json_object_object_add(error, "class", json_object_new_string(error_class_name(err)));
    json_object_object_add(error, "desc", json_object_new_string(error_get_pretty(err)));
    json_object_object_add(reply, "error", error);
    return reply;
}

/* ---- One request ---- */

/* The form of a request. Returns the name of the command, borrowed. */
static const char *qmp_check_request(json_object *req, bool allow_oob, GError **errp)
{
    const char *name = NULL;

    if (json_object_get_type(req) != json_type_object) {
        error_setg(errp, "QMP input must be a JSON object");
        return NULL;
    }
    json_object_object_foreach(req, key, value) {
        if (strcmp(key, "execute") == 0 || (allow_oob && strcmp(key, "exec-oob") == 0)) {
            if (json_object_get_type(value) != json_type_string) {
                error_setg(errp, "QMP input member '%s' must be a string", key);
                return NULL;
            }
            if (name) {
                error_setg(errp, "QMP input member '%s' clashes with '%s'", key,
                           strcmp(key, "execute") ? "execute" : "exec-oob");
                return NULL;
            }
            name = json_object_get_string(value);
        } else if (strcmp(key, "arguments") == 0) {
            if (json_object_get_type(value) != json_type_object) {
                error_setg(errp, "QMP input member 'arguments' must be an object");
                return NULL;
            }
        } else if (strcmp(key, "id") != 0) {
            error_setg(errp, "QMP input member '%s' is unexpected", key);
            return NULL;
        }
    }
    if (!name) {
        error_setg(errp, "QMP input lacks member 'execute'");
    }
    return name;
}

/* May @mon run it now? */
static const QmpCommand *qmp_check_command(Monitor *mon, const char *name, bool oob, GError **errp)
{
    const QmpCommand *cmd = qmp_find_command(name);

    if (!mon->negotiated && strcmp(name, "qmp_capabilities") != 0) {
        error_set(errp, ERROR_CLASS_COMMAND_NOT_FOUND, "Expecting capabilities negotiation with 'qmp_capabilities'");
        return NULL;
    }
    if (!cmd) {
        error_set(errp, ERROR_CLASS_COMMAND_NOT_FOUND, "The command %s has not been found", name);
        return NULL;
    }
    if (oob && !(cmd->options & QCO_ALLOW_OOB)) {
        error_setg(errp, "The command %s does not support OOB", name);
        return NULL;
    }
    if (!monitor_state()->preconfig_done && !(cmd->options & QCO_ALLOW_PRECONFIG)) {
        error_setg(errp, "The command '%s' is permitted only after machine initialization has completed", name);
        return NULL;
    }
    return cmd;
}

typedef struct QmpCall {
    const QmpCommand *cmd;
    Monitor *mon;
    json_object *args;
    json_object *ret;
    GError *err;
    Coroutine *co;                  /* to wake from the bottom half */
} QmpCall;

static void qmp_call_now(QmpCall *call)
{
    Monitor *old = monitor_set_cur(call->mon);

    call->cmd->fn(call->args, &call->ret, &call->err);
    monitor_set_cur(old);
}

static void do_qmp_dispatch_bh(void *opaque)
{
    QmpCall *call = opaque;

    assert(!qemu_in_coroutine());
    qmp_call_now(call);
    aio_co_wake(call->co);
}

static void coroutine_fn qmp_co_call(QmpCall *call)
{
    MonitorState *s = monitor_state();

    call->co = qemu_coroutine_self();
    if (!(call->cmd->options & QCO_COROUTINE)) {
        aio_bh_schedule_oneshot(iohandler_get_aio_context(), do_qmp_dispatch_bh, call);
        qemu_coroutine_yield();
        return;
    }
    aio_co_schedule(qemu_get_aio_context(), call->co);
    qemu_coroutine_yield();
    s->dispatcher_mon = call->mon;
    call->cmd->fn(call->args, &call->ret, &call->err);
    s->dispatcher_mon = NULL;
    aio_co_schedule(iohandler_get_aio_context(), call->co);
    qemu_coroutine_yield();
}

/* @req: its "id" comes back unchanged, null included. */
static json_object *qmp_reply(QmpCall *call, json_object *req)
{
    json_object *id = NULL;
    json_object *reply;

    if (call->err) {
        reply = qmp_error_response(call->err);
        g_clear_error(&call->err);
        json_object_put(call->ret);
    } else {
        reply = json_object_new_object();
        json_object_object_add(reply, "return", call->ret ? call->ret : json_object_new_object());
    }
    if (json_object_get_type(req) == json_type_object && json_object_object_get_ex(req, "id", &id)) {
        json_object_object_add(reply, "id", json_object_get(id));
    }
    return reply;
}

/* Runs @req; in a coroutine unless @oob. Returns the reply. */
static json_object *qmp_execute(Monitor *mon, json_object *req, bool oob)
{
    json_object *args = NULL;
    QmpCall call = { .mon = mon };
    const char *name;
    bool allow_oob = mon->oob;

    name = qmp_check_request(req, allow_oob, &call.err);
    call.cmd = name ? qmp_check_command(mon, name, oob, &call.err) : NULL;
    if (call.cmd) {
        json_object_object_get_ex(req, "arguments", &args);
        call.args = args ? json_object_get(args) : json_object_new_object();
        if (oob) {
            qmp_call_now(&call);
        } else {
            qmp_co_call(&call);
        }
        json_object_put(call.args);
    }
    return qmp_reply(&call, req);
}

bool qmp_request_is_oob(const Monitor *mon, json_object *req)
{
    return mon->oob && json_object_get_type(req) == json_type_object &&
           json_object_object_get_ex(req, "exec-oob", NULL);
}

json_object *qmp_dispatch_oob(Monitor *mon, json_object *req)
{
    return qmp_execute(mon, req, true);
}

/* ---- The coroutine ---- */

static Monitor *qmp_next_monitor(MonitorState *s)
{
    for (unsigned i = 0; i < s->monitors->len; i++) {
        unsigned at = (s->next + i) % s->monitors->len;
        Monitor *mon = g_ptr_array_index(s->monitors, at);

        if (mon->is_qmp && mon->requests.length) {
            s->next = at + 1;
            return mon;
        }
    }
    return NULL;
}

static void coroutine_fn qmp_co_serve(Monitor *mon)
{
    QMPRequest *req = g_queue_pop_head(&mon->requests);
    unsigned session = mon->session;
    json_object *reply;

    mon->executing = true;
    reply = req->err ? qmp_error_response(req->err) : qmp_execute(mon, req->value, false);
    mon->executing = false;
    if (mon->connected && mon->session == session) {
        qmp_send(mon, reply);
    }
    json_object_put(reply);
    qmp_request_free(req);
    qemu_chr_fe_accept_input(&mon->chr);
}

static void coroutine_fn monitor_qmp_dispatcher_co(void *opaque)
{
    MonitorState *s = opaque;

    for (;;) {
        Monitor *mon = s->shutdown ? NULL : qmp_next_monitor(s);

        if (mon) {
            qmp_co_serve(mon);
        } else if (s->shutdown) {
            break;
        } else {
            s->dispatcher_busy = false;
            qemu_coroutine_yield();
        }
    }
    s->dispatcher = NULL;
}

void qmp_dispatcher_start(void)
{
    MonitorState *s = monitor_state();

    s->dispatcher_busy = true;
    s->dispatcher = qemu_coroutine_create_named("qmp-dispatcher", monitor_qmp_dispatcher_co, s);
    aio_co_schedule(iohandler_get_aio_context(), s->dispatcher);
}

void qmp_dispatcher_wake(void)
{
    MonitorState *s = monitor_state();

    if (s->dispatcher && !s->dispatcher_busy) {
        s->dispatcher_busy = true;
        aio_co_wake(s->dispatcher);
    }
}

void qmp_dispatcher_stop(void)
{
    MonitorState *s = monitor_state();

    s->shutdown = true;
    qmp_dispatcher_wake();
    while (s->dispatcher) {
        main_loop_wait(false);
    }
}
