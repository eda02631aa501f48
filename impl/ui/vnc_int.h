/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VNC server's own types.
 *
 * I1  A client's output grows only while it is empty: at most one update is kept for a viewer that does not read.
 * I2  A client is freed by its display's timer or at close, never inside a call made for it.
 */
#ifndef UI_VNC_INT_H
#define UI_VNC_INT_H

#include <zlib.h>

#include "aio/timer.h"
#include "ui/console.h"
#include "ui/vnc_proto.h"

#define VNC_MAX_CLIENTS 32
#define VNC_TILE 16
#define VNC_TILES_X (UI_MAX_WIDTH / VNC_TILE)
#define VNC_TILES_Y (UI_MAX_HEIGHT / VNC_TILE)

typedef struct VncDisplay VncDisplay;

typedef enum VncStage { VNC_VERSION, VNC_SECURITY, VNC_AUTH, VNC_INIT, VNC_RUN } VncStage;

typedef struct VncState {
    VncDisplay *vd;
    char *name;                 /* of the channel */
    int fd;                     /* -1: gone, to be freed (I2) */
    VncStage stage;
    int minor;                  /* version */
    bool shared;
    uint8_t challenge[16];
    GByteArray *in;
    GByteArray *out;
    size_t out_sent;
    uint32_t skip;              /* bytes to throw away */
    VncPixelFormat format;
    int32_t encoding;
    bool can_resize, can_ext_key, can_pointer_type;
    bool announce;              /* tell what keys and pointers we take */
    bool relative;              /* the viewer was told to send movements */
    bool want_update;
    unsigned width, height;     /* as the viewer knows them */
    int last_x, last_y;
    unsigned last_buttons;
    z_stream zstream;
    bool have_zstream;
    bool any_dirty;
    uint8_t dirty[VNC_TILES_Y][VNC_TILES_X];
} VncState;

struct VncDisplay {
    DisplayChangeListener dcl;
    char *name;                 /* "vnc0" */
    int listener;
    GPtrArray *clients;         /* of VncState */
    QEMUTimer *timer;
    unsigned connections;       /* ever, for names */
    bool with_password;
    char *password;             /* NULL: nobody gets in */
};

/* ---- vnc.c ---- */

void vnc_write(VncState *vs, const void *data, size_t len);
void vnc_write_u8(VncState *vs, uint8_t v);
void vnc_write_u16(VncState *vs, uint16_t v);
void vnc_write_s32(VncState *vs, int32_t v);
void vnc_disconnect(VncState *vs);
/** vnc_surface: of the first console, or a black one if there is none. */
const DisplaySurface *vnc_surface(void);

/* ---- vnc_client.c: what viewers say ---- */

/** vnc_client_start: greet. vnc_client_input: act on what is in vs->in. */
void vnc_client_start(VncState *vs);
void vnc_client_input(VncState *vs);

/* ---- vnc_update.c: what viewers see ---- */

void vnc_mark_dirty(VncState *vs, unsigned x, unsigned y, unsigned w, unsigned h);
/** vnc_send_update: if the viewer waits for one, there is something to see, and it has read the last one. */
void vnc_send_update(VncState *vs);

#endif
