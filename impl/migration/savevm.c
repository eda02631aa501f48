/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of sections, and writing a stream from it.
 *
 * Owns: MACHINE_SAVEVM. Context and layout: savevm.h. Reading is in loadvm.c.
 *
 * I1  The list is ordered by falling priority, then by registration; both ends of a migration register in the same
 *     order, and sections are written in that order.
 * I2  Section ids are unique for the life of the machine, so that a PART can never meet the wrong handler.
 */
#include "migration/savevm.h"

#include "aio/bql.h"
#include "base/assert.h"
#include "migration/savevm_int.h"
#include "migration/vmstate.h"
#include "sched/machine.h"

#include <inttypes.h>

SaveState *savevm_state(void)
{
    SaveState *s = machine_state(MACHINE_SAVEVM);

    assert(s);
    return s;
}

void savevm_init(void)
{
    SaveState *s = g_new0(SaveState, 1);

    s->entries = g_ptr_array_new();
    sched_object_init(&s->switchover, "migration", "switchover");
    machine_set_state(MACHINE_SAVEVM, s);
}

void savevm_cleanup(void)
{
    SaveState *s = savevm_state();

    while (s->entries->len > 0) {
        g_free(g_ptr_array_remove_index(s->entries, s->entries->len - 1));
    }
    g_ptr_array_free(s->entries, TRUE);
    g_free(s);
    machine_set_state(MACHINE_SAVEVM, NULL);
}

void savevm_set_machine_type(const char *name)
{
    savevm_state()->machine_type = name;
}

const char *savevm_machine_type(void)
{
    const char *name = savevm_state()->machine_type;

    return name ? name : "none";
}

/* ---- The list ---- */

static MigrationPriority entry_priority(const SaveStateEntry *se)
{
    return se->vmsd ? se->vmsd->priority : MIG_PRI_DEFAULT;
}

SaveStateEntry *savevm_find_entry(const char *idstr, uint32_t instance_id)
{
    SaveState *s = savevm_state();

    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);

        if (se->instance_id == instance_id && strcmp(se->idstr, idstr) == 0) {
            return se;
        }
    }
    return NULL;
}

static uint32_t free_instance_id(const char *idstr)
{
    uint32_t id = 0;

    while (savevm_find_entry(idstr, id)) {
        id++;
    }
    return id;
}

static void entry_add(SaveStateEntry *se, uint32_t instance_id)
{
    SaveState *s = savevm_state();
    unsigned pos = 0;

    assert(bql_locked());
    se->instance_id = instance_id == VMSTATE_INSTANCE_ID_ANY ? free_instance_id(se->idstr) : instance_id;
    assert(!savevm_find_entry(se->idstr, se->instance_id));
    se->section_id = s->next_section_id++;
    while (pos < s->entries->len && entry_priority(g_ptr_array_index(s->entries, pos)) >= entry_priority(se)) {
        pos++;
    }
    g_ptr_array_insert(s->entries, (int)pos, se);
}

static SaveStateEntry *entry_new(const char *prefix, const char *name)
{
    SaveStateEntry *se = g_new0(SaveStateEntry, 1);
    int len = g_snprintf(se->idstr, sizeof(se->idstr), "%s%s%s", prefix ? prefix : "", prefix ? "/" : "", name);

    assert(len > 0 && (size_t)len < sizeof(se->idstr));
    return se;
}

void register_savevm_live(const char *idstr, uint32_t instance_id, int version_id, const SaveVMHandlers *ops,
                          void *opaque)
{
    SaveStateEntry *se = entry_new(NULL, idstr);

    se->version_id = version_id;
    se->ops = ops;
    se->opaque = opaque;
    entry_add(se, instance_id);
}

void unregister_savevm(const char *idstr, void *opaque)
{
    SaveState *s = savevm_state();

    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);

        if (se->ops && se->opaque == opaque && strcmp(se->idstr, idstr) == 0) {
            g_ptr_array_remove_index(s->entries, i);
            g_free(se);
            return;
        }
    }
}

int vmstate_register(const char *id, uint32_t instance_id, const VMStateDescription *vmsd, void *opaque)
{
    SaveStateEntry *se = entry_new(id, vmsd->name);

    se->version_id = vmsd->version_id;
    se->vmsd = vmsd;
    se->opaque = opaque;
    entry_add(se, instance_id);
    return 0;
}

void vmstate_unregister(const char *id, const VMStateDescription *vmsd, void *opaque)
{
    SaveState *s = savevm_state();

    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);

        if (se->vmsd == vmsd && se->opaque == opaque) {
            g_ptr_array_remove_index(s->entries, i);
            g_free(se);
            return;
        }
    }
}

bool savevm_device_blocked(GError **errp)
{
    SaveState *s = savevm_state();

    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);

        if (se->vmsd && se->vmsd->unmigratable) {
            error_setg(errp, "State blocked by non-migratable device '%s'", se->idstr);
            return true;
        }
    }
    return false;
}

/* ---- Writing ---- */

static bool entry_is_active(const SaveStateEntry *se)
{
    return !se->ops || !se->ops->is_active || se->ops->is_active(se->opaque);
}

static void put_section_header(QEMUFile *f, const SaveStateEntry *se, uint8_t type)
{
    qemu_put_byte(f, type);
    qemu_put_be32(f, se->section_id);
    if (type == QEMU_VM_SECTION_FULL || type == QEMU_VM_SECTION_START) {
        qemu_put_counted_string(f, se->idstr);
        qemu_put_be32(f, se->instance_id);
        qemu_put_be32(f, (unsigned)se->version_id);
    }
}

static void put_section_footer(QEMUFile *f, const SaveStateEntry *se)
{
    qemu_put_byte(f, QEMU_VM_SECTION_FOOTER);
    qemu_put_be32(f, se->section_id);
}

/* A device as one FULL section; nothing if it has nothing to say. */
static int save_device(QEMUFile *f, SaveStateEntry *se, GError **errp)
{
    int ret;

    if (!vmstate_section_needed(se->vmsd, se->opaque)) {
        return 0;
    }
    put_section_header(f, se, QEMU_VM_SECTION_FULL);
    ret = vmstate_save_state(f, se->vmsd, se->opaque, errp);
    if (ret < 0) {
        error_prepend(errp, "Saving device '%s': ", se->idstr);
        qemu_file_set_error(f, ret);
        return ret;
    }
    put_section_footer(f, se);
    return 0;
}

const VMStateDescription vmstate_configuration = {
    .name = "configuration",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(len, SaveConfiguration),
        VMSTATE_VBUFFER_ALLOC_UINT32(name, SaveConfiguration, 0, len),
        VMSTATE_END_OF_LIST()
    },
};

void qemu_savevm_state_header(QEMUFile *f)
{
    SaveConfiguration c = { .name = (char *)savevm_machine_type() };
    GError *err = NULL;
    int ret;

    c.len = (uint32_t)strlen(c.name);
    qemu_put_be32(f, QEMU_VM_FILE_MAGIC);
    qemu_put_be32(f, QEMU_VM_FILE_VERSION);
    qemu_put_byte(f, QEMU_VM_CONFIGURATION);
    ret = vmstate_save_state(f, &vmstate_configuration, &c, &err);
    if (ret < 0) {
        qemu_file_set_error_obj(f, ret, err);
    }
}

int qemu_savevm_state_setup(QEMUFile *f, GError **errp)
{
    SaveState *s = savevm_state();

    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);
        int ret = 0;

        if (se->vmsd && se->vmsd->early_setup) {
            ret = save_device(f, se, errp);
        } else if (se->ops && se->ops->save_setup && entry_is_active(se)) {
            put_section_header(f, se, QEMU_VM_SECTION_START);
            ret = se->ops->save_setup(f, se->opaque, errp);
            put_section_footer(f, se);
        }
        if (ret < 0) {
            qemu_file_set_error(f, ret);
            return ret;
        }
    }
    return qemu_file_get_error_obj(f, errp);
}

int qemu_savevm_state_iterate(QEMUFile *f)
{
    SaveState *s = savevm_state();

    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);
        int ret;

        if (!se->ops || !se->ops->save_live_iterate || !entry_is_active(se) ||
            (se->ops->is_active_iterate && !se->ops->is_active_iterate(se->opaque))) {
            continue;
        }
        if (qemu_file_rate_exceeded(f)) {
            return 0;
        }
        put_section_header(f, se, QEMU_VM_SECTION_PART);
        ret = se->ops->save_live_iterate(f, se->opaque);
        put_section_footer(f, se);
        if (ret < 0) {
            qemu_file_set_error(f, ret);
            return ret;
        }
        if (ret == 0) {
            return 0;       /* the later sections wait until this one has converged */
        }
    }
    return 1;
}

static int complete_live(QEMUFile *f)
{
    SaveState *s = savevm_state();

    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);
        int ret;

        if (!se->ops || !se->ops->save_live_complete_precopy || !entry_is_active(se)) {
            continue;
        }
        put_section_header(f, se, QEMU_VM_SECTION_END);
        ret = se->ops->save_live_complete_precopy(f, se->opaque);
        put_section_footer(f, se);
        if (ret < 0) {
            qemu_file_set_error(f, ret);
            return ret;
        }
    }
    return qemu_file_get_error(f);
}

/* For people and tools that look into a stream; no receiver needs it. */
static void put_description(QEMUFile *f)
{
    SaveState *s = savevm_state();
    g_autoptr(GString) json = g_string_new("{\"configuration\": {\"vmsd_name\": \"configuration\", \"version\": 1}, ");

    g_string_append(json, "\"page_size\": 4096, \"devices\": [");
    for (unsigned i = 0; i < s->entries->len; i++) {
        const SaveStateEntry *se = g_ptr_array_index(s->entries, i);

        g_string_append_printf(json, "%s{\"name\": \"%s\", \"instance_id\": %" PRIu32 ", \"version\": %d}",
                               i ? ", " : "", se->idstr, se->instance_id, se->version_id);
    }
    g_string_append(json, "]}");
    qemu_put_byte(f, QEMU_VM_VMDESCRIPTION);
    qemu_put_be32(f, (unsigned)json->len);
    qemu_put_buffer(f, (const uint8_t *)json->str, json->len);
}

int qemu_savevm_state_complete_precopy(QEMUFile *f, GError **errp)
{
    SaveState *s = savevm_state();
    int ret = complete_live(f);

    if (ret < 0) {
        (void)qemu_file_get_error_obj(f, errp);     /* the same error, as text */
        return ret;
    }
    sched_point(SCHED_K_MIG_SWITCHOVER, &s->switchover);
    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);

        if (se->vmsd && !se->vmsd->early_setup) {
            ret = save_device(f, se, errp);
            if (ret < 0) {
                return ret;
            }
        }
    }
    sched_point(SCHED_K_MIG_SWITCHOVER, &s->switchover);
    qemu_put_byte(f, QEMU_VM_EOF);
    put_description(f);
    (void)qemu_fflush(f);       /* reported by the next line */
    return qemu_file_get_error_obj(f, errp);
}

void qemu_savevm_state_cleanup(void)
{
    SaveState *s = savevm_state();

    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);

        if (se->ops && se->ops->save_cleanup) {
            se->ops->save_cleanup(se->opaque);
        }
    }
}

void qemu_savevm_state_pending_estimate(uint64_t *must_precopy, uint64_t *can_postcopy)
{
    SaveState *s = savevm_state();

    *must_precopy = *can_postcopy = 0;
    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);

        if (se->ops && se->ops->state_pending_estimate && entry_is_active(se)) {
            se->ops->state_pending_estimate(se->opaque, must_precopy, can_postcopy);
        }
    }
}

void qemu_savevm_state_pending_exact(uint64_t *must_precopy, uint64_t *can_postcopy)
{
    SaveState *s = savevm_state();

    *must_precopy = *can_postcopy = 0;
    for (unsigned i = 0; i < s->entries->len; i++) {
        SaveStateEntry *se = g_ptr_array_index(s->entries, i);

        if (se->ops && se->ops->state_pending_exact && entry_is_active(se)) {
            se->ops->state_pending_exact(se->opaque, must_precopy, can_postcopy);
        }
    }
}
