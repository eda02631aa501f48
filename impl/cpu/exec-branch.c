/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Near and far control transfers, software interrupts, fast system calls.
 * Source: SDM volume 2; AMD APM volume 3 for syscall and sysret.
 */
#include "cpu/flags.h"
#include "cpu/ops.h"
#include "cpu/seg.h"

int cpu_jump(X86CPU *cpu, uint64_t target)
{
    if (G_UNLIKELY(cpu_code64(cpu) ? !is_canonical(target) : target > cpu->segs[R_CS].limit)) {
        return cpu_gp0(cpu);
    }
    cpu->rip = target;
    return RET_JUMP;
}

/* Relative targets wrap at the operand size. */
static uint64_t rel_target(const X86CPU *cpu, const Insn *in)
{
    return (insn_next_rip(cpu, in) + (uint64_t)in->imm) & size_bits_mask(in->size);
}

int op_jcc(X86CPU *cpu, const Insn *in)
{
    if (!cc_test(cpu, in->aux)) {
        cpu->rip = insn_next_rip(cpu, in);
        return RET_JUMP;
    }
    return cpu_jump(cpu, rel_target(cpu, in));
}

int op_jmp_rel(X86CPU *cpu, const Insn *in)
{
    return cpu_jump(cpu, rel_target(cpu, in));
}

int op_jmp_rm(X86CPU *cpu, const Insn *in)
{
    uint64_t target;

    if (insn_load_rm(cpu, in, in->size, &target) < 0) {
        return RET_FAULT;
    }
    return cpu_jump(cpu, target);
}

static int call_near(X86CPU *cpu, const Insn *in, uint64_t target)
{
    uint64_t rip = cpu->rip;

    if (cpu_jump(cpu, target) < 0) {
        return RET_FAULT;
    }
    if (cpu_push(cpu, in->size, insn_next_rip(cpu, in)) < 0) {
        cpu->rip = rip;
        return RET_FAULT;
    }
    return RET_JUMP;
}

int op_call_rel(X86CPU *cpu, const Insn *in)
{
    return call_near(cpu, in, rel_target(cpu, in));
}

int op_call_rm(X86CPU *cpu, const Insn *in)
{
    uint64_t target;

    if (insn_load_rm(cpu, in, in->size, &target) < 0) {
        return RET_FAULT;
    }
    return call_near(cpu, in, target);
}

int op_ret(X86CPU *cpu, const Insn *in)
{
    uint64_t start = cpu->regs[R_ESP], target;

    if (cpu_pop(cpu, in->size, &target) < 0) {
        return RET_FAULT;
    }
    if (cpu_jump(cpu, target) < 0) {
        cpu->regs[R_ESP] = start;
        return RET_FAULT;
    }
    set_rsp(cpu, cpu->regs[R_ESP] + (uint64_t)in->imm);
    return RET_JUMP;
}

/* loop, loope, loopne: aux is 2, 1, 0 as the opcodes have it reversed; the counter has the address size. */
int op_loop(X86CPU *cpu, const Insn *in)
{
    uint64_t mask = UINT64_MAX >> in->ashift;
    uint64_t count = (cpu->regs[R_ECX] - 1) & mask;
    bool taken = count != 0;

    if (in->aux != 2) {
        taken = taken && cc_test(cpu, in->aux == 1 ? 4 : 5);
    }
    if (taken && cpu_jump(cpu, rel_target(cpu, in)) < 0) {
        return RET_FAULT;
    }
    if (!taken) {
        cpu->rip = insn_next_rip(cpu, in);
    }
    reg_wr(cpu, R_ECX * 8, (64u - in->ashift) / 8, count);
    return RET_JUMP;
}

int op_jcxz(X86CPU *cpu, const Insn *in)
{
    if (cpu->regs[R_ECX] << in->ashift) {
        cpu->rip = insn_next_rip(cpu, in);
        return RET_JUMP;
    }
    return cpu_jump(cpu, rel_target(cpu, in));
}

/* ---- Far: the direct forms carry the selector in disp ---- */

int op_jmp_far(X86CPU *cpu, const Insn *in)
{
    return far_jmp(cpu, (uint32_t)in->disp, (uint64_t)in->imm, in->size, insn_next_rip(cpu, in));
}

int op_call_far(X86CPU *cpu, const Insn *in)
{
    return far_call(cpu, (uint32_t)in->disp, (uint64_t)in->imm, in->size, insn_next_rip(cpu, in));
}

static int load_far_pointer(X86CPU *cpu, const Insn *in, uint64_t *off, uint64_t *sel)
{
    uint64_t ea = insn_ea(cpu, in);

    if (cpu_ld(cpu, in->seg, ea, in->size, off) < 0) {
        return RET_FAULT;
    }
    return cpu_ld(cpu, in->seg, (ea + in->size) << in->ashift >> in->ashift, 2, sel);
}

int op_jmp_far_m(X86CPU *cpu, const Insn *in)
{
    uint64_t off, sel;

    if (load_far_pointer(cpu, in, &off, &sel) < 0) {
        return RET_FAULT;
    }
    return far_jmp(cpu, (uint32_t)sel, off, in->size, insn_next_rip(cpu, in));
}

int op_call_far_m(X86CPU *cpu, const Insn *in)
{
    uint64_t off, sel;

    if (load_far_pointer(cpu, in, &off, &sel) < 0) {
        return RET_FAULT;
    }
    return far_call(cpu, (uint32_t)sel, off, in->size, insn_next_rip(cpu, in));
}

int op_ret_far(X86CPU *cpu, const Insn *in)
{
    return far_ret(cpu, in->size, (unsigned)in->imm);
}

int op_iret(X86CPU *cpu, const Insn *in)
{
    return far_iret(cpu, in->size, insn_next_rip(cpu, in));
}

/* ---- Software interrupts ---- */

static int software_int(X86CPU *cpu, const Insn *in, int vector, IntKind kind)
{
    int r = int_deliver(cpu, vector, kind, false, 0, insn_next_rip(cpu, in));

    return r < 0 ? r : RET_JUMP;
}

int op_int(X86CPU *cpu, const Insn *in)
{
    if ((cpu->eflags & FLAG_VM) && cpu_iopl(cpu) < 3) {
        return cpu_gp0(cpu);   /* int3 and into are not asked */
    }
    return software_int(cpu, in, (int)(in->imm & 0xff), INT_SOFTWARE);
}

int op_int3(X86CPU *cpu, const Insn *in)
{
    return software_int(cpu, in, EXC_BP, INT_SOFTWARE);
}

int op_int1(X86CPU *cpu, const Insn *in)
{
    return software_int(cpu, in, EXC_DB, INT_ICEBP);
}

int op_into(X86CPU *cpu, const Insn *in)
{
    if (!(cc_compute(cpu) & FLAG_OF)) {
        return RET_NEXT;
    }
    return software_int(cpu, in, EXC_OF, INT_SOFTWARE);
}

int op_bound(X86CPU *cpu, const Insn *in)
{
    int64_t index = sign_extend(reg_rd(cpu, in->rd, in->size), in->size);
    uint64_t ea = insn_ea(cpu, in), lo, hi;

    if (cpu_ld(cpu, in->seg, ea, in->size, &lo) < 0 || cpu_ld(cpu, in->seg, ea + in->size, in->size, &hi) < 0) {
        return RET_FAULT;
    }
    if (index < sign_extend(lo, in->size) || index > sign_extend(hi, in->size)) {
        return cpu_raise(cpu, EXC_BR);
    }
    return RET_NEXT;
}

/* ---- Fast system calls ---- */

static SegmentCache flat_segment(uint32_t selector, bool code, bool code64, unsigned dpl)
{
    return (SegmentCache){
        .selector = selector & 0xffff,
        .limit = 0xffffffffu,
        .flags = DESC_G | DESC_P | DESC_S | DESC_A | DESC_W | dpl << DESC_DPL_SHIFT |
                 (code ? DESC_CS | DESC_R : 0) | (code64 ? DESC_L : DESC_B),
    };
}

static void enter_flat(X86CPU *cpu, uint32_t cs, uint32_t ss, bool code64, unsigned cpl)
{
    cpu->segs[R_CS] = flat_segment(cs, true, code64, cpl);
    cpu->segs[R_SS] = flat_segment(ss, false, false, cpl);
    cpu->cpl = (uint8_t)cpl;
    cpu_update_mode(cpu);
}

int op_syscall(X86CPU *cpu, const Insn *in)
{
    uint32_t cs = (uint32_t)(cpu->star >> 32) & 0xfffc;
    uint64_t next = insn_next_rip(cpu, in);

    if (!(cpu->efer & EFER_SCE)) {
        return cpu_raise(cpu, EXC_UD);
    }
    if (!cpu_long(cpu)) {
        cpu->regs[R_ECX] = (uint32_t)next;
        cpu->eflags &= ~(FLAG_IF | FLAG_RF | FLAG_VM);
        enter_flat(cpu, cs, cs + 8, false, 0);
        cpu->rip = (uint32_t)cpu->star;
        return RET_JUMP;
    }
    cpu->regs[R_ECX] = next;
    cpu->regs[R_R11] = cpu_x86_get_rflags(cpu) & ~(uint64_t)FLAG_RF;
    cpu->rip = cpu_code64(cpu) ? cpu->lstar : cpu->cstar;
    cpu_x86_set_rflags(cpu, (cpu->regs[R_R11] & ~(cpu->fmask | FLAG_RF)) | 2);
    enter_flat(cpu, cs, cs + 8, true, 0);
    return RET_JUMP;
}

int op_sysret(X86CPU *cpu, const Insn *in)
{
    uint32_t base = (uint32_t)(cpu->star >> 48);
    bool to64 = in->size == 8;

    if (!(cpu->efer & EFER_SCE)) {
        return cpu_raise(cpu, EXC_UD);
    }
    if (cpu->cpl != 0 || !cpu_protected(cpu)) {
        return cpu_gp0(cpu);
    }
    if (to64 && !is_canonical(cpu->regs[R_ECX])) {
        return cpu_gp0(cpu);
    }
    if (cpu_long(cpu)) {
        uint64_t keep = FLAGS_ARITH | FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_AC | FLAG_ID | FLAG_VIF |
                        FLAG_VIP;

        cpu_x86_set_rflags(cpu, (cpu->regs[R_R11] & keep) | 2);
    } else {
        cpu->eflags |= FLAG_IF;
    }
    enter_flat(cpu, ((to64 ? base + 16 : base) & 0xfffc) | 3, ((base + 8) & 0xfffc) | 3, to64, 3);
    cpu->rip = to64 ? cpu->regs[R_ECX] : (uint32_t)cpu->regs[R_ECX];
    return RET_JUMP;
}

int op_sysenter(X86CPU *cpu, const Insn *in)
{
    uint32_t cs = (uint32_t)cpu->sysenter_cs & 0xfffc;

    if (!cpu_protected(cpu) || !cs) {
        return cpu_gp0(cpu);
    }
    cpu->eflags &= ~(FLAG_IF | FLAG_VM | FLAG_RF);
    enter_flat(cpu, cs, cs + 8, cpu_long(cpu), 0);
    cpu->regs[R_ESP] = cpu->sysenter_esp & cpu->lin_mask;
    cpu->rip = cpu->sysenter_eip & cpu->lin_mask;
    return RET_JUMP;
}

int op_sysexit(X86CPU *cpu, const Insn *in)
{
    uint32_t cs = (uint32_t)cpu->sysenter_cs & 0xfffc;
    bool to64 = in->size == 8;

    if (!cpu_protected(cpu) || cpu->cpl != 0 || !cs) {
        return cpu_gp0(cpu);
    }
    if (to64 && (!is_canonical(cpu->regs[R_ECX]) || !is_canonical(cpu->regs[R_EDX]))) {
        return cpu_gp0(cpu);
    }
    enter_flat(cpu, (cs + (to64 ? 32 : 16)) | 3, (cs + (to64 ? 40 : 24)) | 3, to64, 3);
    cpu->rip = cpu->regs[R_EDX] & cpu->lin_mask;
    cpu->regs[R_ESP] = cpu->regs[R_ECX] & cpu->lin_mask;
    return RET_JUMP;
}
