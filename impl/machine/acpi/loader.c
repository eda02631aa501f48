/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of etc/table-loader. See loader.h.
 */
#include "machine/acpi/loader.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

#define FILE_NAME 56

enum { LOADER_ALLOCATE = 1, LOADER_ADD_POINTER = 2, LOADER_ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1, ZONE_FSEG = 2 };

static uint8_t *loader_entry(AcpiLoader *l, uint32_t command)
{
    guint at = l->script->len;

    g_byte_array_set_size(l->script, at + ACPI_LOADER_ENTRY);
    memset(l->script->data + at, 0, ACPI_LOADER_ENTRY);
    st32_le(l->script->data + at, command);
    return l->script->data + at + 4;
}

static void put_file(uint8_t *p, const char *file)
{
    assert(strlen(file) < FILE_NAME);
    strcpy((char *)p, file);
}

void acpi_loader_alloc(AcpiLoader *l, const char *file, uint32_t align, bool fseg)
{
    uint8_t *p = loader_entry(l, LOADER_ALLOCATE);

    put_file(p, file);
    st32_le(p + FILE_NAME, align);
    p[FILE_NAME + 4] = fseg ? ZONE_FSEG : ZONE_HIGH;
}

void acpi_loader_add_pointer(AcpiLoader *l, const char *dest, uint32_t offset, uint8_t size, const char *src)
{
    uint8_t *p = loader_entry(l, LOADER_ADD_POINTER);

    put_file(p, dest);
    put_file(p + FILE_NAME, src);
    st32_le(p + 2 * FILE_NAME, offset);
    p[2 * FILE_NAME + 4] = size;
}

void acpi_loader_add_checksum(AcpiLoader *l, const char *file, uint32_t offset, uint32_t start, uint32_t len)
{
    uint8_t *p = loader_entry(l, LOADER_ADD_CHECKSUM);

    put_file(p, file);
    st32_le(p + FILE_NAME, offset);
    st32_le(p + FILE_NAME + 4, start);
    st32_le(p + FILE_NAME + 8, len);
}
