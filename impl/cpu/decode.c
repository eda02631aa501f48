/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From bytes to Insn: Zydis takes the bytes apart, a table by mnemonic says which handler and operand shape.
 *
 * Pure: no processor state is looked at beyond the code size, so decoded instructions can be shared between
 * privilege levels and address spaces, and the decoder can be fuzzed. Nothing of Zydis survives into Insn.
 */
#include "cpu/decode_int.h"

typedef struct Entry {
    ShapeFunc *shape;
    OpFunc *fn;
    int arg;
    uint8_t flags;       /* IF_STOP */
} Entry;

/* ---- The table ---- */

#define M(name) [ZYDIS_MNEMONIC_##name]
#define COND(name, n)                                                                                   \
    M(J##name) = { shape_rel, op_jcc, n, IF_STOP }, M(SET##name) = { shape_rm, op_setcc, n },           \
    M(CMOV##name) = { shape_r_rm, op_cmov, n }
#define STRING(name, fn, sz) M(name) = { shape_string, fn, sz }

static const Entry table[ZYDIS_MNEMONIC_MAX_VALUE + 1] = {
    M(ADD) = { shape_alu, NULL, ALU_ADD }, M(OR) = { shape_alu, NULL, ALU_OR },
    M(ADC) = { shape_alu, NULL, ALU_ADC }, M(SBB) = { shape_alu, NULL, ALU_SBB },
    M(AND) = { shape_alu, NULL, ALU_AND }, M(SUB) = { shape_alu, NULL, ALU_SUB },
    M(XOR) = { shape_alu, NULL, ALU_XOR }, M(CMP) = { shape_alu, NULL, ALU_CMP },
    M(TEST) = { shape_alu, NULL, ALU_TEST }, M(MOV) = { shape_mov },
    M(INC) = { shape_unary, NULL, UNARY_INC }, M(DEC) = { shape_unary, NULL, UNARY_DEC },
    M(NOT) = { shape_unary, NULL, UNARY_NOT }, M(NEG) = { shape_unary, NULL, UNARY_NEG },
    M(LEA) = { shape_lea },
    COND(O, 0), COND(NO, 1), COND(B, 2), COND(NB, 3), COND(Z, 4), COND(NZ, 5), COND(BE, 6), COND(NBE, 7),
    COND(S, 8), COND(NS, 9), COND(P, 10), COND(NP, 11), COND(L, 12), COND(NL, 13), COND(LE, 14), COND(NLE, 15),
    M(MOVZX) = { shape_extend, op_movzx }, M(MOVSX) = { shape_extend, op_movsx },
    M(MOVSXD) = { shape_extend, op_movsx }, M(MOVBE) = { shape_movbe, op_movbe },
    M(MOVNTI) = { shape_alu, NULL, ALU_MOV },
    M(BSWAP) = { shape_rm, op_bswap }, M(XCHG) = { shape_xchg }, M(XADD) = { shape_rm_r, op_xadd },
    M(CMPXCHG) = { shape_rm_r, op_cmpxchg }, M(CMPXCHG8B) = { shape_rm, op_cmpxchg8b },
    M(CMPXCHG16B) = { shape_rm, op_cmpxchg8b }, M(XLAT) = { shape_xlat, op_xlat },
    M(PUSH) = { shape_push, op_push }, M(POP) = { shape_pop, op_pop },
    M(PUSHA) = { shape_sized, op_pusha, 2 }, M(PUSHAD) = { shape_sized, op_pusha, 4 },
    M(POPA) = { shape_sized, op_popa, 2 }, M(POPAD) = { shape_sized, op_popa, 4 },
    M(PUSHF) = { shape_sized, op_pushf, 2 }, M(PUSHFD) = { shape_sized, op_pushf, 4 },
    M(PUSHFQ) = { shape_sized, op_pushf, 8 }, M(POPF) = { shape_sized, op_popf, 2 },
    M(POPFD) = { shape_sized, op_popf, 4 }, M(POPFQ) = { shape_sized, op_popf, 8 },
    M(ENTER) = { shape_enter, op_enter }, M(LEAVE) = { shape_stack, op_leave },
    M(LAHF) = { shape_none, op_lahf }, M(SAHF) = { shape_none, op_sahf }, M(SALC) = { shape_none, op_salc },
    M(CLC) = { shape_none, op_flag, FLAGOP_CLC }, M(STC) = { shape_none, op_flag, FLAGOP_STC },
    M(CMC) = { shape_none, op_flag, FLAGOP_CMC }, M(CLD) = { shape_none, op_flag, FLAGOP_CLD },
    M(STD) = { shape_none, op_flag, FLAGOP_STD },
    M(CBW) = { shape_sized, op_cbw, 2 }, M(CWDE) = { shape_sized, op_cbw, 4 }, M(CDQE) = { shape_sized, op_cbw, 8 },
    M(CWD) = { shape_sized, op_cwd, 2 }, M(CDQ) = { shape_sized, op_cwd, 4 }, M(CQO) = { shape_sized, op_cwd, 8 },
    M(LDS) = { shape_load_far, op_load_far, R_DS }, M(LES) = { shape_load_far, op_load_far, R_ES },
    M(LSS) = { shape_load_far, op_load_far, R_SS }, M(LFS) = { shape_load_far, op_load_far, R_FS },
    M(LGS) = { shape_load_far, op_load_far, R_GS },
    M(ROL) = { shape_shift, op_shift, SHIFT_ROL }, M(ROR) = { shape_shift, op_shift, SHIFT_ROR },
    M(RCL) = { shape_shift, op_shift, SHIFT_RCL }, M(RCR) = { shape_shift, op_shift, SHIFT_RCR },
    M(SHL) = { shape_shift, op_shift, SHIFT_SHL }, M(SHR) = { shape_shift, op_shift, SHIFT_SHR },
    M(SAR) = { shape_shift, op_shift, SHIFT_SAR }, M(SHLD) = { shape_double_shift, op_shld },
    M(SHRD) = { shape_double_shift, op_shrd },
    M(MUL) = { shape_rm, op_mul }, M(IMUL) = { shape_imul, op_imul }, M(DIV) = { shape_rm, op_div },
    M(IDIV) = { shape_rm, op_idiv }, M(AAA) = { shape_none, op_aaa }, M(AAS) = { shape_none, op_aas },
    M(AAM) = { shape_imm, op_aam, 10 }, M(AAD) = { shape_imm, op_aad, 10 }, M(DAA) = { shape_none, op_daa },
    M(DAS) = { shape_none, op_das },
    M(BT) = { shape_bt, op_bt, BT_TEST }, M(BTS) = { shape_bt, op_bt, BT_SET }, M(BTR) = { shape_bt, op_bt, BT_RESET },
    M(BTC) = { shape_bt, op_bt, BT_COMPLEMENT }, M(BSF) = { shape_r_rm, op_bsf }, M(BSR) = { shape_r_rm, op_bsr },
    M(TZCNT) = { shape_r_rm, op_tzcnt }, M(LZCNT) = { shape_r_rm, op_lzcnt }, M(POPCNT) = { shape_r_rm, op_popcnt },
    M(ANDN) = { shape_vex3, op_andn, 1 }, M(BEXTR) = { shape_vex3, op_bextr, 2 },
    M(BLSI) = { shape_bls, op_bls, BLS_BLSI }, M(BLSMSK) = { shape_bls, op_bls, BLS_BLSMSK },
    M(BLSR) = { shape_bls, op_bls, BLS_BLSR },
    STRING(MOVSB, op_movs, 1), STRING(MOVSW, op_movs, 2), STRING(MOVSD, op_movs, 4), STRING(MOVSQ, op_movs, 8),
    STRING(STOSB, op_stos, 1), STRING(STOSW, op_stos, 2), STRING(STOSD, op_stos, 4), STRING(STOSQ, op_stos, 8),
    STRING(LODSB, op_lods, 1), STRING(LODSW, op_lods, 2), STRING(LODSD, op_lods, 4), STRING(LODSQ, op_lods, 8),
    STRING(CMPSB, op_cmps, 1), STRING(CMPSW, op_cmps, 2), STRING(CMPSD, op_cmps, 4), STRING(CMPSQ, op_cmps, 8),
    STRING(SCASB, op_scas, 1), STRING(SCASW, op_scas, 2), STRING(SCASD, op_scas, 4), STRING(SCASQ, op_scas, 8),
    STRING(INSB, op_ins, 1), STRING(INSW, op_ins, 2), STRING(INSD, op_ins, 4),
    STRING(OUTSB, op_outs, 1), STRING(OUTSW, op_outs, 2), STRING(OUTSD, op_outs, 4),
    M(JMP) = { shape_transfer, NULL, 0, IF_STOP }, M(CALL) = { shape_transfer, NULL, 1, IF_STOP },
    M(RET) = { shape_ret, op_ret, 0, IF_STOP },
    M(LOOPNE) = { shape_rel, op_loop, 0, IF_STOP }, M(LOOPE) = { shape_rel, op_loop, 1, IF_STOP },
    M(LOOP) = { shape_rel, op_loop, 2, IF_STOP }, M(JCXZ) = { shape_rel, op_jcxz, 0, IF_STOP },
    M(JECXZ) = { shape_rel, op_jcxz, 0, IF_STOP }, M(JRCXZ) = { shape_rel, op_jcxz, 0, IF_STOP },
    M(IRET) = { shape_sized, op_iret, 2, IF_STOP }, M(IRETD) = { shape_sized, op_iret, 4, IF_STOP },
    M(IRETQ) = { shape_sized, op_iret, 8, IF_STOP },
    M(INT) = { shape_imm, op_int, 0, IF_STOP }, M(INT3) = { shape_none, op_int3, 0, IF_STOP },
    M(INT1) = { shape_none, op_int1, 0, IF_STOP }, M(INTO) = { shape_none, op_into },
    M(BOUND) = { shape_load_far, op_bound },
    M(SYSCALL) = { shape_none, op_syscall, 0, IF_STOP }, M(SYSRET) = { shape_none, op_sysret, 0, IF_STOP },
    M(SYSENTER) = { shape_none, op_sysenter, 0, IF_STOP }, M(SYSEXIT) = { shape_none, op_sysexit, 0, IF_STOP },
    M(HLT) = { shape_none, op_hlt, 0, IF_STOP }, M(CLI) = { shape_none, op_cli }, M(STI) = { shape_none, op_sti },
    M(LGDT) = { shape_mem, op_lgdt, 0 }, M(LIDT) = { shape_mem, op_lgdt, 1 }, M(SGDT) = { shape_mem, op_sgdt, 0 },
    M(SIDT) = { shape_mem, op_sgdt, 1 }, M(LLDT) = { shape_rm, op_lldt }, M(SLDT) = { shape_rm, op_sldt },
    M(LTR) = { shape_rm, op_ltr }, M(STR) = { shape_rm, op_str }, M(LMSW) = { shape_rm, op_lmsw },
    M(SMSW) = { shape_rm, op_smsw }, M(CLTS) = { shape_none, op_clts }, M(INVLPG) = { shape_mem, op_invlpg },
    M(INVPCID) = { shape_r_rm, op_invpcid }, M(CLAC) = { shape_none, op_clac, 0 }, M(STAC) = { shape_none, op_clac, 1 },
    M(INVD) = { shape_none, op_wbinvd }, M(WBINVD) = { shape_none, op_wbinvd },
    M(SWAPGS) = { shape_none, op_swapgs }, M(RDMSR) = { shape_none, op_rdmsr, 0, IF_STOP | IF_ALONE },
    M(WRMSR) = { shape_none, op_wrmsr, 0, IF_STOP | IF_ALONE },
    M(CPUID) = { shape_none, op_cpuid }, M(RDTSC) = { shape_none, op_rdtsc, 0, IF_STOP | IF_ALONE },
    M(RDRAND) = { shape_rm, op_rdrand, 0, IF_STOP | IF_ALONE },
    M(RDTSCP) = { shape_none, op_rdtsc, 1, IF_STOP | IF_ALONE },
    M(LAR) = { shape_lar, op_lar, 0 }, M(LSL) = { shape_lar, op_lar, 1 }, M(VERR) = { shape_rm, op_verr, 0 },
    M(VERW) = { shape_rm, op_verr, 1 }, M(ARPL) = { shape_rm_r, op_arpl },
    M(IN) = { shape_port, op_in, 0, IF_STOP | IF_ALONE }, M(OUT) = { shape_port, op_out, 1, IF_STOP | IF_ALONE },
    M(RDFSBASE) = { shape_fsgs, op_fsgsbase, R_FS << 1 }, M(WRFSBASE) = { shape_fsgs, op_fsgsbase, R_FS << 1 | 1 },
    M(RDGSBASE) = { shape_fsgs, op_fsgsbase, R_GS << 1 }, M(WRGSBASE) = { shape_fsgs, op_fsgsbase, R_GS << 1 | 1 },
    M(NOP) = { shape_ignore, op_nop }, M(PAUSE) = { shape_none, op_pause }, M(ENDBR32) = { shape_ignore, op_nop },
    M(ENDBR64) = { shape_ignore, op_nop },
    M(LFENCE) = { shape_ignore, op_nop }, M(MFENCE) = { shape_none, op_mfence }, M(SFENCE) = { shape_ignore, op_nop },
    M(PREFETCHT0) = { shape_ignore, op_nop }, M(PREFETCHT1) = { shape_ignore, op_nop },
    M(PREFETCHT2) = { shape_ignore, op_nop }, M(PREFETCHNTA) = { shape_ignore, op_nop },
    M(PREFETCHW) = { shape_ignore, op_nop }, M(PREFETCH) = { shape_ignore, op_nop },
};

/* ---- Entry point ---- */

static ZydisDecoder make_decoder(unsigned bits)
{
    ZydisMachineMode mode = bits == 64 ? ZYDIS_MACHINE_MODE_LONG_64
                          : bits == 32 ? ZYDIS_MACHINE_MODE_LEGACY_32 : ZYDIS_MACHINE_MODE_LEGACY_16;
    ZydisStackWidth width = bits == 64 ? ZYDIS_STACK_WIDTH_64
                          : bits == 32 ? ZYDIS_STACK_WIDTH_32 : ZYDIS_STACK_WIDTH_16;
    ZydisDecoder z;

    (void)ZydisDecoderInit(&z, mode, width);   /* these arguments cannot fail */
    (void)ZydisDecoderEnableMode(&z, ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
    (void)ZydisDecoderEnableMode(&z, ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
    (void)ZydisDecoderEnableMode(&z, ZYDIS_DECODER_MODE_WBNOINVD, ZYAN_FALSE);
    return z;
}

static void set_raise(Insn *in, OpFunc *fn, unsigned off, unsigned len)
{
    *in = (Insn){
        .fn = fn, .off = (uint16_t)off, .len = (uint8_t)len, .rd = REG_OFF_NONE, .rs = REG_OFF_NONE,
        .base = REG_OFF_NONE, .index = REG_OFF_NONE, .flags = IF_STOP,
    };
}

DecodeStatus insn_decode(unsigned code_bits, const uint8_t *bytes, size_t avail, unsigned off, Insn *ret)
{
    ZydisDecoder z = make_decoder(code_bits);
    Decoder d = { .bits = code_bits, .in = ret };
    ZyanStatus st = ZydisDecoderDecodeFull(&z, bytes, MIN(avail, 15), &d.insn, d.ops);
    const Entry *e;

    if (st == ZYDIS_STATUS_NO_MORE_DATA && avail < 15) {
        return DECODE_MORE;
    }
    if (st == ZYDIS_STATUS_NO_MORE_DATA || st == ZYDIS_STATUS_INSTRUCTION_TOO_LONG) {
        set_raise(ret, op_too_long, off, 1);
        return DECODE_OK;
    }
    if (ZYAN_FAILED(st)) {
        set_raise(ret, op_ud, off, 1);
        return DECODE_OK;
    }
    e = &table[d.insn.mnemonic];
    *ret = (Insn){
        .fn = e->fn, .off = (uint16_t)off, .len = d.insn.length, .rd = REG_OFF_NONE, .rs = REG_OFF_NONE,
        .base = REG_OFF_NONE, .index = REG_OFF_NONE, .ashift = (uint8_t)(64 - d.insn.address_width),
        .flags = e->flags,
    };
    if (d.insn.attributes & ZYDIS_ATTRIB_HAS_LOCK) {
        ret->flags |= IF_LOCK;
    }
    if (d.insn.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE)) {
        ret->flags |= IF_REP;
    }
    if (d.insn.attributes & ZYDIS_ATTRIB_HAS_REPNE) {
        ret->flags |= IF_REPNE;
    }
    /* movsd and cmpsd are strings or scalars: what is no string goes on to the second table. */
    if (!((e->shape && e->shape(&d, e->arg)) || decode_sse(&d) || decode_x87(&d)) || !ret->fn) {
        set_raise(ret, op_ud, off, d.insn.length);
    }
    return DECODE_OK;
}
