/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QMP commands of character devices. Context: main thread, BQL, outside coroutines. */
#include "monitor/chardev_int.h"
#include "monitor/qmp_commands.h"

#include <string.h>

ChardevInfoList *qmp_query_chardev(GError **errp)
{
    ChardevInfoList *list = NULL, **tail = &list;

    for (Chardev *chr = qemu_chr_next(NULL); chr; chr = qemu_chr_next(chr)) {
        ChardevInfo *info = g_new0(ChardevInfo, 1);

        info->label = g_strdup(qemu_chr_label(chr));
        info->filename = qemu_chr_filename(chr);
        info->frontend_open = qemu_chr_frontend_open(chr);
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

ChardevBackendInfoList *qmp_query_chardev_backends(GError **errp)
{
    ChardevBackendInfoList *list = NULL, **tail = &list;

    for (unsigned i = 0; qemu_chr_kind_name(i); i++) {
        ChardevBackendInfo *info = g_new0(ChardevBackendInfo, 1);

        info->name = g_strdup(qemu_chr_kind_name(i));
        QAPI_LIST_APPEND(tail, info);
    }
    return list;
}

static Chardev *chardev_by_id(const char *id, GError **errp)
{
    Chardev *chr = qemu_chr_find(id);

    if (!chr) {
        error_setg(errp, "Device '%s' not found", id);
    }
    return chr;
}

void qmp_ringbuf_write(const char *device, const char *data, bool has_format, DataFormat format, GError **errp)
{
    Chardev *chr = chardev_by_id(device, errp);
    g_autofree guchar *bytes = NULL;
    gsize len = strlen(data);

    if (!chr) {
        return;
    }
    if (has_format && format == DATA_FORMAT_BASE64) {
        bytes = g_base64_decode(data, &len);
    }
    result_ignored(qemu_chr_ringbuf_write(chr, bytes ? bytes : (const uint8_t *)data, len, errp));    /* @errp tells */
}

char *qmp_ringbuf_read(const char *device, int64_t size, bool has_format, DataFormat format, GError **errp)
{
    Chardev *chr = chardev_by_id(device, errp);
    g_autofree char *bytes = NULL;
    size_t len;

    if (!chr) {
        return NULL;
    }
    if (size <= 0) {
        error_setg(errp, "size must be greater than zero");
        return NULL;
    }
    bytes = qemu_chr_ringbuf_read(chr, (size_t)size, &len, errp);
    if (!bytes) {
        return NULL;
    }
    if (has_format && format == DATA_FORMAT_BASE64) {
        return g_base64_encode((const guchar *)bytes, len);
    }
    return g_utf8_make_valid(bytes, (gssize)len);
}

void qmp_chardev_remove(const char *id, GError **errp)
{
    Chardev *chr = qemu_chr_find(id);

    if (!chr) {
        error_setg(errp, "Chardev '%s' not found", id);
    } else if (chr->be || chr_is_mux(chr)) {
        error_setg(errp, "Chardev '%s' is busy", id);
    } else {
        qemu_chr_delete(chr);
    }
}

void qmp_chardev_send_break(const char *id, GError **errp)
{
    Chardev *chr = qemu_chr_find(id);

    if (!chr) {
        error_setg(errp, "Chardev '%s' not found", id);
    } else {
        chr_event(chr, CHR_EVENT_BREAK);
    }
}
