/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI devices and their bus. See pci.h for the invariants.
 */
#include "devices/pci/pci.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"
#include "devices/pci/msix.h"
#include "migration/vmstate.h"

#define PCI_DEVFN(slot, fn) ((slot) << 3 | (fn))
#define PCI_SLOT(devfn) ((devfn) >> 3 & 0x1f)
#define PCI_FUNC(devfn) ((devfn) & 7)

/* ---- Bus ---- */

static char *pci_get_dev_path(DeviceState *dev)
{
    int devfn = ((PCIDevice *)dev)->devfn;

    return g_strdup_printf("0000:00:%02x.%x", PCI_SLOT(devfn), PCI_FUNC(devfn));
}

static bool pci_check_address(BusState *qbus, DeviceState *qdev, GError **errp)
{
    PCIBus *bus = (PCIBus *)qbus;
    PCIDevice *dev = (PCIDevice *)qdev;
    int devfn = dev->devfn_prop;

    if (devfn < 0) {
        for (devfn = 0; devfn < 256 && bus->devices[devfn]; devfn += 8) {
        }
        if (devfn >= 256) {
            error_setg(errp, "PCI: no slot/function available for %s, all in use", qdev->klass->name);
            return false;
        }
    } else if (bus->devices[devfn]) {
        error_setg(errp, "PCI: slot %d function %d not available for %s, in use by %s,id=%s", PCI_SLOT(devfn),
                   PCI_FUNC(devfn), qdev->klass->name, bus->devices[devfn]->qdev.klass->name,
                   bus->devices[devfn]->qdev.id ? bus->devices[devfn]->qdev.id : "(null)");
        return false;
    }
    dev->devfn = devfn;
    return true;
}

const BusClass pci_bus_class = {
    .type = "PCI",
    .get_dev_path = pci_get_dev_path,
    .check_address = pci_check_address,
};

void pci_bus_init(PCIBus *bus, DeviceState *parent, const char *name, MemoryRegion *mem, MemoryRegion *io)
{
    bus->mem_space = mem;
    bus->io_space = io;
    bus_init(&bus->bus, &pci_bus_class, parent, name);
}

void pci_bus_irqs(PCIBus *bus, void (*set_irq)(void *opaque, int line, int level),
                  int (*map_irq)(PCIDevice *dev, int pin), void *opaque)
{
    bus->set_irq = set_irq;
    bus->map_irq = map_irq;
    bus->irq_opaque = opaque;
}

int pci_bus_get_irq_level(PCIBus *bus, int line)
{
    return bus->irq_count[line] != 0;
}

/* ---- Interrupt pins ---- */

/* What leaves the device: the pin's level, unless the guest has switched INTx off. */
static void pci_change_irq(PCIDevice *dev, int pin, int change)
{
    PCIBus *bus = pci_get_bus(dev);
    int line;

    if (!bus->map_irq) {
        return;
    }
    line = bus->map_irq(dev, pin);
    bus->irq_count[line] += change;
    assert(bus->irq_count[line] >= 0);
    bus->set_irq(bus->irq_opaque, line, bus->irq_count[line] != 0);
}

static bool pci_intx_disabled(const PCIDevice *dev)
{
    return ld16_le(dev->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;
}

void pci_set_irq(PCIDevice *dev, int level)
{
    int pin = dev->config[PCI_INTERRUPT_PIN] - 1;

    assert(pin >= 0 && pin < PCI_NUM_PINS);
    if (!!level == (dev->irq_state >> pin & 1)) {
        return;
    }
    dev->irq_state ^= 1 << pin;
    if (level) {
        dev->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
    } else {
        dev->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
    }
    if (!pci_intx_disabled(dev)) {
        pci_change_irq(dev, pin, level ? 1 : -1);
    }
}

static void pci_intx_enable_changed(PCIDevice *dev, bool was_disabled)
{
    bool disabled = pci_intx_disabled(dev);

    if (disabled == was_disabled) {
        return;
    }
    for (int pin = 0; pin < PCI_NUM_PINS; pin++) {
        if (dev->irq_state >> pin & 1) {
            pci_change_irq(dev, pin, disabled ? -1 : 1);
        }
    }
}

/* Only the count of raised pins; nobody is told. */
static void pci_count_pins(PCIDevice *dev, int change)
{
    PCIBus *bus = pci_get_bus(dev);

    for (int pin = 0; pin < PCI_NUM_PINS; pin++) {
        if (dev->irq_state >> pin & 1 && !pci_intx_disabled(dev) && bus->map_irq) {
            bus->irq_count[bus->map_irq(dev, pin)] += change;
        }
    }
}

void pci_bus_recount_irqs(PCIBus *bus)
{
    memset(bus->irq_count, 0, sizeof(bus->irq_count));
    for (unsigned i = 0; i < G_N_ELEMENTS(bus->devices); i++) {
        if (bus->devices[i]) {
            pci_count_pins(bus->devices[i], 1);
        }
    }
}

/* ---- Base addresses ---- */

static unsigned pci_bar_offset(int n)
{
    return n == PCI_ROM_SLOT ? PCI_ROM_ADDRESS : PCI_BASE_ADDRESS_0 + 4 * n;
}

void pci_register_bar(PCIDevice *dev, int n, uint8_t type, MemoryRegion *memory)
{
    uint64_t size = memory_region_size(memory);
    uint64_t wmask = ~(size - 1);
    PCIIORegion *r = &dev->io_regions[n];

    assert(n < PCI_NUM_REGIONS && is_power_of_2(size));
    r->addr = PCI_BAR_UNMAPPED;
    r->size = size;
    r->type = type;
    r->memory = memory;
    st32_le(dev->config + pci_bar_offset(n), type);
    if (n == PCI_ROM_SLOT) {
        wmask |= PCI_ROM_ADDRESS_ENABLE;
    }
    if (!(type & PCI_BASE_ADDRESS_SPACE_IO) && type & PCI_BASE_ADDRESS_MEM_TYPE_64) {
        st64_le(dev->wmask + pci_bar_offset(n), wmask);
    } else {
        st32_le(dev->wmask + pci_bar_offset(n), wmask);
    }
}

static uint64_t pci_bar_address(const PCIDevice *dev, int n)
{
    const PCIIORegion *r = &dev->io_regions[n];
    uint16_t cmd = ld16_le(dev->config + PCI_COMMAND);
    bool wide = r->type & PCI_BASE_ADDRESS_MEM_TYPE_64;
    uint64_t addr;

    if (r->type & PCI_BASE_ADDRESS_SPACE_IO) {
        addr = ld32_le(dev->config + pci_bar_offset(n)) & ~(r->size - 1);
        if (!(cmd & PCI_COMMAND_IO) || addr == 0 || addr + r->size > 0x10000) {
            return PCI_BAR_UNMAPPED;
        }
        return addr;
    }
    if (n == PCI_ROM_SLOT && !(dev->config[PCI_ROM_ADDRESS] & PCI_ROM_ADDRESS_ENABLE)) {
        return PCI_BAR_UNMAPPED;
    }
    addr = wide ? ld64_le(dev->config + pci_bar_offset(n)) : ld32_le(dev->config + pci_bar_offset(n));
    addr &= ~(r->size - 1);
    /* An address that ends at the top of its space is what sizing leaves behind. */
    if (!(cmd & PCI_COMMAND_MEMORY) || addr == 0 || addr + r->size - 1 >= (wide ? UINT64_MAX : UINT32_MAX)) {
        return PCI_BAR_UNMAPPED;
    }
    return addr;
}

static void pci_update_mappings(PCIDevice *dev)
{
    PCIBus *bus = pci_get_bus(dev);

    memory_region_transaction_begin();
    for (int n = 0; n < PCI_NUM_REGIONS; n++) {
        PCIIORegion *r = &dev->io_regions[n];
        MemoryRegion *space;
        uint64_t addr;

        if (!r->size) {
            continue;
        }
        addr = pci_bar_address(dev, n);
        if (addr == r->addr) {
            continue;
        }
        space = r->type & PCI_BASE_ADDRESS_SPACE_IO ? bus->io_space : bus->mem_space;
        if (r->addr != PCI_BAR_UNMAPPED) {
            memory_region_del_subregion(space, r->memory);
        }
        r->addr = addr;
        if (addr != PCI_BAR_UNMAPPED) {
            memory_region_add_subregion_overlap(space, addr, r->memory, 1);
        }
    }
    memory_region_transaction_commit();
}

/* ---- Configuration space ---- */

unsigned pci_add_capability(PCIDevice *dev, uint8_t cap_id, unsigned size)
{
    return pci_add_capability_at(dev, cap_id, 0, size);
}

unsigned pci_add_capability_at(PCIDevice *dev, uint8_t cap_id, unsigned offset, unsigned size)
{
    offset = offset ? offset : QEMU_ALIGN_UP(dev->next_cap, 4u);
    assert(offset % 4 == 0 && offset >= PCI_CONFIG_HEADER_SIZE && offset + size <= PCI_CONFIG_SIZE);
    dev->config[offset] = cap_id;
    dev->config[offset + 1] = dev->config[PCI_CAPABILITY_LIST];
    dev->config[PCI_CAPABILITY_LIST] = offset;
    dev->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    dev->next_cap = MAX(dev->next_cap, offset + size);
    return offset;
}

bool pci_is_bus_master(const PCIDevice *dev)
{
    return ld16_le(dev->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
}

uint32_t pci_default_read_config(PCIDevice *dev, uint32_t addr, unsigned len)
{
    uint8_t le[4] = { 0 };

    assert(addr + len <= PCI_CONFIG_SIZE && len <= 4);
    memcpy(le, dev->config + addr, len);
    return ld32_le(le);
}

void pci_default_write_config(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len)
{
    bool was_disabled = pci_intx_disabled(dev);

    assert(addr + len <= PCI_CONFIG_SIZE && len <= 4);
    for (unsigned i = 0; i < len; i++, val >>= 8) {
        uint8_t wmask = dev->wmask[addr + i];
        uint8_t w1c = dev->w1cmask[addr + i];
        uint8_t *b = &dev->config[addr + i];

        *b = (*b & ~wmask) | (val & wmask);
        *b &= ~(val & w1c);
    }
    if (ranges_overlap(addr, len, PCI_BASE_ADDRESS_0, 4 * PCI_NUM_BARS) ||
        ranges_overlap(addr, len, PCI_ROM_ADDRESS, 4) || ranges_overlap(addr, len, PCI_COMMAND, 2)) {
        pci_update_mappings(dev);
    }
    if (ranges_overlap(addr, len, PCI_COMMAND, 2)) {
        pci_intx_enable_changed(dev, was_disabled);
    }
    msi_write_config(dev, addr, len);
    msix_write_config(dev, addr, len);
}

static PCIDevice *pci_find_by_addr(PCIBus *bus, uint32_t addr)
{
    if (addr >> 16 & 0xff) {
        return NULL;            /* there is one bus */
    }
    return bus->devices[addr >> 8 & 0xff];
}

uint32_t pci_data_read(PCIBus *bus, uint32_t addr, unsigned len)
{
    PCIDevice *dev = pci_find_by_addr(bus, addr);
    const PCIDeviceClass *pc;

    if (!dev || (addr & 0xff) + len > PCI_CONFIG_SIZE) {
        return UINT32_MAX >> (32 - 8 * len);
    }
    pc = dev->qdev.klass->class_data;
    return (pc->config_read ? pc->config_read : pci_default_read_config)(dev, addr & 0xff, len);
}

void pci_data_write(PCIBus *bus, uint32_t addr, uint32_t val, unsigned len)
{
    PCIDevice *dev = pci_find_by_addr(bus, addr);
    const PCIDeviceClass *pc;

    if (!dev || (addr & 0xff) + len > PCI_CONFIG_SIZE) {
        return;
    }
    pc = dev->qdev.klass->class_data;
    (pc->config_write ? pc->config_write : pci_default_write_config)(dev, addr & 0xff, val, len);
}

/* ---- Life ---- */

static void pci_config_init(PCIDevice *dev, const PCIDeviceClass *pc)
{
    st16_le(dev->config + PCI_VENDOR_ID, pc->vendor_id);
    st16_le(dev->config + PCI_DEVICE_ID, pc->device_id);
    dev->config[PCI_REVISION_ID] = pc->revision;
    dev->config[PCI_CLASS_PROG] = pc->prog_if;
    st16_le(dev->config + PCI_CLASS_DEVICE, pc->class_id);
    st16_le(dev->config + PCI_SUBSYSTEM_VENDOR_ID, pc->subsystem_vendor_id ? pc->subsystem_vendor_id : 0x1af4);
    st16_le(dev->config + PCI_SUBSYSTEM_ID, pc->subsystem_id ? pc->subsystem_id : 0x1100);
    dev->config[PCI_HEADER_TYPE] = dev->multifunction || pc->multifunction ? 0x80 : 0;
    st16_le(dev->wmask + PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                                          PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
    dev->wmask[PCI_CACHE_LINE_SIZE] = 0xff;
    dev->wmask[PCI_INTERRUPT_LINE] = 0xff;
    st16_le(dev->w1cmask + PCI_STATUS, 0xf900);
    dev->next_cap = PCI_CONFIG_HEADER_SIZE;
}

bool pci_qdev_realize(DeviceState *qdev, GError **errp)
{
    PCIDevice *dev = (PCIDevice *)qdev;
    const PCIDeviceClass *pc = qdev->klass->class_data;

    pci_config_init(dev, pc);
    if (!pci_add_option_rom(dev, errp)) {
        return false;
    }
    pci_get_bus(dev)->devices[dev->devfn] = dev;
    if (pc->realize && !pc->realize(dev, errp)) {
        pci_get_bus(dev)->devices[dev->devfn] = NULL;
        pci_del_option_rom(dev);
        return false;
    }
    pci_patch_option_rom(dev);
    return true;
}

void pci_qdev_unrealize(DeviceState *qdev)
{
    PCIDevice *dev = (PCIDevice *)qdev;
    const PCIDeviceClass *pc = qdev->klass->class_data;

    if (dev->config[PCI_INTERRUPT_PIN]) {
        pci_set_irq(dev, 0);
    }
    st16_le(dev->config + PCI_COMMAND, 0);
    pci_update_mappings(dev);
    if (pc->exit) {
        pc->exit(dev);
    }
    pci_del_option_rom(dev);
    pci_get_bus(dev)->devices[dev->devfn] = NULL;
}

void pci_qdev_reset(DeviceState *qdev)
{
    PCIDevice *dev = (PCIDevice *)qdev;
    const PCIDeviceClass *pc = qdev->klass->class_data;

    if (pc->reset) {
        pc->reset(dev);
    }
    if (dev->config[PCI_INTERRUPT_PIN]) {
        pci_set_irq(dev, 0);
    }
    st16_le(dev->config + PCI_COMMAND, 0);
    st16_le(dev->config + PCI_STATUS, ld16_le(dev->config + PCI_STATUS) & ~0xf900);
    dev->config[PCI_CACHE_LINE_SIZE] = 0;
    dev->config[PCI_INTERRUPT_LINE] = 0;
    msi_reset(dev);
    msix_reset(dev);
    for (int n = 0; n < PCI_NUM_REGIONS; n++) {
        PCIIORegion *r = &dev->io_regions[n];

        if (r->size) {
            st32_le(dev->config + pci_bar_offset(n), r->type);
            if (!(r->type & PCI_BASE_ADDRESS_SPACE_IO) && r->type & PCI_BASE_ADDRESS_MEM_TYPE_64) {
                st32_le(dev->config + pci_bar_offset(n) + 4, 0);
            }
        }
    }
    pci_update_mappings(dev);
}

/* ---- State ---- */

/* A stream may not change what the device is: bits that the guest cannot write must be ours. */
static bool pci_config_fits(const PCIDevice *dev, const uint8_t *in)
{
    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
        uint8_t fixed = ~(dev->wmask[i] | dev->w1cmask[i]);

        if (i != PCI_STATUS && !msi_is_status_byte(dev, i) && (in[i] ^ dev->config[i]) & fixed) {
            return false;
        }
    }
    return true;
}

static int pci_get_config(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    PCIDevice *dev = (PCIDevice *)((char *)pv - offsetof(PCIDevice, config));
    uint8_t in[PCI_CONFIG_SIZE];

    if (qemu_get_buffer(f, in, sizeof(in)) != sizeof(in)) {
        return -EIO;
    }
    if (!pci_config_fits(dev, in)) {
        return -EINVAL;
    }
    memcpy(dev->config, in, sizeof(in));
    return 0;
}

static int pci_put_config(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    qemu_put_buffer(f, pv, PCI_CONFIG_SIZE);
    return 0;
}

static const VMStateInfo vmstate_info_pci_config = {
    .name = "pci config",
    .get = pci_get_config,
    .put = pci_put_config,
};

/*
 * The levels downstream of the pins (ISA bridge, interrupt controller) come with their own sections, so here only
 * the count of raised pins follows the state.
 */
static int pci_device_pre_load(void *opaque)
{
    PCIDevice *dev = opaque;

    pci_count_pins(dev, -1);
    dev->irq_state = 0;         /* so that a load that fails half way leaves count and state agreeing */
    return 0;
}

static int pci_device_post_load(void *opaque, int version_id)
{
    PCIDevice *dev = opaque;
    int pin = dev->config[PCI_INTERRUPT_PIN] - 1;

    if (dev->irq_state & ~(pin >= 0 ? 1 << pin : 0)) {
        dev->irq_state = 0;
        return -EINVAL;
    }
    pci_count_pins(dev, 1);
    pci_update_mappings(dev);
    return 0;
}

const VMStateDescription vmstate_pci_device = {
    .name = "PCIDevice",
    .version_id = 3,
    .minimum_version_id = 3,
    .pre_load = pci_device_pre_load,
    .post_load = pci_device_post_load,
    .fields = (const VMStateField[]) {
        { .name = "config", .size = PCI_CONFIG_SIZE, .info = &vmstate_info_pci_config, .flags = VMS_SINGLE,
          .offset = offsetof(PCIDevice, config) },
        VMSTATE_UINT8(irq_state, PCIDevice),
        VMSTATE_SINGLE(msix, PCIDevice, 0, vmstate_info_msix, MSIXState *),
        VMSTATE_END_OF_LIST()
    },
};
