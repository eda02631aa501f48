/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole virtual machine: what the command line asked for, the board, and the calls that bring it up,
 * run it and take it down. Everything here runs on the main thread.
 */
#ifndef MACHINE_MACHINE_H
#define MACHINE_MACHINE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "block/backend.h"
#include "machine/runstate.h"

typedef struct MachineState MachineState;
typedef struct MachineClass MachineClass;

#define MACHINE_MAX_SERIAL 4
#define MACHINE_MAX_PFLASH 2

struct MachineClass {
    const char *name;
    const char *alias;
    const char *desc;
    unsigned max_cpus;
    const char *default_vga;    /* of -vga; NULL: none */
    BlockInterfaceType block_default_type;  /* of a -drive without if=; IF_NONE: IF_VIRTIO */
    unsigned ide_units_per_bus;             /* 0: the board has no IDE channels */
    const char *const *props;               /* names of the board's own, which are on, off or auto; ends with NULL */
    bool (*init)(MachineState *ms, GError **errp);
    /* All devices of the command line are there; the guest has not run. May be NULL. */
    bool (*ready)(MachineState *ms, GError **errp);
    void (*reset)(MachineState *ms, ShutdownCause reason);
    /* Undo init. Devices are gone already. */
    void (*cleanup)(MachineState *ms);
};

/** What -boot says. */
typedef struct BootOptions {
    char *order;                /* drive letters, or NULL for the default */
    char *once;                 /* the same, until the first reset */
    bool menu;
    bool strict;
    int32_t splash_time;        /* ms, or -1 */
    int32_t reboot_timeout;     /* ms until the machine is reset when nothing boots; -1 never, -2 not said */
} BootOptions;

/** What -smbios type=1 may say of the system; each or NULL. */
typedef enum SmbiosSystem {
    SMBIOS_MANUFACTURER, SMBIOS_PRODUCT, SMBIOS_VERSION, SMBIOS_SERIAL, SMBIOS_SKU, SMBIOS_FAMILY, SMBIOS_SYSTEM__MAX,
} SmbiosSystem;

/** A file that -fw_cfg hands to firmware. */
typedef struct FwCfgOption {
    char *name;
    uint8_t *data;
    size_t len;
} FwCfgOption;

struct MachineState {
    const MachineClass *klass;
    char *name;                 /* -name */
    char *uuid;                 /* -uuid or NULL */
    uint64_t ram_size;          /* bytes */
    unsigned smp_cpus;
    char *cpu_type;             /* what follows -cpu, or NULL */
    char *accel;
    bool translate;             /* run guest code as host code where that can be done */
    char *firmware;             /* -bios or NULL */
    char *kernel;               /* -kernel or NULL */
    char *initrd;               /* -initrd or NULL */
    char *append;               /* -append or NULL */
    BootOptions boot;
    char *smbios_system[SMBIOS_SYSTEM__MAX];
    GArray *fw_cfg_files;       /* of FwCfgOption */
    bool nographic;             /* firmware talks to the first serial port */
    uint32_t props_set;         /* a bit for each of klass->props that is not auto */
    uint32_t props_on;
    bool hpet;
    bool acpi;
    char *pflash[MACHINE_MAX_PFLASH];   /* backend or node names */
    char *serial[MACHINE_MAX_SERIAL];   /* labels of chardevs, NULL: no port */
    void *board;                /* the class's own */
};

#define MACHINE_DEFAULT_RAM (UINT64_C(128) << 20)

/** machine_state_new: with defaults, as the current machine's (MACHINE_MAIN). */
MachineState *machine_state_new(void);
void machine_state_free(MachineState *ms);
/** machine_state_current: the current machine's, or NULL before it is made. */
MachineState *machine_state_current(void);

/** machine_prop: the board's property @index; @dflt if the user left the choice. */
static inline bool machine_prop(const MachineState *ms, unsigned index, bool dflt)
{
    return ms->props_set >> index & 1 ? ms->props_on >> index & 1 : dflt;
}
/** machine_set_prop: false: the board has no property @key, or @value is not "on", "off" or "auto". */
G_GNUC_WARN_UNUSED_RESULT
bool machine_set_prop(MachineState *ms, const char *key, const char *value);

extern const MachineClass *const machine_class_table[];
const MachineClass *machine_class_by_name(const char *name);

/** What -name and -uuid said; NULL if nothing. Borrowed. */
const char *qemu_get_vm_name(void);
const char *qemu_get_vm_uuid(void);

/**
 * rondo_main: the program `rondo` from its command line to its exit status, on the calling engine's main thread.
 * May be called again after it returned. Prints errors on stderr as "rondo: ...".
 */
int rondo_main(int argc, char **argv);

#endif
