/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI. See msi.h for the invariants.
 */
#include "devices/pci/msi.h"

#include "base/assert.h"
#include "base/bytes.h"

#define MSI_FLAGS 2
#define MSI_FLAGS_ENABLE 0x0001
#define MSI_FLAGS_QMASK_SHIFT 1     /* log2 of the vectors offered */
#define MSI_FLAGS_QSIZE_SHIFT 4     /* log2 of the vectors given */
#define MSI_FLAGS_64BIT 0x0080
#define MSI_FLAGS_MASKBIT 0x0100
#define MSI_ADDRESS_LO 4
#define MSI_ADDRESS_HI 8
#define MSI_VECTORS_MAX 32

/* The interrupt window: a message there goes to the processors (SDM volume 3, 10.11.1). */
#define MSI_WINDOW_BASE UINT64_C(0xfee00000)
#define MSI_WINDOW_SIZE UINT64_C(0x100000)

/* ---- Messages ---- */

/*
 * A guest may point a message anywhere. Memory takes it, and the processors do; the registers of other devices do
 * not: a device in the middle of completing a request must not find itself reset by its own interrupt.
 */
static bool msi_address_is_good(uint64_t address)
{
    MemoryRegionSection sec;

    if (address >= MSI_WINDOW_BASE && address < MSI_WINDOW_BASE + MSI_WINDOW_SIZE) {
        return true;
    }
    sec = address_space_find(get_address_space_memory(), address, 4);
    return sec.mr && sec.size >= 4 && memory_region_is_ram(sec.mr) && !sec.readonly;
}

void msi_send_message(PCIDevice *dev, MSIMessage msg)
{
    if (pci_is_bus_master(dev) && msi_address_is_good(msg.address)) {
        stl_le_phys(get_address_space_memory(), msg.address, msg.data);
    }
}

/* ---- The capability ---- */

static uint16_t msi_flags(const PCIDevice *dev)
{
    return dev->msi_cap ? ld16_le(dev->config + dev->msi_cap + MSI_FLAGS) : 0;
}

static unsigned msi_data_off(const PCIDevice *dev)
{
    return dev->msi_cap + (msi_flags(dev) & MSI_FLAGS_64BIT ? 12 : 8);
}

static unsigned msi_mask_off(const PCIDevice *dev)
{
    return msi_data_off(dev) + 4;
}

static unsigned msi_pending_off(const PCIDevice *dev)
{
    return msi_data_off(dev) + 8;
}

static unsigned msi_cap_size(uint16_t flags)
{
    return 10 + (flags & MSI_FLAGS_64BIT ? 4 : 0) + (flags & MSI_FLAGS_MASKBIT ? 10 : 0);
}

void msi_init(PCIDevice *dev, uint8_t offset, unsigned nr_vectors, bool msi64bit, bool per_vector_mask)
{
    uint16_t flags = __builtin_ctz(nr_vectors) << MSI_FLAGS_QMASK_SHIFT;

    assert(is_power_of_2(nr_vectors) && nr_vectors <= MSI_VECTORS_MAX && !dev->msi_cap);
    flags |= (msi64bit ? MSI_FLAGS_64BIT : 0) | (per_vector_mask ? MSI_FLAGS_MASKBIT : 0);
    dev->msi_cap = pci_add_capability_at(dev, PCI_CAP_ID_MSI, offset, msi_cap_size(flags));
    st16_le(dev->config + dev->msi_cap + MSI_FLAGS, flags);
    st16_le(dev->wmask + dev->msi_cap + MSI_FLAGS, MSI_FLAGS_ENABLE | 7 << MSI_FLAGS_QSIZE_SHIFT);
    st32_le(dev->wmask + dev->msi_cap + MSI_ADDRESS_LO, 0xfffffffc);
    if (msi64bit) {
        st32_le(dev->wmask + dev->msi_cap + MSI_ADDRESS_HI, 0xffffffff);
    }
    st16_le(dev->wmask + msi_data_off(dev), 0xffff);
    if (per_vector_mask) {
        st32_le(dev->wmask + msi_mask_off(dev), 0xffffffff >> (32 - nr_vectors));
    }
}

bool msi_present(const PCIDevice *dev)
{
    return dev->msi_cap != 0;
}

bool msi_enabled(const PCIDevice *dev)
{
    return msi_flags(dev) & MSI_FLAGS_ENABLE;
}

/* The guest may write more than was offered; it does not get more. */
unsigned msi_nr_vectors_allocated(const PCIDevice *dev)
{
    uint16_t flags = msi_flags(dev);

    return 1u << MIN(flags >> MSI_FLAGS_QSIZE_SHIFT & 7, flags >> MSI_FLAGS_QMASK_SHIFT & 7);
}

bool msi_is_masked(const PCIDevice *dev, unsigned vector)
{
    assert(vector < MSI_VECTORS_MAX);
    return msi_flags(dev) & MSI_FLAGS_MASKBIT && ld32_le(dev->config + msi_mask_off(dev)) >> vector & 1;
}

MSIMessage msi_get_message(const PCIDevice *dev, unsigned vector)
{
    unsigned nr = msi_nr_vectors_allocated(dev);
    MSIMessage msg = {
        .address = ld32_le(dev->config + dev->msi_cap + MSI_ADDRESS_LO),
        .data = ld16_le(dev->config + msi_data_off(dev)),
    };

    if (msi_flags(dev) & MSI_FLAGS_64BIT) {
        msg.address |= (uint64_t)ld32_le(dev->config + dev->msi_cap + MSI_ADDRESS_HI) << 32;
    }
    /* The low bits say which vector; a device with fewer vectors than it offers folds them. */
    msg.data = (msg.data & ~(nr - 1)) | (vector & (nr - 1));
    return msg;
}

static void msi_set_pending(PCIDevice *dev, unsigned vector, bool set)
{
    uint8_t *reg = dev->config + msi_pending_off(dev);
    uint32_t bits = ld32_le(reg);

    st32_le(reg, set ? bits | 1u << vector : bits & ~(1u << vector));
}

void msi_notify(PCIDevice *dev, unsigned vector)
{
    assert(vector < MSI_VECTORS_MAX);
    if (!msi_enabled(dev)) {
        return;
    }
    if (msi_is_masked(dev, vector)) {
        msi_set_pending(dev, vector, true);     /* (I1) */
        return;
    }
    msi_send_message(dev, msi_get_message(dev, vector));
}

/* ---- Configuration space ---- */

void msi_write_config(PCIDevice *dev, uint32_t addr, unsigned len)
{
    uint16_t flags = msi_flags(dev);
    uint32_t due;

    if (!dev->msi_cap || !ranges_overlap(addr, len, dev->msi_cap, msi_cap_size(flags)) || !msi_enabled(dev)) {
        return;
    }
    if (dev->config[PCI_INTERRUPT_PIN]) {
        pci_set_irq(dev, 0);    /* from now on there is no pin */
    }
    if (!(flags & MSI_FLAGS_MASKBIT)) {
        return;
    }
    due = ld32_le(dev->config + msi_pending_off(dev)) & ~ld32_le(dev->config + msi_mask_off(dev));
    for (unsigned v = 0; v < MSI_VECTORS_MAX; v++) {
        if (due >> v & 1) {
            msi_set_pending(dev, v, false);
            msi_notify(dev, v);
        }
    }
}

void msi_reset(PCIDevice *dev)
{
    uint8_t *cap = dev->config + dev->msi_cap;
    uint16_t flags = msi_flags(dev);

    if (!dev->msi_cap) {
        return;
    }
    st16_le(cap + MSI_FLAGS, flags & ~(MSI_FLAGS_ENABLE | 7 << MSI_FLAGS_QSIZE_SHIFT));
    st32_le(cap + MSI_ADDRESS_LO, 0);
    if (flags & MSI_FLAGS_64BIT) {
        st32_le(cap + MSI_ADDRESS_HI, 0);
    }
    st16_le(dev->config + msi_data_off(dev), 0);
    if (flags & MSI_FLAGS_MASKBIT) {
        st32_le(dev->config + msi_mask_off(dev), 0);
        st32_le(dev->config + msi_pending_off(dev), 0);
    }
}

bool msi_is_status_byte(const PCIDevice *dev, unsigned addr)
{
    return msi_flags(dev) & MSI_FLAGS_MASKBIT && addr - msi_pending_off(dev) < 4;
}
