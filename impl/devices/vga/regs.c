/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of the VGA and of the Bochs display interface. See vga.h.
 */
#include "devices/vga/vga.h"

#include <string.h>

#include "base/bytes.h"
#include "migration/vmstate.h"

/* Bits that exist in each register. */
static const uint8_t sr_mask[8] = { 0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0x00, 0x00, 0xff };
static const uint8_t gr_mask[16] = { 0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff };

/* ---- The palette ---- */

static void dac_write(VGAState *s, uint8_t val)
{
    s->dac_cache[s->dac_sub_index++] = val;
    if (s->dac_sub_index == 3) {
        memcpy(&s->palette[s->dac_write_index * 3], s->dac_cache, 3);
        s->dac_sub_index = 0;
        s->dac_write_index++;
        s->full_update = true;
    }
}

static uint8_t dac_read(VGAState *s)
{
    uint8_t val = s->palette[s->dac_read_index * 3 + s->dac_sub_index];

    if (++s->dac_sub_index == 3) {
        s->dac_sub_index = 0;
        s->dac_read_index++;
    }
    return val;
}

/* ---- Ports ---- */

/* The monochrome and the colour address of the CRT controller exclude each other. */
static bool vga_port_invalid(const VGAState *s, unsigned port)
{
    return s->msr & 1 ? port >= 0x3b0 && port <= 0x3bf : port >= 0x3d0 && port <= 0x3df;
}

uint8_t vga_ioport_read(VGAState *s, unsigned port)
{
    if (vga_port_invalid(s, port)) {
        return 0xff;
    }
    switch (port) {
    case 0x3c0:
        return s->ar_flip_flop ? 0 : s->ar_index;
    case 0x3c1:
        return (s->ar_index & 0x1f) < sizeof(s->ar) ? s->ar[s->ar_index & 0x1f] : 0;
    case 0x3c2:
        return 0x10;            /* a monitor is there */
    case 0x3c4:
        return s->sr_index;
    case 0x3c5:
        return s->sr[s->sr_index & 7];
    case 0x3c6:
        return s->dac_mask;
    case 0x3c7:
        return s->dac_state;
    case 0x3c8:
        return s->dac_write_index;
    case 0x3c9:
        return dac_read(s);
    case 0x3ca:
        return s->fcr;
    case 0x3cc:
        return s->msr;
    case 0x3ce:
        return s->gr_index;
    case 0x3cf:
        return s->gr[s->gr_index & 15];
    case 0x3b4:
    case 0x3d4:
        return s->cr_index;
    case 0x3b5:
    case 0x3d5:
        return s->cr[s->cr_index];
    case 0x3ba:
    case 0x3da:
        /* Retrace comes and goes as often as somebody looks: nothing waits long, and no clock decides. */
        s->st01 ^= 0x09;
        s->ar_flip_flop = false;
        return s->st01;
    default:
        return 0;
    }
}

static void vga_write_attribute(VGAState *s, uint8_t val)
{
    static const uint8_t mask[21] = { [0] = 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f, 0x3f,
                                      0x3f, 0x3f, 0x3f, 0x3f, 0xef, 0xff, 0x3f, 0x0f, 0x0f };

    if (!s->ar_flip_flop) {
        s->ar_index = val & 0x3f;
    } else if ((s->ar_index & 0x1f) < sizeof(s->ar)) {
        s->ar[s->ar_index & 0x1f] = val & mask[s->ar_index & 0x1f];
    }
    s->ar_flip_flop = !s->ar_flip_flop;
}

static void vga_write_crtc(VGAState *s, uint8_t val)
{
    if (s->cr[0x11] & 0x80 && s->cr_index <= 7) {
        if (s->cr_index == 7) {
            s->cr[7] = (s->cr[7] & ~0x10) | (val & 0x10);       /* protected, but for the line compare bit */
        }
        return;
    }
    s->cr[s->cr_index] = val;
}

void vga_ioport_write(VGAState *s, unsigned port, uint8_t val)
{
    if (vga_port_invalid(s, port)) {
        return;
    }
    switch (port) {
    case 0x3c0:
        vga_write_attribute(s, val);
        break;
    case 0x3c2:
        s->msr = val & ~0x10;
        break;
    case 0x3c4:
        s->sr_index = val & 7;
        break;
    case 0x3c5:
        s->sr[s->sr_index] = val & sr_mask[s->sr_index];
        break;
    case 0x3c6:
        s->dac_mask = val;
        s->full_update = true;
        break;
    case 0x3c7:
        s->dac_read_index = val;
        s->dac_sub_index = 0;
        s->dac_state = 3;
        break;
    case 0x3c8:
        s->dac_write_index = val;
        s->dac_sub_index = 0;
        s->dac_state = 0;
        break;
    case 0x3c9:
        dac_write(s, val);
        break;
    case 0x3ce:
        s->gr_index = val & 15;
        break;
    case 0x3cf:
        s->gr[s->gr_index] = val & gr_mask[s->gr_index];
        break;
    case 0x3b4:
    case 0x3d4:
        s->cr_index = val;
        break;
    case 0x3b5:
    case 0x3d5:
        vga_write_crtc(s, val);
        break;
    case 0x3ba:
    case 0x3da:
        s->fcr = val & 0x10;
        break;
    default:
        break;
    }
}

/* ---- The Bochs display interface ---- */

static unsigned vbe_bytes(const VGAState *s, unsigned pixels)
{
    unsigned bpp = s->vbe_regs[VBE_BPP];

    return bpp == 4 ? pixels / 2 : pixels * ((bpp + 7) / 8);
}

/* Makes the registers agree with each other and with the memory there is. */
static void vbe_fixup(VGAState *s)
{
    uint16_t *r = s->vbe_regs;
    unsigned line;
    uint64_t offset;

    switch (r[VBE_BPP]) {
    case 0:
        r[VBE_BPP] = 8;
        break;
    case 4: case 8: case 15: case 16: case 24: case 32:
        break;
    default:
        r[VBE_BPP] = 32;
        break;
    }
    r[VBE_XRES] = CLAMP(r[VBE_XRES] & ~7, 8, VBE_DISPI_MAX_XRES);
    r[VBE_VIRT_WIDTH] = CLAMP(r[VBE_VIRT_WIDTH] & ~7, r[VBE_XRES], 0x3ff8);
    line = vbe_bytes(s, r[VBE_VIRT_WIDTH]);
    r[VBE_YRES] = CLAMP(r[VBE_YRES], 1, VBE_DISPI_MAX_YRES);
    r[VBE_YRES] = MIN(r[VBE_YRES], s->vram_size / line);
    r[VBE_VIRT_HEIGHT] = MIN(s->vram_size / line, UINT16_MAX);
    offset = (uint64_t)r[VBE_Y_OFFSET] * line + vbe_bytes(s, r[VBE_X_OFFSET]);
    if (r[VBE_X_OFFSET] > r[VBE_VIRT_WIDTH] || offset + (uint64_t)line * r[VBE_YRES] > s->vram_size) {
        r[VBE_X_OFFSET] = r[VBE_Y_OFFSET] = 0;
    }
}

static uint16_t vbe_caps(const VGAState *s, unsigned index)
{
    switch (index) {
    case VBE_XRES:
        return VBE_DISPI_MAX_XRES;
    case VBE_YRES:
        return VBE_DISPI_MAX_YRES;
    case VBE_BPP:
        return 32;
    default:
        return s->vbe_regs[index];
    }
}

uint16_t vbe_ioport_read(VGAState *s, unsigned index)
{
    if (index >= VBE_REGS) {
        return 0;
    }
    if (index == VBE_VIDEO_MEMORY_64K) {
        return s->vram_size / (64 * KiB);
    }
    return s->vbe_regs[VBE_ENABLE] & VBE_DISPI_GETCAPS ? vbe_caps(s, index) : s->vbe_regs[index];
}

static void vbe_enable(VGAState *s, uint16_t val)
{
    bool was = vbe_enabled(s);

    s->vbe_regs[VBE_ENABLE] = val;
    if (val & VBE_DISPI_ENABLED && !was) {
        s->vbe_regs[VBE_VIRT_WIDTH] = 0;
        s->vbe_regs[VBE_X_OFFSET] = 0;
        s->vbe_regs[VBE_Y_OFFSET] = 0;
        vbe_fixup(s);
        if (!(val & VBE_DISPI_NOCLEARMEM)) {
            uint64_t len = (uint64_t)s->vbe_regs[VBE_YRES] * vbe_bytes(s, s->vbe_regs[VBE_VIRT_WIDTH]);

            memset(vga_vram(s), 0, MIN(len, s->vram_size));
            memory_region_set_dirty(&s->vram, 0, MIN(len, s->vram_size));
        }
    } else if (!(val & VBE_DISPI_ENABLED)) {
        s->vbe_regs[VBE_BANK] = 0;
    }
    s->full_update = true;
}

void vbe_ioport_write(VGAState *s, unsigned index, uint16_t val)
{
    switch (index) {
    case VBE_ID:
        if (val >= 0xb0c0 && val <= 0xb0c5) {
            s->vbe_regs[VBE_ID] = val;
        }
        break;
    case VBE_XRES:
    case VBE_YRES:
    case VBE_BPP:
    case VBE_VIRT_WIDTH:
    case VBE_X_OFFSET:
    case VBE_Y_OFFSET:
        s->vbe_regs[index] = val;
        vbe_fixup(s);
        break;
    case VBE_BANK:
        s->vbe_regs[VBE_BANK] = val & ((s->vram_size >> 16) - 1);
        break;
    case VBE_ENABLE:
        vbe_enable(s, val);
        break;
    default:
        break;
    }
}

/* ---- Reset and state ---- */

void vga_common_reset(VGAState *s)
{
    s->sr_index = s->gr_index = s->ar_index = s->cr_index = 0;
    s->ar_flip_flop = false;
    memset(s->sr, 0, sizeof(s->sr));
    memset(s->gr, 0, sizeof(s->gr));
    memset(s->ar, 0, sizeof(s->ar));
    memset(s->cr, 0, sizeof(s->cr));
    s->msr = s->fcr = s->st01 = 0;
    s->dac_state = s->dac_sub_index = s->dac_read_index = s->dac_write_index = 0;
    memset(s->dac_cache, 0, sizeof(s->dac_cache));
    memset(s->palette, 0, sizeof(s->palette));
    s->dac_mask = 0xff;
    s->latch = 0;
    s->vbe_index = 0;
    memset(s->vbe_regs, 0, sizeof(s->vbe_regs));
    s->vbe_regs[VBE_ID] = 0xb0c5;
    s->full_update = true;
}

int vga_post_load(void *opaque, int version_id)
{
    VGAState *s = opaque;

    s->full_update = true;
    if (s->dac_sub_index > 2 || s->sr_index > 7 || s->gr_index > 15 || s->ar_index > 0x3f) {
        s->dac_sub_index = s->sr_index = s->gr_index = s->ar_index = 0;
        return -EINVAL;
    }
    if (vbe_enabled(s)) {
        vbe_fixup(s);
    }
    s->vbe_regs[VBE_BANK] &= (s->vram_size >> 16) - 1;
    return 0;
}

const VMStateDescription vmstate_vga_common = {
    .name = "vga",
    .version_id = 2,
    .minimum_version_id = 2,
    .post_load = vga_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(sr_index, VGAState),
        VMSTATE_UINT8(gr_index, VGAState),
        VMSTATE_UINT8(ar_index, VGAState),
        VMSTATE_UINT8(cr_index, VGAState),
        VMSTATE_BOOL(ar_flip_flop, VGAState),
        VMSTATE_UINT8_ARRAY(sr, VGAState, 8),
        VMSTATE_UINT8_ARRAY(gr, VGAState, 16),
        VMSTATE_UINT8_ARRAY(ar, VGAState, 21),
        VMSTATE_UINT8_ARRAY(cr, VGAState, 256),
        VMSTATE_UINT8(msr, VGAState),
        VMSTATE_UINT8(fcr, VGAState),
        VMSTATE_UINT8(st01, VGAState),
        VMSTATE_UINT8(dac_state, VGAState),
        VMSTATE_UINT8(dac_sub_index, VGAState),
        VMSTATE_UINT8(dac_read_index, VGAState),
        VMSTATE_UINT8(dac_write_index, VGAState),
        VMSTATE_UINT8_ARRAY(dac_cache, VGAState, 3),
        VMSTATE_UINT8(dac_mask, VGAState),
        VMSTATE_UINT8_ARRAY(palette, VGAState, 768),
        VMSTATE_UINT32(latch, VGAState),
        VMSTATE_UINT16(vbe_index, VGAState),
        VMSTATE_UINT16_ARRAY(vbe_regs, VGAState, VBE_REGS),
        VMSTATE_END_OF_LIST()
    },
};
