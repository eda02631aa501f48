/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2 refcount block entries and snapshot table entries: decode and encode. Pure; no I/O, no state.
 *
 * Source: qcow2 specification, "Host cluster management" (width of refcounts, bit order) and "Snapshots".
 */
#include "block/drivers/qcow2/format.h"

#define SNAPSHOT_FIXED_LEN 40U
/* What we understand of the extra data: vm_state_size_large, disk_size, icount. */
#define SNAPSHOT_EXTRA_KNOWN 24U

uint64_t qcow2_refcount_get(const void *block, uint64_t index, unsigned order)
{
    const uint8_t *b = block;

    switch (order) {
    case 0: case 1: case 2: {
        unsigned bits = 1U << order;
        unsigned per_byte = 8 / bits;

        /* Lower-numbered entries are in the less significant bits. */
        return (b[index / per_byte] >> (bits * (index % per_byte))) & ((1U << bits) - 1);
    }
    case 3:
        return b[index];
    case 4:
        return ld16_be(b + index * 2);
    case 5:
        return ld32_be(b + index * 4);
    default:
        return ld64_be(b + index * 8);
    }
}

void qcow2_refcount_put(void *block, uint64_t index, unsigned order, uint64_t value)
{
    uint8_t *b = block;

    assert(order == 6 || value <= qcow2_refcount_max(order));
    switch (order) {
    case 0: case 1: case 2: {
        unsigned bits = 1U << order;
        unsigned per_byte = 8 / bits;
        unsigned shift = bits * (index % per_byte);

        b[index / per_byte] &= ~(((1U << bits) - 1) << shift);
        b[index / per_byte] |= value << shift;
        break;
    }
    case 3:
        b[index] = value;
        break;
    case 4:
        st16_be(b + index * 2, value);
        break;
    case 5:
        st32_be(b + index * 4, value);
        break;
    default:
        st64_be(b + index * 8, value);
        break;
    }
}

static void parse_extra(const uint8_t *extra, uint32_t len, QCowSnapshot *sn)
{
    if (len >= 8) {
        sn->vm_state_size = ld64_be(extra);
    }
    if (len >= 16) {
        sn->disk_size = ld64_be(extra + 8);
    }
    if (len >= 24) {
        sn->icount = ld64_be(extra + 16);
    }
    if (len > SNAPSHOT_EXTRA_KNOWN) {
        sn->unknown_extra_len = len - SNAPSHOT_EXTRA_KNOWN;
        sn->unknown_extra_data = g_memdup2(extra + SNAPSHOT_EXTRA_KNOWN, sn->unknown_extra_len);
    }
}

int64_t qcow2_snapshot_parse(const uint8_t *buf, size_t len, uint64_t disk_size, QCowSnapshot *ret, GError **errp)
{
    uint32_t extra_len;
    uint32_t id_len;
    uint32_t name_len;
    uint64_t total;

    if (len < SNAPSHOT_FIXED_LEN) {
        return 0;
    }
    id_len = ld16_be(buf + 12);
    name_len = ld16_be(buf + 14);
    extra_len = ld32_be(buf + 36);
    if (extra_len > QCOW_MAX_SNAPSHOT_EXTRA_DATA) {
        error_setg(errp, "Too much extra metadata in snapshot table entry (%u bytes, at most %u)", extra_len,
                   QCOW_MAX_SNAPSHOT_EXTRA_DATA);
        return -EINVAL;
    }
    total = QEMU_ALIGN_UP((uint64_t)SNAPSHOT_FIXED_LEN + extra_len + id_len + name_len, 8);
    /* The last entry of a table need not be padded. */
    if (SNAPSHOT_FIXED_LEN + extra_len + id_len + name_len > len) {
        return 0;
    }
    *ret = (QCowSnapshot){
        .l1_table_offset = ld64_be(buf),
        .l1_size = ld32_be(buf + 8),
        .date_sec = ld32_be(buf + 16),
        .date_nsec = ld32_be(buf + 20),
        .vm_clock_nsec = ld64_be(buf + 24),
        .vm_state_size = ld32_be(buf + 32),
        .disk_size = disk_size,
        .icount = UINT64_MAX,
    };
    buf += SNAPSHOT_FIXED_LEN;
    parse_extra(buf, extra_len, ret);
    ret->id_str = g_strndup((const char *)buf + extra_len, id_len);
    ret->name = g_strndup((const char *)buf + extra_len + id_len, name_len);
    return (int64_t)total;
}

void qcow2_snapshot_store(const QCowSnapshot *sn, GByteArray *out)
{
    static const uint8_t zero[8];
    size_t id_len = strlen(sn->id_str);
    size_t name_len = strlen(sn->name);
    uint8_t fixed[SNAPSHOT_FIXED_LEN + SNAPSHOT_EXTRA_KNOWN] = { 0 };

    st64_be(fixed, sn->l1_table_offset);
    st32_be(fixed + 8, sn->l1_size);
    st16_be(fixed + 12, id_len);
    st16_be(fixed + 14, name_len);
    st32_be(fixed + 16, sn->date_sec);
    st32_be(fixed + 20, sn->date_nsec);
    st64_be(fixed + 24, sn->vm_clock_nsec);
    /* The 32-bit field is for readers that stop there; ours is in the extra data. */
    st32_be(fixed + 32, sn->vm_state_size <= UINT32_MAX ? sn->vm_state_size : 0);
    st32_be(fixed + 36, SNAPSHOT_EXTRA_KNOWN + sn->unknown_extra_len);
    st64_be(fixed + 40, sn->vm_state_size);
    st64_be(fixed + 48, sn->disk_size);
    st64_be(fixed + 56, sn->icount);
    g_byte_array_append(out, fixed, sizeof(fixed));
    if (sn->unknown_extra_len) {
        g_byte_array_append(out, sn->unknown_extra_data, sn->unknown_extra_len);
    }
    g_byte_array_append(out, (const uint8_t *)sn->id_str, id_len);
    g_byte_array_append(out, (const uint8_t *)sn->name, name_len);
    g_byte_array_append(out, zero, QEMU_ALIGN_UP(out->len, 8) - out->len);
}

void qcow2_snapshot_clear(QCowSnapshot *sn)
{
    g_clear_pointer(&sn->id_str, g_free);
    g_clear_pointer(&sn->name, g_free);
    g_clear_pointer(&sn->unknown_extra_data, g_free);
}
