/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading a stream.
 *
 * Owns: the load_* fields of the section list. Context: savevm.h. Every byte comes from a peer or a file and is not
 * trusted: what is read is checked before it is used, and a load that fails leaves a machine that must not run.
 *
 * I1  A PART or END is given only to the entry whose START was seen in this stream.
 */
#include "migration/savevm_int.h"

#include "aio/coroutine.h"
#include "base/assert.h"

#include <inttypes.h>

static int load_entry(QEMUFile *f, SaveStateEntry *se, GError **errp)
{
    int ret;

    if (se->vmsd) {
        ret = vmstate_load_state(f, se->vmsd, se->opaque, se->load_version_id, errp);
    } else if (se->ops->load_state) {
        ret = se->ops->load_state(f, se->opaque, se->load_version_id, errp);
    } else {
        error_setg(errp, "section '%s' cannot be loaded", se->idstr);
        return -EINVAL;
    }
    if (ret == 0) {
        ret = qemu_file_get_error_obj(f, errp);
    }
    if (ret < 0) {
        error_prepend(errp, "error while loading state for instance 0x%" PRIx32 " of device '%s': ", se->instance_id,
                      se->idstr);
    }
    return ret;
}

static bool check_footer(QEMUFile *f, const SaveStateEntry *se, GError **errp)
{
    uint32_t id;

    if (qemu_get_byte(f) != QEMU_VM_SECTION_FOOTER) {
        error_setg(errp, "Missing section footer for %s", se->idstr);
        return false;
    }
    id = qemu_get_be32(f);
    if (id != se->load_section_id) {
        error_setg(errp, "Mismatched section id in footer for %s - read 0x%" PRIx32 " expected 0x%" PRIx32, se->idstr,
                   id, se->load_section_id);
        return false;
    }
    return true;
}

static int load_section_start(QEMUFile *f, GError **errp)
{
    uint32_t section_id = qemu_get_be32(f);
    SaveStateEntry *se;
    uint32_t instance_id;
    int version_id, ret;
    char idstr[256];

    if (qemu_get_counted_string(f, idstr) == 0) {
        error_setg(errp, "Unable to read ID string for section %" PRIu32, section_id);
        return -EINVAL;
    }
    instance_id = qemu_get_be32(f);
    version_id = (int)qemu_get_be32(f);
    ret = qemu_file_get_error_obj(f, errp);
    if (ret < 0) {
        return ret;
    }
    se = savevm_find_entry(idstr, instance_id);
    if (!se) {
        g_autofree char *printable = g_strescape(idstr, NULL);

        error_setg(errp, "Unknown savevm section or instance '%s' %" PRIu32 ". Make sure that your current VM setup "
                   "matches your saved VM setup, including any hotplugged devices", printable, instance_id);
        return -EINVAL;
    }
    if (version_id > se->version_id || version_id < 0) {
        error_setg(errp, "savevm: unsupported version %d for '%s' v%d", version_id, idstr, se->version_id);
        return -EINVAL;
    }
    se->load_started = true;
    se->load_version_id = version_id;
    se->load_section_id = section_id;
    ret = load_entry(f, se, errp);
    if (ret < 0) {
        return ret;
    }
    return check_footer(f, se, errp) ? 0 : -EINVAL;
}

static int load_section_part(QEMUFile *f, GError **errp)
{
    SaveState *s = savevm_state();
    uint32_t section_id = qemu_get_be32(f);

    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);
        int ret;

        if (!se->load_started || se->load_section_id != section_id || !se->ops) {
            continue;       /* (I1) */
        }
        ret = load_entry(f, se, errp);
        if (ret < 0) {
            return ret;
        }
        return check_footer(f, se, errp) ? 0 : -EINVAL;
    }
    error_setg(errp, "Unknown savevm section %" PRIu32, section_id);
    return -EINVAL;
}

static int load_configuration(QEMUFile *f, GError **errp)
{
    const char *local = savevm_machine_type();
    SaveConfiguration c = { 0 };
    int ret;

    if (qemu_get_byte(f) != QEMU_VM_CONFIGURATION) {
        error_setg(errp, "Configuration section missing");
        return -EINVAL;
    }
    ret = vmstate_load_state(f, &vmstate_configuration, &c, 1, errp);
    if (ret == 0 && (c.len != strlen(local) || memcmp(c.name, local, c.len) != 0)) {
        g_autofree char *name = g_strndup(c.name ? c.name : "", MIN(c.len, 255));
        g_autofree char *printable = g_strescape(name, NULL);

        error_setg(errp, "Machine type received is '%s' and local is '%s'", printable, local);
        ret = -EINVAL;
    }
    g_free(c.name);
    return ret;
}

static int load_header(QEMUFile *f, GError **errp)
{
    uint32_t v = qemu_get_be32(f);
    int ret = qemu_file_get_error_obj(f, errp);

    if (ret < 0) {
        return ret;
    }
    if (v != QEMU_VM_FILE_MAGIC) {
        error_setg(errp, "Not a migration stream");
        return -EINVAL;
    }
    v = qemu_get_be32(f);
    if (v != QEMU_VM_FILE_VERSION) {
        error_setg(errp, "Unsupported migration stream version %" PRIu32, v);
        return -ENOTSUP;
    }
    return load_configuration(f, errp);
}

static int load_sections(QEMUFile *f, GError **errp)
{
    for (;;) {
        int type = qemu_get_byte(f);
        int ret = qemu_file_get_error_obj(f, errp);

        if (ret < 0) {
            return ret;
        }
        switch (type) {
        case QEMU_VM_SECTION_START:
        case QEMU_VM_SECTION_FULL:
            ret = load_section_start(f, errp);
            break;
        case QEMU_VM_SECTION_PART:
        case QEMU_VM_SECTION_END:
            ret = load_section_part(f, errp);
            break;
        case QEMU_VM_EOF:
            return 0;
        default:
            error_setg(errp, "Unknown savevm section type %d", type);
            return -EINVAL;
        }
        if (ret < 0) {
            return ret;
        }
    }
}

static int load_setup(QEMUFile *f, GError **errp)
{
    SaveState *s = savevm_state();

    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);
        int ret;

        se->load_started = false;
        if (!se->ops || !se->ops->load_setup || (se->ops->is_active && !se->ops->is_active(se->opaque))) {
            continue;
        }
        ret = se->ops->load_setup(f, se->opaque, errp);
        if (ret < 0) {
            error_prepend(errp, "Load state of device %s failed: ", se->idstr);
            return ret;
        }
    }
    return 0;
}

static void load_cleanup(void)
{
    SaveState *s = savevm_state();

    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);

        if (se->ops && se->ops->load_cleanup) {
            (void)se->ops->load_cleanup(se->opaque);    /* nothing left to undo */
        }
    }
}

/* Read past the description, so that the sender can finish; its content is of no use here. */
static void skip_description(QEMUFile *f)
{
    if (qemu_peek_byte(f, 0) == QEMU_VM_VMDESCRIPTION) {
        qemu_file_skip(f, 1);
        qemu_file_skip(f, qemu_get_be32(f));
    }
}

int qemu_loadvm_state(QEMUFile *f, GError **errp)
{
    int ret;

    if (savevm_device_blocked(errp)) {
        return -EINVAL;
    }
    ret = load_header(f, errp);
    if (ret < 0) {
        return ret;
    }
    ret = load_setup(f, errp);
    if (ret == 0) {
        ret = load_sections(f, errp);
    }
    load_cleanup();
    if (ret == 0) {
        skip_description(f);
    }
    return ret;
}
