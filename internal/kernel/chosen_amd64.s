//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// CHOSEN is a function of (dst, grad, a, b *float32, n, sg, sa, sb uintptr): it adds grad[i] to dst[i] where
// predicate, one of VCMPPS, holds between a[i] and b[i], and half of it where they are equal. grad, a and b advance by
// sg, sa and sb bytes, 32 or 0, for eight values.
#define CHOSEN(name, predicate) \
TEXT name(SB), NOSPLIT, $256-64;     \
	MOVQ       dst+0(FP), DI;        \
	MOVQ       grad+8(FP), R8;       \
	MOVQ       a+16(FP), SI;         \
	MOVQ       b+24(FP), DX;         \
	MOVQ       n+32(FP), CX;         \
	MOVQ       sg+40(FP), R9;        \
	MOVQ       sa+48(FP), R10;       \
	MOVQ       sb+56(FP), R11;       \
	IFAVX512(avx512);                \
	SPREAD(R8, R9, 0, grad)          \
	SPREAD(SI, R10, 64, one)         \
	SPREAD(DX, R11, 128, all)        \
	VMOVUPS    ·functionTable+0(SB), Y14; \
	VMOVUPS    ·functionTable+736(SB), Y15; \
	SUBQ       $8, CX;               \
	JLT        tail;                 \
loop:                                \
	VMOVUPS    (DI), Y0;             \
	VMOVUPS    (R8), Y1;             \
	VMOVUPS    (SI), Y2;             \
	VMOVUPS    (DX), Y3;             \
	ADDCHOSEN(predicate);            \
	VMOVUPS    Y0, (DI);             \
	ADDQ       R9, R8;               \
	ADDQ       R10, SI;              \
	ADDQ       R11, DX;              \
	ADDQ       $32, DI;              \
	SUBQ       $8, CX;               \
	JGE        loop;                 \
tail:                                \
	ADDQ       $8, CX;               \
	JZ         done;                 \
	TAILMASK(Y13);                   \
	VMASKMOVPS (DI), Y13, Y0;        \
	VMASKMOVPS (R8), Y13, Y1;        \
	VMASKMOVPS (SI), Y13, Y2;        \
	VMASKMOVPS (DX), Y13, Y3;        \
	ADDCHOSEN(predicate);            \
	VMASKMOVPS Y0, Y13, (DI);        \
done:                                \
	VZEROUPPER;                      \
	RET;                             \
avx512:                              \
	SPREAD16(R8, R9, 0, grad16)      \
	SPREAD16(SI, R10, 64, one16)     \
	SPREAD16(DX, R11, 128, all16)    \
	VBROADCASTSS ·functionTable+736(SB), Z15; \
	SUBQ       $16, CX;              \
	JLT        tail16;               \
loop16:                              \
	VMOVUPS    (DI), Z0;             \
	VMOVUPS    (R8), Z1;             \
	VMOVUPS    (SI), Z2;             \
	VMOVUPS    (DX), Z3;             \
	ADDCHOSENZ(predicate);           \
	VMOVUPS    Z0, (DI);             \
	ADDQ       R9, R8;               \
	ADDQ       R10, SI;              \
	ADDQ       R11, DX;              \
	ADDQ       $64, DI;              \
	SUBQ       $16, CX;              \
	JGE        loop16;               \
tail16:                              \
	ADDQ       $16, CX;              \
	JZ         done;                 \
	LEFT(K1);                        \
	VMOVUPS.Z  (DI), K1, Z0;         \
	VMOVUPS.Z  (R8), K1, Z1;         \
	VMOVUPS.Z  (SI), K1, Z2;         \
	VMOVUPS.Z  (DX), K1, Z3;         \
	ADDCHOSENZ(predicate);           \
	VMOVUPS    Z0, K1, (DI);         \
	JMP        done

#define ADDCHOSEN(predicate) \
	VCMPPS    predicate, Y3, Y2, Y4; \
	VCMPPS    $0, Y3, Y2, Y5;        \
	VMULPS    Y15, Y1, Y6;           \
	VBLENDVPS Y5, Y6, Y14, Y6;       \
	VBLENDVPS Y4, Y1, Y6, Y6;        \
	VADDPS    Y6, Y0, Y0

#define ADDCHOSENZ(predicate) \
	VCMPPS predicate, Z3, Z2, K2; \
	VCMPPS $0, Z3, Z2, K3;        \
	VADDPS Z1, Z0, K2, Z0;        \
	VMULPS Z15, Z1, Z1;           \
	VADDPS Z1, Z0, K3, Z0

CHOSEN(·minimumBackSIMD, $17)
CHOSEN(·maximumBackSIMD, $30)
