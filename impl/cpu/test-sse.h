/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The templates of test-sse.c: encodings of all MMX and SSE instructions, and what kind of operands they like.
 */
#ifndef CPU_TEST_SSE_H
#define CPU_TEST_SSE_H

#include <stdint.h>

enum {
    T_REG = 1,           /* only registers in ModRM */
    T_MEM = 2,           /* only memory */
    T_GREG = 4,          /* reg is a general register */
    T_GRM = 8,           /* rm is a general register, or memory */
    T_F32 = 16,          /* operands are binary32 numbers */
    T_F64 = 32,
    T_COUNT = 64,        /* operands are often shift counts */
    T_NEAR = 128,        /* the result is an approximation */
    T_TEXT = 256,        /* bytes that are often equal, small numbers in general registers */
    T_FX = 512,          /* the memory operand is an image of fxsave */
    T_ALIGNED = 1024,
};

typedef struct SseTemplate {
    const char *name;
    const char *bytes;
    unsigned kind;
} SseTemplate;

#define MX(name, op) { name, "0f " op " /r" }, { name, "66 0f " op " /r" }
#define MX_COUNT(name, op) { name, "0f " op " /r", T_COUNT }, { name, "66 0f " op " /r", T_COUNT }
#define MX_IMM(name, op, kind) { name, "0f " op " ib", kind }, { name, "66 0f " op " ib", kind }
#define XM(name, op) { name, "66 0f " op " /r" }
#define XM_IMM(name, op, kind) { name, "66 0f " op " ib", kind }
/* ps, pd; and ss, sd */
#define PACKED(name, op) { name "ps", "0f " op, T_F32 }, { name "pd", "66 0f " op, T_F64 }
#define SCALAR(name, op) { name "ss", "f3 0f " op, T_F32 }, { name "sd", "f2 0f " op, T_F64 }
#define FOUR(name, op) PACKED(name, op), SCALAR(name, op)

static const SseTemplate sse_templates[] = {
    /* Arithmetic and logic on integers */
    MX("paddb", "fc"), MX("paddw", "fd"), MX("paddd", "fe"), MX("paddq", "d4"), MX("paddsb", "ec"), MX("paddsw", "ed"),
    MX("paddusb", "dc"), MX("paddusw", "dd"), MX("psubb", "f8"), MX("psubw", "f9"), MX("psubd", "fa"),
    MX("psubq", "fb"), MX("psubsb", "e8"), MX("psubsw", "e9"), MX("psubusb", "d8"), MX("psubusw", "d9"),
    MX("pmullw", "d5"), MX("pmulhw", "e5"), MX("pmulhuw", "e4"), MX("pmuludq", "f4"), MX("pmaddwd", "f5"),
    MX("psadbw", "f6"), MX("pcmpeqb", "74"), MX("pcmpeqw", "75"), MX("pcmpeqd", "76"), MX("pcmpgtb", "64"),
    MX("pcmpgtw", "65"), MX("pcmpgtd", "66"), MX("pand", "db"), MX("pandn", "df"), MX("por", "eb"), MX("pxor", "ef"),
    MX("pavgb", "e0"), MX("pavgw", "e3"), MX("pminub", "da"), MX("pmaxub", "de"), MX("pminsw", "ea"),
    MX("pmaxsw", "ee"), MX("packsswb", "63"), MX("packssdw", "6b"), MX("packuswb", "67"), MX("punpcklbw", "60"),
    MX("punpcklwd", "61"), MX("punpckldq", "62"), MX("punpckhbw", "68"), MX("punpckhwd", "69"), MX("punpckhdq", "6a"),
    XM("punpcklqdq", "6c"), XM("punpckhqdq", "6d"), MX_COUNT("psllw", "f1"), MX_COUNT("pslld", "f2"),
    MX_COUNT("psllq", "f3"), MX_COUNT("psrlw", "d1"), MX_COUNT("psrld", "d2"), MX_COUNT("psrlq", "d3"),
    MX_COUNT("psraw", "e1"), MX_COUNT("psrad", "e2"), MX_IMM("psrlw", "71 /2", T_REG | T_COUNT),
    MX_IMM("psraw", "71 /4", T_REG | T_COUNT), MX_IMM("psllw", "71 /6", T_REG | T_COUNT),
    MX_IMM("psrld", "72 /2", T_REG | T_COUNT), MX_IMM("psrad", "72 /4", T_REG | T_COUNT),
    MX_IMM("pslld", "72 /6", T_REG | T_COUNT), MX_IMM("psrlq", "73 /2", T_REG | T_COUNT),
    MX_IMM("psllq", "73 /6", T_REG | T_COUNT), XM_IMM("psrldq", "73 /3", T_REG | T_COUNT),
    XM_IMM("pslldq", "73 /7", T_REG | T_COUNT),
    /* SSSE3 */
    MX("pshufb", "38 00"), MX("phaddw", "38 01"), MX("phaddd", "38 02"), MX("phaddsw", "38 03"),
    MX("pmaddubsw", "38 04"), MX("phsubw", "38 05"), MX("phsubd", "38 06"), MX("phsubsw", "38 07"),
    MX("psignb", "38 08"), MX("psignw", "38 09"), MX("psignd", "38 0a"), MX("pmulhrsw", "38 0b"), MX("pabsb", "38 1c"),
    MX("pabsw", "38 1d"), MX("pabsd", "38 1e"), MX_IMM("palignr", "3a 0f /r", T_COUNT),
    /* SSE4 */
    XM("pblendvb", "38 10"), XM("blendvps", "38 14"), XM("blendvpd", "38 15"), XM("ptest", "38 17"),
    XM("pmovsxbw", "38 20"), XM("pmovsxbd", "38 21"), XM("pmovsxbq", "38 22"), XM("pmovsxwd", "38 23"),
    XM("pmovsxwq", "38 24"), XM("pmovsxdq", "38 25"), XM("pmuldq", "38 28"), XM("pcmpeqq", "38 29"),
    XM("packusdw", "38 2b"), XM("pmovzxbw", "38 30"), XM("pmovzxbd", "38 31"), XM("pmovzxbq", "38 32"),
    XM("pmovzxwd", "38 33"), XM("pmovzxwq", "38 34"), XM("pmovzxdq", "38 35"), XM("pcmpgtq", "38 37"),
    XM("pminsb", "38 38"), XM("pminsd", "38 39"), XM("pminuw", "38 3a"), XM("pminud", "38 3b"), XM("pmaxsb", "38 3c"),
    XM("pmaxsd", "38 3d"), XM("pmaxuw", "38 3e"), XM("pmaxud", "38 3f"), XM("pmulld", "38 40"),
    XM("phminposuw", "38 41"), XM_IMM("blendps", "3a 0c /r", 0), XM_IMM("blendpd", "3a 0d /r", 0),
    XM_IMM("pblendw", "3a 0e /r", 0), XM_IMM("mpsadbw", "3a 42 /r", 0), XM_IMM("insertps", "3a 21 /r", 0),
    XM_IMM("pcmpestrm", "3a 60 /r", T_TEXT), XM_IMM("pcmpestri", "3a 61 /r", T_TEXT),
    XM_IMM("pcmpistrm", "3a 62 /r", T_TEXT), XM_IMM("pcmpistri", "3a 63 /r", T_TEXT),
    XM_IMM("pcmpistri", "3a 63 /r", 0), { "crc32", "f2 0f 38 f0 /r", T_GREG | T_GRM },
    { "crc32", "f2 0f 38 f1 /r", T_GREG | T_GRM }, { "crc32", "66 f2 0f 38 f1 /r", T_GREG | T_GRM },
    /* Cryptography */
    XM("aesimc", "38 db"), XM("aesenc", "38 dc"), XM("aesenclast", "38 dd"), XM("aesdec", "38 de"),
    XM("aesdeclast", "38 df"), XM_IMM("aeskeygenassist", "3a df /r", 0), XM_IMM("pclmulqdq", "3a 44 /r", 0),
    { "sha1nexte", "0f 38 c8 /r" }, { "sha1msg1", "0f 38 c9 /r" }, { "sha1msg2", "0f 38 ca /r" },
    { "sha256rnds2", "0f 38 cb /r" }, { "sha256msg1", "0f 38 cc /r" }, { "sha256msg2", "0f 38 cd /r" },
    { "sha1rnds4", "0f 3a cc /r ib" },
    /* Shuffles */
    MX_IMM("pshufw", "70 /r", 0), { "pshufhw", "f3 0f 70 /r ib" }, { "pshuflw", "f2 0f 70 /r ib" },
    PACKED("shuf", "c6 /r ib"), PACKED("unpckl", "14 /r"), PACKED("unpckh", "15 /r"), PACKED("and", "54 /r"),
    PACKED("andn", "55 /r"), PACKED("or", "56 /r"), PACKED("xor", "57 /r"),
    /* Moves */
    PACKED("movu", "10 /r"), PACKED("movu", "11 /r"), SCALAR("mov", "10 /r"), SCALAR("mov", "11 /r"),
    PACKED("mova", "28 /r"), PACKED("mova", "29 /r"), { "movlps", "0f 12 /r" }, { "movlpd", "66 0f 12 /r", T_MEM },
    { "movlps", "0f 13 /r", T_MEM }, { "movlpd", "66 0f 13 /r", T_MEM }, { "movhps", "0f 16 /r" },
    { "movhpd", "66 0f 16 /r", T_MEM }, { "movhps", "0f 17 /r", T_MEM }, { "movhpd", "66 0f 17 /r", T_MEM },
    { "movsldup", "f3 0f 12 /r" }, { "movshdup", "f3 0f 16 /r" }, { "movddup", "f2 0f 12 /r" },
    { "movntps", "0f 2b /r", T_MEM }, { "movntpd", "66 0f 2b /r", T_MEM }, { "movntdq", "66 0f e7 /r", T_MEM },
    { "movntq", "0f e7 /r", T_MEM }, { "movntdqa", "66 0f 38 2a /r", T_MEM }, { "lddqu", "f2 0f f0 /r", T_MEM },
    { "movnti", "0f c3 /r", T_MEM | T_GREG }, { "movdqu", "f3 0f 6f /r" }, { "movdqu", "f3 0f 7f /r" },
    MX("movq", "6f"), MX("movq", "7f"), { "movd", "0f 6e /r", T_GRM }, { "movd", "66 0f 6e /r", T_GRM },
    { "movd", "0f 7e /r", T_GRM }, { "movd", "66 0f 7e /r", T_GRM }, { "movq", "f3 0f 7e /r" },
    { "movq", "66 0f d6 /r" }, { "movq2dq", "f3 0f d6 /r", T_REG }, { "movdq2q", "f2 0f d6 /r", T_REG },
    { "maskmovq", "0f f7 /r", T_REG }, { "maskmovdqu", "66 0f f7 /r", T_REG },
    { "movmskps", "0f 50 /r", T_REG | T_GREG }, { "movmskpd", "66 0f 50 /r", T_REG | T_GREG },
    { "pmovmskb", "0f d7 /r", T_REG | T_GREG }, { "pmovmskb", "66 0f d7 /r", T_REG | T_GREG },
    { "pextrw", "0f c5 /r ib", T_REG | T_GREG }, { "pextrw", "66 0f c5 /r ib", T_REG | T_GREG },
    { "pinsrw", "0f c4 /r ib", T_GRM }, { "pinsrw", "66 0f c4 /r ib", T_GRM }, XM_IMM("pextrb", "3a 14 /r", T_GRM),
    XM_IMM("pextrw", "3a 15 /r", T_GRM), XM_IMM("pextrd", "3a 16 /r", T_GRM), XM_IMM("extractps", "3a 17 /r", T_GRM),
    XM_IMM("pinsrb", "3a 20 /r", T_GRM), XM_IMM("pinsrd", "3a 22 /r", T_GRM), { "emms", "0f 77" },
    { "ldmxcsr", "0f ae /2", T_MEM | T_COUNT }, { "stmxcsr", "0f ae /3", T_MEM },
    { "fxsave", "0f ae /0", T_MEM | T_FX }, { "fxrstor", "0f ae /1", T_MEM | T_FX }, { "clflush", "0f ae /7", T_MEM },
    /* Floating point */
    FOUR("add", "58 /r"), FOUR("mul", "59 /r"), FOUR("sub", "5c /r"), FOUR("min", "5d /r"), FOUR("div", "5e /r"),
    FOUR("max", "5f /r"), FOUR("sqrt", "51 /r"), FOUR("cmp", "c2 /r ib"), { "rcpps", "0f 53 /r", T_F32 | T_NEAR },
    { "rcpss", "f3 0f 53 /r", T_F32 | T_NEAR }, { "rsqrtps", "0f 52 /r", T_F32 | T_NEAR },
    { "rsqrtss", "f3 0f 52 /r", T_F32 | T_NEAR }, PACKED("ucomis", "2e /r"), PACKED("comis", "2f /r"),
    { "addsubps", "f2 0f d0 /r", T_F32 }, { "addsubpd", "66 0f d0 /r", T_F64 }, { "haddps", "f2 0f 7c /r", T_F32 },
    { "haddpd", "66 0f 7c /r", T_F64 }, { "hsubps", "f2 0f 7d /r", T_F32 }, { "hsubpd", "66 0f 7d /r", T_F64 },
    XM_IMM("roundps", "3a 08 /r", T_F32), XM_IMM("roundpd", "3a 09 /r", T_F64), XM_IMM("roundss", "3a 0a /r", T_F32),
    XM_IMM("roundsd", "3a 0b /r", T_F64), XM_IMM("dpps", "3a 40 /r", T_F32),
    XM_IMM("dppd", "3a 41 /r", T_F64),
    /* Conversions */
    { "cvtps2pd", "0f 5a /r", T_F32 }, { "cvtpd2ps", "66 0f 5a /r", T_F64 }, { "cvtss2sd", "f3 0f 5a /r", T_F32 },
    { "cvtsd2ss", "f2 0f 5a /r", T_F64 }, { "cvtdq2ps", "0f 5b /r" }, { "cvtps2dq", "66 0f 5b /r", T_F32 },
    { "cvttps2dq", "f3 0f 5b /r", T_F32 }, { "cvttpd2dq", "66 0f e6 /r", T_F64 }, { "cvtpd2dq", "f2 0f e6 /r", T_F64 },
    { "cvtdq2pd", "f3 0f e6 /r" }, { "cvtpi2ps", "0f 2a /r" }, { "cvtpi2pd", "66 0f 2a /r" },
    { "cvtsi2ss", "f3 0f 2a /r", T_GRM }, { "cvtsi2sd", "f2 0f 2a /r", T_GRM }, { "cvttps2pi", "0f 2c /r", T_F32 },
    { "cvttpd2pi", "66 0f 2c /r", T_F64 }, { "cvtps2pi", "0f 2d /r", T_F32 }, { "cvtpd2pi", "66 0f 2d /r", T_F64 },
    { "cvttss2si", "f3 0f 2c /r", T_F32 | T_GREG }, { "cvttsd2si", "f2 0f 2c /r", T_F64 | T_GREG },
    { "cvtss2si", "f3 0f 2d /r", T_F32 | T_GREG }, { "cvtsd2si", "f2 0f 2d /r", T_F64 | T_GREG },
};

#endif
