/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fills some memory, then starts and resets a virtio-scsi controller a few times, as a driver does that probes it, and
 * halts. The first boot ends in a machine reset, whose event tells a client that the rest has begun.
 */
#include "lib/guest.inc"

    .set FIRST_PAGE, 0x100000
    .set PAGES, 1100                /* more than a snapshot's write buffer holds */
    .set BEEN_HERE, 0x80000         /* keeps its content over a reset */
    .set DELAY, 200
    .set RESTARTS, 4

    .globl guest_main
guest_main:
    mov $FIRST_PAGE, %edi
    mov $PAGES, %ecx
1:
    movl %ecx, (%rdi)
    add $4096, %rdi
    dec %ecx
    jnz 1b
    mov $BEEN_HERE, %ebx
    cmpl $0x600d, (%rbx)
    je again
    movl $0x600d, (%rbx)
    mov $0xfe, %al
    out %al, $0x64                  /* keyboard controller: pulse the reset line */
2:
    hlt
    jmp 2b
again:
    mov $RESTARTS, %r12d
    call scsi_init
    jc failed
3:
    mov $DELAY, %ecx
4:
    pause
    dec %ecx
    jnz 4b
    call scsi_restart
    jc failed
    dec %r12d
    jnz 3b
5:
    cli
    hlt
    jmp 5b
failed:
    PUTS "vscsi-init: no controller\n"
    mov $1, %eax
    ret
