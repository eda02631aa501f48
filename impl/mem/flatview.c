/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rendering a region tree into sorted, disjoint ranges, and looking addresses up in them.
 *
 * Regions are visited from high to low priority, so a range only fills what is still empty. Arithmetic is
 * 128 bits wide: aliases can start below zero and guests choose the addresses of their BARs.
 *
 * Context: rendering under the BQL; lookup from any thread with a reference (I1 of mem/memory.h).
 */
#include "mem/memory_int.h"

#include "base/assert.h"

__extension__ typedef __int128 Wide;

typedef struct Render {
    GArray *ranges;      /* of FlatRange, sorted */
} Render;

static Wide region_wide_size(const MemoryRegion *mr)
{
    return mr->size == UINT64_MAX ? (Wide)1 << 64 : (Wide)mr->size;
}

/* Insert [lo, hi) of @mr, whose offset 0 lies at @base, wherever no range is yet. */
static void render_leaf(Render *r, MemoryRegion *mr, Wide base, Wide lo, Wide hi, bool readonly)
{
    unsigned i = 0;

    while (lo < hi) {
        Wide gap_end = hi;
        Wide next = hi;

        if (i < r->ranges->len) {
            const FlatRange *fr = &g_array_index(r->ranges, FlatRange, i);
            Wide fr_end = (Wide)fr->addr + fr->size;

            if (fr_end <= lo) {
                i++;
                continue;
            }
            gap_end = MIN(hi, (Wide)fr->addr);
            next = MIN(hi, fr_end);
        }
        if (lo < gap_end) {
            FlatRange nr = {
                .addr = (hwaddr)lo, .size = (uint64_t)MIN(gap_end - lo, (Wide)UINT64_MAX),
                .offset_in_region = (hwaddr)(lo - base), .mr = mr,
                .readonly = readonly, .romd_mode = mr->romd_mode,
            };
            g_array_insert_val(r->ranges, i, nr);
            i++;
        }
        lo = MAX(next, gap_end);
    }
}

/*
 * The depth of the tree is the machine's making, not the guest's: a guest moves regions, it never nests them.
 */
static void render_region(Render *r, MemoryRegion *mr, Wide base, Wide lo, Wide hi, bool readonly)
{
    if (!mr->enabled) {
        return;
    }
    lo = MAX(lo, base);
    hi = MIN(hi, base + region_wide_size(mr));
    if (lo >= hi) {
        return;
    }
    readonly |= mr->readonly;
    if (mr->alias) {
        /* The target's own place in its container does not matter, only the part we look at. */
        render_region(r, mr->alias, base - mr->alias_offset, lo, hi, readonly);
        return;
    }
    for (unsigned i = 0; i < mr->subregions->len; i++) {
        MemoryRegion *sub = g_ptr_array_index(mr->subregions, i);

        render_region(r, sub, base + sub->addr, lo, hi, readonly);
    }
    if (mr->terminates) {
        render_leaf(r, mr, base, lo, hi, readonly);
    }
}

/* Neighbours that continue each other (RAM cut by a hole that has gone) become one range again. */
static void merge_ranges(GArray *ranges)
{
    unsigned out = 0;

    for (unsigned i = 1; i < ranges->len; i++) {
        FlatRange *a = &g_array_index(ranges, FlatRange, out);
        const FlatRange *b = &g_array_index(ranges, FlatRange, i);

        if (a->addr + a->size == b->addr && a->mr == b->mr && a->readonly == b->readonly &&
            a->offset_in_region + a->size == b->offset_in_region) {
            a->size += b->size;
        } else {
            g_array_index(ranges, FlatRange, ++out) = *b;
        }
    }
    if (ranges->len) {
        g_array_set_size(ranges, out + 1);
    }
}

FlatView *flatview_render(MemoryRegion *root)
{
    Render r = { .ranges = g_array_new(false, false, sizeof(FlatRange)) };
    FlatView *view;

    render_region(&r, root, 0, 0, (Wide)1 << 64, false);
    merge_ranges(r.ranges);
    view = g_malloc(sizeof(*view) + sizeof(FlatRange) * r.ranges->len);
    view->refs = 1;
    view->nr = r.ranges->len;
    if (view->nr) {
        memcpy(view->ranges, r.ranges->data, sizeof(FlatRange) * view->nr);
    }
    g_array_unref(r.ranges);
    return view;
}

void flatview_unref(FlatView *view)
{
    if (view && __atomic_sub_fetch(&view->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        g_free(view);
    }
}

/* Index of the first range that ends after @addr; view->nr if there is none. */
static unsigned flatview_first_after(const FlatView *view, hwaddr addr)
{
    unsigned lo = 0, hi = view->nr;

    while (lo < hi) {
        unsigned mid = lo + (hi - lo) / 2;
        const FlatRange *fr = &view->ranges[mid];

        if (fr->addr + (fr->size - 1) < addr) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

const FlatRange *flatview_lookup(const FlatView *view, hwaddr addr)
{
    unsigned i = flatview_first_after(view, addr);

    return i < view->nr && view->ranges[i].addr <= addr ? &view->ranges[i] : NULL;
}

const FlatRange *flatview_range(const FlatView *view, unsigned index)
{
    return index < view->nr ? &view->ranges[index] : NULL;
}

uint64_t flatview_gap(const FlatView *view, hwaddr addr, uint64_t max)
{
    unsigned i = flatview_first_after(view, addr);

    if (i < view->nr) {
        return MIN(max, view->ranges[i].addr - addr);
    }
    return addr ? MIN(max, -addr) : max;   /* to the end of the space, not around it */
}

void *flatrange_ram_ptr(const FlatRange *fr, hwaddr addr, bool is_write)
{
    if (!flatrange_is_direct(fr, is_write)) {
        return NULL;
    }
    return fr->mr->ram_block->host + fr->offset_in_region + (addr - fr->addr);
}

MemoryRegionSection address_space_find(AddressSpace *as, hwaddr addr, uint64_t size)
{
    FlatView *view = address_space_get_flatview(as);
    const FlatRange *fr = flatview_lookup(view, addr);
    MemoryRegionSection s = { .offset_within_address_space = addr };

    if (fr) {
        s.mr = fr->mr;
        s.offset_within_region = fr->offset_in_region + (addr - fr->addr);
        s.size = MIN(size, fr->size - (addr - fr->addr));
        s.readonly = fr->readonly;
    }
    flatview_unref(view);
    return s;
}
