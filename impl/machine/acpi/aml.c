/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ACPI machine language. See aml.h.
 */
#include "machine/acpi/aml.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

enum {
    OP_ZERO = 0x00, OP_ONE = 0x01, OP_NAME = 0x08, OP_BYTE = 0x0a, OP_WORD = 0x0b, OP_DWORD = 0x0c, OP_STRING = 0x0d,
    OP_QWORD = 0x0e, OP_SCOPE = 0x10, OP_BUFFER = 0x11, OP_PACKAGE = 0x12, OP_METHOD = 0x14, OP_DUAL_NAME = 0x2e,
    OP_MULTI_NAME = 0x2f, OP_EXT = 0x5b, OP_LOCAL0 = 0x60, OP_ARG0 = 0x68, OP_STORE = 0x70, OP_AND = 0x7b, OP_OR = 0x7d,
    OP_NOTIFY = 0x86,
    OP_CREATE_DWORD_FIELD = 0x8a, OP_LEQUAL = 0x93, OP_LLESS = 0x95, OP_IF = 0xa0, OP_ELSE = 0xa1, OP_RETURN = 0xa4,
    EXT_REGION = 0x80, EXT_FIELD = 0x81, EXT_DEVICE = 0x82,
};

enum {
    RES_IRQ_NOFLAGS = 0x22, RES_IO = 0x47, RES_END_TAG = 0x79, RES_MEMORY32_FIXED = 0x86, RES_DWORD = 0x87,
    RES_WORD = 0x88, RES_INTERRUPT = 0x89, RES_QWORD = 0x8a,
};

enum { RES_TYPE_MEMORY, RES_TYPE_IO, RES_TYPE_BUS };

#define RES_WINDOW_FLAGS 0x0c           /* minimum and maximum fixed, positively decoded */
#define FIELD_PRESERVE_NOLOCK 0

typedef struct AmlOpen {
    guint start;                /* where the length goes */
    bool resources;             /* a buffer of resources: end tag and size too */
} AmlOpen;

Aml *aml_new(GByteArray *bytes)
{
    Aml *a = g_new0(Aml, 1);

    a->bytes = bytes;
    a->open = g_array_new(FALSE, FALSE, sizeof(AmlOpen));
    return a;
}

void aml_free(Aml *a)
{
    assert(a->open->len == 0);
    g_array_unref(a->open);
    g_free(a);
}

/* ---- Bytes ---- */

static void put_byte(Aml *a, uint8_t val)
{
    g_byte_array_append(a->bytes, &val, 1);
}

/* Little endian, @size bytes. */
static void put(Aml *a, uint64_t val, unsigned size)
{
    uint8_t le[8];

    st64_le(le, val);
    g_byte_array_append(a->bytes, le, size);
}

static void insert(Aml *a, guint at, const uint8_t *data, guint len)
{
    guint old = a->bytes->len;

    g_byte_array_set_size(a->bytes, old + len);
    memmove(a->bytes->data + at + len, a->bytes->data + at, old - at);
    memcpy(a->bytes->data + at, data, len);
}

/* The encoding of a length that counts itself. Returns its size. */
static unsigned pkg_length(uint32_t body, uint8_t out[4])
{
    unsigned n = body + 1 < 1 << 6 ? 1 : body + 2 < 1 << 12 ? 2 : body + 3 < 1 << 20 ? 3 : 4;
    uint32_t len = body + n;

    if (n == 1) {
        out[0] = len;
        return 1;
    }
    out[0] = (n - 1) << 6 | (len & 0x0f);
    for (unsigned i = 1; i < n; i++) {
        out[i] = len >> (4 + 8 * (i - 1));
    }
    return n;
}

/* A length without a body of its own, as fields have it. */
static void put_bits(Aml *a, uint32_t bits)
{
    uint8_t out[4];
    unsigned n = bits < 1 << 6 ? 1 : bits < 1 << 12 ? 2 : 3;

    out[0] = n == 1 ? bits : (n - 1) << 6 | (bits & 0x0f);
    out[1] = bits >> 4;
    out[2] = bits >> 12;
    g_byte_array_append(a->bytes, out, n);
}

static void begin(Aml *a, bool resources)
{
    AmlOpen o = { .start = a->bytes->len, .resources = resources };

    g_array_append_val(a->open, o);
}

void aml_end(Aml *a)
{
    AmlOpen o;
    uint8_t out[4];

    assert(a->open->len > 0);
    o = g_array_index(a->open, AmlOpen, a->open->len - 1);
    g_array_set_size(a->open, a->open->len - 1);
    if (o.resources) {
        uint8_t size[3] = { OP_WORD };

        put_byte(a, RES_END_TAG);
        put_byte(a, 0);         /* no checksum */
        st16_le(size + 1, a->bytes->len - o.start);
        insert(a, o.start, size, sizeof(size));
    }
    insert(a, o.start, out, pkg_length(a->bytes->len - o.start, out));
}

static void put_segment(Aml *a, const char *seg, size_t len)
{
    assert(len >= 1 && len <= 4);
    g_byte_array_append(a->bytes, (const uint8_t *)seg, len);
    g_byte_array_append(a->bytes, (const uint8_t *)"____", 4 - len);
}

static void put_name(Aml *a, const char *name)
{
    unsigned segs = 1;

    for (; *name == '\\' || *name == '^'; name++) {
        put_byte(a, *name);
    }
    for (const char *p = name; *p; p++) {
        segs += *p == '.';
    }
    if (segs == 2) {
        put_byte(a, OP_DUAL_NAME);
    } else if (segs > 2) {
        put_byte(a, OP_MULTI_NAME);
        put_byte(a, segs);
    }
    for (; segs; segs--) {
        size_t len = strcspn(name, ".");

        put_segment(a, name, len);
        name += len + 1;
    }
}

/* ---- Values ---- */

void aml_int(Aml *a, uint64_t val)
{
    if (val <= 1) {
        put_byte(a, val ? OP_ONE : OP_ZERO);
    } else if (val <= UINT8_MAX) {
        put_byte(a, OP_BYTE);
        put(a, val, 1);
    } else if (val <= UINT16_MAX) {
        put_byte(a, OP_WORD);
        put(a, val, 2);
    } else if (val <= UINT32_MAX) {
        put_byte(a, OP_DWORD);
        put(a, val, 4);
    } else {
        put_byte(a, OP_QWORD);
        put(a, val, 8);
    }
}

void aml_string(Aml *a, const char *text)
{
    put_byte(a, OP_STRING);
    g_byte_array_append(a->bytes, (const uint8_t *)text, strlen(text) + 1);
}

/* Three letters of five bits and four hexadecimal digits, most significant byte first. */
void aml_eisaid(Aml *a, const char *id)
{
    uint32_t val = (id[0] - 0x40) << 26 | (id[1] - 0x40) << 21 | (id[2] - 0x40) << 16;

    assert(strlen(id) == 7);
    for (unsigned i = 0; i < 4; i++) {
        val |= g_ascii_xdigit_value(id[3 + i]) << (12 - 4 * i);
    }
    put_byte(a, OP_DWORD);
    put(a, GUINT32_SWAP_LE_BE(val), 4);
}

void aml_ref(Aml *a, const char *name)
{
    put_name(a, name);
}

void aml_arg(Aml *a, unsigned n)
{
    put_byte(a, OP_ARG0 + n);
}

void aml_local(Aml *a, unsigned n)
{
    put_byte(a, OP_LOCAL0 + n);
}

void aml_package_begin(Aml *a, unsigned num)
{
    assert(num <= UINT8_MAX);
    put_byte(a, OP_PACKAGE);
    begin(a, false);
    put_byte(a, num);
}

/* ---- Objects ---- */

void aml_name(Aml *a, const char *name)
{
    put_byte(a, OP_NAME);
    put_name(a, name);
}

void aml_scope_begin(Aml *a, const char *name)
{
    put_byte(a, OP_SCOPE);
    begin(a, false);
    put_name(a, name);
}

void aml_device_begin(Aml *a, const char *name)
{
    put_byte(a, OP_EXT);
    put_byte(a, EXT_DEVICE);
    begin(a, false);
    put_name(a, name);
}

void aml_method_begin(Aml *a, const char *name, unsigned args, bool serialized)
{
    put_byte(a, OP_METHOD);
    begin(a, false);
    put_name(a, name);
    put_byte(a, args | serialized << 3);
}

void aml_operation_region(Aml *a, const char *name, unsigned space, uint64_t offset, uint64_t len)
{
    put_byte(a, OP_EXT);
    put_byte(a, EXT_REGION);
    put_name(a, name);
    put_byte(a, space);
    aml_int(a, offset);
    aml_int(a, len);
}

void aml_field_begin(Aml *a, const char *region, unsigned access)
{
    put_byte(a, OP_EXT);
    put_byte(a, EXT_FIELD);
    begin(a, false);
    put_name(a, region);
    put_byte(a, access | FIELD_PRESERVE_NOLOCK);
}

void aml_field_unit(Aml *a, const char *name, unsigned bits)
{
    if (name) {
        put_segment(a, name, strlen(name));
    } else {
        put_byte(a, 0);
    }
    put_bits(a, bits);
}

/* ---- Statements and operators ---- */

void aml_return(Aml *a)
{
    put_byte(a, OP_RETURN);
}

void aml_if_begin(Aml *a)
{
    put_byte(a, OP_IF);
    begin(a, false);
}

void aml_else_begin(Aml *a)
{
    put_byte(a, OP_ELSE);
    begin(a, false);
}

void aml_store(Aml *a)
{
    put_byte(a, OP_STORE);
}

void aml_notify(Aml *a)
{
    put_byte(a, OP_NOTIFY);
}

void aml_and(Aml *a)
{
    put_byte(a, OP_AND);
}

void aml_or(Aml *a)
{
    put_byte(a, OP_OR);
}

void aml_none(Aml *a)
{
    put_byte(a, OP_ZERO);
}

void aml_lless(Aml *a)
{
    put_byte(a, OP_LLESS);
}

void aml_lequal(Aml *a)
{
    put_byte(a, OP_LEQUAL);
}

void aml_create_dword_field(Aml *a)
{
    put_byte(a, OP_CREATE_DWORD_FIELD);
}

/* ---- Resources ---- */

void aml_resources_begin(Aml *a)
{
    put_byte(a, OP_BUFFER);
    begin(a, true);
}

void aml_io(Aml *a, uint16_t base, uint8_t len)
{
    put_byte(a, RES_IO);
    put_byte(a, 1);             /* decodes 16 bits */
    put(a, base, 2);
    put(a, base, 2);
    put_byte(a, 1);             /* alignment */
    put_byte(a, len);
}

void aml_irq_noflags(Aml *a, unsigned irq)
{
    put_byte(a, RES_IRQ_NOFLAGS);
    put(a, 1u << irq, 2);
}

void aml_interrupt(Aml *a, const uint32_t *irqs, unsigned n)
{
    put_byte(a, RES_INTERRUPT);
    put(a, 2 + 4 * n, 2);
    put_byte(a, 0x09);          /* consumer, level, active high, shared */
    put_byte(a, n);
    for (unsigned i = 0; i < n; i++) {
        put(a, irqs[i], 4);
    }
}

void aml_memory32_fixed(Aml *a, bool writable, uint32_t base, uint32_t len)
{
    put_byte(a, RES_MEMORY32_FIXED);
    put(a, 9, 2);
    put_byte(a, writable);
    put(a, base, 4);
    put(a, len, 4);
}

/* Address space descriptors differ in the size of their five numbers only. */
static void put_window(Aml *a, unsigned res, unsigned size, unsigned type, uint8_t type_flags, uint64_t min,
                       uint64_t max)
{
    put_byte(a, res);
    put(a, 3 + 5 * size, 2);
    put_byte(a, type);
    put_byte(a, RES_WINDOW_FLAGS);
    put_byte(a, type_flags);
    put(a, 0, size);            /* granularity */
    put(a, min, size);
    put(a, max, size);
    put(a, 0, size);            /* translation */
    put(a, max - min + 1, size);
}

void aml_word_bus(Aml *a, uint16_t min, uint16_t max)
{
    put_window(a, RES_WORD, 2, RES_TYPE_BUS, 0, min, max);
}

void aml_word_io(Aml *a, uint16_t min, uint16_t max)
{
    put_window(a, RES_WORD, 2, RES_TYPE_IO, 0x03, min, max);    /* entire range */
}

void aml_dword_memory(Aml *a, bool cacheable, uint32_t min, uint32_t max)
{
    put_window(a, RES_DWORD, 4, RES_TYPE_MEMORY, cacheable ? 0x03 : 0x01, min, max);
}

void aml_qword_memory(Aml *a, uint64_t min, uint64_t max)
{
    put_window(a, RES_QWORD, 8, RES_TYPE_MEMORY, 0x03, min, max);
}
