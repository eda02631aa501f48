/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard and mouse: see ps2.h.
 */
#include "devices/i8042/ps2.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#include "base/assert.h"
#include "migration/vmstate.h"
#include "ui/input.h"

#define ACK 0xfa
#define RESEND 0xfe
#define BAT_OK 0xaa

#define MOUSE_STATUS_REMOTE 0x40
#define MOUSE_STATUS_ENABLED 0x20
#define MOUSE_STATUS_SCALE21 0x10

/* ---- Queue ---- */

static void ps2_put(PS2Queue *q, uint8_t val)
{
    if (q->count < PS2_QUEUE) {
        q->data[(q->head + q->count++) % PS2_QUEUE] = val;
    }
}

static void ps2_put_all(PS2Queue *q, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        ps2_put(q, bytes[i]);
    }
}

static void ps2_put_event(PS2Queue *q, const uint8_t *bytes, unsigned n)
{
    if (q->count + n <= PS2_EVENTS_MAX) {
        ps2_put_all(q, bytes, n);
    }
}

uint8_t ps2_read(PS2Queue *q)
{
    uint8_t val = q->data[q->head];

    assert(q->count > 0);
    q->head = (q->head + 1) % PS2_QUEUE;
    q->count--;
    return val;
}

/* ---- Keyboard ---- */

/* Set 2, by set 1. */
static const uint8_t set2[128] = {
    0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d,
    0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b,
    0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
    0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03,
    0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69,
    0x72, 0x7a, 0x70, 0x71, 0x84, 0x00, 0x61, 0x78, 0x07, 0x0f, 0x00, 0x1f, 0x27, 0x2f, 0x37, 0x3f,
    0x00, 0x00, 0x00, 0x5e,
};

void ps2_kbd_reset(PS2Kbd *k)
{
    k->q.head = k->q.count = 0;
    k->write_cmd = 0;
    k->scan_enabled = true;
    k->scancode_set = 2;
    k->leds = 0;
}

static void ps2_kbd_pause(PS2Kbd *k, bool one)
{
    static const uint8_t in_one[] = { 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 };
    static const uint8_t in_two[] = { 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 };

    if (one) {
        ps2_put_event(&k->q, in_one, sizeof(in_one));
    } else {
        ps2_put_event(&k->q, in_two, sizeof(in_two));
    }
}

void ps2_kbd_key(PS2Kbd *k, unsigned qnum, bool down)
{
    bool one = k->scancode_set == 1 || k->translate;
    uint8_t code = one ? qnum & 0x7f : set2[qnum & 0x7f];
    uint8_t bytes[6];
    unsigned n = 0;

    if (!k->scan_enabled || !code) {
        return;
    }
    if (qnum == QNUM_PAUSE) {
        if (down) {
            ps2_kbd_pause(k, one);      /* it is released in the same breath */
        }
        return;
    }
    /* Print Screen brings a Shift of its own. */
    if (qnum == QNUM_PRINT && down) {
        bytes[n++] = 0xe0;
        bytes[n++] = one ? 0x2a : 0x12;
    }
    if (qnum & 0x80) {
        bytes[n++] = 0xe0;
    }
    if (one) {
        bytes[n++] = code | (down ? 0 : 0x80);
    } else {
        if (!down) {
            bytes[n++] = 0xf0;
        }
        bytes[n++] = code;
    }
    ps2_put_event(&k->q, bytes, n);
}

static void ps2_kbd_command(PS2Kbd *k, uint8_t val)
{
    switch (val) {
    case 0xed:                  /* lamps */
    case 0xf0:                  /* scan code set */
    case 0xf3:                  /* repeat rate */
        k->write_cmd = val;
        break;
    case 0xee:
        ps2_put(&k->q, 0xee);
        return;
    case 0xf2: {
        const uint8_t id[] = { ACK, 0xab, k->translate ? 0x41 : 0x83 };

        ps2_put_all(&k->q, id, sizeof(id));
        return;
    }
    case 0xf4:
        k->scan_enabled = true;
        break;
    case 0xf5:
        ps2_kbd_reset(k);
        k->scan_enabled = false;
        break;
    case 0xf6:
        ps2_kbd_reset(k);
        break;
    case 0xff: {
        const uint8_t done[] = { ACK, BAT_OK };

        ps2_kbd_reset(k);
        ps2_put_all(&k->q, done, sizeof(done));
        return;
    }
    case 0x00:
    case 0xf7: case 0xf8: case 0xf9: case 0xfa: case 0xfd:
        break;
    default:
        ps2_put(&k->q, RESEND);
        return;
    }
    ps2_put(&k->q, ACK);
}

void ps2_kbd_write(PS2Kbd *k, uint8_t val)
{
    uint8_t cmd = k->write_cmd;

    k->write_cmd = 0;
    k->q.count = 0;             /* a byte from the host ends whatever was being sent */
    switch (cmd) {
    case 0:
        ps2_kbd_command(k, val);
        return;
    case 0xed:
        k->leds = val & 7;
        break;
    case 0xf0:
        if (val == 0) {
            ps2_put(&k->q, ACK);
            ps2_put(&k->q, !k->translate ? k->scancode_set : k->scancode_set == 1 ? 0x43 : 0x41);
            return;
        }
        if (val > 2) {
            ps2_put(&k->q, RESEND);     /* set 3 never came into use */
            return;
        }
        k->scancode_set = val;
        break;
    default:
        break;
    }
    ps2_put(&k->q, ACK);
}

/* ---- Mouse ---- */

static void ps2_mouse_defaults(PS2Mouse *m)
{
    m->status = 0;
    m->resolution = 2;
    m->sample_rate = 100;
    m->wrap = 0;
    m->dx = m->dy = m->dz = 0;
}

void ps2_mouse_reset(PS2Mouse *m)
{
    memset(m, 0, sizeof(*m));
    ps2_mouse_defaults(m);
}

/* One packet of what has been moved; more may remain. */
static void ps2_mouse_packet(PS2Mouse *m, bool event)
{
    int dx = CLAMP(m->dx, -127, 127);
    int dy = CLAMP(-m->dy, -127, 127);
    int dz = CLAMP(m->dz, -7, 7);
    uint8_t bytes[4] = { 0x08 | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0), dx, dy, dz };
    unsigned n = m->type == 3 ? 4 : 3;

    bytes[0] |= (m->buttons & UI_BUTTON_LEFT ? 1 : 0) | (m->buttons & UI_BUTTON_RIGHT ? 2 : 0) |
                (m->buttons & UI_BUTTON_MIDDLE ? 4 : 0);
    if (event && m->q.count + n > PS2_EVENTS_MAX) {
        return;                 /* it stays in dx, dy, dz for the next */
    }
    ps2_put_all(&m->q, bytes, n);
    m->dx -= dx;
    m->dy += dy;
    m->dz -= dz;
}

void ps2_mouse_move(PS2Mouse *m, int dx, int dy, int dz, unsigned buttons)
{
    if (!(m->status & MOUSE_STATUS_ENABLED)) {
        return;
    }
    m->dx = CLAMP(m->dx + dx, -32768, 32767);
    m->dy = CLAMP(m->dy + dy, -32768, 32767);
    m->dz = CLAMP(m->dz + dz, -128, 127);
    m->buttons = buttons;
    if (m->status & MOUSE_STATUS_REMOTE) {
        return;
    }
    do {
        unsigned before = m->q.count;

        ps2_mouse_packet(m, true);
        if (m->q.count == before) {
            break;
        }
    } while (m->dx || m->dy || m->dz);
}

static void ps2_mouse_sample_rate(PS2Mouse *m, uint8_t val)
{
    static const uint8_t wheel[] = { 200, 100, 80 };

    m->sample_rate = val;
    m->detect_state = val == wheel[m->detect_state] ? m->detect_state + 1 : val == wheel[0];
    if (m->detect_state == sizeof(wheel)) {
        m->type = 3;
        m->detect_state = 0;
    }
}

static void ps2_mouse_status(PS2Mouse *m)
{
    ps2_put(&m->q, ACK);
    ps2_put(&m->q, m->status | (m->buttons & UI_BUTTON_LEFT ? 4 : 0) | (m->buttons & UI_BUTTON_MIDDLE ? 2 : 0) |
                       (m->buttons & UI_BUTTON_RIGHT ? 1 : 0));
    ps2_put(&m->q, m->resolution);
    ps2_put(&m->q, m->sample_rate);
}

/* Commands with an answer of their own. */
static bool ps2_mouse_query(PS2Mouse *m, uint8_t val)
{
    switch (val) {
    case 0xe9:
        ps2_mouse_status(m);
        return true;
    case 0xeb:
        ps2_put(&m->q, ACK);
        ps2_mouse_packet(m, false);
        return true;
    case 0xf2:
        ps2_put(&m->q, ACK);
        ps2_put(&m->q, m->type);
        return true;
    case 0xff: {
        const uint8_t done[] = { ACK, BAT_OK, 0x00 };

        ps2_mouse_reset(m);
        ps2_put_all(&m->q, done, sizeof(done));
        return true;
    }
    default:
        return false;
    }
}

static void ps2_mouse_command(PS2Mouse *m, uint8_t val)
{
    switch (val) {
    case 0xe6:
        m->status &= ~MOUSE_STATUS_SCALE21;
        break;
    case 0xe7:
        m->status |= MOUSE_STATUS_SCALE21;
        break;
    case 0xea:
        m->status &= ~MOUSE_STATUS_REMOTE;
        break;
    case 0xee:
        m->wrap = 1;
        break;
    case 0xec:
        break;
    case 0xf0:
        m->status |= MOUSE_STATUS_REMOTE;
        break;
    case 0xe8:
    case 0xf3:
        m->write_cmd = val;
        break;
    case 0xf4:
        m->status |= MOUSE_STATUS_ENABLED;
        break;
    case 0xf5:
        m->status &= ~MOUSE_STATUS_ENABLED;
        break;
    case 0xf6:
        ps2_mouse_defaults(m);
        break;
    default:
        ps2_put(&m->q, RESEND);
        return;
    }
    ps2_put(&m->q, ACK);
}

void ps2_mouse_write(PS2Mouse *m, uint8_t val)
{
    uint8_t cmd = m->write_cmd;

    m->write_cmd = 0;
    m->q.count = 0;
    if (cmd) {
        if (cmd == 0xe8) {
            m->resolution = val;
        } else {
            ps2_mouse_sample_rate(m, val);
        }
        ps2_put(&m->q, ACK);
        return;
    }
    if (m->wrap && val != 0xff && val != 0xec) {
        ps2_put(&m->q, val);
        return;
    }
    m->wrap = 0;
    if (!ps2_mouse_query(m, val)) {
        ps2_mouse_command(m, val);
    }
}

/* ---- State ---- */

static int ps2_queue_post_load(void *opaque, int version_id)
{
    PS2Queue *q = opaque;

    if (q->head >= PS2_QUEUE || q->count > PS2_QUEUE) {
        q->head = q->count = 0;
        return -EINVAL;
    }
    return 0;
}

static const VMStateDescription vmstate_ps2_queue = {
    .name = "ps2 queue",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = ps2_queue_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8_ARRAY(data, PS2Queue, PS2_QUEUE),
        VMSTATE_UINT8(head, PS2Queue),
        VMSTATE_UINT8(count, PS2Queue),
        VMSTATE_END_OF_LIST()
    },
};

const VMStateDescription vmstate_ps2_kbd = {
    .name = "ps2kbd",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(q, PS2Kbd, 0, vmstate_ps2_queue, PS2Queue),
        VMSTATE_UINT8(write_cmd, PS2Kbd),
        VMSTATE_BOOL(scan_enabled, PS2Kbd),
        VMSTATE_UINT8(scancode_set, PS2Kbd),
        VMSTATE_UINT8(leds, PS2Kbd),
        VMSTATE_BOOL(translate, PS2Kbd),
        VMSTATE_END_OF_LIST()
    },
};

static int ps2_mouse_post_load(void *opaque, int version_id)
{
    PS2Mouse *m = opaque;

    if (m->detect_state > 2) {
        m->detect_state = 0;
        return -EINVAL;
    }
    m->dx = CLAMP(m->dx, -32768, 32767);
    m->dy = CLAMP(m->dy, -32768, 32767);
    m->dz = CLAMP(m->dz, -128, 127);
    return 0;
}

const VMStateDescription vmstate_ps2_mouse = {
    .name = "ps2mouse",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = ps2_mouse_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(q, PS2Mouse, 0, vmstate_ps2_queue, PS2Queue),
        VMSTATE_UINT8(write_cmd, PS2Mouse),
        VMSTATE_UINT8(status, PS2Mouse),
        VMSTATE_UINT8(resolution, PS2Mouse),
        VMSTATE_UINT8(sample_rate, PS2Mouse),
        VMSTATE_UINT8(wrap, PS2Mouse),
        VMSTATE_UINT8(type, PS2Mouse),
        VMSTATE_UINT8(detect_state, PS2Mouse),
        VMSTATE_INT32(dx, PS2Mouse),
        VMSTATE_INT32(dy, PS2Mouse),
        VMSTATE_INT32(dz, PS2Mouse),
        VMSTATE_UINT8(buttons, PS2Mouse),
        VMSTATE_END_OF_LIST()
    },
};
