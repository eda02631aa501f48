/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-scsi request headers: bytes to structs, without side effects.
 */
#include <string.h>

#include "base/bytes.h"
#include "devices/virtio-scsi/virtio_scsi.h"

bool virtio_scsi_parse_cmd(const uint8_t *raw, size_t len, unsigned cdb_size, VirtIOSCSICommand *ret)
{
    if (cdb_size > VIRTIO_SCSI_CDB_MAX || len < VIRTIO_SCSI_CMD_HEADER + cdb_size) {
        return false;
    }
    memcpy(ret->lun, raw, sizeof(ret->lun));
    ret->tag = ld64_le(raw + 8);
    memcpy(ret->cdb, raw + VIRTIO_SCSI_CMD_HEADER, cdb_size);
    ret->cdb_len = cdb_size;
    return true;
}

bool virtio_scsi_parse_lun(const uint8_t *lun, int *ret_target, int *ret_lun)
{
    if (lun[0] != 1) {
        return false;
    }
    /* Peripheral or flat addressing of the logical unit. */
    if (lun[2] != 0 && (lun[2] < 0x40 || lun[2] > 0x7f)) {
        return false;
    }
    *ret_target = lun[1];
    *ret_lun = (lun[2] << 8 | lun[3]) & 0x3fff;
    return true;
}
