//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// A function here chooses between AVX2 and AVX-512 itself: both give the same bits.

// INTO is a function of (dst, grad, x *float32, n, sg, sx uintptr, lo, hi float32): OP(d, g, x, t, u) adds to d, dst[i],
// what grad[i] and x[i] give, or -0, which changes nothing. grad and x advance by sg and sx bytes, 32 or 0, for eight
// values. Y15 is 0, Y14 is -0, Y12 is lo, Y11 is hi, and t and u are free. OPZ is OP for AVX-512, which adds only where
// K2 is set.
#define INTO(name, OP, OPZ) \
TEXT name(SB), NOSPLIT, $192-56;     \
	MOVQ         dst+0(FP), DI;      \
	MOVQ         grad+8(FP), SI;     \
	MOVQ         x+16(FP), DX;       \
	MOVQ         n+24(FP), CX;       \
	MOVQ         sg+32(FP), R8;      \
	MOVQ         sx+40(FP), R9;      \
	IFAVX512(avx512);                \
	VBROADCASTSS lo+48(FP), Y12;     \
	VBROADCASTSS hi+52(FP), Y11;     \
	SPREAD(SI, R8, 0, grad)          \
	SPREAD(DX, R9, 64, both)         \
	VXORPS       Y15, Y15, Y15;      \
	VMOVUPS      ·functionTable+0(SB), Y14; \
	SUBQ         $16, CX;            \
	JLT          short;              \
wide:                                \
	VMOVUPS      (DI), Y0;           \
	VMOVUPS      32(DI), Y5;         \
	VMOVUPS      (SI), Y1;           \
	VMOVUPS      (SI)(R8*1), Y6;     \
	VMOVUPS      (DX), Y2;           \
	VMOVUPS      (DX)(R9*1), Y7;     \
	OP(Y0, Y1, Y2, Y3, Y4);          \
	OP(Y5, Y6, Y7, Y8, Y9);          \
	VMOVUPS      Y0, (DI);           \
	VMOVUPS      Y5, 32(DI);         \
	LEAQ         (SI)(R8*2), SI;     \
	LEAQ         (DX)(R9*2), DX;     \
	ADDQ         $64, DI;            \
	SUBQ         $16, CX;            \
	JGE          wide;               \
short:                               \
	ADDQ         $8, CX;             \
	JLT          tail;               \
	VMOVUPS      (DI), Y0;           \
	VMOVUPS      (SI), Y1;           \
	VMOVUPS      (DX), Y2;           \
	OP(Y0, Y1, Y2, Y3, Y4);          \
	VMOVUPS      Y0, (DI);           \
	ADDQ         R8, SI;             \
	ADDQ         R9, DX;             \
	ADDQ         $32, DI;            \
	SUBQ         $8, CX;             \
tail:                                \
	ADDQ         $8, CX;             \
	JZ           done;               \
	TAILMASK(Y13);                   \
	VMASKMOVPS   (DI), Y13, Y0;      \
	VMASKMOVPS   (SI), Y13, Y1;      \
	VMASKMOVPS   (DX), Y13, Y2;      \
	OP(Y0, Y1, Y2, Y3, Y4);          \
	VMASKMOVPS   Y0, Y13, (DI);      \
done:                                \
	VZEROUPPER;                      \
	RET;                             \
avx512:                              \
	SPREAD16(SI, R8, 0, grad16)      \
	SPREAD16(DX, R9, 64, both16)     \
	VBROADCASTSS lo+48(FP), Z12;     \
	VBROADCASTSS hi+52(FP), Z11;     \
	VPXORD       Z15, Z15, Z15;      \
	VBROADCASTSS ·functionTable+0(SB), Z14; \
	SUBQ         $32, CX;            \
	JLT          short16;            \
wide16:                              \
	VMOVUPS      (DI), Z0;           \
	VMOVUPS      64(DI), Z5;         \
	VMOVUPS      (SI), Z1;           \
	VMOVUPS      (SI)(R8*1), Z6;     \
	VMOVUPS      (DX), Z2;           \
	VMOVUPS      (DX)(R9*1), Z7;     \
	OPZ(Z0, Z1, Z2);                 \
	OPZ(Z5, Z6, Z7);                 \
	VMOVUPS      Z0, (DI);           \
	VMOVUPS      Z5, 64(DI);         \
	LEAQ         (SI)(R8*2), SI;     \
	LEAQ         (DX)(R9*2), DX;     \
	SUBQ         $-128, DI;          \
	SUBQ         $32, CX;            \
	JGE          wide16;             \
short16:                             \
	ADDQ         $16, CX;            \
	JLT          tail16;             \
	VMOVUPS      (DI), Z0;           \
	VMOVUPS      (SI), Z1;           \
	VMOVUPS      (DX), Z2;           \
	OPZ(Z0, Z1, Z2);                 \
	VMOVUPS      Z0, (DI);           \
	ADDQ         R8, SI;             \
	ADDQ         R9, DX;             \
	ADDQ         $64, DI;            \
	SUBQ         $16, CX;            \
tail16:                              \
	ADDQ         $16, CX;            \
	JZ           done;               \
	LEFT(K1);                        \
	VMOVUPS.Z    (DI), K1, Z0;       \
	VMOVUPS.Z    (SI), K1, Z1;       \
	VMOVUPS.Z    (DX), K1, Z2;       \
	OPZ(Z0, Z1, Z2);                 \
	VMOVUPS      Z0, K1, (DI);       \
	JMP          done

// ADDWHERE adds v to d where m is set.
#define ADDWHERE(m, v, d) \
	VBLENDVPS m, v, Y14, v; \
	VADDPS    v, d, d

#define MULADD(d, g, x, t, u) \
	VCMPPS $4, Y15, g, t; \
	VMULPS x, g, x;       \
	ADDWHERE(t, x, d)

#define MULADDZ(d, g, x) \
	VCMPPS $4, Z15, g, K2; \
	VMULPS x, g, x;        \
	VADDPS x, d, K2, d

#define DIVADD(d, g, x, t, u) \
	VCMPPS $4, Y15, g, t; \
	VDIVPS x, g, x;       \
	ADDWHERE(t, x, d)

#define DIVADDZ(d, g, x) \
	VCMPPS $4, Z15, g, K2; \
	VDIVPS x, g, x;        \
	VADDPS x, d, K2, d

#define ADDIF(d, g, x, t, u) \
	VCMPPS $4, Y15, x, t; \
	ADDWHERE(t, g, d)

#define ADDIFZ(d, g, x) \
	VCMPPS $4, Z15, x, K2; \
	VADDPS g, d, K2, d

#define ADDUNLESS(d, g, x, t, u) \
	VCMPPS $0, Y15, x, t; \
	ADDWHERE(t, g, d)

#define ADDUNLESSZ(d, g, x) \
	VCMPPS $0, Z15, x, K2; \
	VADDPS g, d, K2, d

#define ADDWITHIN(d, g, x, t, u) \
	VCMPPS $29, Y12, x, t; \
	VCMPPS $18, Y11, x, u; \
	VANDPS u, t, t;        \
	ADDWHERE(t, g, d)

#define ADDWITHINZ(d, g, x) \
	VCMPPS $29, Z12, x, K2;     \
	VCMPPS $18, Z11, x, K2, K2; \
	VADDPS g, d, K2, d

// ADDSIGNED gives g the sign of x; predicate 12 is unequal and ordered.
#define ADDSIGNED(d, g, x, t, u) \
	VCMPPS $12, Y15, x, t; \
	VANDPS Y14, x, x;      \
	VXORPS x, g, g;        \
	ADDWHERE(t, g, d)

#define ADDSIGNEDZ(d, g, x) \
	VCMPPS $12, Z15, x, K2; \
	VANDPS Z14, x, x;       \
	VXORPS x, g, g;         \
	VADDPS g, d, K2, d

// AXPY adds whatever comes out: grad is x, x alpha.
#define AXPY(d, g, x, t, u) \
	VMULPS x, g, g; \
	VADDPS g, d, d

#define AXPYZ(d, g, x) \
	VMULPS x, g, g; \
	VADDPS g, d, d

INTO(·axpySIMD, AXPY, AXPYZ)
INTO(·mulAddSIMD, MULADD, MULADDZ)
INTO(·divAddSIMD, DIVADD, DIVADDZ)
INTO(·addIfSIMD, ADDIF, ADDIFZ)
INTO(·addUnlessSIMD, ADDUNLESS, ADDUNLESSZ)
INTO(·addWithinSIMD, ADDWITHIN, ADDWITHINZ)
INTO(·addSignedSIMD, ADDSIGNED, ADDSIGNEDZ)

// func selectSIMD(dst, mask, a, b *float32, n, sm, sa, sb uintptr)
TEXT ·selectSIMD(SB), NOSPLIT, $256-64
	MOVQ dst+0(FP), DI
	MOVQ mask+8(FP), R8
	MOVQ a+16(FP), SI
	MOVQ b+24(FP), DX
	MOVQ n+32(FP), CX
	MOVQ sm+40(FP), R9
	MOVQ sa+48(FP), R10
	MOVQ sb+56(FP), R11
	IFAVX512(avx512)
	SPREAD(R8, R9, 0, mask)
	SPREAD(SI, R10, 64, yes)
	SPREAD(DX, R11, 128, no)
	VXORPS Y15, Y15, Y15
	SUBQ   $8, CX
	JLT    tail

loop:
	VMOVUPS   (R8), Y0
	VCMPPS    $4, Y15, Y0, Y0
	VMOVUPS   (DX), Y1
	VBLENDVPS Y0, (SI), Y1, Y1
	VMOVUPS   Y1, (DI)
	ADDQ      R9, R8
	ADDQ      R10, SI
	ADDQ      R11, DX
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

avx512:
	SPREAD16(R8, R9, 0, mask16)
	SPREAD16(SI, R10, 64, yes16)
	SPREAD16(DX, R11, 128, no16)
	VPXORD Z15, Z15, Z15
	SUBQ   $32, CX
	JLT    short16

wide16:
	VMOVUPS (R8), Z0
	VMOVUPS (R8)(R9*1), Z3
	VCMPPS  $4, Z15, Z0, K2
	VCMPPS  $4, Z15, Z3, K3
	VMOVUPS (DX), Z1
	VMOVUPS (DX)(R11*1), Z4
	VMOVUPS (SI), K2, Z1
	VMOVUPS (SI)(R10*1), K3, Z4
	VMOVUPS Z1, (DI)
	VMOVUPS Z4, 64(DI)
	LEAQ    (R8)(R9*2), R8
	LEAQ    (SI)(R10*2), SI
	LEAQ    (DX)(R11*2), DX
	SUBQ    $-128, DI
	SUBQ    $32, CX
	JGE     wide16

short16:
	ADDQ    $16, CX
	JLT     tail16
	VMOVUPS (R8), Z0
	VCMPPS  $4, Z15, Z0, K2
	VMOVUPS (DX), Z1
	VMOVUPS (SI), K2, Z1
	VMOVUPS Z1, (DI)
	ADDQ    R9, R8
	ADDQ    R10, SI
	ADDQ    R11, DX
	ADDQ    $64, DI
	SUBQ    $16, CX

tail16:
	ADDQ      $16, CX
	JZ        done
	LEFT(K1)
	VMOVUPS.Z (R8), K1, Z0
	VCMPPS    $4, Z15, Z0, K1, K2
	VMOVUPS.Z (DX), K1, Z1
	VMOVUPS   (SI), K2, Z1
	VMOVUPS   Z1, K1, (DI)
	JMP       done
