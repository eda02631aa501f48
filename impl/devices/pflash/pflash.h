/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CFI flash, as boards use it.
 */
#ifndef DEVICES_PFLASH_PFLASH_H
#define DEVICES_PFLASH_PFLASH_H

#include "devices/device.h"
#include "mem/memory.h"

struct BlockBackend;

/** pflash_cfi01_get_memory: the chip's region, for the board to map. Borrowed; unrealize takes it off the map. */
MemoryRegion *pflash_cfi01_get_memory(DeviceState *dev);
/** pflash_cfi01_get_blk: NULL if it has none. Borrowed. */
struct BlockBackend *pflash_cfi01_get_blk(DeviceState *dev);

#endif
