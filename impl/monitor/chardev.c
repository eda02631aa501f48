/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices: registry and the front end's calls. Back ends are in chardev_*.c.
 *
 * Owns: MACHINE_CHARDEV, the list of chardevs. Context: see the header. No locks beyond the BQL.
 */
#include "monitor/chardev.h"
#include "monitor/chardev_int.h"
#include "base/assert.h"
#include "sched/machine.h"

#include <string.h>

typedef struct ChardevState {
    GPtrArray *list;                /* of Chardev *, in order of creation; a base is older than its mux */
} ChardevState;

static ChardevState *chardev_state(void)
{
    return machine_state(MACHINE_CHARDEV);
}

void chardev_init(void)
{
    ChardevState *s = g_new0(ChardevState, 1);

    s->list = g_ptr_array_new();
    machine_set_state(MACHINE_CHARDEV, s);
}

void chardev_cleanup(void)
{
    ChardevState *s = chardev_state();

    if (!s) {
        return;
    }
    while (s->list->len) {
        qemu_chr_delete(g_ptr_array_index(s->list, s->list->len - 1));
    }
    g_ptr_array_free(s->list, TRUE);
    g_free(s);
    machine_set_state(MACHINE_CHARDEV, NULL);
}

/* ---- Registry ---- */

Chardev *qemu_chr_find(const char *label)
{
    ChardevState *s = chardev_state();

    for (guint i = 0; i < s->list->len; i++) {
        Chardev *chr = g_ptr_array_index(s->list, i);

        if (strcmp(chr->label, label) == 0) {
            return chr;
        }
    }
    return NULL;
}

Chardev *qemu_chr_next(Chardev *chr)
{
    ChardevState *s = chardev_state();
    guint i = 0;

    if (chr) {
        bool found = g_ptr_array_find(s->list, chr, &i);

        assert(found);
        i++;
    }
    return i < s->list->len ? g_ptr_array_index(s->list, i) : NULL;
}

const char *qemu_chr_label(const Chardev *chr)
{
    return chr->label;
}

char *qemu_chr_filename(Chardev *chr)
{
    return chr->klass->filename ? chr->klass->filename(chr) : g_strdup(chr->klass->name);
}

void *chr_alloc(const ChardevClass *klass, const char *label, const char *channel, GError **errp)
{
    Chardev *chr;

    if (qemu_chr_find(label)) {
        error_setg(errp, "Chardev with id '%s' already exists", label);
        return NULL;
    }
    chr = g_malloc0(klass->size);
    chr->klass = klass;
    chr->label = g_strdup(label);
    chr->channel = g_strdup(channel ? channel : label);
    chr->pending = g_byte_array_new();
    g_ptr_array_add(chardev_state()->list, chr);
    return chr;
}

void qemu_chr_delete(Chardev *chr)
{
    if (chr->be) {
        chr->be->chr = NULL;
        chr->be = NULL;
    }
    if (chr->klass->free) {
        chr->klass->free(chr);
    }
    g_ptr_array_remove(chardev_state()->list, chr);
    g_byte_array_free(chr->pending, TRUE);
    g_free(chr->channel);
    g_free(chr->label);
    g_free(chr);
}

/* ---- For back ends ---- */

void chr_update(Chardev *chr)
{
    if (chr->klass->update) {
        chr->klass->update(chr);
    }
}

int chr_wants_input(Chardev *chr)
{
    CharBackend *b = chr->be;
    int n = b && b->chr_read && b->chr_can_read ? b->chr_can_read(b->opaque) : 0;

    return MAX(n, 0);
}

bool chr_wants_output(Chardev *chr)
{
    return chr->pending->len || (chr->be && chr->be->watch);
}

void chr_input(Chardev *chr, const uint8_t *buf, int len)
{
    if (chr->be && chr->be->chr_read) {
        chr->be->chr_read(chr->be->opaque, buf, len);
    }
}

void chr_event(Chardev *chr, QEMUChrEvent event)
{
    if (event == CHR_EVENT_OPENED) {
        chr->be_open = true;
    } else if (event == CHR_EVENT_CLOSED) {
        chr->be_open = false;
    }
    if (chr->be && chr->be->chr_event) {
        chr->be->chr_event(chr->be->opaque, event);
    }
}

void chr_drop_pending(Chardev *chr)
{
    g_byte_array_set_size(chr->pending, 0);
}

static void chr_run_watch(Chardev *chr, GIOCondition cond)
{
    CharBackend *b = chr->be;
    FEWatchFunc *watch = b ? b->watch : NULL;

    if (watch && watch(NULL, cond, b->watch_opaque) == G_SOURCE_REMOVE && b->watch == watch) {
        b->watch = NULL;
    }
}

void chr_flush_pending(Chardev *chr)
{
    if (chr->pending->len) {
        int n = chr->klass->write(chr, chr->pending->data, (int)chr->pending->len);

        if (n > 0) {
            g_byte_array_remove_range(chr->pending, 0, (guint)n);
        } else if (n < 0 && n != -EAGAIN) {
            chr_drop_pending(chr);      /* the reading side finds out that the peer is gone */
        }
    }
    if (!chr->pending->len) {
        chr_run_watch(chr, G_IO_OUT);
    }
    chr_update(chr);
}

/* ---- Front end ---- */

bool qemu_chr_fe_init(CharBackend *b, Chardev *s, GError **errp)
{
    *b = (CharBackend){ 0 };
    if (!s) {
        return true;
    }
    if (chr_is_mux(s)) {
        if (!chr_mux_attach(s, b, errp)) {
            return false;
        }
    } else if (s->be) {
        error_setg(errp, "chardev '%s' is already in use", s->label);
        return false;
    } else {
        s->be = b;
    }
    b->chr = s;
    return true;
}

void qemu_chr_fe_deinit(CharBackend *b, bool del)
{
    Chardev *s = b->chr;

    if (!s) {
        return;
    }
    qemu_chr_fe_set_handlers(b, NULL, NULL, NULL, NULL, true);
    qemu_chr_fe_remove_watch(b);
    if (chr_is_mux(s)) {
        chr_mux_detach(s, b);
    } else {
        s->be = NULL;
        chr_update(s);
    }
    b->chr = NULL;
    if (del) {
        qemu_chr_delete(s);
    }
}

void qemu_chr_fe_set_handlers(CharBackend *b, IOCanReadHandler *can_read, IOReadHandler *read, IOEventHandler *event,
                              void *opaque, bool set_open)
{
    Chardev *s = b->chr;

    b->chr_can_read = can_read;
    b->chr_read = read;
    b->chr_event = event;
    b->opaque = opaque;
    if (!s) {
        return;
    }
    if (set_open) {
        qemu_chr_fe_set_open(b, read || event);
    }
    if (chr_is_mux(s)) {
        if (read) {
            chr_mux_set_handlers(s, b);
        }
        return;
    }
    if (event && s->be_open) {
        event(opaque, CHR_EVENT_OPENED);
    }
    chr_update(s);
}

void qemu_chr_fe_accept_input(CharBackend *b)
{
    if (!b->chr) {
        return;
    }
    if (chr_is_mux(b->chr)) {
        chr_mux_accept_input(b->chr);
    } else {
        chr_update(b->chr);
    }
}

int qemu_chr_fe_write(CharBackend *b, const uint8_t *buf, int len)
{
    Chardev *s = b->chr;

    if (!s) {
        return len;
    }
    return s->pending->len ? -EAGAIN : s->klass->write(s, buf, len);
}

int qemu_chr_fe_write_all(CharBackend *b, const uint8_t *buf, int len)
{
    Chardev *s = b->chr;
    int done = 0;

    if (!s) {
        return len;
    }
    if (s->pending->len > CHR_PENDING_MAX) {
        return -ENOBUFS;
    }
    while (done < len && !s->pending->len) {
        int n = s->klass->write(s, buf + done, len - done);

        if (n == -EAGAIN || n == 0) {
            break;
        }
        if (n < 0) {
            return n;
        }
        done += n;
    }
    if (done < len) {
        g_byte_array_append(s->pending, buf + done, (guint)(len - done));
        chr_update(s);
    }
    return len;
}

int qemu_chr_fe_printf(CharBackend *b, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    return qemu_chr_fe_write_all(b, (const uint8_t *)text, (int)strlen(text));
}

unsigned qemu_chr_fe_add_watch(CharBackend *b, GIOCondition cond, FEWatchFunc *func, void *opaque)
{
    if (!b->chr || !b->chr->klass->update || !b->chr->be_open) {
        return 0;
    }
    b->watch = func;
    b->watch_opaque = opaque;
    chr_update(b->chr);
    return 1;
}

void qemu_chr_fe_remove_watch(CharBackend *b)
{
    b->watch = NULL;
    if (b->chr) {
        chr_update(b->chr);
    }
}

void qemu_chr_fe_set_open(CharBackend *b, bool is_open)
{
    if (b->fe_is_open == is_open) {
        return;
    }
    b->fe_is_open = is_open;
    if (b->chr && b->chr->klass->set_fe_open) {
        b->chr->klass->set_fe_open(b->chr, is_open);
    }
}

bool qemu_chr_fe_backend_connected(CharBackend *b)
{
    return b->chr != NULL;
}

bool qemu_chr_fe_backend_open(CharBackend *b)
{
    return b->chr && b->chr->be_open;
}

bool qemu_chr_frontend_open(Chardev *chr)
{
    return chr_is_mux(chr) || (chr->be && chr->be->fe_is_open);
}

int qemu_chr_fe_get_msgfd(CharBackend *b)
{
    return b->chr && b->chr->klass->get_msgfd ? b->chr->klass->get_msgfd(b->chr) : -1;
}

size_t qemu_chr_fe_pending(CharBackend *b)
{
    return b->chr ? b->chr->pending->len : 0;
}

void qemu_chr_fe_disconnect(CharBackend *b)
{
    if (b->chr && b->chr->klass->disconnect) {
        b->chr->klass->disconnect(b->chr);
    }
}

Chardev *qemu_chr_fe_get_driver(CharBackend *b)
{
    return b->chr;
}
