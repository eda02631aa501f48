/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICH9-LPC: the bridge to the ISA bus. Routes PCI interrupts to inputs of both interrupt controllers, has the ACPI
 * fixed hardware at a base address that firmware chooses, the SMI command port, the chip's configuration registers
 * (RCBA) and the reset control register at 0xcf9.
 *
 * There is no system management mode. Firmware that would set it up finds it marked as done.
 *
 * I1  The level of an input is the or of the PCI lines routed to it and, if it is the one chosen for it, the SCI.
 * Source: Intel ICH9 data sheet, 316972, chapters 10 (chip configuration) and 13 (LPC bridge).
 */
#include "devices/ich9/ich9.h"

#include <string.h>

#include "base/bytes.h"
#include "devices/acpi/acpi_pm.h"
#include "devices/table.h"
#include "machine/runstate.h"
#include "migration/vmstate.h"

#define LPC_PMBASE 0x40
#define LPC_PMBASE_MASK 0xff80
#define LPC_ACPI_CNTL 0x44
#define LPC_ACPI_CNTL_EN 0x80
#define LPC_ACPI_CNTL_SCI_MASK 7
#define LPC_PIRQA_ROUT 0x60         /* four lines here, the other four at LPC_PIRQE_ROUT */
#define LPC_PIRQE_ROUT 0x68
#define LPC_PIRQ_OFF 0x80
#define LPC_RCBA 0xf0
#define LPC_RCBA_ENABLE 1
#define LPC_RCBA_MASK 0xffffc000u

#define NUM_PIRQS 8
#define PM_SIZE 128
#define PM_SMI_EN 0x30
#define PM_SMI_SIZE 8
#define SMI_EN_APMC 0x20            /* the command port raises SMIs: what firmware takes for "set up already" */
#define SMI_PORT 0xb2
#define RESET_PORT 0xcf9

/* Chip configuration: how the pins of devices 25 to 31 reach the lines. */
#define RCRB_SIZE 0x4000
#define RCRB_DIR_FIRST_SLOT 25
#define RCRB_DIR_SLOTS 7
#define RCRB_DIR_DEFAULT 0x3210
#define RCRB_GCS 0x3410
#define RCRB_GCS_DEFAULT 0x20       /* the watchdog does not reset */
#define DMI_BRIDGE_SLOT 30          /* has no register: its pins are lines E to H */

typedef struct ICH9LPCState {
    PCIDevice dev;
    ISABus isa;
    ACPIPM pm;
    MemoryRegion pm_io;             /* the container at PMBASE */
    MemoryRegion smi_en_io;
    MemoryRegion smi_io;
    MemoryRegion rst_io;
    MemoryRegion rcrb;
    IRQState sci;
    bool sci_level;
    uint8_t smi[2];                 /* command and status */
    uint8_t rst_cnt;
    uint16_t dir[RCRB_DIR_SLOTS];
    uint16_t dir_stream[RCRB_DIR_SLOTS];        /* routing changes all at once, when loading has succeeded */
    uint32_t gcs;
    bool gsi_level[ICH9_NUM_GSIS];  /* as we drive them */
    qemu_irq gsi[ICH9_NUM_GSIS];
} ICH9LPCState;

ISABus *ich9_lpc_isa_bus(DeviceState *lpc)
{
    return &((ICH9LPCState *)lpc)->isa;
}

uint16_t ich9_lpc_pm_base(DeviceState *lpc)
{
    return ld16_le(((ICH9LPCState *)lpc)->dev.config + LPC_PMBASE) & LPC_PMBASE_MASK;
}

/* ---- Interrupts ---- */

static unsigned ich9_sci_gsi(const ICH9LPCState *s)
{
    static const uint8_t gsi[8] = { 9, 10, 11, 9, 20, 21, 9, 9 };

    return gsi[s->dev.config[LPC_ACPI_CNTL] & LPC_ACPI_CNTL_SCI_MASK];
}

/* The ISA input line @pirq goes to, or -1. */
static int ich9_pirq_route(const ICH9LPCState *s, unsigned pirq)
{
    uint8_t reg = s->dev.config[pirq < 4 ? LPC_PIRQA_ROUT + pirq : LPC_PIRQE_ROUT + pirq - 4];

    return reg & LPC_PIRQ_OFF ? -1 : reg & 0xf;
}

static bool ich9_want_level(ICH9LPCState *s, unsigned gsi)
{
    PCIBus *bus = pci_get_bus(&s->dev);
    bool level = gsi == ich9_sci_gsi(s) && s->sci_level;

    if (gsi >= ICH9_GSI_PIRQ) {
        return level || pci_bus_get_irq_level(bus, gsi - ICH9_GSI_PIRQ);
    }
    for (unsigned pirq = 0; pirq < NUM_PIRQS; pirq++) {
        level |= ich9_pirq_route(s, pirq) == (int)gsi && pci_bus_get_irq_level(bus, pirq);
    }
    return level;
}

static void ich9_update_gsi(ICH9LPCState *s, unsigned gsi)
{
    bool level = ich9_want_level(s, gsi);       /* (I1) */

    /* An input that we do not hold up may be another device's on the ISA bus: it is left alone. */
    if (level != s->gsi_level[gsi]) {
        s->gsi_level[gsi] = level;
        qemu_set_irq(s->gsi[gsi], level);
    }
}

static void ich9_update_all(ICH9LPCState *s)
{
    for (unsigned gsi = 0; gsi < ICH9_NUM_GSIS; gsi++) {
        ich9_update_gsi(s, gsi);
    }
}

static void ich9_set_pirq(void *opaque, int pirq, int level)
{
    ICH9LPCState *s = opaque;
    int gsi = ich9_pirq_route(s, pirq);

    if (gsi >= 0) {
        ich9_update_gsi(s, gsi);
    }
    ich9_update_gsi(s, ICH9_GSI_PIRQ + pirq);
}

static int ich9_map_irq(PCIDevice *dev, int pin)
{
    ICH9LPCState *s = pci_get_bus(dev)->irq_opaque;
    unsigned slot = dev->devfn >> 3;

    if (slot < RCRB_DIR_FIRST_SLOT) {
        return 4 + ((slot + pin) & 3);
    }
    if (slot == DMI_BRIDGE_SLOT) {
        return 4 + pin;
    }
    return s->dir[slot - RCRB_DIR_FIRST_SLOT] >> 4 * pin & 7;
}

static void ich9_set_sci(void *opaque, int n, int level)
{
    ICH9LPCState *s = opaque;

    /* Loading state sets it to what it is; the lines downstream have their own streams. */
    if (s->sci_level != !!level) {
        s->sci_level = level;
        ich9_update_gsi(s, ich9_sci_gsi(s));
    }
}

void ich9_lpc_connect(DeviceState *lpc, qemu_irq *gsi)
{
    ICH9LPCState *s = (ICH9LPCState *)lpc;

    for (int n = 0; n < ICH9_NUM_GSIS; n++) {
        s->gsi[n] = gsi[n];
    }
    for (int n = 0; n < ISA_NUM_IRQS; n++) {
        isa_bus_connect_irq(&s->isa, n, gsi[n]);
    }
    pci_bus_irqs(pci_get_bus(&s->dev), ich9_set_pirq, ich9_map_irq, s);
}

/* ---- Chip configuration registers ---- */

/* The register of a slot is at an odd place or two; -1: not such a register. */
static int ich9_dir_index(hwaddr addr)
{
    static const struct {
        uint16_t offset;
        uint8_t slot;
    } dirs[] = { { 0x3140, 31 }, { 0x3144, 29 }, { 0x3146, 28 }, { 0x3148, 27 }, { 0x314c, 26 }, { 0x3150, 25 } };

    for (unsigned i = 0; i < G_N_ELEMENTS(dirs); i++) {
        if (dirs[i].offset == addr) {
            return dirs[i].slot - RCRB_DIR_FIRST_SLOT;
        }
    }
    return -1;
}

static uint16_t rcrb_read16(const ICH9LPCState *s, hwaddr addr)
{
    int i = ich9_dir_index(addr);

    if (i >= 0) {
        return s->dir[i];
    }
    return addr == RCRB_GCS ? (uint16_t)s->gcs : addr == RCRB_GCS + 2 ? s->gcs >> 16 : 0;
}

static uint64_t rcrb_read(void *opaque, hwaddr addr, unsigned size)
{
    ICH9LPCState *s = opaque;
    uint32_t word = rcrb_read16(s, addr & ~UINT64_C(1)) >> 8 * (addr & 1);

    return size == 4 ? word | (uint32_t)rcrb_read16(s, addr + 2) << 16 : word;
}

static void ich9_set_dir(ICH9LPCState *s, const uint16_t *dir)
{
    memcpy(s->dir, dir, sizeof(s->dir));
    pci_bus_recount_irqs(pci_get_bus(&s->dev));         /* pins that are up may have moved to other lines */
}

static void rcrb_write16(ICH9LPCState *s, hwaddr addr, uint16_t val)
{
    int i = ich9_dir_index(addr);

    if (i >= 0) {
        uint16_t dir[RCRB_DIR_SLOTS];

        memcpy(dir, s->dir, sizeof(dir));
        dir[i] = val;
        ich9_set_dir(s, dir);
        ich9_update_all(s);
    } else if (addr == RCRB_GCS) {
        s->gcs = (s->gcs & 0xffff0000u) | val;
    } else if (addr == RCRB_GCS + 2) {
        s->gcs = (s->gcs & 0xffff) | (uint32_t)val << 16;
    }
}

static void rcrb_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    ICH9LPCState *s = opaque;

    if (size == 1) {
        uint16_t old = rcrb_read16(s, addr & ~UINT64_C(1));

        val = addr & 1 ? (old & 0xff) | val << 8 : (old & 0xff00) | val;
        addr &= ~UINT64_C(1);
    }
    rcrb_write16(s, addr, val);
    if (size == 4) {
        rcrb_write16(s, addr + 2, val >> 16);
    }
}

static const MemoryRegionOps rcrb_ops = {
    .read = rcrb_read,
    .write = rcrb_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 4 },
};

/* ---- Ports ---- */

static uint64_t smi_en_read(void *opaque, hwaddr addr, unsigned size)
{
    return addr == 0 ? SMI_EN_APMC : 0;
}

static void smi_en_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    /* there is no SMI to enable */
}

static uint64_t smi_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((ICH9LPCState *)opaque)->smi[addr];
}

static void smi_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    ICH9LPCState *s = opaque;

    s->smi[addr] = val;
    if (addr == 0) {
        val = val == ICH9_ACPI_ENABLE ? ACPI_ENABLE : val == ICH9_ACPI_DISABLE ? ACPI_DISABLE : val;
        acpi_pm_smi_command(&s->pm, val);
    }
}

static uint64_t rst_read(void *opaque, hwaddr addr, unsigned size)
{
    return ((ICH9LPCState *)opaque)->rst_cnt;
}

static void rst_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    if (val & 4) {
        qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        return;
    }
    ((ICH9LPCState *)opaque)->rst_cnt = val & 0xa;
}

#define ICH9_PORT_OPS(r, w) \
    { .read = (r), .write = (w), .endianness = DEVICE_LITTLE_ENDIAN, \
      .impl = { .min_access_size = 1, .max_access_size = 1 } }

static const MemoryRegionOps smi_en_ops = ICH9_PORT_OPS(smi_en_read, smi_en_write);
static const MemoryRegionOps smi_ops = ICH9_PORT_OPS(smi_read, smi_write);
static const MemoryRegionOps rst_ops = ICH9_PORT_OPS(rst_read, rst_write);

/* ---- Configuration space ---- */

static void ich9_lpc_map(ICH9LPCState *s)
{
    const uint8_t *c = s->dev.config;
    uint32_t rcba = ld32_le(c + LPC_RCBA);

    memory_region_transaction_begin();
    memory_region_set_address(&s->pm_io, ich9_lpc_pm_base(&s->dev.qdev));
    memory_region_set_enabled(&s->pm_io, c[LPC_ACPI_CNTL] & LPC_ACPI_CNTL_EN);
    memory_region_set_address(&s->rcrb, rcba & LPC_RCBA_MASK);
    memory_region_set_enabled(&s->rcrb, rcba & LPC_RCBA_ENABLE);
    memory_region_transaction_commit();
}

static void ich9_lpc_config_write(PCIDevice *dev, uint32_t addr, uint32_t val, unsigned len)
{
    ICH9LPCState *s = (ICH9LPCState *)dev;

    pci_default_write_config(dev, addr, val, len);
    if (ranges_overlap(addr, len, LPC_PMBASE, 4) || ranges_overlap(addr, len, LPC_ACPI_CNTL, 1) ||
        ranges_overlap(addr, len, LPC_RCBA, 4)) {
        ich9_lpc_map(s);
    }
    if (ranges_overlap(addr, len, LPC_ACPI_CNTL, 1) || ranges_overlap(addr, len, LPC_PIRQA_ROUT, 4) ||
        ranges_overlap(addr, len, LPC_PIRQE_ROUT, 4)) {
        ich9_update_all(s);
    }
}

static void ich9_lpc_defaults(ICH9LPCState *s)
{
    static const uint16_t dir[RCRB_DIR_SLOTS] = { [0 ... RCRB_DIR_SLOTS - 1] = RCRB_DIR_DEFAULT };
    uint8_t *c = s->dev.config;

    st32_le(c + LPC_PMBASE, 1);         /* it is I/O space */
    c[LPC_ACPI_CNTL] = 0;
    for (unsigned i = 0; i < 4; i++) {
        c[LPC_PIRQA_ROUT + i] = c[LPC_PIRQE_ROUT + i] = LPC_PIRQ_OFF;
    }
    st32_le(c + LPC_RCBA, 0);
    ich9_set_dir(s, dir);
    s->gcs = RCRB_GCS_DEFAULT;
    s->rst_cnt = 0;
    s->smi[0] = s->smi[1] = 0;
}

static void ich9_lpc_init_wmask(PCIDevice *dev)
{
    st32_le(dev->wmask + LPC_PMBASE, LPC_PMBASE_MASK);
    dev->wmask[LPC_ACPI_CNTL] = LPC_ACPI_CNTL_EN | LPC_ACPI_CNTL_SCI_MASK;
    for (unsigned i = 0; i < 4; i++) {
        dev->wmask[LPC_PIRQA_ROUT + i] = dev->wmask[LPC_PIRQE_ROUT + i] = 0x8f;
    }
    st32_le(dev->wmask + 0x80, 0xffffffff);     /* which legacy ports are decoded: all are, always */
    st16_le(dev->wmask + 0xa0, 0x06ff);         /* general power management configuration */
    st32_le(dev->wmask + LPC_RCBA, LPC_RCBA_MASK | LPC_RCBA_ENABLE);
}

/* ---- Life ---- */

static void ich9_lpc_init(DeviceState *dev)
{
    ICH9LPCState *s = (ICH9LPCState *)dev;

    s->isa.io = get_system_io();
    bus_init(&s->isa.bus, &isa_bus_class, dev, "isa.0");
}

static bool ich9_lpc_realize(PCIDevice *dev, GError **errp)
{
    ICH9LPCState *s = (ICH9LPCState *)dev;

    ich9_lpc_init_wmask(dev);
    ich9_lpc_defaults(s);
    qemu_init_irq(&s->sci, ich9_set_sci, s, 0);
    acpi_pm_init(&s->pm, &s->sci, ICH9_PM_GPE0_LEN);
    memory_region_init(&s->pm_io, s, "ich9-pm", PM_SIZE);
    memory_region_add_subregion(&s->pm_io, 0, &s->pm.evt_io);
    memory_region_add_subregion(&s->pm_io, ICH9_PM_CNT, &s->pm.cnt_io);
    memory_region_add_subregion(&s->pm_io, ICH9_PM_TMR, &s->pm.tmr_io);
    memory_region_add_subregion(&s->pm_io, ICH9_PM_GPE0, &s->pm.gpe_io);
    memory_region_init_io(&s->smi_en_io, s, &smi_en_ops, s, "acpi-smi", PM_SMI_SIZE);
    memory_region_add_subregion(&s->pm_io, PM_SMI_EN, &s->smi_en_io);
    memory_region_set_enabled(&s->pm_io, false);
    memory_region_add_subregion(get_system_io(), 0, &s->pm_io);
    memory_region_init_io(&s->smi_io, s, &smi_ops, s, "apm-io", 2);
    memory_region_add_subregion(get_system_io(), SMI_PORT, &s->smi_io);
    memory_region_init_io(&s->rst_io, s, &rst_ops, s, "lpc-reset-control", 1);
    memory_region_add_subregion_overlap(get_system_io(), RESET_PORT, &s->rst_io, 1);
    memory_region_init_io(&s->rcrb, s, &rcrb_ops, s, "lpc-rcrb-mmio", RCRB_SIZE);
    memory_region_set_enabled(&s->rcrb, false);
    memory_region_add_subregion_overlap(get_system_memory(), 0, &s->rcrb, 1);
    return true;
}

static void ich9_lpc_exit(PCIDevice *dev)
{
    ICH9LPCState *s = (ICH9LPCState *)dev;
    MemoryRegion *const in_pm[] = { &s->pm.evt_io, &s->pm.cnt_io, &s->pm.tmr_io, &s->pm.gpe_io, &s->smi_en_io };
    MemoryRegion *const in_io[] = { &s->pm_io, &s->smi_io, &s->rst_io };

    pci_bus_irqs(pci_get_bus(dev), NULL, NULL, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(in_pm); i++) {
        memory_region_del_subregion(&s->pm_io, in_pm[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(in_io); i++) {
        memory_region_del_subregion(get_system_io(), in_io[i]);
        memory_region_finalize(in_io[i]);
    }
    memory_region_finalize(&s->smi_en_io);
    memory_region_del_subregion(get_system_memory(), &s->rcrb);
    memory_region_finalize(&s->rcrb);
    acpi_pm_cleanup(&s->pm);
}

static void ich9_lpc_reset(PCIDevice *dev)
{
    ICH9LPCState *s = (ICH9LPCState *)dev;

    ich9_lpc_defaults(s);
    acpi_pm_reset(&s->pm);
    ich9_lpc_map(s);
    ich9_update_all(s);
}

static int ich9_lpc_pre_save(void *opaque)
{
    ICH9LPCState *s = opaque;

    memcpy(s->dir_stream, s->dir, sizeof(s->dir));
    return 0;
}

static int ich9_lpc_post_load(void *opaque, int version_id)
{
    ICH9LPCState *s = opaque;

    ich9_set_dir(s, s->dir_stream);
    ich9_lpc_map(s);
    return 0;
}

static const PCIDeviceClass ich9_lpc_pci_class = {
    .vendor_id = 0x8086,
    .device_id = 0x2918,
    .revision = 2,
    .class_id = 0x0601,
    .multifunction = true,
    .realize = ich9_lpc_realize,
    .exit = ich9_lpc_exit,
    .reset = ich9_lpc_reset,
    .config_write = ich9_lpc_config_write,
};

static const VMStateDescription vmstate_ich9_lpc = {
    .name = "ICH9LPC",
    .version_id = 1,
    .minimum_version_id = 1,
    .pre_save = ich9_lpc_pre_save,
    .post_load = ich9_lpc_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(dev, ICH9LPCState),
        VMSTATE_UINT16_ARRAY(dir_stream, ICH9LPCState, RCRB_DIR_SLOTS),
        VMSTATE_UINT32(gcs, ICH9LPCState),
        VMSTATE_UINT8(rst_cnt, ICH9LPCState),
        VMSTATE_UINT8_ARRAY(smi, ICH9LPCState, 2),
        VMSTATE_BOOL(sci_level, ICH9LPCState),
        VMSTATE_BOOL_ARRAY(gsi_level, ICH9LPCState, ICH9_NUM_GSIS),
        VMSTATE_ACPI_PM(pm, ICH9LPCState),
        VMSTATE_END_OF_LIST()
    },
};

static const Property ich9_lpc_props[] = {
    PCI_COMMON_PROPS(ICH9LPCState, dev),
    DEFINE_PROP_END_OF_LIST()
};

const DeviceClass ich9_lpc_class = {
    .name = "ICH9-LPC",
    .desc = "ISA bridge",
    .bus_type = "PCI",
    .instance_size = sizeof(ICH9LPCState),
    .props = ich9_lpc_props,
    .init = ich9_lpc_init,
    .realize = pci_qdev_realize,
    .unrealize = pci_qdev_unrealize,
    .reset = pci_qdev_reset,
    .vmsd = &vmstate_ich9_lpc,
    .class_data = &ich9_lpc_pci_class,
};
