/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and addresses of operations: (thread name, kind, object name, how many times).
 *
 * I1  What leaves this file for a digest or a trace is text or made of text: ids are given in the order of first use,
 *     which unrelated objects shift.
 * I2  An address means at most one operation of a run, also if threads of one name come and go.
 */
#include "sched/sim_int.h"

#include <string.h>

struct SimCount {
    uint32_t key;               /* kind << 24 | object id, + 1 so that 0 is empty */
    uint32_t count;
};

uint64_t sim_text_hash(const char *text)
{
    uint64_t h = 0xCBF29CE484222325ull;

    for (; *text; text++) {
        h = (h ^ (uint8_t)*text) * 0x100000001B3ull;
    }
    return h;
}

/* Names come from users, and end up in lines of text. */
static char *clean_name(const char *name)
{
    char *clean = g_utf8_make_valid(name, -1);

    for (char *p = clean; *p; p++) {
        *p = (uint8_t)*p < ' ' || *p == 127 ? '_' : *p;
    }
    return clean;
}

uint32_t sim_intern(SchedObject *o)
{
    gpointer id;

    if (!o) {
        return 0;
    }
    if (o->id) {
        return o->id;
    }
    if (!sim.names) {
        sim.names = g_hash_table_new(g_str_hash, g_str_equal);
        sim.name_list = g_array_new(false, true, sizeof(SimName));
        g_array_set_size(sim.name_list, 1);         /* id 0 means none */
    }
    id = g_hash_table_lookup(sim.names, o->name);
    if (!id) {
        SimName n = { .text = clean_name(o->name) };

        n.hash = sim_text_hash(n.text);
        id = GUINT_TO_POINTER(sim.name_list->len);
        assert(sim.name_list->len < 1u << 24);      /* room in SimCount's key */
        g_array_append_val(sim.name_list, n);
        g_hash_table_insert(sim.names, g_strdup(o->name), id);
    }
    o->id = GPOINTER_TO_UINT(id);
    return o->id;
}

const SimName *sim_name_of(uint32_t id)
{
    return &g_array_index(sim.name_list, SimName, id);
}

static SimCount *count_slot(SimCount *table, unsigned size, uint32_t key)
{
    unsigned i = (key * 2654435761u) & (size - 1);

    while (table[i].key && table[i].key != key) {
        i = (i + 1) & (size - 1);
    }
    return &table[i];
}

static void counts_grow(SimCounts *c)
{
    unsigned size = c->size ? c->size * 2 : 64;
    SimCount *table = g_new0(SimCount, size);

    for (unsigned i = 0; i < c->size; i++) {
        if (c->table[i].key) {
            *count_slot(table, size, c->table[i].key) = c->table[i];
        }
    }
    g_free(c->table);
    c->table = table;
    c->size = size;
}

uint32_t sim_count_operation(SchedThread *t, SchedKind kind, uint32_t object_id)
{
    uint32_t key = ((uint32_t)kind << 24 | object_id) + 1;
    SimCounts *c = t->counts;
    SimCount *slot;

    if (c->used * 2 >= c->size) {
        counts_grow(c);
    }
    slot = count_slot(c->table, c->size, key);
    if (!slot->key) {
        slot->key = key;
        c->used++;
    }
    return ++slot->count;
}

void sim_counts_free(gpointer opaque)
{
    SimCounts *c = opaque;

    g_free(c->name);
    g_free(c->table);
    g_free(c);
}

SimCounts *sim_counts_for(const char *name)
{
    g_autofree char *base = clean_name(name), *wanted = g_strdup(base);
    SimCounts *c;

    for (unsigned i = 0, copies = 1; i < sim.counts->len; i++) {
        c = sim.counts->pdata[i];
        if (!strcmp(c->name, wanted)) {
            if (!c->in_use) {
                c->in_use = true;
                return c;
            }
            g_free(wanted);
            wanted = g_strdup_printf("%s#%u", base, ++copies);
            i = -1;     /* from the start, with the new name */
        }
    }
    c = g_new0(SimCounts, 1);
    c->name = g_steal_pointer(&wanted);
    c->in_use = true;
    g_ptr_array_add(sim.counts, c);
    return c;
}
