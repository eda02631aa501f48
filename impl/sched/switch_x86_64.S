/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stack switch for x86-64, System V ABI.
 *
 * What a saved context keeps on its stack, from the saved stack pointer up:
 *   0 mxcsr (4 bytes), x87 control word (2 bytes), padding
 *   8 r15   16 r14   24 r13   32 r12   40 rbx   48 rbp   56 return address
 * switch.c builds the same frame for a context that never ran, and reads 48 and 56 to unwind.
 */
    .text

/*
 * SchedContext *sched_switch_asm(void **save_sp, void *load_sp, SchedContext *from): returns `from` on the other side.
 */
    .globl  sched_switch_asm
    .hidden sched_switch_asm
    .type   sched_switch_asm, @function
    .p2align 4
sched_switch_asm:
    pushq   %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    subq    $8, %rsp
    stmxcsr (%rsp)
    fnstcw  4(%rsp)
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    movq    %rdx, %rax
    ldmxcsr (%rsp)
    fldcw   4(%rsp)
    addq    $8, %rsp
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %rbx
    popq    %rbp
    retq
    .size   sched_switch_asm, . - sched_switch_asm

/* First entry of a context: r12 is the context, rax who came here, rbp zero (the end of the frame chain). */
    .globl  sched_switch_entry
    .hidden sched_switch_entry
    .type   sched_switch_entry, @function
    .p2align 4
sched_switch_entry:
    .cfi_startproc
    .cfi_undefined rip
    movq    %r12, %rdi
    movq    %rax, %rsi
    callq   sched_context_start
    ud2
    .cfi_endproc
    .size   sched_switch_entry, . - sched_switch_entry

    .section .note.GNU-stack, "", @progbits
