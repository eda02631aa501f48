/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From registers and video memory to the console's surface. See vga.h.
 */
#include <string.h>

#include "base/bytes.h"
#include "devices/vga/vga.h"

#define CURSOR_NONE UINT32_MAX

/* What is on the screen, from all the registers that say so. */
typedef struct VGAShape {
    unsigned width, height;     /* of the surface */
    unsigned depth;             /* 0: text; 4: planar; 8..32 bits a pixel */
    uint32_t start;             /* byte in video memory */
    uint32_t pitch;             /* bytes from line to line */
    unsigned repeat_x;          /* surface pixels for one of memory */
    unsigned repeat_y;
    uint32_t line_compare;      /* surface line where memory begins again at 0 */
    /* text */
    unsigned cols, rows;
    unsigned char_width, char_height;
} VGAShape;

/* ---- Colours ---- */

static uint32_t vga_rgb(const VGAState *s, unsigned index)
{
    const uint8_t *p = &s->palette[3 * (index & s->dac_mask)];
    bool wide = s->vbe_regs[VBE_ENABLE] & VBE_DISPI_8BIT_DAC && vbe_enabled(s);
    uint32_t rgb = 0;

    for (unsigned i = 0; i < 3; i++) {
        uint8_t c = wide ? p[i] : (p[i] & 0x3f) << 2 | (p[i] >> 4 & 3);

        rgb = rgb << 8 | c;
    }
    return rgb;
}

/* Sixteen colours go through the attribute controller to the palette. */
static void vga_palette16(const VGAState *s, uint32_t *ret)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned v = s->ar[i];

        if (s->ar[0x10] & 0x80) {
            v = (s->ar[0x14] & 0x0f) << 4 | (v & 0x0f);
        } else {
            v = (s->ar[0x14] & 0x0c) << 4 | (v & 0x3f);
        }
        ret[i] = vga_rgb(s, v);
    }
}

static void vga_palette256(const VGAState *s, uint32_t *ret)
{
    for (unsigned i = 0; i < 256; i++) {
        ret[i] = vga_rgb(s, i);
    }
}

/* ---- Shape ---- */

static unsigned vga_lines(const VGAState *s)
{
    return (s->cr[0x12] | (s->cr[7] & 0x02) << 7 | (s->cr[7] & 0x40) << 3) + 1;
}

static void vga_text_shape(const VGAState *s, VGAShape *sh)
{
    sh->char_height = (s->cr[9] & 0x1f) + 1;
    sh->char_width = s->sr[1] & 1 ? 8 : 9;
    sh->cols = MIN(s->cr[1] + 1u, 256u);
    sh->rows = MIN(vga_lines(s) / sh->char_height, 128u);
    sh->width = sh->cols * sh->char_width;
    sh->height = sh->rows * sh->char_height;
}

static void vga_graphics_shape(const VGAState *s, VGAShape *sh)
{
    bool chained = s->gr[5] & 0x40;

    sh->width = (s->cr[1] + 1u) * 8;
    sh->height = vga_lines(s);
    sh->depth = chained ? 8 : 4;
    sh->repeat_x = chained || s->sr[1] & 8 ? 2 : 1;
    sh->repeat_y = ((s->cr[9] & 0x1f) + 1) << (s->cr[9] >> 7);
    if (!chained && s->sr[1] & 8) {
        sh->width *= 2;         /* half the dot clock: 320 pixels */
    }
}

static void vbe_shape(const VGAState *s, VGAShape *sh)
{
    const uint16_t *r = s->vbe_regs;
    unsigned depth = r[VBE_BPP];
    unsigned bytes = (depth + 7) / 8;

    sh->width = r[VBE_XRES];
    sh->height = r[VBE_YRES];
    sh->depth = depth;
    sh->pitch = depth == 4 ? r[VBE_VIRT_WIDTH] / 2 : r[VBE_VIRT_WIDTH] * bytes;
    sh->start = r[VBE_Y_OFFSET] * sh->pitch + (depth == 4 ? r[VBE_X_OFFSET] / 2 : r[VBE_X_OFFSET] * bytes);
    sh->line_compare = UINT32_MAX;
}

static VGAShape vga_shape(const VGAState *s)
{
    VGAShape sh = { .repeat_x = 1, .repeat_y = 1 };

    sh.start = (s->cr[0x0c] << 8 | s->cr[0x0d]) * 4u;
    sh.pitch = s->cr[0x13] * 8u;
    sh.line_compare = s->cr[0x18] | (s->cr[7] & 0x10) << 4 | (s->cr[9] & 0x40) << 3;
    if (vbe_enabled(s)) {
        vbe_shape(s, &sh);
    } else if (s->gr[6] & 1) {
        vga_graphics_shape(s, &sh);
    } else {
        vga_text_shape(s, &sh);
    }
    sh.width = CLAMP(sh.width, 1, UI_MAX_WIDTH);
    sh.height = CLAMP(sh.height, 1, UI_MAX_HEIGHT);
    return sh;
}

static uint32_t vga_hash(const VGAState *s, const VGAShape *sh)
{
    const uint8_t regs[] = { s->ar[0x10], s->ar[0x12], s->ar[0x14], s->sr[3], s->cr[0x17], s->vbe_regs[VBE_ENABLE] };
    const uint32_t parts[] = { sh->width, sh->height, sh->depth, sh->start, sh->pitch, sh->repeat_x, sh->repeat_y,
                               sh->line_compare, sh->char_width, sh->char_height };
    uint32_t h = 2166136261u;

    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        h = (h ^ parts[i]) * 16777619u;
    }
    for (unsigned i = 0; i < sizeof(regs); i++) {
        h = (h ^ regs[i]) * 16777619u;
    }
    for (unsigned i = 0; i < 16; i++) {
        h = (h ^ s->ar[i]) * 16777619u;
    }
    return h;
}

/* ---- Text ---- */

static const uint8_t *vga_font(VGAState *s, bool second, uint32_t *ret_offset)
{
    unsigned v = second ? (s->sr[3] >> 2 & 3) | (s->sr[3] >> 3 & 4) : (s->sr[3] & 3) | (s->sr[3] >> 2 & 4);
    /* The eight tables of 8 KiB of plane 2: 0, 16, 32, 48, then 8, 24, 40, 56 KiB. */
    uint32_t table = ((v & 3) * 2 + (v >> 2 & 1)) * 8192;

    *ret_offset = (table * 4 + 2) & s->vram_mask;
    return vga_vram(s);
}

static void vga_draw_cell(VGAState *s, const VGAShape *sh, unsigned x, unsigned y, uint32_t cell, const uint32_t *pal)
{
    DisplaySurface *surface = qemu_console_surface(s->con);
    uint8_t attr = cell >> 8;
    bool cursor = cell >> 16 & 1;
    uint32_t fg = pal[attr & 0x0f];
    uint32_t bg = pal[attr >> 4 & (s->ar[0x10] & 8 ? 7 : 15)];
    uint32_t offset;
    const uint8_t *font = vga_font(s, attr & 8, &offset);
    unsigned code = cell & 0xff;
    uint8_t last = s->cr[0x0b] & 0x1f;

    for (unsigned row = 0; row < sh->char_height; row++) {
        uint32_t *out = surface->data + (size_t)(y * sh->char_height + row) * surface->width + x * sh->char_width;
        uint32_t bits = font[(offset + (code * 32 + row) * 4) & s->vram_mask] << 1;

        /* The ninth column repeats the eighth for line drawing characters. */
        if (bits & 2 && code >= 0xc0 && code <= 0xdf && s->ar[0x10] & 4) {
            bits |= 1;
        }
        if (cursor && row >= (s->cr[0x0a] & 0x1f) && row <= last) {
            bits = 0x1ff;
        }
        for (unsigned col = 0; col < sh->char_width; col++) {
            out[col] = bits & 0x100u >> col ? fg : bg;
        }
    }
}

static void vga_draw_text(VGAState *s, const VGAShape *sh, bool full)
{
    uint8_t *vram = vga_vram(s);
    uint32_t cursor = s->cr[0x0a] & 0x20 ? CURSOR_NONE : (s->cr[0x0e] << 8 | s->cr[0x0f]) * 4u;
    uint32_t pal[16];

    vga_palette16(s, pal);
    for (unsigned y = 0; y < sh->rows; y++) {
        unsigned first = sh->cols;
        unsigned end = 0;

        for (unsigned x = 0; x < sh->cols; x++) {
            uint32_t at = sh->start + y * sh->pitch + 4 * x;
            uint32_t cell = ld16_le(vram + (at & s->vram_mask & ~3u)) | (at == cursor ? 1u << 16 : 0);
            uint32_t *shown = &s->cells[y * sh->cols + x];

            if (full || *shown != cell) {
                *shown = cell;
                vga_draw_cell(s, sh, x, y, cell, pal);
                first = MIN(first, x);
                end = x + 1;
            }
        }
        if (end) {
            dpy_gfx_update(s->con, first * sh->char_width, y * sh->char_height, (end - first) * sh->char_width,
                           sh->char_height);
        }
    }
}

/* ---- Graphics ---- */

static uint32_t vga_rgb555(uint16_t v)
{
    return (v & 0x7c00u) << 9 | (v & 0x7000u) << 4 | (v & 0x03e0u) << 6 | (v & 0x0380u) << 1 | (v & 0x1fu) << 3 |
           (v & 0x1cu) >> 2;
}

static uint32_t vga_rgb565(uint16_t v)
{
    return (v & 0xf800u) << 8 | (v & 0xe000u) << 3 | (v & 0x07e0u) << 5 | (v & 0x0600u) >> 1 | (v & 0x1fu) << 3 |
           (v & 0x1cu) >> 2;
}

/* The pixel @x of the line at @at of video memory. */
static uint32_t vga_pixel(VGAState *s, const VGAShape *sh, const uint8_t *vram, uint32_t at, unsigned x,
                          const uint32_t *pal)
{
    uint32_t mask = s->vram_mask;

    switch (sh->depth) {
    case 4: {
        const uint8_t *p = vram + ((at + x / 8 * 4) & mask & ~3u);
        unsigned bit = 7 - (x & 7);
        unsigned v = (p[0] >> bit & 1) | (p[1] >> bit & 1) << 1 | (p[2] >> bit & 1) << 2 | (p[3] >> bit & 1) << 3;

        return pal[v & s->ar[0x12]];
    }
    case 8:
        return pal[vram[(at + x) & mask]];
    case 15:
        return vga_rgb555(ld16_le(vram + ((at + 2 * x) & mask & ~1u)));
    case 16:
        return vga_rgb565(ld16_le(vram + ((at + 2 * x) & mask & ~1u)));
    case 24:
        at += 3 * x;
        return vram[at & mask] | vram[(at + 1) & mask] << 8 | vram[(at + 2) & mask] << 16;
    default:
        return ld32_le(vram + ((at + 4 * x) & mask & ~3u)) & 0xffffff;
    }
}

static void vga_draw_line(VGAState *s, const VGAShape *sh, uint32_t at, unsigned y, const uint32_t *pal)
{
    DisplaySurface *surface = qemu_console_surface(s->con);
    uint32_t *out = surface->data + (size_t)y * surface->width;
    const uint8_t *vram = vga_vram(s);

    if (sh->depth == 32 && at <= s->vram_size && (s->vram_size - at) / 4 >= sh->width) {
        for (unsigned x = 0; x < sh->width; x++) {
            out[x] = ld32_le(vram + at + 4 * x) & 0xffffff;
        }
        return;
    }
    for (unsigned x = 0; x < sh->width; x++) {
        out[x] = vga_pixel(s, sh, vram, at, x / sh->repeat_x, pal);
    }
}

/* Takes the dirty bits of video memory into @ret, one byte for each page. */
static bool vga_take_dirty(VGAState *s, uint8_t *ret)
{
    RAMBlock *rb = s->vram.ram_block;
    bool any = false;

    for (uint32_t page = 0; page < s->vram_size >> TARGET_PAGE_BITS; page++) {
        ret[page] = ram_block_test_clear_dirty(rb, page, DIRTY_MEMORY_VGA_BIT);
        any |= ret[page];
    }
    return any;
}

static bool vga_line_dirty(const VGAState *s, const uint8_t *dirty, uint32_t at, uint32_t len)
{
    for (uint32_t a = at & TARGET_PAGE_MASK; a < at + len; a += TARGET_PAGE_SIZE) {
        if (dirty[(a & s->vram_mask) >> TARGET_PAGE_BITS]) {
            return true;
        }
    }
    return false;
}

static void vga_draw_graphics(VGAState *s, const VGAShape *sh, bool full)
{
    g_autofree uint8_t *dirty = g_malloc(s->vram_size >> TARGET_PAGE_BITS);
    uint32_t bytes = sh->depth == 4 ? sh->width / sh->repeat_x / 2 : sh->width / sh->repeat_x * ((sh->depth + 7) / 8);
    uint32_t pal[256] = { 0 };
    unsigned begin = 0;
    unsigned y = 0;

    /* Before looking at memory: what is written from now on is found next time. */
    if (!vga_take_dirty(s, dirty) && !full) {
        return;
    }
    if (sh->depth == 8) {
        vga_palette256(s, pal);
    } else if (sh->depth == 4) {
        vga_palette16(s, pal);
    }
    for (y = 0; y < sh->height; y++) {
        bool below = y > sh->line_compare;
        uint32_t line = (below ? y - sh->line_compare - 1 : y) / sh->repeat_y;
        uint32_t at = ((below ? 0 : sh->start) + line * sh->pitch) & s->vram_mask;

        if (full || vga_line_dirty(s, dirty, at, bytes)) {
            vga_draw_line(s, sh, at, y, pal);
        } else {
            if (begin < y) {
                dpy_gfx_update(s->con, 0, begin, sh->width, y - begin);
            }
            begin = y + 1;
        }
    }
    if (begin < y) {
        dpy_gfx_update(s->con, 0, begin, sh->width, y - begin);
    }
}

/* ---- Entry points ---- */

static void vga_draw_blank(VGAState *s)
{
    DisplaySurface *surface = qemu_console_surface(s->con);

    memset(surface->data, 0, (size_t)surface->width * surface->height * 4);
    dpy_gfx_update(s->con, 0, 0, surface->width, surface->height);
}

static void vga_update_display(void *opaque)
{
    VGAState *s = opaque;
    bool blank = !vbe_enabled(s) && (!(s->ar_index & 0x20) || s->sr[1] & 0x20 || !(s->cr[0x17] & 0x80));
    VGAShape sh = vga_shape(s);
    const DisplaySurface *surface = qemu_console_surface(s->con);
    uint32_t hash = blank ? 0 : vga_hash(s, &sh) | 1;
    /* The guest can make two shapes hash alike; what is drawn to must fit in any case. */
    bool full = s->full_update || hash != s->shape || (!blank && (surface->width != sh.width ||
                                                                  surface->height != sh.height));

    s->full_update = false;
    s->shape = hash;
    if (blank) {
        if (full) {
            vga_draw_blank(s);
        }
        return;
    }
    if (full) {
        qemu_console_resize(s->con, sh.width, sh.height);
    }
    if (sh.depth == 0) {
        vga_draw_text(s, &sh, full);
    } else {
        vga_draw_graphics(s, &sh, full);
    }
}

static void vga_invalidate_display(void *opaque)
{
    ((VGAState *)opaque)->full_update = true;
}

const GraphicHwOps vga_hw_ops = {
    .gfx_update = vga_update_display,
    .invalidate = vga_invalidate_display,
};
