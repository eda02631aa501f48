/* SPDX-License-Identifier: GPL-2.0-or-later */
/* placeholder until the driver lands */
#include "block/block_int.h"

extern const BlockDriver bdrv_blkdebug;
const BlockDriver bdrv_blkdebug = {
    .format_name = "blkdebug",
    .protocol_name = "blkdebug",
};
