/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a pattern to the disk at target 0 of the first virtio-scsi controller (1 MiB, in requests of 4 KiB),
 * synchronizes the cache, reads back and compares. Ends with value 0, or 1 on the first error.
 */
#include "lib/guest.inc"

    .set OUT_BUF, 0x90000
    .set IN_BUF, 0x98000
    .set COUNT, 256
    .set BLOCKS, 8                  /* per request */

    .globl guest_main
guest_main:
    call scsi_init
    jc no_device
    /* TEST UNIT READY until the unit attention of power on is gone */
    mov $4, %ebp
1:
    movq $0, scsi_cdb
    movq $0, scsi_cdb + 8
    xor %edx, %edx
    call scsi_do
    jnc 2f
    dec %ebp
    jnz 1b
    jmp failed
2:
    movb $0x25, scsi_cdb            /* READ CAPACITY(10) */
    mov $IN_BUF, %esi
    mov $8, %ecx
    mov $2, %edx
    call scsi_do
    jc failed
    PUTS "virtio-scsi: last block "
    mov IN_BUF, %eax
    bswap %eax
    call serial_dec
    PUTS "\n"
    xor %r12d, %r12d
3:
    call fill
    lea (,%r12,BLOCKS), %edi
    mov $OUT_BUF, %esi
    mov $BLOCKS, %ecx
    mov $0x2a, %al
    call scsi_rw10
    jc failed
    inc %r12d
    cmp $COUNT, %r12d
    jne 3b
    PUTS "virtio-scsi: written\n"
    movq $0, scsi_cdb
    movq $0, scsi_cdb + 8
    movb $0x35, scsi_cdb            /* SYNCHRONIZE CACHE(10) */
    xor %edx, %edx
    call scsi_do
    jc failed
    PUTS "virtio-scsi: flushed\n"
    xor %r12d, %r12d
4:
    call fill
    lea (,%r12,BLOCKS), %edi
    mov $IN_BUF, %esi
    mov $BLOCKS, %ecx
    mov $0x28, %al
    call scsi_rw10
    jc failed
    mov $OUT_BUF, %esi
    mov $IN_BUF, %edi
    mov $BLOCKS * 512, %ecx
    repe cmpsb
    jne failed
    inc %r12d
    cmp $COUNT, %r12d
    jne 4b
    PUTS "virtio-scsi: verified\n"
    xor %eax, %eax
    ret
no_device:
    PUTS "virtio-scsi: no device\n"
    mov $1, %eax
    ret
failed:
    PUTS "virtio-scsi: error, status and response "
    movzwl scsi_resp + 10, %eax
    call serial_hex32
    PUTS "\n"
    mov $1, %eax
    ret

fill:
    mov $OUT_BUF, %edi
    mov %r12, %rax
    shl $32, %rax
    mov $BLOCKS * 64, %ecx
1:
    stosq
    inc %eax
    loop 1b
    ret
