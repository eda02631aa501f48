/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option ROM that boots the kernel the VMM offers in fw_cfg: a boot entry vector that firmware calls like a network
 * card's. It copies command line, kernel, initramfs and setup code to where the VMM placed them and jumps to the
 * kernel's real mode entry.
 *
 * Runs in real mode with a stack of its own below 0x7c00. The VMM copies above 1 MiB, so no address line matters.
 * Source: PnP BIOS specification 1.0A, section 3; BIOS boot specification 1.01, section 3.3; fw_cfg specification;
 * Linux boot protocol, "Running the kernel".
 */
#define FW_CFG_SELECTOR 0x510
#define FW_CFG_DMA 0x514
#define FW_CFG_DMA_SELECT_READ 0x0a

#define KERNEL_ADDR 0x07
#define KERNEL_SIZE 0x08
#define INITRD_ADDR 0x0a
#define INITRD_SIZE 0x0b
#define KERNEL_DATA 0x11
#define INITRD_DATA 0x12
#define CMDLINE_ADDR 0x13
#define CMDLINE_SIZE 0x14
#define CMDLINE_DATA 0x15
#define SETUP_ADDR 0x16
#define SETUP_SIZE 0x17
#define SETUP_DATA 0x18

    .code16
    .text
    .globl _start
_start:
    .short 0xaa55
    .byte 0                     /* size in 512 byte units; build.py fills it in */
    lret                        /* nothing to initialize */
    .org 0x18
    .short 0                    /* no PCI data */
    .short pnp
    .balign 16
pnp:
    .ascii "$PnP"
    .byte 1                     /* revision */
    .byte 2                     /* size in 16 byte units */
    .short 0                    /* no further header */
    .byte 0
    .byte 0                     /* checksum; build.py fills it in */
    .long 0
    .short vendor
    .short product
    .byte 0, 0, 0               /* device type */
    .byte 0x14                  /* initial program load device, read cacheable */
    .short 0, 0
    .short bev
    .short 0, 0

vendor:
    .asciz "Rondo"
product:
    .asciz "Linux from -kernel"

bev:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ss
    movl $0x7c00, %esp
    movw $items, %si
1:
    call load
    cmpw $items_end, %si
    jb 1b

    movw $CMDLINE_ADDR, %ax
    call read_u32
    movl %ecx, %edi
    movw $SETUP_ADDR, %ax
    call read_u32
    subl %ecx, %edi             /* the stack ends where the command line begins */
    subl $16, %edi
    shrl $4, %ecx
    movw %cx, %ds
    movw %cx, %es
    movw %cx, %fs
    movw %cx, %gs
    movw %cx, %ss
    movl %edi, %esp
    addw $0x20, %cx
    pushw %cx
    pushw $0
    lretw

/* The item with key %ax, as a number in %ecx. */
read_u32:
    movw $FW_CFG_SELECTOR, %dx
    outw %ax, %dx
    incw %dx
    movw $4, %bp
1:
    inb %dx, %al
    shrdl $8, %eax, %ecx
    decw %bp
    jnz 1b
    ret

/* Copy the item that %si describes (keys of address, size, data) and step over it. */
load:
    movw %cs:(%si), %ax
    call read_u32
    movl %ecx, %edi
    movw %cs:2(%si), %ax
    call read_u32
    jecxz 3f
    bswapl %edi
    bswapl %ecx
    movzwl %cs:4(%si), %eax
    shll $16, %eax
    movb $FW_CFG_DMA_SELECT_READ, %al
    bswapl %eax
    pushl %edi                  /* the descriptor, last field first */
    pushl $0
    pushl %ecx
    pushl %eax
    movw $FW_CFG_DMA, %dx
    xorl %eax, %eax
    outl %eax, %dx
    movl %esp, %eax
    bswapl %eax
    addw $4, %dx
    outl %eax, %dx
    movw %sp, %bp
1:
    movl (%bp), %eax
    testl $0x01000000, %eax     /* the error bit, as it lies in memory */
    jnz 2f
    testl %eax, %eax
    jnz 1b
    addw $16, %sp
3:
    addw $6, %si
    ret
2:
    int $0x18                   /* the kernel does not fit: let firmware try the next device */

items:
    .short CMDLINE_ADDR, CMDLINE_SIZE, CMDLINE_DATA
    .short KERNEL_ADDR, KERNEL_SIZE, KERNEL_DATA
    .short INITRD_ADDR, INITRD_SIZE, INITRD_DATA
    .short SETUP_ADDR, SETUP_SIZE, SETUP_DATA
items_end:
