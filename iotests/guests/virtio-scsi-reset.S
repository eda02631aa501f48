/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets a virtio-scsi controller by writing 0 to its status register, and brings it up again.
 *
 * Initialises the controller and prints "virtio-scsi-reset: ready". Then obeys bytes from the serial port:
 *   r   reset and start again          w   write one block, leave the request in flight
 *   i   w and r: reset with a request in flight
 *   l   reset for ever, a dot each time
 *   q   end with value 0
 * Every command but l prints "done <letter>".
 */
#include "lib/guest.inc"

    .set BUF, 0x90000

    .globl guest_main
guest_main:
    call scsi_init
    jc no_device
    PUTS "virtio-scsi-reset: ready\n"
again:
    call serial_getc
    mov %al, %r12b
    cmp $'q', %al
    je quit
    cmp $'l', %al
    je loop_resets
    cmp $'r', %al
    je 2f
    cmp $'w', %al
    je 1f
    cmp $'i', %al
    jne again
1:
    call write_one
    cmp $'w', %r12b
    je 3f
2:
    call scsi_restart
    jc no_device
3:
    PUTS "done "
    mov %r12b, %al
    call serial_putc
    PUTS "\n"
    jmp again
loop_resets:
    call scsi_restart
    jc no_device
    mov $'.', %al
    call serial_putc
    jmp loop_resets
quit:
    xor %eax, %eax
    ret
no_device:
    PUTS "virtio-scsi-reset: no device\n"
    mov $1, %eax
    ret

/* WRITE(10) of block 0, not waited for. */
write_one:
    movq $0, scsi_cdb
    movq $0, scsi_cdb + 8
    movb $0x2a, scsi_cdb
    movb $1, scsi_cdb + 8
    mov $BUF, %esi
    mov $512, %ecx
    mov $1, %edx
    jmp scsi_submit
