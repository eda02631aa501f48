/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fw_cfg_io: the device at ports 0x510 (selector and data) and 0x514 (DMA). See fw_cfg.h.
 *
 * A DMA descriptor is copied once and then obeyed; its length is the guest's, so the copy stops at the first byte that
 * is not memory, and zeros past the end of an item are written from a small constant buffer.
 */
#include "devices/fw_cfg/fw_cfg.h"

#include "base/assert.h"
#include "base/bytes.h"
#include "devices/table.h"
#include "mem/memory.h"
#include "migration/vmstate.h"

#define FW_CFG_VERSION 0x01
#define FW_CFG_VERSION_DMA 0x02
#define FW_CFG_DMA_SIGNATURE 0x51454d5520434647ULL     /* "QEMU CFG" */
#define FW_CFG_DMA_CTL_ERROR 0x01
#define FW_CFG_DMA_CTL_READ 0x02
#define FW_CFG_DMA_CTL_SKIP 0x04
#define FW_CFG_DMA_CTL_SELECT 0x08
#define FW_CFG_DMA_CTL_WRITE 0x10
#define FW_CFG_DIR_ENTRY 64

typedef struct FWCfgEntry {
    uint8_t *data;
    uint32_t len;
    FWCfgSelectFunc *select;
    void *opaque;
} FWCfgEntry;

struct FWCfgState {
    DeviceState qdev;
    MemoryRegion comb_io;
    MemoryRegion dma_io;
    /* fixed once the guest runs */
    FWCfgEntry entries[2][FW_CFG_MAX_ENTRY];    /* generic, architecture's */
    char names[FW_CFG_FILE_SLOTS][FW_CFG_MAX_FILE_PATH];
    unsigned num_files;
    bool dma_enabled;
    /* the guest's */
    uint16_t cur_entry;
    uint32_t cur_offset;
    uint64_t dma_addr;
};

static int fw_cfg_match(DeviceState *dev, void *opaque)
{
    if (dev->klass == &fw_cfg_io_class) {
        *(DeviceState **)opaque = dev;
        return 1;
    }
    return 0;
}

FWCfgState *fw_cfg_find(void)
{
    DeviceState *dev = NULL;

    (void)device_walk(sysbus_get_default(), fw_cfg_match, &dev);    /* dev says it all */
    return (FWCfgState *)dev;
}

/* ---- For boards ---- */

static FWCfgEntry *fw_cfg_entry(FWCfgState *s, uint16_t key)
{
    unsigned n = key & ~(FW_CFG_ARCH_LOCAL | FW_CFG_WRITE_CHANNEL);

    return n < FW_CFG_MAX_ENTRY ? &s->entries[key & FW_CFG_ARCH_LOCAL ? 1 : 0][n] : NULL;
}

void fw_cfg_add_bytes(FWCfgState *s, uint16_t key, void *data, size_t len)
{
    FWCfgEntry *e = fw_cfg_entry(s, key);

    assert(e && len <= UINT32_MAX);
    g_free(e->data);
    *e = (FWCfgEntry){ .data = data, .len = len };
}

void fw_cfg_add_i16(FWCfgState *s, uint16_t key, uint16_t value)
{
    uint8_t *p = g_malloc(2);

    st16_le(p, value);
    fw_cfg_add_bytes(s, key, p, 2);
}

void fw_cfg_add_i32(FWCfgState *s, uint16_t key, uint32_t value)
{
    uint8_t *p = g_malloc(4);

    st32_le(p, value);
    fw_cfg_add_bytes(s, key, p, 4);
}

void fw_cfg_add_i64(FWCfgState *s, uint16_t key, uint64_t value)
{
    uint8_t *p = g_malloc(8);

    st64_le(p, value);
    fw_cfg_add_bytes(s, key, p, 8);
}

void fw_cfg_add_string(FWCfgState *s, uint16_t key, const char *value)
{
    fw_cfg_add_bytes(s, key, g_strdup(value), strlen(value) + 1);
}

static unsigned fw_cfg_find_file(const FWCfgState *s, const char *name)
{
    unsigned i;

    for (i = 0; i < s->num_files && strcmp(s->names[i], name) != 0; i++) {
    }
    return i;
}

bool fw_cfg_file_exists(const FWCfgState *s, const char *name)
{
    return fw_cfg_find_file(s, name) < s->num_files;
}

bool fw_cfg_has_room(const FWCfgState *s)
{
    return s->num_files + FW_CFG_BOARD_SLOTS < FW_CFG_FILE_SLOTS;
}

static void fw_cfg_update_directory(FWCfgState *s)
{
    size_t len = 4 + s->num_files * FW_CFG_DIR_ENTRY;
    uint8_t *dir = g_malloc0(len);

    st32_be(dir, s->num_files);
    for (unsigned i = 0; i < s->num_files; i++) {
        uint8_t *e = dir + 4 + i * FW_CFG_DIR_ENTRY;

        st32_be(e, s->entries[0][FW_CFG_FILE_FIRST + i].len);
        st16_be(e + 4, FW_CFG_FILE_FIRST + i);
        memcpy(e + 8, s->names[i], FW_CFG_MAX_FILE_PATH);
    }
    fw_cfg_add_bytes(s, FW_CFG_FILE_DIR, dir, len);
}

void fw_cfg_add_file_callback(FWCfgState *s, const char *name, FWCfgSelectFunc *select, void *opaque, void *data,
                              size_t len)
{
    unsigned i = fw_cfg_find_file(s, name);
    FWCfgEntry *e;

    assert(i < FW_CFG_FILE_SLOTS && strlen(name) < FW_CFG_MAX_FILE_PATH);
    if (i == s->num_files) {
        strcpy(s->names[i], name);
        s->num_files++;
    }
    fw_cfg_add_bytes(s, FW_CFG_FILE_FIRST + i, data, len);
    e = fw_cfg_entry(s, FW_CFG_FILE_FIRST + i);
    e->select = select;
    e->opaque = opaque;
    fw_cfg_update_directory(s);
}

void fw_cfg_add_file(FWCfgState *s, const char *name, void *data, size_t len)
{
    fw_cfg_add_file_callback(s, name, NULL, NULL, data, len);
}

void fw_cfg_add_file_i32(FWCfgState *s, const char *name, uint32_t value)
{
    uint8_t *p = g_malloc(4);

    st32_le(p, value);
    fw_cfg_add_file(s, name, p, 4);
}

void fw_cfg_add_file_i64(FWCfgState *s, const char *name, uint64_t value)
{
    uint8_t *p = g_malloc(8);

    st64_le(p, value);
    fw_cfg_add_file(s, name, p, 8);
}

/* ---- For the guest ---- */

static FWCfgEntry *fw_cfg_current(FWCfgState *s)
{
    return fw_cfg_entry(s, s->cur_entry);       /* FW_CFG_INVALID is beyond the last */
}

static void fw_cfg_select(FWCfgState *s, uint16_t key)
{
    FWCfgEntry *e = fw_cfg_entry(s, key);

    s->cur_offset = 0;
    s->cur_entry = e ? key : FW_CFG_INVALID;
    if (e && e->select) {
        e->select(e->opaque, e->data, e->len);
    }
}

static uint64_t fw_cfg_comb_read(void *opaque, hwaddr addr, unsigned size)
{
    FWCfgState *s = opaque;
    FWCfgEntry *e = fw_cfg_current(s);

    return e && s->cur_offset < e->len ? e->data[s->cur_offset++] : 0;
}

/* A byte is a write to the data port, which once could change items. */
static void fw_cfg_comb_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    if (size == 2) {
        fw_cfg_select(opaque, val);
    }
}

static bool fw_cfg_comb_accepts(void *opaque, hwaddr addr, unsigned size, bool is_write, MemTxAttrs attrs)
{
    return size == 1 || (is_write && size == 2);
}

static const MemoryRegionOps fw_cfg_comb_ops = {
    .read = fw_cfg_comb_read,
    .write = fw_cfg_comb_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 2, .accepts = fw_cfg_comb_accepts },
    .impl = { .min_access_size = 1, .max_access_size = 2 },
};

static bool fw_cfg_dma_zero(uint64_t addr, uint32_t len)
{
    static const uint8_t zeros[4096];

    while (len) {
        uint32_t n = MIN(len, sizeof(zeros));

        if (dma_memory_write(&address_space_memory, addr, zeros, n, MEMTXATTRS_UNSPECIFIED) != MEMTX_OK) {
            return false;
        }
        addr += n;
        len -= n;
    }
    return true;
}

static bool fw_cfg_dma_read(FWCfgState *s, uint64_t addr, uint32_t len)
{
    FWCfgEntry *e = fw_cfg_current(s);
    uint32_t have = e && s->cur_offset < e->len ? e->len - s->cur_offset : 0;
    uint32_t n = MIN(len, have);
    bool ok = n == 0 || dma_memory_write(&address_space_memory, addr, e->data + s->cur_offset, n,
                                         MEMTXATTRS_UNSPECIFIED) == MEMTX_OK;

    s->cur_offset += n;
    return ok && fw_cfg_dma_zero(addr + n, len - n);
}

static void fw_cfg_dma_transfer(FWCfgState *s)
{
    uint64_t where = s->dma_addr;
    uint8_t desc[16];
    uint32_t control;
    uint32_t len;
    bool ok = true;

    s->dma_addr = 0;
    if (dma_memory_read(&address_space_memory, where, desc, sizeof(desc), MEMTXATTRS_UNSPECIFIED) != MEMTX_OK) {
        stl_le_phys(&address_space_memory, where, GUINT32_TO_BE(FW_CFG_DMA_CTL_ERROR));
        return;
    }
    control = ld32_be(desc);
    len = ld32_be(desc + 4);
    if (control & FW_CFG_DMA_CTL_SELECT) {
        fw_cfg_select(s, control >> 16);
    }
    if (control & FW_CFG_DMA_CTL_READ) {
        ok = fw_cfg_dma_read(s, ld64_be(desc + 8), len);
    } else if (control & FW_CFG_DMA_CTL_WRITE) {
        ok = len == 0;                          /* (I1) */
    } else if (control & FW_CFG_DMA_CTL_SKIP) {
        FWCfgEntry *e = fw_cfg_current(s);

        s->cur_offset = e && s->cur_offset < e->len ? s->cur_offset + MIN(len, e->len - s->cur_offset) : s->cur_offset;
    }
    stl_le_phys(&address_space_memory, where, GUINT32_TO_BE(ok ? 0 : FW_CFG_DMA_CTL_ERROR));
}

/* The low half starts the transfer. */
static void fw_cfg_dma_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    FWCfgState *s = opaque;

    if (size == 8) {
        s->dma_addr = val;
    } else if (addr == 0) {
        s->dma_addr = val << 32;
        return;
    } else {
        s->dma_addr |= (uint32_t)val;
    }
    fw_cfg_dma_transfer(s);
}

static uint64_t fw_cfg_dma_signature(void *opaque, hwaddr addr, unsigned size)
{
    unsigned shift = (8 - addr - size) * 8;

    return FW_CFG_DMA_SIGNATURE >> shift & (UINT64_MAX >> (64 - size * 8));
}

static bool fw_cfg_dma_accepts(void *opaque, hwaddr addr, unsigned size, bool is_write, MemTxAttrs attrs)
{
    return !is_write ? addr + size <= 8 : (size == 4 && addr % 4 == 0) || (size == 8 && addr == 0);
}

static const MemoryRegionOps fw_cfg_dma_ops = {
    .read = fw_cfg_dma_signature,
    .write = fw_cfg_dma_write,
    .endianness = DEVICE_BIG_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .accepts = fw_cfg_dma_accepts },
    .impl = { .min_access_size = 1, .max_access_size = 8 },
};

/* ---- Device ---- */

static bool fw_cfg_realize(DeviceState *dev, GError **errp)
{
    FWCfgState *s = (FWCfgState *)dev;

    fw_cfg_add_bytes(s, FW_CFG_SIGNATURE, g_strndup("QEMU", 4), 4);
    fw_cfg_add_i32(s, FW_CFG_ID, FW_CFG_VERSION | (s->dma_enabled ? FW_CFG_VERSION_DMA : 0));
    fw_cfg_update_directory(s);
    memory_region_init_io(&s->comb_io, s, &fw_cfg_comb_ops, s, "fwcfg", 2);
    memory_region_add_subregion(get_system_io(), 0x510, &s->comb_io);
    if (s->dma_enabled) {
        memory_region_init_io(&s->dma_io, s, &fw_cfg_dma_ops, s, "fwcfg.dma", 8);
        memory_region_add_subregion(get_system_io(), 0x514, &s->dma_io);
    }
    return true;
}

static void fw_cfg_unrealize(DeviceState *dev)
{
    FWCfgState *s = (FWCfgState *)dev;

    memory_region_del_subregion(get_system_io(), &s->comb_io);
    memory_region_finalize(&s->comb_io);
    if (s->dma_enabled) {
        memory_region_del_subregion(get_system_io(), &s->dma_io);
        memory_region_finalize(&s->dma_io);
    }
}

static void fw_cfg_finalize(DeviceState *dev)
{
    FWCfgState *s = (FWCfgState *)dev;

    for (unsigned i = 0; i < FW_CFG_MAX_ENTRY; i++) {
        g_free(s->entries[0][i].data);
        g_free(s->entries[1][i].data);
    }
}

static void fw_cfg_reset(DeviceState *dev)
{
    FWCfgState *s = (FWCfgState *)dev;

    s->dma_addr = 0;
    fw_cfg_select(s, FW_CFG_SIGNATURE);
}

/* What the stream selects may have to be made anew here; offsets past the end read as zeros. */
static int fw_cfg_post_load(void *opaque, int version_id)
{
    FWCfgState *s = opaque;
    uint32_t offset = s->cur_offset;

    fw_cfg_select(s, s->cur_entry);
    s->cur_offset = offset;
    return 0;
}

static const VMStateDescription vmstate_fw_cfg = {
    .name = "fw_cfg",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = fw_cfg_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(cur_entry, FWCfgState),
        VMSTATE_UINT32(cur_offset, FWCfgState),
        VMSTATE_UINT64(dma_addr, FWCfgState),
        VMSTATE_END_OF_LIST()
    },
};

static const Property fw_cfg_props[] = {
    DEFINE_PROP_BOOL("dma_enabled", FWCfgState, dma_enabled, true),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass fw_cfg_io_class = {
    .name = "fw_cfg_io",
    .bus_type = "System",
    .instance_size = sizeof(FWCfgState),
    .props = fw_cfg_props,
    .realize = fw_cfg_realize,
    .unrealize = fw_cfg_unrealize,
    .finalize = fw_cfg_finalize,
    .reset = fw_cfg_reset,
    .vmsd = &vmstate_fw_cfg,
};
