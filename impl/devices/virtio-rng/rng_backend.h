/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources of random bytes for guests: what -object rng-builtin and rng-random make.
 *
 * All bytes come from the engine: the host's generator, or the seeded chance of a simulated run. So rng-random is
 * another name for the same, and knows no device but the host's generator.
 *
 * Owns: the backends of the current machine (MACHINE_RNG). Context: main thread, BQL held.
 *
 * I1  A backend with users is not destroyed.
 */
#ifndef DEVICES_VIRTIO_RNG_RNG_BACKEND_H
#define DEVICES_VIRTIO_RNG_RNG_BACKEND_H

#include <glib.h>
#include <stdbool.h>

#include "base/error.h"

typedef struct RngBackend {
    char *id;
    unsigned users;
} RngBackend;

/** rng_backend_create: @filename: of rng-random, NULL: the default, or rng-builtin. Fails if @id is taken. */
G_GNUC_WARN_UNUSED_RESULT
bool rng_backend_create(const char *id, const char *filename, GError **errp);
/** rng_backend_find: NULL if there is none. */
RngBackend *rng_backend_find(const char *id);
/** rng_backend_destroy: fails while a device uses it. */
G_GNUC_WARN_UNUSED_RESULT
bool rng_backend_destroy(RngBackend *b, GError **errp);
/** rng_backends_cleanup: all of them, at the end of the machine. */
void rng_backends_cleanup(void);

#endif
