//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// A function here chooses between AVX2 and AVX-512 itself: both give the same bits.

// PAIR is a function of (dst, a, b *float32, n, sa, sb uintptr): dst[i] = OP(b[i], a[i]), where a and b advance by sa
// and sb bytes, 32 or 0, for eight values. OP(b, a, t) leaves its result in a. Y15 is 0, Y14 is 1, t and Y8 are free.
// OPZ is OP for AVX-512, which has K2 and K3 as well.
#define PAIR(name, OP, OPZ) \
TEXT name(SB), NOSPLIT, $192-48;     \
	MOVQ       dst+0(FP), DI;        \
	MOVQ       a+8(FP), SI;          \
	MOVQ       b+16(FP), DX;         \
	MOVQ       n+24(FP), CX;         \
	MOVQ       sa+32(FP), R8;        \
	MOVQ       sb+40(FP), R9;        \
	IFAVX512(avx512);                \
	SPREAD(SI, R8, 0, across)        \
	SPREAD(DX, R9, 64, both)         \
	LEAQ       (R8)(R8*2), R10;      \
	LEAQ       (R9)(R9*2), R11;      \
	VXORPS     Y15, Y15, Y15;        \
	VMOVUPS    ·expTable+320(SB), Y14; \
	SUBQ       $32, CX;              \
	JLT        short;                \
wide:                                \
	VMOVUPS    (SI), Y0;             \
	VMOVUPS    (SI)(R8*1), Y1;       \
	VMOVUPS    (SI)(R8*2), Y2;       \
	VMOVUPS    (SI)(R10*1), Y3;      \
	VMOVUPS    (DX), Y4;             \
	VMOVUPS    (DX)(R9*1), Y5;       \
	VMOVUPS    (DX)(R9*2), Y6;       \
	VMOVUPS    (DX)(R11*1), Y7;      \
	OP(Y4, Y0, Y9);                  \
	OP(Y5, Y1, Y10);                 \
	OP(Y6, Y2, Y11);                 \
	OP(Y7, Y3, Y12);                 \
	VMOVUPS    Y0, (DI);             \
	VMOVUPS    Y1, 32(DI);           \
	VMOVUPS    Y2, 64(DI);           \
	VMOVUPS    Y3, 96(DI);           \
	LEAQ       (SI)(R8*4), SI;       \
	LEAQ       (DX)(R9*4), DX;       \
	ADDQ       $128, DI;             \
	SUBQ       $32, CX;              \
	JGE        wide;                 \
short:                               \
	ADDQ       $24, CX;              \
	JLT        tail;                 \
loop:                                \
	VMOVUPS    (SI), Y0;             \
	VMOVUPS    (DX), Y4;             \
	OP(Y4, Y0, Y9);                  \
	VMOVUPS    Y0, (DI);             \
	ADDQ       R8, SI;               \
	ADDQ       R9, DX;               \
	ADDQ       $32, DI;              \
	SUBQ       $8, CX;               \
	JGE        loop;                 \
tail:                                \
	ADDQ       $8, CX;               \
	JZ         done;                 \
	TAILMASK(Y13);                   \
	VMASKMOVPS (SI), Y13, Y0;        \
	VMASKMOVPS (DX), Y13, Y4;        \
	OP(Y4, Y0, Y9);                  \
	VMASKMOVPS Y0, Y13, (DI);        \
done:                                \
	VZEROUPPER;                      \
	RET;                             \
avx512:                              \
	SPREAD16(SI, R8, 0, across16)    \
	SPREAD16(DX, R9, 64, both16)     \
	LEAQ       (R8)(R8*2), R10;      \
	LEAQ       (R9)(R9*2), R11;      \
	VPXORD     Z15, Z15, Z15;        \
	VBROADCASTSS ·expTable+320(SB), Z14; \
	SUBQ       $64, CX;              \
	JLT        short16;              \
wide16:                              \
	VMOVUPS    (SI), Z0;             \
	VMOVUPS    (SI)(R8*1), Z1;       \
	VMOVUPS    (SI)(R8*2), Z2;       \
	VMOVUPS    (SI)(R10*1), Z3;      \
	VMOVUPS    (DX), Z4;             \
	VMOVUPS    (DX)(R9*1), Z5;       \
	VMOVUPS    (DX)(R9*2), Z6;       \
	VMOVUPS    (DX)(R11*1), Z7;      \
	OPZ(Z4, Z0, Z9);                 \
	OPZ(Z5, Z1, Z10);                \
	OPZ(Z6, Z2, Z11);                \
	OPZ(Z7, Z3, Z12);                \
	VMOVUPS    Z0, (DI);             \
	VMOVUPS    Z1, 64(DI);           \
	VMOVUPS    Z2, 128(DI);          \
	VMOVUPS    Z3, 192(DI);          \
	LEAQ       (SI)(R8*4), SI;       \
	LEAQ       (DX)(R9*4), DX;       \
	ADDQ       $256, DI;             \
	SUBQ       $64, CX;              \
	JGE        wide16;               \
short16:                             \
	ADDQ       $48, CX;              \
	JLT        tail16;               \
loop16:                              \
	VMOVUPS    (SI), Z0;             \
	VMOVUPS    (DX), Z4;             \
	OPZ(Z4, Z0, Z9);                 \
	VMOVUPS    Z0, (DI);             \
	ADDQ       R8, SI;               \
	ADDQ       R9, DX;               \
	ADDQ       $64, DI;              \
	SUBQ       $16, CX;              \
	JGE        loop16;               \
tail16:                              \
	ADDQ       $16, CX;              \
	JZ         done;                 \
	LEFT(K1);                        \
	VMOVUPS.Z  (SI), K1, Z0;         \
	VMOVUPS.Z  (DX), K1, Z4;         \
	OPZ(Z4, Z0, Z9);                 \
	VMOVUPS    Z0, K1, (DI);         \
	JMP        done

#define ADD(b, a, t) VADDPS b, a, a
#define SUB(b, a, t) VSUBPS b, a, a
#define MUL(b, a, t) VMULPS b, a, a
#define DIV(b, a, t) VDIVPS b, a, a

// VMINPS gives its second operand when they are equal or one is NaN: both orders joined are -0 before 0, and NaN.
#define MIN(b, a, t) \
	VMINPS b, a, t; \
	VMINPS a, b, a; \
	VORPS  t, a, a

#define MAX(b, a, t) \
	VCMPPS $3, b, a, t;  \
	VMAXPS b, a, Y8;     \
	VMAXPS a, b, a;      \
	VANDPS Y8, a, a;     \
	VORPS  t, a, a

#define MAXZ(b, a, t) \
	VCMPPS     $3, b, a, K2;      \
	VMAXPS     b, a, t;           \
	VMAXPS     a, b, a;           \
	VANDPS     t, a, a;           \
	VPTERNLOGD $255, a, a, K2, a

// A comparison is 1 where it holds; the constants are the predicates of VCMPPS.
#define COMPARE(predicate, b, a) \
	VCMPPS predicate, b, a, a; \
	VANDPS Y14, a, a

#define COMPAREZ(predicate, b, a) \
	VCMPPS    predicate, b, a, K2; \
	VMOVAPS.Z Z14, K2, a

#define EQ(b, a, t) COMPARE($0, b, a)
#define NE(b, a, t) COMPARE($4, b, a)
#define LT(b, a, t) COMPARE($17, b, a)
#define LE(b, a, t) COMPARE($18, b, a)
#define EQZ(b, a, t) COMPAREZ($0, b, a)
#define NEZ(b, a, t) COMPAREZ($4, b, a)
#define LTZ(b, a, t) COMPAREZ($17, b, a)
#define LEZ(b, a, t) COMPAREZ($18, b, a)

#define AND(b, a, t) \
	VCMPPS $4, Y15, b, t; \
	VCMPPS $4, Y15, a, a; \
	VANDPS t, a, a;       \
	VANDPS Y14, a, a

#define ANDZ(b, a, t) \
	VCMPPS    $4, Z15, b, K2;     \
	VCMPPS    $4, Z15, a, K2, K2; \
	VMOVAPS.Z Z14, K2, a

#define OR(b, a, t) \
	VCMPPS $4, Y15, b, t; \
	VCMPPS $4, Y15, a, a; \
	VORPS  t, a, a;       \
	VANDPS Y14, a, a

#define ORZ(b, a, t) \
	VCMPPS    $4, Z15, b, K2; \
	VCMPPS    $4, Z15, a, K3; \
	KORW      K2, K3, K2;     \
	VMOVAPS.Z Z14, K2, a

// MULIF is a·b where a is not 0; adding 0 leaves no -0.
#define MULIF(b, a, t) \
	VCMPPS $4, Y15, a, t; \
	VMULPS b, a, a;       \
	VANDPS t, a, a;       \
	VADDPS Y15, a, a

#define MULIFZ(b, a, t) \
	VCMPPS   $4, Z15, a, K2; \
	VMULPS.Z b, a, K2, a;    \
	VADDPS   Z15, a, a

PAIR(·addSIMD, ADD, ADD)
PAIR(·subSIMD, SUB, SUB)
PAIR(·mulSIMD, MUL, MUL)
PAIR(·divSIMD, DIV, DIV)
PAIR(·minimumSIMD, MIN, MIN)
PAIR(·maximumSIMD, MAX, MAXZ)
PAIR(·eqSIMD, EQ, EQZ)
PAIR(·neSIMD, NE, NEZ)
PAIR(·ltSIMD, LT, LTZ)
PAIR(·leSIMD, LE, LEZ)
PAIR(·andSIMD, AND, ANDZ)
PAIR(·orSIMD, OR, ORZ)
PAIR(·mulIfSIMD, MULIF, MULIFZ)
