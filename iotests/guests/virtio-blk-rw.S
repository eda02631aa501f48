/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes a pattern to the first virtio-blk disk (1 MiB, in requests of 4 KiB), reads it back, compares, flushes.
 * Ends with value 0, or 1 on the first error.
 */
#include "lib/guest.inc"

    .set OUT_BUF, 0x90000
    .set IN_BUF, 0x98000
    .set COUNT, 256
    .set SECTORS, 8                 /* per request */

    .bss
    .balign 16
header:
    .skip 16
status:
    .skip 8

    .text
    .globl guest_main
guest_main:
    mov $0x1042, %eax
    mov $0x1001, %edx
    call virtio_find
    jc no_device
    call virtio_start
    jc no_device
    xor %edi, %edi
    call virtio_queue
    call virtio_ready
    mov virtio_device, %rax
    mov (%rax), %rax
    PUTS "virtio-blk: sectors "
    mov virtio_device, %rax
    mov (%rax), %rax
    call serial_dec
    PUTS "\n"

    xor %r12d, %r12d
1:
    call fill
    mov $1, %eax                    /* OUT */
    mov $OUT_BUF, %esi
    call request
    jc failed
    inc %r12d
    cmp $COUNT, %r12d
    jne 1b
    PUTS "virtio-blk: written\n"
    mov $4, %eax                    /* FLUSH */
    call request
    jc failed
    PUTS "virtio-blk: flushed\n"
    xor %r12d, %r12d
2:
    call fill
    xor %eax, %eax                  /* IN */
    mov $IN_BUF, %esi
    call request
    jc failed
    mov $OUT_BUF, %esi
    mov $IN_BUF, %edi
    mov $SECTORS * 512, %ecx
    repe cmpsb
    jne failed
    inc %r12d
    cmp $COUNT, %r12d
    jne 2b
    PUTS "virtio-blk: verified\n"
    xor %eax, %eax
    ret
no_device:
    PUTS "virtio-blk: no device\n"
    mov $1, %eax
    ret
failed:
    PUTS "virtio-blk: error in request "
    mov %r12, %rax
    call serial_dec
    PUTS " status "
    mov status, %rax
    call serial_hex
    PUTS "\n"
    mov $1, %eax
    ret

/* The contents of chunk r12: its number in every word, plus the offset. */
fill:
    mov $OUT_BUF, %edi
    mov %r12, %rax
    shl $32, %rax
    mov $SECTORS * 64, %ecx
1:
    stosq
    inc %eax
    loop 1b
    ret

/* Request of type %eax for chunk r12 with the buffer at %rsi; carry set on error. */
request:
    mov %eax, header
    movl $0, header + 4
    mov %r12, %rcx
    shl $3, %rcx
    mov %rcx, header + 8
    movb $0xff, status
    push %rax
    push %rsi
    xor %edi, %edi
    call vq_begin
    mov $header, %esi
    mov $16, %ecx
    call vq_out
    pop %rsi
    pop %rax
    mov $SECTORS * 512, %ecx
    cmp $4, %eax
    je 2f
    cmp $1, %eax
    jne 1f
    call vq_out
    jmp 2f
1:
    call vq_in
2:
    mov $status, %esi
    mov $1, %ecx
    call vq_in
    call vq_submit
    call vq_wait
    cmpb $0, status
    je 3f
    stc
3:
    ret
