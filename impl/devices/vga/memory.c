/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The legacy window at 0xa0000: planes, latches, write modes. See vga.h for how planes lie in memory.
 */
#include <string.h>

#include "base/bytes.h"
#include "devices/vga/vga.h"

/* A byte for each of four planes, from a bit for each. */
static uint32_t plane_mask(unsigned bits)
{
    return (bits & 1 ? 0xffu : 0) | (bits & 2 ? 0xff00u : 0) | (bits & 4 ? 0xff0000u : 0) |
           (bits & 8 ? 0xff000000u : 0);
}

/* Where in the window's 128 KiB @addr lies by the map that is chosen; false: outside it. */
static bool vga_map_address(const VGAState *s, uint32_t *addr)
{
    switch (s->gr[6] >> 2 & 3) {
    case 0:
        return true;
    case 1:
        *addr += vbe_enabled(s) ? s->vbe_regs[VBE_BANK] << 16 : 0;
        return (*addr & 0x1ffff) < 0x10000 || vbe_enabled(s);
    case 2:
        *addr -= 0x10000;
        return *addr < 0x8000;
    default:
        *addr -= 0x18000;
        return *addr < 0x8000;
    }
}

static void vga_store(VGAState *s, uint32_t offset, uint8_t val)
{
    offset &= s->vram_mask;     /* (I1) */
    vga_vram(s)[offset] = val;
    memory_region_set_dirty(&s->vram, offset, 1);
}

uint8_t vga_mem_readb(VGAState *s, uint32_t addr)
{
    uint8_t *vram = vga_vram(s);
    unsigned plane;

    if (!vga_map_address(s, &addr)) {
        return 0xff;
    }
    if (s->sr[4] & 0x08 || vbe_enabled(s)) {
        return vram[addr & s->vram_mask];       /* chained: memory as it lies */
    }
    if (s->gr[5] & 0x10) {
        plane = (s->gr[4] & 2) | (addr & 1);    /* odd and even */
        return vram[((addr & ~1u) << 1 | plane) & s->vram_mask];
    }
    s->latch = ld32_le(vram + (addr << 2 & s->vram_mask & ~3u));
    if (!(s->gr[5] & 0x08)) {
        return s->latch >> 8 * s->gr[4];
    } else {
        uint32_t diff = (s->latch ^ plane_mask(s->gr[2])) & plane_mask(s->gr[7]);

        diff |= diff >> 16;
        diff |= diff >> 8;
        return ~diff;           /* a bit is one where all planes compare equal */
    }
}

/* The value as the write mode makes it from what the guest wrote and the latch; @ret_bits: which bits to take. */
static uint32_t vga_write_value(const VGAState *s, uint8_t val, uint32_t *ret_bits)
{
    uint32_t set_mask = plane_mask(s->gr[1]);
    uint8_t bits = s->gr[8];
    uint8_t rotated = val >> (s->gr[3] & 7) | val << (8 - (s->gr[3] & 7));
    uint32_t v = rotated * 0x01010101u;

    switch (s->gr[5] & 3) {
    case 0:
        v = (v & ~set_mask) | (plane_mask(s->gr[0]) & set_mask);
        break;
    case 1:
        *ret_bits = UINT32_MAX;
        return s->latch;
    case 2:
        v = plane_mask(val & 0x0f);
        break;
    default:
        bits &= rotated;
        v = plane_mask(s->gr[0]);
        break;
    }
    switch (s->gr[3] >> 3 & 3) {
    case 1:
        v &= s->latch;
        break;
    case 2:
        v |= s->latch;
        break;
    case 3:
        v ^= s->latch;
        break;
    default:
        break;
    }
    *ret_bits = bits * 0x01010101u;
    return (v & *ret_bits) | (s->latch & ~*ret_bits);
}

static void vga_write_planar(VGAState *s, uint32_t addr, uint8_t val)
{
    uint32_t offset = addr << 2 & s->vram_mask & ~3u;
    uint32_t planes = plane_mask(s->sr[2]);
    uint32_t bits;
    uint32_t v = vga_write_value(s, val, &bits);
    uint8_t *p = vga_vram(s) + offset;

    st32_le(p, (ld32_le(p) & ~planes) | (v & planes));
    memory_region_set_dirty(&s->vram, offset, 4);
    if (s->sr[2] & 4 && !(s->gr[6] & 1)) {
        s->full_update = true;  /* a font in use perhaps */
    }
}

void vga_mem_writeb(VGAState *s, uint32_t addr, uint8_t val)
{
    if (!vga_map_address(s, &addr)) {
        return;
    }
    if (vbe_enabled(s)) {
        vga_store(s, addr, val);
    } else if (s->sr[4] & 0x08) {
        if (s->sr[2] & 1u << (addr & 3)) {
            vga_store(s, addr, val);
        }
    } else if (s->gr[5] & 0x10) {
        unsigned plane = (s->gr[4] & 2) | (addr & 1);

        if (s->sr[2] & 1u << plane) {
            vga_store(s, (addr & ~1u) << 1 | plane, val);
            if (plane == 2) {
                s->full_update = true;
            }
        }
    } else {
        vga_write_planar(s, addr, val);
    }
}
