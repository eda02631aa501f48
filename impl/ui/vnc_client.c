/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a viewer says: handshake, then messages. See vnc_int.h.
 */
#include "ui/vnc_int.h"

#include <string.h>

#include "base/bytes.h"
#include "machine/runstate.h"
#include "sched/sched.h"
#include "ui/input.h"

#define SECURITY_NONE 1
#define SECURITY_VNC 2

void vnc_client_start(VncState *vs)
{
    vs->stage = VNC_VERSION;
    vnc_write(vs, "RFB 003.008\n", 12);
}

/* ---- Handshake. Each returns bytes used, 0: more are needed, -1: disconnect. ---- */

static void vnc_start_security(VncState *vs, unsigned type)
{
    if (type == SECURITY_VNC) {
        sched_random_bytes(vs->challenge, sizeof(vs->challenge));
        vnc_write(vs, vs->challenge, sizeof(vs->challenge));
        vs->stage = VNC_AUTH;
        return;
    }
    if (vs->minor >= 8) {
        vnc_write_s32(vs, 0);
    }
    vs->stage = VNC_INIT;
}

static int vnc_take_version(VncState *vs)
{
    unsigned type = vs->vd->with_password ? SECURITY_VNC : SECURITY_NONE;

    if (vs->in->len < 12) {
        return 0;
    }
    vs->minor = vnc_parse_version(vs->in->data);
    if (vs->minor < 0) {
        return -1;
    }
    if (vs->minor == 3) {
        vnc_write_s32(vs, type);
        vnc_start_security(vs, type);
    } else {
        vnc_write_u8(vs, 1);
        vnc_write_u8(vs, type);
        vs->stage = VNC_SECURITY;
    }
    return 12;
}

static int vnc_take_security(VncState *vs)
{
    unsigned type = vs->vd->with_password ? SECURITY_VNC : SECURITY_NONE;

    if (vs->in->data[0] != type) {
        return -1;
    }
    vnc_start_security(vs, type);
    return 1;
}

static int vnc_take_auth(VncState *vs)
{
    static const char reason[] = "Authentication failed";
    uint8_t want[16];
    uint8_t diff = 0;

    if (vs->in->len < sizeof(want)) {
        return 0;
    }
    if (vs->vd->password) {
        vnc_des_response(vs->vd->password, vs->challenge, want);
        for (unsigned i = 0; i < sizeof(want); i++) {
            diff |= want[i] ^ vs->in->data[i];
        }
    }
    if (!vs->vd->password || diff) {
        vnc_write_s32(vs, 1);
        if (vs->minor >= 8) {
            vnc_write_s32(vs, sizeof(reason) - 1);
            vnc_write(vs, reason, sizeof(reason) - 1);
        }
        return -1;
    }
    vnc_write_s32(vs, 0);
    vs->stage = VNC_INIT;
    return sizeof(want);
}

static int vnc_take_init(VncState *vs)
{
    const DisplaySurface *s = vnc_surface();
    uint8_t format[16];
    static const char name[] = "Rondo";

    vs->shared = vs->in->data[0];
    for (unsigned i = 0; !vs->shared && i < vs->vd->clients->len; i++) {
        VncState *other = g_ptr_array_index(vs->vd->clients, i);

        if (other != vs) {
            vnc_disconnect(other);
        }
    }
    vs->width = s->width;
    vs->height = s->height;
    vs->last_x = s->width / 2;
    vs->last_y = s->height / 2;
    vnc_write_u16(vs, vs->width);
    vnc_write_u16(vs, vs->height);
    vnc_put_format(format, &vs->format);
    vnc_write(vs, format, sizeof(format));
    vnc_write_s32(vs, sizeof(name) - 1);
    vnc_write(vs, name, sizeof(name) - 1);
    vs->stage = VNC_RUN;
    return 1;
}

/* ---- Messages ---- */

static void vnc_pointer(VncState *vs, const VncMessage *m)
{
    int dx = vs->relative ? m->x - 0x7fff : m->x - vs->last_x;
    int dy = vs->relative ? m->y - 0x7fff : m->y - vs->last_y;
    unsigned pressed = m->buttons & ~vs->last_buttons;
    int dz = (pressed & 0x08 ? -1 : 0) + (pressed & 0x10 ? 1 : 0);
    unsigned buttons = (m->buttons & 1 ? UI_BUTTON_LEFT : 0) | (m->buttons & 2 ? UI_BUTTON_MIDDLE : 0) |
                       (m->buttons & 4 ? UI_BUTTON_RIGHT : 0);

    vs->last_x = m->x;
    vs->last_y = m->y;
    vs->last_buttons = m->buttons;
    qemu_input_send_pointer(dx, dy, dz, buttons);
}

static void vnc_key(const VncMessage *m)
{
    unsigned qnum = m->keycode ? m->keycode & 0xff : input_qnum_from_keysym(m->keysym);

    if (qnum) {
        qemu_input_event_send_key_number(qnum, m->down);
    }
}

static void vnc_message(VncState *vs, const VncMessage *m)
{
    switch (m->kind) {
    case VNC_MSG_SET_PIXEL_FORMAT:
        vs->format = m->format;
        break;
    case VNC_MSG_SET_ENCODINGS:
        vs->encoding = m->encoding;
        vs->can_resize = m->can_resize;
        vs->can_ext_key = m->can_ext_key;
        vs->can_pointer_type = m->can_pointer_type;
        vs->announce = m->can_ext_key || m->can_pointer_type;
        break;
    case VNC_MSG_UPDATE_REQUEST:
        vs->want_update = true;
        if (!m->incremental) {
            vnc_mark_dirty(vs, m->x, m->y, m->w, m->h);
        }
        break;
    case VNC_MSG_KEY:
        vnc_key(m);
        break;
    case VNC_MSG_POINTER:
        vnc_pointer(vs, m);
        break;
    case VNC_MSG_CUT_TEXT:
        vs->skip = m->skip;
        break;
    }
}

static int vnc_take(VncState *vs)
{
    VncMessage m;
    int n;

    switch (vs->stage) {
    case VNC_VERSION:
        return vnc_take_version(vs);
    case VNC_SECURITY:
        return vnc_take_security(vs);
    case VNC_AUTH:
        return vnc_take_auth(vs);
    case VNC_INIT:
        return vnc_take_init(vs);
    default:
        n = vnc_parse_message(vs->in->data, vs->in->len, &m);
        if (n > 0) {
            vnc_message(vs, &m);
        }
        return n;
    }
}

void vnc_client_input(VncState *vs)
{
    while (vs->in->len && vs->fd >= 0) {
        int n = MIN(vs->skip, vs->in->len);

        if (n) {
            vs->skip -= n;
        } else {
            n = vnc_take(vs);
        }
        if (n < 0) {
            vnc_disconnect(vs);
        }
        if (n <= 0) {
            return;
        }
        g_byte_array_remove_range(vs->in, 0, n);
    }
}
