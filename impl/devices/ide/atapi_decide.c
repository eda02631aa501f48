/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packet commands of a CD-ROM: see atapi.h.
 */
#include "devices/ide/atapi.h"

#include <string.h>

#include "base/bytes.h"

enum {
    TEST_UNIT_READY = 0x00, REQUEST_SENSE = 0x03, INQUIRY = 0x12, MODE_SENSE_6 = 0x1a, START_STOP_UNIT = 0x1b,
    PREVENT_ALLOW = 0x1e, READ_CAPACITY = 0x25, READ_10 = 0x28, SEEK_10 = 0x2b, SYNCHRONIZE_CACHE = 0x35,
    READ_TOC = 0x43,
    GET_CONFIGURATION = 0x46, GET_EVENT_STATUS = 0x4a, READ_DISC_INFO = 0x51, MODE_SENSE_10 = 0x5a, READ_12 = 0xa8,
    SET_SPEED = 0xbb, MECHANISM_STATUS = 0xbd, READ_CD = 0xbe,
};

#define SENSE_NOT_READY_NO_MEDIUM ((AtapiSense){ 0x02, 0x3a, 0x00 })
#define SENSE_NOT_READY_TRAY_OPEN ((AtapiSense){ 0x02, 0x3a, 0x02 })
#define SENSE_INVALID_OPCODE ((AtapiSense){ 0x05, 0x20, 0x00 })
#define SENSE_LBA_OUT_OF_RANGE ((AtapiSense){ 0x05, 0x21, 0x00 })
#define SENSE_INVALID_FIELD ((AtapiSense){ 0x05, 0x24, 0x00 })
#define SENSE_REMOVAL_PREVENTED ((AtapiSense){ 0x05, 0x53, 0x02 })
#define SENSE_MEDIUM_CHANGED ((AtapiSense){ 0x06, 0x28, 0x00 })

#define PROFILE_CD_ROM 0x0008
#define PROFILE_DVD_ROM 0x0010
#define CD_MAX_BLOCKS (80 * 60 * 75)

static AtapiVerdict atapi_check(AtapiSense sense)
{
    return (AtapiVerdict){ .kind = ATAPI_CHECK, .sense = sense };
}

static AtapiVerdict atapi_reply(uint32_t len, uint32_t allocation)
{
    len = MIN(len, allocation);
    return (AtapiVerdict){ .kind = len ? ATAPI_REPLY : ATAPI_OK, .reply_len = len };
}

static void atapi_pad(uint8_t *dst, const char *text, unsigned len)
{
    memset(dst, ' ', len);
    memcpy(dst, text, MIN(strlen(text), len));
}

static void atapi_lba_to_msf(uint8_t *buf, uint32_t lba)
{
    lba += 150;
    buf[0] = MIN(lba / 75 / 60, 255);
    buf[1] = lba / 75 % 60;
    buf[2] = lba % 75;
}

/* ---- Who we are ---- */

static AtapiVerdict atapi_inquiry(const AtapiMedium *m, const uint8_t *p, uint8_t *buf)
{
    if (p[1] & 1) {
        if (p[2] != 0x00) {
            return atapi_check(SENSE_INVALID_FIELD);
        }
        buf[0] = 0x05;
        buf[3] = 1;             /* one page: this one */
        return atapi_reply(5, ld16_be(p + 3));
    }
    buf[0] = 0x05;              /* CD-ROM */
    buf[1] = 0x80;              /* removable */
    buf[3] = 0x21;              /* ATAPI */
    buf[4] = 36 - 5;
    atapi_pad(buf + 8, "RONDO", 8);
    atapi_pad(buf + 16, m->model, 16);
    atapi_pad(buf + 32, m->version, 4);
    return atapi_reply(36, ld16_be(p + 3));
}

static AtapiVerdict atapi_request_sense(const AtapiMedium *m, const uint8_t *p, uint8_t *buf)
{
    AtapiVerdict v;
    AtapiSense sense = m->sense.key || !m->media_changed ? m->sense : SENSE_MEDIUM_CHANGED;

    buf[0] = 0xf0;
    buf[2] = sense.key;
    buf[7] = 10;
    buf[12] = sense.asc;
    buf[13] = sense.ascq;
    v = atapi_reply(18, p[4]);
    v.clear_sense = true;
    v.clear_changed = sense.key == 0x06;
    return v;
}

static unsigned atapi_mode_page(const AtapiMedium *m, unsigned page, uint8_t *p)
{
    switch (page) {
    case 0x01:                  /* read error recovery */
        p[0] = 0x01;
        p[1] = 6;
        p[3] = 5;
        return 8;
    case 0x0e:                  /* audio control */
        p[0] = 0x0e;
        p[1] = 14;
        p[2] = 4;
        return 16;
    case 0x2a:                  /* capabilities */
        p[0] = 0x2a;
        p[1] = 18;
        p[2] = 0x3b;            /* reads CD-R, CD-RW, DVD-ROM, DVD-R */
        p[4] = 0x70;            /* mode 2 forms, multi-session */
        p[6] = 0x29 | (m->tray_locked ? 2 : 0);         /* tray, eject, lock */
        st16_be(p + 8, 706);    /* KB/s: 4x */
        st16_be(p + 10, 2);
        st16_be(p + 12, 512);
        st16_be(p + 14, 706);
        return 20;
    default:
        return 0;
    }
}

static AtapiVerdict atapi_mode_sense(const AtapiMedium *m, const uint8_t *p, uint8_t *buf)
{
    static const uint8_t all[] = { 0x01, 0x0e, 0x2a };
    bool ten = p[0] == MODE_SENSE_10;
    unsigned hdr = ten ? 8 : 4;
    unsigned page = p[2] & 0x3f;
    unsigned n = hdr;

    if (p[2] >> 6 == 3) {
        return atapi_check((AtapiSense){ 0x05, 0x39, 0x00 });
    }
    for (unsigned i = 0; i < sizeof(all); i++) {
        if (page == all[i] || page == 0x3f) {
            unsigned len = atapi_mode_page(m, all[i], buf + n);

            if (p[2] >> 6 == 1) {
                memset(buf + n + 2, 0, len - 2);        /* nothing can be changed */
            }
            n += len;
        }
    }
    if (n == hdr) {
        return atapi_check(SENSE_INVALID_FIELD);
    }
    buf[ten ? 2 : 1] = m->tray_open ? 0x71 : m->present ? 0x01 : 0x70;
    if (ten) {
        st16_be(buf, n - 2);
    } else {
        buf[0] = n - 1;
    }
    return atapi_reply(n, ten ? ld16_be(p + 7) : p[4]);
}

/* ---- Features and events ---- */

static unsigned atapi_feature(uint8_t *p, uint16_t code, uint8_t bits, const uint8_t *data, unsigned len)
{
    st16_be(p, code);
    p[2] = bits;
    p[3] = len;
    memcpy(p + 4, data, len);
    return 4 + len;
}

static AtapiVerdict atapi_get_configuration(const AtapiMedium *m, const uint8_t *p, uint8_t *buf)
{
    uint16_t profile = !m->present ? 0 : m->blocks > CD_MAX_BLOCKS ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
    const uint8_t profiles[] = {
        PROFILE_DVD_ROM >> 8, PROFILE_DVD_ROM & 0xff, profile == PROFILE_DVD_ROM, 0,
        PROFILE_CD_ROM >> 8, PROFILE_CD_ROM & 0xff, profile == PROFILE_CD_ROM, 0,
    };
    const struct {
        uint16_t code;
        uint8_t bits;
        uint8_t data[8];
        uint8_t len;
    } features[] = {
        { 0x0001, 0x0b, { 0, 0, 0, 2, 1 }, 8 },                 /* core: ATAPI */
        { 0x0002, 0x07, { 0 }, 4 },                             /* morphing */
        { 0x0003, 0x03, { 0x29 }, 4 },                          /* removable, tray */
        { 0x0010, profile != 0, { 0, 0, 8, 0, 0, 1 }, 8 },      /* random readable, 2048 bytes */
        { 0x001e, profile == PROFILE_CD_ROM, { 0 }, 4 },        /* CD read */
        { 0x001f, profile == PROFILE_DVD_ROM, { 0 }, 0 },       /* DVD read */
    };
    unsigned start = ld16_be(p + 2);
    unsigned rt = p[1] & 3;
    unsigned n = 8;

    if (rt == 3) {
        return atapi_check(SENSE_INVALID_FIELD);
    }
    if (start == 0) {
        n += atapi_feature(buf + n, 0x0000, 0x03, profiles, sizeof(profiles));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        bool wanted = rt == 2 ? features[i].code == start : features[i].code >= start;

        if (wanted && (rt != 1 || features[i].bits & 1)) {
            n += atapi_feature(buf + n, features[i].code, features[i].bits, features[i].data, features[i].len);
        }
    }
    st32_be(buf, n - 4);
    st16_be(buf + 6, profile);
    return atapi_reply(n, ld16_be(p + 7));
}

static AtapiVerdict atapi_get_event(const AtapiMedium *m, const uint8_t *p, uint8_t *buf)
{
    AtapiVerdict v;

    if (!(p[1] & 1)) {
        return atapi_check(SENSE_INVALID_FIELD);        /* only polled */
    }
    buf[3] = 0x10;              /* there is one class: media */
    if (!(p[4] & 0x10)) {
        st16_be(buf, 2);
        buf[2] = 0x80;
        return atapi_reply(4, ld16_be(p + 7));
    }
    st16_be(buf, 6);
    buf[2] = 4;
    buf[4] = m->event_new_media ? 2 : m->event_eject ? 1 : 0;
    buf[5] = (m->tray_open ? 1 : 0) | (m->present ? 2 : 0);
    v = atapi_reply(8, ld16_be(p + 7));
    v.clear_events = true;
    return v;
}

/* ---- The medium ---- */

static AtapiVerdict atapi_read_toc(const AtapiMedium *m, const uint8_t *p, uint8_t *buf)
{
    bool msf = p[1] & 2;
    unsigned format = p[2] & 0x0f ? p[2] & 0x0f : p[9] >> 6;
    unsigned start = p[6];
    uint32_t end = MIN(m->blocks, UINT32_MAX - 150);
    unsigned n = 4;

    buf[2] = buf[3] = 1;        /* first and last track, or session */
    if (format == 1) {
        st16_be(buf, 10);
        buf[5] = 0x14;
        buf[6] = 1;
        if (msf) {
            atapi_lba_to_msf(buf + 9, 0);
        }
        return atapi_reply(12, ld16_be(p + 7));
    }
    if (format != 0 || (start > 1 && start != 0xaa)) {
        return atapi_check(SENSE_INVALID_FIELD);
    }
    if (start <= 1) {
        buf[n + 1] = 0x14;      /* data track */
        buf[n + 2] = 1;
        if (msf) {
            atapi_lba_to_msf(buf + n + 5, 0);
        }
        n += 8;
    }
    buf[n + 1] = 0x14;
    buf[n + 2] = 0xaa;          /* lead-out */
    if (msf) {
        atapi_lba_to_msf(buf + n + 5, end);
    } else {
        st32_be(buf + n + 4, end);
    }
    n += 8;
    st16_be(buf, n - 2);
    return atapi_reply(n, ld16_be(p + 7));
}

static AtapiVerdict atapi_read(const AtapiMedium *m, uint32_t lba, uint32_t blocks)
{
    if (lba > m->blocks || blocks > m->blocks - lba) {
        return atapi_check(SENSE_LBA_OUT_OF_RANGE);
    }
    if (blocks > INT32_MAX / ATAPI_SECTOR) {
        return atapi_check(SENSE_INVALID_FIELD);
    }
    return (AtapiVerdict){ .kind = blocks ? ATAPI_READ : ATAPI_OK, .lba = lba, .blocks = blocks };
}

static AtapiVerdict atapi_read_cd(const AtapiMedium *m, const uint8_t *p)
{
    uint32_t blocks = p[6] << 16 | ld16_be(p + 7);

    switch (p[9] & 0xf8) {
    case 0x00:
        return (AtapiVerdict){ .kind = ATAPI_OK };
    case 0x10:                  /* user data only: what there is */
        return atapi_read(m, ld32_be(p + 2), blocks);
    default:
        return atapi_check(SENSE_INVALID_FIELD);
    }
}

static AtapiVerdict atapi_read_disc_info(const uint8_t *p, uint8_t *buf)
{
    if (p[1] & 7) {
        return atapi_check(SENSE_INVALID_FIELD);
    }
    st16_be(buf, 32);
    buf[2] = 0x0e;              /* complete, last session complete */
    buf[3] = buf[4] = buf[5] = buf[6] = 1;
    buf[7] = 0x20;              /* unrestricted use */
    return atapi_reply(34, ld16_be(p + 7));
}

static AtapiVerdict atapi_start_stop(const AtapiMedium *m, const uint8_t *p)
{
    bool start = p[4] & 1;

    if (!(p[4] & 2) || p[4] >> 4) {
        return (AtapiVerdict){ .kind = ATAPI_OK };      /* spinning up and down */
    }
    if (!start && !m->tray_open && m->tray_locked) {
        return atapi_check(m->present ? SENSE_REMOVAL_PREVENTED : SENSE_NOT_READY_NO_MEDIUM);
    }
    return (AtapiVerdict){ .kind = ATAPI_TRAY, .flag = !start };
}

/* ---- Dispatch ---- */

static bool atapi_needs_medium(uint8_t op)
{
    switch (op) {
    case TEST_UNIT_READY:
    case READ_CAPACITY:
    case READ_10:
    case READ_12:
    case READ_CD:
    case SEEK_10:
    case READ_TOC:
    case READ_DISC_INFO:
        return true;
    default:
        return false;
    }
}

static AtapiVerdict atapi_dispatch(const AtapiMedium *m, const uint8_t *p, uint8_t *buf)
{
    switch (p[0]) {
    case TEST_UNIT_READY:
    case SET_SPEED:
    case SYNCHRONIZE_CACHE:
        return (AtapiVerdict){ .kind = ATAPI_OK };
    case INQUIRY:
        return atapi_inquiry(m, p, buf);
    case MODE_SENSE_6:
    case MODE_SENSE_10:
        return atapi_mode_sense(m, p, buf);
    case GET_CONFIGURATION:
        return atapi_get_configuration(m, p, buf);
    case GET_EVENT_STATUS:
        return atapi_get_event(m, p, buf);
    case MECHANISM_STATUS:
        buf[1] = m->tray_open ? 0x10 : 0;
        buf[5] = 1;
        return atapi_reply(8, ld16_be(p + 8));
    case PREVENT_ALLOW:
        return (AtapiVerdict){ .kind = ATAPI_LOCK, .flag = p[4] & 1 };
    case START_STOP_UNIT:
        return atapi_start_stop(m, p);
    case READ_CAPACITY:
        st32_be(buf, MIN(m->blocks, UINT32_MAX) - 1);
        st32_be(buf + 4, ATAPI_SECTOR);
        return atapi_reply(8, 8);
    case READ_10:
        return atapi_read(m, ld32_be(p + 2), ld16_be(p + 7));
    case READ_12:
        return atapi_read(m, ld32_be(p + 2), ld32_be(p + 6));
    case READ_CD:
        return atapi_read_cd(m, p);
    case SEEK_10:
        return ld32_be(p + 2) > m->blocks ? atapi_check(SENSE_LBA_OUT_OF_RANGE) : (AtapiVerdict){ .kind = ATAPI_OK };
    case READ_TOC:
        return atapi_read_toc(m, p, buf);
    case READ_DISC_INFO:
        return atapi_read_disc_info(p, buf);
    default:
        return atapi_check(SENSE_INVALID_OPCODE);
    }
}

AtapiVerdict atapi_decide(const AtapiMedium *m, const uint8_t *packet, uint8_t *reply)
{
    AtapiVerdict v;

    memset(reply, 0, ATAPI_REPLY_MAX);
    if (packet[0] == REQUEST_SENSE) {
        return atapi_request_sense(m, packet, reply);
    }
    if (m->media_changed && packet[0] != INQUIRY && packet[0] != GET_CONFIGURATION && packet[0] != GET_EVENT_STATUS) {
        v = atapi_check(SENSE_MEDIUM_CHANGED);
        v.clear_changed = true;
        return v;
    }
    if (atapi_needs_medium(packet[0]) && (!m->present || m->blocks == 0)) {
        return atapi_check(m->tray_open ? SENSE_NOT_READY_TRAY_OPEN : SENSE_NOT_READY_NO_MEDIUM);
    }
    v = atapi_dispatch(m, packet, reply);
    v.clear_sense = true;
    return v;
}
