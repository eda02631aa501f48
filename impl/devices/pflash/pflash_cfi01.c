/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cfi.pflash01: a NOR flash chip with the Intel command set on a block backend.
 *
 * The contents are guest memory (a ROM device): reads go straight to it while the chip is in read-array mode; any
 * write is a command and switches that off until the chip is back in the mode. Programming and erasing change the
 * memory and then, in whole sectors of the image, the backend.
 *
 * Context: BQL held, usually on a vCPU thread: pflash_update() waits there for the image, in a nested event loop.
 *
 * I1  What the memory holds is what the image holds after the command that changed it has returned.
 * I2  Bits only go from 1 to 0 by programming; erasing a block sets them.
 * I3  read-array mode (wcycle 0, cmd 0) if and only if the region is in ROM mode.
 * Source: Intel "Common Flash Interface and Command Sets" (AP-646), JEDEC JESD68, Intel Strata Flash data sheet.
 */
#include "devices/pflash/pflash.h"

#include <string.h>

#include "base/bytes.h"
#include "block/backend.h"
#include "devices/pflash/pflash_int.h"
#include "devices/table.h"
#include "machine/runstate.h"
#include "migration/vmstate.h"

#define PFLASH_STATUS_READY 0x80
#define PFLASH_STATUS_PROGRAM_ERROR 0x10
#define PFLASH_STATUS_ERASE_ERROR 0x20
#define PFLASH_SECTOR 512u
#define PFLASH_BUFFER_BITS 11       /* the write buffer holds 2 KiB */
#define PFLASH_BUFFER (1u << PFLASH_BUFFER_BITS)

static void pflash_fill_cfi_table(PFlashCFI01 *pfl)
{
    uint8_t *t = pfl->cfi_table;
    unsigned size_bits = 0;

    while ((UINT64_C(1) << size_bits) < (uint64_t)pfl->nb_blocs * pfl->sector_len) {
        size_bits++;
    }
    memcpy(t + 0x10, "QRY", 3);
    t[0x13] = 0x01;             /* primary command set: Intel extended */
    t[0x15] = 0x31;             /* its table */
    t[0x1b] = 0x45;             /* Vcc 4.5 to 5.5 V */
    t[0x1c] = 0x55;
    t[0x1f] = 0x07;             /* typical times: byte, buffer, block, chip; then their maxima */
    t[0x20] = 0x07;
    t[0x21] = 0x0a;
    t[0x23] = 0x04;
    t[0x24] = 0x04;
    t[0x25] = 0x04;
    t[0x27] = size_bits;
    t[0x28] = 0x02;             /* x8 and x16 interface */
    t[0x2a] = PFLASH_BUFFER_BITS;
    t[0x2c] = 1;                /* one region of equal erase blocks: count - 1, size / 256 */
    st16_le(t + 0x2d, pfl->nb_blocs - 1);
    st16_le(t + 0x2f, pfl->sector_len >> 8);
    memcpy(t + 0x31, "PRI", 3);
    t[0x34] = '1';
    t[0x35] = '0';
    t[0x3f] = 1;                /* one protection field */
}

static void pflash_mode_read_array(PFlashCFI01 *pfl)
{
    pfl->cmd = 0;
    pfl->wcycle = 0;
    memory_region_rom_device_set_romd(&pfl->mem, true);     /* (I3) */
}

void pflash_update(PFlashCFI01 *pfl, uint64_t offset, uint64_t size)
{
    uint64_t end = QEMU_ALIGN_UP(offset + size, (uint64_t)PFLASH_SECTOR);
    uint64_t start = QEMU_ALIGN_DOWN(offset, (uint64_t)PFLASH_SECTOR);
    int ret;

    memory_region_set_dirty(&pfl->mem, offset, size);
    if (!pfl->blk || pfl->ro) {
        return;
    }
    ret = blk_pwrite(pfl->blk, start, MIN(end, pfl->size) - start, pfl->storage + start, 0);
    if (ret < 0) {
        pfl->status |= PFLASH_STATUS_PROGRAM_ERROR;     /* the only voice a chip has */
    }
}

static void pflash_program(PFlashCFI01 *pfl, uint64_t offset, uint64_t value, unsigned width)
{
    for (unsigned i = 0; i < width && offset + i < pfl->size; i++) {
        pfl->storage[offset + i] &= value >> (8 * i);       /* (I2) */
    }
}

static void pflash_erase_block(PFlashCFI01 *pfl, uint64_t offset)
{
    offset = QEMU_ALIGN_DOWN(offset, (uint64_t)pfl->sector_len);
    pfl->status |= PFLASH_STATUS_READY;
    if (pfl->ro) {
        pfl->status |= PFLASH_STATUS_ERASE_ERROR;
        return;
    }
    memset(pfl->storage + offset, 0xff, pfl->sector_len);
    pflash_update(pfl, offset, pfl->sector_len);
}

/* ---- Write buffer (0xe8): filled first, programmed as a whole when confirmed ---- */

static void pflash_buffer_start(PFlashCFI01 *pfl, uint64_t offset)
{
    pfl->buf_addr = QEMU_ALIGN_DOWN(offset, (uint64_t)PFLASH_BUFFER);
    memset(pfl->buf, 0xff, sizeof(pfl->buf));
}

/* Returns false if the byte is outside the buffer's page. */
static bool pflash_buffer_add(PFlashCFI01 *pfl, uint64_t offset, uint64_t value, unsigned width)
{
    for (unsigned i = 0; i < width; i++) {
        if (offset + i < pfl->buf_addr || offset + i >= pfl->buf_addr + PFLASH_BUFFER) {
            return false;
        }
        pfl->buf[offset + i - pfl->buf_addr] = value >> (8 * i);
    }
    return true;
}

static void pflash_buffer_commit(PFlashCFI01 *pfl)
{
    uint64_t len = MIN((uint64_t)PFLASH_BUFFER, pfl->size - pfl->buf_addr);

    for (uint64_t i = 0; i < len; i++) {
        pfl->storage[pfl->buf_addr + i] &= pfl->buf[i];
    }
    pflash_update(pfl, pfl->buf_addr, len);
}

/* ---- Commands ---- */

/* First cycle: what the chip does next. Returns true if the command needs more cycles or changes what reads give. */
static bool pflash_command(PFlashCFI01 *pfl, uint64_t offset, uint8_t cmd)
{
    switch (cmd) {
    case 0x10:                  /* program one byte */
    case 0x40:
    case 0x20:                  /* erase a block, wants 0xd0 */
    case 0x60:                  /* block locks, wants a second byte */
        pfl->wcycle = 1;
        break;
    case 0x50:                  /* clear status; the ready bit too: firmware tells flash from RAM by the zero */
        pfl->status = 0;
        return false;
    case 0x70:                  /* read status */
    case 0x90:                  /* read identifiers */
    case 0x98:                  /* CFI query */
        break;
    case 0xb0:                  /* suspend, resume: programming is never in progress */
    case 0xd0:
        return false;
    case 0xe8:                  /* write to buffer */
        pfl->status |= PFLASH_STATUS_READY;
        pfl->wcycle = 1;
        break;
    default:                    /* 0xff, 0xf0 and what does not exist: read array */
        return false;
    }
    pfl->cmd = cmd;
    return true;
}

static bool pflash_second_cycle(PFlashCFI01 *pfl, uint64_t offset, uint64_t value, unsigned width)
{
    uint8_t byte = value;

    switch (pfl->cmd) {
    case 0x10:
    case 0x40:
        if (pfl->ro) {
            pfl->status |= PFLASH_STATUS_PROGRAM_ERROR;
        } else {
            pflash_program(pfl, offset, value, width);
            pflash_update(pfl, offset, width);
        }
        pfl->status |= PFLASH_STATUS_READY;
        pfl->wcycle = 0;
        return true;
    case 0x20:
        if (byte == 0xd0) {
            pflash_erase_block(pfl, offset);
        } else if (byte == 0xff) {
            return false;
        } else {
            pfl->status |= PFLASH_STATUS_ERASE_ERROR | PFLASH_STATUS_PROGRAM_ERROR;     /* bad sequence */
        }
        pfl->wcycle = 0;
        return true;
    case 0x60:
        if (byte != 0xd0 && byte != 0x01) {
            return false;
        }
        pfl->status |= PFLASH_STATUS_READY;
        pfl->wcycle = 0;
        return true;
    case 0xe8:
        pfl->counter = value & 0xffff;
        if (pfl->counter >= PFLASH_BUFFER) {
            pfl->status |= PFLASH_STATUS_PROGRAM_ERROR;
            return false;
        }
        pflash_buffer_start(pfl, offset);
        pfl->buf_started = false;
        pfl->wcycle = 2;
        return true;
    default:
        return false;
    }
}

/* Data of a buffered write. The first address says which page of the buffer is meant. */
static bool pflash_buffer_cycle(PFlashCFI01 *pfl, uint64_t offset, uint64_t value, unsigned width)
{
    if (!pfl->buf_started) {
        pflash_buffer_start(pfl, offset);
        pfl->buf_started = true;
    }
    if (!pflash_buffer_add(pfl, offset, value, width)) {
        pfl->status |= PFLASH_STATUS_PROGRAM_ERROR;
        return false;
    }
    pfl->status |= PFLASH_STATUS_READY;
    if (pfl->counter == 0) {
        pfl->wcycle = 3;
    } else {
        pfl->counter--;
    }
    return true;
}

static bool pflash_confirm_cycle(PFlashCFI01 *pfl, uint8_t byte)
{
    if (byte != 0xd0) {
        pfl->status |= PFLASH_STATUS_PROGRAM_ERROR;
        return false;
    }
    if (pfl->ro) {
        pfl->status |= PFLASH_STATUS_PROGRAM_ERROR;
    } else {
        pflash_buffer_commit(pfl);
    }
    pfl->status |= PFLASH_STATUS_READY;
    pfl->wcycle = 0;
    return true;
}

void pflash_write(PFlashCFI01 *pfl, uint64_t offset, uint64_t value, unsigned width)
{
    bool keep;

    if (!pfl->wcycle) {
        memory_region_rom_device_set_romd(&pfl->mem, false);
    }
    switch (pfl->wcycle) {
    case 0:
        keep = pflash_command(pfl, offset, value);
        break;
    case 1:
        keep = pflash_second_cycle(pfl, offset, value, width);
        break;
    case 2:
        keep = pflash_buffer_cycle(pfl, offset, value, width);
        break;
    default:
        keep = pflash_confirm_cycle(pfl, value);
        break;
    }
    if (!keep) {
        pflash_mode_read_array(pfl);
    }
}

static uint64_t pflash_read_array(const PFlashCFI01 *pfl, uint64_t offset, unsigned width)
{
    uint8_t le[8] = { 0 };

    for (unsigned i = 0; i < width && offset + i < pfl->size; i++) {
        le[i] = pfl->storage[offset + i];
    }
    return ld64_le(le);
}

uint64_t pflash_read(PFlashCFI01 *pfl, uint64_t offset, unsigned width)
{
    static const uint8_t idents[2] = { 0x89, 0x18 };    /* Intel; 28F128-like when no id is given */
    uint64_t ret = 0;

    switch (pfl->cmd) {
    case 0x10:
    case 0x20:
    case 0x28:
    case 0x40:
    case 0x50:
    case 0x60:
    case 0x70:
    case 0xe8:
        for (unsigned i = 0; i < width; i++) {
            ret |= (uint64_t)pfl->status << (8 * i);
        }
        return ret;
    case 0x90:
        switch (offset & 0xff) {
        case 0:
            return pfl->ident0 ? pfl->ident0 : idents[0];
        case 1:
            return pfl->ident1 ? pfl->ident1 : idents[1];
        default:
            return 0;
        }
    case 0x98:
        return (offset & 0xff) < sizeof(pfl->cfi_table) ? pfl->cfi_table[offset & 0xff] : 0;
    default:
        return pflash_read_array(pfl, offset, width);
    }
}

static MemTxResult pflash_mem_write_with_attrs(void *opaque, hwaddr addr, uint64_t value, unsigned len,
                                               MemTxAttrs attrs)
{
    pflash_write(opaque, addr, value, len);
    return MEMTX_OK;
}

static MemTxResult pflash_mem_read_with_attrs(void *opaque, hwaddr addr, uint64_t *value, unsigned len,
                                              MemTxAttrs attrs)
{
    *value = pflash_read(opaque, addr, len);
    return MEMTX_OK;
}

static const MemoryRegionOps pflash_cfi01_ops = {
    .read_with_attrs = pflash_mem_read_with_attrs,
    .write_with_attrs = pflash_mem_write_with_attrs,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 8 },
};

/* ---- Life ---- */

static bool pflash_attach_blk(PFlashCFI01 *pfl, GError **errp)
{
    int64_t len = blk_getlength(pfl->blk);
    uint64_t perm;
    int ret;

    if (len < 0) {
        error_setg_errno(errp, -len, "can't get size of block backend '%s'", blk_name(pfl->blk));
        return false;
    }
    if ((uint64_t)len != pfl->size) {
        error_setg(errp, "device requires %" G_GUINT64_FORMAT " bytes, block backend provides %" G_GINT64_FORMAT
                   " bytes", pfl->size, len);
        return false;
    }
    pfl->ro = !blk_supports_write_perm(pfl->blk);
    perm = BLK_PERM_CONSISTENT_READ | (pfl->ro ? 0 : BLK_PERM_WRITE);
    if (blk_set_perm(pfl->blk, perm, BLK_PERM_ALL, errp) < 0) {
        return false;
    }
    ret = blk_pread(pfl->blk, 0, pfl->size, pfl->storage, 0);
    if (ret < 0) {
        error_setg_errno(errp, -ret, "can't read block backend '%s'", blk_name(pfl->blk));
        return false;
    }
    return true;
}

static bool pflash_realize(DeviceState *dev, GError **errp)
{
    PFlashCFI01 *pfl = (PFlashCFI01 *)dev;

    if (!pfl->sector_len || !pfl->nb_blocs || !pfl->name || pfl->width != 1) {
        error_setg(errp, "cfi.pflash01: attributes \"sector-length\", \"num-blocks\" and \"name\" must be set, "
                   "\"width\" must be 1");
        return false;
    }
    pfl->size = pfl->sector_len * pfl->nb_blocs;
    if (!memory_region_init_rom_device(&pfl->mem, pfl, &pflash_cfi01_ops, pfl, pfl->name, pfl->size, errp)) {
        return false;
    }
    pfl->storage = memory_region_get_ram_ptr(&pfl->mem);
    if (pfl->blk && !pflash_attach_blk(pfl, errp)) {
        memory_region_finalize(&pfl->mem);
        return false;
    }
    pfl->status = PFLASH_STATUS_READY;
    pflash_fill_cfi_table(pfl);
    return true;
}

static void pflash_unrealize(DeviceState *dev)
{
    PFlashCFI01 *pfl = (PFlashCFI01 *)dev;

    if (pfl->vmstate) {
        qemu_del_vm_change_state_handler(pfl->vmstate);
        pfl->vmstate = NULL;
    }
    if (pfl->mem.container) {
        memory_region_del_subregion(pfl->mem.container, &pfl->mem);
    }
    memory_region_finalize(&pfl->mem);
}

static void pflash_reset(DeviceState *dev)
{
    PFlashCFI01 *pfl = (PFlashCFI01 *)dev;

    pfl->status = PFLASH_STATUS_READY;
    pfl->buf_started = false;
    pflash_mode_read_array(pfl);
}

MemoryRegion *pflash_cfi01_get_memory(DeviceState *dev)
{
    return &((PFlashCFI01 *)dev)->mem;
}

BlockBackend *pflash_cfi01_get_blk(DeviceState *dev)
{
    return ((PFlashCFI01 *)dev)->blk;
}

/* ---- State. The contents travel as RAM; the image follows once we own it, that is when the VM runs. ---- */

static void pflash_postload_update(void *opaque, bool running, RunState state)
{
    PFlashCFI01 *pfl = opaque;

    if (!running) {
        return;
    }
    qemu_del_vm_change_state_handler(pfl->vmstate);
    pfl->vmstate = NULL;
    pflash_update(pfl, 0, pfl->size);
}

static int pflash_post_load(void *opaque, int version_id)
{
    PFlashCFI01 *pfl = opaque;

    if (pfl->wcycle > 3 || pfl->counter >= PFLASH_BUFFER || pfl->buf_addr % PFLASH_BUFFER ||
        pfl->buf_addr >= pfl->size) {
        return -EINVAL;
    }
    memory_region_rom_device_set_romd(&pfl->mem, pfl->wcycle == 0 && pfl->cmd == 0);
    if (pfl->blk && !pfl->ro && !pfl->vmstate) {
        pfl->vmstate = qemu_add_vm_change_state_handler(pflash_postload_update, pfl);
    }
    return 0;
}

static const VMStateDescription vmstate_pflash = {
    .name = "pflash_cfi01",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = pflash_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(wcycle, PFlashCFI01),
        VMSTATE_UINT8(cmd, PFlashCFI01),
        VMSTATE_UINT8(status, PFlashCFI01),
        VMSTATE_UINT32(counter, PFlashCFI01),
        VMSTATE_UINT64(buf_addr, PFlashCFI01),
        VMSTATE_BOOL(buf_started, PFlashCFI01),
        VMSTATE_BUFFER(buf, PFlashCFI01),
        VMSTATE_END_OF_LIST()
    },
};

static const Property pflash_props[] = {
    DEFINE_PROP_DRIVE("drive", PFlashCFI01, blk),
    DEFINE_PROP_UINT32("num-blocks", PFlashCFI01, nb_blocs, 0),
    DEFINE_PROP_UINT64("sector-length", PFlashCFI01, sector_len, 0),
    DEFINE_PROP_UINT8("width", PFlashCFI01, width, 1),
    DEFINE_PROP_UINT16("id0", PFlashCFI01, ident0, 0),
    DEFINE_PROP_UINT16("id1", PFlashCFI01, ident1, 0),
    DEFINE_PROP_STRING("name", PFlashCFI01, name),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass cfi_pflash01_class = {
    .name = "cfi.pflash01",
    .bus_type = "System",
    .instance_size = sizeof(PFlashCFI01),
    .props = pflash_props,
    .realize = pflash_realize,
    .unrealize = pflash_unrealize,
    .reset = pflash_reset,
    .vmsd = &vmstate_pflash,
};
