/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walker over vmstate tables. Saving and loading visit the same elements in the same order; only what is done
 * with an element differs, and that loading checks counts before it uses them.
 *
 * Owns: nothing. Context: vmstate.h.
 *
 * I1  A count that came from the stream is compared with the capacity before the first element is touched.
 * I2  A subsection is consumed only if its name starts with the name of the description being loaded, so that one
 *     of an outer description is left to it.
 */
#include "migration/vmstate.h"

#include "base/assert.h"
#include "migration/savevm.h"

#include <inttypes.h>

enum { VMS_NULLPTR_MARKER = 0x30 };     /* stands for a NULL element of an array of pointers */

static bool field_exists(const VMStateField *field, void *opaque, int version_id)
{
    return field->field_exists ? field->field_exists(opaque, version_id) : field->version_id <= version_id;
}

/* The number of elements, as the object says now. Negative counts of signed fields come out as huge. */
static uint64_t field_count(const VMStateField *field, const uint8_t *base)
{
    if (field->flags & VMS_ARRAY) {
        return field->num;
    }
    if (field->flags & VMS_VARRAY_INT32) {
        return (uint64_t)(int64_t)*(const int32_t *)(base + field->num_offset);
    }
    if (field->flags & VMS_VARRAY_UINT32) {
        return *(const uint32_t *)(base + field->num_offset);
    }
    if (field->flags & VMS_VARRAY_UINT16) {
        return *(const uint16_t *)(base + field->num_offset);
    }
    if (field->flags & VMS_VARRAY_UINT8) {
        return *(const uint8_t *)(base + field->num_offset);
    }
    return 1;
}

static uint64_t field_elem_size(const VMStateField *field, const uint8_t *base)
{
    return field->flags & VMS_VBUFFER ? *(const uint32_t *)(base + field->size_offset) : field->size;
}

/* Is the count one that this field can hold? (I1) */
static bool field_check_count(const VMStateField *field, uint64_t n, uint64_t size, GError **errp)
{
    const unsigned counted = VMS_VARRAY_INT32 | VMS_VARRAY_UINT32 | VMS_VARRAY_UINT16 | VMS_VARRAY_UINT8;

    if (field->flags & VMS_ALLOC) {
        if (n > VMSTATE_MAX_ALLOC || size > VMSTATE_MAX_ALLOC || n * size > VMSTATE_MAX_ALLOC) {
            error_setg(errp, "field '%s' would need %" PRIu64 " elements of %" PRIu64 " bytes", field->name, n, size);
            return false;
        }
    } else if ((field->flags & counted) && !(field->flags & VMS_POINTER) && n > field->num) {
        error_setg(errp, "field '%s' has %" PRIu64 " elements, at most %zu are possible", field->name, n, field->num);
        return false;
    }
    return true;
}

/* Where the elements start. NULL for a pointer that is NULL. */
static uint8_t *field_first(const VMStateField *field, uint8_t *base, uint64_t n, uint64_t size, bool loading)
{
    uint8_t *p = base + field->offset;

    if (field->flags & VMS_POINTER) {
        void **pp = (void **)p;

        if (loading && (field->flags & VMS_ALLOC)) {
            g_free(*pp);
            *pp = n * size > 0 ? g_malloc0(n * size) : NULL;
        }
        return *pp;
    }
    return p;
}

/* ---- Saving ---- */

static int save_elem(QEMUFile *f, const VMStateField *field, void *elem, uint64_t size, GError **errp)
{
    int ret;

    if (field->flags & VMS_ARRAY_OF_POINTER) {
        elem = *(void **)elem;
        if (!elem) {
            qemu_put_byte(f, VMS_NULLPTR_MARKER);
            return 0;
        }
    }
    if (field->flags & VMS_STRUCT) {
        return vmstate_save_state(f, field->vmsd, elem, errp);
    }
    ret = field->info->put(f, elem, size, field);
    if (ret < 0) {
        error_setg_errno(errp, ret, "cannot save field '%s'", field->name);
    }
    return ret;
}

static int save_field(QEMUFile *f, const VMStateDescription *vmsd, const VMStateField *field, uint8_t *base,
                      GError **errp)
{
    uint64_t n, size;
    uint8_t *elem;
    int ret;

    if (!field_exists(field, base, vmsd->version_id)) {
        if (field->flags & VMS_MUST_EXIST) {
            error_setg(errp, "Output state validation failed: %s/%s", vmsd->name, field->name);
            return -EINVAL;
        }
        return 0;
    }
    n = field_count(field, base);
    size = field_elem_size(field, base);
    if (!field_check_count(field, n, size, errp)) {
        error_prepend(errp, "%s: ", vmsd->name);
        return -EINVAL;
    }
    elem = field_first(field, base, n, size, false);
    if (!elem && n * size > 0) {
        error_setg(errp, "%s: field '%s' is not there", vmsd->name, field->name);
        return -EINVAL;
    }
    for (uint64_t i = 0; i < n; i++, elem += size) {
        ret = save_elem(f, field, elem, size, errp);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

bool vmstate_section_needed(const VMStateDescription *vmsd, void *opaque)
{
    return !vmsd->needed || vmsd->needed(opaque);
}

static int save_subsections(QEMUFile *f, const VMStateDescription *vmsd, void *opaque, GError **errp)
{
    for (const VMStateDescription *const *sub = vmsd->subsections; sub && *sub; sub++) {
        int ret;

        if (!vmstate_section_needed(*sub, opaque)) {
            continue;
        }
        qemu_put_byte(f, QEMU_VM_SUBSECTION);
        qemu_put_counted_string(f, (*sub)->name);
        qemu_put_be32(f, (unsigned)(*sub)->version_id);
        ret = vmstate_save_state(f, *sub, opaque, errp);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

int vmstate_save_state(QEMUFile *f, const VMStateDescription *vmsd, void *opaque, GError **errp)
{
    int ret = 0;

    if (vmsd->pre_save) {
        ret = vmsd->pre_save(opaque);
        if (ret < 0) {
            error_setg_errno(errp, ret, "pre-save failed: %s", vmsd->name);
            return ret;
        }
    }
    for (const VMStateField *field = vmsd->fields; ret == 0 && field && !(field->flags & VMS_END); field++) {
        ret = save_field(f, vmsd, field, opaque, errp);
    }
    if (ret == 0) {
        ret = save_subsections(f, vmsd, opaque, errp);
    }
    if (vmsd->post_save) {
        int post = vmsd->post_save(opaque);

        if (ret == 0 && post < 0) {
            error_setg_errno(errp, post, "post-save failed: %s", vmsd->name);
            ret = post;
        }
    }
    return ret;
}

/* ---- Loading ---- */

static int load_elem(QEMUFile *f, const VMStateField *field, void *elem, uint64_t size, GError **errp)
{
    int ret;

    if (field->flags & VMS_ARRAY_OF_POINTER) {
        elem = *(void **)elem;
        if (!elem) {
            return qemu_get_byte(f) == VMS_NULLPTR_MARKER ? 0 : -EINVAL;
        }
    }
    if (field->flags & VMS_STRUCT) {
        return vmstate_load_state(f, field->vmsd, elem, field->vmsd->version_id, errp);
    }
    ret = field->info->get(f, elem, size, field);
    if (ret == 0) {
        ret = qemu_file_get_error(f);
    }
    return ret;
}

static int load_field(QEMUFile *f, const VMStateDescription *vmsd, const VMStateField *field, uint8_t *base,
                      int version_id, GError **errp)
{
    GError *local_err = NULL;
    uint64_t n, size;
    uint8_t *elem;
    int ret;

    if (!field_exists(field, base, version_id)) {
        if (field->flags & VMS_MUST_EXIST) {
            error_setg(errp, "Input validation failed: %s/%s", vmsd->name, field->name);
            return -EINVAL;
        }
        return 0;
    }
    n = field_count(field, base);
    size = field_elem_size(field, base);
    if (!field_check_count(field, n, size, errp)) {
        error_prepend(errp, "%s: ", vmsd->name);
        return -EINVAL;
    }
    elem = field_first(field, base, n, size, true);
    if (!elem && n * size > 0) {
        error_setg(errp, "%s: field '%s' is not there", vmsd->name, field->name);
        return -EINVAL;
    }
    for (uint64_t i = 0; i < n; i++, elem += size) {
        ret = load_elem(f, field, elem, size, &local_err);
        if (ret < 0) {
            if (local_err) {
                g_propagate_error(errp, local_err);
            } else {
                error_setg_errno(errp, ret, "Failed to load %s:%s", vmsd->name, field->name);
            }
            return ret;
        }
    }
    return 0;
}

static const VMStateDescription *find_subsection(const VMStateDescription *vmsd, const char *name)
{
    for (const VMStateDescription *const *sub = vmsd->subsections; sub && *sub; sub++) {
        if (strcmp((*sub)->name, name) == 0) {
            return *sub;
        }
    }
    return NULL;
}

static int load_subsections(QEMUFile *f, const VMStateDescription *vmsd, void *opaque, GError **errp)
{
    size_t own = strlen(vmsd->name);

    while (qemu_peek_byte(f, 0) == QEMU_VM_SUBSECTION) {
        const VMStateDescription *sub;
        char name[256];
        size_t len = (size_t)qemu_peek_byte(f, 1);
        int ret;

        if (len < own + 1 || qemu_peek_buffer(f, (uint8_t *)name, len, 2) != len) {
            return 0;       /* (I2) */
        }
        name[len] = '\0';
        if (strncmp(name, vmsd->name, own) != 0 || name[own] != '/') {
            return 0;       /* (I2) */
        }
        sub = find_subsection(vmsd, name);
        if (!sub) {
            error_setg(errp, "VM subsection '%s' in '%s' does not exist", name, vmsd->name);
            return -ENOENT;
        }
        qemu_file_skip(f, 2 + len);
        ret = vmstate_load_state(f, sub, opaque, (int)qemu_get_be32(f), errp);
        if (ret < 0) {
            return ret;
        }
    }
    return 0;
}

int vmstate_load_state(QEMUFile *f, const VMStateDescription *vmsd, void *opaque, int version_id, GError **errp)
{
    int ret;

    if (version_id > vmsd->version_id) {
        error_setg(errp, "%s: incoming version_id %d is too new for local version_id %d", vmsd->name, version_id,
                   vmsd->version_id);
        return -EINVAL;
    }
    if (version_id < vmsd->minimum_version_id) {
        error_setg(errp, "%s: incoming version_id %d is too old for local minimum version_id %d", vmsd->name,
                   version_id, vmsd->minimum_version_id);
        return -EINVAL;
    }
    if (vmsd->pre_load) {
        ret = vmsd->pre_load(opaque);
        if (ret < 0) {
            error_setg_errno(errp, ret, "%s: pre-load failed", vmsd->name);
            return ret;
        }
    }
    for (const VMStateField *field = vmsd->fields; field && !(field->flags & VMS_END); field++) {
        ret = load_field(f, vmsd, field, opaque, version_id, errp);
        if (ret < 0) {
            return ret;
        }
    }
    ret = load_subsections(f, vmsd, opaque, errp);
    if (ret < 0) {
        return ret;
    }
    ret = qemu_file_get_error_obj(f, errp);
    if (ret == 0 && vmsd->post_load) {
        ret = vmsd->post_load(opaque, version_id);
        if (ret < 0) {
            error_setg_errno(errp, ret, "%s: the state is not acceptable", vmsd->name);
        }
    }
    return ret;
}
