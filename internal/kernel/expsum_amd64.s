//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// EXPHALF writes exp(x-shift) of the eight values at byte at of SI to DI and adds them to the sums lo and hi.
#define EXPHALF(at, to, lo, hi) \
	VMOVUPS   at(SI), Y0;  \
	VSUBPS    Y15, Y0, Y0; \
	EXP(Y0, Y1, Y2, Y3);   \
	VMOVUPS   Y0, to(DI);  \
	VCVTPS2PD to(DI), Y1;  \
	VCVTPS2PD to+16(DI), Y2; \
	VADDPD    Y1, lo, lo;  \
	VADDPD    Y2, hi, hi

// EXPREST does so for the CX (1 to 7) values that are left, by way of the frame.
#define EXPREST(lo, hi) \
	TAILMASK(Y13);             \
	VMASKMOVPS (SI), Y13, Y0;  \
	VSUBPS     Y15, Y0, Y0;    \
	EXP(Y0, Y1, Y2, Y3);       \
	VANDPS     Y13, Y0, Y0;    \
	VMOVUPS    Y0, (R8);       \
	VCVTPS2PD  (R8), Y1;       \
	VCVTPS2PD  16(R8), Y2;     \
	VADDPD     Y1, lo, lo;     \
	VADDPD     Y2, hi, hi;     \
	TESTQ      R9, R9;         \
	JZ         done;           \
	VMASKMOVPS Y0, Y13, (DI)

// func expSumSIMD(dst, x *float32, n uintptr, shift float32) (sum float64)
// A nil dst only sums: then every vector goes to the same place in the frame. Element i is added to sum i mod 16.
TEXT ·expSumSIMD(SB), NOSPLIT, $128-40
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVQ         $64, R9
	LEAQ         63(SP), R8
	ANDQ         $-64, R8
	TESTQ        DI, DI
	JNZ          begin
	XORL         R9, R9
	MOVQ         R8, DI

begin:
	IFAVX512(avx512)
	VBROADCASTSS shift+24(FP), Y15
	VXORPD       Y4, Y4, Y4
	VXORPD       Y5, Y5, Y5
	VXORPD       Y6, Y6, Y6
	VXORPD       Y7, Y7, Y7
	SUBQ         $16, CX
	JLT          short

loop:
	EXPHALF(0, 0, Y4, Y5)
	EXPHALF(32, 32, Y6, Y7)
	ADDQ R9, DI
	ADDQ $64, SI
	SUBQ $16, CX
	JGE  loop

short:
	ADDQ $16, CX
	JZ   done
	CMPQ CX, $8
	JLT  first
	EXPHALF(0, 0, Y4, Y5)
	SHRQ $1, R9
	ADDQ R9, DI
	ADDQ $32, SI
	SUBQ $8, CX
	JZ   done
	EXPREST(Y6, Y7)
	JMP  done

first:
	EXPREST(Y4, Y5)

done:
	VADDPD Y6, Y4, Y4
	VADDPD Y7, Y5, Y5
	VADDPD Y5, Y4, Y4

fold:
	VEXTRACTF128 $1, Y4, X5
	VADDPD       X5, X4, X4
	VUNPCKHPD    X4, X4, X5
	VADDSD       X5, X4, X4
	VMOVSD       X4, sum+32(FP)
	VZEROUPPER
	RET

avx512:
	VBROADCASTSS shift+24(FP), Z15
	EXPCONSTANTS
	VPXORD       Z4, Z4, Z4
	VPXORD       Z5, Z5, Z5
	SUBQ         $16, CX
	JLT          tail

loop16:
	VMOVUPS   (SI), Z0
	VSUBPS    Z15, Z0, Z0
	EXPZ(Z0, Z1, Z2)
	VMOVUPS   Z0, (DI)
	VCVTPS2PD (DI), Z1
	VCVTPS2PD 32(DI), Z2
	VADDPD    Z1, Z4, Z4
	VADDPD    Z2, Z5, Z5
	ADDQ      R9, DI
	ADDQ      $64, SI
	SUBQ      $16, CX
	JGE       loop16

tail:
	ADDQ      $16, CX
	JZ        done16
	LEFT(K1)
	VMOVUPS.Z (SI), K1, Z0
	VSUBPS    Z15, Z0, Z0
	EXPZ(Z0, Z1, Z2)
	VMOVAPS.Z Z0, K1, Z0
	VMOVUPS   Z0, (R8)
	VCVTPS2PD (R8), Z1
	VCVTPS2PD 32(R8), Z2
	VADDPD    Z1, Z4, Z4
	VADDPD    Z2, Z5, Z5
	TESTQ     R9, R9
	JZ        done16
	VMOVUPS   Z0, K1, (DI)

done16:
	VADDPD        Z5, Z4, Z4
	VEXTRACTF64X4 $1, Z4, Y5
	VADDPD        Y5, Y4, Y4
	JMP           fold
