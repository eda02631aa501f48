/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmstate: device state described by tables, saved and loaded by one walker.
 *
 * A description lists fields (offset, type, how many) and subsections. Fields have no names or lengths in the
 * stream: both ends must agree on the description of a version. Subsections are named and skipped when their
 * `needed` says so, which is how state is added without a new version.
 *
 * Loading takes untrusted bytes: counts read from the stream are checked against the capacity in the table
 * (embedded arrays) or VMSTATE_MAX_ALLOC (allocated ones) before anything is stored. Values are the device's
 * business: check them in post_load or with VMSTATE_VALIDATE and return -EINVAL.
 *
 * Context: with the BQL, VM stopped. Source: the stream format QEMU documents in docs/devel/migration.
 */
#ifndef MIGRATION_VMSTATE_H
#define MIGRATION_VMSTATE_H

#include "base/error.h"
#include "migration/qemu_file.h"
#include "migration/register.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct VMStateField VMStateField;
typedef struct VMStateDescription VMStateDescription;

#define VMSTATE_MAX_ALLOC (64u * 1024 * 1024)   /* bytes a stream may make us allocate for one field */

/** How one element is written. @size: the element's bytes in memory. */
typedef struct VMStateInfo {
    const char *name;
    int (*get)(QEMUFile *f, void *pv, size_t size, const VMStateField *field);
    int (*put)(QEMUFile *f, void *pv, size_t size, const VMStateField *field);
} VMStateInfo;

enum VMStateFlags {
    VMS_SINGLE = 1 << 0,
    VMS_POINTER = 1 << 1,               /* the field is a pointer to the data */
    VMS_ARRAY = 1 << 2,                 /* num elements */
    VMS_STRUCT = 1 << 3,                /* elements are described by vmsd */
    VMS_VARRAY_INT32 = 1 << 4,          /* the count is another field, of this type */
    VMS_BUFFER = 1 << 5,                /* bytes */
    VMS_ARRAY_OF_POINTER = 1 << 6,      /* each element is a pointer to the data; NULL is allowed */
    VMS_VARRAY_UINT16 = 1 << 7,
    VMS_VBUFFER = 1 << 8,               /* bytes; their number is another field */
    VMS_VARRAY_UINT8 = 1 << 10,
    VMS_VARRAY_UINT32 = 1 << 11,
    VMS_MUST_EXIST = 1 << 12,           /* field_exists must say yes: a check on the values loaded so far */
    VMS_ALLOC = 1 << 13,                /* loading replaces the pointer with a fresh g_malloc() */
    VMS_END = 1 << 15,
};

/** One line of a description; made by the macros below. All sizes in bytes. */
struct VMStateField {
    const char *name;
    size_t offset;
    size_t size;                /* of one element */
    size_t num;                 /* elements; for a counted field embedded in the struct: its capacity */
    size_t num_offset;          /* where the count is */
    size_t size_offset;         /* VMS_VBUFFER: where the number of bytes is (uint32_t) */
    const VMStateInfo *info;
    unsigned flags;
    const VMStateDescription *vmsd;
    int version_id;             /* first version that has the field */
    bool (*field_exists)(void *opaque, int version_id);
};

typedef enum MigrationPriority {
    MIG_PRI_DEFAULT = 0,
    MIG_PRI_IOMMU,              /* before the devices that translate through it */
    MIG_PRI_PCI_BUS,
    MIG_PRI_MAX = MIG_PRI_PCI_BUS,
} MigrationPriority;

struct VMStateDescription {
    const char *name;           /* of a subsection: "parent/child" */
    bool unmigratable;
    bool early_setup;           /* saved before the live sections */
    int version_id;
    int minimum_version_id;
    MigrationPriority priority;
    /* Callbacks return 0 or -errno. */
    int (*pre_load)(void *opaque);
    int (*post_load)(void *opaque, int version_id);
    int (*pre_save)(void *opaque);
    int (*post_save)(void *opaque);
    bool (*needed)(void *opaque);
    const VMStateField *fields;                         /* ends with VMSTATE_END_OF_LIST() */
    const VMStateDescription *const *subsections;       /* ends with NULL */
};

/**
 * vmstate_register: @opaque is described by @vmsd (borrowed). @id: where the device sits, for example
 * "0000:00:04.0", or NULL; copied. The section is called "<id>/<vmsd name>". Returns 0.
 * Needs the BQL. A duplicate (name, instance) is a bug of ours (asserted).
 */
int vmstate_register(const char *id, uint32_t instance_id, const VMStateDescription *vmsd, void *opaque);
/** vmstate_unregister: nothing if not registered. */
void vmstate_unregister(const char *id, const VMStateDescription *vmsd, void *opaque);

/** vmstate_save_state: write fields and subsections. 0 or -errno with @errp. */
G_GNUC_WARN_UNUSED_RESULT
int vmstate_save_state(QEMUFile *f, const VMStateDescription *vmsd, void *opaque, GError **errp);
/**
 * vmstate_load_state: read them. -EINVAL: the version or a value is not acceptable; -EIO: the stream ended.
 * The object may be half loaded after an error.
 */
G_GNUC_WARN_UNUSED_RESULT
int vmstate_load_state(QEMUFile *f, const VMStateDescription *vmsd, void *opaque, int version_id,
                       GError **errp);
bool vmstate_section_needed(const VMStateDescription *vmsd, void *opaque);

extern const VMStateInfo vmstate_info_bool;
extern const VMStateInfo vmstate_info_int8;
extern const VMStateInfo vmstate_info_int16;
extern const VMStateInfo vmstate_info_int32;
extern const VMStateInfo vmstate_info_int64;
extern const VMStateInfo vmstate_info_uint8;
extern const VMStateInfo vmstate_info_uint16;
extern const VMStateInfo vmstate_info_uint32;
extern const VMStateInfo vmstate_info_uint64;
extern const VMStateInfo vmstate_info_uint32_equal;     /* loading anything else fails */
extern const VMStateInfo vmstate_info_uint8_equal;
extern const VMStateInfo vmstate_info_buffer;
extern const VMStateInfo vmstate_info_unused_buffer;
extern const VMStateInfo vmstate_info_timer;

/* ---- Type-checked offsets ---- */

/* 0, or a compile error if the types differ. */
#define vmstate_type_check(t1, t2) (sizeof(char[__builtin_types_compatible_p(t1, t2) ? 1 : -1]) - 1)
#define vmstate_member_(s, f) (((s *)0)->f)
#define vmstate_array_len_(s, f) (sizeof(vmstate_member_(s, f)) / sizeof(vmstate_member_(s, f)[0]))
#define vmstate_offset_value(s, f, type) \
    (offsetof(s, f) + vmstate_type_check(type, typeof(vmstate_member_(s, f))))
#define vmstate_offset_pointer(s, f, type) \
    (offsetof(s, f) + vmstate_type_check(type *, typeof(vmstate_member_(s, f))))
#define vmstate_offset_array(s, f, type, n) \
    (offsetof(s, f) + vmstate_type_check(type[n], typeof(vmstate_member_(s, f))))
/* An array of any length; the element type is checked. */
#define vmstate_offset_varray(s, f, type) \
    (offsetof(s, f) + vmstate_type_check(type, typeof(vmstate_member_(s, f)[0])))
#define vmstate_offset_buffer(s, f) vmstate_offset_varray(s, f, uint8_t)

/* ---- Single values. The _V forms take the first version that has the field, the _TEST forms a predicate. ---- */

#define VMSTATE_SINGLE_FULL(f, s, test, ver, inf, type) \
    { .name = #f, .version_id = (ver), .field_exists = (test), .size = sizeof(type), .info = &(inf), \
      .flags = VMS_SINGLE, .offset = vmstate_offset_value(s, f, type) }
#define VMSTATE_SINGLE(f, s, ver, inf, type) VMSTATE_SINGLE_FULL(f, s, NULL, ver, inf, type)

#define VMSTATE_BOOL_V(f, s, v) VMSTATE_SINGLE(f, s, v, vmstate_info_bool, bool)
#define VMSTATE_INT8_V(f, s, v) VMSTATE_SINGLE(f, s, v, vmstate_info_int8, int8_t)
#define VMSTATE_INT16_V(f, s, v) VMSTATE_SINGLE(f, s, v, vmstate_info_int16, int16_t)
#define VMSTATE_INT32_V(f, s, v) VMSTATE_SINGLE(f, s, v, vmstate_info_int32, int32_t)
#define VMSTATE_INT64_V(f, s, v) VMSTATE_SINGLE(f, s, v, vmstate_info_int64, int64_t)
#define VMSTATE_UINT8_V(f, s, v) VMSTATE_SINGLE(f, s, v, vmstate_info_uint8, uint8_t)
#define VMSTATE_UINT16_V(f, s, v) VMSTATE_SINGLE(f, s, v, vmstate_info_uint16, uint16_t)
#define VMSTATE_UINT32_V(f, s, v) VMSTATE_SINGLE(f, s, v, vmstate_info_uint32, uint32_t)
#define VMSTATE_UINT64_V(f, s, v) VMSTATE_SINGLE(f, s, v, vmstate_info_uint64, uint64_t)
#define VMSTATE_BOOL(f, s) VMSTATE_BOOL_V(f, s, 0)
#define VMSTATE_INT8(f, s) VMSTATE_INT8_V(f, s, 0)
#define VMSTATE_INT16(f, s) VMSTATE_INT16_V(f, s, 0)
#define VMSTATE_INT32(f, s) VMSTATE_INT32_V(f, s, 0)
#define VMSTATE_INT64(f, s) VMSTATE_INT64_V(f, s, 0)
#define VMSTATE_UINT8(f, s) VMSTATE_UINT8_V(f, s, 0)
#define VMSTATE_UINT16(f, s) VMSTATE_UINT16_V(f, s, 0)
#define VMSTATE_UINT32(f, s) VMSTATE_UINT32_V(f, s, 0)
#define VMSTATE_UINT64(f, s) VMSTATE_UINT64_V(f, s, 0)
#define VMSTATE_BOOL_TEST(f, s, t) VMSTATE_SINGLE_FULL(f, s, t, 0, vmstate_info_bool, bool)
#define VMSTATE_UINT8_TEST(f, s, t) VMSTATE_SINGLE_FULL(f, s, t, 0, vmstate_info_uint8, uint8_t)
#define VMSTATE_UINT16_TEST(f, s, t) VMSTATE_SINGLE_FULL(f, s, t, 0, vmstate_info_uint16, uint16_t)
#define VMSTATE_UINT32_TEST(f, s, t) VMSTATE_SINGLE_FULL(f, s, t, 0, vmstate_info_uint32, uint32_t)
#define VMSTATE_UINT64_TEST(f, s, t) VMSTATE_SINGLE_FULL(f, s, t, 0, vmstate_info_uint64, uint64_t)
#define VMSTATE_UINT32_EQUAL(f, s) VMSTATE_SINGLE(f, s, 0, vmstate_info_uint32_equal, uint32_t)
#define VMSTATE_UINT8_EQUAL(f, s) VMSTATE_SINGLE(f, s, 0, vmstate_info_uint8_equal, uint8_t)

/* ---- Arrays ---- */

#define VMSTATE_ARRAY_V_(f, s, n, v, inf, type) \
    { .name = #f, .version_id = (v), .num = (n), .size = sizeof(type), .info = &(inf), .flags = VMS_ARRAY, \
      .offset = vmstate_offset_array(s, f, type, n) }
#define VMSTATE_ARRAY(f, s, n, v, inf, type) VMSTATE_ARRAY_V_(f, s, n, v, inf, type)
#define VMSTATE_BOOL_ARRAY(f, s, n) VMSTATE_ARRAY(f, s, n, 0, vmstate_info_bool, bool)
#define VMSTATE_INT32_ARRAY(f, s, n) VMSTATE_ARRAY(f, s, n, 0, vmstate_info_int32, int32_t)
#define VMSTATE_INT64_ARRAY(f, s, n) VMSTATE_ARRAY(f, s, n, 0, vmstate_info_int64, int64_t)
#define VMSTATE_UINT8_ARRAY_V(f, s, n, v) VMSTATE_ARRAY(f, s, n, v, vmstate_info_uint8, uint8_t)
#define VMSTATE_UINT8_ARRAY(f, s, n) VMSTATE_UINT8_ARRAY_V(f, s, n, 0)
#define VMSTATE_UINT16_ARRAY(f, s, n) VMSTATE_ARRAY(f, s, n, 0, vmstate_info_uint16, uint16_t)
#define VMSTATE_UINT32_ARRAY_V(f, s, n, v) VMSTATE_ARRAY(f, s, n, v, vmstate_info_uint32, uint32_t)
#define VMSTATE_UINT32_ARRAY(f, s, n) VMSTATE_UINT32_ARRAY_V(f, s, n, 0)
#define VMSTATE_UINT64_ARRAY_V(f, s, n, v) VMSTATE_ARRAY(f, s, n, v, vmstate_info_uint64, uint64_t)
#define VMSTATE_UINT64_ARRAY(f, s, n) VMSTATE_UINT64_ARRAY_V(f, s, n, 0)

/*
 * Counted arrays. Plain: an array in the struct, of which the first `nf` elements are live (capacity checked).
 * _ALLOC: a pointer that loading replaces. The count field must come earlier in the list.
 */
#define VMSTATE_VARRAY_(f, s, nf, nt, fl, v, inf, type) \
    { .name = #f, .version_id = (v), .num = vmstate_array_len_(s, f), .num_offset = vmstate_offset_value(s, nf, nt), \
      .size = sizeof(type), .info = &(inf), .flags = (fl), .offset = vmstate_offset_varray(s, f, type) }
#define VMSTATE_VARRAY_INT32(f, s, nf, v, inf, type) \
    VMSTATE_VARRAY_(f, s, nf, int32_t, VMS_VARRAY_INT32, v, inf, type)
#define VMSTATE_VARRAY_UINT8(f, s, nf, v, inf, type) \
    VMSTATE_VARRAY_(f, s, nf, uint8_t, VMS_VARRAY_UINT8, v, inf, type)
#define VMSTATE_VARRAY_UINT16(f, s, nf, v, inf, type) \
    VMSTATE_VARRAY_(f, s, nf, uint16_t, VMS_VARRAY_UINT16, v, inf, type)
#define VMSTATE_VARRAY_UINT32(f, s, nf, v, inf, type) \
    VMSTATE_VARRAY_(f, s, nf, uint32_t, VMS_VARRAY_UINT32, v, inf, type)
#define VMSTATE_VARRAY_UINT32_ALLOC(f, s, nf, v, inf, type) \
    { .name = #f, .version_id = (v), .num_offset = vmstate_offset_value(s, nf, uint32_t), .size = sizeof(type), \
      .info = &(inf), .flags = VMS_VARRAY_UINT32 | VMS_POINTER | VMS_ALLOC, \
      .offset = vmstate_offset_pointer(s, f, type) }

/* ---- Structs ---- */

#define VMSTATE_STRUCT_TEST(f, s, test, v, d, type) \
    { .name = #f, .version_id = (v), .field_exists = (test), .vmsd = &(d), .size = sizeof(type), \
      .flags = VMS_STRUCT, .offset = vmstate_offset_value(s, f, type) }
#define VMSTATE_STRUCT(f, s, v, d, type) VMSTATE_STRUCT_TEST(f, s, NULL, v, d, type)
#define VMSTATE_STRUCT_POINTER(f, s, d, type) \
    { .name = #f, .vmsd = &(d), .size = sizeof(type), .flags = VMS_STRUCT | VMS_POINTER, \
      .offset = vmstate_offset_pointer(s, f, type) }
#define VMSTATE_STRUCT_ARRAY(f, s, n, v, d, type) \
    { .name = #f, .version_id = (v), .num = (n), .vmsd = &(d), .size = sizeof(type), \
      .flags = VMS_STRUCT | VMS_ARRAY, .offset = vmstate_offset_array(s, f, type, n) }
#define VMSTATE_STRUCT_VARRAY_(f, s, nf, nt, fl, v, d, type) \
    { .name = #f, .version_id = (v), .num = vmstate_array_len_(s, f), .num_offset = vmstate_offset_value(s, nf, nt), \
      .vmsd = &(d), .size = sizeof(type), .flags = VMS_STRUCT | (fl), .offset = vmstate_offset_varray(s, f, type) }
#define VMSTATE_STRUCT_VARRAY_INT32(f, s, nf, v, d, type) \
    VMSTATE_STRUCT_VARRAY_(f, s, nf, int32_t, VMS_VARRAY_INT32, v, d, type)
#define VMSTATE_STRUCT_VARRAY_UINT8(f, s, nf, v, d, type) \
    VMSTATE_STRUCT_VARRAY_(f, s, nf, uint8_t, VMS_VARRAY_UINT8, v, d, type)
#define VMSTATE_STRUCT_VARRAY_UINT32(f, s, nf, v, d, type) \
    VMSTATE_STRUCT_VARRAY_(f, s, nf, uint32_t, VMS_VARRAY_UINT32, v, d, type)
/* A pointer to `nf` structs that exist already on both sides (an int32_t count that is not in the stream). */
#define VMSTATE_STRUCT_VARRAY_POINTER_KNOWN(f, s, nf, v, d, type) \
    { .name = #f, .version_id = (v), .num_offset = vmstate_offset_value(s, nf, uint32_t), .vmsd = &(d), \
      .size = sizeof(type), .flags = VMS_STRUCT | VMS_VARRAY_UINT32 | VMS_POINTER, \
      .offset = vmstate_offset_pointer(s, f, type) }
#define VMSTATE_ARRAY_OF_POINTER_TO_STRUCT(f, s, n, v, d, type) \
    { .name = #f, .version_id = (v), .num = (n), .vmsd = &(d), .size = sizeof(type *), \
      .flags = VMS_ARRAY | VMS_STRUCT | VMS_ARRAY_OF_POINTER, .offset = vmstate_offset_array(s, f, type *, n) }

/* ---- Bytes ---- */

#define VMSTATE_BUFFER_V(f, s, v) \
    { .name = #f, .version_id = (v), .size = sizeof(vmstate_member_(s, f)), .info = &vmstate_info_buffer, \
      .flags = VMS_BUFFER, .offset = offsetof(s, f) }
#define VMSTATE_BUFFER(f, s) VMSTATE_BUFFER_V(f, s, 0)
/* A pointer; the number of bytes is a uint32_t field. Both sides have the memory, of at least that size. */
#define VMSTATE_VBUFFER_UINT32(f, s, v, sf) \
    { .name = #f, .version_id = (v), .size_offset = vmstate_offset_value(s, sf, uint32_t), \
      .info = &vmstate_info_buffer, .flags = VMS_VBUFFER | VMS_POINTER, .offset = offsetof(s, f) }
/* The same, but the number comes from the stream and loading replaces the pointer. */
#define VMSTATE_VBUFFER_ALLOC_UINT32(f, s, v, sf) \
    { .name = #f, .version_id = (v), .size_offset = vmstate_offset_value(s, sf, uint32_t), \
      .info = &vmstate_info_buffer, .flags = VMS_VBUFFER | VMS_POINTER | VMS_ALLOC, .offset = offsetof(s, f) }
/* @n bytes that an older version used. */
#define VMSTATE_UNUSED(n) \
    { .name = "unused", .size = (n), .info = &vmstate_info_unused_buffer, .flags = VMS_BUFFER }

/* ---- Others ---- */

/* A QEMUTimer in the struct, or a pointer to one: the time it is due, or that it is not armed. */
#define VMSTATE_TIMER(f, s) \
    { .name = #f, .size = sizeof(QEMUTimer), .info = &vmstate_info_timer, .flags = VMS_SINGLE, \
      .offset = vmstate_offset_value(s, f, QEMUTimer) }
#define VMSTATE_TIMER_PTR(f, s) \
    { .name = #f, .size = sizeof(QEMUTimer), .info = &vmstate_info_timer, .flags = VMS_SINGLE | VMS_POINTER, \
      .offset = vmstate_offset_pointer(s, f, QEMUTimer) }
/* Loading and saving fail unless @test(opaque, version) is true. Put it after the fields it looks at. */
#define VMSTATE_VALIDATE(text, test) \
    { .name = (text), .field_exists = (test), .flags = VMS_ARRAY | VMS_MUST_EXIST }
#define VMSTATE_END_OF_LIST() { .flags = VMS_END }

#endif
