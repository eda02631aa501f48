/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VNC server: displays, connections, and the timer that looks at the guest's screen. See vnc_int.h.
 */
#include "ui/vnc.h"

#include <errno.h>
#include <string.h>

#include "aio/main_loop.h"
#include "sched/io.h"
#include "ui/ui_int.h"
#include "ui/vnc_int.h"

#define VNC_READ_MAX 4096
#define VNC_REFRESH_MS 30
#define VNC_IDLE_MS 200
#define VNC_PORT 5900

const DisplaySurface *vnc_surface(void)
{
    static const uint32_t nothing[VNC_TILE * VNC_TILE];
    static const DisplaySurface none = { VNC_TILE, VNC_TILE, (uint32_t *)nothing };
    QemuConsole *con = qemu_console_lookup_by_index(0);

    return con ? qemu_console_surface(con) : &none;
}

/* ---- Output ---- */

void vnc_write(VncState *vs, const void *data, size_t len)
{
    if (vs->fd >= 0) {
        g_byte_array_append(vs->out, data, len);
    }
}

void vnc_write_u8(VncState *vs, uint8_t v)
{
    vnc_write(vs, &v, 1);
}

void vnc_write_u16(VncState *vs, uint16_t v)
{
    uint8_t b[2] = { v >> 8, v };

    vnc_write(vs, b, sizeof(b));
}

void vnc_write_s32(VncState *vs, int32_t v)
{
    uint32_t u = GUINT32_TO_BE((uint32_t)v);

    vnc_write(vs, &u, sizeof(u));
}

/* As much as the viewer takes now. Returns false when it is gone. */
static bool vnc_push(VncState *vs)
{
    while (vs->out_sent < vs->out->len) {
        ssize_t n = sched_stream_write(vs->fd, vs->out->data + vs->out_sent, vs->out->len - vs->out_sent);

        if (n == -EAGAIN) {
            return true;
        }
        if (n <= 0) {
            return false;
        }
        vs->out_sent += n;
    }
    g_byte_array_set_size(vs->out, 0);
    vs->out_sent = 0;
    return true;
}

static void vnc_readable(void *opaque);
static void vnc_writable(void *opaque);

static void vnc_watch(VncState *vs)
{
    if (vs->fd >= 0) {
        aio_set_fd_handler_full(iohandler_get_aio_context(), vs->fd, vnc_readable, vs->out->len ? vnc_writable : NULL,
                                NULL, NULL, vs, vs->name);
    }
}

void vnc_disconnect(VncState *vs)
{
    if (vs->fd >= 0) {
        (void)vnc_push(vs);     /* why it is, if the viewer still listens */
        aio_set_fd_handler_full(iohandler_get_aio_context(), vs->fd, NULL, NULL, NULL, NULL, NULL, vs->name);
        sched_close(vs->fd);
        vs->fd = -1;
        g_byte_array_set_size(vs->out, 0);
    }
}

static void vnc_flush(VncState *vs)
{
    if (vs->fd >= 0 && !vnc_push(vs)) {
        g_byte_array_set_size(vs->out, 0);
        vs->out_sent = 0;
        vnc_disconnect(vs);
    }
    vnc_watch(vs);
}

static void vnc_writable(void *opaque)
{
    vnc_flush(opaque);
}

/* ---- Input ---- */

static void vnc_readable(void *opaque)
{
    VncState *vs = opaque;
    uint8_t buf[VNC_READ_MAX];
    ssize_t n = sched_stream_read(vs->fd, buf, sizeof(buf));

    if (n == -EAGAIN) {
        return;
    }
    if (n <= 0) {
        vnc_disconnect(vs);
        return;
    }
    g_byte_array_append(vs->in, buf, n);
    vnc_client_input(vs);
    vnc_send_update(vs);
    vnc_flush(vs);
}

/* ---- Connections ---- */

static void vnc_client_free(void *p)
{
    VncState *vs = p;

    vnc_disconnect(vs);
    if (vs->have_zstream) {
        deflateEnd(&vs->zstream);
    }
    g_byte_array_free(vs->in, TRUE);
    g_byte_array_free(vs->out, TRUE);
    g_free(vs->name);
    g_free(vs);
}

/* Who has not got past the handshake keeps nobody else out: the oldest of them goes. */
static bool vnc_make_room(VncDisplay *vd)
{
    for (unsigned i = 0; i < vd->clients->len; i++) {
        VncState *vs = g_ptr_array_index(vd->clients, i);

        if (vs->stage != VNC_RUN) {
            vnc_disconnect(vs);
            g_ptr_array_remove_index(vd->clients, i);
            return true;
        }
    }
    return false;
}

static void vnc_accept(void *opaque)
{
    VncDisplay *vd = opaque;
    int fd = sched_stream_accept(vd->listener);
    VncState *vs;

    if (fd < 0) {
        return;
    }
    if (vd->clients->len >= VNC_MAX_CLIENTS && !vnc_make_room(vd)) {
        sched_close(fd);
        return;
    }
    vs = g_new0(VncState, 1);
    vs->vd = vd;
    vs->fd = fd;
    vs->name = g_strdup_printf("%s#%u", vd->name, ++vd->connections);
    vs->in = g_byte_array_new();
    vs->out = g_byte_array_new();
    vs->format = vnc_default_format();
    g_ptr_array_add(vd->clients, vs);
    graphic_hw_update(qemu_console_lookup_by_index(0));
    vnc_client_start(vs);
    vnc_flush(vs);
    timer_mod_anticipate(vd->timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + VNC_REFRESH_MS);
}

static void vnc_refresh(void *opaque)
{
    VncDisplay *vd = opaque;
    bool waiting = false;

    for (unsigned i = vd->clients->len; i > 0; i--) {
        if (((VncState *)g_ptr_array_index(vd->clients, i - 1))->fd < 0) {
            g_ptr_array_remove_index(vd->clients, i - 1);
        }
    }
    if (vd->clients->len == 0) {
        return;                 /* the next connection starts the timer again */
    }
    graphic_hw_update(qemu_console_lookup_by_index(0));
    for (unsigned i = 0; i < vd->clients->len; i++) {
        VncState *vs = g_ptr_array_index(vd->clients, i);

        waiting |= vs->want_update && !vs->out->len;
        vnc_send_update(vs);
        vnc_flush(vs);
    }
    timer_mod(vd->timer, qemu_clock_get_ms(QEMU_CLOCK_REALTIME) + (waiting ? VNC_REFRESH_MS : VNC_IDLE_MS));
}

/* ---- What the console tells ---- */

static void vnc_dpy_update(DisplayChangeListener *dcl, unsigned x, unsigned y, unsigned w, unsigned h)
{
    VncDisplay *vd = (VncDisplay *)dcl;

    for (unsigned i = 0; i < vd->clients->len; i++) {
        vnc_mark_dirty(g_ptr_array_index(vd->clients, i), x, y, w, h);
    }
}

static void vnc_dpy_switch(DisplayChangeListener *dcl)
{
    vnc_dpy_update(dcl, 0, 0, UI_MAX_WIDTH, UI_MAX_HEIGHT);
}

/* ---- Displays ---- */

/* "HOST:N" or "unix:PATH" as an address for streams. */
static char *vnc_address(const char *text, unsigned offset, GError **errp)
{
    const char *colon = strrchr(text, ':');
    char *end;
    guint64 n;

    if (g_str_has_prefix(text, "unix:")) {
        return g_strdup(text);
    }
    if (!colon) {
        error_setg(errp, "No display specified: '%s'", text);
        return NULL;
    }
    n = g_ascii_strtoull(colon + 1, &end, 10);
    if (end == colon + 1 || *end || n + offset > 65535 - VNC_PORT) {
        error_setg(errp, "can't convert to a number: %s", colon + 1);
        return NULL;
    }
    return g_strdup_printf("tcp:%.*s:%u", (int)(colon - text), text, (unsigned)n + offset + VNC_PORT);
}

static int vnc_listen(const char *name, const char *text, unsigned to, GError **errp)
{
    int fd = -EADDRINUSE;

    for (unsigned i = 0; i <= to && fd == -EADDRINUSE; i++) {
        g_autofree char *addr = vnc_address(text, i, errp);

        if (!addr) {
            return -EINVAL;
        }
        fd = sched_stream_listen(name, addr);
    }
    if (fd < 0) {
        error_setg(errp, "Failed to find an available port: %s", g_strerror(-fd));
    }
    return fd;
}

static bool vnc_parse_option(VncDisplay *vd, const char *opt, unsigned *to, GError **errp)
{
    if (strcmp(opt, "password=on") == 0 || strcmp(opt, "password") == 0) {
        vd->with_password = true;
    } else if (g_str_has_prefix(opt, "to=")) {
        *to = MIN(g_ascii_strtoull(opt + 3, NULL, 10), 1000);
    } else if (strcmp(opt, "password=off") != 0 && strcmp(opt, "share=allow-exclusive") != 0 &&
               strcmp(opt, "power-control=off") != 0 && strcmp(opt, "lossy=off") != 0) {
        error_setg(errp, "Invalid parameter '%s'", opt);
        return false;
    }
    return true;
}

static void vnc_display_free(VncDisplay *vd)
{
    if (vd->listener >= 0) {
        aio_set_fd_handler_full(iohandler_get_aio_context(), vd->listener, NULL, NULL, NULL, NULL, NULL, vd->name);
        sched_close(vd->listener);
        unregister_displaychangelistener(&vd->dcl);
    }
    timer_free(vd->timer);
    g_ptr_array_free(vd->clients, TRUE);
    g_free(vd->password);
    g_free(vd->name);
    g_free(vd);
}

bool vnc_display_open(const char *optarg, GError **errp)
{
    g_auto(GStrv) words = g_strsplit(optarg, ",", -1);
    VncDisplay *vd;
    unsigned to = 0;

    if (!words[0] || strcmp(words[0], "none") == 0) {
        return true;
    }
    vd = g_new0(VncDisplay, 1);
    vd->listener = -1;
    vd->name = g_strdup_printf("vnc%u", ui_state()->vnc->len);
    vd->clients = g_ptr_array_new_with_free_func(vnc_client_free);
    vd->timer = timer_new_ms(QEMU_CLOCK_REALTIME, vnc_refresh, vd);
    for (unsigned i = 1; words[i]; i++) {
        if (!vnc_parse_option(vd, words[i], &to, errp)) {
            vnc_display_free(vd);
            ui_state_release();
            return false;
        }
    }
    vd->listener = vnc_listen(vd->name, words[0], to, errp);
    if (vd->listener < 0) {
        vnc_display_free(vd);
        ui_state_release();
        return false;
    }
    vd->dcl.gfx_update = vnc_dpy_update;
    vd->dcl.gfx_switch = vnc_dpy_switch;
    register_displaychangelistener(&vd->dcl);
    aio_set_fd_handler_full(iohandler_get_aio_context(), vd->listener, vnc_accept, NULL, NULL, NULL, vd, vd->name);
    g_ptr_array_add(ui_state()->vnc, vd);
    return true;
}

bool vnc_display_password(const char *password, GError **errp)
{
    GPtrArray *vnc = ui_state()->vnc;
    bool found = false;

    for (unsigned i = 0; i < vnc->len; i++) {
        VncDisplay *vd = g_ptr_array_index(vnc, i);

        if (vd->with_password) {
            g_free(vd->password);
            vd->password = password && *password ? g_strdup(password) : NULL;
            found = true;
        }
    }
    if (!found) {
        error_setg(errp, "If you want use passwords please enable password auth using '-vnc ${dpy},password'.");
    }
    ui_state_release();
    return found;
}

void vnc_displays_close(void)
{
    UIState *ui = ui_state();

    while (ui->vnc->len) {
        vnc_display_free(g_ptr_array_steal_index(ui->vnc, ui->vnc->len - 1));
    }
    ui_state_release();
}
