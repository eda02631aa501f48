/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Back ends without a descriptor to watch: null, ringbuf, file. Context: see chardev.h. */
#include "monitor/chardev_int.h"
#include "base/assert.h"
#include "sched/io.h"

#include <string.h>

/* ---- null: swallows everything ---- */

static int chr_null_write(Chardev *chr, const uint8_t *buf, int len)
{
    return len;
}

static const ChardevClass chr_null_class = {
    .name = "null",
    .size = sizeof(Chardev),
    .write = chr_null_write,
};

Chardev *chr_new_null(const char *label, const char *channel, ChrOpts *opts, GError **errp)
{
    if (!chr_opts_finish(opts, errp)) {
        return NULL;
    }
    return chr_alloc(&chr_null_class, label, channel, errp);
}

/* ---- ringbuf: keeps the last bytes for ringbuf-read ---- */

#define CHR_RINGBUF_MAX (16u << 20)

typedef struct ChrRingbuf {
    Chardev parent;
    size_t size;
    GByteArray *data;                   /* at most size bytes, oldest first */
} ChrRingbuf;

static int chr_ringbuf_write(Chardev *chr, const uint8_t *buf, int len)
{
    ChrRingbuf *r = (ChrRingbuf *)chr;

    g_byte_array_append(r->data, buf, (guint)len);
    if (r->data->len > r->size) {
        g_byte_array_remove_range(r->data, 0, (guint)(r->data->len - r->size));
    }
    return len;
}

static void chr_ringbuf_free(Chardev *chr)
{
    g_byte_array_free(((ChrRingbuf *)chr)->data, TRUE);
}

static const ChardevClass chr_ringbuf_class = {
    .name = "ringbuf",
    .size = sizeof(ChrRingbuf),
    .write = chr_ringbuf_write,
    .free = chr_ringbuf_free,
};

Chardev *chr_new_ringbuf(const char *label, const char *channel, ChrOpts *opts, GError **errp)
{
    ChrRingbuf *r;
    uint64_t size;

    if (!chr_opts_get_number(opts, "size", 65536, &size, errp) || !chr_opts_finish(opts, errp)) {
        return NULL;
    }
    if (!size || (size & (size - 1)) || size > CHR_RINGBUF_MAX) {
        error_setg(errp, "size of ringbuf chardev must be power of two");
        return NULL;
    }
    r = chr_alloc(&chr_ringbuf_class, label, channel, errp);
    if (r) {
        r->size = size;
        r->data = g_byte_array_new();
    }
    return (Chardev *)r;
}

static ChrRingbuf *chr_ringbuf_check(Chardev *chr, GError **errp)
{
    if (chr->klass != &chr_ringbuf_class) {
        error_setg(errp, "%s is not a ringbuf device", chr->label);
        return NULL;
    }
    return (ChrRingbuf *)chr;
}

char *qemu_chr_ringbuf_read(Chardev *chr, size_t max, size_t *ret_len, GError **errp)
{
    ChrRingbuf *r = chr_ringbuf_check(chr, errp);
    char *text;

    if (!r) {
        return NULL;
    }
    *ret_len = MIN(max, r->data->len);
    text = g_malloc0(*ret_len + 1);
    memcpy(text, r->data->data, *ret_len);
    g_byte_array_remove_range(r->data, 0, (guint)*ret_len);
    return text;
}

bool qemu_chr_ringbuf_write(Chardev *chr, const uint8_t *buf, size_t len, GError **errp)
{
    if (!chr_ringbuf_check(chr, errp)) {
        return false;
    }
    if (chr->be && chr->be->chr_read) {
        /* What the client writes is input for the front end when there is one. */
        for (size_t done = 0; done < len;) {
            int n = MIN((int)(len - done), chr_wants_input(chr));

            if (n <= 0) {
                break;
            }
            chr_input(chr, buf + done, n);
            done += (size_t)n;
        }
        return true;
    }
    chr_ringbuf_write(chr, buf, (int)len);
    return true;
}

/* ---- file: output only ---- */

typedef struct ChrFile {
    Chardev parent;
    int fd;
    uint64_t offset;                    /* bytes written so far */
    char *path;
} ChrFile;

static int chr_file_write(Chardev *chr, const uint8_t *buf, int len)
{
    ChrFile *f = (ChrFile *)chr;
    struct iovec iov = { .iov_base = (void *)buf, .iov_len = (size_t)len };
    ssize_t n = sched_file_pwritev(f->fd, &iov, 1, f->offset);

    if (n > 0) {
        f->offset += (uint64_t)n;
    }
    return (int)n;
}

static char *chr_file_filename(Chardev *chr)
{
    return g_strdup_printf("file:%s", ((ChrFile *)chr)->path);
}

static void chr_file_free(Chardev *chr)
{
    ChrFile *f = (ChrFile *)chr;

    sched_close(f->fd);
    g_free(f->path);
}

static const ChardevClass chr_file_class = {
    .name = "file",
    .size = sizeof(ChrFile),
    .write = chr_file_write,
    .filename = chr_file_filename,
    .free = chr_file_free,
};

Chardev *chr_new_file(const char *label, const char *channel, ChrOpts *opts, GError **errp)
{
    const char *path = chr_opts_get(opts, "path");
    ChrFile *f;
    bool append;
    int fd;

    if (!path || !*path) {
        error_setg(errp, "chardev: file: no filename given");
        return NULL;
    }
    if (!chr_opts_get_bool(opts, "append", false, &append, errp) || !chr_opts_finish(opts, errp)) {
        return NULL;
    }
    fd = sched_file_open(channel ? channel : label, path,
                         SCHED_FILE_WRITE | SCHED_FILE_CREATE | (append ? 0 : SCHED_FILE_TRUNC));
    if (fd < 0) {
        error_setg_errno(errp, fd, "Failed to open '%s'", path);
        return NULL;
    }
    f = chr_alloc(&chr_file_class, label, channel, errp);
    if (!f) {
        sched_close(fd);
        return NULL;
    }
    f->fd = fd;
    f->path = g_strdup(path);
    if (append) {
        int64_t length = sched_file_length(fd);

        f->offset = length > 0 ? (uint64_t)length : 0;
    }
    chr_event(&f->parent, CHR_EVENT_OPENED);
    return &f->parent;
}
