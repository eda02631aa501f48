/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * MSI-X. See msix.h for the invariants.
 */
#include "devices/pci/msix.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "migration/vmstate.h"

#define MSIX_CAP_SIZE 12
#define MSIX_FLAGS 2
#define MSIX_FLAGS_MASKALL 0x4000
#define MSIX_FLAGS_ENABLE 0x8000
#define MSIX_TABLE 4
#define MSIX_PBA 8
#define MSIX_ENTRY_SIZE 16
#define MSIX_ENTRY_DATA 8
#define MSIX_ENTRY_CTRL 12
#define MSIX_ENTRY_CTRL_MASKED 1
#define MSIX_PBA_MIN_OFFSET 0x800

struct MSIXState {
    unsigned nentries;
    uint8_t *table;             /* nentries of 16 bytes */
    uint8_t *pba;               /* a bit per entry, in whole 64-bit words */
    unsigned pba_size;          /* bytes */
    bool function_masked;       /* as a whole: off, or masked by the guest */
    MemoryRegion bar;
    MemoryRegion table_mmio;
    MemoryRegion pba_mmio;
    MSIVectorUseNotifier use_notifier;
    MSIVectorReleaseNotifier release_notifier;
};

static uint8_t *msix_entry(const MSIXState *x, unsigned vector)
{
    assert(vector < x->nentries);
    return x->table + vector * MSIX_ENTRY_SIZE;
}

static uint16_t msix_flags(const PCIDevice *dev)
{
    return ld16_le(dev->config + dev->msix_cap + MSIX_FLAGS);
}

bool msix_present(const PCIDevice *dev)
{
    return dev->msix != NULL;
}

bool msix_enabled(const PCIDevice *dev)
{
    return dev->msix && msix_flags(dev) & MSIX_FLAGS_ENABLE;
}

unsigned msix_nr_entries(const PCIDevice *dev)
{
    return dev->msix ? dev->msix->nentries : 0;
}

MSIMessage msix_get_message(const PCIDevice *dev, unsigned vector)
{
    const uint8_t *e = msix_entry(dev->msix, vector);

    return (MSIMessage){ .address = ld64_le(e), .data = ld32_le(e + MSIX_ENTRY_DATA) };
}

/* ---- Pending and masks ---- */

static bool msix_is_pending(const MSIXState *x, unsigned vector)
{
    return x->pba[vector / 8] >> (vector % 8) & 1;
}

static void msix_set_pending(MSIXState *x, unsigned vector, bool set)
{
    uint8_t bit = 1 << (vector % 8);

    x->pba[vector / 8] = set ? x->pba[vector / 8] | bit : x->pba[vector / 8] & ~bit;
}

bool msix_is_masked(const PCIDevice *dev, unsigned vector)
{
    const MSIXState *x = dev->msix;

    return x->function_masked || msix_entry(x, vector)[MSIX_ENTRY_CTRL] & MSIX_ENTRY_CTRL_MASKED;
}

/* @was_masked: before the change that has just been made. */
static void msix_handle_mask_update(PCIDevice *dev, unsigned vector, bool was_masked)
{
    MSIXState *x = dev->msix;
    bool masked = msix_is_masked(dev, vector);

    if (masked == was_masked) {
        return;
    }
    if (masked && x->release_notifier) {
        x->release_notifier(dev, vector);
    }
    if (!masked && x->use_notifier) {
        x->use_notifier(dev, vector, msix_get_message(dev, vector));
    }
    if (!masked && msix_is_pending(x, vector)) {
        msix_set_pending(x, vector, false);
        msix_notify(dev, vector);       /* (I1) */
    }
}

void msix_notify(PCIDevice *dev, unsigned vector)
{
    MSIXState *x = dev->msix;

    if (!x || vector >= x->nentries) {
        return;
    }
    if (msix_is_masked(dev, vector)) {
        msix_set_pending(x, vector, true);
        return;
    }
    msi_send_message(dev, msix_get_message(dev, vector));
}

void msix_clear_pending(PCIDevice *dev)
{
    if (dev->msix) {
        memset(dev->msix->pba, 0, dev->msix->pba_size);
    }
}

/* ---- Notifiers ---- */

static void msix_notify_reachable(PCIDevice *dev, bool use)
{
    MSIXState *x = dev->msix;

    for (unsigned v = 0; v < x->nentries; v++) {
        if (msix_is_masked(dev, v)) {
            continue;
        }
        if (use) {
            x->use_notifier(dev, v, msix_get_message(dev, v));
        } else {
            x->release_notifier(dev, v);
        }
    }
}

void msix_set_vector_notifiers(PCIDevice *dev, MSIVectorUseNotifier use, MSIVectorReleaseNotifier release)
{
    assert(dev->msix && !dev->msix->use_notifier && use && release);
    dev->msix->use_notifier = use;
    dev->msix->release_notifier = release;
    msix_notify_reachable(dev, true);
}

void msix_unset_vector_notifiers(PCIDevice *dev)
{
    assert(dev->msix && dev->msix->use_notifier);
    msix_notify_reachable(dev, false);
    dev->msix->use_notifier = NULL;
    dev->msix->release_notifier = NULL;
}

/* ---- Table and pending bits as the guest sees them ---- */

static uint64_t msix_table_read(void *opaque, hwaddr addr, unsigned size)
{
    return ld32_le(((PCIDevice *)opaque)->msix->table + addr);
}

/* The region is as long as the table and takes aligned words only, so @addr is in bounds. */
static void msix_table_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PCIDevice *dev = opaque;
    MSIXState *x = dev->msix;
    unsigned vector = addr / MSIX_ENTRY_SIZE;
    bool was_masked = msix_is_masked(dev, vector);

    if (addr % MSIX_ENTRY_SIZE == MSIX_ENTRY_CTRL) {
        st32_le(x->table + addr, val & MSIX_ENTRY_CTRL_MASKED);
        msix_handle_mask_update(dev, vector, was_masked);
        return;
    }
    if (!was_masked && x->release_notifier) {
        x->release_notifier(dev, vector);       /* (I2) */
    }
    st32_le(x->table + addr, val);
    if (!was_masked && x->use_notifier) {
        x->use_notifier(dev, vector, msix_get_message(dev, vector));
    }
}

void msix_set_message(PCIDevice *dev, unsigned vector, MSIMessage msg)
{
    unsigned at = msix_entry(dev->msix, vector) - dev->msix->table;

    msix_table_write(dev, at, (uint32_t)msg.address, 4);
    msix_table_write(dev, at + 4, msg.address >> 32, 4);
    msix_table_write(dev, at + MSIX_ENTRY_DATA, msg.data, 4);
    msix_table_write(dev, at + MSIX_ENTRY_CTRL, 0, 4);
}

static uint64_t msix_pba_read(void *opaque, hwaddr addr, unsigned size)
{
    return ld32_le(((PCIDevice *)opaque)->msix->pba + addr);
}

static void msix_pba_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
}

static const MemoryRegionOps msix_table_ops = {
    .read = msix_table_read,
    .write = msix_table_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

static const MemoryRegionOps msix_pba_ops = {
    .read = msix_pba_read,
    .write = msix_pba_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

/* ---- Configuration space ---- */

static bool msix_off(const PCIDevice *dev)
{
    return (msix_flags(dev) & (MSIX_FLAGS_ENABLE | MSIX_FLAGS_MASKALL)) != MSIX_FLAGS_ENABLE;
}

void msix_write_config(PCIDevice *dev, uint32_t addr, unsigned len)
{
    MSIXState *x = dev->msix;
    bool masked;

    if (!x || !ranges_overlap(addr, len, dev->msix_cap + MSIX_FLAGS, 2)) {
        return;
    }
    if (msix_enabled(dev) && dev->config[PCI_INTERRUPT_PIN]) {
        pci_set_irq(dev, 0);            /* from now on there is no pin */
    }
    masked = msix_off(dev);
    if (masked == x->function_masked) {
        return;
    }
    for (unsigned v = 0; v < x->nentries; v++) {
        /* One vector after the other: the notifiers and what they ask see the same state. */
        x->function_masked = !masked;
        bool was_masked = msix_is_masked(dev, v);

        x->function_masked = masked;
        msix_handle_mask_update(dev, v, was_masked);
    }
}

static void msix_mask_all(MSIXState *x)
{
    memset(x->table, 0, x->nentries * MSIX_ENTRY_SIZE);
    for (unsigned v = 0; v < x->nentries; v++) {
        msix_entry(x, v)[MSIX_ENTRY_CTRL] = MSIX_ENTRY_CTRL_MASKED;
    }
    memset(x->pba, 0, x->pba_size);
}

void msix_reset(PCIDevice *dev)
{
    MSIXState *x = dev->msix;

    if (!x) {
        return;
    }
    st16_le(dev->config + dev->msix_cap + MSIX_FLAGS, x->nentries - 1);
    msix_write_config(dev, dev->msix_cap + MSIX_FLAGS, 2);
    msix_mask_all(x);
}

/* ---- Life ---- */

static void msix_init_bar(PCIDevice *dev, uint8_t bar_nr)
{
    MSIXState *x = dev->msix;
    unsigned table_size = x->nentries * MSIX_ENTRY_SIZE;
    unsigned pba_offset = MAX(table_size, MSIX_PBA_MIN_OFFSET);
    g_autofree char *name = g_strdup_printf("%s-msix", dev->qdev.klass->name);
    uint64_t size = TARGET_PAGE_SIZE;
    uint8_t *cap = dev->config + dev->msix_cap;

    while (size < pba_offset + x->pba_size) {
        size *= 2;
    }
    memory_region_init(&x->bar, dev, name, size);
    memory_region_init_io(&x->table_mmio, dev, &msix_table_ops, dev, "msix-table", table_size);
    memory_region_init_io(&x->pba_mmio, dev, &msix_pba_ops, dev, "msix-pba", x->pba_size);
    memory_region_add_subregion(&x->bar, 0, &x->table_mmio);
    memory_region_add_subregion(&x->bar, pba_offset, &x->pba_mmio);
    st32_le(cap + MSIX_TABLE, bar_nr);
    st32_le(cap + MSIX_PBA, pba_offset | bar_nr);
    pci_register_bar(dev, bar_nr, 0, &x->bar);
}

bool msix_init_exclusive_bar(PCIDevice *dev, unsigned nentries, uint8_t bar_nr, GError **errp)
{
    MSIXState *x;

    assert(!dev->msix);
    if (nentries < 1 || nentries > MSIX_VECTORS_MAX) {
        error_setg(errp, "The number of MSI-X vectors is invalid");
        return false;
    }
    x = dev->msix = g_new0(MSIXState, 1);
    x->nentries = nentries;
    x->table = g_malloc0(nentries * MSIX_ENTRY_SIZE);
    x->pba_size = QEMU_ALIGN_UP(nentries, 64u) / 8;
    x->pba = g_malloc0(x->pba_size);
    x->function_masked = true;
    msix_mask_all(x);
    dev->msix_cap = pci_add_capability(dev, PCI_CAP_ID_MSIX, MSIX_CAP_SIZE);
    st16_le(dev->config + dev->msix_cap + MSIX_FLAGS, nentries - 1);
    st16_le(dev->wmask + dev->msix_cap + MSIX_FLAGS, MSIX_FLAGS_ENABLE | MSIX_FLAGS_MASKALL);
    msix_init_bar(dev, bar_nr);
    return true;
}

void msix_uninit_exclusive_bar(PCIDevice *dev)
{
    MSIXState *x = dev->msix;

    if (!x) {
        return;
    }
    memory_region_del_subregion(&x->bar, &x->table_mmio);
    memory_region_finalize(&x->table_mmio);
    memory_region_del_subregion(&x->bar, &x->pba_mmio);
    memory_region_finalize(&x->pba_mmio);
    memory_region_finalize(&x->bar);
    g_free(x->table);
    g_free(x->pba);
    g_clear_pointer(&dev->msix, g_free);
    dev->msix_cap = 0;
}

/* ---- State: table and pending bits. Both ends have as many vectors, or the capability would not have fitted. ---- */

static int msix_put(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    MSIXState *x = *(MSIXState **)pv;

    if (x) {
        qemu_put_buffer(f, x->table, x->nentries * MSIX_ENTRY_SIZE);
        qemu_put_buffer(f, x->pba, x->pba_size);
    }
    return 0;
}

static int msix_get(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    PCIDevice *dev = (PCIDevice *)((char *)pv - offsetof(PCIDevice, msix));
    MSIXState *x = dev->msix;

    if (!x) {
        return 0;
    }
    if (qemu_get_buffer(f, x->table, x->nentries * MSIX_ENTRY_SIZE) != x->nentries * MSIX_ENTRY_SIZE ||
        qemu_get_buffer(f, x->pba, x->pba_size) != x->pba_size) {
        return -EIO;
    }
    for (unsigned v = 0; v < x->nentries; v++) {
        uint8_t *ctrl = msix_entry(x, v) + MSIX_ENTRY_CTRL;

        st32_le(ctrl, *ctrl & MSIX_ENTRY_CTRL_MASKED);
    }
    x->function_masked = msix_off(dev);
    return 0;
}

const VMStateInfo vmstate_info_msix = {
    .name = "msix",
    .get = msix_get,
    .put = msix_put,
};
