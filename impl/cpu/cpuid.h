/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processor models: what cpuid says, and the text after -cpu that chooses it.
 *
 * Context: any thread; models are values.
 *
 * I1  A model never has a feature that the software processor does not have.
 */
#ifndef CPU_CPUID_H
#define CPU_CPUID_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef enum FeatureWord {
    FEAT_1_EDX,
    FEAT_1_ECX,
    FEAT_7_0_EBX,
    FEAT_7_0_ECX,
    FEAT_8000_0001_EDX,
    FEAT_8000_0001_ECX,
    FEAT_8000_0007_EDX,
    FEAT__COUNT,
} FeatureWord;

#define CPUID_PAE (1u << 6)
#define CPUID_APIC (1u << 9)
#define CPUID_SEP (1u << 11)
#define CPUID_PGE (1u << 13)
#define CPUID_HT (1u << 28)
#define CPUID_EXT_PCID (1u << 17)
#define CPUID_EXT_TSC_DEADLINE (1u << 24)
#define CPUID_EXT_RDRAND (1u << 30)
#define CPUID_EXT_HYPERVISOR (1u << 31)
#define CPUID_7_0_EBX_FSGSBASE (1u << 0)
#define CPUID_7_0_EBX_SMEP (1u << 7)
#define CPUID_7_0_EBX_INVPCID (1u << 10)
#define CPUID_7_0_EBX_SMAP (1u << 20)
#define CPUID_7_0_ECX_UMIP (1u << 2)
#define CPUID_EXT2_NX (1u << 20)
#define CPUID_EXT2_PDPE1GB (1u << 26)
#define CPUID_EXT2_RDTSCP (1u << 27)

typedef struct X86CPUModel {
    char vendor[13];
    char model_id[49];
    uint32_t family, model, stepping;
    uint32_t level, xlevel;         /* highest basic and extended leaf */
    uint32_t features[FEAT__COUNT];
    bool hide_hypervisor;           /* no 0x40000000 leaves */
} X86CPUModel;

/** cpu_model_default: the model of a machine that names none, and of processors in tests. */
const X86CPUModel *cpu_model_default(void);

/**
 * cpu_model_parse: "MODEL[,+FLAG][,-FLAG][,PROPERTY=VALUE]...".
 * @warnings: lines about features that are asked for and do not exist here are appended.
 */
G_GNUC_WARN_UNUSED_RESULT
bool cpu_model_parse(const char *text, X86CPUModel *ret, GString *warnings, GError **errp);

/** cpu_model_help: what -cpu help prints. Transferred. */
char *cpu_model_help(void);

#endif
