/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * COM1 at 0x3f8, polled. All registers but %rax are kept.
 *
 *   serial_putc      %al
 *   serial_puts      %rsi, zero-terminated
 *   serial_hex       %rax as 16 digits;  serial_hex32: %eax as 8
 *   serial_dec       %rax unsigned
 *   serial_getc      waits for a byte, returns it in %al
 *   serial_poll      %al and carry clear, or carry set if there is none
 * PUTS "text" prints a string literal.
 */
    .text
    .globl serial_init
serial_init:
    push %rdx
    mov $0x3f9, %dx
    xor %eax, %eax
    out %al, %dx                    /* no interrupts */
    mov $0x3fb, %dx
    mov $0x80, %al
    out %al, %dx
    mov $0x3f8, %dx
    mov $1, %al                     /* 115200 baud */
    out %al, %dx
    inc %dx
    xor %eax, %eax
    out %al, %dx
    mov $0x3fb, %dx
    mov $3, %al
    out %al, %dx
    mov $0x3fa, %dx
    mov $1, %al                     /* FIFO on */
    out %al, %dx
    mov $0x3fc, %dx
    mov $3, %al
    out %al, %dx
    pop %rdx
    ret

    .globl serial_putc
serial_putc:
    push %rdx
    push %rax
    mov $0x3fd, %dx
1:
    in %dx, %al
    test $0x20, %al
    jz 1b
    mov $0x3f8, %dx
    pop %rax
    out %al, %dx
    pop %rdx
    ret

    .globl serial_puts
serial_puts:
    push %rsi
1:
    lodsb
    test %al, %al
    jz 2f
    call serial_putc
    jmp 1b
2:
    pop %rsi
    ret

    .globl serial_hex, serial_hex32
serial_hex32:
    push %rcx
    shl $32, %rax
    mov $8, %ecx
    jmp hex_digits
serial_hex:
    push %rcx
    mov $16, %ecx
hex_digits:
    rol $4, %rax
    push %rax
    and $15, %al
    add $'0', %al
    cmp $'9', %al
    jbe 1f
    add $('a' - '0' - 10), %al
1:
    call serial_putc
    pop %rax
    loop hex_digits
    pop %rcx
    ret

    .globl serial_dec
serial_dec:
    push %rbx
    push %rcx
    push %rdx
    mov $10, %ebx
    xor %ecx, %ecx
1:
    xor %edx, %edx
    div %rbx
    push %rdx
    inc %ecx
    test %rax, %rax
    jnz 1b
2:
    pop %rax
    add $'0', %al
    call serial_putc
    loop 2b
    pop %rdx
    pop %rcx
    pop %rbx
    ret

    .globl serial_poll, serial_getc
serial_poll:
    push %rdx
    mov $0x3fd, %dx
    in %dx, %al
    test $1, %al
    jz 1f
    mov $0x3f8, %dx
    in %dx, %al
    pop %rdx
    clc
    ret
1:
    pop %rdx
    stc
    ret

serial_getc:
    call serial_poll
    jc serial_getc
    ret
