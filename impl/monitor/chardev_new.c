/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making chardevs from what users write: -chardev, -serial, and the short form. Context: main thread. */
#include "monitor/chardev.h"
#include "base/id.h"
#include "monitor/chardev_int.h"
#include "monitor/monitor.h"

#include <string.h>

typedef Chardev *ChardevMaker(const char *label, const char *channel, ChrOpts *opts, GError **errp);

static const struct {
    const char *name;
    ChardevMaker *make;
} chardev_kinds[] = {
    { "null", chr_new_null },     { "ringbuf", chr_new_ringbuf }, { "memory", chr_new_ringbuf },
    { "file", chr_new_file },     { "stdio", chr_new_stdio },     { "fd", chr_new_fd },
    { "socket", chr_new_socket },
};

const char *qemu_chr_kind_name(unsigned i)
{
    return i < G_N_ELEMENTS(chardev_kinds) ? chardev_kinds[i].name : NULL;
}

/* @opts: consumed as far as the kind knows them; the caller frees. */
static Chardev *chr_new_kind(const char *kind, const char *label, const char *channel, ChrOpts *opts, GError **errp)
{
    bool mux;
    Chardev *chr, *outer;

    if (!chr_opts_get_bool(opts, "mux", false, &mux, errp)) {
        return NULL;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(chardev_kinds); i++) {
        if (strcmp(chardev_kinds[i].name, kind) == 0) {
            chr = chardev_kinds[i].make(label, channel, opts, errp);
            if (!chr || !mux) {
                return chr;
            }
            outer = qemu_chr_new_mux(label, chr, errp);
            if (!outer) {
                qemu_chr_delete(chr);
            }
            return outer;
        }
    }
    error_setg(errp, "'%s' is not a valid char driver name", kind);
    return NULL;
}

Chardev *qemu_chr_new_from_opts(const char *optarg, GError **errp)
{
    g_autoptr(ChrOpts) opts = chr_opts_parse(optarg, "backend");
    const char *kind = chr_opts_get(opts, "backend");
    const char *id = chr_opts_get(opts, "id");

    if (!kind) {
        error_setg(errp, "chardev: \"%s\" missing backend", id ? id : "");
        return NULL;
    }
    if (!id) {
        error_setg(errp, "chardev: no id specified");
        return NULL;
    }
    if (!id_wellformed(id)) {
        error_setg(errp, "Parameter 'id' expects an identifier");
        return NULL;
    }
    return chr_new_kind(kind, id, NULL, opts, errp);
}

/* "tcp:HOST:PORT" loses its last colon; "[v6]" its brackets. */
static bool chr_opts_set_tcp(ChrOpts *opts, const char *address, GError **errp)
{
    const char *colon = strrchr(address, ':');
    g_autofree char *host = colon ? g_strndup(address, (gsize)(colon - address)) : NULL;
    size_t len = host ? strlen(host) : 0;

    if (!colon) {
        error_setg(errp, "'tcp:%s' is not of the form tcp:HOST:PORT", address);
        return false;
    }
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        memmove(host, host + 1, len - 1);
    }
    chr_opts_set(opts, "host", host);
    chr_opts_set(opts, "port", colon + 1);
    return true;
}

/* The short form says kind and address in one word. */
static Chardev *chr_new_short(const char *label, const char *channel, const char *text, GError **errp)
{
    g_autoptr(ChrOpts) opts = chr_opts_parse(text, "short");
    const char *word = chr_opts_get(opts, "short");
    const char *kind = word ? word : "";

    if (g_str_has_prefix(kind, "unix:")) {
        chr_opts_set(opts, "path", kind + 5);
        kind = "socket";
    } else if (g_str_has_prefix(kind, "tcp:")) {
        if (!chr_opts_set_tcp(opts, kind + 4, errp)) {
            return NULL;
        }
        kind = "socket";
    } else if (g_str_has_prefix(kind, "file:")) {
        chr_opts_set(opts, "path", kind + 5);
        kind = "file";
    } else if (g_str_has_prefix(kind, "fd:")) {
        chr_opts_set(opts, "fd", kind + 3);
        kind = "fd";
    } else if (g_str_has_prefix(kind, "ringbuf:")) {
        chr_opts_set(opts, "size", kind + 8);
        kind = "ringbuf";
    }
    return chr_new_kind(kind, label, channel, opts, errp);
}

Chardev *qemu_chr_new(const char *label, const char *channel, const char *filename, GError **errp)
{
    Chardev *chr, *mux;

    if (g_str_has_prefix(filename, "chardev:")) {
        chr = qemu_chr_find(filename + strlen("chardev:"));
        if (!chr) {
            error_setg(errp, "chardev '%s' not found", filename + strlen("chardev:"));
        }
        return chr;
    }
    if (!g_str_has_prefix(filename, "mon:")) {
        return chr_new_short(label, channel, filename, errp);
    }
    chr = chr_new_short(label, channel, filename + strlen("mon:"), errp);
    mux = chr ? qemu_chr_new_mux(label, chr, errp) : NULL;
    if (!mux) {
        if (chr) {
            qemu_chr_delete(chr);
        }
        return NULL;
    }
    if (!monitor_init_hmp(mux, errp)) {
        qemu_chr_delete(mux);
        return NULL;
    }
    return mux;
}

bool qemu_chr_cmdline_serial(unsigned index, const char *optarg, Chardev **ret_chr, GError **errp)
{
    g_autofree char *label = g_strdup_printf("serial%u", index);
    Chardev *chr = NULL;

    if (strcmp(optarg, "none") != 0) {
        chr = qemu_chr_new(label, NULL, optarg, errp);
        if (!chr) {
            return false;
        }
    }
    *ret_chr = chr;
    return true;
}
