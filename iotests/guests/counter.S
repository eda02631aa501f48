/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Dirties RAM for ever and keeps a checksum of it, for migration and snapshots: if a page is lost or stale, or
 * a register differs, the next pass says so.
 *
 * The pages are 15 below 0x9f000 and 64 from 1 MiB on, so the machine needs 2 MiB.
 * Every pass adds 1 to a quadword in every 512 bytes and checks it against what the pass number predicts.
 * Prints "counter: start", then the pass number every 256 passes; a mismatch ends with value 1.
 */
#include "lib/guest.inc"

    .set LOW, 0x90000
    .set LOW_PAGES, 15
    .set HIGH, 0x100000
    .set HIGH_PAGES, 64
    .set STRIDE, 512

    .globl guest_main
guest_main:
    PUTS "counter: start\n"
    xor %r12d, %r12d                /* passes done */
pass:
    mov $LOW, %edi
    mov $LOW_PAGES * 4096 / STRIDE, %ecx
    call touch
    jne mismatch
    mov $HIGH, %edi
    mov $HIGH_PAGES * 4096 / STRIDE, %ecx
    call touch
    jne mismatch
    inc %r12
    test $0xff, %r12b
    jnz pass
    PUTS "counter: "
    mov %r12, %rax
    call serial_dec
    PUTS "\n"
    jmp pass
mismatch:
    PUTS "counter: mismatch at "
    mov %rdi, %rax
    call serial_hex
    PUTS " is "
    mov (%rdi), %rax
    call serial_hex
    PUTS " pass "
    mov %r12, %rax
    call serial_hex
    PUTS "\n"
    mov $1, %eax
    ret

/* %ecx places from %rdi on hold pass + place * 2^32; add one to each. Not equal on a mismatch. */
touch:
    test %r12, %r12
    jnz 1f
    call seed
1:
    mov %rdi, %rdx
    shl $32, %rdx
    lea (%r12,%rdx), %rax
    cmp %rax, (%rdi)
    jne 2f
    incq (%rdi)
    add $STRIDE, %rdi
    dec %ecx
    jnz 1b
2:
    ret

/* First pass: give every place its start value. */
seed:
    push %rdi
    push %rcx
1:
    mov %rdi, %rdx
    shl $32, %rdx
    mov %rdx, (%rdi)
    add $STRIDE, %rdi
    dec %ecx
    jnz 1b
    pop %rcx
    pop %rdi
    ret
