//go:build !purego

#include "textflag.h"

// func pack32AVX512(dst, src *float32, stride, depth uintptr, mask uint32)
TEXT ·pack32AVX512(SB), NOSPLIT, $0-36
	MOVQ  dst+0(FP), DI
	MOVQ  src+8(FP), SI
	MOVQ  stride+16(FP), R8
	MOVQ  depth+24(FP), CX
	MOVL  mask+32(FP), AX
	KMOVW AX, K1
	SHRL  $16, AX
	KMOVW AX, K2

loop:
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z 64(SI), K2, Z1
	VMOVUPS   Z0, (DI)
	VMOVUPS   Z1, 64(DI)
	ADDQ      R8, SI
	ADDQ      $128, DI
	DECQ      CX
	JNZ       loop
	VZEROUPPER
	RET

// func pack16AVX2(dst, src *float32, stride, depth uintptr)
TEXT ·pack16AVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ depth+24(FP), CX

loop:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ    R8, SI
	ADDQ    $64, DI
	DECQ    CX
	JNZ     loop
	VZEROUPPER
	RET

// NEXTROW is the row after p, or p again behind the last one.
#define NEXTROW(i, p, q) \
	LEAQ    (p)(DX*1), q; \
	CMPQ    CX, $i;       \
	CMOVQLE p, q

// func transpose8AVX2(dst *float32, dstStride uintptr, src *float32, srcStride, depth, rows uintptr)
TEXT ·transpose8AVX2(SB), NOSPLIT, $0-48
	MOVQ src+16(FP), R8
	MOVQ srcStride+24(FP), DX
	MOVQ rows+40(FP), CX
	NEXTROW(1, R8, R9)
	NEXTROW(2, R9, R10)
	NEXTROW(3, R10, R11)
	NEXTROW(4, R11, R12)
	NEXTROW(5, R12, R13)
	NEXTROW(6, R13, AX)
	NEXTROW(7, AX, BX)
	MOVQ dst+0(FP), DI
	MOVQ dstStride+8(FP), SI
	MOVQ depth+32(FP), R15
	XORQ CX, CX

block:
	// The last block steps back to end with the row and writes some values again.
	LEAQ 8(CX), DX
	CMPQ DX, R15
	JLE  whole
	MOVQ R15, CX
	SUBQ $8, CX

whole:
	MOVQ        CX, DX
	IMULQ       SI, DX
	ADDQ        DI, DX
	VMOVUPS     (R8)(CX*4), X0
	VMOVUPS     (R9)(CX*4), X1
	VMOVUPS     (R10)(CX*4), X2
	VMOVUPS     (R11)(CX*4), X3
	VINSERTF128 $1, (R12)(CX*4), Y0, Y0
	VINSERTF128 $1, (R13)(CX*4), Y1, Y1
	VINSERTF128 $1, (AX)(CX*4), Y2, Y2
	VINSERTF128 $1, (BX)(CX*4), Y3, Y3
	VMOVUPS     16(R8)(CX*4), X4
	VMOVUPS     16(R9)(CX*4), X5
	VMOVUPS     16(R10)(CX*4), X6
	VMOVUPS     16(R11)(CX*4), X7
	VINSERTF128 $1, 16(R12)(CX*4), Y4, Y4
	VINSERTF128 $1, 16(R13)(CX*4), Y5, Y5
	VINSERTF128 $1, 16(AX)(CX*4), Y6, Y6
	VINSERTF128 $1, 16(BX)(CX*4), Y7, Y7
	VUNPCKLPS   Y1, Y0, Y8
	VUNPCKHPS   Y1, Y0, Y9
	VUNPCKLPS   Y3, Y2, Y10
	VUNPCKHPS   Y3, Y2, Y11
	VUNPCKLPS   Y5, Y4, Y12
	VUNPCKHPS   Y5, Y4, Y13
	VUNPCKLPS   Y7, Y6, Y14
	VUNPCKHPS   Y7, Y6, Y15
	VUNPCKLPD   Y10, Y8, Y0
	VUNPCKHPD   Y10, Y8, Y1
	VUNPCKLPD   Y11, Y9, Y2
	VUNPCKHPD   Y11, Y9, Y3
	VUNPCKLPD   Y14, Y12, Y4
	VUNPCKHPD   Y14, Y12, Y5
	VUNPCKLPD   Y15, Y13, Y6
	VUNPCKHPD   Y15, Y13, Y7
	VMOVUPS     Y0, (DX)
	VMOVUPS     Y1, (DX)(SI*1)
	LEAQ        (DX)(SI*2), DX
	VMOVUPS     Y2, (DX)
	VMOVUPS     Y3, (DX)(SI*1)
	LEAQ        (DX)(SI*2), DX
	VMOVUPS     Y4, (DX)
	VMOVUPS     Y5, (DX)(SI*1)
	LEAQ        (DX)(SI*2), DX
	VMOVUPS     Y6, (DX)
	VMOVUPS     Y7, (DX)(SI*1)
	ADDQ        $8, CX
	CMPQ        CX, R15
	JLT         block
	VZEROUPPER
	RET

// func pause()
TEXT ·pause(SB), NOSPLIT, $0-0
	PAUSE
	RET
