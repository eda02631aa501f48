/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: packets of any bytes for a drive in any state. Checked: the verdict keeps the promises of atapi.h.
 */
#include "base/assert.h"
#include "base/bytes.h"
#include "devices/ide/atapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree uint8_t *reply = g_malloc(ATAPI_REPLY_MAX);
    AtapiMedium m = { .model = "MODEL", .version = "1.0" };
    AtapiVerdict v;

    if (size < 9 + ATAPI_PACKET_SIZE) {
        return 0;
    }
    m.present = data[0] & 1;
    m.tray_open = data[0] & 2;
    m.tray_locked = data[0] & 4;
    m.media_changed = data[0] & 8;
    m.event_new_media = data[0] & 16;
    m.event_eject = data[0] & 32;
    m.blocks = ld64_le(data + 1);
    v = atapi_decide(&m, data + 9, reply);
    assert(v.reply_len <= ATAPI_REPLY_MAX);
    assert(v.kind != ATAPI_REPLY || v.reply_len > 0);
    assert(v.kind != ATAPI_CHECK || v.sense.key);
    if (v.kind == ATAPI_READ) {
        assert(m.present && v.blocks > 0 && v.lba <= m.blocks && v.blocks <= m.blocks - v.lba);
    }
    return 0;
}
