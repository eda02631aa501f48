/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Error domain and the QMP names of its classes. */
#include "base/error.h"

#include <stdarg.h>
#include <stdlib.h>

G_DEFINE_QUARK(rondo-error, rondo_error)

void error_setg_errno(GError **errp, int err, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    error_setg(errp, "%s: %s", text, g_strerror(abs(err)));
}

const char *error_class_name(const GError *err)
{
    static const char *const names[] = {
        [ERROR_CLASS_GENERIC_ERROR] = "GenericError",
        [ERROR_CLASS_COMMAND_NOT_FOUND] = "CommandNotFound",
        [ERROR_CLASS_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
        [ERROR_CLASS_DEVICE_NOT_FOUND] = "DeviceNotFound",
        [ERROR_CLASS_KVM_MISSING_CAP] = "KVMMissingCap",
    };

    if (err->domain != RONDO_ERROR || err->code < 0 || err->code >= (int)G_N_ELEMENTS(names)) {
        return names[ERROR_CLASS_GENERIC_ERROR];
    }
    return names[err->code];
}
