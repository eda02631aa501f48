/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order in which firmware tries devices: those with a bootindex, by Open Firmware paths in the file "bootorder",
 * and for the rest kinds of drives, in CMOS.
 *
 * Context: main thread, before the guest runs.
 * Source: the paths that SeaBIOS (src/boot.c) and OVMF (QemuBootOrderLib) look for.
 */
#include "machine/x86/x86.h"

#include "devices/pci/pci.h"
#include "devices/rtc/rtc.h"

typedef struct BootEntry {
    int index;
    char *path;
} BootEntry;

typedef struct BootList {
    GArray *entries;            /* of BootEntry, by index */
    GError *err;
} BootList;

/* ---- Paths ---- */

static unsigned prop_number(DeviceState *dev, const char *name)
{
    g_autofree char *text = device_get_prop(dev, name);

    return text ? (unsigned)g_ascii_strtoull(text, NULL, 0) : 0;
}

static DeviceState *parent_of(DeviceState *dev)
{
    return dev->parent_bus ? dev->parent_bus->parent : NULL;
}

static const char *pci_node(const PCIDevice *dev)
{
    unsigned class_id = dev->config[PCI_CLASS_DEVICE + 1] << 8 | dev->config[PCI_CLASS_DEVICE];

    switch (class_id) {
    case 0x0100:
        return "scsi";
    case 0x0101:
        return "ide";
    case 0x0200:
        return "ethernet";
    default:
        return NULL;
    }
}

static void append_pci(GString *path, const PCIDevice *dev)
{
    const uint8_t *c = dev->config;

    g_string_append(path, "/pci@i0cf8/");
    if (pci_node(dev)) {
        g_string_append(path, pci_node(dev));
    } else {
        g_string_append_printf(path, "pci%x,%x", c[PCI_VENDOR_ID + 1] << 8 | c[PCI_VENDOR_ID],
                               c[PCI_DEVICE_ID + 1] << 8 | c[PCI_DEVICE_ID]);
    }
    g_string_append_printf(path, "@%x", dev->devfn >> 3);
    if (dev->devfn & 7) {
        g_string_append_printf(path, ",%x", dev->devfn & 7);
    }
}

/* What follows the adapter; empty if the device is none that firmware boots from. */
static void append_unit(GString *path, DeviceState *dev)
{
    const char *name = dev->klass->name;

    if (g_str_has_prefix(name, "virtio-blk")) {
        g_string_append(path, "/disk@0,0");
    } else if (g_str_has_prefix(name, "virtio-net")) {
        g_string_append(path, "/ethernet-phy@0");
    } else if (g_str_has_prefix(name, "scsi-")) {
        g_string_append_printf(path, "/channel@0/disk@%x,%x", prop_number(dev, "scsi-id"), prop_number(dev, "lun"));
    } else if (g_str_has_prefix(name, "ide-")) {
        const char *bus = strrchr(dev->parent_bus->name, '.');

        g_string_append_printf(path, "/drive@%x/disk@%x", bus ? (unsigned)g_ascii_strtoull(bus + 1, NULL, 10) : 0,
                               prop_number(dev, "unit"));
    }
}

/* NULL: not on PCI. */
static char *boot_path(DeviceState *dev)
{
    GString *path = g_string_new(NULL);
    DeviceState *pci = dev;

    while (pci && strcmp(pci->klass->bus_type, "PCI") != 0) {
        pci = parent_of(pci);
    }
    if (!pci) {
        g_string_free(path, TRUE);
        return NULL;
    }
    append_pci(path, (PCIDevice *)pci);
    append_unit(path, dev);
    return g_string_free(path, FALSE);
}

/* ---- The list ---- */

static void entry_clear(gpointer data)
{
    g_free(((BootEntry *)data)->path);
}

static int collect(DeviceState *dev, void *opaque)
{
    BootList *l = opaque;
    DeviceState *owner = NULL;
    g_autofree char *text = NULL;
    BootEntry e;
    guint at = 0;

    /* A proxy answers for its device, which has its own turn. */
    if (!device_find_prop(dev, "bootindex", &owner) || owner != dev) {
        return 0;
    }
    text = device_get_prop(dev, "bootindex");
    e.index = (int)g_ascii_strtoll(text, NULL, 0);
    if (e.index < 0) {
        return 0;
    }
    while (at < l->entries->len && g_array_index(l->entries, BootEntry, at).index < e.index) {
        at++;
    }
    if (at < l->entries->len && g_array_index(l->entries, BootEntry, at).index == e.index) {
        error_setg(&l->err, "The bootindex %d has already been used", e.index);
        return 1;
    }
    e.path = boot_path(dev);
    if (e.path) {
        g_array_insert_val(l->entries, at, e);
    }
    return 0;
}

static bool add_boot_list(MachineState *ms, X86Machine *x, GError **errp)
{
    g_autoptr(GString) order = g_string_new(NULL);
    BootList l = { .entries = g_array_new(FALSE, FALSE, sizeof(BootEntry)) };

    g_array_set_clear_func(l.entries, entry_clear);
    (void)device_walk(sysbus_get_default(), collect, &l);       /* l.err says it all */
    if (ms->kernel) {
        g_string_append(order, "/rom@genroms/linuxboot.bin\n");
    }
    for (guint i = 0; i < l.entries->len; i++) {
        g_string_append_printf(order, "%s\n", g_array_index(l.entries, BootEntry, i).path);
    }
    g_array_unref(l.entries);
    if (l.err) {
        g_propagate_error(errp, l.err);
        return false;
    }
    if (ms->boot.strict) {
        g_string_append(order, "HALT\n");
    }
    if (order->len) {
        fw_cfg_add_file(x->fw_cfg, "bootorder", g_strdup(order->str), order->len + 1);
    }
    return true;
}

/* ---- CMOS ---- */

/* What CMOS calls the drive of a letter: 1 floppy, 2 disk, 3 CD-ROM, 4 network. */
static unsigned boot_code(char letter)
{
    switch (letter) {
    case 'a':
    case 'b':
        return 1;
    case 'c':
        return 2;
    case 'd':
        return 3;
    case 'n':
        return 4;
    default:
        return 0;
    }
}

static bool set_boot_letters(X86Machine *x, const char *order, GError **errp)
{
    unsigned code[3] = { 0 };

    for (unsigned i = 0; order[i]; i++) {
        if (i >= G_N_ELEMENTS(code)) {
            error_setg(errp, "Too many boot devices for PC");
            return false;
        }
        code[i] = boot_code(order[i]);
        if (!code[i]) {
            error_setg(errp, "Invalid boot device for PC: '%c'", order[i]);
            return false;
        }
    }
    mc146818_set_cmos(x->rtc, 0x3d, code[1] << 4 | code[0]);
    mc146818_set_cmos(x->rtc, 0x38, code[2] << 4 | 1);      /* no check of the floppy's signature */
    return true;
}

bool x86_init_boot_order(MachineState *ms, X86Machine *x, GError **errp)
{
    if (!add_boot_list(ms, x, errp)) {
        return false;
    }
    if (!x->rtc) {
        return true;            /* a board without CMOS */
    }
    return set_boot_letters(x, ms->boot.order ? ms->boot.order : "cad", errp) &&
           (!ms->boot.once || set_boot_letters(x, ms->boot.once, errp));
}

void x86_reset_boot_order(MachineState *ms, X86Machine *x)
{
    if (ms->boot.once && x->rtc) {
        g_clear_pointer(&ms->boot.once, g_free);
        (void)set_boot_letters(x, ms->boot.order ? ms->boot.order : "cad", NULL);   /* was accepted before */
    }
}
