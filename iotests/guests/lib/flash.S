/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CFI01 (Intel command set) flash, 8 bits wide as the PC machine has it.
 *
 *   flash_probe      %rdi any address in it: carry set if there is none (asks for the CFI query string)
 *   flash_program    byte %al at %rdi: carry set on error
 *   flash_erase      the block that holds %rdi: carry set on error
 * All leave the flash in read-array mode and keep all registers.
 * Source: Intel "Common Flash Interface and Command Sets", JEDEC JEP137.
 */
    .set CMD_READ_ARRAY, 0xff
    .set CMD_QUERY, 0x98
    .set CMD_CLEAR_STATUS, 0x50
    .set CMD_PROGRAM, 0x40
    .set CMD_ERASE, 0x20
    .set CMD_CONFIRM, 0xd0
    .set STATUS_READY, 0x80
    .set STATUS_ERRORS, 0x3a

    .text
    .globl flash_probe, flash_program, flash_erase

flash_probe:
    push %rax
    push %rcx
    push %rdi
    and $-4096, %rdi
    mov 0x10(%rdi), %cl
    movb $CMD_QUERY, (%rdi)
    mov 0x10(%rdi), %al
    movb $CMD_READ_ARRAY, (%rdi)
    cmp %al, %cl
    je 1f                           /* RAM, ROM or nothing: a query changed nothing */
    cmp $'Q', %al
    jne 1f
    clc
    jmp 2f
1:
    stc
2:
    pop %rdi
    pop %rcx
    pop %rax
    ret

flash_program:
    movb $CMD_PROGRAM, (%rdi)
    mov %al, (%rdi)
    jmp wait_ready

flash_erase:
    movb $CMD_ERASE, (%rdi)
    movb $CMD_CONFIRM, (%rdi)
    /* fall through */

wait_ready:
    push %rax
1:
    mov (%rdi), %al
    test $STATUS_READY, %al
    jz 1b
    test $STATUS_ERRORS, %al
    jnz 2f
    movb $CMD_READ_ARRAY, (%rdi)
    clc
    pop %rax
    ret
2:
    movb $CMD_CLEAR_STATUS, (%rdi)
    movb $CMD_READ_ARRAY, (%rdi)
    stc
    pop %rax
    ret
