/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Stores single bytes into the CFI flash for ever, with the byte program command, and erases a block when it
 * comes round. Prints a line at the start and one dot per pass over 1 KiB.
 *
 * The flash is -drive if=pflash,unit=1, mapped by the machine right below unit 0, which holds this program.
 * Only the 4 KiB right below the firmware are used, so any size of flash will do.
 */
#include "lib/guest.inc"

    .set FLASH, 0xffff0000 - 4096   /* below a 64 KiB firmware */
    .set PASS, 1024

    .globl guest_main
guest_main:
    mov $FLASH, %ebx
    mov %rbx, %rdi
    call flash_probe
    jnc 1f
    PUTS "pflash-writer: no flash\n"
    mov $1, %eax
    ret
1:
    PUTS "pflash-writer: start\n"
again:
    mov %rbx, %rdi
    call flash_erase
    jc failed
    xor %ecx, %ecx
next:
    lea (%rbx,%rcx), %rdi
    mov %cl, %al
    call flash_program
    jc failed
    cmp (%rdi), %al
    jne failed
    inc %ecx
    cmp $PASS, %ecx
    jne next
    mov $'.', %al
    call serial_putc
    jmp again
failed:
    PUTS "pflash-writer: flash error\n"
    mov $1, %eax
    ret
