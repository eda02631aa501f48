/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How single values look in the stream: big endian, full width, no tags.
 *
 * Owns: nothing. Context: as vmstate.c.
 */
#include "migration/vmstate.h"

#include "aio/timer.h"
#include "base/assert.h"

#include <inttypes.h>

/* Sticky errors make an error return after each value needless: the walker looks once per field. */
#define VMSTATE_INTEGER(type, ctype, putter, getter)                                            \
    static int get_##type(QEMUFile *f, void *pv, size_t size, const VMStateField *field)        \
    {                                                                                           \
        *(ctype *)pv = (ctype)getter(f);                                                        \
        return 0;                                                                               \
    }                                                                                           \
    static int put_##type(QEMUFile *f, void *pv, size_t size, const VMStateField *field)        \
    {                                                                                           \
        putter(f, *(ctype *)pv);                                                                \
        return 0;                                                                               \
    }                                                                                           \
    const VMStateInfo vmstate_info_##type = { .name = #type, .get = get_##type, .put = put_##type };

VMSTATE_INTEGER(int8, int8_t, qemu_put_byte, qemu_get_byte)
VMSTATE_INTEGER(int16, int16_t, qemu_put_be16, qemu_get_be16)
VMSTATE_INTEGER(int32, int32_t, qemu_put_be32, qemu_get_be32)
VMSTATE_INTEGER(int64, int64_t, qemu_put_be64, qemu_get_be64)
VMSTATE_INTEGER(uint8, uint8_t, qemu_put_byte, qemu_get_byte)
VMSTATE_INTEGER(uint16, uint16_t, qemu_put_be16, qemu_get_be16)
VMSTATE_INTEGER(uint32, uint32_t, qemu_put_be32, qemu_get_be32)
VMSTATE_INTEGER(uint64, uint64_t, qemu_put_be64, qemu_get_be64)

static int get_bool(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    *(bool *)pv = qemu_get_byte(f) != 0;
    return 0;
}

static int put_bool(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    qemu_put_byte(f, *(bool *)pv);
    return 0;
}

const VMStateInfo vmstate_info_bool = { .name = "bool", .get = get_bool, .put = put_bool };

static int get_uint32_equal(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    return qemu_get_be32(f) == *(uint32_t *)pv ? 0 : -EINVAL;
}

const VMStateInfo vmstate_info_uint32_equal = { .name = "uint32 equal", .get = get_uint32_equal, .put = put_uint32 };

static int get_uint8_equal(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    return qemu_get_ubyte(f) == *(uint8_t *)pv ? 0 : -EINVAL;
}

const VMStateInfo vmstate_info_uint8_equal = { .name = "uint8 equal", .get = get_uint8_equal, .put = put_uint8 };

static int get_buffer(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    return qemu_get_buffer(f, pv, size) == size ? 0 : -EIO;
}

static int put_buffer(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    qemu_put_buffer(f, pv, size);
    return 0;
}

const VMStateInfo vmstate_info_buffer = { .name = "buffer", .get = get_buffer, .put = put_buffer };

static int get_unused_buffer(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    qemu_file_skip(f, size);
    return 0;
}

static int put_unused_buffer(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    for (size_t i = 0; i < size; i++) {
        qemu_put_byte(f, 0);
    }
    return 0;
}

const VMStateInfo vmstate_info_unused_buffer = {
    .name = "unused_buffer", .get = get_unused_buffer, .put = put_unused_buffer,
};

static int get_timer(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    uint64_t expire_ns = qemu_get_be64(f);

    if (qemu_file_get_error(f)) {
        return -EIO;
    }
    if (expire_ns == UINT64_MAX) {
        timer_del(pv);
    } else {
        timer_mod_ns(pv, (int64_t)MIN(expire_ns, (uint64_t)INT64_MAX));
    }
    return 0;
}

static int put_timer(QEMUFile *f, void *pv, size_t size, const VMStateField *field)
{
    qemu_put_be64(f, timer_expire_time_ns(pv));
    return 0;
}

const VMStateInfo vmstate_info_timer = { .name = "timer", .get = get_timer, .put = put_timer };
