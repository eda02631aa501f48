/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handlers that decode.c can choose, by file. Internal to cpu/.
 */
#ifndef CPU_OPS_H
#define CPU_OPS_H

#include "cpu/insn.h"

/** cpu_signature: family, model and stepping as cpuid and RESET give them. */
uint32_t cpu_signature(const X86CPUModel *m);

static inline int need_cpl0(X86CPU *cpu)
{
    return cpu->cpl == 0 ? RET_NEXT : cpu_gp0(cpu);
}

/* What user code may not see under UMIP. */
static inline int umip_check(X86CPU *cpu)
{
    return (cpu->cr4 & CR4_UMIP) && cpu->cpl != 0 ? cpu_gp0(cpu) : RET_NEXT;
}

/* ---- exec-alu.c: [operation][form][log2 of the size] ---- */
enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP, ALU_TEST, ALU_MOV, ALU__COUNT };
enum { FORM_RR, FORM_RI, FORM_RM, FORM_MR, FORM_MI, FORM__COUNT };
enum { UNARY_INC, UNARY_DEC, UNARY_NOT, UNARY_NEG, UNARY__COUNT };
extern OpFunc *const alu_ops[ALU__COUNT][FORM__COUNT][4];
extern OpFunc *const unary_ops[UNARY__COUNT][2][4];
extern OpFunc *const lea_ops[4];

/* ---- exec-data.c ---- */
OpFunc op_nop, op_movzx, op_movsx, op_cmov, op_setcc, op_xchg_rr, op_xchg_m, op_bswap,
    op_push_r64, op_pop_r64, op_push, op_push_imm, op_pop, op_push_seg, op_pop_seg, op_pusha, op_popa,
    op_pushf, op_popf, op_lahf, op_sahf, op_cbw, op_cwd, op_xlat, op_enter, op_leave, op_flag, op_movbe, op_load_far,
    op_cmpxchg, op_cmpxchg8b, op_xadd, op_salc;
enum { FLAGOP_CLC, FLAGOP_STC, FLAGOP_CMC, FLAGOP_CLD, FLAGOP_STD };

/* ---- exec-shift.c: aux is SHIFT_*; count is imm, or CL with IF_CL ---- */
enum { SHIFT_ROL, SHIFT_ROR, SHIFT_RCL, SHIFT_RCR, SHIFT_SHL, SHIFT_SHR, SHIFT_SAR };
OpFunc op_shift, op_shl_ri, op_shr_ri, op_sar_ri, op_shld, op_shrd;

/* ---- exec-muldiv.c ---- */
OpFunc op_mul, op_imul1, op_imul, op_div, op_idiv, op_aaa, op_aas, op_aam, op_aad, op_daa, op_das;

/* ---- exec-bit.c: aux is BT_* ---- */
enum { BT_TEST, BT_SET, BT_RESET, BT_COMPLEMENT };
OpFunc op_bt, op_bsf, op_bsr, op_tzcnt, op_lzcnt, op_popcnt, op_andn, op_bextr, op_bls;
enum { BLS_BLSI, BLS_BLSMSK, BLS_BLSR };

/* ---- exec-string.c ---- */
OpFunc op_movs, op_stos, op_lods, op_cmps, op_scas, op_ins, op_outs;

/* ---- exec-branch.c ---- */
OpFunc op_jcc, op_jmp_rel, op_jmp_rm, op_call_rel, op_call_rm, op_ret, op_loop, op_jcxz, op_jmp_far, op_jmp_far_m,
    op_call_far, op_call_far_m, op_ret_far, op_iret, op_int, op_int3, op_int1, op_into, op_bound, op_syscall,
    op_sysret, op_sysenter, op_sysexit;

/* ---- exec-system.c ---- */
OpFunc op_ud, op_too_long, op_hlt, op_cli, op_sti, op_mov_from_cr, op_mov_to_cr, op_mov_from_dr, op_mov_to_dr,
    op_mov_from_seg, op_mov_to_seg, op_lgdt, op_sgdt, op_lldt, op_sldt, op_ltr, op_str, op_lmsw, op_smsw, op_clts,
    op_invlpg, op_invpcid, op_clac, op_mfence, op_wbinvd, op_swapgs, op_rdmsr, op_wrmsr, op_rdrand, op_cpuid,
    op_rdtsc, op_lar, op_verr, op_arpl, op_in,
    op_out, op_fsgsbase, op_pause;

/** cpu_x86_cpuid: @ret is eax, ebx, ecx, edx of a leaf. Takes the BQL. */
void cpu_x86_cpuid(X86CPU *cpu, uint32_t leaf, uint32_t sub, uint32_t ret[4]);
/** cpu_x86_msr: where a register that is only storage is kept; NULL: it is more than that, or not there. */
uint64_t *cpu_x86_msr(X86CPU *cpu, uint32_t n);

#endif
