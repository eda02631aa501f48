/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of ui/ share. */
#ifndef UI_UI_INT_H
#define UI_UI_INT_H

#include "ui/console.h"
#include "ui/input.h"

typedef struct UIState {
    GPtrArray *consoles;        /* of QemuConsole */
    GPtrArray *listeners;       /* of DisplayChangeListener, borrowed */
    GPtrArray *inputs;          /* of InputHandler */
    unsigned buttons;           /* of the last pointer event */
    struct KeyQueue *keys;      /* of send-key; NULL: nothing pending */
    GPtrArray *vnc;             /* of VncDisplay */
} UIState;

/** ui_state: made on first use. ui_state_release: freed when nobody uses it any more. */
UIState *ui_state(void);
void ui_state_release(void);
/** input_queue_cancel: forget keys of send-key that are still to come. */
void input_queue_cancel(UIState *ui);

#endif
