/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Control-path errors: bool (or pointer, or int) plus GError **, never printed by library code.
 *
 * The domain is one, the code is the class a QMP client sees. Messages are whole: what failed, where, why,
 * and where it helps what to do; no trailing full stop or newline.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <errno.h>
#include <glib.h>
#include <string.h>

#define RONDO_ERROR (rondo_error_quark())
GQuark rondo_error_quark(void);

/** The classes of the QMP specification (interop/qmp-spec, "Error"). */
typedef enum RondoErrorClass {
    ERROR_CLASS_GENERIC_ERROR,
    ERROR_CLASS_COMMAND_NOT_FOUND,
    ERROR_CLASS_DEVICE_NOT_ACTIVE,
    ERROR_CLASS_DEVICE_NOT_FOUND,
    ERROR_CLASS_KVM_MISSING_CAP,
} RondoErrorClass;

#define error_setg(errp, ...) g_set_error((errp), RONDO_ERROR, ERROR_CLASS_GENERIC_ERROR, __VA_ARGS__)
#define error_set(errp, cls, ...) g_set_error((errp), RONDO_ERROR, (cls), __VA_ARGS__)

/** error_setg_errno: "<message>: <strerror(err)>". @err: positive or negative errno. */
void error_setg_errno(GError **errp, int err, const char *fmt, ...) G_GNUC_PRINTF(3, 4);

#define error_prepend(errp, ...) g_prefix_error((errp), __VA_ARGS__)
#define error_propagate(errp, err) g_propagate_error((errp), (err))
#define error_get_pretty(err) ((const char *)(err)->message)
#define error_free(err) g_clear_error(&(err))

/**
 * result_ignored: evaluate @expr and let its result go although it must not normally be ignored. Say why beside it.
 * (gcc does not accept a cast to void for that.)
 */
#define result_ignored(expr) \
    do { \
        __typeof__(expr) result_ignored_ = (expr); \
        (void)result_ignored_; \
    } while (0)

/** error_class_name: the QMP spelling of the class of @err, e.g. "DeviceNotFound". Static string. */
const char *error_class_name(const GError *err);

#endif
