/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The modes of old: protected mode without paging, switches of tasks by hardware, virtual-8086 mode. Prints what each
 * way in and out left behind; the output must be the same on any correct processor (QEMU's TCG is the peer).
 * Ends with value 0.
 *
 * Selectors: 08 code, 10 data, 18 64-bit code, 20 the main task, 28 task B, 30 task C (16-bit), 38 gate to B,
 * 40 task F (takes faults), 48 task V (virtual-8086), 50 a TSS that is too short, 58 one not present, 60 16-bit code,
 * 68 data that is absent.
 */
#include "lib/guest.inc"

    .set GDT, 0x40000
    .set IDT, 0x41000
    .set TSS_MAIN, 0x42000           /* 0x100 for each task */
    .set TSS_B, 0x42100
    .set TSS_C, 0x42200
    .set TSS_F, 0x42300
    .set TSS_V, 0x42400
    .set STACK_MAIN, 0x3f000
    .set V86, 0x50000                /* code and stack of virtual-8086 mode */
    .set WORD16, 0x3000              /* where 16-bit code leaves what it saw */

    .bss
    .balign 8
where:
    .skip 4                          /* exceptions print eip relative to this */
resume:
    .skip 4                          /* and go on here */
resume_esp:
    .skip 4
v86_steps:
    .skip 4

    .text
    .globl guest_main
guest_main:
    lea gdt_image(%rip), %rsi
    mov $GDT, %edi
    mov $(gdt_image_end - gdt_image), %ecx
    rep movsb
    lgdt gdt_pointer_modes(%rip)
    push $0x08
    lea leave_long(%rip), %rax
    push %rax
    lretq

    .section .rodata
    .balign 8
gdt_image:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
    .quad 0x00af9b000000ffff
    .quad 0x0000890420000067
    .quad 0x0000890421000067
    .quad 0x000081042200002b
    .quad 0x0000850000280000
    .quad 0x0000890423000067
    .quad 0x0000890424000067
    .quad 0x0000890425000066
    .quad 0x0000090425000067
    .quad 0xff009bff0000ffff
    .quad 0x00cf13000000ffff
gdt_image_end:
gdt_pointer_modes:
    .word gdt_image_end - gdt_image - 1
    .quad GDT
idt_pointer_modes:
    .word 0x80 * 8 - 1
    .long IDT
    .text

    .code32
/* ---- Printing: all registers are kept ---- */
.macro SAY text:vararg
    .section .rodata
99992:
    .asciz \text
    .text
    pushl %esi
    movl $99992b, %esi
    call puts32
    popl %esi
.endm

.macro SAYX value
    pushl %eax
    movl \value, %eax
    call hex32
    popl %eax
.endm

putc32:
    pushl %edx
    pushl %eax
    movw $0x3fd, %dx
1:
    inb %dx, %al
    testb $0x20, %al
    jz 1b
    movw $0x3f8, %dx
    popl %eax
    outb %al, %dx
    popl %edx
    ret

puts32:
    pushl %eax
    pushl %esi
1:
    lodsb
    testb %al, %al
    jz 2f
    call putc32
    jmp 1b
2:
    popl %esi
    popl %eax
    ret

hex32:
    pushal
    movl %eax, %ebx
    movl $8, %ecx
1:
    roll $4, %ebx
    movb %bl, %al
    andb $15, %al
    addb $'0', %al
    cmpb $'9', %al
    jbe 2f
    addb $('a' - '0' - 10), %al
2:
    call putc32
    loop 1b
    popal
    ret

/* Task register, nested flag, task-switched flag, and the types of the descriptors from 20 to 48. */
state32:
    pushal
    SAY " tr "
    xorl %eax, %eax
    str %ax
    call hex32
    SAY " nt "
    pushfl
    popl %eax
    andl $0x4000, %eax
    call hex32
    SAY " ts "
    movl %cr0, %eax
    andl $8, %eax
    call hex32
    clts
    SAY " busy"
    movl $GDT + 0x20, %esi
1:
    SAY " "
    movzbl 5(%esi), %eax
    andl $0xf, %eax
    call hex32
    addl $8, %esi
    cmpl $GDT + 0x50, %esi
    jne 1b
    SAY "\n"
    popal
    ret

/* ---- Exceptions ---- */
    .balign 16
stubs:
    .set vector, 0
    .rept 0x80
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17)
    pushl $0
    .endif
    pushl $vector
    jmp exception
    .set vector, vector + 1
    .endr

/* Stack: vector, error, eip, cs, eflags (esp, ss, es, ds, fs, gs). */
exception:
    pushal
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    testl $0x20000, 48(%esp)
    jnz from_v86
    SAY "  exception "
    SAYX "32+4(%esp)"
    SAY " error "
    SAYX "36+4(%esp)"
    cmpl $0, where                   /* in a new task not every processor knows */
    je 1f
    SAY " at "
    movl 40(%esp), %eax
    subl where, %eax
    call hex32
1:
    SAY " cs "
    SAYX "44+4(%esp)"
    SAY "\n"
    movl resume_esp, %esp
    jmp *resume

/* An instruction that raises. What was pushed is gone afterwards. */
.macro RAISES insn:vararg
    movl $88882f, resume
    movl $88881f, where
    movl %esp, resume_esp
88881:
    \insn
88882:
.endm

set_gate:                            /* vector %ecx: gate of type %edx (high word) to %eax, or task %eax */
    pushal
    leal IDT(, %ecx, 8), %edi
    cmpb $0x85, %dh
    je 1f
    movw %ax, (%edi)
    movw $0x08, 2(%edi)
    andl $0xffff0000, %eax
    orl %edx, %eax
    movl %eax, 4(%edi)
    popal
    ret
1:
    movw %ax, 2(%edi)
    movl %edx, 4(%edi)
    popal
    ret

leave_long:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movl $STACK_MAIN, %esp
    movl %cr0, %eax
    andl $0x7fffffff, %eax
    movl %eax, %cr0
    movl $0xc0000080, %ecx
    rdmsr
    andl $~0x100, %eax
    wrmsr
    xorl %ecx, %ecx
    movl $stubs, %eax
    movl $0x8e00, %edx
1:
    call set_gate
    addl $16, %eax
    incl %ecx
    cmpl $0x80, %ecx
    jne 1b
    movl $3, %ecx                    /* vector 3 and those from 0x60 on may be called by anybody */
    movl $stubs + 16 * 3, %eax
    movl $0xee00, %edx
    call set_gate
    movl $0x60, %ecx
    movl $stubs + 16 * 0x60, %eax
    call set_gate
    lidtl idt_pointer_modes
    movl $TSS_MAIN, %edi
    xorl %eax, %eax
    movl $0x200, %ecx
    rep stosl
    movl $STACK_MAIN - 0x800, TSS_MAIN + 4
    movl $0x10, TSS_MAIN + 8
    movw $0x68, TSS_MAIN + 0x66
    movl $0x20, %eax
    ltr %ax
    SAY "protected mode\n"
    SAY "start:"
    call state32
    call test_tasks
    call test_task16
    call test_task_faults
    call test_vm86
    call test_vm86_task
    SAY "selftest of modes ended\n"
    xorl %eax, %eax
    movw $0xf4, %dx
    outl %eax, %dx
1:
    hlt
    jmp 1b

/* ---- Tasks ---- */

new_task:                            /* TSS at %edi: starts at %eax with its stack at %edx */
    movl %eax, 0x20(%edi)
    movl $2, 0x24(%edi)
    movl %edx, 0x38(%edi)
    movl $0x08, 0x4c(%edi)
    movl $0x10, 0x48(%edi)
    movl $0x10, 0x50(%edi)
    movl $0x10, 0x54(%edi)
    movl $0, 0x58(%edi)
    movl $0, 0x5c(%edi)
    movl $0, 0x60(%edi)
    movw $0x68, 0x66(%edi)
    ret

task_b:
    SAY "  in B: eax "
    call hex32
    SAY " link "
    movzwl TSS_B, %eax
    call hex32
    call state32
    movl $0xb0b, %eax
    iretl
    SAY "  B again: eax "
    call hex32
    call state32
    jmp task_b_jump

task_b_jump:
    ljmpl $0x20, $0
    SAY "  B a third time"
    call state32
    iretl
    jmp task_b_jump

test_tasks:
    movl $TSS_B, %edi
    movl $task_b, %eax
    movl $STACK_MAIN - 0x1000, %edx
    call new_task
    movl $0x1111, TSS_B + 0x28
    movl $0x77, %ebp
    movl $0x10, %eax
    movl %eax, %gs
    SAY "call a TSS\n"
    lcall $0x28, $0
    SAY "back: ebp "
    SAYX %ebp
    SAY " gs "
    movl %gs, %eax
    call hex32
    call state32
    SAY "jump through a gate\n"
    ljmpl $0x38, $0
    SAY "back:"
    call state32
    SAY "interrupt through a gate\n"
    movl $0x40, %ecx
    movl $0x28, %eax
    movl $0x8500, %edx
    call set_gate
    int $0x40
    SAY "back:"
    call state32
    ret

/* A 16-bit task: cs begins at the firmware image. */
    .code16
task_c:
    movw %ax, WORD16
    movw %sp, WORD16 + 2
    strw WORD16 + 4
    pushfw
    popw WORD16 + 6
    movw $0xc0c, %ax
    iretw
    movw $0x3333, WORD16
    iretw
    .code32

test_task16:
    movl $TSS_C, %edi
    movw $task_c - 0xffff0000, 0x0e(%edi)
    movw $2, 0x10(%edi)
    movw $0x2222, 0x12(%edi)
    movw $0x2f00, 0x1a(%edi)
    movw $0x10, 0x22(%edi)
    movw $0x60, 0x24(%edi)
    movw $0x10, 0x26(%edi)
    movw $0x10, 0x28(%edi)
    movw $0, 0x2a(%edi)
    SAY "call a 16-bit TSS:"
    lcall $0x30, $0
    call state32
    SAY "it saw "
    SAYX WORD16
    SAY " "
    SAYX WORD16+4
    SAY ", and has "
    movzwl TSS_C + 0x12, %eax
    call hex32
    SAY "\n"
    lcall $0x30, $0
    SAYX WORD16
    call state32
    ret

/* Faults on the way stay in the old task; faults of the new one are its own. */
task_f:
    SAY "  in F: error "
    popl %eax
    call hex32
    SAY " of eip "
    movl TSS_MAIN + 0x20, %eax
    subl where, %eax
    call hex32
    call state32
    movl resume, %eax
    movl %eax, TSS_MAIN + 0x20
    iretl
    jmp task_f

bad_ds_raised:                       /* in task B, entered by a jump */
    SAY "  in the new task:"
    call state32
    ljmpl $0x20, $0

test_task_faults:
    SAY "a busy TSS\n"
    RAISES lcall $0x20, $0
    SAY "one that is too short\n"
    RAISES lcall $0x50, $0
    SAY "one that is absent\n"
    RAISES lcall $0x58, $0
    SAY "a return to nowhere\n"
    movw $0, TSS_MAIN
    pushfl
    orl $0x4000, (%esp)
    popfl
    RAISES iretl
    pushfl
    andl $~0x4000, (%esp)
    popfl
    call state32
    SAY "a fault through a gate\n"
    movl $TSS_F, %edi
    movl $task_f, %eax
    movl $STACK_MAIN - 0x1400, %edx
    call new_task
    movl $13, %ecx
    movl $0x40, %eax
    movl $0x8500, %edx
    call set_gate
    movl $0x1230, %eax
    RAISES movl %eax, %fs
    SAY "back:"
    call state32
    movl $13, %ecx
    movl $stubs + 16 * 13, %eax
    movl $0x8e00, %edx
    call set_gate
    SAY "an absent segment of the new task\n"
    movl $TSS_B, %edi
    movl $task_b, %eax
    movl $STACK_MAIN - 0x1000, %edx
    call new_task
    movl $0x68, 0x54(%edi)
    movl $bad_ds_raised, resume
    movl $0, where
    movl $STACK_MAIN - 0x1000, resume_esp
    ljmpl $0x28, $0
    SAY "back:"
    call state32
    ret

/* ---- Virtual-8086 mode ---- */
    .code16
v86_code:
    movw $0x5001, %ax
    movw %ax, %ds
    movw $0x1234, 0x1000
    movw 0x1000, %bx
    int $0x21
    pushfw
    popfw
    cli
    sti
    hlt
    inb $0x60, %al
    outb %al, $0x84                  /* the bitmap allows it */
    int3
    sldt %ax
    larw %ax, %ax
    movl %cr0, %eax
    movw $0x77, %dx
    lcall $0x5000, $(v86_far - v86_code)
    iretw
    int $0x60
v86_far:
    movw %sp, %bp
    movw (%bp), %di
    lret
v86_free:                            /* with IOPL 3 */
    cli
    pushfw
    popw %ax
    sti
    pushfw
    popw %bx
    pushfw
    pushw %cs
    pushw $(1f - v86_code)
    iretw
1:
    int $0x60
v86_end:
    .code32

enter_v86:                           /* at %eax, with flags %ecx; ends in v86_done */
    popl resume
    movl %esp, resume_esp
    movl %esp, TSS_MAIN + 4
    movl $0, v86_steps
    pushl $0x5004                    /* gs, fs, ds, es, ss, esp */
    pushl $0x5003
    pushl $0x5002
    pushl $0x5001
    pushl $0x5000
    pushl $0xfff0
    pushl %ecx
    pushl $0x5000
    pushl %eax
    iretl

/* Registers are as pushal left them. Skips what the mode does not allow; int $0x60, whichever way it came, ends. */
from_v86:
    SAY "  v86 exception "
    SAYX "32+4(%esp)"
    SAY " error "
    SAYX "36+4(%esp)"
    SAY " at "
    SAYX "40+4(%esp)"
    SAY " flags "
    movl 48(%esp), %eax
    andl $~0x10000, %eax             /* not every processor in software sets RF */
    call hex32
    SAY " sp "
    SAYX "52+4(%esp)"
    SAY " ds "
    SAYX "64+4(%esp)"
    SAY " gs "
    SAYX "72+4(%esp)"
    SAY " now "
    xorl %eax, %eax
    movw %gs, %ax
    call hex32
    SAY "\n"
    cmpl $0x60, 32(%esp)
    je v86_done
    incl v86_steps
    cmpl $40, v86_steps
    je v86_done
    cmpl $3, 32(%esp)
    je 3f
    movl 40(%esp), %ebx
    movzbl V86(%ebx), %eax
    cmpw $0x60cd, V86(%ebx)
    je v86_done
    movl $1, %ecx                    /* pushf, popf, cli, sti, hlt, iret */
    cmpb $0xcd, %al                  /* int */
    je 2f
    cmpb $0xe4, %al                  /* in */
    je 2f
    cmpb $0xe6, %al                  /* out */
    je 2f
    cmpb $0x0f, %al
    jne 1f
    incl %ecx
2:
    incl %ecx
1:
    addl %ecx, 40(%esp)
3:
    popal
    addl $8, %esp
    iretl

v86_done:
    SAY "  eax "
    SAYX "28+4(%esp)"
    SAY " ebx "
    SAYX "16+4(%esp)"
    SAY " edx "
    SAYX "20+4(%esp)"
    SAY " edi "
    SAYX "0+4(%esp)"
    SAY "\n"
    movl resume_esp, %esp
    jmp *resume

test_vm86:
    movl $v86_code, %esi
    movl $V86, %edi
    movl $(v86_end - v86_code), %ecx
    rep movsb
    movb $0xff, TSS_MAIN + 0x66 + 2 + 12     /* ports 0x60 to 0x67 are refused */
    movl $GDT + 0x20, %edi                   /* a longer TSS: 0x40 bytes of bitmap */
    movw $0xa7, (%edi)
    movb $0x89, 5(%edi)
    movl $0x20, %eax
    ltr %ax
    movb $0xff, TSS_MAIN + 0x68 + 12
    SAY "virtual-8086 mode\n"
    xorl %eax, %eax
    movl $0x20202, %ecx
    call enter_v86
    SAY "with IOPL 3\n"
    movl $(v86_free - v86_code), %eax
    movl $0x23202, %ecx
    call enter_v86
    SAY "back:"
    call state32
    ret

v86_task_done:
    SAY "  in the task:"
    call state32
    ljmpl $0x20, $0

test_vm86_task:
    movl $TSS_V, %edi
    movl $(v86_free - v86_code), %eax
    movl $0xffe0, %edx
    call new_task
    movl $STACK_MAIN - 0x1800, 4(%edi)
    movl $0x10, 8(%edi)
    movl $0x23002, 0x24(%edi)
    movl $0x5000, 0x4c(%edi)
    movl $0x5000, 0x50(%edi)
    movl $0x5005, 0x54(%edi)
    movl $0x5006, 0x5c(%edi)
    movl $v86_task_done, resume
    movl $STACK_MAIN - 0x1800, resume_esp
    SAY "a task in virtual-8086 mode\n"
    ljmpl $0x48, $0
    SAY "back:"
    call state32
    ret
    .code64
