/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions that a program expects.
 *
 *   except_init      an IDT whose entries 0..31 record what came and go on at except_resume
 *   except_resume    8 bytes: where to go on; 0 means: print the exception and end the machine with value 2
 *   except_vector, except_error, except_rip, except_cs, except_rsp     what came last
 * The handler goes on in ring 0 with interrupts off and the stack as it was when except_stack was stored.
 */
    .bss
    .balign 16
idt:
    .skip 256 * 16
    .globl except_resume, except_vector, except_error, except_rip, except_cs, except_rsp, except_stack, idt
except_resume:
    .skip 8
except_stack:
    .skip 8
except_vector:
    .skip 8
except_error:
    .skip 8
except_rip:
    .skip 8
except_cs:
    .skip 8
except_rsp:
    .skip 8

    .text
    .code64
    .globl except_init, idt_set
except_init:
    lea stubs(%rip), %rsi
    xor %ecx, %ecx
1:
    mov %rsi, %rax
    call idt_set
    add $16, %rsi
    inc %ecx
    cmp $32, %ecx
    jne 1b
    lidt idt_pointer(%rip)
    ret

/* idt_set: interrupt gate %ecx leads to %rax in the boot code segment. Keeps all registers. */
idt_set:
    push %rdx
    push %rcx
    shl $4, %ecx
    mov %ax, idt(%rcx)
    movw $0x18, idt + 2(%rcx)
    movw $0x8e00, idt + 4(%rcx)
    mov %rax, %rdx
    shr $16, %rdx
    mov %dx, idt + 6(%rcx)
    shr $16, %rdx
    mov %edx, idt + 8(%rcx)
    movl $0, idt + 12(%rcx)
    pop %rcx
    pop %rdx
    ret

    .balign 16
stubs:
    .set vec, 0
    .rept 32
    .balign 16
    .if (1 << vec) & 0x60227d00         /* these push an error code */
    .else
    push $0
    .endif
    push $vec
    jmp caught
    .set vec, vec + 1
    .endr

caught:
    push %rax
    mov 8(%rsp), %rax
    mov %rax, except_vector
    mov 16(%rsp), %rax
    mov %rax, except_error
    mov 24(%rsp), %rax
    mov %rax, except_rip
    mov 32(%rsp), %rax
    mov %rax, except_cs
    mov 48(%rsp), %rax
    mov %rax, except_rsp
    pop %rax
    cmpq $0, except_resume
    je unexpected
    mov except_stack, %rsp
    push except_resume
    movq $0, except_resume
    ret

unexpected:
    lea 9f(%rip), %rsi
    call serial_puts
    mov except_vector, %rax
    call serial_dec
    mov $' ', %al
    call serial_putc
    mov except_error, %rax
    call serial_hex32
    mov $' ', %al
    call serial_putc
    mov except_rip, %rax
    call serial_hex
    mov $10, %al
    call serial_putc
    mov $2, %eax
    jmp guest_exit

    .balign 8
idt_pointer:
    .word 256 * 16 - 1
    .quad idt
9:
    .asciz "unexpected exception "
