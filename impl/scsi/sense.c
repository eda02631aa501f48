/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * errno to SCSI status and sense: the one place where it happens.
 */
#include "scsi/scsi.h"

#include <string.h>

int scsi_sense_from_errno(int err, SCSISense *ret_sense)
{
    switch (err) {
    case 0:
        return GOOD;
    case EDOM:
        return TASK_SET_FULL;
    case EBADE:
        return RESERVATION_CONFLICT;
    case ENOMEDIUM:
        *ret_sense = sense_NO_MEDIUM;
        return CHECK_CONDITION;
    case ENOMEM:
        *ret_sense = sense_TARGET_FAILURE;
        return CHECK_CONDITION;
    case EINVAL:
        *ret_sense = sense_INVALID_FIELD;
        return CHECK_CONDITION;
    case ENOSPC:
        *ret_sense = sense_SPACE_ALLOC_FAILED;
        return CHECK_CONDITION;
    case EROFS:
    case EACCES:
    case EPERM:
        *ret_sense = sense_WRITE_PROTECTED;
        return CHECK_CONDITION;
    default:
        *ret_sense = sense_IO_ERROR;
        return CHECK_CONDITION;
    }
}

unsigned scsi_build_sense(uint8_t *buf, bool fixed, SCSISense sense)
{
    memset(buf, 0, 18);
    if (fixed) {
        buf[0] = 0x70;
        buf[2] = sense.key;
        buf[7] = 10;
        buf[12] = sense.asc;
        buf[13] = sense.ascq;
        return 18;
    }
    buf[0] = 0x72;
    buf[1] = sense.key;
    buf[2] = sense.asc;
    buf[3] = sense.ascq;
    return 8;
}
