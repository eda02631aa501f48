/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rondo-cpu-fuzz: random instructions.
 *
 * Random bytes in the shape of an instruction are given to Zydis; what comes out is kept if it is comparable: an
 * instruction both processors have, at privilege 3, with memory operands only where memory is (relative to r15, in
 * 32-bit code ebp, which nothing may write), that neither leaves the sequence nor depends on the machine around it.
 */
#include "cpu/test-native.h"

#include <string.h>

#include <Zydis/Zydis.h>

#include "cpu/insn.h"
#include "cpu/ops.h"

enum { ARITH = FLAGS_ARITH };

static struct {
    unsigned missing[ZYDIS_MNEMONIC_MAX_VALUE + 1];
} gen;

/* ---- What is comparable ---- */

typedef struct Candidate {
    ZydisDecodedInstruction insn;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
} Candidate;

static bool mnemonic_excluded(ZydisMnemonic m)
{
    switch (m) {
    /* of the machine, not of the processor */
    case ZYDIS_MNEMONIC_CPUID: case ZYDIS_MNEMONIC_RDTSC: case ZYDIS_MNEMONIC_RDTSCP: case ZYDIS_MNEMONIC_RDPMC:
    case ZYDIS_MNEMONIC_LAR: case ZYDIS_MNEMONIC_LSL: case ZYDIS_MNEMONIC_VERR: case ZYDIS_MNEMONIC_VERW:
    case ZYDIS_MNEMONIC_SLDT: case ZYDIS_MNEMONIC_STR: case ZYDIS_MNEMONIC_SMSW: case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT: case ZYDIS_MNEMONIC_RDPID:
    /* would leave or break the sequence */
    case ZYDIS_MNEMONIC_POPF: case ZYDIS_MNEMONIC_POPFQ: case ZYDIS_MNEMONIC_ENTER: case ZYDIS_MNEMONIC_LEAVE:
    case ZYDIS_MNEMONIC_XBEGIN: case ZYDIS_MNEMONIC_XABORT: case ZYDIS_MNEMONIC_XEND: case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1: case ZYDIS_MNEMONIC_UD2: case ZYDIS_MNEMONIC_INT3: case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_POPA: case ZYDIS_MNEMONIC_POPAD: case ZYDIS_MNEMONIC_POPFD:
    case ZYDIS_MNEMONIC_INT: case ZYDIS_MNEMONIC_HLT: case ZYDIS_MNEMONIC_MONITOR: case ZYDIS_MNEMONIC_MWAIT:
    /* depend on what one put there before, or are the same only nearly */
    case ZYDIS_MNEMONIC_FXRSTOR: case ZYDIS_MNEMONIC_FXRSTOR64: case ZYDIS_MNEMONIC_F2XM1:
    case ZYDIS_MNEMONIC_FSIN: case ZYDIS_MNEMONIC_FCOS: case ZYDIS_MNEMONIC_FSINCOS: case ZYDIS_MNEMONIC_FPTAN:
    case ZYDIS_MNEMONIC_FPATAN: case ZYDIS_MNEMONIC_FYL2X: case ZYDIS_MNEMONIC_FYL2XP1:
    case ZYDIS_MNEMONIC_RCPPS: case ZYDIS_MNEMONIC_RCPSS: case ZYDIS_MNEMONIC_RSQRTPS: case ZYDIS_MNEMONIC_RSQRTSS:
        return true;
    default:
        return false;
    }
}

static bool category_allowed(ZydisInstructionCategory c)
{
    switch (c) {
    case ZYDIS_CATEGORY_SYSTEM: case ZYDIS_CATEGORY_IO: case ZYDIS_CATEGORY_IOSTRINGOP: case ZYDIS_CATEGORY_INTERRUPT:
    case ZYDIS_CATEGORY_SYSCALL: case ZYDIS_CATEGORY_SYSRET: case ZYDIS_CATEGORY_RET: case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_UNCOND_BR: case ZYDIS_CATEGORY_SEGOP:
        return false;
    default:
        return true;
    }
}

static int class_of(const ZydisDecodedInstruction *insn)
{
    switch (insn->meta.isa_ext) {
    case ZYDIS_ISA_EXT_BASE: case ZYDIS_ISA_EXT_LONGMODE: case ZYDIS_ISA_EXT_MOVBE: case ZYDIS_ISA_EXT_LZCNT:
        return CLASS_INT;
    case ZYDIS_ISA_EXT_X87:
        return CLASS_X87;
    case ZYDIS_ISA_EXT_MMX:
        return CLASS_MMX;
    case ZYDIS_ISA_EXT_SSE: case ZYDIS_ISA_EXT_SSE2: case ZYDIS_ISA_EXT_SSE3: case ZYDIS_ISA_EXT_SSSE3:
    case ZYDIS_ISA_EXT_SSE4: case ZYDIS_ISA_EXT_AES: case ZYDIS_ISA_EXT_PCLMULQDQ: case ZYDIS_ISA_EXT_SHA:
        return CLASS_SSE;
    default:
        return -1;
    }
}

static bool operand_allowed(const ZydisDecodedOperand *o, unsigned bits)
{
    if (o->type == ZYDIS_OPERAND_TYPE_REGISTER) {
        ZydisRegister r = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, o->reg.value);
        ZydisRegisterClass c = ZydisRegisterGetClass(o->reg.value);
        bool hidden = o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN;

        if (c == ZYDIS_REGCLASS_SEGMENT || c == ZYDIS_REGCLASS_CONTROL || c == ZYDIS_REGCLASS_DEBUG) {
            return hidden && !(o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE);
        }
        if (!hidden && (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)) {
            return r != ZYDIS_REGISTER_RSP && (bits == 64 ? r != ZYDIS_REGISTER_R14 && r != ZYDIS_REGISTER_R15
                                                          : r != ZYDIS_REGISTER_RBP);
        }
        return true;
    }
    if (o->type == ZYDIS_OPERAND_TYPE_MEMORY) {
        ZydisRegister base = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, o->mem.base);
        ZydisRegister index = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, o->mem.index);

        if (o->mem.segment == ZYDIS_REGISTER_FS || o->mem.segment == ZYDIS_REGISTER_GS) {
            return false;
        }
        if (o->mem.type == ZYDIS_MEMOP_TYPE_AGEN) {
            return o->mem.base != ZYDIS_REGISTER_RIP && o->mem.base != ZYDIS_REGISTER_EIP;
        }
        if (o->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN) {
            return true;   /* strings and the stack: see make_item() */
        }
        if (bits == 32) {
            return base == ZYDIS_REGISTER_RBP && index == ZYDIS_REGISTER_NONE;
        }
        return base == ZYDIS_REGISTER_R15 && (index == ZYDIS_REGISTER_NONE || index == ZYDIS_REGISTER_R14);
    }
    return true;
}

static bool is_bit_string(const Candidate *c)
{
    ZydisMnemonic m = c->insn.mnemonic;

    return (m == ZYDIS_MNEMONIC_BT || m == ZYDIS_MNEMONIC_BTS || m == ZYDIS_MNEMONIC_BTR || m == ZYDIS_MNEMONIC_BTC) &&
           c->ops[0].type == ZYDIS_OPERAND_TYPE_MEMORY && c->ops[1].type == ZYDIS_OPERAND_TYPE_REGISTER;
}

/* Forms whose results the manual leaves open. */
static bool undefined_form(const Candidate *c)
{
    ZydisMnemonic m = c->insn.mnemonic;

    if (m == ZYDIS_MNEMONIC_BSWAP && c->insn.operand_width == 16) {
        return true;
    }
    if ((m == ZYDIS_MNEMONIC_SHLD || m == ZYDIS_MNEMONIC_SHRD) && c->insn.operand_width == 16) {
        return c->ops[2].type == ZYDIS_OPERAND_TYPE_REGISTER || (c->ops[2].imm.value.u & 31) > 15;
    }
    return false;
}

static bool our_cpu_has(const uint8_t *bytes, unsigned bits)
{
    Insn in;

    return insn_decode(bits, bytes, 15, 0, &in) == DECODE_OK && in.fn != op_ud;
}

static bool comparable(const Candidate *c, const NativeChoice *choice)
{
    int cls = class_of(&c->insn);

    if (cls < 0 || !(choice->classes & 1u << cls) || c->insn.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY) {
        return false;
    }
    if (!category_allowed(c->insn.meta.category) || mnemonic_excluded(c->insn.mnemonic) || undefined_form(c) ||
        (c->insn.attributes & ZYDIS_ATTRIB_IS_PRIVILEGED)) {
        return false;
    }
    if (choice->mnemonic && g_ascii_strcasecmp(choice->mnemonic, ZydisMnemonicGetString(c->insn.mnemonic)) != 0) {
        return false;
    }
    for (unsigned i = 0; i < c->insn.operand_count; i++) {
        if (!operand_allowed(&c->ops[i], choice->bits)) {
            return false;
        }
    }
    return true;
}

/* ---- Bytes ---- */

/*
 * An operand in memory: r15 or ebp plus displacement, sometimes plus scaled r14; mostly aligned, rarely beyond the
 * pages.
 */
static unsigned put_memory(uint8_t *p, unsigned reg, unsigned bits, uint8_t *rex)
{
    int32_t disp = (int32_t)rnd_below(0xf00) - 0x800;
    unsigned n = 0;

    if (chance(60)) {
        disp &= ~15;
    }
    if (chance(3)) {
        disp = DATA_SIZE / 2 - (int32_t)rnd_below(20);
    }
    if (bits == 32) {
        p[n++] = (uint8_t)(0x80 | reg << 3 | R_EBP);
        memcpy(p + n, &disp, 4);
        return n + 4;
    }
    *rex |= 0x41;
    if (chance(30)) {
        *rex |= 2;
        p[n++] = (uint8_t)(0x80 | reg << 3 | 4);
        p[n++] = (uint8_t)(rnd_below(4) << 6 | 6 << 3 | 7);
    } else {
        p[n++] = (uint8_t)(0x80 | reg << 3 | 7);
    }
    memcpy(p + n, &disp, 4);
    return n + 4;
}

static void choose_opcode(unsigned classes, unsigned *escape, unsigned *opcode, uint8_t *prefix)
{
    static const uint8_t mandatory[4] = { 0, 0x66, 0xf2, 0xf3 };
    unsigned cls;

    do {
        cls = (unsigned)rnd_below(CLASS__COUNT);
    } while (!(classes & 1u << cls));
    *opcode = (unsigned)rnd64() & 0xff;
    *prefix = 0;
    switch ((NativeClass)cls) {
    case CLASS_X87:
        *escape = 0;
        *opcode = chance(2) ? 0x9b : 0xd8 | (*opcode & 7);
        break;
    case CLASS_INT:
        *escape = chance(60) ? 0 : chance(95) ? 1 : 2;
        *prefix = chance(30) ? mandatory[rnd_below(4)] : chance(5) ? 0xf0 : 0;
        break;
    default:
        *escape = chance(75) ? 1 : chance(60) ? 2 : 3;
        *prefix = mandatory[rnd_below(4)];
        break;
    }
}

static unsigned random_bytes(uint8_t *p, const NativeChoice *choice)
{
    unsigned escape, opcode, n = 0, modrm_len = 1;
    uint8_t prefix, rex = 0, modrm[8];
    bool in_memory = chance(45);
    uint64_t rest = rnd64();

    choose_opcode(choice->classes, &escape, &opcode, &prefix);
    if (choice->bits == 64 && chance(70)) {
        rex = (uint8_t)(0x40 | (rnd64() & 15));
    }
    if (in_memory) {
        modrm_len = put_memory(modrm, (unsigned)rnd64() & 7, choice->bits, &rex);
    } else {
        modrm[0] = 0xc0 | (uint8_t)rnd64();
    }
    if (chance(3)) {
        p[n++] = 0x67;
    }
    if (prefix) {
        p[n++] = prefix;
        if (chance(8)) {
            p[n++] = 0x66;
        }
    }
    if (rex) {
        p[n++] = rex;
    }
    if (escape) {
        p[n++] = 0x0f;
        if (escape > 1) {
            p[n++] = escape == 2 ? 0x38 : 0x3a;
        }
    }
    p[n++] = (uint8_t)opcode;
    memcpy(p + n, modrm, modrm_len);
    memcpy(p + n + modrm_len, &rest, 8);
    return n + modrm_len + 8;
}

/* ---- Items ---- */

static void put(NativeItem *it, const void *bytes, unsigned n)
{
    g_assert(it->len + n <= MAX_ITEM_BYTES);
    memcpy(it->bytes + it->len, bytes, n);
    it->len += n;
}

/* mov r32, imm32 */
static void put_mov(NativeItem *it, unsigned reg, uint32_t v)
{
    uint8_t op = (uint8_t)(0xb8 | reg);

    put(it, &op, 1);
    put(it, &v, 4);
}

/* mov dword [r15 + disp], 0, or with ebp */
static void put_clear(NativeItem *it, unsigned bits, int32_t disp)
{
    static const uint8_t op64[3] = { 0x41, 0xc7, 0x87 }, op32[2] = { 0xc7, 0x85 };
    uint32_t zero = 0;

    if (bits == 64) {
        put(it, op64, 3);
    } else {
        put(it, op32, 2);
    }
    put(it, &disp, 4);
    put(it, &zero, 4);
}

static bool has_hidden_memory(const Candidate *c)
{
    for (unsigned i = 0; i < c->insn.operand_count; i++) {
        if (c->ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY && c->ops[i].visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN &&
            c->insn.meta.category != ZYDIS_CATEGORY_PUSH && c->insn.meta.category != ZYDIS_CATEGORY_POP) {
            return true;
        }
    }
    return false;
}

static uint32_t random_address(void)
{
    uint32_t middle = DATA_BASE + 0x400 + (uint32_t)rnd_below(DATA_SIZE - 0x800);

    if (chance(90)) {
        return middle;
    }
    return chance(50) ? DATA_BASE + (uint32_t)rnd_below(8) : DATA_BASE + DATA_SIZE - (uint32_t)rnd_below(40);
}

/* What has to be in place before the instruction. */
static void put_before(NativeItem *it, const Candidate *c)
{
    if (has_hidden_memory(c)) {
        /* whether bytes that are masked out fault, and how much a fault undoes, varies */
        bool sure = c->insn.mnemonic == ZYDIS_MNEMONIC_MASKMOVQ || c->insn.mnemonic == ZYDIS_MNEMONIC_MASKMOVDQU;

        put_mov(it, R_ESI, random_address());
        put_mov(it, R_EDI, sure ? DATA_POINTER : random_address());
        put_mov(it, R_ECX, (uint32_t)rnd_below(chance(80) ? 12 : 200));
        if (c->insn.mnemonic == ZYDIS_MNEMONIC_XLAT) {
            put_mov(it, R_EBX, random_address());
        }
    }
    if (is_bit_string(c)) {
        put_mov(it, (unsigned)ZydisRegisterGetId(c->ops[1].reg.value) & 7, (uint32_t)rnd_below(4000));
        if (ZydisRegisterGetId(c->ops[1].reg.value) > 7) {
            memmove(it->bytes + it->len - 4, it->bytes + it->len - 5, 5);
            it->bytes[it->len - 5] = 0x41;
            it->len++;
        }
    }
}

/* What the instruction wrote that cannot be compared: pointers and opcodes in x87 images. */
static void put_after(NativeItem *it, const Candidate *c, unsigned bits)
{
    ZydisMnemonic m = c->insn.mnemonic;
    bool narrow = (c->insn.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE) && !c->insn.raw.rex.W;
    int32_t disp = (int32_t)c->ops[0].mem.disp.value;

    if (m == ZYDIS_MNEMONIC_FNSTENV || m == ZYDIS_MNEMONIC_FNSAVE) {
        disp += narrow ? 6 : 12;
        put_clear(it, bits, disp);
        put_clear(it, bits, disp + 4);
        if (!narrow) {
            put_clear(it, bits, disp + 8);
            put_clear(it, bits, disp + 12);
        }
    } else if (m == ZYDIS_MNEMONIC_FXSAVE || m == ZYDIS_MNEMONIC_FXSAVE64) {
        for (int32_t off = 4; off < 24; off += 4) {
            put_clear(it, bits, disp + off);
        }
    }
}

/* How much of a long store is done when its end faults varies. */
static bool may_end_half_done(const Candidate *c)
{
    for (unsigned i = 0; i < c->insn.operand_count; i++) {
        const ZydisDecodedOperand *o = &c->ops[i];

        if (o->type == ZYDIS_OPERAND_TYPE_MEMORY && o->size > 64 && o->size != 128 &&
            (o->mem.disp.value > 0x700 || o->mem.index != ZYDIS_REGISTER_NONE)) {
            return true;
        }
    }
    return false;
}

static bool usable(const Candidate *c)
{
    ZydisMnemonic m = c->insn.mnemonic;
    bool image = m == ZYDIS_MNEMONIC_FNSTENV || m == ZYDIS_MNEMONIC_FNSAVE || m == ZYDIS_MNEMONIC_FXSAVE ||
                 m == ZYDIS_MNEMONIC_FXSAVE64;

    if (image && (c->ops[0].type != ZYDIS_OPERAND_TYPE_MEMORY || c->ops[0].mem.index != ZYDIS_REGISTER_NONE)) {
        return false;
    }
    if (may_end_half_done(c) || (m == ZYDIS_MNEMONIC_MASKMOVQ && c->insn.address_width == 16) ||
        (m == ZYDIS_MNEMONIC_MASKMOVDQU && c->insn.address_width == 16)) {
        return false;
    }
    if (is_bit_string(c) && (ZydisRegisterGetId(c->ops[1].reg.value) & 7) >= R_ESP &&
        (ZydisRegisterGetId(c->ops[1].reg.value) == R_ESP || ZydisRegisterGetId(c->ops[1].reg.value) >= REG_INDEX)) {
        return false;
    }
    return true;
}

static void set_flags(NativeItem *it, const Candidate *c)
{
    const ZydisAccessedFlags *f = c->insn.cpu_flags;
    bool count = c->insn.meta.category == ZYDIS_CATEGORY_SHIFT || c->insn.meta.category == ZYDIS_CATEGORY_ROTATE ||
                 (c->insn.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE));

    it->flags_tested = f->tested & ARITH;
    it->flags_undefined = f->undefined & ARITH;
    it->flags_set = count ? 0 : (f->modified | f->set_0 | f->set_1) & ~f->undefined & ARITH;
}

/* A jump: forward over some of the items that follow; native_emit() fills in the distance. */
static bool set_jump(NativeItem *it, const Candidate *c, unsigned bits)
{
    it->jump = -1;
    if (c->insn.meta.category != ZYDIS_CATEGORY_COND_BR) {
        return true;
    }
    if (bits == 32 && (c->insn.attributes & ZYDIS_ATTRIB_HAS_OPERANDSIZE)) {
        return false;   /* to the first 64 KiB */
    }
    it->jump = 1 + (int)rnd_below(4);
    return c->ops[0].size == 8 || c->ops[0].size == 32 || c->ops[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

/* One item, none of whose inputs are the flags in @tainted. */
static void make_item(NativeItem *it, const ZydisDecoder *z, const NativeChoice *choice, uint32_t tainted)
{
    for (;;) {
        uint8_t bytes[32] = { 0 };
        Candidate c;

        (void)random_bytes(bytes, choice);   /* their number does not matter: the decoder finds it */
        if (ZYAN_FAILED(ZydisDecoderDecodeFull(z, bytes, 15, &c.insn, c.ops)) || !comparable(&c, choice) ||
            !usable(&c) || (c.insn.cpu_flags && (c.insn.cpu_flags->tested & tainted))) {
            continue;
        }
        if (!our_cpu_has(bytes, choice->bits)) {
            gen.missing[c.insn.mnemonic]++;
            continue;
        }
        *it = (NativeItem){ 0 };
        if (!set_jump(it, &c, choice->bits)) {
            continue;
        }
        set_flags(it, &c);
        put_before(it, &c);
        it->wide = (c.ops[0].size > 64 && c.ops[0].size != 128) || c.insn.mnemonic == ZYDIS_MNEMONIC_MASKMOVDQU;
        it->mmx = class_of(&c.insn) == CLASS_MMX;
        it->insn_off = it->len;
        it->insn_len = c.insn.length;
        put(it, bytes, c.insn.length);
        put_after(it, &c, choice->bits);
        return;
    }
}

uint32_t native_tainted(const NativeSeq *seq, unsigned n)
{
    uint32_t tainted = 0;
    unsigned sure = 0;       /* items before this one may have been jumped over */

    for (unsigned i = 0; i < n && i < seq->n; i++) {
        const NativeItem *it = &seq->items[i];

        if (i >= sure) {
            tainted &= ~it->flags_set;
        }
        tainted |= it->flags_undefined;
        if (it->jump >= 0) {
            sure = MAX(sure, i + 1 + (unsigned)it->jump);
        }
    }
    return tainted;
}

void native_gen_sequence(NativeSeq *seq, const NativeChoice *choice)
{
    unsigned n = 1 + (unsigned)rnd_below(MAX_ITEMS - 1);
    ZydisDecoder z;

    seq->bits = choice->bits;
    /* These arguments cannot fail. */
    (void)ZydisDecoderInit(&z, choice->bits == 64 ? ZYDIS_MACHINE_MODE_LONG_64 : ZYDIS_MACHINE_MODE_LONG_COMPAT_32,
                           choice->bits == 64 ? ZYDIS_STACK_WIDTH_64 : ZYDIS_STACK_WIDTH_32);
    (void)ZydisDecoderEnableMode(&z, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
    (void)ZydisDecoderEnableMode(&z, ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
    for (seq->n = 0; seq->n < n; seq->n++) {
        make_item(&seq->items[seq->n], &z, choice, native_tainted(seq, seq->n));
    }
}

unsigned native_emit(const NativeSeq *seq, uint8_t *code, unsigned *starts)
{
    unsigned len = 0;

    for (unsigned i = 0; i < seq->n; i++) {
        starts[i] = len;
        memcpy(code + len, seq->items[i].bytes, seq->items[i].len);
        len += seq->items[i].len;
    }
    starts[seq->n] = len;
    for (unsigned i = 0; i < seq->n; i++) {
        const NativeItem *it = &seq->items[i];
        unsigned end = starts[i] + it->insn_off + it->insn_len, target, size;

        if (it->jump < 0) {
            continue;
        }
        target = starts[MIN(i + 1 + (unsigned)it->jump, seq->n)];
        /* 0F 8x has four bytes of distance, the others one. */
        size = it->insn_len >= 6 && memchr(it->bytes, 0x0f, it->insn_len - 4) ? 4 : 1;
        for (unsigned b = 0; b < size; b++) {
            code[end - size + b] = (uint8_t)((target - end) >> b * 8);
        }
    }
    code[len] = 0xcc;
    return len + 1;
}

/* ---- For people ---- */

void native_describe(const NativeSeq *seq, GString *out)
{
    uint8_t code[CODE_SIZE];
    unsigned starts[MAX_ITEMS + 1], len = native_emit(seq, code, starts);

    for (unsigned pos = 0; pos < len;) {
        ZydisDisassembledInstruction d;
        ZydisMachineMode mode = seq->bits == 64 ? ZYDIS_MACHINE_MODE_LONG_64 : ZYDIS_MACHINE_MODE_LONG_COMPAT_32;
        ZyanU64 rip = CODE_BASE + pos;

        if (ZYAN_FAILED(ZydisDisassembleIntel(mode, rip, code + pos, len - pos, &d))) {
            g_string_append_printf(out, "  %03x  ??\n", pos);
            return;
        }
        g_string_append_printf(out, "  %03x  %-44s", pos, d.text);
        for (unsigned i = 0; i < d.info.length; i++) {
            g_string_append_printf(out, " %02x", code[pos + i]);
        }
        g_string_append_c(out, '\n');
        pos += d.info.length;
    }
}

void native_missing(GString *out)
{
    for (unsigned i = 0; i <= ZYDIS_MNEMONIC_MAX_VALUE; i++) {
        if (gen.missing[i]) {
            g_string_append_printf(out, " %s", ZydisMnemonicGetString((ZydisMnemonic)i));
        }
    }
}
