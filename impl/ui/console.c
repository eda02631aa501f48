/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Consoles and their listeners. See console.h.
 */
#include "ui/console.h"

#include <string.h>

#include "sched/machine.h"
#include "ui/ui_int.h"

struct QemuConsole {
    char *device;
    const GraphicHwOps *ops;
    void *opaque;
    DisplaySurface surface;
};

UIState *ui_state(void)
{
    UIState *ui = machine_state(MACHINE_UI);

    if (!ui) {
        ui = g_new0(UIState, 1);
        ui->consoles = g_ptr_array_new();
        ui->listeners = g_ptr_array_new();
        ui->inputs = g_ptr_array_new();
        ui->vnc = g_ptr_array_new();
        machine_set_state(MACHINE_UI, ui);
    }
    return ui;
}

void ui_state_release(void)
{
    UIState *ui = machine_state(MACHINE_UI);

    if (!ui || ui->consoles->len || ui->listeners->len || ui->inputs->len || ui->vnc->len) {
        return;
    }
    input_queue_cancel(ui);
    g_ptr_array_free(ui->consoles, TRUE);
    g_ptr_array_free(ui->listeners, TRUE);
    g_ptr_array_free(ui->inputs, TRUE);
    g_ptr_array_free(ui->vnc, TRUE);
    machine_set_state(MACHINE_UI, NULL);
    g_free(ui);
}

/* ---- Consoles ---- */

static void console_new_surface(QemuConsole *con, unsigned width, unsigned height)
{
    g_free(con->surface.data);
    con->surface = (DisplaySurface){ width, height, g_new0(uint32_t, (size_t)width * height) };
}

QemuConsole *graphic_console_init(const char *device, const GraphicHwOps *ops, void *opaque)
{
    QemuConsole *con = g_new0(QemuConsole, 1);

    con->device = g_strdup(device);
    con->ops = ops;
    con->opaque = opaque;
    console_new_surface(con, 640, 480);
    g_ptr_array_add(ui_state()->consoles, con);
    return con;
}

void graphic_console_close(QemuConsole *con)
{
    if (!con) {
        return;
    }
    g_ptr_array_remove(ui_state()->consoles, con);
    g_free(con->surface.data);
    g_free(con->device);
    g_free(con);
    ui_state_release();
}

void qemu_console_resize(QemuConsole *con, unsigned width, unsigned height)
{
    GPtrArray *listeners = ui_state()->listeners;

    width = CLAMP(width, 1, UI_MAX_WIDTH);
    height = CLAMP(height, 1, UI_MAX_HEIGHT);
    if (width == con->surface.width && height == con->surface.height) {
        return;
    }
    console_new_surface(con, width, height);
    for (unsigned i = 0; i < listeners->len; i++) {
        DisplayChangeListener *dcl = g_ptr_array_index(listeners, i);

        if (dcl->gfx_switch) {
            dcl->gfx_switch(dcl);
        }
    }
}

DisplaySurface *qemu_console_surface(QemuConsole *con)
{
    return &con->surface;
}

void dpy_gfx_update(QemuConsole *con, unsigned x, unsigned y, unsigned w, unsigned h)
{
    GPtrArray *listeners = ui_state()->listeners;

    x = MIN(x, con->surface.width);
    y = MIN(y, con->surface.height);
    w = MIN(w, con->surface.width - x);
    h = MIN(h, con->surface.height - y);
    for (unsigned i = 0; w && h && i < listeners->len; i++) {
        DisplayChangeListener *dcl = g_ptr_array_index(listeners, i);

        if (dcl->gfx_update) {
            dcl->gfx_update(dcl, x, y, w, h);
        }
    }
}

QemuConsole *qemu_console_lookup_by_index(unsigned index)
{
    const UIState *ui = machine_state(MACHINE_UI);

    return ui && index < ui->consoles->len ? g_ptr_array_index(ui->consoles, index) : NULL;
}

QemuConsole *qemu_console_lookup_by_device_name(const char *device)
{
    QemuConsole *con;

    for (unsigned i = 0; (con = qemu_console_lookup_by_index(i)); i++) {
        if (strcmp(con->device, device) == 0) {
            return con;
        }
    }
    return NULL;
}

void graphic_hw_update(QemuConsole *con)
{
    if (con && con->ops->gfx_update) {
        con->ops->gfx_update(con->opaque);
    }
}

void graphic_hw_invalidate(QemuConsole *con)
{
    if (con && con->ops->invalidate) {
        con->ops->invalidate(con->opaque);
    }
}

/* ---- Listeners ---- */

void register_displaychangelistener(DisplayChangeListener *dcl)
{
    g_ptr_array_add(ui_state()->listeners, dcl);
}

void unregister_displaychangelistener(DisplayChangeListener *dcl)
{
    g_ptr_array_remove(ui_state()->listeners, dcl);
    ui_state_release();
}
