/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of a flash chip, for pflash_cfi01.c and its test.
 */
#ifndef DEVICES_PFLASH_PFLASH_INT_H
#define DEVICES_PFLASH_PFLASH_INT_H

#include "devices/device.h"
#include "mem/memory.h"

typedef struct PFlashCFI01 {
    DeviceState qdev;
    /* fixed after realize */
    struct BlockBackend *blk;   /* NULL: contents are lost at the end */
    uint32_t nb_blocs;
    uint64_t sector_len;        /* bytes of an erase block */
    uint8_t width;
    uint16_t ident0;
    uint16_t ident1;
    char *name;                 /* of the RAM block */
    bool ro;
    uint64_t size;
    uint8_t *storage;           /* the contents; borrowed from mem */
    uint8_t cfi_table[0x52];
    MemoryRegion mem;
    /* what the chip is doing */
    uint8_t wcycle;             /* cycles of the present command seen so far; 0: none */
    uint8_t cmd;                /* decides what reads give; 0: the array */
    uint8_t status;
    uint32_t counter;           /* bytes of the buffered write still to come, minus one */
    uint64_t buf_addr;
    bool buf_started;
    uint8_t buf[2048];
    struct VMChangeStateEntry *vmstate;
} PFlashCFI01;

/** One bus cycle. @offset is inside the chip, @width 1, 2, 4 or 8 bytes. */
void pflash_write(PFlashCFI01 *pfl, uint64_t offset, uint64_t value, unsigned width) G_GNUC_NO_INLINE;
uint64_t pflash_read(PFlashCFI01 *pfl, uint64_t offset, unsigned width);
/** pflash_update: the image takes over [@offset, @offset + @size) of the contents. Waits in a nested loop. */
void pflash_update(PFlashCFI01 *pfl, uint64_t offset, uint64_t size) G_GNUC_NO_INLINE;

#endif
