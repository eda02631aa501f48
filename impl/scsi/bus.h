/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The SCSI bus: devices by (channel, target, LUN), requests, and what a host adapter provides.
 *
 * Context: the bus and its devices under the BQL. A request lives in the thread that called scsi_req_enqueue(),
 * which is the home thread of the device's backend.
 *
 * I1  A request completes exactly once, through scsi_req_complete(); a cancelled one too, with io_canceled set.
 * I2  A request is on its device's list from enqueue to completion; the list has a lock of its own because a
 *     reset in the main thread walks it.
 * I3  A device is in SCSIBus.devices only while it is usable. Unplugging takes it out, then lets the adapter wait for
 *     whoever has found it before, and only then takes it apart.
 * I4  drain_count is the number of drained devices of the bus; the adapter is told at its first and after its last.
 */
#ifndef SCSI_BUS_H
#define SCSI_BUS_H

#include "devices/block_conf.h"
#include "scsi/scsi.h"

/** What a host adapter provides; all but complete may be NULL. */
struct SCSIBusInfo {
    int max_target;
    int max_lun;
    /* @req is done: status, sense and resid are set. Same thread as the enqueue. Drops the adapter's reference. */
    void (*complete)(SCSIRequest *req);
    /* A device is about to be usable / cannot be found any more: wait for those who have found it. BQL; may poll. */
    bool (*hotplug)(SCSIBus *bus, SCSIDevice *dev, GError **errp);
    void (*unplug)(SCSIBus *bus, SCSIDevice *dev);
    /* The first device is being drained / the last is free again. BQL. */
    void (*drained_begin)(SCSIBus *bus);
    void (*drained_end)(SCSIBus *bus);
};

struct SCSIBus {
    BusState qbus;
    const SCSIBusInfo *info;
    int drain_count;            /* BQL */
    /* own lock: adapters look devices up without the BQL */
    SchedMutex lock;
    GPtrArray *devices;         /* of SCSIDevice *, in order of creation (I3) */
};

struct SCSIDevice {
    DeviceState qdev;
    BlockConf conf;
    uint32_t channel;
    uint32_t id;                /* UINT32_MAX: choose */
    uint32_t lun;
    /* set by the device's realize */
    char *vendor;
    char *product;
    char *version;
    char *device_id;
    uint64_t wwn;
    /* atomic */
    uint64_t length;            /* of the medium, bytes */
    bool needs_attention;       /* unit_attention is to be reported */
    /* BQL */
    bool hotplugged;
    /* own lock */
    SchedMutex lock;
    GQueue requests;            /* of SCSIRequest * (I2) */
    SCSISense unit_attention;
};

struct SCSIRequest {
    SCSIBus *bus;
    SCSIDevice *dev;            /* NULL: the target exists, the LUN does not */
    uint32_t lun;
    void *hba_private;
    SCSICommand cmd;
    int refcount;
    int status;
    uint8_t sense[SCSI_SENSE_BUF_SIZE];
    unsigned sense_len;
    uint64_t resid;             /* bytes of the command's length, or of the guest's buffer, not moved */
    bool enqueued;
    bool io_canceled;
    QEMUIOVector *qiov;         /* the guest's data buffer, either direction; borrowed from the adapter */
    QEMUIOVector part;          /* as much of it as the command moves */
    BlockAIOCB *aiocb;
    struct ScsiRanges *ranges;  /* of an UNMAP that goes on in parts */
    void *bounce;               /* pattern of a WRITE SAME */
};

extern const BusClass scsi_bus_class;

/** scsi_bus_init: @name: NULL: "scsi.0". */
void scsi_bus_init(SCSIBus *bus, DeviceState *host, const SCSIBusInfo *info, const char *name);
/** scsi_device_link / unlink: @dev can (not) be found any more. BQL. */
void scsi_device_link(SCSIDevice *dev);
void scsi_device_unlink(SCSIDevice *dev);
/** scsi_device_find: exact match, or if @exact is false any LUN of the target. NULL if there is none. Any thread. */
SCSIDevice *scsi_device_find(SCSIBus *bus, int channel, int target, int lun, bool exact);

/**
 * scsi_req_new: a request for (@dev, @lun) with one reference, or NULL if the CDB cannot be decoded.
 * @dev: any device of the target; when its LUN is another one, only what a target answers for itself works.
 */
G_GNUC_WARN_UNUSED_RESULT
SCSIRequest *scsi_req_new(SCSIBus *bus, SCSIDevice *dev, uint32_t lun, const uint8_t *cdb, unsigned cdb_len,
                          void *hba_private);
void scsi_req_ref(SCSIRequest *req);
void scsi_req_unref(SCSIRequest *req);
/** scsi_req_enqueue: run it on the data buffer @qiov. The completion may come before this returns. */
void scsi_req_enqueue(SCSIRequest *req, QEMUIOVector *qiov);
/** scsi_req_complete: with @status; sense for CHECK_CONDITION is set before (scsi_req_check). */
void scsi_req_complete(SCSIRequest *req, int status);
void scsi_req_check(SCSIRequest *req, SCSISense sense);
/** scsi_req_data: the reply is @len bytes of @buf, cut to what command and buffer allow; then GOOD. */
void scsi_req_data(SCSIRequest *req, const void *buf, unsigned len);
/** scsi_req_cancel_async: ask; the completion comes, possibly at once, with io_canceled set. */
void scsi_req_cancel_async(SCSIRequest *req);
/** scsi_device_purge_requests: cancel all and wait until they are gone; then report @sense. Polls. */
void scsi_device_purge_requests(SCSIDevice *dev, SCSISense sense);
void scsi_device_set_ua(SCSIDevice *dev, SCSISense sense);
void scsi_device_drained_begin(SCSIDevice *dev);
void scsi_device_drained_end(SCSIDevice *dev);

/** scsi_disk_send_command: the disk's command set; for bus.c. */
void scsi_disk_send_command(SCSIRequest *req);

#endif
