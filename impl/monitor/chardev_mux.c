/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mux: several front ends (serial port and monitor) on one stream. Input goes to the one in focus; Ctrl-a is the
 * escape: Ctrl-a h help, x end the VM, c next front end, b break, Ctrl-a Ctrl-a a real Ctrl-a.
 *
 * The mux is itself the front end of its base chardev. Context: see chardev.h.
 *
 * I1  Input for a front end that cannot take it waits in that front end's queue, at most MUX_QUEUE bytes; while the
 *     queue in focus is full the base is not read.
 */
#include "monitor/chardev_int.h"
#include "base/assert.h"
#include "machine/runstate.h"

#include <string.h>

#define MUX_MAX 4
#define MUX_QUEUE 256
#define MUX_ESCAPE 0x01

typedef struct ChrMux {
    Chardev parent;
    CharBackend base;
    CharBackend *fe[MUX_MAX];
    GByteArray *queue[MUX_MAX];
    int focus;                          /* -1: nobody attached yet */
    bool escaped;                       /* the last byte was the escape */
} ChrMux;

static void chr_mux_event_one(ChrMux *m, int i, QEMUChrEvent event)
{
    if (i >= 0 && m->fe[i] && m->fe[i]->chr_event) {
        m->fe[i]->chr_event(m->fe[i]->opaque, event);
    }
}

static void chr_mux_focus(ChrMux *m, int i)
{
    if (m->focus != i) {
        chr_mux_event_one(m, m->focus, CHR_EVENT_MUX_OUT);
        m->focus = i;
        chr_mux_event_one(m, i, CHR_EVENT_MUX_IN);
    }
}

static void chr_mux_print_help(ChrMux *m)
{
    static const char help[] = "\r\n"
                               "C-a h    print this help\r\n"
                               "C-a x    exit emulator\r\n"
                               "C-a c    switch between console and monitor\r\n"
                               "C-a b    send break (magic sysrq)\r\n"
                               "C-a C-a  sends C-a\r\n";

    (void)qemu_chr_fe_write_all(&m->base, (const uint8_t *)help, (int)strlen(help));  /* lost if the peer is gone */
}

/* The byte after the escape. Returns true if it is input after all. */
static bool chr_mux_command(ChrMux *m, uint8_t ch)
{
    static const char bye[] = "QEMU: Terminated\n\r";

    switch (ch) {
    case MUX_ESCAPE:
        return true;
    case 'h':
    case '?':
        chr_mux_print_help(m);
        break;
    case 'x':
        (void)qemu_chr_fe_write_all(&m->base, (const uint8_t *)bye, (int)strlen(bye));
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_HOST_UI);
        break;
    case 'b':
        chr_mux_event_one(m, m->focus, CHR_EVENT_BREAK);
        break;
    case 'c':
        for (int n = 1; n <= MUX_MAX; n++) {
            int next = (m->focus + n) % MUX_MAX;

            if (m->fe[next] && m->fe[next]->chr_read) {
                chr_mux_focus(m, next);
                break;
            }
        }
        break;
    default:
        break;
    }
    return false;
}

static void chr_mux_deliver(ChrMux *m)
{
    CharBackend *b = m->focus >= 0 ? m->fe[m->focus] : NULL;
    GByteArray *q = b ? m->queue[m->focus] : NULL;

    while (q && q->len && b->chr_read && b->chr_can_read) {
        uint8_t buf[MUX_QUEUE];
        int n = MIN(b->chr_can_read(b->opaque), (int)q->len);

        if (n <= 0) {
            return;
        }
        memcpy(buf, q->data, (size_t)n);
        g_byte_array_remove_range(q, 0, (guint)n);
        b->chr_read(b->opaque, buf, n);
    }
}

static int chr_mux_base_can_read(void *opaque)
{
    ChrMux *m = opaque;

    return m->focus >= 0 ? (int)(MUX_QUEUE - m->queue[m->focus]->len) : 0;
}

static void chr_mux_base_read(void *opaque, const uint8_t *buf, int size)
{
    ChrMux *m = opaque;

    for (int i = 0; i < size; i++) {
        bool escaped = m->escaped;

        m->escaped = !escaped && buf[i] == MUX_ESCAPE;
        if (m->escaped || (escaped && !chr_mux_command(m, buf[i]))) {
            continue;
        }
        if (m->queue[m->focus]->len < MUX_QUEUE) {
            g_byte_array_append(m->queue[m->focus], buf + i, 1);
        }
        chr_mux_deliver(m);
    }
}

static void chr_mux_base_event(void *opaque, QEMUChrEvent event)
{
    ChrMux *m = opaque;

    m->parent.be_open = event == CHR_EVENT_OPENED || (event != CHR_EVENT_CLOSED && m->parent.be_open);
    if (event == CHR_EVENT_BREAK) {
        chr_mux_event_one(m, m->focus, event);
        return;
    }
    for (int i = 0; i < MUX_MAX; i++) {
        chr_mux_event_one(m, i, event);
    }
}

static int chr_mux_write(Chardev *chr, const uint8_t *buf, int len)
{
    return qemu_chr_fe_write_all(&((ChrMux *)chr)->base, buf, len);
}

static char *chr_mux_filename(Chardev *chr)
{
    g_autofree char *base = qemu_chr_filename(qemu_chr_fe_get_driver(&((ChrMux *)chr)->base));

    return g_strdup_printf("mux:%s", base);
}

static void chr_mux_free(Chardev *chr)
{
    ChrMux *m = (ChrMux *)chr;

    for (int i = 0; i < MUX_MAX; i++) {
        if (m->fe[i]) {
            m->fe[i]->chr = NULL;
        }
        g_byte_array_free(m->queue[i], TRUE);
    }
    qemu_chr_fe_deinit(&m->base, true);
}

static const ChardevClass chr_mux_class = {
    .name = "mux",
    .size = sizeof(ChrMux),
    .write = chr_mux_write,
    .filename = chr_mux_filename,
    .free = chr_mux_free,
};

bool chr_is_mux(const Chardev *chr)
{
    return chr->klass == &chr_mux_class;
}

Chardev *qemu_chr_new_mux(const char *label, Chardev *chr, GError **errp)
{
    CharBackend base;
    ChrMux *m;

    if (!qemu_chr_fe_init(&base, chr, errp)) {
        return NULL;
    }
    qemu_chr_fe_deinit(&base, false);
    if (strcmp(chr->label, label) == 0) {
        g_free(chr->label);
        chr->label = g_strdup_printf("%s-base", label);
    }
    m = chr_alloc(&chr_mux_class, label, chr->channel, errp);
    if (!m) {
        return NULL;
    }
    m->focus = -1;
    for (int i = 0; i < MUX_MAX; i++) {
        m->queue[i] = g_byte_array_new();
    }
    if (!qemu_chr_fe_init(&m->base, chr, errp)) {
        qemu_chr_delete(&m->parent);
        return NULL;
    }
    qemu_chr_fe_set_handlers(&m->base, chr_mux_base_can_read, chr_mux_base_read, chr_mux_base_event, m, true);
    return &m->parent;
}

bool chr_mux_attach(Chardev *chr, CharBackend *b, GError **errp)
{
    ChrMux *m = (ChrMux *)chr;

    for (int i = 0; i < MUX_MAX; i++) {
        if (!m->fe[i]) {
            m->fe[i] = b;
            b->tag = i;
            return true;
        }
    }
    error_setg(errp, "too many uses of multiplexed chardev '%s' (maximum is %d)", chr->label, MUX_MAX);
    return false;
}

void chr_mux_detach(Chardev *chr, CharBackend *b)
{
    ChrMux *m = (ChrMux *)chr;

    assert(m->fe[b->tag] == b);
    m->fe[b->tag] = NULL;
    g_byte_array_set_size(m->queue[b->tag], 0);
    if (m->focus == b->tag) {
        m->focus = -1;
        for (int i = 0; i < MUX_MAX; i++) {
            if (m->fe[i] && m->fe[i]->chr_read) {
                chr_mux_focus(m, i);
                break;
            }
        }
    }
}

void chr_mux_set_handlers(Chardev *chr, CharBackend *b)
{
    ChrMux *m = (ChrMux *)chr;

    if (m->parent.be_open && b->chr_event) {
        b->chr_event(b->opaque, CHR_EVENT_OPENED);
    }
    chr_mux_focus(m, b->tag);
    qemu_chr_fe_accept_input(&m->base);
}

void chr_mux_accept_input(Chardev *chr)
{
    ChrMux *m = (ChrMux *)chr;

    chr_mux_deliver(m);
    qemu_chr_fe_accept_input(&m->base);
}
