/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: what a viewer sends, of any bytes. Checked: the parser's promises, and that every format it accepts can
 * be written.
 */
#include "base/assert.h"
#include "ui/vnc_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    VncMessage m;
    uint8_t pixel[4];

    if (size >= 12) {
        (void)vnc_parse_version(data);
    }
    while (size) {
        int n = vnc_parse_message(data, size, &m);

        if (n <= 0) {
            assert(n == -1 || size < VNC_MESSAGE_MAX);
            break;
        }
        assert((size_t)n <= size && n <= VNC_MESSAGE_MAX);
        if (m.kind == VNC_MSG_SET_PIXEL_FORMAT) {
            assert(vnc_put_pixel(pixel, &m.format, 0xffffff) == m.format.bits / 8);
        }
        data += n;
        size -= n;
    }
    return 0;
}
