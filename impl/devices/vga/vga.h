/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VGA with the Bochs display interface: registers, planar memory, text, linear frame buffer.
 *
 * Video memory holds plane p of planar address a at byte 4 * a + p, so that chained and linear modes are plain.
 * Context: BQL held; the linear frame buffer is RAM that processors write without us.
 *
 * I1  Every access to video memory is masked to its size, whatever the registers say.
 * I2  What is drawn lies inside the surface, whose size is clamped; lines beyond video memory start over.
 * I3  Redrawing looks at registers and dirty pages only, so a machine that nobody looks at does no work for it.
 * Source: IBM VGA technical reference (CRTC, sequencer, graphics and attribute controllers); Bochs VBE interface.
 */
#ifndef DEVICES_VGA_VGA_H
#define DEVICES_VGA_VGA_H

#include "mem/memory.h"
#include "ui/console.h"

#define VBE_DISPI_ENABLED 0x01
#define VBE_DISPI_GETCAPS 0x02
#define VBE_DISPI_8BIT_DAC 0x20
#define VBE_DISPI_LFB_ENABLED 0x40
#define VBE_DISPI_NOCLEARMEM 0x80
#define VBE_DISPI_MAX_XRES 4096
#define VBE_DISPI_MAX_YRES 2560

enum {
    VBE_ID, VBE_XRES, VBE_YRES, VBE_BPP, VBE_ENABLE, VBE_BANK, VBE_VIRT_WIDTH, VBE_VIRT_HEIGHT, VBE_X_OFFSET,
    VBE_Y_OFFSET, VBE_VIDEO_MEMORY_64K, VBE_REGS,
};

#define VGA_TEXT_MAX (256 * 128)        /* cells */

typedef struct VGAState {
    /* fixed */
    MemoryRegion vram;
    MemoryRegion chain4;                /* 0xa0000 to 0xbffff */
    uint32_t vram_size;
    uint32_t vram_mask;
    QemuConsole *con;
    /* BQL; saved */
    uint8_t sr_index, gr_index, ar_index, cr_index;
    bool ar_flip_flop;                  /* the next write to 0x3c0 is data */
    uint8_t sr[8], gr[16], ar[21], cr[256];
    uint8_t msr, fcr, st01;
    uint8_t dac_state, dac_sub_index, dac_read_index, dac_write_index;
    uint8_t dac_cache[3];
    uint8_t dac_mask;
    uint8_t palette[768];
    uint32_t latch;
    uint16_t vbe_index;
    uint16_t vbe_regs[VBE_REGS];
    /* not saved: what is on the surface */
    bool full_update;
    uint32_t shape;                     /* hash of the registers that the picture depends on */
    uint32_t *cells;                    /* text: what each cell shows; VGA_TEXT_MAX */
    uint32_t last_cursor;
} VGAState;

bool vga_common_init(VGAState *s, void *owner, uint32_t vram_mb, GError **errp);
void vga_common_cleanup(VGAState *s);
void vga_common_reset(VGAState *s);
/** vga_post_load: nothing on the surface is as the registers say. */
int vga_post_load(void *opaque, int version_id);

/* Ports 0x3b0..0x3df, by their number. */
uint8_t vga_ioport_read(VGAState *s, unsigned port);
void vga_ioport_write(VGAState *s, unsigned port, uint8_t val);
uint16_t vbe_ioport_read(VGAState *s, unsigned index);
void vbe_ioport_write(VGAState *s, unsigned index, uint16_t val);
static inline bool vbe_enabled(const VGAState *s)
{
    return s->vbe_regs[VBE_ENABLE] & VBE_DISPI_ENABLED;
}

/* The legacy window, by offset from 0xa0000. */
uint8_t vga_mem_readb(VGAState *s, uint32_t addr);
void vga_mem_writeb(VGAState *s, uint32_t addr, uint8_t val);

/** vga_vram: host address of video memory. */
static inline uint8_t *vga_vram(VGAState *s)
{
    return memory_region_get_ram_ptr(&s->vram);
}

extern const GraphicHwOps vga_hw_ops;

struct VMStateDescription;
extern const struct VMStateDescription vmstate_vga_common;

#endif
