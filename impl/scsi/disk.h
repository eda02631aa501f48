/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a disk answers from memory: pure, apart from reading the device's settings.
 */
#ifndef SCSI_DISK_H
#define SCSI_DISK_H

#include "scsi/bus.h"

#define SCSI_DISK_REPLY_MAX 256
#define SCSI_DISK_MAX_WRITE_SAME (512 * 1024)   /* bytes of one WRITE SAME, as the block limits page says */

/**
 * scsi_disk_emulate: the reply to a command that does not touch the medium.
 * @buf: SCSI_DISK_REPLY_MAX zeroed bytes. Returns the bytes of the reply, or -1 with @ret_sense.
 */
G_GNUC_WARN_UNUSED_RESULT
int scsi_disk_emulate(SCSIDevice *d, const SCSICommand *cmd, uint8_t *buf, SCSISense *ret_sense);

#endif
