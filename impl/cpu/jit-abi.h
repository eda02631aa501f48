/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What translated code, its entry in assembly and C agree on: registers, and where fields are. For C and assembly.
 *
 * rbx is the processor plus 128, so that a byte reaches all that is hot. rbp stays the frame pointer of
 * the caller: stacks can be walked through translated code. rax, rcx, rdx are scratch. The others hold guest registers:
 *
 *     guest  rax rcx rdx rbx rsp rbp rsi rdi r8  r12      (the rest live in X86CPU)
 *     host   r8  r9  r10 r12 r13 r14 rsi rdi r11 r15
 */
#ifndef CPU_JIT_ABI_H
#define CPU_JIT_ABI_H

#define JIT_BIAS 128

/* Offsets in X86CPU; jit.c asserts that they hold. */
#define JIT_CPU_RIP 144
#define JIT_CPU_CC_OP 152
#define JIT_CPU_CC_DST 160
#define JIT_CPU_CC_SRC 168
#define JIT_CPU_CC_SRC2 176
#define JIT_CPU_EFLAGS 184
#define JIT_CPU_PENDING 192
#define JIT_CPU_RECHECK 196
#define JIT_CPU_FETCH_LIN 200
#define JIT_CPU_FETCH_ADDEND 208
#define JIT_CPU_JUMP_CACHE 216
#define JIT_CPU_LEFT 224
#define JIT_CPU_PAGE 232
#define JIT_CPU_TLB 240
#define JIT_CPU_TMP 248
#define JIT_CPU_LINK 256
#define JIT_CPU_FETCH_PHYS 264

/* In TlbEntry and JumpCacheEntry. */
#define JIT_TLB_READ 0
#define JIT_TLB_WRITE 8
#define JIT_TLB_EXEC 16
#define JIT_TLB_ADDEND 24
#define JIT_TLB_DIRTY 32
#define JIT_TLB_PHYS 40
#define JIT_TLB_SHIFT 6
#define JIT_TLB_MASK 0x3ff
#define JIT_TLB_OF_CODE 0x40000   /* bytes from the TLB of data to that of code */
#define JIT_JUMP_HOST 0
#define JIT_JUMP_ENTRY 16
#define JIT_JUMP_DIRTY 24
#define JIT_JUMP_GEN 32
#define JIT_JUMP_SEEN 40
#define JIT_JUMP_SIZE 64
#define JIT_JUMP_SET_SHIFT 7
#define JIT_JUMP_MASK 0x3fff   /* of sets, of two entries each */

/* Why translated code came back. */
#define JIT_EXIT 0
#define JIT_FAULT 1

#endif
