/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A broad check of x87, MMX and SSE to SSE4.2, in the manner of selftest.S: a line per group with a hash of everything
 * the group computed. The output must be the same on any correct processor and under QEMU's TCG, so what TCG does in
 * its own way is left out: the denormal flag, stack faults, C1, pointers, loads with reduced precision, the quotient of
 * fprem1, the choice between two NaNs, the last bits of sines. rondo-cpu-fuzz compares all that with a processor.
 *
 * r15 is the hash, r14 the state of the number generator, both kept by everything here.
 */
#include "lib/guest.inc"

    .set DATA, 0x40000               /* scratch RAM, aligned */
    .set IMAGE, 0x41000
    .set ROUNDS, 200
    .set X87_FLAGS, 0x3d             /* IE ZE OE UE PE: not DE */
    .set X87_CC, 0x4500              /* C3 C2 C0 */
    .set MX_FLAGS, 0x3d

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

/* xmm0, mm0. */
mixx:
    movdqu %xmm0, IMAGE
    mov IMAGE, %rax
    call mix
    mov IMAGE + 8, %rax
    jmp mix

mixm:
    movq %mm0, IMAGE
    mov IMAGE, %rax
    jmp mix

/* Flags of the last floating-point operation, cleared afterwards. */
mixcsr:
    stmxcsr IMAGE
    mov IMAGE, %eax
    and $MX_FLAGS, %eax
    call mix
    andl $~0x3f, IMAGE
    ldmxcsr IMAGE
    ret

/* ST(0) is popped; flags, after comparisons also condition codes, and value. */
mixcc:
    fnstsw %ax
    and $X87_CC, %eax
    call mix
mixst:
    fnstsw %ax
    and $X87_FLAGS, %eax
    call mix
    fnclex
    fstpt IMAGE
    mov IMAGE, %rax
    call mix
    movzwl IMAGE + 8, %eax
    jmp mix

/* 64 random bytes at DATA. */
fill:
    push %rcx
    mov $8, %ecx
1:
    call rnd
    mov %rax, DATA - 8(, %rcx, 8)
    loop 1b
    pop %rcx
    ret

/* At DATA: four doubles, then eight floats: finite, of all signs, sometimes whole. */
fill_floats:
    push %rcx
    mov $4, %ecx
1:
    call rnd
    sar $20, %rax
    cvtsi2sd %rax, %xmm0
    call rnd
    and $0xffff, %eax
    inc %eax
    cvtsi2sd %eax, %xmm1
    test $3, %al
    jz 2f
    divsd %xmm1, %xmm0
2:
    movsd %xmm0, DATA - 8(, %rcx, 8)
    cvtsd2ss %xmm0, %xmm0
    movss %xmm0, DATA + 28(, %rcx, 4)
    cvtsd2ss %xmm1, %xmm1
    movss %xmm1, DATA + 44(, %rcx, 4)
    loop 1b
    call mixcsr_drop
    pop %rcx
    ret

mixcsr_drop:
    stmxcsr IMAGE
    andl $~0x3f, IMAGE
    ldmxcsr IMAGE
    ret

.macro GROUP name, body
    mov $0x243f6a8885a308d3, %r15
    mov $0x13198a2e03707344, %r14
    mov $ROUNDS, %ebx
77771:
    call \body
    dec %ebx
    jnz 77771b
    PUTS "\name "
    mov %r15, %rax
    call serial_hex
    PUTS "\n"
.endm

    .globl guest_main
guest_main:
    mov %cr0, %rax
    and $~0xc, %eax                 /* no EM, no TS */
    or $0x22, %eax                  /* NE, MP */
    mov %rax, %cr0
    mov %cr4, %rax
    or $0x600, %eax                 /* OSFXSR, OSXMMEXCPT */
    mov %rax, %cr4
    fninit
    PUTS "selftest-fpu\n"
    GROUP "mmx", test_mmx
    GROUP "sse-int", test_sse_int
    GROUP "sse-shuffle", test_shuffle
    GROUP "ssse3", test_ssse3
    GROUP "sse4.1", test_sse41
    GROUP "sse4.2", test_sse42
    GROUP "aes", test_aes
    GROUP "sse-float", test_float
    GROUP "sse-compare", test_compare
    GROUP "sse-convert", test_convert
    GROUP "x87-arith", test_x87
    GROUP "x87-integer", test_x87_int
    GROUP "x87-compare", test_x87_compare
    GROUP "x87-stack", test_x87_stack
    GROUP "x87-special", test_x87_special
    GROUP "fxsave", test_fxsave
    PUTS "selftest-fpu passed\n"
    xor %eax, %eax
    ret

/* ---- Integers in vectors ---- */

test_mmx:
    call fill
    .irp op, paddb, paddw, paddd, paddq, psubb, psubw, psubd, paddsb, paddsw, paddusb, paddusw, psubsb, psubsw, \
             psubusb, psubusw, pmullw, pmulhw, pmulhuw, pmaddwd, pmuludq, psadbw, pavgb, pavgw, pmaxub, pmaxsw, \
             pminub, pminsw, pcmpeqb, pcmpeqw, pcmpeqd, pcmpgtb, pcmpgtw, pcmpgtd, packsswb, packssdw, packuswb, \
             punpcklbw, punpcklwd, punpckldq, punpckhbw, punpckhwd, punpckhdq, pand, pandn, por, pxor
    movq DATA, %mm0
    \op DATA + 8, %mm0
    call mixm
    .endr
    movq DATA + 16, %mm1
    psrlq $58, %mm1
    .irp op, psllw, pslld, psllq, psrlw, psrld, psrlq, psraw, psrad
    movq DATA, %mm0
    \op %mm1, %mm0
    \op $3, %mm0
    call mixm
    .endr
    pshufw $0x1b, DATA, %mm0
    pmovmskb %mm0, %eax
    call mix
    pinsrw $2, %eax, %mm0
    pextrw $2, %mm0, %eax
    call mix
    call mixm
    emms
    ret

test_sse_int:
    call fill
    .irp op, paddb, paddw, paddd, paddq, psubb, psubw, psubd, psubq, paddsb, paddsw, paddusb, paddusw, psubsb, \
             psubsw, psubusb, psubusw, pmullw, pmulhw, pmulhuw, pmaddwd, pmuludq, psadbw, pavgb, pavgw, pmaxub, \
             pmaxsw, pminub, pminsw, pcmpeqb, pcmpeqw, pcmpeqd, pcmpgtb, pcmpgtw, pcmpgtd, packsswb, packssdw, \
             packuswb, punpcklbw, punpcklwd, punpckldq, punpcklqdq, punpckhbw, punpckhwd, punpckhdq, punpckhqdq, \
             pand, pandn, por, pxor, andps, andnpd, orps, xorpd, unpcklps, unpckhps, unpcklpd, unpckhpd
    movdqa DATA, %xmm0
    \op DATA + 16, %xmm0
    call mixx
    .endr
    movq DATA + 32, %xmm1
    psrlq $58, %xmm1
    .irp op, psllw, pslld, psllq, psrlw, psrld, psrlq, psraw, psrad
    movdqa DATA, %xmm0
    \op %xmm1, %xmm0
    \op $5, %xmm0
    call mixx
    .endr
    pslldq $3, %xmm0
    psrldq $5, %xmm0
    call mixx
    ret

test_shuffle:
    call fill
    .irp imm, 0x00, 0x1b, 0x4e, 0xb1, 0xe4, 0x93
    pshufd $\imm, DATA, %xmm0
    call mixx
    pshuflw $\imm, DATA, %xmm0
    call mixx
    pshufhw $\imm, DATA, %xmm0
    call mixx
    movdqa DATA, %xmm0
    shufps $\imm, DATA + 16, %xmm0
    call mixx
    shufpd $\imm & 3, DATA + 32, %xmm0
    call mixx
    .endr
    movlps DATA + 8, %xmm0
    movhps DATA + 24, %xmm0
    movhlps %xmm0, %xmm1
    movlhps %xmm1, %xmm0
    call mixx
    movmskps %xmm0, %eax
    call mix
    movmskpd %xmm0, %eax
    call mix
    pmovmskb %xmm0, %eax
    call mix
    movsldup DATA, %xmm0
    call mixx
    movshdup DATA, %xmm0
    call mixx
    movddup DATA, %xmm0
    call mixx
    movss DATA + 4, %xmm0
    call mixx
    movsd DATA + 8, %xmm0
    call mixx
    movd %xmm0, %eax
    call mix
    movq %xmm0, %rax
    call mix
    pinsrw $5, %eax, %xmm0
    pextrw $6, %xmm0, %eax
    call mix
    jmp mixx

test_ssse3:
    call fill
    .irp op, pshufb, phaddw, phaddd, phaddsw, phsubw, phsubd, phsubsw, pmaddubsw, pmulhrsw, psignb, psignw, psignd, \
             pabsb, pabsw, pabsd
    movdqa DATA, %xmm0
    \op DATA + 16, %xmm0
    call mixx
    movq DATA, %mm0
    \op DATA + 16, %mm0
    call mixm
    .endr
    movdqa DATA, %xmm0
    palignr $5, DATA + 16, %xmm0
    palignr $19, DATA + 32, %xmm0
    call mixx
    emms
    ret

test_sse41:
    call fill
    movdqa DATA + 32, %xmm0
    movdqa DATA, %xmm1
    .irp op, pblendvb, blendvps, blendvpd
    \op %xmm0, DATA + 16, %xmm1
    .endr
    movdqa %xmm1, %xmm0
    call mixx
    .irp op, pmuldq, pmulld, pminsb, pminuw, pminsd, pminud, pmaxsb, pmaxuw, pmaxsd, pmaxud, packusdw, pcmpeqq, \
             phminposuw, pmovsxbw, pmovsxbd, pmovsxbq, pmovsxwd, pmovsxwq, pmovsxdq, pmovzxbw, pmovzxbd, pmovzxbq, \
             pmovzxwd, pmovzxwq, pmovzxdq
    movdqa DATA, %xmm0
    movdqa DATA + 16, %xmm1
    \op %xmm1, %xmm0
    call mixx
    .endr
    movdqa DATA, %xmm0
    .irp op, blendps, blendpd, pblendw, mpsadbw
    \op $0x5, DATA + 16, %xmm0
    call mixx
    .endr
    insertps $0x9c, DATA + 32, %xmm0
    pinsrb $7, DATA + 1, %xmm0
    pinsrd $1, DATA + 5, %xmm0
    pinsrq $1, DATA + 9, %xmm0
    pextrb $3, %xmm0, %eax
    call mix
    pextrd $2, %xmm0, %eax
    call mix
    pextrq $1, %xmm0, %rax
    call mix
    extractps $1, %xmm0, %eax
    call mix
    call mixx
    movdqa DATA, %xmm1
    pand DATA + 16, %xmm1
    ptest DATA + 32, %xmm1
    pushf
    pop %rax
    and $0x8d5, %eax
    jmp mix

test_sse42:
    call fill
    andl $0x03030303, DATA          /* few letters, so that they meet */
    andl $0x03030303, DATA + 4
    andl $0x03030303, DATA + 8
    andl $0x03030303, DATA + 12
    andl $0x03030303, DATA + 16
    andl $0x03030303, DATA + 20
    andl $0x03030303, DATA + 24
    andl $0x03030303, DATA + 28
    movdqa DATA, %xmm1
    call rnd
    mov %eax, %edx
    and $15, %edx
    shr $16, %eax
    and $15, %eax
    mov %rax, %r8
    mov %rdx, %r9
    .irp imm, 0x00, 0x04, 0x08, 0x0c, 0x1a, 0x38, 0x44, 0x4c, 0x7e, 0x30, 0x09, 0x0d
    mov %r8, %rax
    mov %r9, %rdx
    pcmpestri $\imm, DATA + 16, %xmm1
    pushf
    pop %rax
    and $0x8d5, %eax
    call mix
    mov %ecx, %eax
    call mix
    pcmpistri $\imm, DATA + 16, %xmm1
    pushf
    pop %rax
    and $0x8d5, %eax
    call mix
    mov %ecx, %eax
    call mix
    mov %r8, %rax
    mov %r9, %rdx
    pcmpestrm $\imm, DATA + 16, %xmm1
    call mixx
    pcmpistrm $\imm, DATA + 16, %xmm1
    call mixx
    .endr
    movdqa DATA, %xmm0
    pcmpgtq DATA + 32, %xmm0
    call mixx
    mov DATA + 40, %rax
    crc32b DATA + 1, %eax
    crc32w DATA + 2, %eax
    crc32l DATA + 4, %eax
    crc32q DATA + 8, %rax
    popcnt %rax, %rdx
    call mix
    mov %rdx, %rax
    jmp mix

test_aes:
    call fill
    .irp op, aesenc, aesenclast, aesdec, aesdeclast, aesimc
    movdqa DATA, %xmm0
    \op DATA + 16, %xmm0
    call mixx
    .endr
    .irp imm, 0, 1, 0x36
    aeskeygenassist $\imm, DATA, %xmm0
    call mixx
    .endr
    .irp imm, 0, 1, 0x10, 0x11
    movdqa DATA, %xmm0
    pclmulqdq $\imm, DATA + 16, %xmm0
    call mixx
    .endr
    ret

/* ---- Floats in vectors ---- */

.macro MODES body
    .irp rc, 0x1f80, 0x3f80, 0x5f80, 0x7f80
    movl $\rc, IMAGE
    ldmxcsr IMAGE
    call \body
    .endr
    movl $0x1f80, IMAGE
    ldmxcsr IMAGE
.endm

test_float:
    call fill_floats
    MODES float_ops
    ret

float_ops:
    .irp op, addps, subps, mulps, divps, minps, maxps, addss, subss, mulss, divss, minss, maxss, haddps, hsubps, \
             addsubps
    movaps DATA + 32, %xmm0
    \op DATA + 48, %xmm0
    call mixx
    call mixcsr
    .endr
    .irp op, addpd, subpd, mulpd, divpd, minpd, maxpd, addsd, subsd, mulsd, divsd, minsd, maxsd, haddpd, hsubpd, \
             addsubpd
    movapd DATA, %xmm0
    \op DATA + 16, %xmm0
    call mixx
    call mixcsr
    .endr
    movaps DATA + 48, %xmm1
    sqrtps %xmm1, %xmm0
    call mixx
    sqrtss DATA + 48, %xmm0
    call mixx
    cvtps2pd DATA + 48, %xmm1
    sqrtpd %xmm1, %xmm0
    call mixx
    sqrtsd DATA, %xmm0              /* often of a negative number */
    call mixx
    call mixcsr
    movaps DATA + 32, %xmm0
    dpps $0xf1, DATA + 48, %xmm0
    call mixx
    movapd DATA, %xmm0
    dppd $0x31, DATA + 16, %xmm0
    call mixx
    .irp imm, 0, 1, 2, 3, 4, 12
    roundps $\imm, DATA + 32, %xmm0
    call mixx
    roundpd $\imm, DATA, %xmm0
    call mixx
    roundss $\imm, DATA + 36, %xmm0
    call mixx
    roundsd $\imm, DATA + 8, %xmm0
    call mixx
    .endr
    jmp mixcsr

test_compare:
    call fill_floats
    movl $0x7fc00000, DATA + 40     /* a quiet NaN among them */
    .irp imm, 0, 1, 2, 3, 4, 5, 6, 7
    movaps DATA + 32, %xmm0
    cmpps $\imm, DATA + 48, %xmm0
    call mixx
    movapd DATA, %xmm0
    cmppd $\imm, DATA + 16, %xmm0
    call mixx
    movaps DATA + 48, %xmm0
    cmpss $\imm, DATA + 40, %xmm0
    call mixx
    movsd DATA, %xmm0
    cmpsd $\imm, DATA + 8, %xmm0
    call mixx
    call mixcsr
    .endr
    .irp op, comiss, ucomiss
    movss DATA + 32, %xmm0
    \op DATA + 36, %xmm0
    call mixf
    \op DATA + 40, %xmm0
    call mixf
    .endr
    .irp op, comisd, ucomisd
    movsd DATA, %xmm0
    \op DATA + 8, %xmm0
    call mixf
    \op DATA, %xmm0
    call mixf
    .endr
    jmp mixcsr

mixf:
    pushf
    pop %rax
    and $0x8d5, %eax
    jmp mix

/* fcomi: TCG leaves OF, SF and AF. */
mixfc:
    pushf
    pop %rax
    and $0x45, %eax
    jmp mix

test_convert:
    call fill_floats
    MODES convert_ops
    ret

convert_ops:
    .irp op, cvtps2dq, cvttps2dq, cvtdq2ps, cvtps2pd, cvtdq2pd
    \op DATA + 32, %xmm0
    call mixx
    .endr
    .irp op, cvtpd2dq, cvttpd2dq, cvtpd2ps
    \op DATA, %xmm0
    call mixx
    .endr
    .irp op, cvtss2si, cvttss2si
    \op DATA + 32, %eax
    call mix
    \op DATA + 36, %rax
    call mix
    .endr
    .irp op, cvtsd2si, cvttsd2si
    \op DATA, %eax
    call mix
    \op DATA + 8, %rax
    call mix
    .endr
    call rnd
    cvtsi2ss %eax, %xmm0
    cvtsi2ssq DATA, %xmm1
    addss %xmm1, %xmm0
    call mixx
    cvtsi2sdq DATA + 8, %xmm0
    call mixx
    cvtsd2ss DATA, %xmm0
    cvtss2sd DATA + 32, %xmm1
    addsd %xmm1, %xmm0
    call mixx
    cvtps2pi DATA + 32, %mm0
    call mixm
    cvttpd2pi DATA, %mm0
    call mixm
    cvtpi2ps DATA, %xmm0
    cvtpi2pd DATA + 8, %xmm1
    emms
    call mixx
    jmp mixcsr

/* ---- x87 ---- */

.macro X87_MODES body
    .irp cw, 0x37f, 0x77f, 0xb7f, 0xf7f
    movw $\cw, IMAGE
    fldcw IMAGE
    call \body
    .endr
    fninit
.endm

/* The integer forms have an i after the f. */
.macro fifaddl m
    fiaddl \m
.endm
.macro fifmull m
    fimull \m
.endm
.macro fifsubl m
    fisubl \m
.endm
.macro fifsubrl m
    fisubrl \m
.endm
.macro fifdivl m
    fidivl \m
.endm
.macro fifdivrl m
    fidivrl \m
.endm

test_x87:
    call fill_floats
    call rnd
    mov %rax, DATA + 56
    X87_MODES x87_ops
    .irp cw, 0x27f, 0x67f, 0xa7f, 0xe7f
    movw $\cw, IMAGE
    fldcw IMAGE
    call x87_double_ops
    .endr
    fninit
    ret

x87_double_ops:
    .irp op, fadd, fmul, fsub, fsubr, fdiv, fdivr
    fldl DATA
    \op\()l DATA + 16
    fldl DATA + 8
    \op\()p
    call mixst
    .endr
    fldl DATA
    fabs
    fsqrt
    jmp mixst

x87_ops:
    .irp op, fadd, fmul, fsub, fsubr, fdiv, fdivr
    fldl DATA
    fldl DATA + 8
    \op %st(1), %st
    call mixst
    \op\()l DATA + 16
    \op\()s DATA + 32
    call mixst
    fildll DATA + 56
    fi\()\op\()l DATA + 56
    call mixst
    .endr
    fldl DATA
    fldl DATA + 8
    faddp
    fldl DATA + 16
    fmulp
    fldl DATA + 24
    fdivrp
    fldl DATA + 8
    fsubp
    call mixst
    fldl DATA
    fabs
    fsqrt
    call mixst
    fldl DATA
    fsqrt
    call mixst
    fldl DATA
    frndint
    call mixst
    fldl DATA + 16
    fldl DATA
    fprem
    fstp %st(1)
    call mixcc
    fldl DATA + 16
    fldl DATA
    fprem1
    fstp %st(1)
    call mixst
    fldl DATA
    fxtract
    call mixst
    call mixst
    fldl DATA + 48
    fildl DATA + 56
    fidivl DATA + 48
    fxch
    fscale
    fstp %st(1)
    jmp mixst

test_x87_int:
    call fill_floats
    call fill_floats
    X87_MODES x87_int_ops
    ret

x87_int_ops:
    .irp op, fistps, fistpl, fistpll, fisttps, fisttpl, fisttpll, fstps, fstpl, fbstp
    fldl DATA
    movq $0, IMAGE + 16
    movq $0, IMAGE + 24
    \op IMAGE + 16
    mov IMAGE + 16, %rax
    call mix
    mov IMAGE + 24, %rax
    call mix
    fnstsw %ax
    and $X87_FLAGS, %eax
    call mix
    fnclex
    .endr
    fldl DATA + 8
    fbstp IMAGE + 16
    fbld IMAGE + 16
    call mixst
    filds DATA
    fildl DATA + 4
    fildll DATA + 8
    call mixst
    call mixst
    call mixst
    fldpi
    fldl2t
    fldl2e
    fldlg2
    fldln2
    faddp
    call mixst
    call mixst
    call mixst
    call mixst
    fld1
    fldz
    call mixst
    jmp mixst

test_x87_compare:
    call fill_floats
    .irp op, fcom, fucom
    fldl DATA
    fldl DATA + 8
    \op
    call mixcc
    \op %st(0)
    call mixcc
    .endr
    fldl DATA
    fcoml DATA + 8
    ftst
    call mixcc
    fldl DATA
    ficoml DATA + 56
    fxam
    call mixcc
    fldl DATA
    fldl DATA + 8
    .irp op, fcomi, fucomi
    \op %st(1), %st
    call mixfc
    .endr
    .irp op, fcmovb, fcmove, fcmovbe, fcmovu, fcmovnb, fcmovne, fcmovnbe, fcmovnu
    \op %st(1), %st
    fld %st(0)
    call mixst
    .endr
    call mixst
    jmp mixst

test_x87_stack:
    call fill_floats
    fninit
    .irp i, 0, 8, 16, 24, 0, 8, 16, 24
    fldl DATA + \i
    .endr
    fnstsw %ax
    call mix
    fxch %st(3)
    fincstp
    fdecstp
    ffree %st(7)
    fnstenv IMAGE + 64
    .irp off, 0, 4, 8               /* control, status, tags; TCG leaves the rest of the words zero */
    movzwl IMAGE + 64 + \off, %eax
    call mix
    .endr
    fldenv IMAGE + 64
    fnsave IMAGE + 64
    frstor IMAGE + 64
    .rept 7
    call mixst
    .endr
    fninit
    ret

/* Infinities, zeros, a NaN, denormals and the largest, against each other, but never two NaNs. */
    .section .rodata
    .balign 16
special:
    .quad 0, 0x8000000000000000, 0x3ff0000000000000, 0x7ff0000000000000, 0xfff0000000000000, 0x0000000000000001
    .quad 0x7fefffffffffffff, 0x0010000000000000, 0x7ff8000000001234
    .set SPECIALS, 9
    .text

test_x87_special:
    cmp $2, %ebx                    /* twice is enough */
    ja 9f
    lea special(%rip), %rdi
    mov $SPECIALS, %ecx
1:
    mov $(SPECIALS - 1), %edx       /* without the NaN */
2:
    .irp op, fadd, fmul, fsub, fdiv, fdivr
    fldl -8(%rdi, %rcx, 8)
    \op\()l -8(%rdi, %rdx, 8)
    call mixst
    .endr
    fldl -8(%rdi, %rcx, 8)
    fcompl -8(%rdi, %rdx, 8)
    fldl -8(%rdi, %rdx, 8)
    fxam
    call mixst
    .irp op, addsd, subsd, mulsd, divsd, minsd, maxsd, sqrtsd
    movsd -8(%rdi, %rcx, 8), %xmm0
    \op -8(%rdi, %rdx, 8), %xmm0
    movq %xmm0, %rax
    call mix
    call mixcsr
    .endr
    cvtsd2ss -8(%rdi, %rdx, 8), %xmm0
    movd %xmm0, %eax
    call mix
    cvtsd2si -8(%rdi, %rcx, 8), %rax
    call mix
    call mixcsr
    dec %edx
    jnz 2b
    dec %ecx
    jnz 1b
9:
    ret

test_fxsave:
    call fill_floats
    call fill_floats
    movapd DATA, %xmm3
    movapd DATA + 16, %xmm15
    fldl DATA
    fldl DATA + 8
    fxsave64 IMAGE + 128
    fninit
    pxor %xmm3, %xmm3
    pxor %xmm15, %xmm15
    mov IMAGE + 128, %eax           /* control, status */
    call mix
    movzbl IMAGE + 132, %eax        /* tags */
    call mix
    mov $(IMAGE + 128 + 32), %ecx
1:
    mov (%rcx), %rax
    cmp $(IMAGE + 128 + 160), %ecx
    jae 2f
    call mix
    movzwl 8(%rcx), %eax
2:
    call mix
    add $16, %ecx
    cmp $(IMAGE + 128 + 416), %ecx
    jb 1b
    fxrstor64 IMAGE + 128
    movdqa %xmm3, %xmm0
    call mixx
    movdqa %xmm15, %xmm0
    call mixx
    call mixst
    jmp mixst
