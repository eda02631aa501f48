/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The script in etc/table-loader by which firmware puts ACPI tables in memory: allocate a file's copy, add the address
 * of one copy to a field of another, compute a checksum.
 *
 * Source: fw_cfg interface of SeaBIOS (src/fw/romfile_loader.h) and OVMF; all numbers little endian.
 */
#ifndef MACHINE_ACPI_LOADER_H
#define MACHINE_ACPI_LOADER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define ACPI_LOADER_ENTRY 128

typedef struct AcpiLoader {
    GByteArray *script;
} AcpiLoader;

/** acpi_loader_alloc: copy @file to memory. @align: power of two. @fseg: below 1 MiB, where the RSDP is looked for. */
void acpi_loader_alloc(AcpiLoader *l, const char *file, uint32_t align, bool fseg);
/** acpi_loader_add_pointer: the @size bytes at @offset of @dest, which hold an offset in @src, become its address. */
void acpi_loader_add_pointer(AcpiLoader *l, const char *dest, uint32_t offset, uint8_t size, const char *src);
/** acpi_loader_add_checksum: the byte at @offset of @file makes [@start, @start + @len) add up to zero. */
void acpi_loader_add_checksum(AcpiLoader *l, const char *file, uint32_t offset, uint32_t start, uint32_t len);

#endif
