/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi-ged. See ged.h.
 */
#include "devices/acpi/ged.h"

#include "devices/acpi/acpi_pm.h"
#include "machine/runstate.h"
#include "mem/memory.h"
#include "migration/vmstate.h"

#define SLP_EN 0x20
#define SLP_TYP_SHIFT 2
#define SLP_TYP_MASK 7

typedef struct AcpiGed {
    DeviceState qdev;
    MemoryRegion event_io;
    MemoryRegion regs_io;
    MemoryRegion tmr_io;
    qemu_irq irq;
    uint32_t events;            /* that have not been read */
} AcpiGed;

void acpi_ged_connect(DeviceState *dev, qemu_irq irq)
{
    ((AcpiGed *)dev)->irq = irq;
}

static void ged_set_events(AcpiGed *s, uint32_t events)
{
    s->events = events;
    qemu_set_irq(s->irq, events != 0);          /* (I1) */
}

static void ged_powerdown(void *opaque)
{
    AcpiGed *s = opaque;

    ged_set_events(s, s->events | ACPI_GED_EVENT_POWER_BUTTON);
}

static uint64_t ged_event_read(void *opaque, hwaddr addr, unsigned size)
{
    AcpiGed *s = opaque;
    uint32_t events = s->events;

    ged_set_events(s, 0);
    return events;
}

static void ged_event_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    /* read only */
}

static uint64_t ged_regs_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static void ged_regs_write(void *opaque, hwaddr addr, uint64_t val, unsigned size)
{
    if (addr == ACPI_GED_REG_RESET) {
        if (val == ACPI_GED_RESET_VALUE) {
            qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        }
    } else if (addr == 0 && val & SLP_EN && (val >> SLP_TYP_SHIFT & SLP_TYP_MASK) == ACPI_GED_SLP_TYP_S5) {
        qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
    }
}

static const MemoryRegionOps ged_event_ops = {
    .read = ged_event_read,
    .write = ged_event_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

static const MemoryRegionOps ged_regs_ops = {
    .read = ged_regs_read,
    .write = ged_regs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 1, .max_access_size = 1 },
};

static bool ged_realize(DeviceState *dev, GError **errp)
{
    AcpiGed *s = (AcpiGed *)dev;

    memory_region_init_io(&s->event_io, s, &ged_event_ops, s, "acpi-ged", ACPI_GED_EVENT_SIZE);
    memory_region_add_subregion(get_system_memory(), ACPI_GED_EVENT_BASE, &s->event_io);
    memory_region_init_io(&s->regs_io, s, &ged_regs_ops, s, "acpi-ged-regs", ACPI_GED_REGS_SIZE);
    memory_region_add_subregion(get_system_memory(), ACPI_GED_REGS_BASE, &s->regs_io);
    acpi_pm_tmr_init(&s->tmr_io, s);
    memory_region_add_subregion(get_system_io(), ACPI_GED_TMR_PORT, &s->tmr_io);
    qemu_register_powerdown(ged_powerdown, s);
    return true;
}

static void ged_unrealize(DeviceState *dev)
{
    AcpiGed *s = (AcpiGed *)dev;

    qemu_register_powerdown(NULL, NULL);
    memory_region_del_subregion(get_system_memory(), &s->event_io);
    memory_region_finalize(&s->event_io);
    memory_region_del_subregion(get_system_memory(), &s->regs_io);
    memory_region_finalize(&s->regs_io);
    memory_region_del_subregion(get_system_io(), &s->tmr_io);
    memory_region_finalize(&s->tmr_io);
}

static void ged_reset(DeviceState *dev)
{
    ged_set_events((AcpiGed *)dev, 0);
}

/* The line's level is in its receiver's stream. */
static const VMStateDescription vmstate_ged = {
    .name = "acpi-ged",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(events, AcpiGed),
        VMSTATE_END_OF_LIST()
    },
};

const DeviceClass acpi_ged_class = {
    .name = "acpi-ged",
    .bus_type = "System",
    .instance_size = sizeof(AcpiGed),
    .realize = ged_realize,
    .unrealize = ged_unrealize,
    .reset = ged_reset,
    .vmsd = &vmstate_ged,
};
