/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of RFB, without sockets and without effects: what a viewer sent, and pixels as it wants them.
 *
 * I1  A message is at most VNC_MESSAGE_MAX bytes before it is understood; the text of a cut is never kept.
 * I2  A pixel format that is accepted has 8, 16 or 32 bits and channels that lie inside them.
 * Source: RFC 6143; community RFB specification for the extended key event and the pointer type.
 */
#ifndef UI_VNC_PROTO_H
#define UI_VNC_PROTO_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define VNC_MESSAGE_MAX (4 + 4 * 65535)

enum {
    VNC_ENC_RAW = 0, VNC_ENC_HEXTILE = 5, VNC_ENC_ZLIB = 6, VNC_ENC_DESKTOP_RESIZE = -223,
    VNC_ENC_POINTER_TYPE_CHANGE = -257, VNC_ENC_EXT_KEY_EVENT = -258,
};

typedef struct VncPixelFormat {
    uint8_t bits;               /* a pixel */
    bool big_endian;
    uint16_t max[3];            /* red, green, blue */
    uint8_t shift[3];
    uint8_t width[3];           /* bits of each, from max */
} VncPixelFormat;

typedef enum VncMessageKind {
    VNC_MSG_SET_PIXEL_FORMAT, VNC_MSG_SET_ENCODINGS, VNC_MSG_UPDATE_REQUEST, VNC_MSG_KEY, VNC_MSG_POINTER,
    VNC_MSG_CUT_TEXT,
} VncMessageKind;

typedef struct VncMessage {
    VncMessageKind kind;
    VncPixelFormat format;      /* SET_PIXEL_FORMAT */
    /* SET_ENCODINGS: the first of ours that the viewer names, and what it can do besides */
    int32_t encoding;
    bool can_resize, can_ext_key, can_pointer_type;
    /* UPDATE_REQUEST */
    bool incremental;
    uint16_t x, y, w, h;        /* POINTER: x, y */
    /* KEY */
    bool down;
    uint32_t keysym;
    uint32_t keycode;           /* 0: only the keysym is known */
    uint8_t buttons;            /* POINTER */
    uint32_t skip;              /* CUT_TEXT: bytes that follow and mean nothing to us */
} VncMessage;

/** vnc_parse_message: bytes used; 0: more are needed; -1: this is not RFB, or not for us. */
int vnc_parse_message(const uint8_t *buf, size_t len, VncMessage *ret);
/** vnc_parse_version: of the 12 bytes; minor version 3, 7 or 8, or -1. */
int vnc_parse_version(const uint8_t *buf);
VncPixelFormat vnc_default_format(void);
/** vnc_put_format: the 16 bytes of ServerInit. */
void vnc_put_format(uint8_t *buf, const VncPixelFormat *f);
/** vnc_put_pixel: 0x00RRGGBB as @f wants it; returns bytes written (1, 2 or 4). */
unsigned vnc_put_pixel(uint8_t *buf, const VncPixelFormat *f, uint32_t rgb);

/** vnc_hextile: a tile of at most 16 by 16 pixels; @stride in pixels. Appended to @out. */
void vnc_hextile(GByteArray *out, const VncPixelFormat *f, const uint32_t *pixels, unsigned stride, unsigned w,
                 unsigned h);

/** vnc_des_response: what a viewer with @password answers to @challenge (16 bytes each). */
void vnc_des_response(const char *password, const uint8_t *challenge, uint8_t *ret);

#endif
