//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// EXPTERMS adds exp(Y0-shift), where mask is set, to the sums lo and hi.
#define EXPTERMS(mask, lo, hi) \
	VSUBPS       Y15, Y0, Y0;  \
	EXP(Y0, Y1, Y2, Y3);       \
	VANDPS       mask, Y0, Y0; \
	VEXTRACTF128 $1, Y0, X1;   \
	VCVTPS2PD    X0, Y0;       \
	VCVTPS2PD    X1, Y1;       \
	VADDPD       Y0, lo, lo;   \
	VADDPD       Y1, hi, hi

// func expSumSIMD(x *float32, n uintptr, shift float32) (sum float64)
// Element i is added to sum i mod 16.
TEXT ·expSumSIMD(SB), NOSPLIT, $0-32
	MOVQ         x+0(FP), SI
	MOVQ         n+8(FP), CX
	IFAVX512(avx512)
	VBROADCASTSS shift+16(FP), Y15
	VPCMPEQD     Y14, Y14, Y14
	VXORPD       Y4, Y4, Y4
	VXORPD       Y5, Y5, Y5
	VXORPD       Y6, Y6, Y6
	VXORPD       Y7, Y7, Y7
	SUBQ         $16, CX
	JLT          short

loop:
	VMOVUPS (SI), Y0
	EXPTERMS(Y14, Y4, Y5)
	VMOVUPS 32(SI), Y0
	EXPTERMS(Y14, Y6, Y7)
	ADDQ    $64, SI
	SUBQ    $16, CX
	JGE     loop

short:
	ADDQ       $16, CX
	JZ         done
	CMPQ       CX, $8
	JLT        first
	VMOVUPS    (SI), Y0
	EXPTERMS(Y14, Y4, Y5)
	ADDQ       $32, SI
	SUBQ       $8, CX
	JZ         done
	TAILMASK(Y13)
	VMASKMOVPS (SI), Y13, Y0
	EXPTERMS(Y13, Y6, Y7)
	JMP        done

first:
	TAILMASK(Y13)
	VMASKMOVPS (SI), Y13, Y0
	EXPTERMS(Y13, Y4, Y5)

done:
	VADDPD Y6, Y4, Y4
	VADDPD Y7, Y5, Y5
	VADDPD Y5, Y4, Y4

fold:
	VEXTRACTF128 $1, Y4, X5
	VADDPD       X5, X4, X4
	VUNPCKHPD    X4, X4, X5
	VADDSD       X5, X4, X4
	VMOVSD       X4, sum+24(FP)
	VZEROUPPER
	RET

avx512:
	VBROADCASTSS shift+16(FP), Z15
	EXPCONSTANTS
	VPXORD       Z4, Z4, Z4
	VPXORD       Z5, Z5, Z5
	SUBQ         $16, CX
	JLT          tail

loop16:
	VMOVUPS       (SI), Z0
	VSUBPS        Z15, Z0, Z0
	EXPZ(Z0, Z1, Z2)
	VEXTRACTF64X4 $1, Z0, Y1
	VCVTPS2PD     Y0, Z0
	VCVTPS2PD     Y1, Z1
	VADDPD        Z0, Z4, Z4
	VADDPD        Z1, Z5, Z5
	ADDQ          $64, SI
	SUBQ          $16, CX
	JGE           loop16

tail:
	ADDQ          $16, CX
	JZ            done16
	LEFT(K1)
	VMOVUPS.Z     (SI), K1, Z0
	VSUBPS        Z15, Z0, Z0
	EXPZ(Z0, Z1, Z2)
	VMOVAPS.Z     Z0, K1, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VCVTPS2PD     Y0, Z0
	VCVTPS2PD     Y1, Z1
	VADDPD        Z0, Z4, Z4
	VADDPD        Z1, Z5, Z5

done16:
	VADDPD        Z5, Z4, Z4
	VEXTRACTF64X4 $1, Z4, Y5
	VADDPD        Y5, Y4, Y4
	JMP           fold
