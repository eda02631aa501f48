/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers by the debugger's numbers. One table describes them all; a register's number is its place there.
 */
#include "gdbstub/registers.h"

#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "cpu/seg.h"

typedef enum RegKind { KIND_GPR, KIND_RIP, KIND_FLAGS, KIND_SEL, KIND_ST, KIND_X87, KIND_XMM, KIND_MXCSR, KIND_FIELD,
                       KIND_BASE } RegKind;

typedef struct RegDesc {
    const char *name;
    RegKind kind;
    unsigned arg;           /* number of the register, or offset of a field of X86CPU */
} RegDesc;

typedef struct FeatureDesc {
    const char *name;
    const RegDesc *regs;
    unsigned count;
} FeatureDesc;

#define FIELD(text, field) { text, KIND_FIELD, offsetof(X86CPU, field) }

static const RegDesc core_regs[] = {
    { "rax", KIND_GPR, R_EAX }, { "rbx", KIND_GPR, R_EBX }, { "rcx", KIND_GPR, R_ECX }, { "rdx", KIND_GPR, R_EDX },
    { "rsi", KIND_GPR, R_ESI }, { "rdi", KIND_GPR, R_EDI }, { "rbp", KIND_GPR, R_EBP }, { "rsp", KIND_GPR, R_ESP },
    { "r8", KIND_GPR, R_R8 }, { "r9", KIND_GPR, R_R9 }, { "r10", KIND_GPR, R_R10 }, { "r11", KIND_GPR, R_R11 },
    { "r12", KIND_GPR, R_R12 }, { "r13", KIND_GPR, R_R13 }, { "r14", KIND_GPR, R_R14 }, { "r15", KIND_GPR, R_R15 },
    { "rip", KIND_RIP, 0 }, { "eflags", KIND_FLAGS, 0 },
    { "cs", KIND_SEL, R_CS }, { "ss", KIND_SEL, R_SS }, { "ds", KIND_SEL, R_DS }, { "es", KIND_SEL, R_ES },
    { "fs", KIND_SEL, R_FS }, { "gs", KIND_SEL, R_GS },
    { "st0", KIND_ST, 0 }, { "st1", KIND_ST, 1 }, { "st2", KIND_ST, 2 }, { "st3", KIND_ST, 3 },
    { "st4", KIND_ST, 4 }, { "st5", KIND_ST, 5 }, { "st6", KIND_ST, 6 }, { "st7", KIND_ST, 7 },
    { "fctrl", KIND_X87, 0 }, { "fstat", KIND_X87, 1 }, { "ftag", KIND_X87, 2 }, { "fiseg", KIND_X87, 3 },
    { "fioff", KIND_X87, 4 }, { "foseg", KIND_X87, 5 }, { "fooff", KIND_X87, 6 }, { "fop", KIND_X87, 7 },
};

static const RegDesc sse_regs[] = {
    { "xmm0", KIND_XMM, 0 }, { "xmm1", KIND_XMM, 1 }, { "xmm2", KIND_XMM, 2 }, { "xmm3", KIND_XMM, 3 },
    { "xmm4", KIND_XMM, 4 }, { "xmm5", KIND_XMM, 5 }, { "xmm6", KIND_XMM, 6 }, { "xmm7", KIND_XMM, 7 },
    { "xmm8", KIND_XMM, 8 }, { "xmm9", KIND_XMM, 9 }, { "xmm10", KIND_XMM, 10 }, { "xmm11", KIND_XMM, 11 },
    { "xmm12", KIND_XMM, 12 }, { "xmm13", KIND_XMM, 13 }, { "xmm14", KIND_XMM, 14 }, { "xmm15", KIND_XMM, 15 },
    { "mxcsr", KIND_MXCSR, 0 },
};

static const RegDesc segment_regs[] = {
    { "fs_base", KIND_BASE, R_FS }, { "gs_base", KIND_BASE, R_GS },
};

static const RegDesc system_regs[] = {
    FIELD("k_gs_base", kernelgsbase), FIELD("cr0", cr0), FIELD("cr2", cr2), FIELD("cr3", cr3), FIELD("cr4", cr4),
    FIELD("cr8", cr8), FIELD("efer", efer),
};

static const FeatureDesc features[] = {
    { "org.gnu.gdb.i386.core", core_regs, G_N_ELEMENTS(core_regs) },
    { "org.gnu.gdb.i386.sse", sse_regs, G_N_ELEMENTS(sse_regs) },
    { "org.gnu.gdb.i386.segments", segment_regs, G_N_ELEMENTS(segment_regs) },
    { "org.rondo.x86.system", system_regs, G_N_ELEMENTS(system_regs) },
};

unsigned gdb_reg_count(void)
{
    unsigned n = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        n += features[i].count;
    }
    return n;
}

static const RegDesc *reg_find(unsigned n)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        if (n < features[i].count) {
            return &features[i].regs[n];
        }
        n -= features[i].count;
    }
    return NULL;
}

static unsigned reg_bytes(const RegDesc *d)
{
    switch (d->kind) {
    case KIND_FLAGS:
    case KIND_SEL:
    case KIND_X87:
    case KIND_MXCSR:
        return 4;
    case KIND_ST:
        return 10;
    case KIND_XMM:
        return 16;
    default:
        return 8;
    }
}

static uint32_t x87_read(const X86FPU *f, unsigned which)
{
    const uint32_t values[] = { f->cw, x87_status(f), x87_full_tags(f), f->cs, (uint32_t)f->ip, f->ds, (uint32_t)f->dp,
                                f->op };

    return values[which];
}

unsigned gdb_reg_read(const X86CPU *cpu, unsigned n, uint8_t *buf)
{
    const RegDesc *d = reg_find(n);

    if (!d) {
        return 0;
    }
    switch (d->kind) {
    case KIND_GPR:
        st64_le(buf, cpu->regs[d->arg]);
        break;
    case KIND_RIP:
        st64_le(buf, cpu->rip);
        break;
    case KIND_FLAGS:
        st32_le(buf, (uint32_t)cpu_x86_get_rflags(cpu));
        break;
    case KIND_SEL:
        st32_le(buf, cpu->segs[d->arg].selector);
        break;
    case KIND_ST:
        st64_le(buf, cpu->fpu.st[(cpu->fpu.top + d->arg) & 7].mant);
        st16_le(buf + 8, cpu->fpu.st[(cpu->fpu.top + d->arg) & 7].se);
        break;
    case KIND_X87:
        st32_le(buf, x87_read(&cpu->fpu, d->arg));
        break;
    case KIND_XMM:
        memcpy(buf, &cpu->fpu.xmm[d->arg], 16);
        break;
    case KIND_MXCSR:
        st32_le(buf, cpu->fpu.mxcsr);
        break;
    case KIND_BASE:
        st64_le(buf, cpu->segs[d->arg].base);
        break;
    case KIND_FIELD:
        memcpy(buf, (const uint8_t *)cpu + d->arg, 8);
        break;
    }
    return reg_bytes(d);
}

static bool x87_write(X86FPU *f, unsigned which, uint32_t v)
{
    switch (which) {
    case 0:
        x87_set_control(f, (uint16_t)v);
        return true;
    case 1:
        x87_set_status(f, (uint16_t)v);
        return true;
    case 2:
        f->tags = x87_empty_from_full((uint16_t)v);
        return true;
    default:
        return true;        /* where the last instruction was: of no effect, and gdb writes it back with the rest */
    }
}

/* A selector alone says too little for a hidden part: only real mode's, and the value that is there. */
static bool selector_write(X86CPU *cpu, unsigned seg, uint32_t sel)
{
    if (cpu->segs[seg].selector == sel) {
        return true;
    }
    if (cpu->cr0 & CR0_PE) {
        return false;
    }
    cpu->segs[seg].selector = sel & 0xffff;
    cpu->segs[seg].base = (sel & 0xffff) << 4;
    return true;
}

bool gdb_reg_write(X86CPU *cpu, unsigned n, const uint8_t *buf, unsigned len)
{
    const RegDesc *d = reg_find(n);

    if (!d || len != reg_bytes(d)) {
        return false;
    }
    switch (d->kind) {
    case KIND_GPR:
        cpu->regs[d->arg] = ld64_le(buf);
        return true;
    case KIND_RIP:
        cpu->rip = ld64_le(buf);
        return true;
    case KIND_FLAGS:
        cpu_x86_set_rflags(cpu, (ld32_le(buf) & 0x3f7fd7) | 2);
        return true;
    case KIND_SEL:
        return selector_write(cpu, d->arg, ld32_le(buf));
    case KIND_ST:
        cpu->fpu.st[(cpu->fpu.top + d->arg) & 7] = (floatx80){ .mant = ld64_le(buf), .se = ld16_le(buf + 8) };
        return true;
    case KIND_X87:
        return x87_write(&cpu->fpu, d->arg, ld32_le(buf));
    case KIND_XMM:
        memcpy(&cpu->fpu.xmm[d->arg], buf, 16);
        return true;
    case KIND_MXCSR:
        cpu->fpu.mxcsr = ld32_le(buf) & MXCSR_MASK;
        return true;
    case KIND_BASE:
        cpu->segs[d->arg].base = ld64_le(buf);
        return true;
    case KIND_FIELD:
    default:
        /* Control registers have rules that only the processor's own instructions check. */
        return memcmp((const uint8_t *)cpu + d->arg, buf, 8) == 0;
    }
}

/* ---- Description ---- */

static const char *reg_type(const RegDesc *d)
{
    switch (d->kind) {
    case KIND_RIP:
        return "code_ptr";
    case KIND_GPR:
        return d->arg == R_ESP || d->arg == R_EBP ? "data_ptr" : "int64";
    case KIND_FLAGS:
        return "i386_eflags";
    case KIND_SEL:
    case KIND_X87:
        return "int32";
    case KIND_ST:
        return "i387_ext";
    case KIND_XMM:
        return "vec128";
    case KIND_MXCSR:
        return "i386_mxcsr";
    default:
        return "int64";
    }
}

typedef struct FlagName {
    const char *name;
    unsigned bit;
} FlagName;

static void add_flags(GString *xml, const char *id, const FlagName *names, unsigned n)
{
    g_string_append_printf(xml, "<flags id=\"%s\" size=\"4\">", id);
    for (unsigned i = 0; i < n; i++) {
        g_string_append_printf(xml, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>", names[i].name, names[i].bit,
                               names[i].bit);
    }
    g_string_append(xml, "</flags>");
}

static void add_types(GString *xml, unsigned feature)
{
    static const FlagName eflags[] = {
        { "CF", 0 }, { "", 1 }, { "PF", 2 }, { "AF", 4 }, { "ZF", 6 }, { "SF", 7 }, { "TF", 8 }, { "IF", 9 },
        { "DF", 10 }, { "OF", 11 }, { "NT", 14 }, { "RF", 16 }, { "VM", 17 }, { "AC", 18 }, { "VIF", 19 },
        { "VIP", 20 }, { "ID", 21 },
    };
    static const FlagName mxcsr[] = {
        { "IE", 0 }, { "DE", 1 }, { "ZE", 2 }, { "OE", 3 }, { "UE", 4 }, { "PE", 5 }, { "DAZ", 6 }, { "IM", 7 },
        { "DM", 8 }, { "ZM", 9 }, { "OM", 10 }, { "UM", 11 }, { "PM", 12 }, { "FZ", 15 },
    };
    static const struct {
        const char *id;
        const char *element;
        unsigned count;
    } vectors[] = {
        { "v4f", "ieee_single", 4 }, { "v2d", "ieee_double", 2 }, { "v16i8", "int8", 16 }, { "v8i16", "int16", 8 },
        { "v4i32", "int32", 4 }, { "v2i64", "int64", 2 },
    };

    if (feature == 0) {
        add_flags(xml, "i386_eflags", eflags, G_N_ELEMENTS(eflags));
    } else if (feature == 1) {
        for (unsigned i = 0; i < G_N_ELEMENTS(vectors); i++) {
            g_string_append_printf(xml, "<vector id=\"%s\" type=\"%s\" count=\"%u\"/>", vectors[i].id,
                                   vectors[i].element, vectors[i].count);
        }
        g_string_append(xml, "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
                             "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
                             "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
                             "<field name=\"v2_int64\" type=\"v2i64\"/>"
                             "<field name=\"uint128\" type=\"uint128\"/></union>");
        add_flags(xml, "i386_mxcsr", mxcsr, G_N_ELEMENTS(mxcsr));
    }
}

char *gdb_target_xml(void)
{
    GString *xml = g_string_new("<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
                                "<target version=\"1.0\"><architecture>i386:x86-64</architecture>");

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        g_string_append_printf(xml, "<feature name=\"%s\">", features[i].name);
        add_types(xml, i);
        for (unsigned j = 0; j < features[i].count; j++) {
            const RegDesc *d = &features[i].regs[j];

            g_string_append_printf(xml, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>", d->name, reg_bytes(d) * 8,
                                   reg_type(d));
        }
        g_string_append(xml, "</feature>");
    }
    g_string_append(xml, "</target>");
    return g_string_free(xml, FALSE);
}
