/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VNC server. Context: main thread, BQL held.
 */
#ifndef UI_VNC_H
#define UI_VNC_H

#include <glib.h>
#include <stdbool.h>

#include "base/error.h"

/**
 * vnc_display_open: from the argument of -vnc: "HOST:DISPLAY", "unix:PATH" or "none", then
 * ",password=on|off", ",to=N" and ",share=..." as far as they are known.
 */
G_GNUC_WARN_UNUSED_RESULT
bool vnc_display_open(const char *optarg, GError **errp);
/** vnc_display_password: of all displays; NULL or "" lets nobody in. Only its first eight bytes count. */
G_GNUC_WARN_UNUSED_RESULT
bool vnc_display_password(const char *password, GError **errp);
/** vnc_displays_close: disconnect everybody and stop listening. */
void vnc_displays_close(void);

#endif
