/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sources of random bytes. See rng_backend.h.
 */
#include "devices/virtio-rng/rng_backend.h"

#include <string.h>

#include "base/assert.h"
#include "sched/machine.h"

static GPtrArray *rng_backends(void)
{
    return machine_state(MACHINE_RNG);
}

RngBackend *rng_backend_find(const char *id)
{
    GPtrArray *all = rng_backends();

    for (unsigned i = 0; all && i < all->len; i++) {
        RngBackend *b = all->pdata[i];

        if (strcmp(b->id, id) == 0) {
            return b;
        }
    }
    return NULL;
}

bool rng_backend_create(const char *id, const char *filename, GError **errp)
{
    RngBackend *b;

    if (rng_backend_find(id)) {
        error_setg(errp, "Duplicate ID '%s' for object", id);
        return false;
    }
    if (filename && strcmp(filename, "/dev/random") != 0 && strcmp(filename, "/dev/urandom") != 0) {
        error_setg(errp, "Could not open '%s': only /dev/random and /dev/urandom are supported", filename);
        return false;
    }
    if (!rng_backends()) {
        machine_set_state(MACHINE_RNG, g_ptr_array_new());
    }
    b = g_new0(RngBackend, 1);
    b->id = g_strdup(id);
    g_ptr_array_add(rng_backends(), b);
    return true;
}

static void rng_backend_free(RngBackend *b)
{
    assert(!b->users);
    (void)g_ptr_array_remove(rng_backends(), b);        /* every backend is in the list */
    g_free(b->id);
    g_free(b);
}

bool rng_backend_destroy(RngBackend *b, GError **errp)
{
    if (b->users) {
        error_setg(errp, "object '%s' is in use, can not be deleted", b->id);
        return false;
    }
    rng_backend_free(b);
    return true;
}

void rng_backends_cleanup(void)
{
    GPtrArray *all = rng_backends();

    while (all && all->len) {
        rng_backend_free(all->pdata[all->len - 1]);
    }
    if (all) {
        g_ptr_array_free(all, TRUE);
        machine_set_state(MACHINE_RNG, NULL);
    }
}
