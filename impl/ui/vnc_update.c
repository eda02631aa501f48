/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Updates of a viewer's picture: which rectangles, and in which encoding. See vnc_int.h.
 */
#include "ui/vnc_int.h"

#include <string.h>

#include "base/bytes.h"

void vnc_mark_dirty(VncState *vs, unsigned x, unsigned y, unsigned w, unsigned h)
{
    for (unsigned ty = y / VNC_TILE; ty < VNC_TILES_Y && ty * VNC_TILE < y + h; ty++) {
        for (unsigned tx = x / VNC_TILE; tx < VNC_TILES_X && tx * VNC_TILE < x + w; tx++) {
            vs->dirty[ty][tx] = 1;
            vs->any_dirty = true;
        }
    }
}

static void vnc_rect_header(VncState *vs, unsigned x, unsigned y, unsigned w, unsigned h, int32_t encoding)
{
    vnc_write_u16(vs, x);
    vnc_write_u16(vs, y);
    vnc_write_u16(vs, w);
    vnc_write_u16(vs, h);
    vnc_write_s32(vs, encoding);
}

/* ---- Encodings ---- */

static void vnc_raw(GByteArray *out, const VncPixelFormat *f, const DisplaySurface *s, unsigned x, unsigned y,
                    unsigned w, unsigned h)
{
    size_t n = out->len;
    uint8_t *p;

    g_byte_array_set_size(out, n + (size_t)w * h * f->bits / 8);
    p = out->data + n;
    for (unsigned row = y; row < y + h; row++) {
        const uint32_t *line = s->data + (size_t)row * s->width;

        for (unsigned col = x; col < x + w; col++) {
            p += vnc_put_pixel(p, f, line[col]);
        }
    }
}

static void vnc_hextiles(VncState *vs, const DisplaySurface *s, unsigned x, unsigned y, unsigned w, unsigned h)
{
    for (unsigned ty = y; ty < y + h; ty += VNC_TILE) {
        for (unsigned tx = x; tx < x + w; tx += VNC_TILE) {
            vnc_hextile(vs->out, &vs->format, s->data + (size_t)ty * s->width + tx, s->width,
                        MIN(VNC_TILE, x + w - tx), MIN(VNC_TILE, y + h - ty));
        }
    }
}

/* One stream for the whole connection; each rectangle is flushed. */
static bool vnc_zlib(VncState *vs, const DisplaySurface *s, unsigned x, unsigned y, unsigned w, unsigned h)
{
    g_autoptr(GByteArray) raw = g_byte_array_new();
    size_t head = vs->out->len;
    size_t at = head + 4;
    z_stream *z = &vs->zstream;

    if (!vs->have_zstream && deflateInit(z, 1) != Z_OK) {
        return false;
    }
    vs->have_zstream = true;
    vnc_raw(raw, &vs->format, s, x, y, w, h);
    z->next_in = raw->data;
    z->avail_in = raw->len;
    do {
        g_byte_array_set_size(vs->out, at + 64 * KiB);
        z->next_out = vs->out->data + at;
        z->avail_out = 64 * KiB;
        if (deflate(z, Z_SYNC_FLUSH) == Z_STREAM_ERROR) {
            return false;
        }
        at += 64 * KiB - z->avail_out;
    } while (z->avail_out == 0);
    g_byte_array_set_size(vs->out, at);
    st32_be(vs->out->data + head, at - head - 4);
    return true;
}

static void vnc_send_rect(VncState *vs, const DisplaySurface *s, unsigned x, unsigned y, unsigned w, unsigned h)
{
    vnc_rect_header(vs, x, y, w, h, vs->encoding);
    switch (vs->encoding) {
    case VNC_ENC_HEXTILE:
        vnc_hextiles(vs, s, x, y, w, h);
        break;
    case VNC_ENC_ZLIB:
        if (!vnc_zlib(vs, s, x, y, w, h)) {
            vnc_disconnect(vs);
        }
        break;
    default:
        vnc_raw(vs->out, &vs->format, s, x, y, w, h);
        break;
    }
}

/* ---- Rectangles ---- */

/* Dirty tiles of each row of tiles, run by run. Returns how many. */
static unsigned vnc_send_dirty(VncState *vs, const DisplaySurface *s, unsigned width, unsigned height)
{
    unsigned n = 0;

    for (unsigned ty = 0; ty * VNC_TILE < height; ty++) {
        for (unsigned tx = 0; tx * VNC_TILE < width; tx++) {
            unsigned begin = tx;

            if (!vs->dirty[ty][tx]) {
                continue;
            }
            while ((tx + 1) * VNC_TILE < width && vs->dirty[ty][tx + 1]) {
                tx++;
            }
            vnc_send_rect(vs, s, begin * VNC_TILE, ty * VNC_TILE, MIN((tx + 1) * VNC_TILE, width) - begin * VNC_TILE,
                          MIN(VNC_TILE, height - ty * VNC_TILE));
            n++;
        }
    }
    memset(vs->dirty, 0, sizeof(vs->dirty));
    vs->any_dirty = false;
    return n;
}

static unsigned vnc_send_announcements(VncState *vs)
{
    unsigned n = 0;

    if (vs->announce && vs->can_ext_key) {
        vnc_rect_header(vs, 0, 0, vs->width, vs->height, VNC_ENC_EXT_KEY_EVENT);
        n++;
    }
    if (vs->announce && vs->can_pointer_type) {
        vnc_rect_header(vs, 0, 0, vs->width, vs->height, VNC_ENC_POINTER_TYPE_CHANGE);     /* x: not absolute */
        vs->relative = true;
        n++;
    }
    vs->announce = false;
    return n;
}

void vnc_send_update(VncState *vs)
{
    const DisplaySurface *s = vnc_surface();
    bool resize = vs->can_resize && (s->width != vs->width || s->height != vs->height);
    size_t count;
    unsigned n = 0;

    if (vs->stage != VNC_RUN || vs->fd < 0 || !vs->want_update || vs->out->len ||
        !(vs->any_dirty || resize || vs->announce)) {
        return;                 /* (I1) */
    }
    vnc_write_u8(vs, 0);
    vnc_write_u8(vs, 0);
    count = vs->out->len;
    vnc_write_u16(vs, 0);
    n += vnc_send_announcements(vs);
    if (resize) {
        vs->width = s->width;
        vs->height = s->height;
        vnc_rect_header(vs, 0, 0, vs->width, vs->height, VNC_ENC_DESKTOP_RESIZE);
        vnc_mark_dirty(vs, 0, 0, vs->width, vs->height);
        n++;
    }
    n += vnc_send_dirty(vs, s, MIN(s->width, vs->width), MIN(s->height, vs->height));
    if (vs->fd >= 0) {
        st16_be(vs->out->data + count, n);
        vs->want_update = false;
    }
}
