/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes on the wire and sizes that cannot wrap: unaligned loads and stores of either order, alignment,
 * and additions that say when they overflow. Everything here is pure.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KiB (1024ULL)
#define MiB (1024ULL * KiB)
#define GiB (1024ULL * MiB)
#define TiB (1024ULL * GiB)

#define BYTES_DEFINE(bits, order, to_order)                                     \
    static inline uint##bits##_t ld##bits##_##order(const void *p)              \
    {                                                                           \
        uint##bits##_t v;                                                       \
        memcpy(&v, p, sizeof(v));                                               \
        return to_order(v);                                                     \
    }                                                                           \
    static inline void st##bits##_##order(void *p, uint##bits##_t v)            \
    {                                                                           \
        v = to_order(v);                                                        \
        memcpy(p, &v, sizeof(v));                                               \
    }
BYTES_DEFINE(16, le, GUINT16_FROM_LE)
BYTES_DEFINE(32, le, GUINT32_FROM_LE)
BYTES_DEFINE(64, le, GUINT64_FROM_LE)
BYTES_DEFINE(16, be, GUINT16_FROM_BE)
BYTES_DEFINE(32, be, GUINT32_FROM_BE)
BYTES_DEFINE(64, be, GUINT64_FROM_BE)
#undef BYTES_DEFINE

/* @a must be a power of two. */
#define QEMU_ALIGN_DOWN(n, a) ((n) & ~((typeof(n))(a) - 1))
#define QEMU_ALIGN_UP(n, a) QEMU_ALIGN_DOWN((n) + (typeof(n))(a) - 1, (a))
#define QEMU_IS_ALIGNED(n, a) (((n) & ((typeof(n))(a) - 1)) == 0)
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))

static inline bool is_power_of_2(uint64_t n)
{
    return n && !(n & (n - 1));
}

/** u64_add_overflows: true if @a + @b does not fit; else false with the sum in @ret. */
static inline bool u64_add_overflows(uint64_t a, uint64_t b, uint64_t *ret)
{
    return __builtin_add_overflow(a, b, ret);
}

static inline bool u64_mul_overflows(uint64_t a, uint64_t b, uint64_t *ret)
{
    return __builtin_mul_overflow(a, b, ret);
}

/** ranges_overlap: do [a, a+alen) and [b, b+blen) share a byte? Ranges must not wrap. */
static inline bool ranges_overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
    return alen && blen && a < b + blen && b < a + alen;
}

/** buffer_is_zero: are all @len bytes of @buf zero? */
bool buffer_is_zero(const void *buf, size_t len);

#endif
