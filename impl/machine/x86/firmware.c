/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firmware of an x86 board: a file in ROM, or flash chips. See x86.h.
 *
 * I1  Firmware ends at 4 GiB, with a copy of its last 128 KiB below 1 MiB, where a processor starts in real mode.
 */
#include "machine/x86/x86.h"

#include "base/bytes.h"
#include "block/backend.h"
#include "devices/firmware_file.h"
#include "devices/pflash/pflash.h"
#include "devices/table.h"
#include "sched/io.h"

#define X86_ISA_BIOS_MAX (128 * KiB)
#define X86_FLASH_MAX (8 * MiB)
#define X86_FLASH_SECTOR 4096

static bool x86_init_bios(MachineState *ms, X86Machine *x, const char *bios, GError **errp)
{
    const char *name = ms->firmware ? ms->firmware : bios;
    g_autofree char *path = firmware_file_find(name);
    g_autofree char *data = NULL;
    uint64_t isa_size;
    size_t len = 0;

    if (!path || sched_file_read_all(path, X86_FLASH_MAX, &data, &len) < 0 || len == 0 || len % (64 * KiB)) {
        error_setg(errp, "could not load PC BIOS '%s'", name);
        return false;
    }
    if (!memory_region_init_rom(&x->bios, ms, "pc.bios", len, errp)) {
        return false;
    }
    memcpy(memory_region_get_ram_ptr(&x->bios), data, len);
    x86_map(&x->bios, 4 * GiB - len, 0);
    isa_size = MIN(len, X86_ISA_BIOS_MAX);
    memory_region_init_alias(&x->isa_bios, ms, "isa-bios", &x->bios, len - isa_size, isa_size);
    memory_region_set_readonly(&x->isa_bios, true);
    x86_map(&x->isa_bios, 1 * MiB - isa_size, 1);
    return true;
}

static bool x86_check_flash_size(const char *drive, int64_t size, hwaddr end, GError **errp)
{
    if (size <= 0 || size % X86_FLASH_SECTOR) {
        error_setg(errp, "system firmware block device %s has invalid size %" G_GINT64_FORMAT ": "
                   "its size must be a non-zero multiple of 0x%x", drive, size, X86_FLASH_SECTOR);
        return false;
    }
    if ((uint64_t)size > X86_FLASH_MAX || 4 * GiB - end + size > X86_FLASH_MAX) {
        error_setg(errp, "combined size of system firmware exceeds %llu bytes", X86_FLASH_MAX);
        return false;
    }
    return true;
}

/* The chip ends at @end. Returns its region, or NULL. */
static MemoryRegion *x86_init_flash(unsigned unit, const char *drive, hwaddr end, GError **errp)
{
    g_autofree char *name = g_strdup_printf("system.flash%u", unit);
    g_autofree char *blocks = NULL;
    DeviceState *dev = device_new(&cfi_pflash01_class);
    int64_t size;

    if (!device_set_prop(dev, "drive", drive, errp)) {
        device_free(dev);
        return NULL;
    }
    size = blk_getlength(pflash_cfi01_get_blk(dev));
    blocks = g_strdup_printf("%" G_GINT64_FORMAT, size / X86_FLASH_SECTOR);
    if (!x86_check_flash_size(drive, size, end, errp) || !device_set_prop(dev, "num-blocks", blocks, errp) ||
        !device_set_prop(dev, "sector-length", G_STRINGIFY(X86_FLASH_SECTOR), errp) ||
        !device_set_prop(dev, "name", name, errp) || !device_realize(dev, sysbus_get_default(), errp)) {
        device_free(dev);
        return NULL;
    }
    x86_map(pflash_cfi01_get_memory(dev), end - size, 0);
    return pflash_cfi01_get_memory(dev);
}

static bool x86_init_flashes(MachineState *ms, X86Machine *x, GError **errp)
{
    MemoryRegion *first = NULL;
    hwaddr end = 4 * GiB;
    uint64_t isa_size;

    for (unsigned i = 0; i < MACHINE_MAX_PFLASH && ms->pflash[i]; i++) {
        MemoryRegion *mem = x86_init_flash(i, ms->pflash[i], end, errp);

        if (!mem) {
            return false;
        }
        end -= memory_region_size(mem);
        first = first ? first : mem;
    }
    isa_size = MIN(memory_region_size(first), X86_ISA_BIOS_MAX);
    if (!memory_region_init_rom(&x->isa_bios, ms, "isa-bios", isa_size, errp)) {
        return false;
    }
    memcpy(memory_region_get_ram_ptr(&x->isa_bios),
           (char *)memory_region_get_ram_ptr(first) + memory_region_size(first) - isa_size, isa_size);
    x86_map(&x->isa_bios, 1 * MiB - isa_size, 1);
    return true;
}

bool x86_init_firmware(MachineState *ms, X86Machine *x, const char *bios, GError **errp)
{
    if (!ms->pflash[0] && ms->pflash[1]) {
        error_setg(errp, "pflash0 must be configured before pflash1");
        return false;
    }
    if (ms->pflash[0] && ms->firmware) {
        error_setg(errp, "The pflash drives and -bios cannot be used together");
        return false;
    }
    return ms->pflash[0] ? x86_init_flashes(ms, x, errp) : x86_init_bios(ms, x, bios, errp);
}
