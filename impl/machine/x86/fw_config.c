/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an x86 board tells its firmware through fw_cfg: memory, processors, how to boot.
 *
 * Context: main thread, before the guest runs.
 * Source: what SeaBIOS 1.16 (src/fw/paravirt.c, src/boot.c) and OVMF (OvmfPkg/PlatformPei) ask for.
 */
#include "base/bytes.h"
#include "devices/table.h"
#include "machine/x86/smbios.h"
#include "machine/x86/x86.h"

#define E820_RAM 1

/* ---- Memory map ---- */

static void e820_add(GByteArray *map, uint64_t addr, uint64_t len, uint32_t type)
{
    uint8_t e[20];

    st64_le(e, addr);
    st64_le(e + 8, len);
    st32_le(e + 16, type);
    g_byte_array_append(map, e, sizeof(e));
}

static void add_memory_map(X86Machine *x)
{
    GByteArray *map = g_byte_array_new();
    size_t len;
    uint8_t *data;

    e820_add(map, 0, x->below_4g, E820_RAM);
    if (x->above_4g) {
        e820_add(map, 4 * GiB, x->above_4g, E820_RAM);
    }
    data = g_byte_array_steal(map, &len);
    g_byte_array_unref(map);
    fw_cfg_add_file(x->fw_cfg, "etc/e820", data, len);
}

/* ---- How to boot ---- */

static void add_boot_options(MachineState *ms, X86Machine *x)
{
    static const uint8_t sleep_states[6] = { 0x80, 0, 0, 0x01, 0x02, 0x80 };     /* S0 and S5, of S0 to S5 */

    fw_cfg_add_file(x->fw_cfg, "etc/system-states", g_memdup2(sleep_states, sizeof(sleep_states)),
                    sizeof(sleep_states));
    fw_cfg_add_i16(x->fw_cfg, FW_CFG_BOOT_MENU, ms->boot.menu);
    if (ms->boot.splash_time >= 0) {
        uint8_t *ms_le = g_malloc(2);

        st16_le(ms_le, MIN(ms->boot.splash_time, UINT16_MAX));
        fw_cfg_add_file(x->fw_cfg, "etc/boot-menu-wait", ms_le, 2);
    }
    if (ms->boot.reboot_timeout != -2) {
        fw_cfg_add_file_i32(x->fw_cfg, "etc/boot-fail-wait", ms->boot.reboot_timeout);
    }
    if (ms->nographic) {
        uint8_t *port = g_malloc(2);

        st16_le(port, 0x3f8);
        fw_cfg_add_file(x->fw_cfg, "etc/sercon-port", port, 2);
    }
}

static void add_smbios(MachineState *ms, X86Machine *x)
{
    SmbiosTables t;
    size_t len;
    uint8_t *tables;

    smbios_build(ms, x->below_4g, &t);
    tables = g_byte_array_steal(t.tables, &len);
    g_byte_array_unref(t.tables);
    fw_cfg_add_file(x->fw_cfg, "etc/smbios/smbios-tables", tables, len);
    fw_cfg_add_file(x->fw_cfg, "etc/smbios/smbios-anchor", g_memdup2(t.anchor, SMBIOS_ANCHOR_SIZE), SMBIOS_ANCHOR_SIZE);
}

static bool add_user_files(MachineState *ms, X86Machine *x, GError **errp)
{
    for (unsigned i = 0; i < ms->fw_cfg_files->len; i++) {
        FwCfgOption *o = &g_array_index(ms->fw_cfg_files, FwCfgOption, i);

        if (fw_cfg_file_exists(x->fw_cfg, o->name)) {
            error_setg(errp, "duplicate fw_cfg file name: %s", o->name);
            return false;
        }
        if (!fw_cfg_has_room(x->fw_cfg)) {
            error_setg(errp, "too many fw_cfg files");
            return false;
        }
        fw_cfg_add_file(x->fw_cfg, o->name, g_steal_pointer(&o->data), o->len);
    }
    return true;
}

static void add_uuid(MachineState *ms, X86Machine *x)
{
    uint8_t *bytes = g_malloc0(16);
    unsigned n = 0;

    for (const char *p = ms->uuid ? ms->uuid : ""; *p && n < 32; p++) {
        if (g_ascii_isxdigit(*p)) {
            bytes[n / 2] |= g_ascii_xdigit_value(*p) << (n % 2 ? 0 : 4);
            n++;
        }
    }
    fw_cfg_add_bytes(x->fw_cfg, FW_CFG_UUID, bytes, 16);
}

bool x86_init_fw_cfg(MachineState *ms, X86Machine *x, GError **errp)
{
    DeviceState *dev = x86_add_device(&fw_cfg_io_class, sysbus_get_default(), NULL, errp);

    if (!dev) {
        return false;
    }
    x->fw_cfg = fw_cfg_find();
    fw_cfg_add_i16(x->fw_cfg, FW_CFG_NB_CPUS, ms->smp_cpus);
    fw_cfg_add_i16(x->fw_cfg, FW_CFG_MAX_CPUS, ms->smp_cpus);
    fw_cfg_add_i64(x->fw_cfg, FW_CFG_RAM_SIZE, ms->ram_size);
    fw_cfg_add_i16(x->fw_cfg, FW_CFG_NOGRAPHIC, ms->nographic);
    fw_cfg_add_i32(x->fw_cfg, FW_CFG_IRQ0_OVERRIDE, 1);
    fw_cfg_add_bytes(x->fw_cfg, FW_CFG_NUMA, g_malloc0(8 * (1 + ms->smp_cpus)), 8 * (1 + ms->smp_cpus));
    add_uuid(ms, x);
    add_memory_map(x);
    add_boot_options(ms, x);
    add_smbios(ms, x);
    return add_user_files(ms, x, errp) && (!ms->kernel || x86_load_linux(ms, x, errp));
}
