//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// SILU is the gated activation of the gate Y4 and the factor Y5, into Y0.
#define SILU \
	VXORPS Y0, Y0, Y0;                \
	VSUBPS Y4, Y0, Y0;                \
	EXP(Y0, Y1, Y2, Y3);              \
	VADDPS ·expTable+320(SB), Y0, Y0; \
	VDIVPS Y0, Y4, Y0;                \
	VMULPS Y5, Y0, Y0

#define SILUZ \
	VSUBPS Z4, Z6, Z0;  \
	EXPZ(Z0, Z1, Z2);   \
	VADDPS Z26, Z0, Z0; \
	VDIVPS Z0, Z4, Z0;  \
	VMULPS Z5, Z0, Z0

// func siluMulSIMD(dst, gate, up *float32, n uintptr)
TEXT ·siluMulSIMD(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ gate+8(FP), SI
	MOVQ up+16(FP), DX
	MOVQ n+24(FP), CX
	IFAVX512(avx512)
	SUBQ $8, CX
	JLT  tail

loop:
	VMOVUPS (SI), Y4
	VMOVUPS (DX), Y5
	SILU
	VMOVUPS Y0, (DI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, DX
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK(Y6)
	VMASKMOVPS (SI), Y6, Y4
	VMASKMOVPS (DX), Y6, Y5
	SILU
	VMASKMOVPS Y0, Y6, (DI)

done:
	VZEROUPPER
	RET

avx512:
	EXPCONSTANTS
	VPXORD Z6, Z6, Z6
	SUBQ   $16, CX
	JLT    tail16

loop16:
	VMOVUPS (SI), Z4
	VMOVUPS (DX), Z5
	SILUZ
	VMOVUPS Z0, (DI)
	ADDQ    $64, DI
	ADDQ    $64, SI
	ADDQ    $64, DX
	SUBQ    $16, CX
	JGE     loop16

tail16:
	ADDQ      $16, CX
	JZ        done
	LEFT(K1)
	VMOVUPS.Z (SI), K1, Z4
	VMOVUPS.Z (DX), K1, Z5
	SILUZ
	VMOVUPS   Z0, K1, (DI)
	JMP       done

// SILUBACK gives the gradients of the gate Y4 (into Y3) and of the factor Y5 (into Y2) for the gradient Y7.
#define SILUBACK \
	VXORPS      Y0, Y0, Y0;                \
	VSUBPS      Y4, Y0, Y0;                \
	EXP(Y0, Y1, Y2, Y3);                   \
	VMOVUPS     ·expTable+320(SB), Y3;     \
	VADDPS      Y3, Y0, Y0;                \
	VDIVPS      Y0, Y3, Y0;                \
	VSUBPS      Y0, Y3, Y1;                \
	VFMADD213PS Y3, Y4, Y1;                \
	VMULPS      Y0, Y7, Y2;                \
	VMULPS      Y5, Y2, Y3;                \
	VMULPS      Y1, Y3, Y3;                \
	VMULPS      Y4, Y2, Y2

#define SILUBACKZ \
	VSUBPS      Z4, Z6, Z0;   \
	EXPZ(Z0, Z1, Z2);         \
	VADDPS      Z26, Z0, Z0;  \
	VDIVPS      Z0, Z26, Z0;  \
	VSUBPS      Z0, Z26, Z1;  \
	VFMADD213PS Z26, Z4, Z1;  \
	VMULPS      Z0, Z7, Z2;   \
	VMULPS      Z5, Z2, Z3;   \
	VMULPS      Z1, Z3, Z3;   \
	VMULPS      Z4, Z2, Z2

// func siluMulBackSIMD(dgate, dup, dout, gate, up *float32, n uintptr)
TEXT ·siluMulBackSIMD(SB), NOSPLIT, $0-48
	MOVQ dgate+0(FP), DI
	MOVQ dup+8(FP), R8
	MOVQ dout+16(FP), R9
	MOVQ gate+24(FP), SI
	MOVQ up+32(FP), DX
	MOVQ n+40(FP), CX
	IFAVX512(avx512)
	SUBQ $8, CX
	JLT  tail

loop:
	VMOVUPS (SI), Y4
	VMOVUPS (DX), Y5
	VMOVUPS (R9), Y7
	SILUBACK
	VMOVUPS Y3, (DI)
	VMOVUPS Y2, (R8)
	ADDQ    $32, DI
	ADDQ    $32, R8
	ADDQ    $32, R9
	ADDQ    $32, SI
	ADDQ    $32, DX
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK(Y6)
	VMASKMOVPS (SI), Y6, Y4
	VMASKMOVPS (DX), Y6, Y5
	VMASKMOVPS (R9), Y6, Y7
	SILUBACK
	VMASKMOVPS Y3, Y6, (DI)
	VMASKMOVPS Y2, Y6, (R8)

done:
	VZEROUPPER
	RET

avx512:
	EXPCONSTANTS
	VPXORD Z6, Z6, Z6
	SUBQ   $16, CX
	JLT    tail16

loop16:
	VMOVUPS (SI), Z4
	VMOVUPS (DX), Z5
	VMOVUPS (R9), Z7
	SILUBACKZ
	VMOVUPS Z3, (DI)
	VMOVUPS Z2, (R8)
	ADDQ    $64, DI
	ADDQ    $64, R8
	ADDQ    $64, R9
	ADDQ    $64, SI
	ADDQ    $64, DX
	SUBQ    $16, CX
	JGE     loop16

tail16:
	ADDQ      $16, CX
	JZ        done
	LEFT(K1)
	VMOVUPS.Z (SI), K1, Z4
	VMOVUPS.Z (DX), K1, Z5
	VMOVUPS.Z (R9), K1, Z7
	SILUBACKZ
	VMOVUPS   Z3, K1, (DI)
	VMOVUPS   Z2, K1, (R8)
	JMP       done
