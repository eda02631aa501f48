/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Character devices: a byte stream with a front end (serial port, monitor) and a back end (terminal, socket, file).
 *
 * A Chardev belongs to the machine and has a unique label (its QMP id). Its channel is the name under which the
 * simulator scripts and traces know the stream: the id given by the user, or "serial0", "mon0", "qmp0".
 * All calls: main thread or a thread with the BQL, unless noted. Handlers run in the iohandler context, that is
 * only from the outermost main loop: a nested aio_poll() of the main context never delivers input.
 *
 * I1  At most one front end is attached, except to a mux, which hands input to the one in focus.
 * I2  read(buf, n) is called with 1 <= n <= what can_read() just returned.
 * I3  After qemu_chr_fe_deinit() returns no handler of that front end runs again.
 */
#ifndef MONITOR_CHARDEV_H
#define MONITOR_CHARDEV_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Chardev Chardev;
typedef struct CharBackend CharBackend;

typedef enum QEMUChrEvent {
    CHR_EVENT_BREAK,            /* serial break */
    CHR_EVENT_OPENED,           /* peer connected; sent again to a front end that attaches later */
    CHR_EVENT_MUX_IN,           /* mux focus moved to this front end */
    CHR_EVENT_MUX_OUT,          /* mux focus is about to leave this front end */
    CHR_EVENT_CLOSED,           /* peer gone; passed descriptors not fetched yet are closed */
} QEMUChrEvent;

/** IOCanReadHandler: how many bytes can be taken now; 0 stops input until qemu_chr_fe_accept_input(). */
typedef int IOCanReadHandler(void *opaque);
typedef void IOReadHandler(void *opaque, const uint8_t *buf, int size);
typedef void IOEventHandler(void *opaque, QEMUChrEvent event);
/** FEWatchFunc: writable again. Return G_SOURCE_REMOVE or G_SOURCE_CONTINUE. */
typedef gboolean FEWatchFunc(void *do_not_use, GIOCondition condition, void *opaque);

#define CHR_PENDING_MAX (64u << 20)     /* bytes kept for a peer that does not read */

/* Embedded by the front end. Zero-initialised means: not connected, all output is dropped. */
struct CharBackend {
    Chardev *chr;
    IOCanReadHandler *chr_can_read;
    IOReadHandler *chr_read;
    IOEventHandler *chr_event;
    void *opaque;
    int tag;                    /* mux slot */
    FEWatchFunc *watch;
    void *watch_opaque;
    bool fe_is_open;
};

/* ---- Front end side ---- */

/** qemu_chr_fe_init: attach to @s (NULL: stay disconnected). Fails if @s is in use and not a mux. */
bool qemu_chr_fe_init(CharBackend *b, Chardev *s, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qemu_chr_fe_deinit: detach; @del: delete the chardev too. Idempotent. */
void qemu_chr_fe_deinit(CharBackend *b, bool del);
/**
 * qemu_chr_fe_set_handlers: start (or with all NULL stop) input.
 * @set_open: also tell the back end that the front end is there. OPENED is delivered at once if the peer is connected.
 */
void qemu_chr_fe_set_handlers(CharBackend *b, IOCanReadHandler *can_read, IOReadHandler *read, IOEventHandler *event,
                              void *opaque, bool set_open);
/** qemu_chr_fe_accept_input: can_read() may say yes again. */
void qemu_chr_fe_accept_input(CharBackend *b);
/**
 * qemu_chr_fe_write: write what fits. Returns bytes taken (0..len) or -errno (-EAGAIN: wait with a watch).
 * Bytes to a peer that is not connected are dropped and count as taken.
 */
int qemu_chr_fe_write(CharBackend *b, const uint8_t *buf, int len);
/**
 * qemu_chr_fe_write_all: like write, but keeps what does not fit and sends it later. Returns len.
 * -ENOBUFS: the peer has not read CHR_PENDING_MAX bytes; nothing was taken.
 */
int qemu_chr_fe_write_all(CharBackend *b, const uint8_t *buf, int len);
int qemu_chr_fe_printf(CharBackend *b, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/**
 * qemu_chr_fe_add_watch: call @func once writable (G_IO_OUT) or hung up (G_IO_HUP). One per front end.
 * Returns 0 if none is possible.
 */
unsigned qemu_chr_fe_add_watch(CharBackend *b, GIOCondition cond, FEWatchFunc *func, void *opaque);
void qemu_chr_fe_remove_watch(CharBackend *b);
void qemu_chr_fe_set_open(CharBackend *b, bool is_open);
bool qemu_chr_fe_backend_connected(CharBackend *b);
bool qemu_chr_fe_backend_open(CharBackend *b);
/**
 * qemu_chr_fe_get_msgfd: take the oldest descriptor passed by the peer, or -1. A kernel descriptor; the caller closes
 * it with sched_close_os().
 */
int qemu_chr_fe_get_msgfd(CharBackend *b);
/** qemu_chr_fe_pending: bytes that write_all took and the peer has not. */
size_t qemu_chr_fe_pending(CharBackend *b);
/** qemu_chr_fe_disconnect: drop the connection; a server goes back to listening. */
void qemu_chr_fe_disconnect(CharBackend *b);
Chardev *qemu_chr_fe_get_driver(CharBackend *b);

/* ---- Creation ---- */

/** chardev_init: create the module's state in the current machine. chardev_cleanup: close and free every chardev. */
void chardev_init(void);
void chardev_cleanup(void);

/**
 * qemu_chr_new: from the short form of -serial and -monitor: "null", "stdio", "mon:stdio", "file:PATH",
 * "unix:PATH,server=on,wait=off", "tcp:HOST:PORT,...", "ringbuf[:SIZE]", "chardev:ID", "fd:N".
 * @channel: name of the stream in scripts; NULL: @label. "mon:" also creates a human monitor on the mux.
 * Returns the chardev (owned by the machine) or NULL with @errp. Blocks when waiting for a client (wait=on).
 */
Chardev *qemu_chr_new(const char *label, const char *channel, const char *filename, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;
/** qemu_chr_new_from_opts: from the argument of -chardev: "socket,id=c0,path=/run/x,server=on,wait=off". */
Chardev *qemu_chr_new_from_opts(const char *optarg, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qemu_chr_find: by label; NULL if none. Borrowed. */
Chardev *qemu_chr_find(const char *label);
/** qemu_chr_delete: close and free; its front end becomes disconnected. */
void qemu_chr_delete(Chardev *chr);
const char *qemu_chr_label(const Chardev *chr);
/** qemu_chr_next: all chardevs in order of creation; start with NULL. */
Chardev *qemu_chr_next(Chardev *chr);
/** qemu_chr_filename: what query-chardev shows, e.g. "unix:/run/x,server=on". Caller g_free()s. */
char *qemu_chr_filename(Chardev *chr);
bool qemu_chr_frontend_open(Chardev *chr);
/** qemu_chr_new_mux: a mux over @chr with the label @label; @chr is then named "<label>-base". */
Chardev *qemu_chr_new_mux(const char *label, Chardev *chr, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
/** qemu_chr_ringbuf_read / _write: for the commands on a "ringbuf". Fail for another kind. Caller g_free()s. */
char *qemu_chr_ringbuf_read(Chardev *chr, size_t max, size_t *ret_len, GError **errp);
bool qemu_chr_ringbuf_write(Chardev *chr, const uint8_t *buf, size_t len, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/** qemu_chr_cmdline_serial: the @index-th -serial. *@ret_chr is NULL for "none". */
bool qemu_chr_cmdline_serial(unsigned index, const char *optarg, Chardev **ret_chr, GError **errp)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
