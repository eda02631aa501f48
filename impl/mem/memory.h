/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest physical memory: the region tree, the flat views made from it, and access through them.
 *
 * A machine has two address spaces, memory and I/O ports. Each is a tree of MemoryRegions; a commit renders
 * the tree into a FlatView (sorted, disjoint ranges) that readers look addresses up in. Regions are plain
 * structs embedded in their devices; nothing here is reference counted except the FlatView.
 *
 * Owns: the region tree, the flat views, the RAM block list and the dirty bytes of every RAM page.
 * Context: changes to the tree need the BQL; access from any thread. RAM is reached without a lock, device
 * callbacks always run under the BQL (it is taken for the caller that does not hold it).
 *
 * I1  A FlatView is immutable once published; a reader holds a reference for as long as it uses one.
 * I2  RAM host addresses stay valid until memory_region_finalize(), even after the region is unmapped.
 * I3  Whoever stores to RAM stores the data first and the dirty byte second, so that a client that clears the
 *     byte and then reads the page either sees the data or finds the page dirty again.
 * I4  No guest-made address, size or value reaches an assertion: what is not mapped reads as all ones and
 *     ignores writes.
 */
#ifndef MEM_MEMORY_H
#define MEM_MEMORY_H

#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef uint64_t hwaddr;
typedef uint64_t ram_addr_t;

#define HWADDR_PRIx PRIx64
#define RAM_ADDR_INVALID UINT64_MAX
#define TARGET_PAGE_BITS 12
#define TARGET_PAGE_SIZE (UINT64_C(1) << TARGET_PAGE_BITS)
#define TARGET_PAGE_MASK (~(TARGET_PAGE_SIZE - 1))

typedef struct MemoryRegion MemoryRegion;
typedef struct MemoryRegionOps MemoryRegionOps;
typedef struct MemoryListener MemoryListener;
typedef struct AddressSpace AddressSpace;
typedef struct FlatView FlatView;
typedef struct FlatRange FlatRange;
typedef struct RAMBlock RAMBlock;
typedef struct EventNotifier EventNotifier;

/** Who makes an access. Devices that do not care ignore it. */
typedef struct MemTxAttrs {
    bool unspecified;
    bool user;
    uint16_t requester_id;   /* PCI bus/device/function of a bus master */
} MemTxAttrs;

#define MEMTXATTRS_UNSPECIFIED ((MemTxAttrs) { .unspecified = true })

/** Result of an access; bits are or-ed over the parts of a long one. */
typedef uint32_t MemTxResult;
#define MEMTX_OK 0u
#define MEMTX_ERROR (1u << 0)          /* the device refused */
#define MEMTX_DECODE_ERROR (1u << 1)   /* nothing is mapped there, or not with this size */

enum device_endian {
    DEVICE_NATIVE_ENDIAN,   /* the guest's order, little for x86 */
    DEVICE_BIG_ENDIAN,
    DEVICE_LITTLE_ENDIAN,
};

/**
 * Callbacks of an I/O region. They run under the BQL.
 * @addr is the offset in the region, @size 1, 2, 4 or 8 bytes within the impl range.
 */
struct MemoryRegionOps {
    uint64_t (*read)(void *opaque, hwaddr addr, unsigned size);
    void (*write)(void *opaque, hwaddr addr, uint64_t data, unsigned size);
    MemTxResult (*read_with_attrs)(void *opaque, hwaddr addr, uint64_t *data, unsigned size, MemTxAttrs attrs);
    MemTxResult (*write_with_attrs)(void *opaque, hwaddr addr, uint64_t data, unsigned size, MemTxAttrs attrs);
    enum device_endian endianness;
    /* What the guest may do; 0 for max_access_size means up to 8 for a CPU access and 4 for a DMA one. */
    struct {
        unsigned min_access_size;
        unsigned max_access_size;
        bool unaligned;
        bool (*accepts)(void *opaque, hwaddr addr, unsigned size, bool is_write, MemTxAttrs attrs);
    } valid;
    /* What the callbacks handle; other sizes are split or widened. 0 means 1 for min and 4 for max. */
    struct {
        unsigned min_access_size;
        unsigned max_access_size;
        bool unaligned;
    } impl;
};

/** An eventfd that a write to (offset, size, data) rings instead of the write callback. */
typedef struct MemoryRegionIoeventfd {
    hwaddr addr;
    unsigned size;      /* 0 matches any size */
    bool match_data;
    uint64_t data;
    EventNotifier *e;
} MemoryRegionIoeventfd;

/** Read through the accessors; fields are public only so that a device can embed the struct. */
struct MemoryRegion {
    char *name;
    void *owner;
    uint64_t size;                /* bytes; UINT64_MAX is the whole space */
    hwaddr addr;                  /* offset in the container */
    int32_t priority;
    bool enabled;
    bool terminates;              /* has memory or callbacks of its own (not a pure container or alias) */
    bool ram;
    bool readonly;
    bool rom_device;
    bool romd_mode;               /* rom_device: reads are direct */
    uint8_t dirty_log_mask;
    const MemoryRegionOps *ops;
    void *opaque;
    RAMBlock *ram_block;
    MemoryRegion *alias;
    hwaddr alias_offset;
    MemoryRegion *container;
    GPtrArray *subregions;        /* of MemoryRegion *, by falling priority, newest first among equals */
    GArray *ioeventfds;           /* of MemoryRegionIoeventfd */
};

/** A part of a region as seen in an address space. @mr is NULL when nothing is mapped. */
typedef struct MemoryRegionSection {
    MemoryRegion *mr;
    hwaddr offset_within_region;
    hwaddr offset_within_address_space;
    uint64_t size;
    bool readonly;
} MemoryRegionSection;

/** Told about changes of an address space; callbacks run under the BQL. Any callback may be NULL. */
struct MemoryListener {
    const char *name;
    void (*commit)(MemoryListener *listener);   /* a new flat view is in place */
    void (*log_global_start)(MemoryListener *listener);
    void (*log_global_stop)(MemoryListener *listener);
    void (*log_sync)(MemoryListener *listener);  /* take over what was logged elsewhere, before it is asked for */
    AddressSpace *address_space;                /* set by memory_listener_register */
};

/* ---- The machine's address spaces ---- */

/** memory_machine_init: create the two root regions and address spaces of the current machine. Needs the BQL. */
void memory_machine_init(void);

/** memory_machine_cleanup: undo memory_machine_init; all devices have finalized their regions. Needs the BQL. */
void memory_machine_cleanup(void);

/** get_system_memory / get_system_io: root regions of the current machine; borrowed. */
MemoryRegion *get_system_memory(void);
MemoryRegion *get_system_io(void);

/** The current machine's address spaces; borrowed. `&address_space_memory` is the usual spelling. */
AddressSpace *get_address_space_memory(void);
AddressSpace *get_address_space_io(void);
#define address_space_memory (*get_address_space_memory())
#define address_space_io (*get_address_space_io())

/** address_space_new: a further view of @root, for example of one bus master. @name is copied. Needs the BQL. */
AddressSpace *address_space_new(MemoryRegion *root, const char *name);
void address_space_free(AddressSpace *as);
const char *address_space_name(const AddressSpace *as);
MemoryRegion *address_space_root(const AddressSpace *as);

void memory_listener_register(MemoryListener *listener, AddressSpace *as);
void memory_listener_unregister(MemoryListener *listener);

/* ---- Regions ---- */

/** memory_region_init: a pure container. @owner is only kept, @name is copied, @size in bytes. */
void memory_region_init(MemoryRegion *mr, void *owner, const char *name, uint64_t size);

/** memory_region_init_io: a region of callbacks. @ops is borrowed for the life of the region. */
void memory_region_init_io(MemoryRegion *mr, void *owner, const MemoryRegionOps *ops, void *opaque,
                           const char *name, uint64_t size);

/**
 * memory_region_init_ram: zeroed RAM with a RAM block named @name, which is its name in migration streams.
 * @size: bytes, rounded up to 4 KiB. Fails when memory is short or the name is taken.
 */
G_GNUC_WARN_UNUSED_RESULT
bool memory_region_init_ram(MemoryRegion *mr, void *owner, const char *name, uint64_t size, GError **errp);

/** memory_region_init_rom: as memory_region_init_ram, but guest writes are dropped. */
G_GNUC_WARN_UNUSED_RESULT
bool memory_region_init_rom(MemoryRegion *mr, void *owner, const char *name, uint64_t size, GError **errp);

/**
 * memory_region_init_rom_device: memory that reads directly while in romd mode (the initial one); writes,
 * and reads in the other mode, go to @ops.
 */
G_GNUC_WARN_UNUSED_RESULT
bool memory_region_init_rom_device(MemoryRegion *mr, void *owner, const MemoryRegionOps *ops, void *opaque,
                                   const char *name, uint64_t size, GError **errp);

/** memory_region_init_alias: a window on [@offset, @offset + @size) of @orig. */
void memory_region_init_alias(MemoryRegion *mr, void *owner, const char *name, MemoryRegion *orig,
                              hwaddr offset, uint64_t size);

/**
 * memory_region_finalize: release what init made. The region must have no container and no subregions.
 * A zeroed or already finalized region is left alone.
 */
void memory_region_finalize(MemoryRegion *mr);

uint64_t memory_region_size(const MemoryRegion *mr);
const char *memory_region_name(const MemoryRegion *mr);
bool memory_region_is_ram(const MemoryRegion *mr);
bool memory_region_is_rom(const MemoryRegion *mr);
bool memory_region_is_romd(const MemoryRegion *mr);
bool memory_region_is_mapped(const MemoryRegion *mr);

/** memory_region_get_ram_ptr: host address of a region with memory (aliases are followed), never NULL. */
void *memory_region_get_ram_ptr(MemoryRegion *mr);
ram_addr_t memory_region_get_ram_addr(const MemoryRegion *mr);

/** All of these change the view and need the BQL; inside a transaction the view changes at its commit. */
void memory_region_add_subregion(MemoryRegion *mr, hwaddr offset, MemoryRegion *subregion);
void memory_region_add_subregion_overlap(MemoryRegion *mr, hwaddr offset, MemoryRegion *subregion, int priority);
void memory_region_del_subregion(MemoryRegion *mr, MemoryRegion *subregion);
void memory_region_set_enabled(MemoryRegion *mr, bool enabled);
void memory_region_set_address(MemoryRegion *mr, hwaddr addr);
void memory_region_set_size(MemoryRegion *mr, uint64_t size);
void memory_region_set_alias_offset(MemoryRegion *mr, hwaddr offset);
void memory_region_set_readonly(MemoryRegion *mr, bool readonly);
void memory_region_rom_device_set_romd(MemoryRegion *mr, bool romd_mode);

void memory_region_add_eventfd(MemoryRegion *mr, hwaddr addr, unsigned size, bool match_data, uint64_t data,
                               EventNotifier *e);
void memory_region_del_eventfd(MemoryRegion *mr, hwaddr addr, unsigned size, bool match_data, uint64_t data,
                               EventNotifier *e);

void memory_region_transaction_begin(void);
void memory_region_transaction_commit(void);

/**
 * address_space_find: what is mapped in the view of @as at @addr.
 * The section is clipped to one range and to @size; mr is NULL when nothing is there.
 */
MemoryRegionSection address_space_find(AddressSpace *as, hwaddr addr, uint64_t size);

/* ---- Access ---- */

/**
 * address_space_rw: copy @len bytes between @buf and guest memory, in accesses the devices accept.
 * Unmapped parts read as all ones. May take the BQL and run device callbacks (which may block in nested loops).
 * Returns the or of all results; the copy goes on after an error.
 */
MemTxResult address_space_rw(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, void *buf, hwaddr len,
                             bool is_write);
MemTxResult address_space_read(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, void *buf, hwaddr len);
MemTxResult address_space_write(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, const void *buf, hwaddr len);

/** address_space_write_rom: like address_space_write, but also into read-only memory; never calls devices. */
MemTxResult address_space_write_rom(AddressSpace *as, hwaddr addr, MemTxAttrs attrs, const void *buf, hwaddr len);

/** One access of @size 1, 2, 4 or 8 bytes as a CPU makes it; little endian; may cross ranges. */
uint64_t address_space_ld(AddressSpace *as, hwaddr addr, unsigned size, MemTxAttrs attrs, MemTxResult *result);
void address_space_st(AddressSpace *as, hwaddr addr, uint64_t val, unsigned size, MemTxAttrs attrs,
                      MemTxResult *result);

/** One access to @mr itself. @addr is the offset in it, @size 1, 2, 4 or 8. Takes the BQL when needed. */
MemTxResult memory_region_dispatch_read(MemoryRegion *mr, hwaddr addr, uint64_t *pval, unsigned size,
                                        MemTxAttrs attrs);
MemTxResult memory_region_dispatch_write(MemoryRegion *mr, hwaddr addr, uint64_t data, unsigned size,
                                         MemTxAttrs attrs);

/** Accesses to the memory address space @as without attributes; unmapped reads give all ones. */
uint8_t ldub_phys(AddressSpace *as, hwaddr addr);
uint16_t lduw_le_phys(AddressSpace *as, hwaddr addr);
uint32_t ldl_le_phys(AddressSpace *as, hwaddr addr);
uint64_t ldq_le_phys(AddressSpace *as, hwaddr addr);
void stb_phys(AddressSpace *as, hwaddr addr, uint8_t val);
void stw_le_phys(AddressSpace *as, hwaddr addr, uint16_t val);
void stl_le_phys(AddressSpace *as, hwaddr addr, uint32_t val);
void stq_le_phys(AddressSpace *as, hwaddr addr, uint64_t val);

/** I/O port accesses, as the CPU's in and out instructions make them. */
uint8_t cpu_inb(uint32_t port);
uint16_t cpu_inw(uint32_t port);
uint32_t cpu_inl(uint32_t port);
void cpu_outb(uint32_t port, uint8_t val);
void cpu_outw(uint32_t port, uint16_t val);
void cpu_outl(uint32_t port, uint32_t val);

/* ---- DMA ---- */

typedef enum {
    DMA_DIRECTION_TO_DEVICE = 0,    /* the device reads guest memory */
    DMA_DIRECTION_FROM_DEVICE = 1,  /* the device writes guest memory */
} DMADirection;

MemTxResult dma_memory_rw(AddressSpace *as, hwaddr addr, void *buf, hwaddr len, DMADirection dir,
                          MemTxAttrs attrs);
MemTxResult dma_memory_read(AddressSpace *as, hwaddr addr, void *buf, hwaddr len, MemTxAttrs attrs);
MemTxResult dma_memory_write(AddressSpace *as, hwaddr addr, const void *buf, hwaddr len, MemTxAttrs attrs);

/**
 * dma_memory_map: host address of up to *@plen bytes at @addr; *@plen is lowered to what is contiguous.
 * RAM is given directly. Anything else goes through a bounce buffer of at most 4 KiB, filled from the device
 * for DMA_DIRECTION_TO_DEVICE; bounce buffers are limited in number per address space. Returns NULL (and
 * *@plen 0) when nothing is mapped there, or no buffer is left. Pair with dma_memory_unmap.
 */
G_GNUC_WARN_UNUSED_RESULT
void *dma_memory_map(AddressSpace *as, hwaddr addr, hwaddr *plen, DMADirection dir, MemTxAttrs attrs);

/** dma_memory_unmap: end of a mapping; @access_len bytes were really used (they become dirty, or are written). */
void dma_memory_unmap(AddressSpace *as, void *buffer, hwaddr len, DMADirection dir, hwaddr access_len);

/** address_space_map / unmap: the same with a flag instead of a direction. */
G_GNUC_WARN_UNUSED_RESULT
void *address_space_map(AddressSpace *as, hwaddr addr, hwaddr *plen, bool is_write, MemTxAttrs attrs);
void address_space_unmap(AddressSpace *as, void *buffer, hwaddr len, bool is_write, hwaddr access_len);

/** address_space_access_valid: would all of the range reach RAM or a device? Guest tables are checked so. */
bool address_space_access_valid(AddressSpace *as, hwaddr addr, hwaddr len, bool is_write, MemTxAttrs attrs);

/* ---- RAM blocks and dirty pages ---- */

/* Bits of a page's dirty byte. A set CODE bit means: written since the CPUs last decoded from it. */
#define DIRTY_MEMORY_VGA_BIT 1u
#define DIRTY_MEMORY_CODE_BIT 2u
#define DIRTY_MEMORY_MIGRATION_BIT 4u
#define DIRTY_MEMORY_ALL 0xffu

struct RAMBlock {
    MemoryRegion *mr;
    char idstr[256];
    uint8_t *host;
    ram_addr_t offset;       /* place in the machine's RAM address space; 2 MiB aligned, never reused */
    uint64_t used_length;    /* bytes, multiple of 4 KiB */
    uint64_t max_length;
    uint8_t *dirty;          /* a byte per page, atomics only; see I3 */
    uint32_t *code_gen;      /* a counter per page: how often its code was decoded anew */
    bool migratable;
};

/** RAM blocks of the current machine, in order of creation. Changes need the BQL. */
unsigned ram_block_count(void);
RAMBlock *ram_block_at(unsigned index);
#define RAMBLOCK_FOREACH(block) \
    for (unsigned rb_index_ = 0; ((block) = ram_block_at(rb_index_)) != NULL; rb_index_++)

/** qemu_ram_block_by_name: NULL when there is none. Borrowed. */
RAMBlock *qemu_ram_block_by_name(const char *name);
const char *qemu_ram_get_idstr(const RAMBlock *rb);
void *qemu_ram_get_host_addr(RAMBlock *rb);
uint64_t qemu_ram_get_used_length(const RAMBlock *rb);
void qemu_ram_unset_migratable(RAMBlock *rb);

/** qemu_ram_block_from_host: the block that holds @ptr and the offset in it, or NULL. */
RAMBlock *qemu_ram_block_from_host(const void *ptr, ram_addr_t *offset);

/** ram_bytes_total: used length of all migratable blocks. */
uint64_t ram_bytes_total(void);

/** ram_block_set_dirty: all clients see [@offset, @offset + @len) as written. Call after the data is stored. */
void ram_block_set_dirty(RAMBlock *rb, uint64_t offset, uint64_t len);

/** ram_block_discard_range: whole pages read as zeroes from now on, and cost the host nothing until written. */
void ram_block_discard_range(RAMBlock *rb, uint64_t offset, uint64_t len);

/** memory_region_set_dirty: the same for a region; for a device that writes its own RAM. */
void memory_region_set_dirty(MemoryRegion *mr, hwaddr addr, hwaddr size);

/**
 * Global dirty logging, for migration and snapshots: a count of users.
 * Start marks all pages clean for the MIGRATION client; the caller then sends everything once.
 */
void memory_global_dirty_log_start(void);
void memory_global_dirty_log_stop(void);
bool memory_global_dirty_log_active(void);
/** memory_global_dirty_log_sync: before ram_block_sync_dirty(): an accelerator may keep a log of its own. BQL. */
void memory_global_dirty_log_sync(void);

/**
 * ram_block_sync_dirty: move the MIGRATION bits of a block into a bitmap (one bit per page, little-endian words).
 * @bitmap: at least used_length / 4096 bits; bits are set, never cleared.
 * Returns the number of bits of @bitmap that changed from 0 to 1.
 */
uint64_t ram_block_sync_dirty(RAMBlock *rb, unsigned long *bitmap);

/** ram_block_test_clear_dirty: test and clear one client's bit of one page. */
bool ram_block_test_clear_dirty(RAMBlock *rb, uint64_t page, uint8_t client_bit);

/* ---- For the CPU ---- */

/** One mapped range of a flat view. */
struct FlatRange {
    hwaddr addr;
    uint64_t size;
    hwaddr offset_in_region;
    MemoryRegion *mr;
    bool readonly;
    bool romd_mode;
};

/** address_space_get_flatview: the current view with a reference; give it back with flatview_unref. */
FlatView *address_space_get_flatview(AddressSpace *as);
void flatview_unref(FlatView *view);

/** flatview_lookup: the range that holds @addr, or NULL. Borrowed from the view. */
const FlatRange *flatview_lookup(const FlatView *view, hwaddr addr);

/** flatview_range: the ranges in order of address; NULL after the last one. Borrowed from the view. */
const FlatRange *flatview_range(const FlatView *view, unsigned index);

/** address_space_generation: goes up with every published view. */
uint32_t address_space_generation(const AddressSpace *as);

/** flatrange_ram_ptr: host address of @addr in @fr if an access of this direction is direct, else NULL. */
void *flatrange_ram_ptr(const FlatRange *fr, hwaddr addr, bool is_write);

#endif
