/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI bus 0 through ports 0xcf8 and 0xcfc, and BAR assignment as firmware would do it.
 *
 *   pci_read32       %ebx device, %ecx offset -> %eax;   pci_write32: %eax
 *   pci_find         %eax = device id << 16 | vendor id -> %ebx device; carry set if there is none
 *   pci_enable       assign all BARs of %ebx, enable I/O, memory and bus mastering
 *   pci_bar          %ecx BAR number -> %rax its address
 * A device is 0x80000000 | slot << 11. Registers other than results are kept.
 * Source: PCI Local Bus Specification 3.0, 3.2.2.3.2 and 6.2.5.
 */
    .set PCI_MEM_START, 0xe0000000
    .set PCI_IO_START, 0xc000

    .bss
    .balign 8
pci_mem_next:
    .skip 8                         /* offset from the start, so that zero is right */
pci_io_next:
    .skip 8

    .text
    .globl pci_read32, pci_write32, pci_find, pci_enable, pci_bar
pci_read32:
    push %rdx
    mov %ebx, %eax
    or %ecx, %eax
    and $~3, %eax
    mov $0xcf8, %dx
    out %eax, %dx
    mov $0xcfc, %dx
    in %dx, %eax
    pop %rdx
    ret

pci_write32:
    push %rdx
    push %rax
    mov %ebx, %eax
    or %ecx, %eax
    and $~3, %eax
    mov $0xcf8, %dx
    out %eax, %dx
    mov $0xcfc, %dx
    pop %rax
    out %eax, %dx
    pop %rdx
    ret

pci_find:
    push %rcx
    push %rdx
    mov %eax, %edx
    mov $0x80000000, %ebx
    xor %ecx, %ecx
1:
    call pci_read32
    cmp %eax, %edx
    je 2f
    add $0x800, %ebx
    cmp $0x80010000, %ebx
    jne 1b
    stc
    jmp 3f
2:
    clc
3:
    pop %rdx
    pop %rcx
    ret

pci_enable:
    push %rax
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    mov $0x10, %ecx
1:
    mov $-1, %eax
    call pci_write32
    call pci_read32
    test %eax, %eax
    jz 4f
    mov %eax, %edx
    test $1, %al
    jnz 2f
    and $~15, %eax                  /* memory: size, then an address aligned to it */
    neg %eax
    mov %rax, %rdi
    mov pci_mem_next, %rsi
    lea -1(%rsi,%rdi), %rsi
    neg %rdi
    and %rdi, %rsi
    neg %rdi
    add %rsi, %rdi
    mov %rdi, pci_mem_next
    lea (%rsi), %rax
    add $PCI_MEM_START - 0x100000000, %rax
    call pci_write32
    and $6, %dl
    cmp $4, %dl
    jne 4f
    add $4, %ecx                    /* upper half of a 64-bit one */
    xor %eax, %eax
    call pci_write32
    jmp 4f
2:
    or $0xffff0000, %eax
    and $~3, %eax
    neg %eax
    mov %rax, %rdi
    mov pci_io_next, %rsi
    lea -1(%rsi,%rdi), %rsi
    neg %rdi
    and %rdi, %rsi
    neg %rdi
    add %rsi, %rdi
    mov %rdi, pci_io_next
    lea PCI_IO_START(%rsi), %rax
    call pci_write32
4:
    add $4, %ecx
    cmp $0x28, %ecx
    jb 1b
    mov $4, %ecx
    call pci_read32
    and $0xffff, %eax
    or $7, %eax
    call pci_write32
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rax
    ret

pci_bar:
    push %rcx
    push %rdx
    lea 0x10(,%rcx,4), %ecx
    call pci_read32
    test $1, %al
    jz 1f
    and $~3, %eax
    jmp 2f
1:
    mov %eax, %edx
    and $~15, %eax
    and $6, %dl
    cmp $4, %dl
    jne 2f
    push %rax
    add $4, %ecx
    call pci_read32
    shl $32, %rax
    pop %rdx
    or %rdx, %rax
2:
    pop %rdx
    pop %rcx
    ret
