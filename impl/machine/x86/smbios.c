/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SMBIOS structures. See smbios.h.
 *
 * A structure is a formatted area whose second byte is its length, and the strings that it numbers from 1.
 */
#include "machine/x86/smbios.h"

#include <string.h>

#include "base/assert.h"
#include "base/bytes.h"

#define VENDOR "Rondo"
#define NO_HANDLE 0xfffe
#define HANDLE_SYSTEM 0x100
#define HANDLE_CHASSIS 0x300
#define HANDLE_PROCESSOR 0x400
#define HANDLE_ARRAY 0x1000
#define HANDLE_DEVICE 0x1100
#define HANDLE_MAPPED 0x1300
#define HANDLE_BOOT 0x2000
#define HANDLE_END 0x7f00
#define KIB_MAX UINT32_C(0xffffffff)

typedef struct Builder {
    GByteArray *out;
    guint start;                /* of the structure being written */
    GPtrArray *strings;         /* of char *, borrowed */
    unsigned count;
    unsigned largest;
} Builder;

static void put(Builder *b, uint64_t val, unsigned size)
{
    uint8_t le[8];

    st64_le(le, val);
    g_byte_array_append(b->out, le, size);
}

/* The number of a string; 0 is none. */
static void put_string(Builder *b, const char *text)
{
    if (text && *text) {
        g_ptr_array_add(b->strings, (char *)text);
        put(b, b->strings->len, 1);
    } else {
        put(b, 0, 1);
    }
}

static void begin(Builder *b, uint8_t type, uint16_t handle)
{
    b->start = b->out->len;
    g_ptr_array_set_size(b->strings, 0);
    put(b, type, 1);
    put(b, 0, 1);
    put(b, handle, 2);
}

static void end(Builder *b, unsigned len)
{
    assert(b->out->len - b->start == len);
    b->out->data[b->start + 1] = len;
    for (guint i = 0; i < b->strings->len; i++) {
        const char *text = g_ptr_array_index(b->strings, i);

        g_byte_array_append(b->out, (const uint8_t *)text, strlen(text) + 1);
    }
    put(b, 0, b->strings->len ? 1 : 2);
    b->count++;
    b->largest = MAX(b->largest, b->out->len - b->start);
}

/* ---- Structures ---- */

/* The first three fields of a UUID are little endian here. */
static void put_uuid(Builder *b, const char *text)
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    uint8_t bytes[16] = { 0 };
    unsigned n = 0;

    for (const char *p = text ? text : ""; *p && n < 32; p++) {
        if (g_ascii_isxdigit(*p)) {
            bytes[n / 2] |= g_ascii_xdigit_value(*p) << (n % 2 ? 0 : 4);
            n++;
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        put(b, bytes[order[i]], 1);
    }
}

static void add_system(Builder *b, const MachineState *ms)
{
    char *const *said = ms->smbios_system;

    begin(b, 1, HANDLE_SYSTEM);
    put_string(b, said[SMBIOS_MANUFACTURER] ? said[SMBIOS_MANUFACTURER] : VENDOR);
    put_string(b, said[SMBIOS_PRODUCT] ? said[SMBIOS_PRODUCT] : ms->klass->desc);
    put_string(b, said[SMBIOS_VERSION] ? said[SMBIOS_VERSION] : ms->klass->name);
    put_string(b, said[SMBIOS_SERIAL]);
    put_uuid(b, ms->uuid);
    put(b, 6, 1);               /* woken by the power switch */
    put_string(b, said[SMBIOS_SKU]);
    put_string(b, said[SMBIOS_FAMILY]);
    end(b, 0x1b);
}

static void add_chassis(Builder *b, const MachineState *ms)
{
    begin(b, 3, HANDLE_CHASSIS);
    put_string(b, VENDOR);
    put(b, 1, 1);               /* other */
    put_string(b, ms->klass->name);
    put(b, 0, 2);               /* serial number, asset tag */
    put(b, 0x030303, 3);        /* boot-up, power and thermal state: safe */
    put(b, 2, 1);               /* security: unknown */
    put(b, 0, 8);
    put(b, 0, 1);
    end(b, 0x16);
}

static void add_processor(Builder *b, unsigned n)
{
    g_autofree char *socket = g_strdup_printf("CPU %u", n);

    begin(b, 4, HANDLE_PROCESSOR + n);
    put_string(b, socket);
    put(b, 3, 1);               /* central processor */
    put(b, 1, 1);               /* family: other */
    put_string(b, VENDOR);
    put(b, 0, 8);
    put_string(b, NULL);
    put(b, 0, 3);               /* voltage, external clock */
    put(b, 2000, 2);
    put(b, 2000, 2);
    put(b, 0x41, 1);            /* populated, enabled */
    put(b, 1, 1);
    put(b, 0xffffffffffff, 6);  /* caches are not described */
    put(b, 0, 3);               /* serial number, asset tag, part number */
    put(b, 0x010101, 3);        /* one core, enabled, one thread */
    put(b, 2, 2);
    put(b, 1, 2);
    end(b, 0x2a);
}

static void add_memory(Builder *b, const MachineState *ms)
{
    uint64_t kib = ms->ram_size / KiB;
    uint64_t mib = DIV_ROUND_UP(ms->ram_size, MiB);

    begin(b, 16, HANDLE_ARRAY);
    put(b, 0x060301, 3);        /* other place, system memory, ECC */
    put(b, kib < 0x80000000 ? kib : 0x80000000, 4);
    put(b, NO_HANDLE, 2);
    put(b, 1, 2);
    put(b, kib < 0x80000000 ? 0 : ms->ram_size, 8);
    end(b, 0x17);

    begin(b, 17, HANDLE_DEVICE);
    put(b, HANDLE_ARRAY, 2);
    put(b, NO_HANDLE, 2);
    put(b, 0xffffffff, 4);      /* widths: unknown */
    put(b, mib < 0x7fff ? mib : 0x7fff, 2);
    put(b, 9, 1);               /* DIMM */
    put(b, 0, 1);
    put_string(b, "DIMM 0");
    put_string(b, NULL);
    put(b, 7, 1);               /* RAM */
    put(b, 2, 2);
    put(b, 0, 2);
    put_string(b, VENDOR);
    put(b, 0, 4);
    put(b, mib < 0x7fff ? 0 : mib, 4);
    put(b, 0, 8);               /* speed, voltages */
    end(b, 0x28);
}

static void add_mapped(Builder *b, unsigned n, uint64_t start, uint64_t len)
{
    uint64_t last = (start + len) / KiB - 1;
    bool extended = last > KIB_MAX - 1;

    begin(b, 19, HANDLE_MAPPED + n);
    put(b, extended ? KIB_MAX : start / KiB, 4);
    put(b, extended ? KIB_MAX : last, 4);
    put(b, HANDLE_ARRAY, 2);
    put(b, 1, 1);
    put(b, extended ? start : 0, 8);
    put(b, extended ? start + len - 1 : 0, 8);
    end(b, 0x1f);
}

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;

    while (len--) {
        s += *p++;
    }
    return s;
}

static void make_anchor(const Builder *b, uint8_t *a)
{
    memset(a, 0, SMBIOS_ANCHOR_SIZE);
    memcpy(a, "_SM_", 4);
    a[5] = SMBIOS_ANCHOR_SIZE;
    a[6] = 2;
    a[7] = 8;
    st16_le(a + 8, b->largest);
    memcpy(a + 16, "_DMI_", 5);
    st16_le(a + 22, b->out->len);
    st16_le(a + 28, b->count);
    a[30] = 0x28;
    a[21] = -sum(a + 16, 15);
    a[4] = -sum(a, SMBIOS_ANCHOR_SIZE);
}

void smbios_build(const MachineState *ms, uint64_t below_4g, SmbiosTables *ret)
{
    Builder b = { .out = g_byte_array_new(), .strings = g_ptr_array_new() };

    add_system(&b, ms);
    add_chassis(&b, ms);
    for (unsigned n = 0; n < ms->smp_cpus; n++) {
        add_processor(&b, n);
    }
    add_memory(&b, ms);
    add_mapped(&b, 0, 0, below_4g);
    if (ms->ram_size > below_4g) {
        add_mapped(&b, 1, 4 * GiB, ms->ram_size - below_4g);
    }
    begin(&b, 32, HANDLE_BOOT);
    put(&b, 0, 7);              /* no errors detected */
    end(&b, 0x0b);
    begin(&b, 127, HANDLE_END);
    end(&b, 4);
    make_anchor(&b, ret->anchor);
    ret->tables = b.out;
    g_ptr_array_unref(b.strings);
}
