/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SCSI: commands, sense, the bus between a host adapter and its targets, and disks.
 *
 * Context: a request lives in the AioContext of its disk's BlockBackend from scsi_req_new to its completion.
 *
 * I1  Each enqueued request completes or is cancelled exactly once, through one function.
 * I2  errno becomes sense in one table (scsi/sense.c).
 * Source: SPC-4, SBC-3, SAM-5.
 */
#ifndef SCSI_SCSI_H
#define SCSI_SCSI_H

#include "base/iov.h"
#include "block/backend.h"
#include "devices/device.h"

#define SCSI_CMD_BUF_SIZE 16
#define SCSI_SENSE_BUF_SIZE 252

typedef struct SCSIBus SCSIBus;
typedef struct SCSIDevice SCSIDevice;
typedef struct SCSIRequest SCSIRequest;
typedef struct SCSIBusInfo SCSIBusInfo;

/* SAM-5 status codes. */
enum {
    GOOD = 0x00,
    CHECK_CONDITION = 0x02,
    BUSY = 0x08,
    RESERVATION_CONFLICT = 0x18,
    TASK_SET_FULL = 0x28,
};

typedef struct SCSISense {
    uint8_t key;
    uint8_t asc;
    uint8_t ascq;
} SCSISense;

#define SENSE(n, k, a, q) static const SCSISense sense_##n G_GNUC_UNUSED = { k, a, q }
SENSE(NO_SENSE, 0x00, 0x00, 0x00);
SENSE(LUN_NOT_READY, 0x02, 0x04, 0x03);
SENSE(NO_MEDIUM, 0x02, 0x3a, 0x00);
SENSE(TARGET_FAILURE, 0x04, 0x44, 0x00);
SENSE(WRITE_ERROR, 0x03, 0x0c, 0x00);
SENSE(READ_ERROR, 0x03, 0x11, 0x00);
SENSE(INVALID_OPCODE, 0x05, 0x20, 0x00);
SENSE(LBA_OUT_OF_RANGE, 0x05, 0x21, 0x00);
SENSE(INVALID_FIELD, 0x05, 0x24, 0x00);
SENSE(INVALID_PARAM, 0x05, 0x26, 0x00);
SENSE(INVALID_PARAM_LEN, 0x05, 0x1a, 0x00);
SENSE(LUN_NOT_SUPPORTED, 0x05, 0x25, 0x00);
SENSE(SAVING_PARAMS_NOT_SUPPORTED, 0x05, 0x39, 0x00);
SENSE(RESET, 0x06, 0x29, 0x00);
SENSE(REPORTED_LUNS_CHANGED, 0x06, 0x3f, 0x0e);
SENSE(CAPACITY_CHANGED, 0x06, 0x2a, 0x09);
SENSE(WRITE_PROTECTED, 0x07, 0x27, 0x00);
SENSE(SPACE_ALLOC_FAILED, 0x07, 0x27, 0x07);
SENSE(IO_ERROR, 0x0b, 0x00, 0x06);
#undef SENSE

/**
 * scsi_sense_from_errno: the one table. @err: positive errno, 0 is success.
 * Returns a status; sense if it is CHECK_CONDITION.
 */
int scsi_sense_from_errno(int err, SCSISense *ret_sense);
/** scsi_build_sense: fixed or descriptor format. @buf: SCSI_SENSE_BUF_SIZE bytes. Returns bytes used. */
unsigned scsi_build_sense(uint8_t *buf, bool fixed, SCSISense sense);

/* ---- CDB decoding: pure ---- */

typedef enum SCSIXferMode { SCSI_XFER_NONE, SCSI_XFER_FROM_DEV, SCSI_XFER_TO_DEV } SCSIXferMode;

/** A command as its bytes say it, before any device looks at it. */
typedef struct SCSICommand {
    uint8_t buf[SCSI_CMD_BUF_SIZE];
    unsigned len;               /* of the CDB: 6, 10, 12, 16 */
    uint64_t lba;               /* block number, for commands that have one */
    uint64_t blocks;            /* transfer length in blocks, for commands that have one */
    uint64_t xfer;              /* bytes to move */
    SCSIXferMode mode;
} SCSICommand;

/** scsi_cdb_length: from the group code of the opcode; 0 if not known. */
unsigned scsi_cdb_length(uint8_t opcode);
/**
 * scsi_decode_cdb: @buf holds @buf_len valid bytes. @blocksize in bytes.
 * Returns false if the opcode's group is unknown or the CDB is cut short.
 */
G_GNUC_WARN_UNUSED_RESULT
bool scsi_decode_cdb(const uint8_t *buf, unsigned buf_len, unsigned blocksize, SCSICommand *ret);

/* ---- Requests, bus, devices: see scsi/bus.h ---- */

#endif
