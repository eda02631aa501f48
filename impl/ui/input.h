/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Input: keys and pointer movements from users to the devices that take them.
 *
 * A key is a number as PC keyboards of scan code set 1 send it, bit 7 standing for the 0xe0 before it ("qnum").
 * Events to a VM that is not running are dropped. Context: BQL held.
 */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define QNUM_PAUSE 0xc6
#define QNUM_PRINT 0xb7
#define UI_BUTTON_LEFT 1u
#define UI_BUTTON_MIDDLE 2u
#define UI_BUTTON_RIGHT 4u

typedef struct QemuInputHandler {
    void (*key)(void *opaque, unsigned qnum, bool down);
    /** Relative movement, wheel steps, buttons that are down now. */
    void (*pointer)(void *opaque, int dx, int dy, int dz, unsigned buttons);
} QemuInputHandler;

/** qemu_input_handler_register: @ops is borrowed; slots may be NULL. The newest handler gets an event. */
void qemu_input_handler_register(const QemuInputHandler *ops, void *opaque);
void qemu_input_handler_unregister(const QemuInputHandler *ops, void *opaque);

void qemu_input_event_send_key_number(unsigned qnum, bool down);
void qemu_input_send_pointer(int dx, int dy, int dz, unsigned buttons);
/** qemu_input_buttons: those that were down in the last pointer event. */
unsigned qemu_input_buttons(void);

/** input_qnum_from_name: "ret", "ctrl", "a" as in QKeyCode, or "0x1c"; 0: no such key. */
unsigned input_qnum_from_name(const char *name);
/** input_qnum_from_keysym: X11 keysym; 0 if not known. */
unsigned input_qnum_from_keysym(uint32_t keysym);
/**
 * input_send_keys: press @qnums in order, release them in reverse @hold_ms later; queued behind those before.
 * False with @errp if too many are queued.
 */
G_GNUC_WARN_UNUSED_RESULT
bool input_send_keys(const unsigned *qnums, unsigned n, unsigned hold_ms, GError **errp);

#endif
