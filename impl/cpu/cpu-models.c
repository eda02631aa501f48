/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The models and their features by name. See cpuid.h.
 *
 * Source: SDM volume 2, CPUID, tables 3-8 to 3-11; AMD APM volume 3, appendix E. Names and messages are QEMU's.
 */
#include "cpu/cpuid.h"

#include <stdio.h>
#include <string.h>

typedef struct FeatureInfo {
    const char *where;              /* for messages */
    const char *names[32];
    uint32_t supported;
} FeatureInfo;

static const FeatureInfo feature_info[FEAT__COUNT] = {
    [FEAT_1_EDX] = {
        .where = "CPUID.01H:EDX",
        .names = {
            "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", NULL, "sep", "mtrr", "pge", "mca",
            "cmov",
            "pat", "pse36", "pn", "clflush", NULL, "ds", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm",
            "ia64", "pbe",
        },
        .supported = 0x078bfbfd,    /* without vme */
    },
    [FEAT_1_ECX] = {
        .where = "CPUID.01H:ECX",
        .names = {
            "pni", "pclmulqdq", "dtes64", "monitor", "ds-cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", NULL, "fma",
            "cx16", "xtpr", "pdcm", NULL, "pcid", "dca", "sse4.1", "sse4.2", "x2apic", "movbe", "popcnt",
            "tsc-deadline",
            "aes", "xsave", NULL, "avx", "f16c", "rdrand", "hypervisor",
        },
        /* pni pclmulqdq ssse3 cx16 pcid sse4.1 sse4.2 movbe popcnt tsc-deadline aes rdrand hypervisor */
        .supported = 0xc3da2203,
    },
    [FEAT_7_0_EBX] = {
        .where = "CPUID.07H:EBX",
        .names = {
            "fsgsbase", "tsc-adjust", "sgx", "bmi1", "hle", "avx2", NULL, "smep", "bmi2", "erms", "invpcid", "rtm",
            NULL,
            NULL, "mpx", NULL, "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma", "pcommit", "clflushopt",
            "clwb",
            "intel-pt", "avx512pf", "avx512er", "avx512cd", "sha-ni", "avx512bw", "avx512vl",
        },
        /* fsgsbase bmi1 smep erms invpcid smap clflushopt clwb sha-ni */
        .supported = 0x21900689,
    },
    [FEAT_7_0_ECX] = {
        .where = "CPUID.07H:ECX",
        .names = {
            NULL, "avx512vbmi", "umip", "pku", NULL, "waitpkg", "avx512vbmi2", NULL, "gfni", "vaes", "vpclmulqdq",
            "avx512vnni", "avx512bitalg", NULL, "avx512-vpopcntdq", NULL, "la57", NULL, NULL, NULL, NULL, NULL,
            "rdpid", NULL,
            "bus-lock-detect", "cldemote", NULL, "movdiri", "movdir64b", NULL, "sgxlc", "pks",
        },
        .supported = 1u << 2,
    },
    [FEAT_8000_0001_EDX] = {
        .where = "CPUID.80000001H:EDX",
        .names = {
            [11] = "syscall", [20] = "nx", [22] = "mmxext", [25] = "fxsr-opt", [26] = "pdpe1gb", [27] = "rdtscp",
            [29] = "lm",
            [30] = "3dnowext", [31] = "3dnow",
        },
        .supported = 1u << 11 | 1u << 20 | 1u << 26 | 1u << 27 | 1u << 29,
    },
    [FEAT_8000_0001_ECX] = {
        .where = "CPUID.80000001H:ECX",
        .names = {
            "lahf-lm", "cmp-legacy", "svm", "extapic", "cr8legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch",
            "osvw",
            "ibs", "xop", "skinit", "wdt", NULL, "lwp", "fma4", "tce", NULL, "nodeid-msr", NULL, "tbm", "topoext",
            "perfctr-core", "perfctr-nb",
        },
        .supported = 1u << 0 | 1u << 4 | 1u << 5,
    },
    [FEAT_8000_0007_EDX] = {
        .where = "CPUID.80000007H:EDX",
        .names = { [8] = "invtsc" },
        .supported = 1u << 8,
    },
};

/* Spellings of old. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    { "sse3", "pni" }, { "pclmuldq", "pclmulqdq" }, { "ds_cpl", "ds-cpl" }, { "sse4-1", "sse4.1" }, { "sse4_1",
    "sse4.1" },
    { "sse4-2", "sse4.2" }, { "sse4_2", "sse4.2" }, { "xd", "nx" }, { "i64", "lm" }, { "ffxsr", "fxsr-opt" },
    { "fxsr_opt", "fxsr-opt" }, { "lahf_lm", "lahf-lm" }, { "cmp_legacy", "cmp-legacy" }, { "tsc_adjust",
    "tsc-adjust" },
};

static const X86CPUModel model_qemu64 = {
    .vendor = "AuthenticAMD", .model_id = "QEMU Virtual CPU version 2.5+",
    .family = 15, .model = 107, .stepping = 1, .level = 0xd, .xlevel = 0x8000000a,
    .features = {
        [FEAT_1_EDX] = 0x078bfbfd,
        [FEAT_1_ECX] = 1u << 0 | 1u << 13 | CPUID_EXT_HYPERVISOR,
        [FEAT_8000_0001_EDX] = 1u << 11 | 1u << 20 | 1u << 29,
        [FEAT_8000_0001_ECX] = 1u << 0,
    },
};

const X86CPUModel *cpu_model_default(void)
{
    return &model_qemu64;
}

static bool model_by_name(const char *name, X86CPUModel *ret)
{
    if (strcmp(name, "qemu64") == 0 || strcmp(name, "qemu64-v1") == 0) {
        *ret = model_qemu64;
        return true;
    }
    if (strcmp(name, "max") == 0) {
        *ret = model_qemu64;
        g_strlcpy(ret->model_id, "QEMU TCG CPU version 2.5+", sizeof(ret->model_id));
        for (unsigned w = 0; w < FEAT__COUNT; w++) {
            ret->features[w] = feature_info[w].supported;
        }
        ret->features[FEAT_8000_0007_EDX] = 0;      /* a frequency that migration could change */
        ret->features[FEAT_1_ECX] &= ~CPUID_EXT_TSC_DEADLINE;
        return true;
    }
    if (strcmp(name, "base") == 0) {
        *ret = (X86CPUModel){ .features = { 0 } };
        return true;
    }
    return false;
}

/* ---- Features and properties by name ---- */

static bool feature_by_name(const char *name, unsigned *word, unsigned *bit)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(aliases); i++) {
        name = strcmp(name, aliases[i].alias) == 0 ? aliases[i].name : name;
    }
    for (unsigned w = 0; w < FEAT__COUNT; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (feature_info[w].names[b] && strcmp(feature_info[w].names[b], name) == 0) {
                *word = w;
                *bit = b;
                return true;
            }
        }
    }
    return false;
}

typedef struct Parse {
    const char *model;
    X86CPUModel *m;
    bool enforce;
    bool check;
} Parse;

static bool unknown_property(const Parse *p, const char *name, GError **errp)
{
    error_setg(errp, "Property '%s-x86_64-cpu.%s' not found", p->model, name);
    return false;
}

static bool set_feature(const Parse *p, const char *name, bool on, GError **errp)
{
    unsigned w, b;

    if (!feature_by_name(name, &w, &b)) {
        return unknown_property(p, name, errp);
    }
    p->m->features[w] = on ? p->m->features[w] | 1u << b : p->m->features[w] & ~(1u << b);
    return true;
}

static bool parse_bool(const char *text, bool *ret)
{
    bool yes = strcmp(text, "on") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 || strcmp(text,
    "y") == 0;

    *ret = yes;
    return yes || strcmp(text, "off") == 0 || strcmp(text, "no") == 0 || strcmp(text, "false") == 0 ||
           strcmp(text, "n") == 0;
}

static bool set_number(const Parse *p, const char *name, const char *value, GError **errp)
{
    const struct {
        const char *name;
        uint32_t *field;
        uint32_t max;
    } numbers[] = {
        { "family", &p->m->family, 270 }, { "model", &p->m->model, 255 }, { "stepping", &p->m->stepping, 15 },
        { "level", &p->m->level, UINT32_MAX }, { "xlevel", &p->m->xlevel, UINT32_MAX },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++) {
        char *end;
        uint64_t v;

        if (strcmp(name, numbers[i].name) != 0) {
            continue;
        }
        v = g_ascii_strtoull(value, &end, 0);
        if (end == value || *end) {
            error_setg(errp, "Parameter '%s' expects uint64", name);
            return false;
        }
        if (v > numbers[i].max) {
            error_setg(errp, "Property .%s doesn't take value %" G_GUINT64_FORMAT " (minimum: 0, maximum: %u)", name, v,
                       numbers[i].max);
            return false;
        }
        *numbers[i].field = (uint32_t)v;
        return true;
    }
    return unknown_property(p, name, errp);
}

static bool set_property(Parse *p, const char *name, const char *value, GError **errp)
{
    unsigned w, b;
    bool on;

    if (strcmp(name, "vendor") == 0) {
        if (strlen(value) != 12) {
            error_setg(errp, "Property '.vendor' doesn't take value '%s'", value);
            return false;
        }
        g_strlcpy(p->m->vendor, value, sizeof(p->m->vendor));
        return true;
    }
    if (strcmp(name, "model-id") == 0) {
        g_strlcpy(p->m->model_id, value, sizeof(p->m->model_id));
        return true;
    }
    if (strcmp(name, "enforce") != 0 && strcmp(name, "check") != 0 && strcmp(name, "tcg-cpuid") != 0 &&
        !feature_by_name(name, &w, &b)) {
        return set_number(p, name, value, errp);
    }
    if (!parse_bool(value, &on)) {
        error_setg(errp, "Parameter '%s' expects 'on' or 'off'", name);
        return false;
    }
    if (strcmp(name, "enforce") == 0) {
        p->enforce = on;
    } else if (strcmp(name, "check") == 0) {
        p->check = on;
    } else if (strcmp(name, "tcg-cpuid") == 0) {
        p->m->hide_hypervisor = !on;
    } else {
        return set_feature(p, name, on, errp);
    }
    return true;
}

/* Take away what there is not (I1). */
static bool filter_features(const Parse *p, GString *warnings, GError **errp)
{
    bool missing = false;

    for (unsigned w = 0; w < FEAT__COUNT; w++) {
        uint32_t lacking = p->m->features[w] & ~feature_info[w].supported;

        for (unsigned b = 0; b < 32; b++) {
            const char *name = feature_info[w].names[b];

            if ((lacking >> b & 1) && (p->check || p->enforce)) {
                g_string_append_printf(warnings, "TCG doesn't support requested feature: %s%s%s [bit %u]\n",
                                       feature_info[w].where, name ? "." : "", name ? name : "", b);
            }
        }
        missing |= lacking != 0;
        p->m->features[w] &= feature_info[w].supported;
    }
    if (missing && p->enforce) {
        error_setg(errp, "TCG doesn't support requested features");
        return false;
    }
    return true;
}

/* The flags with a sign win over name=value, and minus over plus, wherever they stand. */
static bool apply_signed(const Parse *p, char *const *items, char sign, GError **errp)
{
    for (unsigned i = 1; items[i]; i++) {
        if (items[i][0] == sign && !set_feature(p, items[i] + 1, sign == '+', errp)) {
            return false;
        }
    }
    return true;
}

bool cpu_model_parse(const char *text, X86CPUModel *ret, GString *warnings, GError **errp)
{
    g_auto(GStrv) items = g_strsplit(text, ",", -1);
    X86CPUModel m;
    Parse p = { .model = items[0] ? items[0] : "", .m = &m, .check = true };

    if (!items[0] || !model_by_name(items[0], &m)) {
        error_setg(errp, "unable to find CPU model '%s'", p.model);
        return false;
    }
    for (unsigned i = 1; items[i]; i++) {
        char *eq = strchr(items[i], '=');

        if (items[i][0] == '+' || items[i][0] == '-') {
            continue;
        }
        if (eq) {
            *eq = '\0';
        }
        if (!set_property(&p, items[i], eq ? eq + 1 : "on", errp)) {
            g_prefix_error(errp, "can't apply global %s-x86_64-cpu.%s=%s: ", p.model, items[i], eq ? eq + 1 : "on");
            return false;
        }
    }
    if (!apply_signed(&p, items, '+', errp) || !apply_signed(&p, items, '-', errp) ||
        !filter_features(&p, warnings, errp)) {
        return false;
    }
    *ret = m;
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *cpu_model_help(void)
{
    GString *s = g_string_new("Available CPUs:\n"
                              "x86 qemu64                (alias configured by machine type)\n"
                              "x86 qemu64-v1             QEMU Virtual CPU version 2.5+\n"
                              "x86 base                  base CPU model type with no features enabled\n"
                              "x86 max                   Enables all features supported by the accelerator in the "
                              "current host\n\n"
                              "Recognized CPUID flags:");
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    unsigned column = 80;

    for (unsigned w = 0; w < FEAT__COUNT; w++) {
        for (unsigned b = 0; b < 32; b++) {
            if (feature_info[w].names[b]) {
                g_ptr_array_add(names, (char *)feature_info[w].names[b]);
            }
        }
    }
    g_ptr_array_sort(names, compare_names);
    for (unsigned i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        unsigned len = (unsigned)strlen(name);

        if (column + len + 1 >= 75) {
            g_string_append(s, "\n ");
            column = 1;
        }
        g_string_append_printf(s, " %s", name);
        column += len + 1;
    }
    g_string_append(s, "\n");
    return g_string_free(s, FALSE);
}
