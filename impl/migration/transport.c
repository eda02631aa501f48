/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Migration URIs, and opening what they name.
 *
 * Owns: nothing. Context: the sender's thread (sockets; may block) or the main thread.
 */
#include "migration/migration_int.h"

#include "base/assert.h"

#include <stdlib.h>

void migration_address_clear(MigrationAddress *a)
{
    g_clear_pointer(&a->addr, g_free);
    if (a->fd >= 0) {
        sched_close_os(a->fd);
        a->fd = -1;
    }
}

/* "4096", "0x1000", "4k", "1M", "2G". */
static bool parse_offset(const char *text, uint64_t *ret)
{
    char *end = NULL;
    unsigned shift = 0;
    uint64_t v;

    if (!g_ascii_isdigit(text[0])) {
        return false;
    }
    errno = 0;
    v = g_ascii_strtoull(text, &end, text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10);
    if (errno) {
        return false;
    }
    switch (g_ascii_toupper(*end)) {
    case 'K': shift = 10; break;
    case 'M': shift = 20; break;
    case 'G': shift = 30; break;
    default: break;
    }
    end += shift ? 1 : 0;
    if (*end || v > (uint64_t)INT64_MAX >> shift) {
        return false;
    }
    *ret = v << shift;
    return true;
}

static bool parse_file(const char *path, MigrationAddress *a, GError **errp)
{
    const char *comma = strstr(path, ",offset=");

    a->transport = MIGRATION_TRANSPORT_FILE;
    a->addr = comma ? g_strndup(path, (size_t)(comma - path)) : g_strdup(path);
    if (comma && !parse_offset(comma + strlen(",offset="), &a->offset)) {
        error_setg(errp, "file URI has bad offset %s", comma + strlen(",offset="));
        return false;
    }
    return true;
}

bool migration_address_parse(const char *uri, int fd, MigrationAddress *ret_addr, GError **errp)
{
    MigrationAddress a = { .fd = fd };
    const char *rest;
    bool ok = true;

    if (g_str_has_prefix(uri, "unix:") || g_str_has_prefix(uri, "tcp:")) {
        a.transport = MIGRATION_TRANSPORT_SOCKET;
        a.addr = g_strdup(uri);
    } else if ((rest = strchr(uri, ':')) && g_str_has_prefix(uri, "exec:")) {
        a.transport = MIGRATION_TRANSPORT_EXEC;
        a.addr = g_strdup(rest + 1);
    } else if (g_str_has_prefix(uri, "fd:")) {
        a.transport = MIGRATION_TRANSPORT_FD;
        a.addr = g_strdup(rest + 1);
        if (fd < 0) {
            error_setg(errp, "File descriptor named '%s' has not been found", rest + 1);
            ok = false;
        }
    } else if (g_str_has_prefix(uri, "file:")) {
        ok = parse_file(rest + 1, &a, errp);
    } else {
        error_setg(errp, "unknown migration protocol: %s", uri);
        ok = false;
    }
    if (ok && strchr(uri, ':')[1] == '\0') {
        error_setg(errp, "migration URI '%s' names nothing", uri);
        ok = false;
    }
    if (!ok) {
        migration_address_clear(&a);
        return false;
    }
    *ret_addr = a;
    return true;
}

static QEMUFile *open_exec(const char *command, bool outgoing, GError **errp)
{
    const char *argv[] = { "/bin/sh", "-c", command, NULL };
    int fd = sched_stream_spawn("migration", argv, outgoing);

    if (fd < 0) {
        error_setg_errno(errp, fd, "Unable to run '%s'", command);
        return NULL;
    }
    return qemu_fopen_stream(fd, outgoing, true, errp);
}

static QEMUFile *open_fd(MigrationAddress *a, bool outgoing, GError **errp)
{
    int fd = sched_stream_adopt("migration", a->fd);

    if (fd < 0) {
        error_setg_errno(errp, fd, "Unable to use file descriptor '%s'", a->addr);
        return NULL;
    }
    a->fd = -1;     /* the stream closes it */
    return qemu_fopen_stream(fd, outgoing, false, errp);
}

static QEMUFile *open_file(const MigrationAddress *a, bool outgoing, GError **errp)
{
    int fd = sched_file_open("migration", a->addr, outgoing ? SCHED_FILE_WRITE | SCHED_FILE_CREATE : 0);
    int ret;

    if (fd < 0) {
        error_setg_errno(errp, fd, "Unable to open %s", a->addr);
        return NULL;
    }
    ret = outgoing ? sched_file_truncate(fd, a->offset) : 0;
    if (ret < 0 && ret != -EINVAL) {    /* a device has its length */
        error_setg_errno(errp, ret, "failed to truncate migration file to offset %" G_GUINT64_FORMAT, a->offset);
        sched_close(fd);
        return NULL;
    }
    return qemu_fopen_file(fd, a->offset, outgoing);
}

QEMUFile *migration_open_outgoing(MigrationAddress *a, GError **errp)
{
    int fd;

    switch (a->transport) {
    case MIGRATION_TRANSPORT_EXEC:
        return open_exec(a->addr, true, errp);
    case MIGRATION_TRANSPORT_FD:
        return open_fd(a, true, errp);
    case MIGRATION_TRANSPORT_FILE:
        return open_file(a, true, errp);
    case MIGRATION_TRANSPORT_SOCKET:
        break;
    }
    fd = sched_stream_connect("migration", a->addr);
    if (fd < 0) {
        error_setg_errno(errp, fd, "Failed to connect to '%s'", strchr(a->addr, ':') + 1);
        return NULL;
    }
    return qemu_fopen_stream(fd, true, false, errp);
}

QEMUFile *migration_open_incoming(MigrationAddress *a, GError **errp)
{
    switch (a->transport) {
    case MIGRATION_TRANSPORT_EXEC:
        return open_exec(a->addr, false, errp);
    case MIGRATION_TRANSPORT_FD:
        return open_fd(a, false, errp);
    case MIGRATION_TRANSPORT_FILE:
        return open_file(a, false, errp);
    case MIGRATION_TRANSPORT_SOCKET:
        break;
    }
    g_assert_not_reached();
}
