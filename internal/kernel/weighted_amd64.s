//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// BEGIN points SI, DI and DX at x, y and the mask, CX at their end, from which R13 counts up.
#define BEGIN \
	MOVQ c+0(FP), BX;              \
	MOVQ weightedCall_x(BX), SI;    \
	MOVQ weightedCall_y(BX), DI;    \
	MOVQ weightedCall_mask(BX), DX; \
	MOVQ weightedCall_n(BX), CX;    \
	SHLQ $2, CX;                   \
	XORQ R13, R13;                 \
	XORQ R14, R14

// HALVES adds up the four numbers of y, of which x is the lower part, and writes them.
#define HALVES(y, x, t, field) \
	VEXTRACTF128 $1, y, t; \
	VADDPD       t, x, x;  \
	VUNPCKHPD    x, x, t;  \
	VADDSD       t, x, x;  \
	VMOVSD       x, (weightedCall_sums+field)(BX)

// MOST writes the greatest of the four numbers of X9, and the count.
#define MOST \
	VPSHUFD $0x4E, X9, X0; \
	VMAXPS  X0, X9, X9;    \
	VPSHUFD $0xB1, X9, X0; \
	VMAXPS  X0, X9, X9;    \
	VMOVSS  X9, (weightedCall_sums+Weighted_Most)(BX); \
	MOVQ    R14, (weightedCall_sums+Weighted_Count)(BX); \
	VZEROUPPER

// func weightedAVX512(c *weightedCall)
TEXT ·weightedAVX512(SB), NOSPLIT, $0-8
	BEGIN
	VPXORD Z4, Z4, Z4
	VPXORD Z5, Z5, Z5
	VPXORD Z6, Z6, Z6
	VPXORD Z7, Z7, Z7
	VPXORD Z8, Z8, Z8
	VPXORD Z9, Z9, Z9

loop:
	VMOVUPS      (DX)(R13*1), Z10
	VCMPPS       $4, Z8, Z10, K1
	VRANGEPS     $11, Z10, Z9, Z9
	KSHIFTRW     $8, K1, K2
	VCVTPS2PD    (DX)(R13*1), Z0
	VCVTPS2PD    32(DX)(R13*1), Z1
	VCVTPS2PD.Z  (SI)(R13*1), K1, Z2
	VCVTPS2PD.Z  32(SI)(R13*1), K2, Z3
	VFMADD231PD  Z0, Z2, Z4
	VFMADD231PD  Z1, Z3, Z5
	KMOVW        K1, AX
	POPCNTL      AX, AX
	ADDQ         AX, R14
	TESTQ        DI, DI
	JZ           next
	VCVTPS2PD.Z  (DI)(R13*1), K1, Z2
	VCVTPS2PD.Z  32(DI)(R13*1), K2, Z3
	VFMADD231PD  Z0, Z2, Z6
	VFMADD231PD  Z1, Z3, Z7

next:
	ADDQ          $64, R13
	CMPQ          R13, CX
	JLT           loop
	VADDPD        Z5, Z4, Z4
	VEXTRACTF64X4 $1, Z4, Y5
	VADDPD        Y5, Y4, Y4
	VADDPD        Z7, Z6, Z6
	VEXTRACTF64X4 $1, Z6, Y7
	VADDPD        Y7, Y6, Y6
	HALVES(Y4, X4, X5, Weighted_X)
	HALVES(Y6, X6, X7, Weighted_Y)
	VEXTRACTF64X4 $1, Z9, Y0
	VMAXPS        Y0, Y9, Y9
	VEXTRACTF128  $1, Y9, X0
	VMAXPS        X0, X9, X9
	MOST
	RET

// FOUR adds four positions, at off behind R13, to x's and y's sums.
#define FOUR(off, x, y, label) \
	VCVTPS2PD   off(DX)(R13*1), Y0; \
	VCMPPD      $4, Y8, Y0, Y1;     \
	VMOVMSKPD   Y1, AX;             \
	POPCNTL     AX, AX;             \
	ADDQ        AX, R14;            \
	VANDPS      off(DX)(R13*1), X10, X2; \
	VPMAXUD     X2, X9, X9;          \
	VCVTPS2PD   off(SI)(R13*1), Y2; \
	VANDPD      Y1, Y2, Y2;         \
	VFMADD231PD Y0, Y2, x;          \
	TESTQ       DI, DI;             \
	JZ          label;              \
	VCVTPS2PD   off(DI)(R13*1), Y2; \
	VANDPD      Y1, Y2, Y2;         \
	VFMADD231PD Y0, Y2, y;          \
label:

// func weightedAVX2(c *weightedCall)
TEXT ·weightedAVX2(SB), NOSPLIT, $0-8
	BEGIN
	VXORPD  Y4, Y4, Y4
	VXORPD  Y5, Y5, Y5
	VXORPD  Y6, Y6, Y6
	VXORPD  Y7, Y7, Y7
	VXORPD  Y8, Y8, Y8
	VXORPD  Y9, Y9, Y9
	VXORPD  Y12, Y12, Y12
	VXORPD  Y13, Y13, Y13
	VXORPD  Y14, Y14, Y14
	VXORPD  Y15, Y15, Y15
	VMOVUPS ·ratioTable+0(SB), X10

loop:
	FOUR(0, Y4, Y12, second)
	FOUR(16, Y5, Y13, third)
	FOUR(32, Y6, Y14, fourth)
	FOUR(48, Y7, Y15, next)
	ADDQ   $64, R13
	CMPQ   R13, CX
	JLT    loop
	VADDPD Y6, Y4, Y4
	VADDPD Y7, Y5, Y5
	VADDPD Y5, Y4, Y4
	VADDPD Y14, Y12, Y12
	VADDPD Y15, Y13, Y13
	VADDPD Y13, Y12, Y12
	HALVES(Y4, X4, X5, Weighted_X)
	HALVES(Y12, X12, X13, Weighted_Y)
	MOST
	RET

// func markSIMD(dst, mask *float32, n uintptr, c float32)
TEXT ·markSIMD(SB), NOSPLIT, $0-28
	MOVQ         dst+0(FP), DI
	MOVQ         mask+8(FP), SI
	MOVQ         n+16(FP), CX
	IFAVX512(wide)
	VBROADCASTSS c+24(FP), Y0
	VXORPS       Y1, Y1, Y1
	SUBQ         $8, CX
	JLT          tail

loop:
	VCMPPS  $4, (SI), Y1, Y2
	VANDPS  Y0, Y2, Y2
	VMOVUPS Y2, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK(Y3)
	VMASKMOVPS (SI), Y3, Y2
	VCMPPS     $4, Y2, Y1, Y2
	VANDPS     Y0, Y2, Y2
	VMASKMOVPS Y2, Y3, (DI)

done:
	VZEROUPPER
	RET

wide:
	VBROADCASTSS c+24(FP), Z0
	VPXORD       Z1, Z1, Z1
	SUBQ         $16, CX
	JLT          widetail

wideloop:
	VCMPPS    $4, (SI), Z1, K1
	VMOVAPS.Z Z0, K1, Z2
	VMOVUPS   Z2, (DI)
	ADDQ      $64, SI
	ADDQ      $64, DI
	SUBQ      $16, CX
	JGE       wideloop

widetail:
	ADDQ      $16, CX
	JZ        widedone
	LEFT(K2)
	VCMPPS    $4, (SI), Z1, K2, K1
	VMOVAPS.Z Z0, K1, Z2
	VMOVUPS   Z2, K2, (DI)

widedone:
	VZEROUPPER
	RET
