/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packet commands of a CD-ROM, decided without doing anything: a packet and the state of the medium in, a verdict out.
 *
 * I1  At most ATAPI_REPLY_MAX bytes of the reply buffer are written, and reply_len says how many are meant.
 * Source: MMC-3, SPC-3.
 */
#ifndef DEVICES_IDE_ATAPI_H
#define DEVICES_IDE_ATAPI_H

#include "devices/ide/ide.h"

#define ATAPI_REPLY_MAX 512

/** What the drive is like when the packet comes. */
typedef struct AtapiMedium {
    bool present;               /* a medium is in, and the tray closed */
    bool tray_open;
    bool tray_locked;
    bool media_changed;
    bool event_new_media;
    bool event_eject;
    uint64_t blocks;            /* of ATAPI_SECTOR bytes */
    AtapiSense sense;           /* of the last failure */
    const char *model;
    const char *version;
} AtapiMedium;

typedef enum AtapiVerdictKind {
    ATAPI_OK,                   /* no data */
    ATAPI_REPLY,                /* reply_len bytes */
    ATAPI_READ,                 /* lba, blocks */
    ATAPI_CHECK,                /* sense */
    ATAPI_LOCK,                 /* flag: lock or unlock the tray */
    ATAPI_TRAY,                 /* flag: open or close it */
} AtapiVerdictKind;

typedef struct AtapiVerdict {
    AtapiVerdictKind kind;
    uint32_t reply_len;
    uint32_t lba;
    uint32_t blocks;
    bool flag;
    bool clear_sense;           /* the guest was told, or began something new */
    bool clear_changed;
    bool clear_events;
    AtapiSense sense;
} AtapiVerdict;

/** atapi_decide: @reply has ATAPI_REPLY_MAX bytes. Pure. */
AtapiVerdict atapi_decide(const AtapiMedium *m, const uint8_t *packet, uint8_t *reply);

#endif
