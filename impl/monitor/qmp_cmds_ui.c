/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QMP commands of screen, keyboard and mouse. Context: main thread, BQL, outside coroutines.
 */
#include "monitor/qmp_commands.h"
#include "ui/console.h"
#include "ui/input.h"
#include "ui/vnc.h"

#define SEND_KEY_MAX 16

void qmp_screendump(const char *filename, const char *device, bool has_head, int64_t head, bool has_format,
                    ImageFormat format, GError **errp)
{
    QemuConsole *con = device ? qemu_console_lookup_by_device_name(device) : qemu_console_lookup_by_index(0);

    if (!con || (has_head && head != 0)) {
        error_setg(errp, device ? "Device '%s' not found" : "There is no console to take a screendump from", device);
        return;
    }
    graphic_hw_update(con);
    if (has_format && format == IMAGE_FORMAT_PNG) {
        result_ignored(png_save(qemu_console_surface(con), filename, errp));     /* @errp tells */
    } else {
        result_ignored(ppm_save(qemu_console_surface(con), filename, errp));
    }
}

/* ---- Keys ---- */

static bool key_qnum(const KeyValue *key, unsigned *ret, GError **errp)
{
    if (key->type == KEY_VALUE_TYPE_QCODE) {
        *ret = input_qnum_from_name(QKeyCode_str(key->u.qcode.data));
        return true;
    }
    if (key->u.number.data < 1 || key->u.number.data > 0xff) {
        error_setg(errp, "Parameter 'number' expects a key number");
        return false;
    }
    *ret = key->u.number.data;
    return true;
}

void qmp_send_key(KeyValueList *keys, bool has_hold_time, int64_t hold_time, GError **errp)
{
    unsigned qnums[SEND_KEY_MAX];
    unsigned n = 0;

    for (KeyValueList *k = keys; k; k = k->next) {
        if (n == SEND_KEY_MAX) {
            error_setg(errp, "Too many keys at once, at most %d", SEND_KEY_MAX);
            return;
        }
        if (!key_qnum(k->value, &qnums[n++], errp)) {
            return;
        }
    }
    result_ignored(input_send_keys(qnums, n, has_hold_time ? CLAMP(hold_time, 1, 3600000) : 100, errp));
}

/* ---- Events ---- */

/* What all pointer events of one command come to. */
typedef struct PointerSum {
    int dx, dy, dz;
    unsigned buttons;
    bool any;
} PointerSum;

static void pointer_button(PointerSum *sum, const InputBtnEvent *e)
{
    unsigned bit = 0;

    switch (e->button) {
    case INPUT_BUTTON_LEFT:
        bit = UI_BUTTON_LEFT;
        break;
    case INPUT_BUTTON_MIDDLE:
        bit = UI_BUTTON_MIDDLE;
        break;
    case INPUT_BUTTON_RIGHT:
        bit = UI_BUTTON_RIGHT;
        break;
    case INPUT_BUTTON_WHEEL_UP:
        sum->dz -= e->down;
        break;
    default:
        sum->dz += e->down;
        break;
    }
    sum->buttons = e->down ? sum->buttons | bit : sum->buttons & ~bit;
    sum->any = true;
}

static void pointer_move(PointerSum *sum, const InputMoveEvent *e)
{
    int value = CLAMP(e->value, -32768, 32767);

    if (e->axis == INPUT_AXIS_X) {
        sum->dx = value;
    } else {
        sum->dy = value;
    }
    sum->any = true;
}

void qmp_input_send_event(const char *device, bool has_head, int64_t head, InputEventList *events, GError **errp)
{
    PointerSum sum = { .buttons = qemu_input_buttons() };
    unsigned qnum;

    for (InputEventList *e = events; e; e = e->next) {
        if (e->value->type == INPUT_EVENT_TYPE_KEY && !key_qnum(e->value->u.key.data->key, &qnum, errp)) {
            return;
        }
    }
    for (InputEventList *e = events; e; e = e->next) {
        switch (e->value->type) {
        case INPUT_EVENT_TYPE_KEY:
            if (key_qnum(e->value->u.key.data->key, &qnum, errp)) {
                qemu_input_event_send_key_number(qnum, e->value->u.key.data->down);
            }
            break;
        case INPUT_EVENT_TYPE_BTN:
            pointer_button(&sum, e->value->u.btn.data);
            break;
        default:
            pointer_move(&sum, e->value->u.rel.data);
            break;
        }
    }
    if (sum.any) {
        qemu_input_send_pointer(sum.dx, sum.dy, sum.dz, sum.buttons);
    }
}

void qmp_change_vnc_password(const char *password, GError **errp)
{
    result_ignored(vnc_display_password(password, errp));        /* @errp tells */
}
