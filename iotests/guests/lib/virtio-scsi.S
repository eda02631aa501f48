/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-scsi on top of virtio.S: target 0, LUN 0, request queue 2.
 *
 *   scsi_init        find the controller, bring it up; carry set on error
 *   scsi_restart     status up to DRIVER_OK again after a reset; carry set on error
 *   scsi_cdb         16 bytes: the command of the next request
 *   scsi_submit      %rsi data address, %ecx length, %edx 0 none, 1 to the device, 2 from it; does not wait
 *   scsi_do          scsi_submit, then wait; carry set unless status and response are 0
 *   scsi_rw10        %al 0x28 (read) or 0x2a (write), %edi block, %rsi buffer, %ecx blocks of 512 bytes
 * Source: VIRTIO 1.1, section 5.6; SBC-3 for READ(10) and WRITE(10).
 */
    .set REQ_SIZE, 51
    .set RESP_SIZE, 108

    .bss
    .balign 64
req:
    .skip 64
resp:
    .skip 128
    .globl scsi_cdb, scsi_resp
    .set scsi_cdb, req + 19
    .set scsi_resp, resp

    .text
    .globl scsi_init, scsi_restart, scsi_submit, scsi_do, scsi_rw10
scsi_init:
    push %rdx
    mov $0x1048, %eax
    mov $0x1004, %edx
    call virtio_find
    pop %rdx
    jc 1f
    jmp scsi_restart
1:
    ret

scsi_restart:
    push %rdi
    call virtio_start
    jc 1f
    xor %edi, %edi
    call virtio_queue
    inc %edi
    call virtio_queue
    inc %edi
    call virtio_queue
    call virtio_ready
    movb $1, req                    /* LUN: 1, target, 0x40 | lun >> 8, lun */
    movb $0, req + 1
    movb $0x40, req + 2
    clc
1:
    pop %rdi
    ret

scsi_submit:
    push %rsi
    push %rcx
    push %rdi
    mov $2, %edi
    call vq_begin
    push %rsi
    push %rcx
    mov $req, %esi
    mov $REQ_SIZE, %ecx
    call vq_out
    pop %rcx
    pop %rsi
    cmp $1, %edx
    jne 1f
    call vq_out
1:
    push %rsi
    push %rcx
    mov $resp, %esi
    mov $RESP_SIZE, %ecx
    call vq_in
    pop %rcx
    pop %rsi
    cmp $2, %edx
    jne 1f
    call vq_in
1:
    movb $0xff, resp + 11
    call vq_submit
    pop %rdi
    pop %rcx
    pop %rsi
    ret

scsi_do:
    push %rdi
    call scsi_submit
    mov $2, %edi
    call vq_wait
    pop %rdi
    cmpw $0, resp + 10              /* status and response */
    je 1f
    stc
1:
    ret

scsi_rw10:
    push %rdx
    push %rcx
    movq $0, scsi_cdb
    movq $0, scsi_cdb + 8
    mov %al, scsi_cdb
    mov $1, %edx
    cmp $0x2a, %al
    je 1f
    inc %edx
1:
    mov %edi, %eax
    bswap %eax
    mov %eax, scsi_cdb + 2
    mov %cl, %ah
    mov %ch, %al
    mov %ax, scsi_cdb + 7
    shl $9, %ecx
    call scsi_do
    pop %rcx
    pop %rdx
    ret
