/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Consoles: what a graphics card shows, for those who look at it (VNC clients, screendump).
 *
 * A card draws into its console's surface when it is asked to (graphic_hw_update) and says which rectangle changed;
 * listeners are told. Nobody who looks costs nothing: a card draws only when asked.
 * State hangs off the machine (MACHINE_UI) while there is a console, a listener or an input handler.
 * Context: main thread or a vCPU thread, BQL held.
 *
 * I1  A surface is never larger than UI_MAX_WIDTH by UI_MAX_HEIGHT; rectangles told to listeners are inside it.
 */
#ifndef UI_CONSOLE_H
#define UI_CONSOLE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define UI_MAX_WIDTH 4096
#define UI_MAX_HEIGHT 2560

typedef struct QemuConsole QemuConsole;
typedef struct DisplayChangeListener DisplayChangeListener;

/** Pixels 0x00RRGGBB, line after line without gaps. */
typedef struct DisplaySurface {
    unsigned width;
    unsigned height;
    uint32_t *data;
} DisplaySurface;

typedef struct GraphicHwOps {
    /** Draw what changed since the last call and report it with dpy_gfx_update. */
    void (*gfx_update)(void *opaque);
    /** Draw everything at the next gfx_update. */
    void (*invalidate)(void *opaque);
} GraphicHwOps;

/** Embedded by whoever looks; callbacks may be NULL. */
struct DisplayChangeListener {
    void (*gfx_update)(DisplayChangeListener *dcl, unsigned x, unsigned y, unsigned w, unsigned h);
    /** The console has another surface, perhaps of another size; the old one is gone. */
    void (*gfx_switch)(DisplayChangeListener *dcl);
};

/** graphic_console_init: @device: name for users; copied. Begins with a black surface of 640 by 480. */
QemuConsole *graphic_console_init(const char *device, const GraphicHwOps *ops, void *opaque);
void graphic_console_close(QemuConsole *con);
/** qemu_console_resize: does nothing if the size is the same; sizes are clamped (I1). The new surface is black. */
void qemu_console_resize(QemuConsole *con, unsigned width, unsigned height);
/** qemu_console_surface: borrowed until the next resize. */
DisplaySurface *qemu_console_surface(QemuConsole *con);
/** dpy_gfx_update: the rectangle was drawn; clipped to the surface. */
void dpy_gfx_update(QemuConsole *con, unsigned x, unsigned y, unsigned w, unsigned h);
/** qemu_console_lookup_by_index / _by_device_name: NULL if there is none. */
QemuConsole *qemu_console_lookup_by_index(unsigned index);
QemuConsole *qemu_console_lookup_by_device_name(const char *device);
void graphic_hw_update(QemuConsole *con);
void graphic_hw_invalidate(QemuConsole *con);

/** Listeners hear about all consoles' surfaces; today there is one console. */
void register_displaychangelistener(DisplayChangeListener *dcl);
void unregister_displaychangelistener(DisplayChangeListener *dcl);

/** ppm_save / png_save: the surface as a file. */
G_GNUC_WARN_UNUSED_RESULT
bool ppm_save(const DisplaySurface *surface, const char *path, GError **errp);
G_GNUC_WARN_UNUSED_RESULT
bool png_save(const DisplaySurface *surface, const char *path, GError **errp);

#endif
