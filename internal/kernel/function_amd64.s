//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"
#include "function_avx512_amd64.h"

// K is a row of ·functionTable.
#define K(i) ·functionTable+(32*i)(SB)

// EACH is a function of (dst, x *float32, n uintptr, lo, hi float32), of which only exp reads one: OP turns Y0,
// x[i], into dst[i]. It leaves Y13 and uses the others as it likes. OPZ is OP for AVX-512, from Z0 to Z0; there it is
// quick enough that what does not fit the second-level cache waits for memory unless dst is asked for in advance.
#define EACH(name, OP, OPZ) \
TEXT name(SB), NOSPLIT, $0-32;       \
	MOVQ         dst+0(FP), DI;      \
	MOVQ         x+8(FP), SI;        \
	MOVQ         n+16(FP), CX;       \
	IFAVX512(avx512);                \
	SUBQ         $8, CX;             \
	JLT          tail;               \
loop:                                \
	VMOVUPS      (SI), Y0;           \
	OP;                              \
	VMOVUPS      Y0, (DI);           \
	ADDQ         $32, SI;            \
	ADDQ         $32, DI;            \
	SUBQ         $8, CX;             \
	JGE          loop;               \
tail:                                \
	ADDQ         $8, CX;             \
	JZ           done;               \
	TAILMASK(Y13);                   \
	VMASKMOVPS   (SI), Y13, Y0;      \
	OP;                              \
	VMASKMOVPS   Y0, Y13, (DI);      \
done:                                \
	VZEROUPPER;                      \
	RET;                             \
avx512:                              \
	EXPCONSTANTS;                    \
	XORL         R10, R10;           \
	SUBQ         $16, CX;            \
	JLT          tail16;             \
	CMPQ         CX, $65536;         \
	JLT          loop16;             \
	MOVL         $2048, R10;         \
loop16:                              \
	PREFETCHT0   (DI)(R10*1);        \
	VMOVUPS      (SI), Z0;           \
	OPZ;                             \
	VMOVUPS      Z0, (DI);           \
	ADDQ         $64, SI;            \
	ADDQ         $64, DI;            \
	SUBQ         $16, CX;            \
	JGE          loop16;             \
tail16:                              \
	ADDQ         $16, CX;            \
	JZ           done;               \
	LEFT(K1);                        \
	VMOVUPS.Z    (SI), K1, Z0;       \
	OPZ;                             \
	VMOVUPS      Z0, K1, (DI);       \
	JMP          done

// LOGSERIES is log(1+f) + e·ln 2 of f, Y2, and e, Y3, into Y0: see ·functionTable.
#define LOGSERIES \
	VMOVUPS     K(2), Y4;     \
	VFMADD213PS K(3), Y2, Y4; \
	VFMADD213PS K(4), Y2, Y4; \
	VFMADD213PS K(5), Y2, Y4; \
	VFMADD213PS K(6), Y2, Y4; \
	VFMADD213PS K(7), Y2, Y4; \
	VFMADD213PS K(8), Y2, Y4; \
	VFMADD213PS K(9), Y2, Y4; \
	VFMADD213PS K(10), Y2, Y4; \
	VFMADD213PS K(11), Y2, Y4; \
	VMULPS      Y2, Y2, Y0;   \
	VMULPS      Y4, Y0, Y0;   \
	VFMADD231PS K(12), Y3, Y0; \
	VADDPS      Y2, Y0, Y0;   \
	VFMADD231PS K(13), Y3, Y0

// EXPONENT splits Y1 into 2^e·m, m between √½ and √2: e as an integer in Y3, m in Y2.
#define EXPONENT \
	VPSUBD K(14), Y1, Y3; \
	VPSRAD $23, Y3, Y3;   \
	VPSLLD $23, Y3, Y2;   \
	VPSUBD Y2, Y1, Y2

// LOG takes denormal arguments times 2²⁵.
#define LOG \
	VMOVAPS   Y0, Y10;         \
	VCMPPS    $17, K(15), Y0, Y7; \
	VMULPS    K(16), Y0, Y1;   \
	VBLENDVPS Y7, Y1, Y0, Y1;  \
	EXPONENT;                  \
	VCVTDQ2PS Y3, Y3;          \
	VANDPS    K(17), Y7, Y7;   \
	VSUBPS    Y7, Y3, Y3;      \
	VSUBPS    K(18), Y2, Y2;   \
	LOGSERIES;                 \
	VXORPS    Y1, Y1, Y1;      \
	VCMPPS    $17, Y1, Y10, Y2; \
	VORPS     Y2, Y0, Y0;      \
	VCMPPS    $0, Y1, Y10, Y2; \
	VMOVUPS   K(19), Y3;       \
	VXORPS    K(0), Y3, Y4;    \
	VBLENDVPS Y2, Y4, Y0, Y0;  \
	VCMPPS    $21, Y3, Y10, Y2; \
	VBLENDVPS Y2, Y10, Y0, Y0

// LOG1PCORE is log(1+x) for x, Y0, above -1 and below 2¹⁰⁰: 1+x is rounded only to find e, f = x·2⁻ᵉ + (2⁻ᵉ-1) is
// rounded once.
#define LOG1PCORE \
	VADDPS      K(18), Y0, Y1;  \
	EXPONENT;                   \
	VPSLLD      $23, Y3, Y4;    \
	VMOVUPS     K(18), Y2;      \
	VPSUBD      Y4, Y2, Y4;     \
	VSUBPS      Y2, Y4, Y2;     \
	VFMADD231PS Y0, Y4, Y2;     \
	VCVTDQ2PS   Y3, Y3;         \
	LOGSERIES

// LOG1P takes the logarithm of x alone from 2²⁴ on, which is as near.
#define LOG1P \
	VMOVAPS     Y0, Y10;        \
	VADDPS      K(18), Y0, Y1;  \
	EXPONENT;                   \
	VSUBPS      K(18), Y2, Y5;  \
	VPSLLD      $23, Y3, Y4;    \
	VMOVUPS     K(18), Y2;      \
	VPSUBD      Y4, Y2, Y4;     \
	VSUBPS      Y2, Y4, Y2;     \
	VFMADD231PS Y0, Y4, Y2;     \
	VCMPPS      $29, K(20), Y0, Y4; \
	VBLENDVPS   Y4, Y5, Y2, Y2; \
	VCVTDQ2PS   Y3, Y3;         \
	LOGSERIES;                  \
	VMOVUPS     K(21), Y1;      \
	VCMPPS      $17, Y1, Y10, Y2; \
	VORPS       Y2, Y0, Y0;     \
	VCMPPS      $0, Y1, Y10, Y2; \
	VMOVUPS     K(19), Y3;      \
	VXORPS      K(0), Y3, Y4;   \
	VBLENDVPS   Y2, Y4, Y0, Y0; \
	VCMPPS      $21, Y3, Y10, Y2; \
	VXORPS      Y1, Y1, Y1;     \
	VCMPPS      $0, Y1, Y10, Y4; \
	VORPS       Y4, Y2, Y2;     \
	VBLENDVPS   Y2, Y10, Y0, Y0

// EXPM1 is exp(x)-1 of Y0: with exp(x) = 2ⁿ·(1+p), n as in EXP, it is 2·(2ⁿ⁻¹·p + (2ⁿ⁻¹-½)), and x itself where that is as
// near.
#define EXPM1 \
	VMOVAPS      Y0, Y5;                   \
	VMOVUPS      ·expTable+256(SB), Y1;    \
	VMINPS       Y0, Y1, Y0;               \
	VMOVUPS      K(22), Y1;                \
	VMAXPS       Y0, Y1, Y0;               \
	VMOVUPS      ·expTable+352(SB), Y1;    \
	VFMADD231PS  ·expTable+0(SB), Y0, Y1;  \
	VSUBPS       ·expTable+352(SB), Y1, Y6; \
	VFNMADD231PS ·expTable+32(SB), Y6, Y0; \
	VMOVAPS      Y0, Y8;                   \
	VFNMADD231PS ·expTable+64(SB), Y6, Y0; \
	VMOVUPS      ·expTable+96(SB), Y2;     \
	VFMADD213PS  ·expTable+128(SB), Y0, Y2; \
	VFMADD213PS  ·expTable+160(SB), Y0, Y2; \
	VFMADD213PS  ·expTable+192(SB), Y0, Y2; \
	VFMADD213PS  ·expTable+224(SB), Y0, Y2; \
	VMULPS       Y0, Y0, Y3;               \
	VMULPS       Y3, Y2, Y2;               \
	VFNMADD231PS ·expTable+64(SB), Y6, Y2; \
	VADDPS       Y8, Y2, Y2;               \
	VPSLLD       $23, Y1, Y1;              \
	VPADDD       K(23), Y1, Y1;            \
	VADDPS       K(11), Y1, Y0;            \
	VFMADD231PS  Y2, Y1, Y0;               \
	VADDPS       Y0, Y0, Y0;               \
	VANDPS       K(1), Y5, Y1;             \
	VCMPPS       $17, K(24), Y1, Y1;       \
	VBLENDVPS    Y1, Y5, Y0, Y0

// DECAY is exp(-|x|) of Y0; x stays in Y9.
#define DECAY \
	VMOVAPS Y0, Y9;     \
	VORPS   K(0), Y0, Y0; \
	EXP(Y0, Y1, Y2, Y3)

// EXPSHIFT is exp(x-lo).
#define EXPSHIFT \
	VBROADCASTSS lo+24(FP), Y1; \
	VSUBPS       Y1, Y0, Y0;    \
	EXP(Y0, Y1, Y2, Y3)

#define EXPSHIFTZ \
	VSUBPS.BCST lo+24(FP), Z0, Z0; \
	EXPZ(Z0, Z1, Z2)

// SIGMOID picks the numerator by the sign of x.
#define SIGMOID \
	DECAY;                     \
	VMOVUPS   K(18), Y1;       \
	VADDPS    Y1, Y0, Y2;      \
	VBLENDVPS Y9, Y0, Y1, Y1;  \
	VDIVPS    Y2, Y1, Y0

// SIGMOIDSLOPE is e/(1+e)² with e = exp(-|x|).
#define SIGMOIDSLOPE \
	DECAY;                 \
	VADDPS K(18), Y0, Y2;  \
	VMULPS Y2, Y2, Y2;     \
	VDIVPS Y2, Y0, Y0

#define SOFTPLUS \
	DECAY;                \
	LOG1PCORE;            \
	VXORPS Y1, Y1, Y1;    \
	VMAXPS Y1, Y9, Y1;    \
	VADDPS Y1, Y0, Y0

#define LOGSIGMOID \
	VXORPS K(0), Y0, Y0; \
	SOFTPLUS;            \
	VXORPS K(0), Y0, Y0

// TANH is E/(E+2) with E = exp(2|x|)-1, and the sign of x. From 10 on it is 1.
#define TANH \
	VMOVAPS Y0, Y9;         \
	VANDPS  K(1), Y0, Y0;   \
	VADDPS  Y0, Y0, Y0;     \
	VMOVUPS K(25), Y1;      \
	VMINPS  Y0, Y1, Y0;     \
	EXPM1;                  \
	VADDPS  K(26), Y0, Y1;  \
	VDIVPS  Y1, Y0, Y0;     \
	VANDPS  K(0), Y9, Y9;   \
	VORPS   Y9, Y0, Y0

EACH(·expSIMD, EXPSHIFT, EXPSHIFTZ)
EACH(·logSIMD, LOG, LOGZ)
EACH(·log1pSIMD, LOG1P, LOG1PZ)
EACH(·expm1SIMD, EXPM1, EXPM1Z)
EACH(·sigmoidSIMD, SIGMOID, SIGMOIDZ)
EACH(·sigmoidSlopeSIMD, SIGMOIDSLOPE, SIGMOIDSLOPEZ)
EACH(·softplusSIMD, SOFTPLUS, SOFTPLUSZ)
EACH(·logSigmoidSIMD, LOGSIGMOID, LOGSIGMOIDZ)
EACH(·tanhSIMD, TANH, TANHZ)
