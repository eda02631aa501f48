/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input events to their devices, and the queue of keys that a monitor sends.
 */
#include "ui/input.h"

#include "aio/timer.h"
#include "machine/runstate.h"
#include "sched/machine.h"
#include "ui/ui_int.h"

#define KEY_QUEUE_MAX 1024

typedef struct InputHandler {
    const QemuInputHandler *ops;
    void *opaque;
} InputHandler;

void qemu_input_handler_register(const QemuInputHandler *ops, void *opaque)
{
    InputHandler *h = g_new0(InputHandler, 1);

    h->ops = ops;
    h->opaque = opaque;
    g_ptr_array_insert(ui_state()->inputs, 0, h);
}

void qemu_input_handler_unregister(const QemuInputHandler *ops, void *opaque)
{
    GPtrArray *inputs = ui_state()->inputs;

    for (unsigned i = 0; i < inputs->len; i++) {
        InputHandler *h = g_ptr_array_index(inputs, i);

        if (h->ops == ops && h->opaque == opaque) {
            g_ptr_array_remove_index(inputs, i);
            g_free(h);
            break;
        }
    }
    ui_state_release();
}

void qemu_input_event_send_key_number(unsigned qnum, bool down)
{
    GPtrArray *inputs = ui_state()->inputs;

    for (unsigned i = 0; runstate_is_running() && i < inputs->len; i++) {
        InputHandler *h = g_ptr_array_index(inputs, i);

        if (h->ops->key) {
            h->ops->key(h->opaque, qnum & 0xff, down);
            return;
        }
    }
}

unsigned qemu_input_buttons(void)
{
    const UIState *ui = machine_state(MACHINE_UI);

    return ui ? ui->buttons : 0;
}

void qemu_input_send_pointer(int dx, int dy, int dz, unsigned buttons)
{
    GPtrArray *inputs = ui_state()->inputs;

    ui_state()->buttons = buttons;

    for (unsigned i = 0; runstate_is_running() && i < inputs->len; i++) {
        InputHandler *h = g_ptr_array_index(inputs, i);

        if (h->ops->pointer) {
            h->ops->pointer(h->opaque, dx, dy, dz, buttons);
            return;
        }
    }
}

/* ---- Keys from monitors ---- */

/* An event, or a pause before the next. */
typedef struct QueuedKey {
    unsigned qnum;
    bool down;
    unsigned delay_ms;          /* not 0: only this */
} QueuedKey;

typedef struct KeyQueue {
    GArray *events;             /* of QueuedKey */
    QEMUTimer *timer;
} KeyQueue;

void input_queue_cancel(UIState *ui)
{
    if (ui->keys) {
        timer_free(ui->keys->timer);
        g_array_unref(ui->keys->events);
        g_clear_pointer(&ui->keys, g_free);
    }
}

static void input_queue_run(void *opaque)
{
    UIState *ui = opaque;
    KeyQueue *q = ui->keys;

    while (q->events->len) {
        QueuedKey k = g_array_index(q->events, QueuedKey, 0);

        g_array_remove_index(q->events, 0);
        if (k.delay_ms) {
            timer_mod(q->timer, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + k.delay_ms);
            return;
        }
        qemu_input_event_send_key_number(k.qnum, k.down);
    }
    input_queue_cancel(ui);
}

bool input_send_keys(const unsigned *qnums, unsigned n, unsigned hold_ms, GError **errp)
{
    UIState *ui = ui_state();
    bool idle = !ui->keys;
    QueuedKey pause = { .delay_ms = MAX(hold_ms, 1) };

    if (!ui->inputs->len) {
        ui_state_release();
        return true;            /* no keyboard: nobody hears them */
    }
    if (idle) {
        ui->keys = g_new0(KeyQueue, 1);
        ui->keys->events = g_array_new(FALSE, FALSE, sizeof(QueuedKey));
        ui->keys->timer = timer_new_ms(QEMU_CLOCK_VIRTUAL, input_queue_run, ui);
    }
    if (ui->keys->events->len + 2 * n + 2 > KEY_QUEUE_MAX) {
        error_setg(errp, "too many keys are waiting to be sent");
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        QueuedKey k = { .qnum = qnums[i], .down = true };

        g_array_append_val(ui->keys->events, k);
    }
    g_array_append_val(ui->keys->events, pause);
    for (unsigned i = n; i > 0; i--) {
        QueuedKey k = { .qnum = qnums[i - 1] };

        g_array_append_val(ui->keys->events, k);
    }
    g_array_append_val(ui->keys->events, pause);
    if (idle) {
        input_queue_run(ui);
    }
    return true;
}
