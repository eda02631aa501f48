/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Minimising a failing list of deviations: shortest failing prefix, then delta debugging (Zeller & Hildebrandt, TSE
 * 2002).
 *
 * A deviation whose address no longer comes up in a shorter run is simply not followed, so every sub-list is a
 * schedule.
 * The result is 1-minimal: dropping any single element makes the run pass or fail differently.
 */
#include "replay/session.h"

typedef struct Minimiser {
    Explorer *e;
    const char *signature;
    unsigned replays, replays_max;
} Minimiser;

static GPtrArray *without(GPtrArray *list, unsigned from, unsigned n)
{
    GPtrArray *out = g_ptr_array_new();

    for (unsigned i = 0; i < list->len; i++) {
        if (i < from || i >= from + n) {
            g_ptr_array_add(out, list->pdata[i]);
        }
    }
    return out;
}

static bool fails(Minimiser *m, GPtrArray *list)
{
    m->replays++;
    return explorer_try(m->e, list, m->signature);
}

/* Binary search for the shortest failing prefix; what lies behind it never mattered. */
static GPtrArray *shortest_prefix(Minimiser *m, GPtrArray *list)
{
    unsigned pass = 0, fail = list->len;    /* prefix lengths; the empty one is assumed to pass */

    while (fail - pass > 1) {
        unsigned mid = pass + (fail - pass) / 2;
        g_autoptr(GPtrArray) prefix = without(list, mid, list->len - mid);

        *(fails(m, prefix) ? &fail : &pass) = mid;
    }
    return without(list, fail, list->len - fail);
}

GPtrArray *minimise(Explorer *e, GPtrArray *deviations, const char *signature, unsigned replays_max,
                    unsigned *ret_replays)
{
    Minimiser m = { .e = e, .signature = signature, .replays_max = replays_max };
    GPtrArray *best = shortest_prefix(&m, deviations);
    unsigned chunk = MAX(best->len / 2, 1);

    while (best->len && m.replays < m.replays_max) {
        bool shrunk = false;

        for (unsigned from = 0; from < best->len && m.replays < m.replays_max;) {
            GPtrArray *rest = without(best, from, chunk);

            if (fails(&m, rest)) {
                g_ptr_array_unref(best);
                best = rest;
                shrunk = true;
            } else {
                g_ptr_array_unref(rest);
                from += chunk;
            }
        }
        if (chunk == 1 && !shrunk) {
            break;
        }
        chunk = shrunk ? MIN(chunk, MAX(best->len / 2, 1)) : MAX(chunk / 2, 1);
    }
    *ret_replays = m.replays;
    return best;
}
