/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The I/O APIC. See ioapic.h.
 *
 * irr keeps what an input asks for: for an edge until it is sent, for a level as long as the line is up.
 */
#include "devices/ioapic/ioapic.h"

#include "devices/apic/apic.h"
#include "devices/table.h"
#include "mem/memory.h"
#include "migration/vmstate.h"

#define ENTRY_VECTOR 0xffu
#define ENTRY_DELIVERY_SHIFT 8
#define ENTRY_DEST_MODE_SHIFT 11
#define ENTRY_STATUS (1u << 12)
#define ENTRY_REMOTE_IRR (1u << 14)
#define ENTRY_LEVEL_SHIFT 15
#define ENTRY_MASKED (1u << 16)
#define ENTRY_DEST_SHIFT 56
#define ENTRY_WRITABLE (UINT64_C(0xff00000000000000) | 0x1afff)

enum { IOREGSEL = 0x00, IOWIN = 0x10, IOEOI = 0x40 };
enum { REG_ID = 0, REG_VERSION = 1, REG_ARB = 2, REG_REDIRECTION = 0x10 };
enum { IOAPIC_VERSION = 0x20, IOAPIC_SPACE_SIZE = 0x1000 };

typedef struct IOAPICState {
    DeviceState parent;
    MemoryRegion mmio;
    IRQState inputs[IOAPIC_NUM_PINS];
    uint8_t id;
    uint8_t ioregsel;
    uint32_t irr;
    uint32_t level;             /* of the lines */
    uint64_t entries[IOAPIC_NUM_PINS];
} IOAPICState;

static bool is_level(uint64_t entry)
{
    return entry >> ENTRY_LEVEL_SHIFT & 1;
}

/* Send what input @pin asks for, if it may be sent. */
static void ioapic_service(IOAPICState *s, unsigned pin)
{
    uint64_t *e = &s->entries[pin];

    if (!(s->irr >> pin & 1) || (*e & ENTRY_MASKED)) {
        return;
    }
    if (!is_level(*e)) {
        s->irr &= ~(1u << pin);
    } else if (*e & ENTRY_REMOTE_IRR) {
        return;   /* (I1) */
    } else {
        *e |= ENTRY_REMOTE_IRR;
    }
    apic_deliver_irq((uint8_t)(*e >> ENTRY_DEST_SHIFT), *e >> ENTRY_DEST_MODE_SHIFT & 1,
                     *e >> ENTRY_DELIVERY_SHIFT & 7, *e & ENTRY_VECTOR, is_level(*e));
}

static void ioapic_set_irq(void *opaque, int pin, int level)
{
    IOAPICState *s = opaque;
    uint32_t bit = 1u << pin;
    bool was = s->level & bit;

    s->level = level ? s->level | bit : s->level & ~bit;
    if (is_level(s->entries[pin])) {
        s->irr = level ? s->irr | bit : s->irr & ~bit;
    } else if (level && !was) {
        s->irr |= bit;
    }
    ioapic_service(s, (unsigned)pin);
}

static void ioapic_eoi(IOAPICState *s, int vector)
{
    for (unsigned pin = 0; pin < IOAPIC_NUM_PINS; pin++) {
        uint64_t *e = &s->entries[pin];

        if ((*e & ENTRY_VECTOR) == (unsigned)vector && is_level(*e) && (*e & ENTRY_REMOTE_IRR)) {
            *e &= ~(uint64_t)ENTRY_REMOTE_IRR;
            ioapic_service(s, pin);
        }
    }
}

void ioapic_eoi_broadcast(int vector)
{
    const GPtrArray *devices = sysbus_get_default()->children;

    for (unsigned i = 0; i < devices->len; i++) {
        DeviceState *dev = g_ptr_array_index(devices, i);

        if (dev->klass == &ioapic_class && dev->realized) {
            ioapic_eoi((IOAPICState *)dev, vector);
        }
    }
}

qemu_irq ioapic_irq(DeviceState *dev, int pin)
{
    return &((IOAPICState *)dev)->inputs[pin];
}

/* ---- Registers ---- */

static uint32_t ioapic_read_reg(const IOAPICState *s)
{
    unsigned pin = (s->ioregsel - REG_REDIRECTION) / 2u;

    switch (s->ioregsel) {
    case REG_ID:
    case REG_ARB:
        return (uint32_t)s->id << 24;
    case REG_VERSION:
        return IOAPIC_VERSION | (IOAPIC_NUM_PINS - 1) << 16;
    default:
        if (s->ioregsel >= REG_REDIRECTION && pin < IOAPIC_NUM_PINS) {
            return (uint32_t)(s->ioregsel & 1 ? s->entries[pin] >> 32 : s->entries[pin]);
        }
        return 0;
    }
}

static void ioapic_write_entry(IOAPICState *s, unsigned pin, bool high, uint32_t v)
{
    uint64_t *e = &s->entries[pin];
    uint64_t keep = *e & (ENTRY_STATUS | ENTRY_REMOTE_IRR);
    uint64_t value = high ? (uint64_t)v << 32 | (uint32_t)*e : (*e & ~UINT64_C(0xffffffff)) | v;
    bool was_level = is_level(*e);

    *e = (value & ENTRY_WRITABLE) | keep;
    if (!is_level(*e)) {
        *e &= ~(uint64_t)ENTRY_REMOTE_IRR;
    } else if (!was_level) {
        s->irr = (s->irr & ~(1u << pin)) | (s->level & 1u << pin);
    }
    ioapic_service(s, pin);
}

static uint64_t ioapic_mem_read(void *opaque, hwaddr addr, unsigned size)
{
    IOAPICState *s = opaque;

    switch (addr & 0xff) {
    case IOREGSEL:
        return s->ioregsel;
    case IOWIN:
        return size == 4 ? ioapic_read_reg(s) : 0;
    default:
        return 0;
    }
}

static void ioapic_mem_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    IOAPICState *s = opaque;
    unsigned pin = (s->ioregsel - REG_REDIRECTION) / 2u;

    switch (addr & 0xff) {
    case IOREGSEL:
        s->ioregsel = (uint8_t)val;
        break;
    case IOWIN:
        if (size != 4) {
            break;
        }
        if (s->ioregsel == REG_ID) {
            s->id = val >> 24 & 0xf;
        } else if (s->ioregsel >= REG_REDIRECTION && pin < IOAPIC_NUM_PINS) {
            ioapic_write_entry(s, pin, s->ioregsel & 1, (uint32_t)val);
        }
        break;
    case IOEOI:
        if (size == 4) {
            ioapic_eoi(s, val & 0xff);
        }
        break;
    default:
        break;
    }
}

static const MemoryRegionOps ioapic_ops = {
    .read = ioapic_mem_read,
    .write = ioapic_mem_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

/* ---- The device ---- */

static void ioapic_reset(DeviceState *dev)
{
    IOAPICState *s = (IOAPICState *)dev;

    s->id = 0;
    s->ioregsel = 0;
    s->irr = 0;
    for (unsigned i = 0; i < IOAPIC_NUM_PINS; i++) {
        s->entries[i] = ENTRY_MASKED;
    }
}

static bool ioapic_realize(DeviceState *dev, GError **errp)
{
    IOAPICState *s = (IOAPICState *)dev;

    for (int i = 0; i < IOAPIC_NUM_PINS; i++) {
        qemu_init_irq(&s->inputs[i], ioapic_set_irq, s, i);
    }
    memory_region_init_io(&s->mmio, s, &ioapic_ops, s, "ioapic", IOAPIC_SPACE_SIZE);
    memory_region_add_subregion(get_system_memory(), IOAPIC_DEFAULT_ADDRESS, &s->mmio);
    ioapic_reset(dev);
    return true;
}

static void ioapic_unrealize(DeviceState *dev)
{
    IOAPICState *s = (IOAPICState *)dev;

    memory_region_del_subregion(get_system_memory(), &s->mmio);
    memory_region_finalize(&s->mmio);
}

static int ioapic_post_load(void *opaque, int version_id)
{
    IOAPICState *s = opaque;

    s->irr &= (1u << IOAPIC_NUM_PINS) - 1;
    s->level &= (1u << IOAPIC_NUM_PINS) - 1;
    return 0;
}

static const VMStateDescription vmstate_ioapic = {
    .name = "ioapic",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = ioapic_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(id, IOAPICState),
        VMSTATE_UINT8(ioregsel, IOAPICState),
        VMSTATE_UINT32(irr, IOAPICState),
        VMSTATE_UINT32(level, IOAPICState),
        VMSTATE_UINT64_ARRAY(entries, IOAPICState, IOAPIC_NUM_PINS),
        VMSTATE_END_OF_LIST()
    },
};

const DeviceClass ioapic_class = {
    .name = "ioapic",
    .desc = "I/O APIC",
    .bus_type = "System",
    .instance_size = sizeof(IOAPICState),
    .realize = ioapic_realize,
    .unrealize = ioapic_unrealize,
    .reset = ioapic_reset,
    .vmsd = &vmstate_ioapic,
};
