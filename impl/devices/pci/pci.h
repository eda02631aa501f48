/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI: configuration space, base addresses, interrupt pins, and one root bus.
 *
 * Context: BQL held.
 *
 * I1  A base address is mapped exactly while its decode bit is set and its address is not the all-ones of sizing.
 * I2  The guest changes only bits of wmask; bits of w1cmask clear when it writes 1.
 * Source: PCI Local Bus 3.0, chapter 6.
 */
#ifndef DEVICES_PCI_PCI_H
#define DEVICES_PCI_PCI_H

#include "devices/device.h"
#include "devices/irq.h"
#include "mem/memory.h"

#define PCI_CONFIG_SIZE 256
#define PCI_CONFIG_HEADER_SIZE 0x40
#define PCI_NUM_BARS 6
#define PCI_ROM_SLOT 6              /* the expansion ROM's place among a device's regions */
#define PCI_NUM_REGIONS 7
#define PCI_NUM_PINS 4
#define PCI_MAX_LINES 8
#define PCI_BAR_UNMAPPED UINT64_MAX

#define PCI_VENDOR_ID 0x00
#define PCI_DEVICE_ID 0x02
#define PCI_COMMAND 0x04
#define PCI_COMMAND_IO 0x1
#define PCI_COMMAND_MEMORY 0x2
#define PCI_COMMAND_MASTER 0x4
#define PCI_COMMAND_SERR 0x100
#define PCI_COMMAND_INTX_DISABLE 0x400
#define PCI_STATUS 0x06
#define PCI_STATUS_INTERRUPT 0x08
#define PCI_STATUS_CAP_LIST 0x10
#define PCI_REVISION_ID 0x08
#define PCI_CLASS_PROG 0x09
#define PCI_CLASS_DEVICE 0x0a
#define PCI_CACHE_LINE_SIZE 0x0c
#define PCI_HEADER_TYPE 0x0e
#define PCI_BASE_ADDRESS_0 0x10
#define PCI_BASE_ADDRESS_SPACE_IO 0x1
#define PCI_BASE_ADDRESS_MEM_TYPE_64 0x4
#define PCI_BASE_ADDRESS_MEM_PREFETCH 0x8
#define PCI_SUBSYSTEM_VENDOR_ID 0x2c
#define PCI_SUBSYSTEM_ID 0x2e
#define PCI_ROM_ADDRESS 0x30
#define PCI_ROM_ADDRESS_ENABLE 0x1
#define PCI_CAPABILITY_LIST 0x34
#define PCI_INTERRUPT_LINE 0x3c
#define PCI_INTERRUPT_PIN 0x3d

#define PCI_CAP_ID_MSI 0x05
#define PCI_CAP_ID_VNDR 0x09
#define PCI_CAP_ID_MSIX 0x11

typedef struct PCIDevice PCIDevice;
typedef struct PCIBus PCIBus;
typedef struct MSIXState MSIXState;

/** A kind of PCI device; DeviceClass.class_data points here. */
typedef struct PCIDeviceClass {
    uint16_t vendor_id;
    uint16_t device_id;
    uint8_t revision;
    uint16_t class_id;
    uint8_t prog_if;
    uint16_t subsystem_vendor_id;
    uint16_t subsystem_id;
    bool multifunction;
    const char *romfile;        /* default contents of the expansion ROM; none if the file is not installed */
    bool (*realize)(PCIDevice *dev, GError **errp);
    void (*exit)(PCIDevice *dev);
    void (*reset)(PCIDevice *dev);
    uint32_t (*config_read)(PCIDevice *dev, uint32_t addr, unsigned len);
    void (*config_write)(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len);
} PCIDeviceClass;

typedef struct PCIIORegion {
    uint64_t addr;              /* where it is mapped now; PCI_BAR_UNMAPPED: nowhere */
    uint64_t size;              /* bytes, power of two; 0: no such base address */
    uint8_t type;
    MemoryRegion *memory;       /* borrowed from the device */
} PCIIORegion;

struct PCIDevice {
    DeviceState qdev;
    int32_t devfn_prop;         /* what the user asked for */
    int devfn;
    bool multifunction;
    uint8_t config[PCI_CONFIG_SIZE];
    uint8_t wmask[PCI_CONFIG_SIZE];
    uint8_t w1cmask[PCI_CONFIG_SIZE];
    unsigned next_cap;          /* first free byte after the last capability */
    PCIIORegion io_regions[PCI_NUM_REGIONS];
    uint8_t irq_state;          /* a bit per pin */
    uint8_t msi_cap;            /* offsets of the capabilities; 0: none */
    uint8_t msix_cap;
    MSIXState *msix;
    char *romfile;              /* properties of the expansion ROM; file NULL: the class's, "": none */
    uint32_t rom_bar;           /* 0: the guest does not see it */
    uint32_t romsize;           /* bytes, UINT32_MAX: as large as the file asks for */
    MemoryRegion rom;
};

/** A bus of 32 slots. @map_irq: which of the host's lines (0..7) pin @pin (0..3) of @dev is wired to. */
struct PCIBus {
    BusState bus;
    PCIDevice *devices[256];
    MemoryRegion *mem_space;
    MemoryRegion *io_space;
    int (*map_irq)(PCIDevice *dev, int pin);
    void (*set_irq)(void *opaque, int line, int level);
    void *irq_opaque;
    int32_t irq_count[PCI_MAX_LINES];
};

extern const BusClass pci_bus_class;

void pci_bus_init(PCIBus *bus, DeviceState *parent, const char *name, MemoryRegion *mem, MemoryRegion *io);
void pci_bus_irqs(PCIBus *bus, void (*set_irq)(void *opaque, int line, int level),
                  int (*map_irq)(PCIDevice *dev, int pin), void *opaque);
static inline PCIBus *pci_get_bus(const PCIDevice *dev)
{
    return (PCIBus *)dev->qdev.parent_bus;
}
/** pci_bus_get_irq_level: of host line @line, 0 or 1. */
int pci_bus_get_irq_level(PCIBus *bus, int line);
/** pci_bus_recount_irqs: map_irq has changed its mind. Nobody is told of levels that are different now. */
void pci_bus_recount_irqs(PCIBus *bus);

/** For DeviceClass.realize and the other slots of every PCI device. */
bool pci_qdev_realize(DeviceState *dev, GError **errp);
void pci_qdev_unrealize(DeviceState *dev);
void pci_qdev_reset(DeviceState *dev);

/** pci_register_bar: @type: PCI_BASE_ADDRESS_* bits. A 64-bit one takes @n and @n + 1. */
void pci_register_bar(PCIDevice *dev, int n, uint8_t type, MemoryRegion *memory);
/** pci_add_option_rom: what romfile=, romsize= and rombar= ask for, as base address PCI_ROM_SLOT. */
G_GNUC_WARN_UNUSED_RESULT
bool pci_add_option_rom(PCIDevice *dev, GError **errp);
/** pci_patch_option_rom: once @dev has its final ids, an image that came with the class gets them too. */
void pci_patch_option_rom(PCIDevice *dev);
void pci_del_option_rom(PCIDevice *dev);
/**
 * pci_add_capability: @size bytes with id and link filled in, the rest zero and read-only.
 * Returns the offset. Overflowing configuration space is our bug (asserted).
 */
unsigned pci_add_capability(PCIDevice *dev, uint8_t cap_id, unsigned size);
/** pci_add_capability_at: the same at @offset, for devices whose layout is known; 0: behind the others. */
unsigned pci_add_capability_at(PCIDevice *dev, uint8_t cap_id, unsigned offset, unsigned size);
/** pci_is_bus_master: may @dev touch memory? */
bool pci_is_bus_master(const PCIDevice *dev);
/** pci_set_irq: level of the device's own pin (configuration space says which). */
void pci_set_irq(PCIDevice *dev, int level);

/* Access from the guest; @len 1, 2 or 4, @addr below 256. Never fails. */
uint32_t pci_default_read_config(PCIDevice *dev, uint32_t addr, unsigned len);
void pci_default_write_config(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len);
/** pci_data_read / write: the 0xcfc window; @addr as written to 0xcf8, with the byte in the low bits. */
uint32_t pci_data_read(PCIBus *bus, uint32_t addr, unsigned len);
void pci_data_write(PCIBus *bus, uint32_t addr, uint32_t val, unsigned len);

struct VMStateDescription;
extern const struct VMStateDescription vmstate_pci_device;
#define VMSTATE_PCI_DEVICE(f, s) VMSTATE_STRUCT(f, s, 0, vmstate_pci_device, PCIDevice)

#define PCI_COMMON_PROPS(state, member) \
    DEFINE_PROP_PCI_DEVFN("addr", state, member.devfn_prop, -1), \
    DEFINE_PROP_STRING("romfile", state, member.romfile), \
    DEFINE_PROP_UINT32("romsize", state, member.romsize, UINT32_MAX), \
    DEFINE_PROP_UINT32("rombar", state, member.rom_bar, 1), \
    DEFINE_PROP_BOOL("multifunction", state, member.multifunction, false)

#endif
