/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Minimising a failing list of deviations: shortest failing prefix, then delta debugging (Zeller & Hildebrandt, TSE
 * 2002).
 *
 * A deviation whose address no longer comes up in a shorter run is simply not followed, so every sub-list is a
 * schedule.
 * The result is 1-minimal: dropping any single element makes the run pass or fail differently. A short one is 2-minimal
 * as well: a switch and the switch back only go together.
 */
#include "replay/session.h"

#define PAIRS_MAX 24        /* elements up to which all pairs are tried */

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

/* @list without elements @i and @j, @i < @j. */
static GPtrArray *without_two(GPtrArray *list, unsigned i, unsigned j)
{
    GPtrArray *out = without(list, j, 1);

    g_ptr_array_remove_index(out, i);
    return out;
}

/* One pair that is not needed, dropped. Takes and returns a list; *@ret_shrunk says whether it did. */
static GPtrArray *drop_a_pair(Minimiser *m, GPtrArray *list, bool *ret_shrunk)
{
    *ret_shrunk = false;
    for (unsigned distance = 1; distance < list->len; distance++) {
        for (unsigned i = 0; i + distance < list->len && m->replays < m->replays_max; i++) {
            GPtrArray *rest = without_two(list, i, i + distance);

            if (fails(m, rest)) {
                g_ptr_array_unref(list);
                *ret_shrunk = true;
                return rest;
            }
            g_ptr_array_unref(rest);
        }
    }
    return list;
}

/* Delta debugging: ever smaller chunks, until not even one element can go. */
static GPtrArray *drop_chunks(Minimiser *m, GPtrArray *best)
{
    unsigned chunk = MAX(best->len / 2, 1);

    while (best->len && m->replays < m->replays_max) {
        bool shrunk = false;

        for (unsigned from = 0; from < best->len && m->replays < m->replays_max;) {
            GPtrArray *rest = without(best, from, chunk);

            if (fails(m, rest)) {
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
    return best;
}

GPtrArray *minimise(Explorer *e, GPtrArray *deviations, const char *signature, unsigned replays_max,
                    unsigned *ret_replays)
{
    Minimiser m = { .e = e, .signature = signature, .replays_max = replays_max };
    GPtrArray *best = shortest_prefix(&m, deviations);
    bool again;

    do {
        best = drop_chunks(&m, best);
        again = false;
        if (best->len > 1 && best->len <= PAIRS_MAX) {
            best = drop_a_pair(&m, best, &again);
        }
    } while (again);
    *ret_replays = m.replays;
    return best;
}
