/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets the machine, each time another way, and tells the boots apart by a counter in RAM that survives resets:
 * first by the keyboard controller (0xfe to port 0x64) with A20 masked, which no reset vector outlives, then by port
 * 0xcf9, then by a triple fault; then ends with value 0. With a counter that is not plausible it starts over, so stale
 * RAM does no harm.
 */
#include "lib/guest.inc"

    .set MAGIC, 0x52455345
    .set WHERE, 0x9f000             /* above everything boot.S touches */
    .set LOW, 0x8000                /* code that goes on while bit 20 of every address is 0 */

    .globl guest_main
guest_main:
    cmpl $MAGIC, WHERE
    jne 1f
    cmpl $3, WHERE + 4
    jbe 2f
1:
    movl $MAGIC, WHERE
    movl $0, WHERE + 4
2:
    mov WHERE + 4, %eax
    incl WHERE + 4
    cmp $1, %eax
    je port_cf9
    cmp $2, %eax
    je triple
    cmp $3, %eax
    je done
    PUTS "reset: keyboard controller\n"
    lea by_keyboard(%rip), %rsi
    mov $LOW, %edi
    mov $(by_keyboard_end - by_keyboard), %ecx
    rep movsb
    mov $LOW, %eax
    jmp *%rax
by_keyboard:
    xor %eax, %eax
    out %al, $0x92
    mov $0xfe, %al
    out %al, $0x64
1:
    hlt
    jmp 1b
by_keyboard_end:
port_cf9:
    PUTS "reset: port cf9\n"
    mov $0xcf9, %dx
    mov $0x02, %al
    out %al, %dx
    mov $0x06, %al
    out %al, %dx
    jmp wait
triple:
    PUTS "reset: triple fault\n"
    push $0
    push $0
    lidt (%rsp)
    ud2
wait:
    cli
    hlt
    jmp wait
done:
    movl $0, WHERE
    PUTS "reset: done\n"
    xor %eax, %eax
    ret
