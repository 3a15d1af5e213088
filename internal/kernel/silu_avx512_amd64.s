//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx512_amd64.h"

// NARROW sets K1 to the CX values that are left, if they do not fill a vector.
#define NARROW(full) \
	CMPQ  CX, $16; \
	JGE   full;    \
	MOVQ  $-1, AX; \
	SHLQ  CX, AX;  \
	NOTQ  AX;      \
	KMOVW AX, K1

// func siluMulAVX512(dst, gate, up *float32, n uintptr)
TEXT ·siluMulAVX512(SB), NOSPLIT, $0-32
	MOVQ   dst+0(FP), DI
	MOVQ   gate+8(FP), SI
	MOVQ   up+16(FP), DX
	MOVQ   n+24(FP), CX
	EXPCONSTANTS
	VPXORD Z6, Z6, Z6
	KXNORW K1, K1, K1

loop:
	NARROW(full)

full:
	VMOVUPS.Z (SI), K1, Z4
	VMOVUPS.Z (DX), K1, Z5
	VSUBPS    Z4, Z6, Z0
	EXPZ(Z0, Z1, Z2)
	VADDPS    Z26, Z0, Z0
	VDIVPS    Z0, Z4, Z0
	VMULPS    Z5, Z0, Z0
	VMOVUPS   Z0, K1, (DI)
	ADDQ      $64, DI
	ADDQ      $64, SI
	ADDQ      $64, DX
	SUBQ      $16, CX
	JG        loop
	VZEROUPPER
	RET

// func siluMulBackAVX512(dgate, dup, dout, gate, up *float32, n uintptr)
TEXT ·siluMulBackAVX512(SB), NOSPLIT, $0-48
	MOVQ   dgate+0(FP), DI
	MOVQ   dup+8(FP), R8
	MOVQ   dout+16(FP), R9
	MOVQ   gate+24(FP), SI
	MOVQ   up+32(FP), DX
	MOVQ   n+40(FP), CX
	EXPCONSTANTS
	VPXORD Z6, Z6, Z6
	KXNORW K1, K1, K1

loop:
	NARROW(full)

full:
	VMOVUPS.Z   (SI), K1, Z4
	VMOVUPS.Z   (DX), K1, Z5
	VMOVUPS.Z   (R9), K1, Z7
	VSUBPS      Z4, Z6, Z0
	EXPZ(Z0, Z1, Z2)
	VADDPS      Z26, Z0, Z0
	VDIVPS      Z0, Z26, Z0
	VSUBPS      Z0, Z26, Z1
	VFMADD213PS Z26, Z4, Z1
	VMULPS      Z0, Z7, Z2
	VMULPS      Z5, Z2, Z3
	VMULPS      Z1, Z3, Z3
	VMULPS      Z4, Z2, Z2
	VMOVUPS     Z3, K1, (DI)
	VMOVUPS     Z2, K1, (R8)
	ADDQ        $64, DI
	ADDQ        $64, R8
	ADDQ        $64, R9
	ADDQ        $64, SI
	ADDQ        $64, DX
	SUBQ        $16, CX
	JG          loop
	VZEROUPPER
	RET
