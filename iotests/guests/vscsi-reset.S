/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fills some memory, starts a virtio-scsi controller and resets the machine, a few times, and halts. The controller is
 * running when the reset comes.
 */
#include "lib/guest.inc"

    .set FIRST_PAGE, 0x100000
    .set PAGES, 1100                /* more than a snapshot's write buffer holds */
    .set BOOTS, 0x80000             /* counted from 0 over resets */
    .set DELAY, 25000
    .set RESETS, 4

    .globl guest_main
guest_main:
    mov $FIRST_PAGE, %edi
    mov $PAGES, %ecx
1:
    movl %ecx, (%rdi)
    add $4096, %rdi
    dec %ecx
    jnz 1b
    call scsi_init
    jc failed
    mov $DELAY, %ecx
2:
    pause
    dec %ecx
    jnz 2b
    mov $BOOTS, %ebx
    incl (%rbx)
    cmpl $RESETS, (%rbx)
    ja 3f
    mov $0xfe, %al
    out %al, $0x64                  /* keyboard controller: pulse the reset line */
3:
    cli
    hlt
    jmp 3b
failed:
    PUTS "vscsi-reset: no controller\n"
    mov $1, %eax
    ret
