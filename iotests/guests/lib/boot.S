/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the reset vector to 64-bit code, then `call guest_main`. Mapped one to one are the first 64 MiB and all from
 * 0xe0000000 to 4 GiB: few entries, since explorers boot a guest many thousand times.
 *
 * Memory: 0x20000 variables (cleared), 0x70000..0x73fff page tables, stack below 0x80000.
 * guest_main returns the value for the debug exit device (QEMU's exit status is value * 2 + 1).
 */
    .section .reset, "ax"
    .code16
    .globl reset_vector
reset_vector:
    cli
    .byte 0xe9                      /* jmp near, relative within the 64 KiB of cs */
    .word start16 - (reset_vector + 4)

    .section .text.first, "ax"
start16:
    cld
    lgdtl %cs:(gdt_pointer - start16)
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $0x08, $start32

    .code32
start32:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw %ax, %fs
    movw %ax, %gs
    movl $0x80000, %esp

    movl $0x70000, %edi             /* page tables: PML4, PDPT, the first and the last page directory */
    xorl %eax, %eax
    movl $(4 * 4096 / 4), %ecx
    rep stosl
    movl $0x71007, 0x70000
    movl $0x72007, 0x71000
    movl $0x73007, 0x71018
    movl $0x72000, %edi
    movl $0x87, %eax                /* present, writable, user, 2 MiB */
    movl $32, %ecx
    call map
    movl $0x73800, %edi
    movl $0xe0000087, %eax
    movl $256, %ecx
    call map

    movl %cr4, %eax
    orl $0x20, %eax                 /* PAE */
    movl %eax, %cr4
    movl $0x70000, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x901, %eax                /* LME, NXE, SCE */
    wrmsr
    movl %cr0, %eax
    orl $0x80010000, %eax           /* PG, WP */
    andl $0x9fffffff, %eax          /* caches on */
    movl %eax, %cr0
    ljmpl $0x18, $start64

map:                                /* %ecx entries at %edi, the first is %eax */
    movl %eax, (%edi)
    addl $8, %edi
    addl $0x200000, %eax
    loop map
    ret

    .code64
start64:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl $0x10, %eax
    movl %eax, %ss
    movl $bss_start, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    xorl %eax, %eax
    rep stosb
    call serial_init
    call guest_main
    /* fall through */

/* guest_exit: end the machine with the value in %eax, or halt for ever where there is no debug exit device. */
    .globl guest_exit
guest_exit:
    movw $0xf4, %dx
    outl %eax, %dx
1:
    cli
    hlt
    jmp 1b

    .balign 8
    .globl boot_gdt, boot_gdt_end
boot_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff        /* 08: 32-bit code */
    .quad 0x00cf93000000ffff        /* 10: data */
    .quad 0x00af9b000000ffff        /* 18: 64-bit code */
boot_gdt_end:
gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long boot_gdt
