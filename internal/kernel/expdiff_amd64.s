//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// func expDiffSIMD(dst, a, b *float32, n uintptr)
TEXT ·expDiffSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ n+24(FP), CX
	IFAVX512(avx512)
	SUBQ $8, CX
	JLT  tail

loop:
	VMOVUPS (SI), Y0
	VSUBPS  (DX), Y0, Y0
	EXP(Y0, Y1, Y2, Y3)
	VMOVUPS Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK(Y13)
	VMASKMOVPS (SI), Y13, Y0
	VMASKMOVPS (DX), Y13, Y1
	VSUBPS     Y1, Y0, Y0
	EXP(Y0, Y1, Y2, Y3)
	VMASKMOVPS Y0, Y13, (DI)

done:
	VZEROUPPER
	RET

avx512:
	EXPCONSTANTS
	SUBQ $16, CX
	JLT  tail16

loop16:
	VMOVUPS (SI), Z0
	VSUBPS  (DX), Z0, Z0
	EXPZ(Z0, Z1, Z2)
	VMOVUPS Z0, (DI)
	ADDQ    $64, SI
	ADDQ    $64, DX
	ADDQ    $64, DI
	SUBQ    $16, CX
	JGE     loop16

tail16:
	ADDQ      $16, CX
	JZ        done
	LEFT(K1)
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z (DX), K1, Z1
	VSUBPS    Z1, Z0, Z0
	EXPZ(Z0, Z1, Z2)
	VMOVUPS   Z0, K1, (DI)
	JMP       done
