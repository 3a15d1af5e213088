//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// MAP is a function of (dst, x *float32, n uintptr, lo, hi float32): OP(x, t, u) turns x[i] into dst[i]. Y15 is -0,
// Y14 is 1, Y12 is lo, Y11 is hi, Y10 is 0, and t and u are free. OPZ is OP for AVX-512, which has K2 instead of u.
#define MAP(name, OP, OPZ) \
TEXT name(SB), NOSPLIT, $0-32;       \
	MOVQ         dst+0(FP), DI;      \
	MOVQ         x+8(FP), SI;        \
	MOVQ         n+16(FP), CX;       \
	IFAVX512(avx512);                \
	VBROADCASTSS lo+24(FP), Y12;     \
	VBROADCASTSS hi+28(FP), Y11;     \
	VMOVUPS      ·functionTable+0(SB), Y15; \
	VMOVUPS      ·expTable+320(SB), Y14; \
	VXORPS       Y10, Y10, Y10;      \
	SUBQ         $32, CX;            \
	JLT          short;              \
wide:                                \
	VMOVUPS      (SI), Y0;           \
	VMOVUPS      32(SI), Y1;         \
	VMOVUPS      64(SI), Y2;         \
	VMOVUPS      96(SI), Y3;         \
	OP(Y0, Y4, Y5);                  \
	OP(Y1, Y6, Y7);                  \
	OP(Y2, Y8, Y9);                  \
	OP(Y3, Y4, Y5);                  \
	VMOVUPS      Y0, (DI);           \
	VMOVUPS      Y1, 32(DI);         \
	VMOVUPS      Y2, 64(DI);         \
	VMOVUPS      Y3, 96(DI);         \
	SUBQ         $-128, SI;          \
	SUBQ         $-128, DI;          \
	SUBQ         $32, CX;            \
	JGE          wide;               \
short:                               \
	ADDQ         $24, CX;            \
	JLT          tail;               \
loop:                                \
	VMOVUPS      (SI), Y0;           \
	OP(Y0, Y4, Y5);                  \
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
	OP(Y0, Y4, Y5);                  \
	VMASKMOVPS   Y0, Y13, (DI);      \
done:                                \
	VZEROUPPER;                      \
	RET;                             \
avx512:                              \
	VBROADCASTSS lo+24(FP), Z12;     \
	VBROADCASTSS hi+28(FP), Z11;     \
	VBROADCASTSS ·functionTable+0(SB), Z15; \
	VBROADCASTSS ·expTable+320(SB), Z14; \
	VPXORD       Z10, Z10, Z10;      \
	SUBQ         $64, CX;            \
	JLT          short16;            \
wide16:                              \
	VMOVUPS      (SI), Z0;           \
	VMOVUPS      64(SI), Z1;         \
	VMOVUPS      128(SI), Z2;        \
	VMOVUPS      192(SI), Z3;        \
	OPZ(Z0, Z4);                     \
	OPZ(Z1, Z5);                     \
	OPZ(Z2, Z6);                     \
	OPZ(Z3, Z7);                     \
	VMOVUPS      Z0, (DI);           \
	VMOVUPS      Z1, 64(DI);         \
	VMOVUPS      Z2, 128(DI);        \
	VMOVUPS      Z3, 192(DI);        \
	ADDQ         $256, SI;           \
	ADDQ         $256, DI;           \
	SUBQ         $64, CX;            \
	JGE          wide16;             \
short16:                             \
	ADDQ         $48, CX;            \
	JLT          tail16;             \
loop16:                              \
	VMOVUPS      (SI), Z0;           \
	OPZ(Z0, Z4);                     \
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
	OPZ(Z0, Z4);                     \
	VMOVUPS      Z0, K1, (DI);       \
	JMP          done

#define NEG(x, t, u)    VXORPS Y15, x, x
#define NEGZ(x, t)      VXORPS Z15, x, x
#define ABS(x, t, u)    VANDNPS x, Y15, x
#define ABSZ(x, t)      VANDNPS x, Z15, x
#define SQRT(x, t, u)   VSQRTPS x, x
#define SQRTZ(x, t)     VSQRTPS x, x
#define SQUARE(x, t, u) VMULPS x, x, x
#define SQUAREZ(x, t)   VMULPS x, x, x
#define FLOOR(x, t, u)  VROUNDPS $9, x, x
#define FLOORZ(x, t)    VRNDSCALEPS $9, x, x
#define ROUND(x, t, u)  VROUNDPS $8, x, x
#define ROUNDZ(x, t)    VRNDSCALEPS $8, x, x

// NaN is in the second operand and passes.
#define CLAMP(x, t, u) \
	VMAXPS x, Y12, x; \
	VMINPS x, Y11, x

#define CLAMPZ(x, t) \
	VMAXPS x, Z12, x; \
	VMINPS x, Z11, x

// SIGN leaves zeros and NaN; predicate 12 is unequal and ordered.
#define SIGN(x, t, u) \
	VCMPPS    $12, Y10, x, t; \
	VANDPS    Y15, x, u;      \
	VORPS     Y14, u, u;      \
	VBLENDVPS t, u, x, x

#define SIGNZ(x, t) \
	VCMPPS $12, Z10, x, K2; \
	VANDPS Z15, x, t;       \
	VORPS  Z14, t, K2, x

// WITHIN is 1 where lo ≤ x ≤ hi.
#define WITHIN(x, t, u) \
	VCMPPS $29, Y12, x, t; \
	VCMPPS $18, Y11, x, u; \
	VANDPS u, t, t;        \
	VANDPS Y14, t, x

#define WITHINZ(x, t) \
	VCMPPS    $29, Z12, x, K2;     \
	VCMPPS    $18, Z11, x, K2, K2; \
	VMOVAPS.Z Z14, K2, x

MAP(·negSIMD, NEG, NEGZ)
MAP(·absSIMD, ABS, ABSZ)
MAP(·sqrtSIMD, SQRT, SQRTZ)
MAP(·squareSIMD, SQUARE, SQUAREZ)
MAP(·floorSIMD, FLOOR, FLOORZ)
MAP(·roundSIMD, ROUND, ROUNDZ)
MAP(·signSIMD, SIGN, SIGNZ)
MAP(·clampSIMD, CLAMP, CLAMPZ)
MAP(·withinSIMD, WITHIN, WITHINZ)
