/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PS/2 keyboard and a PS/2 mouse, as the controller sees them: bytes in, bytes out.
 *
 * Context: BQL held.
 *
 * I1  head < PS2_QUEUE and count <= PS2_QUEUE. Events are dropped when they do not fit as a whole; replies have room
 *     because events leave it.
 * Source: IBM PS/2 technical reference, keyboard and mouse; Microsoft's extension for wheels.
 */
#ifndef DEVICES_I8042_PS2_H
#define DEVICES_I8042_PS2_H

#include <stdbool.h>
#include <stdint.h>

#define PS2_QUEUE 32
#define PS2_EVENTS_MAX 16       /* bytes of events that may wait */

typedef struct PS2Queue {
    uint8_t data[PS2_QUEUE];
    uint8_t head;
    uint8_t count;
} PS2Queue;

typedef struct PS2Kbd {
    PS2Queue q;
    uint8_t write_cmd;          /* command that the next byte belongs to */
    bool scan_enabled;
    uint8_t scancode_set;       /* 1 or 2 */
    uint8_t leds;
    bool translate;             /* the controller turns set 2 into set 1 */
} PS2Kbd;

typedef struct PS2Mouse {
    PS2Queue q;
    uint8_t write_cmd;
    uint8_t status;             /* MOUSE_STATUS_* */
    uint8_t resolution;
    uint8_t sample_rate;
    uint8_t wrap;
    uint8_t type;               /* 0: three buttons; 3: a wheel too */
    uint8_t detect_state;       /* of the sequence of rates that asks for the wheel */
    int32_t dx, dy, dz;
    uint8_t buttons;
} PS2Mouse;

void ps2_kbd_reset(PS2Kbd *k);
void ps2_kbd_write(PS2Kbd *k, uint8_t val);
/** ps2_kbd_key: see ui/input.h for @qnum. */
void ps2_kbd_key(PS2Kbd *k, unsigned qnum, bool down);
void ps2_mouse_reset(PS2Mouse *m);
void ps2_mouse_write(PS2Mouse *m, uint8_t val);
/** ps2_mouse_move: @dy grows downwards; @buttons: UI_BUTTON_*. */
void ps2_mouse_move(PS2Mouse *m, int dx, int dy, int dz, unsigned buttons);
/** ps2_read: the oldest byte; the queue must not be empty. */
uint8_t ps2_read(PS2Queue *q);

struct VMStateDescription;
extern const struct VMStateDescription vmstate_ps2_kbd;
extern const struct VMStateDescription vmstate_ps2_mouse;

#endif
