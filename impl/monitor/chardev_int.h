/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kinds of back end share.
 *
 * A kind implements ChardevClass over a struct that begins with Chardev. The core keeps bytes that did not fit
 * (pending) and asks for input only while the front end can take it.
 */
#ifndef MONITOR_CHARDEV_INT_H
#define MONITOR_CHARDEV_INT_H

#include "monitor/chardev.h"
#include "monitor/chardev_opts.h"

typedef struct ChardevClass {
    const char *name;                   /* of -chardev and query-chardev-backends */
    size_t size;
    /** Returns bytes taken or -errno; -EAGAIN: call chr_flush_pending() once writable. */
    int (*write)(Chardev *chr, const uint8_t *buf, int len);
    /** Input wanted or not, output waiting or not: compare with chr_wants_input/output() and change handlers. */
    void (*update)(Chardev *chr);
    void (*disconnect)(Chardev *chr);
    int (*get_msgfd)(Chardev *chr);
    void (*set_fe_open)(Chardev *chr, bool open);
    char *(*filename)(Chardev *chr);
    void (*free)(Chardev *chr);         /* own parts only */
} ChardevClass;

struct Chardev {
    const ChardevClass *klass;
    char *label;
    char *channel;                      /* the stream's name in scripts */
    CharBackend *be;                    /* the front end, or NULL; unused by a mux */
    bool be_open;                       /* the peer is there */
    GByteArray *pending;                /* output that waits until the peer reads */
};

/** chr_alloc: a registered chardev of @klass. Fails if @label is taken. */
void *chr_alloc(const ChardevClass *klass, const char *label, const char *channel, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;
/** chr_wants_input: bytes the front end takes now, 0 for none. */
int chr_wants_input(Chardev *chr);
/** chr_wants_output: something waits for the descriptor to become writable. */
bool chr_wants_output(Chardev *chr);
/** chr_input: hand @len <= chr_wants_input() bytes to the front end. */
void chr_input(Chardev *chr, const uint8_t *buf, int len);
/** chr_event: the peer came, went or sent a break. */
void chr_event(Chardev *chr, QEMUChrEvent event);
/** chr_flush_pending: the descriptor is writable. */
void chr_flush_pending(Chardev *chr);
/** chr_drop_pending: the peer is gone. */
void chr_drop_pending(Chardev *chr);
/** chr_update: let the back end install what is wanted now. */
void chr_update(Chardev *chr);

/* Makers: one per kind; @opts is what followed the kind in -chardev. */
Chardev *chr_new_null(const char *label, const char *channel, ChrOpts *opts, GError **errp);
Chardev *chr_new_ringbuf(const char *label, const char *channel, ChrOpts *opts, GError **errp);
Chardev *chr_new_file(const char *label, const char *channel, ChrOpts *opts, GError **errp);
Chardev *chr_new_stdio(const char *label, const char *channel, ChrOpts *opts, GError **errp);
Chardev *chr_new_fd(const char *label, const char *channel, ChrOpts *opts, GError **errp);
Chardev *chr_new_socket(const char *label, const char *channel, ChrOpts *opts, GError **errp);

/** qemu_chr_kind_name: the @i-th kind that -chardev knows, NULL past the end. */
const char *qemu_chr_kind_name(unsigned i);

bool chr_is_mux(const Chardev *chr);
bool chr_mux_attach(Chardev *chr, CharBackend *b, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
void chr_mux_detach(Chardev *chr, CharBackend *b);
/** chr_mux_set_handlers: the newest front end gets the focus. */
void chr_mux_set_handlers(Chardev *chr, CharBackend *b);
void chr_mux_accept_input(Chardev *chr);

#endif
