/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A broad check of the processor. Prints a line per group with a hash of everything the group computed; the output
 * must be the same on any correct processor (QEMU's TCG is the peer), so undefined flags are masked out.
 * Ends with value 0, or 1 when an exception was not the expected one.
 *
 * r15 is the hash, r14 the state of the number generator, both kept by everything here.
 */
#include "lib/guest.inc"

    .set ARITH, 0x8d5
    .set NO_AF, 0x8c5
    .set PT, 0x60000                 /* page tables of the paging group: PDPT, PD, PT */
    .set DATA, 0x40000               /* scratch RAM */
    .set CODE, 0x50000               /* RAM for code that is written */
    .set WINDOW, 0x8000000000        /* linear address of the pages the paging group makes (PML4 entry 1) */

    .bss
    .balign 8
failures:
    .skip 8
gdt_ram:
    .skip 16 * 8
tss:
    .skip 104
user_stack:
    .skip 512
user_stack_top:
saved_rsp:
    .skip 8

    .text
/* Fold rax into the hash. */
mix:
    push %rax
    push %rdx
    rol $7, %r15
    xor %rax, %r15
    mov $0x9e3779b97f4a7c15, %rdx
    imul %rdx, %r15
    pop %rdx
    pop %rax
    ret

/* Fold the flags of %eax (as pushed) under the mask in %edx. */
.macro MIXF mask
    pushf
    pop %rax
    and $\mask, %eax
    call mix
.endm

/* Next pseudo-random number in rax. */
rnd:
    push %rdx
    mov $6364136223846793005, %rdx
    imul %rdx, %r14
    add $1442695040, %r14
    mov %r14, %rax
    ror $29, %rax
    xor %r14, %rax
    pop %rdx
    ret

.macro BEGIN
    mov $0x243f6a8885a308d3, %r15
    mov $0x13198a2e03707344, %r14
.endm

/* Print the group's name and hash. */
.macro REPORT name
    PUTS "\name "
    mov %r15, %rax
    call serial_hex
    PUTS "\n"
.endm

/* Code that must raise: what came is checked against vector and error code and hashed. */
.macro EXPECT vector, error, insn:vararg
    push %rax
    lea 88881f(%rip), %rax
    mov %rax, except_resume
    pop %rax
    mov %rsp, except_stack
    movq $-1, except_vector
    \insn
88881:
    movq $0, except_resume
    mov $\vector, %edi
    mov $\error, %esi
    call check_exception
.endm

check_exception:
    mov except_vector, %rax
    call mix
    mov except_error, %rax
    call mix
    cmp %rdi, except_vector
    jne 1f
    cmp %esi, except_error
    je 2f
1:
    incq failures
    PUTS "  wrong exception: "
    mov except_vector, %rax
    call serial_hex
    mov $' ', %al
    call serial_putc
    mov except_error, %rax
    call serial_hex
    PUTS " at "
    mov except_rip, %rax
    call serial_hex
    PUTS "\n"
2:
    ret

    .globl guest_main
guest_main:
    PUTS "selftest\n"
    call except_init
    call test_arith
    call test_shift
    call test_muldiv
    call test_bits
    call test_strings
    call test_stack
    call test_modify
    call test_exceptions
    call test_paging
    call test_user
    call test_compat
    cmpq $0, failures
    jne 1f
    PUTS "selftest passed\n"
    xor %eax, %eax
    ret
1:
    PUTS "selftest FAILED\n"
    mov $1, %eax
    ret

/* ---- Arithmetic ---- */

.macro TWO op
    mov %rbx, %rax
    \op %rcx, %rax
    call mixflags
    mov %rbx, %rax
    \op %ecx, %eax
    call mixflags
    mov %rbx, %rax
    \op %cx, %ax
    call mixflags
    mov %rbx, %rax
    \op %cl, %ah
    call mixflags
    mov %rbx, DATA
    \op %rcx, DATA
    call mixmem
    mov %rbx, DATA
    \op %cx, DATA + 2
    call mixmem
    mov %rbx, %rax
    \op $-77, %rax
    call mixflags
    mov %rbx, %rax
    \op $0x12345678, %eax
    call mixflags
.endm

.macro ONE op
    mov %rbx, %rax
    \op %rax
    call mixflags
    mov %rbx, %rax
    \op %ax
    call mixflags
    mov %rbx, DATA
    \op\()l DATA + 1
    call mixmem
.endm

/* Hash rax and the arithmetic flags; both survive. */
mixflags:
    pushf
    push %rax
    call mix
    mov 8(%rsp), %rax
    and $ARITH, %eax
    call mix
    pop %rax
    popf
    ret

mixflags_logic:
    pushf
    push %rax
    call mix
    mov 8(%rsp), %rax
    and $NO_AF, %eax
    call mix
    pop %rax
    popf
    ret

mixmem:
    pushf
    push %rax
    mov DATA, %rax
    call mix
    mov 8(%rsp), %rax
    and $ARITH, %eax
    call mix
    pop %rax
    popf
    ret

mixmem_logic:
    pushf
    push %rax
    mov DATA, %rax
    call mix
    pop %rax
    popf
    ret

test_arith:
    BEGIN
    mov $200, %ebp
1:
    call rnd
    mov %rax, %rbx
    call rnd
    mov %rax, %rcx
    TWO add
    TWO adc
    TWO sub
    TWO sbb
    TWO cmp
    ONE inc
    ONE dec
    ONE neg
    mov %rbx, %rax
    and %rcx, %rax
    call mixflags_logic
    or %bx, %ax
    call mixflags_logic
    xor %ecx, %eax
    call mixflags_logic
    test %cl, %ah
    call mixflags_logic
    not %eax
    call mixflags_logic
    lea 0x1234(%rbx,%rcx,4), %rax
    call mixflags_logic
    lea (%ebx,%ecx,2), %eax
    call mixflags_logic
    cmp %rbx, %rcx
    setl %al
    setbe %ah
    cmovnle %rcx, %rdx
    cmovp %ebx, %edx
    call mixflags
    mov %rdx, %rax
    call mixflags
    mov %rbx, %rax
    xchg %al, %ch
    xadd %rax, %rcx
    call mixflags
    cmpxchg %rbx, %rcx
    call mixflags
    mov %rcx, DATA
    lock cmpxchg %rbx, DATA
    call mixmem
    mov DATA, %rax
    lock cmpxchg %rbx, DATA
    call mixmem
    movsx %bl, %rax
    call mixflags
    movsx %bx, %eax
    call mixflags
    movzx %bh, %eax
    call mixflags
    movslq %ebx, %rax
    call mixflags
    bswap %rax
    call mixflags
    cbtw
    call mixflags
    cwtl
    cltq
    cqto
    call mixflags
    dec %ebp
    jnz 1b
    REPORT arith
    ret

/* ---- Shifts: OF only where defined ---- */

.macro SHIFTS op, mask
    mov %rbx, %rax
    \op %cl, %rax
    call mixshift
    mov %rbx, %rax
    \op %cl, %eax
    call mixshift
    mov %rbx, %rax
    \op %cl, %ax
    call mixshift
    mov %rbx, %rax
    \op %cl, %ah
    call mixshift
    mov %rbx, %rax
    \op $1, %rax
    call mixflags_logic
    mov %rbx, DATA
    \op\()l $7, DATA + 1
    call mixmem_logic
.endm

/* CF is undefined for shifts beyond the operand, OF beyond 1: hash ZF SF PF only. */
mixshift:
    pushf
    push %rax
    call mix
    mov 8(%rsp), %rax
    and $0xc4, %eax
    call mix
    pop %rax
    popf
    ret

test_shift:
    BEGIN
    mov $200, %ebp
1:
    call rnd
    mov %rax, %rbx
    call rnd
    mov %rax, %rcx
    call rnd
    mov %rax, %rdx
    add %rax, %rbx                  /* some flags to start from */
    SHIFTS shl
    SHIFTS shr
    SHIFTS sar
    SHIFTS rol
    SHIFTS ror
    SHIFTS rcl
    SHIFTS rcr
    mov %rbx, %rax
    shld %cl, %rdx, %rax
    call mixshift
    shrd %cl, %edx, %eax
    call mixshift
    shld $5, %dx, %ax
    call mixshift
    dec %ebp
    jnz 1b
    REPORT shift
    ret

/* ---- Multiply and divide ---- */

test_muldiv:
    BEGIN
    mov $200, %ebp
1:
    call rnd
    mov %rax, %rbx
    call rnd
    mov %rax, %rcx
    mov %rbx, %rax
    mul %rcx
    call mixprod
    mov %rbx, %rax
    imul %ecx
    call mixprod
    mov %rbx, %rax
    imul %cl
    call mixprod
    mov %rbx, %rax
    imul %rcx, %rax
    call mixprod
    imul $-1234, %ebx, %eax
    call mixprod
    mov %rbx, %rax
    mul %cx
    call mixprod
    mov %rcx, %rsi
    or $1, %rsi
    mov %rbx, %rax
    xor %edx, %edx
    div %rsi
    call mixdiv
    mov %rbx, %rax
    cqto
    idiv %rsi
    call mixdiv
    mov %rbx, %rax
    cltd
    idiv %esi
    call mixdiv
    movzx %bx, %eax
    mov $251, %dl
    and $0x7fff, %ax
    div %dl
    call mixdiv
    mov %rbx, %rdx
    shr $1, %rdx
    mov %rcx, %rax
    mov $-1, %rsi
    div %rsi
    call mixdiv
    dec %ebp
    jnz 1b
    REPORT muldiv
    ret

mixprod:
    pushf
    call mix
    mov %rdx, %rax
    call mix
    pop %rax
    and $0x801, %eax
    jmp mix

mixdiv:
    call mix
    mov %rdx, %rax
    jmp mix

/* ---- Bits ---- */

test_bits:
    BEGIN
    mov $200, %ebp
1:
    call rnd
    mov %rax, %rbx
    call rnd
    mov %rax, %rcx
    mov %rbx, %rax
    bts %rcx, %rax
    call mixcf
    btr %ecx, %eax
    call mixcf
    btc $13, %ax
    call mixcf
    bt $3, %rax
    call mixcf
    mov %rbx, DATA + 64
    mov %rcx, DATA + 72
    movsx %cl, %rdx                 /* -128..127 bits from DATA + 72 */
    and $63, %edx
    btc %rdx, DATA + 64
    call mixcf
    movsx %cl, %edx
    sar $1, %edx                    /* a negative bit number reaches below */
    btsl %edx, DATA + 72
    call mixcf
    mov DATA + 64, %rax
    call mix
    mov DATA + 72, %rax
    call mix
    bsf %rbx, %rax
    call mix
    bsr %ecx, %eax
    call mix
    mov $0, %esi
    bsf %rsi, %rdx
    setz %al
    call mix
    popcnt %rbx, %rax
    call mix
    movbe %rbx, DATA
    mov DATA, %rax
    call mix
    dec %ebp
    jnz 1b
    REPORT bits
    ret

mixcf:
    pushf
    call mix
    pop %rax
    and $1, %eax
    jmp mix

/* ---- Strings ---- */

.macro HASHREGS
    mov %rsi, %rax
    call mix
    mov %rdi, %rax
    call mix
    mov %rcx, %rax
    call mix
.endm

test_strings:
    BEGIN
    mov $DATA, %edi
    mov $1024, %ecx
1:
    call rnd
    stosq
    loop 1b
    mov $DATA, %esi
    mov $DATA + 0x2ff3, %edi        /* across pages, unaligned */
    mov $3001, %ecx
    rep movsb
    HASHREGS
    mov $DATA + 8, %esi             /* overlapping forward: repeats a pattern */
    lea 3(%rsi), %rdi
    mov $500, %ecx
    rep movsb
    HASHREGS
    mov $DATA + 0x1000, %esi
    mov $DATA + 0x1010, %edi
    mov $100, %ecx
    std
    rep movsq
    cld
    HASHREGS
    mov $DATA + 0x1803, %edi
    mov $0x1122334455667788, %rax
    mov $77, %ecx
    rep stosq
    mov $33, %ecx
    rep stosw
    HASHREGS
    mov $DATA, %esi
    mov $DATA + 0x2ff3, %edi
    mov $3000, %ecx
    repe cmpsb
    pushf
    HASHREGS
    pop %rax
    and $ARITH, %eax
    call mix
    mov $DATA, %edi
    mov $4096, %ecx
    mov $0x5a, %al
    repne scasb
    pushf
    HASHREGS
    pop %rax
    and $ARITH, %eax
    call mix
    mov $DATA, %esi
    mov $10, %ecx
2:
    lodsl
    call mix
    loop 2b
    xor %ecx, %ecx
    rep stosb
    HASHREGS
    mov $DATA, %esi                 /* hash all of it */
    mov $2048, %ecx
3:
    lodsq
    call mix
    loop 3b
    REPORT strings
    ret

/* ---- Stack and control ---- */

test_stack:
    BEGIN
    mov %rsp, %rbx
    push $-5
    push $0x7654321
    pushw $0x1234
    pop %ax
    call mix
    pop %rax
    call mix
    pop DATA
    mov DATA, %rax
    call mix
    push %rsp
    pop %rax
    sub %rbx, %rax
    call mix
    mov $0x77, %ebp
    enter $40, $0
    mov %rsp, %rax
    sub %rbx, %rax
    call mix
    leave
    mov %rbp, %rax
    call mix
    mov %rbx, %rbp
    push %rbp
    enter $16, $3
    mov %rsp, %rax
    sub %rbx, %rax
    call mix
    leave
    pop %rbp
    mov %rsp, %rax
    sub %rbx, %rax
    call mix
    push $0x3ed7
    popf
    pushf
    pop %rax
    and $0x3ed5, %eax
    call mix
    push $2
    popf
    lahf
    call mix
    mov $0xff, %ah
    sahf
    MIXF ARITH
    stc
    cmc
    MIXF 1
    mov $5, %ecx
    xor %eax, %eax
1:
    add %rcx, %rax
    loop 1b
    call mix
    lea 2f(%rip), %rax
    push $0x18
    push %rax
    lretq
2:
    lea 3f(%rip), %rax
    mov %ss, %ecx
    mov %rsp, %rdx
    push %rcx
    push %rdx
    pushf
    push $0x18
    push %rax
    iretq
3:
    mov %rsp, %rax
    sub %rbx, %rax
    call mix
    mov $WINDOW, %rax               /* rdfsbase needs CR4; the MSR does not */
    mov $0xc0000100, %ecx
    mov $DATA, %eax
    xor %edx, %edx
    wrmsr
    mov %fs:8, %rax
    call mix
    REPORT stack
    ret

/* ---- Code that changes ---- */

/* Copy rcx bytes from rsi to rdi. */
copy:
    rep movsb
    ret

snippet:
    mov $0x11, %eax
    movb $0x22, 4f - snippet + CODE + 1
    nop
    nop
4:
    mov $0x33, %al
    ret
snippet_end:

test_modify:
    BEGIN
    mov $3, %ebp
1:
    lea snippet(%rip), %rsi         /* changes the instruction that comes next in its own block */
    mov $CODE, %edi
    mov $snippet_end - snippet, %ecx
    call copy
    mov $CODE, %eax
    call *%rax
    call mix
    mov $CODE + 0xffa, %edi         /* an instruction across two pages */
    movw $0xb848, (%rdi)            /* movabs $imm64, %rax */
    mov $0x123456789abcdef0, %rax
    add %rbp, %rax
    mov %rax, 2(%rdi)
    movb $0xc3, 10(%rdi)
    call *%rdi
    call mix
    movb $0x99, CODE + 0x1001       /* only the second page changes */
    mov $CODE + 0xffa, %edi
    call *%rdi
    call mix
    dec %ebp
    jnz 1b
    mov $100, %ebp                  /* rewrite an immediate again and again */
2:
    movb $0xb8, CODE
    mov %ebp, CODE + 1
    movb $0xc3, CODE + 5
    mov $CODE, %eax
    call *%rax
    call mix
    dec %ebp
    jnz 2b
    REPORT modify
    ret

/* ---- Exceptions in ring 0 ---- */

test_exceptions:
    BEGIN
    xor %ecx, %ecx
    EXPECT 0, 0, div %ecx
    mov $1, %edx
    mov $1, %ecx
    EXPECT 0, 0, div %rcx
    EXPECT 6, 0, ud2
    EXPECT 3, 0, int3
    mov $0x8000000000000000, %rbx
    shr $1, %rbx
    EXPECT 13, 0, mov (%rbx), %rax
    mov $0x8000000000000000, %rcx
    EXPECT 13, 0, mov %rax, (%rcx)
    mov $0x1000, %eax
    EXPECT 13, 0x1000, mov %eax, %ds    /* beyond the GDT */
    mov $0x18, %eax
    EXPECT 13, 0x18, mov %eax, %ss      /* code as stack */
    EXPECT 13, 0, ljmpl *null_pointer(%rip)
    EXPECT 13, 0x28, ljmpl *bad_pointer(%rip)
    EXPECT 6, 0, .byte 0xf0, 0x90      /* lock nop */
    EXPECT 13, 0, .byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90
    pushf                               /* single step */
    orl $0x100, (%rsp)
    EXPECT 1, 0, call step_me
    add $8, %rsp
    REPORT exceptions
    ret

step_me:
    pop %rax
    popf
    nop
    nop
    jmp *%rax

null_pointer:
    .long 0
    .word 0
bad_pointer:
    .long 0
    .word 0x28

/* ---- Paging ---- */

.macro SETPTE index, value
    mov $\value, %rax
    mov %rax, PT + 0x2000 + \index * 8
    mov $WINDOW + \index * 4096, %rax
    invlpg (%rax)
.endm

.macro PF error, insn:vararg
    EXPECT 14, \error, \insn
    mov %cr2, %rax
    call mix
.endm

test_paging:
    BEGIN
    mov $PT, %edi
    xor %eax, %eax
    mov $3 * 512, %ecx
    rep stosq
    movq $PT + 7, 0x70008               /* PML4 entry 1 */
    movq $PT + 0x1007, PT
    movq $PT + 0x2007, PT + 0x1000
    mov %cr3, %rax
    mov %rax, %cr3
    mov $WINDOW, %rbx
    PF 0, mov (%rbx), %al
    PF 2, movb $1, (%rbx)
    SETPTE 0, DATA + 3
    mov $0x5555, %eax
    mov %rax, (%rbx)
    mov DATA, %rax
    call mix
    mov PT + 0x2000, %rax               /* A and D */
    call mix
    SETPTE 1, DATA + 0x1001             /* read-only */
    mov 0x1000(%rbx), %rax
    PF 3, mov %rax, 0x1000(%rbx)
    PF 3, incl 0x1000(%rbx)
    mov PT + 0x2008, %rax               /* A only */
    and $0xfff, %eax
    call mix
    PF 3, mov %rax, 0x1ffc(%rbx)        /* across into the missing page 2, but page 1 is read-only... */
    SETPTE 1, DATA + 0x1003
    PF 2, mov %rax, 0x1ffc(%rbx)        /* ...now writable, so only the second faults */
    mov $0x99, %eax
    SETPTE 2, DATA + 0x5003             /* not contiguous */
    movabs $0x1122334455667788, %rax
    mov %rax, 0x1ffc(%rbx)
    mov 0x1ffc(%rbx), %rax
    call mix
    mov DATA + 0x1ffc, %eax
    call mix
    mov DATA + 0x5000, %eax
    call mix
    mov %cr0, %rax                      /* without WP the supervisor may write */
    push %rax
    and $~0x10000, %rax
    mov %rax, %cr0
    SETPTE 3, DATA + 0x6001
    movq $77, 0x3000(%rbx)
    mov PT + 0x2018, %rax
    call mix
    pop %rax
    mov %rax, %cr0
    mov $0x8000000000047003, %rax       /* no execution */
    mov %rax, PT + 0x2020
    movb $0xc3, DATA + 0x7000
    lea 0x4000(%rbx), %rcx
    PF 0x11, call *%rcx
    mov $0x47003, %eax
    mov %rax, PT + 0x2020
    invlpg (%rcx)
    call *%rcx
    SETPTE 6, DATA + 0x3003             /* remap without changing the data */
    mov 0x6000(%rbx), %rax
    call mix
    SETPTE 6, DATA + 0x5003
    mov 0x6000(%rbx), %rax
    call mix
    movq $0x40000083, PT + 8            /* a reserved bit set in a 1 GiB page? no: aligned, valid */
    movq $0x00000083, PT + 8
    mov $WINDOW + 0x40000000 + DATA, %rax
    mov (%rax), %rax
    call mix
    movq $0x00000083, PT + 0x1008       /* 2 MiB page at the second PD entry */
    mov $WINDOW + 0x200000 + DATA + 8, %rax
    mov (%rax), %rax
    call mix
    movb $0x90, DATA + 0x1fff           /* code that runs off a page into a missing one */
    SETPTE 7, DATA + 0x1003
    SETPTE 8, 0
    lea 0x7fff(%rbx), %rcx
    PF 0x10, jmp *%rcx
    mov except_rip, %rax
    call mix
    movb $0x66, DATA + 0x1fff           /* half an instruction */
    PF 0x10, jmp *%rcx
    mov except_rip, %rax
    call mix
    REPORT paging
    ret

/* ---- Ring 3 ---- */

    .balign 8
gdt_image:
    .quad 0
    .quad 0x00cf9b000000ffff        /* 08 */
    .quad 0x00cf93000000ffff        /* 10 */
    .quad 0x00af9b000000ffff        /* 18: 64-bit code, ring 0 */
    .quad 0x00cf93000000ffff        /* 20: ss of syscall */
    .quad 0x00cffb000000ffff        /* 28: 32-bit code, ring 3 */
    .quad 0x00cff3000000ffff        /* 30: data, ring 3 */
    .quad 0x00affb000000ffff        /* 38: 64-bit code, ring 3 */
    .quad 0, 0                      /* 40: TSS */
    .quad 0x00409200000000ff        /* 50: 256 bytes of data, grow up */
    .quad 0x00409600000000ff        /* 58: expand down, from 0x100 */
    .quad 0x00cf13000000ffff        /* 60: not present */
gdt_image_end:

/* Run the code after USER in ring 3 until it raises the given exception. */
.macro USER vector, error, insn:vararg
    lea 88883f(%rip), %rcx
    call enter_user
    jmp 88884f
88883:
    \insn
    ud2
88884:
    mov $\vector, %edi
    mov $\error, %esi
    call check_exception
    mov except_cs, %rax
    call mix
.endm

/* To ring 3 at rcx; comes back to the caller by exception. */
enter_user:
    lea 1f(%rip), %rax
    mov %rax, except_resume
    mov %rsp, except_stack
    mov %rsp, tss + 4
    mov $user_stack_top, %eax
    push $0x33
    push %rax
    push $0x202
    push $0x3b
    push %rcx
    iretq
1:
    ret

test_user:
    BEGIN
    lea gdt_image(%rip), %rsi
    mov $gdt_ram, %edi
    mov $gdt_image_end - gdt_image, %ecx
    rep movsb
    mov $tss, %rax
    mov %rax, %rdx
    shl $16, %rax
    mov $0x0000890000000067, %rcx
    or %rcx, %rax
    mov %rax, gdt_ram + 0x40
    shr $32, %rdx
    mov %rdx, gdt_ram + 0x48
    movw $103, tss + 102            /* no I/O bitmap */
    sub $16, %rsp
    movw $gdt_image_end - gdt_image - 1, (%rsp)
    movq $gdt_ram, 2(%rsp)
    lgdt (%rsp)
    add $16, %rsp
    mov $0x40, %eax
    ltr %ax
    str %eax
    call mix
    movzbl gdt_ram + 0x45, %eax     /* busy now */
    call mix
    andq $~4, 0x70008               /* the window of the paging group is the supervisor's */
    mov %cr3, %rax
    mov %rax, %cr3
    SETPTE 0, DATA + 3

    USER 6, 0, ud2
    USER 13, 0, hlt
    USER 13, 0, cli
    USER 13, 0, in $0x21, %al
    USER 13, 0, mov %cr0, %rax
    mov $WINDOW, %rbx
    USER 14, 5, mov (%rbx), %al
    USER 14, 7, mov %al, (%rbx)
    USER 14, 0x15, jmp *%rbx
    mov $0x10, %ebp
    USER 13, 0x10, mov %ebp, %ss        /* a ring 0 stack */
    xor %ebp, %ebp
    USER 13, 0, mov %ebp, %ss
    mov $0x40, %ebp
    USER 13, 0x40, mov %ebp, %ds        /* a TSS */
    mov $0x60, %eax
    EXPECT 11, 0x60, mov %eax, %ds
    lea syscall_entry(%rip), %rax
    mov %rax, %rdx
    shr $32, %rdx
    mov $0xc0000082, %ecx
    wrmsr
    mov $0xc0000081, %ecx
    xor %eax, %eax
    mov $0x00280018, %edx               /* sysret: 28/38/30; syscall: 18/20 */
    wrmsr
    mov $0xc0000084, %ecx
    mov $0x700, %eax
    xor %edx, %edx
    wrmsr
    lea user_syscall(%rip), %rcx
    call enter_user
    mov $6, %edi
    xor %esi, %esi
    call check_exception
    mov %rbx, %rax
    call mix
    mov $0x00, %eax
    mov %eax, %ds
    mov %eax, %es
    REPORT user
    ret

user_syscall:
    mov $0x1111, %ebx
    stc
    syscall
    adc $0, %rbx                        /* the carry came back */
    mov %rsp, %rax
    ud2

syscall_entry:
    push %rcx                           /* still the user's stack */
    mov %r11, %rax
    and $0x8ff, %eax
    call mix
    mov %cs, %eax
    call mix
    mov %ss, %eax
    call mix
    add $0x2222, %rbx
    pop %rcx
    sysretq

/* ---- 32-bit code ---- */

test_compat:
    BEGIN
    mov %rsp, saved_rsp
    push $0x08
    lea compat(%rip), %rax
    push %rax
    lretq

    .code32
/* Store eax and the flags under a mask at edi, advance. */
.macro KEEP mask
    movl %eax, (%edi)
    pushfl
    popl %edx
    andl $\mask, %edx
    movl %edx, 4(%edi)
    addl $8, %edi
.endm

compat:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $DATA + 0x1000, %edi
    movl $0x80, %ecx
1:
    movl %ecx, %eax
    addb $0x35, %al
    daa
    KEEP 0xd5
    movl %ecx, %eax
    subb $0x35, %al
    das
    KEEP 0xd5
    movl %ecx, %eax
    addb $7, %al
    aaa
    KEEP 0x11
    movl %ecx, %eax
    subb $7, %al
    aas
    KEEP 0x11
    movl %ecx, %eax
    aam
    KEEP 0xc4
    movl %ecx, %eax
    movb $3, %ah
    aad
    KEEP 0xc4
    incl %ecx
    cmpl $0x100, %ecx
    jne 1b
    pushal
    popl %eax
    popl %eax
    popl %eax
    popl %eax                           /* the esp that was pushed */
    addl $16, %esp
    subl %esp, %eax
    KEEP 0
    movl $5, %eax
    boundl %eax, %cs:bounds
    movl $0x58, %eax
    lsll %eax, %eax
    KEEP 0x40
    movl $0x60, %eax
    larl %eax, %eax
    KEEP 0x40
    movl $0x10, %eax
    verr %ax
    KEEP 0x40
    movl $0x18, %eax
    verw %ax
    KEEP 0x40
    movl $0x50, %eax
    movl %eax, %es
    movl %es:0xfc, %eax
    KEEP 0
    movl $0x58, %eax
    movl %eax, %es
    movl %es:0x100, %eax
    KEEP 0
    movl $0x10, %eax
    movl %eax, %es
    call 2f
2:
    popl %eax
    subl $2b, %eax                  /* output must not depend on where the code lies */
    KEEP 0
    pushw $0x4321
    pushw $0x8765
    popl %eax
    KEEP 0
    movw $0xfffe, %cx
    .byte 0x67
    jcxz 3f
    incl %eax
3:
    KEEP 0
    movl $0x12345678, %eax
    .byte 0x66
    pushal
    .byte 0x66
    popal
    KEEP 0
    ljmpl $0x18, $back

bounds:
    .long 0, 10

    .code64
back:
    mov saved_rsp, %rsp
    mov %edi, %ecx
    mov $DATA + 0x1000, %esi
    sub %esi, %ecx
    shr $2, %ecx
1:
    lodsl
    call mix
    loop 1b
    REPORT compat
    ret
