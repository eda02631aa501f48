/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A driver's side of virtio 1.x over PCI, polled, one device at a time.
 *
 *   virtio_find      %eax modern device id, %edx transitional one: find, enable, read the capabilities.
 *                    Carry set if there is no such device.
 *   virtio_start     status up to FEATURES_OK with VERSION_1 as the only feature; carry set if refused
 *   virtio_queue     %edi queue index: give it memory and enable it
 *   virtio_ready     DRIVER_OK
 *   virtio_reset     write status 0 and wait until it reads 0
 *   vq_begin         %edi queue index: start a chain
 *   vq_out, vq_in    %rsi address, %ecx length: a part the device reads, or writes
 *   vq_submit        make the chain available and kick
 *   vq_wait          until the device has used everything submitted to %edi
 * Queues 0 to 3 of 16 descriptors; up to five chains of three may be in flight. %rbx is the PCI device after
 * virtio_find. Results apart, only %rax is changed.
 * Source: Virtual I/O Device (VIRTIO) 1.1, sections 2.6, 3.1 and 4.1.
 */
    .set QSIZE, 16
    .set DESC_NEXT, 1
    .set DESC_WRITE, 2

    /* struct virtio_pci_common_cfg */
    .set CFG_DRIVER_FEATURE_SELECT, 8
    .set CFG_DRIVER_FEATURE, 12
    .set CFG_STATUS, 20
    .set CFG_QUEUE_SELECT, 22
    .set CFG_QUEUE_SIZE, 24
    .set CFG_QUEUE_MSIX, 26
    .set CFG_QUEUE_ENABLE, 28
    .set CFG_QUEUE_NOTIFY_OFF, 30
    .set CFG_QUEUE_DESC, 32
    .set CFG_QUEUE_DRIVER, 40
    .set CFG_QUEUE_DEVICE, 48

    .bss
    .balign 4096
queues:                             /* per queue 4 KiB: descriptors, 1024: available ring, 2048: used ring */
    .skip 4 * 4096
    .globl virtio_common, virtio_device, virtio_isr
virtio_common:
    .skip 8
virtio_notify:
    .skip 8
virtio_isr:
    .skip 8
virtio_device:
    .skip 8
virtio_notify_mult:
    .skip 8
queue_notify:                       /* address to kick each queue at */
    .skip 4 * 8
queue_next:                         /* next descriptor of each queue */
    .skip 4 * 8
vq_index:
    .skip 8
vq_head:
    .skip 8
vq_base:
    .skip 8

    .text
    .globl virtio_find, virtio_start, virtio_queue, virtio_ready, virtio_reset
    .globl vq_begin, vq_out, vq_in, vq_submit, vq_wait

virtio_find:
    shl $16, %eax
    or $0x1af4, %eax
    call pci_find
    jnc 1f
    mov %edx, %eax
    shl $16, %eax
    or $0x1af4, %eax
    call pci_find
    jnc 1f
    ret
1:
    call pci_enable
    push %rcx
    push %rdx
    push %rsi
    mov $0x34, %ecx
    call pci_read32
    movzx %al, %edx
2:
    and $0xfc, %edx
    jz 5f
    mov %edx, %ecx
    call pci_read32
    mov %eax, %esi                  /* id, next, length, type */
    cmp $9, %al
    jne 4f
    lea 4(%rdx), %ecx
    call pci_read32
    movzx %al, %ecx
    call pci_bar
    push %rax
    lea 8(%rdx), %ecx
    call pci_read32
    pop %rcx
    add %rcx, %rax                  /* where the structure is */
    mov %esi, %ecx
    shr $24, %ecx
    cmp $1, %ecx
    jne 3f
    mov %rax, virtio_common
3:
    cmp $2, %ecx
    jne 3f
    mov %rax, virtio_notify
    lea 16(%rdx), %ecx
    call pci_read32
    mov %rax, virtio_notify_mult
    jmp 4f
3:
    cmp $3, %ecx
    jne 3f
    mov %rax, virtio_isr
3:
    cmp $4, %ecx
    jne 4f
    mov %rax, virtio_device
4:
    mov %esi, %edx
    shr $8, %edx
    jmp 2b
5:
    pop %rsi
    pop %rdx
    pop %rcx
    cmpq $1, virtio_common          /* carry if there was none */
    ret

virtio_reset:
    push %rdx
    mov virtio_common, %rdx
    movb $0, CFG_STATUS(%rdx)
1:
    mov CFG_STATUS(%rdx), %al
    test %al, %al
    jnz 1b
    pop %rdx
    ret

virtio_start:
    push %rdx
    push %rcx
    push %rdi
    call virtio_reset
    mov $queues, %edi
    mov $4 * 4096 / 8, %ecx
    xor %eax, %eax
    rep stosq
    mov $queue_next, %edi
    mov $4, %ecx
    rep stosq
    mov virtio_common, %rdx
    movb $1, CFG_STATUS(%rdx)       /* ACKNOWLEDGE */
    movb $3, CFG_STATUS(%rdx)       /* DRIVER */
    movl $0, CFG_DRIVER_FEATURE_SELECT(%rdx)
    movl $0, CFG_DRIVER_FEATURE(%rdx)
    movl $1, CFG_DRIVER_FEATURE_SELECT(%rdx)
    movl $1, CFG_DRIVER_FEATURE(%rdx)
    movb $11, CFG_STATUS(%rdx)      /* FEATURES_OK */
    mov CFG_STATUS(%rdx), %al
    and $8, %al
    cmp $1, %al
    pop %rdi
    pop %rcx
    pop %rdx
    ret

virtio_queue:
    push %rdx
    push %rcx
    mov virtio_common, %rdx
    mov %di, CFG_QUEUE_SELECT(%rdx)
    movw $QSIZE, CFG_QUEUE_SIZE(%rdx)
    movw $0xffff, CFG_QUEUE_MSIX(%rdx)
    mov %edi, %ecx
    shl $12, %ecx
    add $queues, %ecx
    mov %ecx, CFG_QUEUE_DESC(%rdx)
    movl $0, CFG_QUEUE_DESC + 4(%rdx)
    add $1024, %ecx
    mov %ecx, CFG_QUEUE_DRIVER(%rdx)
    movl $0, CFG_QUEUE_DRIVER + 4(%rdx)
    add $1024, %ecx
    mov %ecx, CFG_QUEUE_DEVICE(%rdx)
    movl $0, CFG_QUEUE_DEVICE + 4(%rdx)
    movzwl CFG_QUEUE_NOTIFY_OFF(%rdx), %eax
    mull virtio_notify_mult
    add virtio_notify, %rax
    mov %rax, queue_notify(,%rdi,8)
    mov virtio_common, %rdx
    movw $1, CFG_QUEUE_ENABLE(%rdx)
    pop %rcx
    pop %rdx
    ret

virtio_ready:
    push %rdx
    mov virtio_common, %rdx
    movb $15, CFG_STATUS(%rdx)
    pop %rdx
    ret

/* ---- Chains ---- */

vq_begin:
    push %rdi
    mov %rdi, vq_index
    mov queue_next(,%rdi,8), %rax
    cmp $QSIZE - 4, %eax
    jbe 1f
    xor %eax, %eax                  /* no room for four: start over */
    mov %rax, queue_next(,%rdi,8)
1:
    mov %rax, vq_head
    shl $12, %edi
    add $queues, %edi
    mov %rdi, vq_base
    pop %rdi
    ret

vq_out:
    xor %eax, %eax
    jmp vq_add
vq_in:
    mov $DESC_WRITE, %eax
vq_add:
    push %rdx
    push %rdi
    push %rax
    mov vq_index, %rdi
    mov queue_next(,%rdi,8), %rax
    mov %eax, %edx
    shl $4, %edx
    add vq_base, %rdx
    cmp %rax, vq_head
    je 1f
    orw $DESC_NEXT, -16 + 12(%rdx)  /* the one before goes on here */
    mov %ax, -16 + 14(%rdx)
1:
    inc %eax
    mov %rax, queue_next(,%rdi,8)
    mov %rsi, (%rdx)
    mov %ecx, 8(%rdx)
    pop %rax
    mov %ax, 12(%rdx)
    movw $0, 14(%rdx)
    pop %rdi
    pop %rdx
    ret

vq_submit:
    push %rdx
    push %rdi
    mov vq_base, %rdx
    movzwl 1024 + 2(%rdx), %edi
    and $QSIZE - 1, %edi
    mov vq_head, %rax
    mov %ax, 1024 + 4(%rdx,%rdi,2)
    incw 1024 + 2(%rdx)
    mfence
    mov vq_index, %rdi
    mov queue_notify(,%rdi,8), %rdx
    mov %di, (%rdx)
    pop %rdi
    pop %rdx
    ret

vq_wait:
    push %rdx
    mov %edi, %edx
    shl $12, %edx
    add $queues, %edx
1:
    pause
    mov 2048 + 2(%rdx), %ax
    cmp %ax, 1024 + 2(%rdx)
    jne 1b
    pop %rdx
    ret
