//go:build !purego

#include "textflag.h"
#include "avx2_amd64.h"

// SPREAD makes p point to eight copies of the value there, in the frame, if it does not advance.
#define SPREAD(p, step, at, label) \
	TESTQ        step, step; \
	JNZ          label;      \
	VBROADCASTSS (p), Y0;    \
	VMOVUPS      Y0, at(SP); \
	LEAQ         at(SP), p;  \
label:

// PAIR is a function of (dst, a, b *float32, n, sa, sb uintptr): dst[i] = OP(b[i], a[i]), where a and b advance by sa
// and sb bytes, 32 or 0, for eight values. OP(b, a) leaves its result in a; Y15 is 0, Y14 is 1, and Y8 and Y9 are free.
#define PAIR(name, OP) \
TEXT name(SB), NOSPLIT, $64-48;      \
	MOVQ       dst+0(FP), DI;        \
	MOVQ       a+8(FP), SI;          \
	MOVQ       b+16(FP), DX;         \
	MOVQ       n+24(FP), CX;         \
	MOVQ       sa+32(FP), R8;        \
	MOVQ       sb+40(FP), R9;        \
	SPREAD(SI, R8, 0, across)        \
	SPREAD(DX, R9, 32, both)         \
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
	OP(Y4, Y0);                      \
	OP(Y5, Y1);                      \
	OP(Y6, Y2);                      \
	OP(Y7, Y3);                      \
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
	OP(Y4, Y0);                      \
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
	OP(Y4, Y0);                      \
	VMASKMOVPS Y0, Y13, (DI);        \
done:                                \
	VZEROUPPER;                      \
	RET

#define ADD(b, a) VADDPS b, a, a
#define SUB(b, a) VSUBPS b, a, a
#define MUL(b, a) VMULPS b, a, a
#define DIV(b, a) VDIVPS b, a, a

// VMINPS gives its second operand when they are equal or one is NaN: both orders joined are -0 before 0, and NaN.
#define MIN(b, a) \
	VMINPS b, a, Y8; \
	VMINPS a, b, a;  \
	VORPS  Y8, a, a

#define MAX(b, a) \
	VCMPPS $3, b, a, Y9; \
	VMAXPS b, a, Y8;     \
	VMAXPS a, b, a;      \
	VANDPS Y8, a, a;     \
	VORPS  Y9, a, a

#define EQ(b, a) \
	VCMPPS $0, b, a, a; \
	VANDPS Y14, a, a

#define NE(b, a) \
	VCMPPS $4, b, a, a; \
	VANDPS Y14, a, a

#define LT(b, a) \
	VCMPPS $17, b, a, a; \
	VANDPS Y14, a, a

#define LE(b, a) \
	VCMPPS $18, b, a, a; \
	VANDPS Y14, a, a

#define AND(b, a) \
	VCMPPS $4, Y15, b, Y8; \
	VCMPPS $4, Y15, a, a;  \
	VANDPS Y8, a, a;       \
	VANDPS Y14, a, a

#define OR(b, a) \
	VCMPPS $4, Y15, b, Y8; \
	VCMPPS $4, Y15, a, a;  \
	VORPS  Y8, a, a;       \
	VANDPS Y14, a, a

PAIR(·addAVX2, ADD)
PAIR(·subAVX2, SUB)
PAIR(·mulAVX2, MUL)
PAIR(·divAVX2, DIV)
PAIR(·minimumAVX2, MIN)
PAIR(·maximumAVX2, MAX)
PAIR(·eqAVX2, EQ)
PAIR(·neAVX2, NE)
PAIR(·ltAVX2, LT)
PAIR(·leAVX2, LE)
PAIR(·andAVX2, AND)
PAIR(·orAVX2, OR)

// INTO is a function of (dst, grad, x *float32, n, sx uintptr, lo, hi float32): OP adds to Y0, dst[i], what Y1, grad[i], and
// Y2, x[i], give. x advances by sx bytes, 32 or 0. Y15 is 0, Y12 is lo, Y11 is hi, and Y3 and Y4 are free.
#define INTO(name, OP) \
TEXT name(SB), NOSPLIT, $32-48;      \
	MOVQ         dst+0(FP), DI;      \
	MOVQ         grad+8(FP), SI;     \
	MOVQ         x+16(FP), DX;       \
	MOVQ         n+24(FP), CX;       \
	MOVQ         sx+32(FP), R9;      \
	VBROADCASTSS lo+40(FP), Y12;     \
	VBROADCASTSS hi+44(FP), Y11;     \
	SPREAD(DX, R9, 0, both)          \
	VXORPS       Y15, Y15, Y15;      \
	SUBQ         $8, CX;             \
	JLT          tail;               \
loop:                                \
	VMOVUPS      (DI), Y0;           \
	VMOVUPS      (SI), Y1;           \
	VMOVUPS      (DX), Y2;           \
	OP;                              \
	VMOVUPS      Y0, (DI);           \
	ADDQ         $32, SI;            \
	ADDQ         R9, DX;             \
	ADDQ         $32, DI;            \
	SUBQ         $8, CX;             \
	JGE          loop;               \
tail:                                \
	ADDQ         $8, CX;             \
	JZ           done;               \
	TAILMASK(Y13);                   \
	VMASKMOVPS   (DI), Y13, Y0;      \
	VMASKMOVPS   (SI), Y13, Y1;      \
	VMASKMOVPS   (DX), Y13, Y2;      \
	OP;                              \
	VMASKMOVPS   Y0, Y13, (DI);      \
done:                                \
	VZEROUPPER;                      \
	RET

#define MULADD \
	VCMPPS      $4, Y15, Y1, Y3; \
	VANDPS      Y3, Y2, Y2;      \
	VFMADD231PS Y1, Y2, Y0

#define DIVADD \
	VCMPPS $4, Y15, Y1, Y3; \
	VDIVPS Y2, Y1, Y2;      \
	VANDPS Y3, Y2, Y2;      \
	VADDPS Y2, Y0, Y0

#define ADDIF \
	VCMPPS $4, Y15, Y2, Y3; \
	VANDPS Y3, Y1, Y1;      \
	VADDPS Y1, Y0, Y0

#define ADDUNLESS \
	VCMPPS $0, Y15, Y2, Y3; \
	VANDPS Y3, Y1, Y1;      \
	VADDPS Y1, Y0, Y0

#define ADDWITHIN \
	VCMPPS $29, Y12, Y2, Y3; \
	VCMPPS $18, Y11, Y2, Y4; \
	VANDPS Y4, Y3, Y3;       \
	VANDPS Y3, Y1, Y1;       \
	VADDPS Y1, Y0, Y0

// ADDSIGNED gives g the sign of x; predicate 12 is unequal and ordered.
#define ADDSIGNED \
	VCMPPS $12, Y15, Y2, Y3;           \
	VANDPS ·functionTable+0(SB), Y2, Y2; \
	VXORPS Y2, Y1, Y1;                 \
	VANDPS Y3, Y1, Y1;                 \
	VADDPS Y1, Y0, Y0

INTO(·mulAddAVX2, MULADD)
INTO(·divAddAVX2, DIVADD)
INTO(·addIfAVX2, ADDIF)
INTO(·addUnlessAVX2, ADDUNLESS)
INTO(·addWithinAVX2, ADDWITHIN)
INTO(·addSignedAVX2, ADDSIGNED)

// func selectAVX2(dst, mask, a, b *float32, n uintptr)
TEXT ·selectAVX2(SB), NOSPLIT, $0-40
	MOVQ   dst+0(FP), DI
	MOVQ   mask+8(FP), R8
	MOVQ   a+16(FP), SI
	MOVQ   b+24(FP), DX
	MOVQ   n+32(FP), CX
	VXORPS Y15, Y15, Y15
	SUBQ   $8, CX
	JLT    tail

loop:
	VMOVUPS   (R8), Y0
	VCMPPS    $4, Y15, Y0, Y0
	VMOVUPS   (DX), Y1
	VBLENDVPS Y0, (SI), Y1, Y1
	VMOVUPS   Y1, (DI)
	ADDQ      $32, R8
	ADDQ      $32, SI
	ADDQ      $32, DX
	ADDQ      $32, DI
	SUBQ      $8, CX
	JGE       loop

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK(Y13)
	VMASKMOVPS (R8), Y13, Y0
	VCMPPS     $4, Y15, Y0, Y0
	VMASKMOVPS (SI), Y13, Y2
	VMASKMOVPS (DX), Y13, Y1
	VBLENDVPS  Y0, Y2, Y1, Y1
	VMASKMOVPS Y1, Y13, (DI)

done:
	VZEROUPPER
	RET

// func sumAVX2(x *float32, n uintptr) float64
// The order of SumRef: sixteen sums.
TEXT ·sumAVX2(SB), NOSPLIT, $0-24
	MOVQ   x+0(FP), SI
	MOVQ   n+8(FP), CX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	SUBQ   $16, CX
	JLT    short

wide:
	VCVTPS2PD (SI), Y4
	VCVTPS2PD 16(SI), Y5
	VCVTPS2PD 32(SI), Y6
	VCVTPS2PD 48(SI), Y7
	VADDPD    Y4, Y0, Y0
	VADDPD    Y5, Y1, Y1
	VADDPD    Y6, Y2, Y2
	VADDPD    Y7, Y3, Y3
	ADDQ      $64, SI
	SUBQ      $16, CX
	JGE       wide

short:
	ADDQ      $8, CX
	JLT       tail
	VCVTPS2PD (SI), Y4
	VCVTPS2PD 16(SI), Y5
	VADDPD    Y4, Y0, Y0
	VADDPD    Y5, Y1, Y1
	ADDQ      $32, SI
	SUBQ      $8, CX

tail:
	ADDQ         $8, CX
	JZ           done
	TAILMASK(Y13)
	VMASKMOVPS   (SI), Y13, Y4
	VEXTRACTF128 $1, Y4, X5
	VCVTPS2PD    X4, Y4
	VCVTPS2PD    X5, Y5
	VADDPD       Y4, Y2, Y2
	VADDPD       Y5, Y3, Y3

done:
	VADDPD       Y2, Y0, Y0
	VADDPD       Y3, Y1, Y1
	VADDPD       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPD       X1, X0, X0
	VUNPCKHPD    X0, X0, X1
	VADDSD       X1, X0, X0
	VMOVSD       X0, ret+16(FP)
	VZEROUPPER
	RET
