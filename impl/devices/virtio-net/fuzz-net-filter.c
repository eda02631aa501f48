/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: commands of the control queue and frames, as any bytes. The input is a list of records: class, command,
 * where the data is split over two vectors, length, data. Checked: the filter's invariants, and that a refused command
 * changed nothing.
 */
#include "devices/virtio-net/filter.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const MACAddr mac = { { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 } };
    NetFilter f;

    net_filter_reset(&f, &mac);
    while (size >= 5) {
        size_t len = MIN(ld16_le(data + 3), size - 5);
        size_t at = MIN(data[2], len);
        struct iovec iov[] = { { (void *)(data + 5), at }, { (void *)(data + 5 + at), len - at } };
        NetFilter old = f;

        if (!net_filter_command(&f, data[0], data[1], iov, 2)) {
            assert(memcmp(&old, &f, sizeof(f)) == 0);
        }
        assert(f.in_use <= MAC_TABLE_ENTRIES && f.first_multi <= f.in_use);
        (void)net_filter_wants(&f, data + 5, len);
        data += 5 + len;
        size -= 5 + len;
    }
    return 0;
}
