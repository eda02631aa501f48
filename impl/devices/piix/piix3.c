/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PIIX3: the bridge to the ISA bus. Routes the four PCI interrupt lines to inputs of the interrupt controller and
 * has the reset control register at 0xcf9.
 *
 * I1  The level of each controller input is the or of the PCI lines routed to it (pic_levels has a bit per line).
 * Source: Intel 82371SB data sheet, PIRQRC and RC registers.
 */
#include "devices/piix/piix.h"

#include "devices/table.h"
#include "machine/runstate.h"
#include "migration/vmstate.h"

#define PIIX_PIRQC 0x60
#define PIIX_NUM_PIRQS 4

typedef struct PIIX3State {
    PCIDevice dev;
    ISABus isa;
    MemoryRegion rcr;
    uint8_t rcr_val;
    uint8_t pic_levels[ISA_NUM_IRQS];
    qemu_irq pic[ISA_NUM_IRQS];
} PIIX3State;

ISABus *piix3_isa_bus(DeviceState *piix3)
{
    return &((PIIX3State *)piix3)->isa;
}

/* Where line @pirq goes, or ISA_NUM_IRQS when it is switched off. */
static unsigned piix3_route(const PIIX3State *s, int pirq)
{
    uint8_t reg = s->dev.config[PIIX_PIRQC + pirq];

    return reg < ISA_NUM_IRQS ? reg : ISA_NUM_IRQS;
}

static void piix3_set_irq(void *opaque, int pirq, int level)
{
    PIIX3State *s = opaque;
    unsigned n = piix3_route(s, pirq);

    if (n < ISA_NUM_IRQS) {
        s->pic_levels[n] = level ? s->pic_levels[n] | 1 << pirq : s->pic_levels[n] & ~(1 << pirq);
        qemu_set_irq(s->pic[n], s->pic_levels[n] != 0);
    }
}

/* Each slot's pins start one line further on, so that devices share the four lines evenly. */
static int piix3_map_irq(PCIDevice *dev, int pin)
{
    return ((dev->devfn >> 3) + pin - 1) & 3;
}

void piix3_connect_pic(DeviceState *dev, qemu_irq *pic)
{
    PIIX3State *s = (PIIX3State *)dev;

    for (int n = 0; n < ISA_NUM_IRQS; n++) {
        s->pic[n] = pic[n];
        isa_bus_connect_irq(&s->isa, n, pic[n]);
    }
    pci_bus_irqs(pci_get_bus(&s->dev), piix3_set_irq, piix3_map_irq, s);
}

static void piix3_reroute(PIIX3State *s)
{
    PCIBus *bus = pci_get_bus(&s->dev);

    for (int n = 0; n < ISA_NUM_IRQS; n++) {
        if (s->pic_levels[n]) {
            s->pic_levels[n] = 0;
            qemu_set_irq(s->pic[n], 0);
        }
    }
    for (int pirq = 0; pirq < PIIX_NUM_PIRQS; pirq++) {
        piix3_set_irq(s, pirq, pci_bus_get_irq_level(bus, pirq));
    }
}

static void piix3_config_write(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len)
{
    pci_default_write_config(dev, addr, val, len);
    if (addr < PIIX_PIRQC + PIIX_NUM_PIRQS && addr + len > PIIX_PIRQC) {
        piix3_reroute((PIIX3State *)dev);
    }
}

static void rcr_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    PIIX3State *s = opaque;

    if (val & 4) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        return;
    }
    s->rcr_val = val & 2;
}

static uint64_t rcr_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((PIIX3State *)opaque)->rcr_val;
}

static const MemoryRegionOps rcr_ops = {
    .read = rcr_read,
    .write = rcr_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static void piix3_init(DeviceState *dev)
{
    PIIX3State *s = (PIIX3State *)dev;

    s->isa.io = get_system_io();
    bus_init(&s->isa.bus, &isa_bus_class, dev, "isa.0");
}

static bool piix3_realize(PCIDevice *dev, GError **errp)
{
    PIIX3State *s = (PIIX3State *)dev;

    for (unsigned i = PIIX_PIRQC; i < PIIX_PIRQC + PIIX_NUM_PIRQS; i++) {
        dev->wmask[i] = 0x8f;
        dev->config[i] = 0x80;
    }
    memory_region_init_io(&s->rcr, s, &rcr_ops, s, "piix3-reset-control", 1);
    memory_region_add_subregion_overlap(get_system_io(), 0xcf9, &s->rcr, 1);
    return true;
}

static void piix3_exit(PCIDevice *dev)
{
    PIIX3State *s = (PIIX3State *)dev;

    pci_bus_irqs(pci_get_bus(dev), NULL, NULL, NULL);
    memory_region_del_subregion(get_system_io(), &s->rcr);
    memory_region_finalize(&s->rcr);
}

static void piix3_reset(PCIDevice *dev)
{
    PIIX3State *s = (PIIX3State *)dev;

    for (unsigned i = PIIX_PIRQC; i < PIIX_PIRQC + PIIX_NUM_PIRQS; i++) {
        dev->config[i] = 0x80;
    }
    for (unsigned n = 0; n < ISA_NUM_IRQS; n++) {
        s->pic_levels[n] = 0;
    }
    s->rcr_val = 0;
}

static const PCIDeviceClass piix3_pci_class = {
    .vendor_id = 0x8086,
    .device_id = 0x7000,
    .class_id = 0x0601,
    .multifunction = true,
    .realize = piix3_realize,
    .exit = piix3_exit,
    .reset = piix3_reset,
    .config_write = piix3_config_write,
};

static const VMStateDescription vmstate_piix3 = {
    .name = "PIIX3",
    .version_id = 3,
    .minimum_version_id = 3,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(dev, PIIX3State),
        VMSTATE_UINT8(rcr_val, PIIX3State),
        VMSTATE_UINT8_ARRAY(pic_levels, PIIX3State, ISA_NUM_IRQS),
        VMSTATE_END_OF_LIST()
    },
};

static const Property piix3_props[] = {
    PCI_COMMON_PROPS(PIIX3State, dev),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass piix3_class = {
    .name = "PIIX3",
    .desc = "ISA bridge",
    .bus_type = "PCI",
    .instance_size = sizeof(PIIX3State),
    .props = piix3_props,
    .init = piix3_init,
    .realize = pci_qdev_realize,
    .unrealize = pci_qdev_unrealize,
    .reset = pci_qdev_reset,
    .vmsd = &vmstate_piix3,
    .class_data = &piix3_pci_class,
};
