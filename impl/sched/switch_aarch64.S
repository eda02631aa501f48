/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stack switch for aarch64, AAPCS64.
 *
 * What a saved context keeps on its stack, from the saved stack pointer up:
 *   0 x29 (frame pointer)  8 x30 (return address)  16 x19 .. x28  96 d8 .. d15  160 fpcr  168 padding
 * switch.c builds the same frame for a context that never ran, and reads 0 and 8 to unwind.
 */
    .text

/*
 * SchedContext *sched_switch_asm(void **save_sp, void *load_sp, SchedContext *from): returns `from` on the other side.
 */
    .globl  sched_switch_asm
    .hidden sched_switch_asm
    .type   sched_switch_asm, %function
    .p2align 4
sched_switch_asm:
    stp     x29, x30, [sp, #-176]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    mrs     x9, fpcr
    str     x9, [sp, #160]
    mov     x9, sp
    str     x9, [x0]
    mov     sp, x1
    mov     x0, x2
    ldr     x9, [sp, #160]
    msr     fpcr, x9
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     d8, d9, [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    ldp     x29, x30, [sp], #176
    ret
    .size   sched_switch_asm, . - sched_switch_asm

/* First entry of a context: x19 is the context, x0 who came here, x29 zero (the end of the frame chain). */
    .globl  sched_switch_entry
    .hidden sched_switch_entry
    .type   sched_switch_entry, %function
    .p2align 4
sched_switch_entry:
    .cfi_startproc
    .cfi_undefined x30
    mov     x1, x0
    mov     x0, x19
    bl      sched_context_start
    brk     #0
    .cfi_endproc
    .size   sched_switch_entry, . - sched_switch_entry

    .section .note.GNU-stack, "", %progbits
