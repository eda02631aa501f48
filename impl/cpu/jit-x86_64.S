/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Into translated code and out of it. See jit-abi.h for the registers.
 *
 * jit_exit, jit_exit_at, jit_lookup and jit_call_slow are reached from translated code only; its stack is aligned to 16
 * bytes and holds what jit_enter pushed.
 */
#include "cpu/jit-abi.h"

#define F(name) (JIT_CPU_##name - JIT_BIAS)(%rbx)
#define REG(n) ((n) * 8 - JIT_BIAS)(%rbx)

    .text

.macro spill_volatile
    mov     %r8, REG(0)
    mov     %r9, REG(1)
    mov     %r10, REG(2)
    mov     %rsi, REG(6)
    mov     %rdi, REG(7)
    mov     %r11, REG(8)
.endm

.macro load_volatile
    mov     REG(0), %r8
    mov     REG(1), %r9
    mov     REG(2), %r10
    mov     REG(6), %rsi
    mov     REG(7), %rdi
    mov     REG(8), %r11
.endm

.macro spill_all
    spill_volatile
    mov     %r12, REG(3)
    mov     %r13, REG(4)
    mov     %r14, REG(5)
    mov     %r15, REG(12)
.endm

.macro load_all
    load_volatile
    mov     REG(3), %r12
    mov     REG(4), %r13
    mov     REG(5), %r14
    mov     REG(12), %r15
.endm

/* int jit_enter(X86CPU *cpu, const uint8_t *code) */
    .globl  jit_enter
    .hidden jit_enter
    .type   jit_enter, @function
jit_enter:
    push    %rbp
    mov     %rsp, %rbp
    push    %rbx
    push    %r12
    push    %r13
    push    %r14
    push    %r15
    sub     $8, %rsp
    lea     JIT_BIAS(%rdi), %rbx
    mov     %rsi, %rax
    load_all
    jmp     *%rax

/* Leave: rax is the offset in the page where the guest goes on. */
    .globl  jit_exit_at
    .hidden jit_exit_at
jit_exit_at:
    add     F(PAGE), %rax
    mov     %rax, F(RIP)
    xor     %eax, %eax

/* Leave: eax is JIT_*. */
    .globl  jit_exit
    .hidden jit_exit
jit_exit:
    spill_all
1:  add     $8, %rsp
    pop     %r15
    pop     %r14
    pop     %r13
    pop     %r12
    pop     %rbx
    pop     %rbp
    ret

/* Execute one instruction by its handler: rax is the Insn. */
    .globl  jit_call_slow
    .hidden jit_call_slow
jit_call_slow:
    spill_all
    lea     -JIT_BIAS(%rbx), %rdi
    mov     %rax, %rsi
    sub     $8, %rsp
    call    jit_slow
    add     $8, %rsp
    test    %eax, %eax
    js      2f
    add     $8, %rsp          /* not back to the block */
    jmp     1b
2:  load_all
    ret

/* The value of condition eax, as 0 or 1 in eax; the carry flag likewise; all flags in eax. */
    .globl  jit_call_cond
    .hidden jit_call_cond
jit_call_cond:
    spill_volatile
    lea     -JIT_BIAS(%rbx), %rdi
    mov     %eax, %esi
    sub     $8, %rsp
    call    cc_test
    add     $8, %rsp
    movzbl  %al, %eax
    load_volatile
    ret

    .globl  jit_call_carry
    .hidden jit_call_carry
jit_call_carry:
    spill_volatile
    lea     -JIT_BIAS(%rbx), %rdi
    sub     $8, %rsp
    call    cc_carry
    add     $8, %rsp
    movzbl  %al, %eax
    load_volatile
    ret

    .globl  jit_call_flags
    .hidden jit_call_flags
jit_call_flags:
    spill_volatile
    lea     -JIT_BIAS(%rbx), %rdi
    sub     $8, %rsp
    call    cc_compute
    add     $8, %rsp
    load_volatile
    ret

/*
 * Where to jump to for going on at rax, the guest's rip: rdx is its translated code if there is any, else the way out.
 * As code_enter_page() and code_find() of code.h. Called, so that each place has a jump of its own to be predicted.
 */
    .globl  jit_lookup
    .hidden jit_lookup
jit_lookup:
    mov     %rax, F(RIP)
    mov     %rax, %rdx
    and     $-4096, %rdx
    cmp     F(FETCH_LIN), %rdx
    je      1f
    mov     %eax, %ecx
    shr     $(12 - JIT_TLB_SHIFT), %ecx
    and     $(JIT_TLB_MASK << JIT_TLB_SHIFT), %ecx
    add     F(TLB), %rcx
    add     $JIT_TLB_OF_CODE, %rcx
    cmp     JIT_TLB_EXEC(%rcx), %rdx
    jne     9f
    mov     %rdx, F(FETCH_LIN)
    mov     JIT_TLB_PHYS(%rcx), %rdx
    mov     %rdx, F(FETCH_PHYS)
    mov     JIT_TLB_ADDEND(%rcx), %rdx
    mov     %rdx, F(FETCH_ADDEND)
1:  mov     F(FETCH_ADDEND), %rdx
    add     %rax, %rdx
    mov     %rdx, %rcx
    shr     $9, %rcx
    xor     %edx, %ecx
    and     $JIT_JUMP_MASK, %ecx
    shl     $JIT_JUMP_SET_SHIFT, %ecx
    add     F(JUMP_CACHE), %rcx
    cmp     JIT_JUMP_HOST(%rcx), %rdx
    je      2f
    add     $JIT_JUMP_SIZE, %rcx
    cmp     JIT_JUMP_HOST(%rcx), %rdx
    jne     9f
2:  mov     JIT_JUMP_DIRTY(%rcx), %rdx
    testb   $2, (%rdx)
    jnz     9f
    mov     JIT_JUMP_GEN(%rcx), %rdx
    mov     (%rdx), %edx
    cmp     JIT_JUMP_SEEN(%rcx), %edx
    jne     9f
    mov     JIT_JUMP_ENTRY(%rcx), %rdx
    test    %rdx, %rdx
    jz      9f
    and     $-4096, %rax
    mov     %rax, F(PAGE)
    ret
9:  lea     8f(%rip), %rdx
    ret
8:  xor     %eax, %eax
    jmp     jit_exit

    .section .note.GNU-stack, "", @progbits
