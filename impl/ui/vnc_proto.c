/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages and pixels of RFB: see vnc_proto.h.
 */
#include "ui/vnc_proto.h"

#include <string.h>

#include "base/bytes.h"

int vnc_parse_version(const uint8_t *buf)
{
    unsigned major = 0;
    unsigned minor = 0;

    if (memcmp(buf, "RFB ", 4) != 0 || buf[7] != '.' || buf[11] != '\n') {
        return -1;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (!g_ascii_isdigit(buf[4 + i]) || !g_ascii_isdigit(buf[8 + i])) {
            return -1;
        }
        major = major * 10 + buf[4 + i] - '0';
        minor = minor * 10 + buf[8 + i] - '0';
    }
    if (major != 3) {
        return major > 3 ? 8 : -1;
    }
    /* Versions that never were are spoken to like 3.3, later ones like 3.8. */
    return minor >= 8 ? 8 : minor == 7 ? 7 : minor >= 3 ? 3 : -1;
}

/* ---- Pixels ---- */

VncPixelFormat vnc_default_format(void)
{
    return (VncPixelFormat){ .bits = 32, .max = { 255, 255, 255 }, .shift = { 16, 8, 0 }, .width = { 8, 8, 8 } };
}

void vnc_put_format(uint8_t *buf, const VncPixelFormat *f)
{
    memset(buf, 0, 16);
    buf[0] = f->bits;
    buf[1] = f->width[0] + f->width[1] + f->width[2];
    buf[2] = f->big_endian;
    buf[3] = 1;
    for (unsigned i = 0; i < 3; i++) {
        st16_be(buf + 4 + 2 * i, f->max[i]);
        buf[10 + i] = f->shift[i];
    }
}

static bool vnc_parse_format(const uint8_t *p, VncPixelFormat *ret)
{
    VncPixelFormat f = { .bits = p[0], .big_endian = p[2] };

    if ((f.bits != 8 && f.bits != 16 && f.bits != 32) || !p[3]) {
        return false;           /* colour maps have gone out of use */
    }
    for (unsigned i = 0; i < 3; i++) {
        f.max[i] = ld16_be(p + 4 + 2 * i);
        f.shift[i] = p[10 + i];
        f.width[i] = __builtin_popcount(f.max[i]);
        if (!f.max[i] || f.max[i] & (f.max[i] + 1) || f.width[i] > 8 || f.shift[i] + f.width[i] > f.bits) {
            return false;       /* (I2) */
        }
    }
    *ret = f;
    return true;
}

unsigned vnc_put_pixel(uint8_t *buf, const VncPixelFormat *f, uint32_t rgb)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < 3; i++) {
        v |= (rgb >> (16 - 8 * i) & 0xff) >> (8 - f->width[i]) << f->shift[i];
    }
    switch (f->bits) {
    case 8:
        buf[0] = v;
        return 1;
    case 16:
        if (f->big_endian) {
            st16_be(buf, v);
        } else {
            st16_le(buf, v);
        }
        return 2;
    default:
        if (f->big_endian) {
            st32_be(buf, v);
        } else {
            st32_le(buf, v);
        }
        return 4;
    }
}

/* ---- Messages ---- */

static int vnc_parse_encodings(const uint8_t *buf, size_t len, VncMessage *ret)
{
    size_t total = 4 + 4 * (size_t)ld16_be(buf + 2);
    bool found = false;

    if (len < total) {
        return 0;
    }
    ret->encoding = VNC_ENC_RAW;
    for (size_t i = 4; i < total; i += 4) {
        int32_t enc = (int32_t)ld32_be(buf + i);

        if (!found && (enc == VNC_ENC_RAW || enc == VNC_ENC_HEXTILE || enc == VNC_ENC_ZLIB)) {
            ret->encoding = enc;
            found = true;
        }
        ret->can_resize |= enc == VNC_ENC_DESKTOP_RESIZE;
        ret->can_ext_key |= enc == VNC_ENC_EXT_KEY_EVENT;
        ret->can_pointer_type |= enc == VNC_ENC_POINTER_TYPE_CHANGE;
    }
    return total;
}

/* The messages that have one length, which is there. */
static int vnc_parse_fixed(const uint8_t *buf, VncMessage *ret)
{
    switch (buf[0]) {
    case 0:
        ret->kind = VNC_MSG_SET_PIXEL_FORMAT;
        return vnc_parse_format(buf + 4, &ret->format) ? 20 : -1;
    case 3:
        ret->kind = VNC_MSG_UPDATE_REQUEST;
        ret->incremental = buf[1];
        ret->x = ld16_be(buf + 2);
        ret->y = ld16_be(buf + 4);
        ret->w = ld16_be(buf + 6);
        ret->h = ld16_be(buf + 8);
        return 10;
    case 4:
        ret->kind = VNC_MSG_KEY;
        ret->down = buf[1];
        ret->keysym = ld32_be(buf + 4);
        return 8;
    case 5:
        ret->kind = VNC_MSG_POINTER;
        ret->buttons = buf[1];
        ret->x = ld16_be(buf + 2);
        ret->y = ld16_be(buf + 4);
        return 6;
    case 6:
        ret->kind = VNC_MSG_CUT_TEXT;
        ret->skip = ld32_be(buf + 4);
        return ret->skip > INT32_MAX ? -1 : 8;
    default:
        ret->kind = VNC_MSG_KEY;
        ret->down = ld16_be(buf + 2);
        ret->keysym = ld32_be(buf + 4);
        ret->keycode = ld32_be(buf + 8);
        return 12;
    }
}

int vnc_parse_message(const uint8_t *buf, size_t len, VncMessage *ret)
{
    static const uint8_t lengths[] = { 20, 0, 4, 10, 8, 6, 8 };

    *ret = (VncMessage){ 0 };
    if (len == 0) {
        return 0;
    }
    if (buf[0] == 255) {
        if (len >= 2 && buf[1] != 0) {
            return -1;          /* of the extensions only the key event was offered */
        }
        return len < 12 ? 0 : vnc_parse_fixed(buf, ret);
    }
    if (buf[0] >= sizeof(lengths) || !lengths[buf[0]]) {
        return -1;
    }
    if (len < lengths[buf[0]]) {
        return 0;
    }
    if (buf[0] == 2) {
        ret->kind = VNC_MSG_SET_ENCODINGS;
        return vnc_parse_encodings(buf, len, ret);
    }
    return vnc_parse_fixed(buf, ret);
}

/* ---- Hextile ---- */

#define HEXTILE_RAW 0x01
#define HEXTILE_BACKGROUND 0x02
#define HEXTILE_FOREGROUND 0x04
#define HEXTILE_SUBRECTS 0x08

typedef struct Hextile {
    uint32_t bg;
    uint32_t fg;
    unsigned colours;           /* 1, 2, or 3 for more */
    unsigned runs;              /* of fg */
    uint8_t run[255][2];
} Hextile;

static void hextile_analyse(Hextile *t, const uint32_t *pixels, unsigned stride, unsigned w, unsigned h)
{
    *t = (Hextile){ .bg = pixels[0], .colours = 1 };
    for (unsigned y = 0; y < h; y++) {
        const uint32_t *line = pixels + (size_t)y * stride;

        for (unsigned x = 0; x < w; x++) {
            unsigned begin = x;

            if (line[x] == t->bg) {
                continue;
            }
            if (t->colours == 1) {
                t->colours = 2;
                t->fg = line[x];
            }
            if (line[x] != t->fg || t->runs == G_N_ELEMENTS(t->run)) {
                t->colours = 3;
                return;
            }
            while (x + 1 < w && line[x + 1] == t->fg) {
                x++;
            }
            t->run[t->runs][0] = begin << 4 | y;
            t->run[t->runs++][1] = (x - begin) << 4;
        }
    }
}

void vnc_hextile(GByteArray *out, const VncPixelFormat *f, const uint32_t *pixels, unsigned stride, unsigned w,
                 unsigned h)
{
    Hextile t;
    uint8_t head[10];
    unsigned n = 1;

    hextile_analyse(&t, pixels, stride, w, h);
    if (t.colours == 3 || 2 * t.runs >= w * h * f->bits / 8) {
        head[0] = HEXTILE_RAW;
        g_byte_array_append(out, head, 1);
        for (unsigned y = 0; y < h; y++) {
            for (unsigned x = 0; x < w; x++) {
                uint8_t pixel[4];

                g_byte_array_append(out, pixel, vnc_put_pixel(pixel, f, pixels[(size_t)y * stride + x]));
            }
        }
        return;
    }
    head[0] = HEXTILE_BACKGROUND;
    n += vnc_put_pixel(head + n, f, t.bg);
    if (t.colours == 2) {
        head[0] |= HEXTILE_FOREGROUND | HEXTILE_SUBRECTS;
        n += vnc_put_pixel(head + n, f, t.fg);
        head[n++] = t.runs;
    }
    g_byte_array_append(out, head, n);
    g_byte_array_append(out, t.run[0], 2 * t.runs);
}
