/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The out-of-line part of bytes.h. */
#include "base/bytes.h"

bool buffer_is_zero(const void *buf, size_t len)
{
    const uint8_t *p = buf;

    if (len < 16) {
        for (size_t i = 0; i < len; i++) {
            if (p[i]) {
                return false;
            }
        }
        return true;
    }
    /* If the first 16 bytes are zero and every byte equals the one 16 before it, all are zero. */
    return !(ld64_le(p) | ld64_le(p + 8)) && memcmp(p, p + 16, len - 16) == 0;
}
