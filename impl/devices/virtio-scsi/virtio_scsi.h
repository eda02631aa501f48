/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-scsi: a SCSI host adapter behind virtqueues.
 *
 * Queues: 0 control, 1 events, 2 and up commands. While "dataplane" is started all of them are served in one
 * AioContext, the iothread's if there is one; the disks' backends live there too, from hotplug on.
 *
 * Context: control under the BQL; commands in the home thread of ctx.
 *
 * I1  A command or control request is answered exactly once (virtio_scsi_complete_req).
 * I2  While a disk of the bus is drained no notifier is attached (scsi/bus.h, I3).
 * I3  dataplane_started is cleared before the drain that ends a stop, so that the end of the drain attaches nothing.
 * Source: virtio 1.2, section 5.6.
 */
#ifndef DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_H
#define DEVICES_VIRTIO_SCSI_VIRTIO_SCSI_H

#include "aio/iothread.h"
#include "scsi/bus.h"
#include "virtio/virtio.h"

#define VIRTIO_SCSI_VQ_NUM_FIXED 2
#define VIRTIO_SCSI_CMD_HEADER 19       /* lun 8, tag 8, task attribute, priority, crn; the CDB follows */
#define VIRTIO_SCSI_CDB_SIZE 32
#define VIRTIO_SCSI_SENSE_SIZE 96
#define VIRTIO_SCSI_CDB_MAX 255
#define VIRTIO_SCSI_MAX_TARGET 255
#define VIRTIO_SCSI_MAX_LUN 16383

/* Response codes. */
#define VIRTIO_SCSI_S_OK 0
#define VIRTIO_SCSI_S_OVERRUN 1
#define VIRTIO_SCSI_S_ABORTED 2
#define VIRTIO_SCSI_S_BAD_TARGET 3
#define VIRTIO_SCSI_S_RESET 4
#define VIRTIO_SCSI_S_BUSY 5
#define VIRTIO_SCSI_S_FUNCTION_SUCCEEDED 0
#define VIRTIO_SCSI_S_FUNCTION_REJECTED 11
#define VIRTIO_SCSI_S_INCORRECT_LUN 12

typedef struct VirtIOSCSI {
    VirtIODevice parent;
    SCSIBus bus;
    /* fixed after realize */
    uint32_t num_queues;
    uint32_t virtqueue_size;
    uint32_t max_sectors;
    uint32_t cmd_per_lun;
    IOThread *iothread;
    AioContext *ctx;            /* NULL: kicks are served in the vCPU thread */
    /* from configuration space */
    uint32_t sense_size;
    uint32_t cdb_size;
    /* BQL */
    bool dataplane_started;
    bool dataplane_starting;
    bool dataplane_stopping;
    bool dataplane_fenced;      /* starting failed */
} VirtIOSCSI;

/** A command as the guest wrote it, before anybody looks for its target. */
typedef struct VirtIOSCSICommand {
    uint8_t lun[8];
    uint64_t tag;
    uint8_t cdb[VIRTIO_SCSI_CDB_MAX];
    unsigned cdb_len;
} VirtIOSCSICommand;

/**
 * virtio_scsi_parse_cmd: pure. @raw: the @len bytes of the request header, @cdb_size as negotiated.
 * Returns false if it is too short.
 */
G_GNUC_WARN_UNUSED_RESULT
bool virtio_scsi_parse_cmd(const uint8_t *raw, size_t len, unsigned cdb_size, VirtIOSCSICommand *ret);
/** virtio_scsi_parse_lun: single-level structure (5.6.6.1). Returns false if it is another form. */
G_GNUC_WARN_UNUSED_RESULT
bool virtio_scsi_parse_lun(const uint8_t *lun, int *ret_target, int *ret_lun);

/* dataplane.c */
void virtio_scsi_dataplane_setup(VirtIOSCSI *s);
int virtio_scsi_dataplane_start(VirtIODevice *vdev);
void virtio_scsi_dataplane_stop(VirtIODevice *vdev);
void virtio_scsi_drained_begin(SCSIBus *bus);
void virtio_scsi_drained_end(SCSIBus *bus);

#endif
