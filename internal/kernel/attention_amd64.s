//go:build !purego

#include "textflag.h"

// The two products of cached attention for one query row. Both take pages two at a time, so that four sums hide the
// latency of an addition, and fetch the next two meanwhile: a page's block of a head ends where the hardware's prefetching
// does.

// func scorePagesAVX512(dst, q *float32, pages **float32, n, headDim, at, ahead uintptr)
TEXT ·scorePagesAVX512(SB), NOSPLIT, $0-56
	MOVQ dst+0(FP), DI
	MOVQ q+8(FP), SI
	MOVQ pages+16(FP), DX
	MOVQ n+24(FP), R8
	MOVQ headDim+32(FP), R9
	MOVQ at+40(FP), R10
	MOVQ ahead+48(FP), R15
	MOVQ (DX), R11
	ADDQ R10, R11
	ADDQ R15, R11
	MOVQ R11, R15          // what comes after the last page

pair:
	CMPQ   R8, $2
	JLT    single
	MOVQ   (DX), AX
	MOVQ   8(DX), BX
	ADDQ   R10, AX
	ADDQ   R10, BX
	MOVQ   R15, R11
	MOVQ   R15, R12
	CMPQ   R8, $3
	JLT    start
	MOVQ   16(DX), R11
	ADDQ   R10, R11
	CMPQ   R8, $4
	JLT    start
	MOVQ   24(DX), R12
	ADDQ   R10, R12

start:
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
	MOVQ   SI, R14
	MOVQ   R9, CX

step:
	VBROADCASTSS (R14), Z4
	VFMADD231PS  (AX), Z4, Z0
	VFMADD231PS  64(AX), Z4, Z1
	VFMADD231PS  (BX), Z4, Z2
	VFMADD231PS  64(BX), Z4, Z3
	PREFETCHT0   (R11)
	PREFETCHT0   64(R11)
	PREFETCHT0   (R12)
	PREFETCHT0   64(R12)
	ADDQ         $128, AX
	ADDQ         $128, BX
	ADDQ         $128, R11
	ADDQ         $128, R12
	ADDQ         $4, R14
	DECQ         CX
	JNZ          step
	VMOVUPS      Z0, (DI)
	VMOVUPS      Z1, 64(DI)
	VMOVUPS      Z2, 128(DI)
	VMOVUPS      Z3, 192(DI)
	ADDQ         $256, DI
	ADDQ         $16, DX
	SUBQ         $2, R8
	JMP          pair

single:
	TESTQ  R8, R8
	JZ     done
	MOVQ   (DX), AX
	ADDQ   R10, AX
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	MOVQ   R9, CX

last:
	VBROADCASTSS (SI), Z4
	VFMADD231PS  (AX), Z4, Z0
	VFMADD231PS  64(AX), Z4, Z1
	PREFETCHT0   (R15)
	PREFETCHT0   64(R15)
	ADDQ         $128, AX
	ADDQ         $128, R15
	ADDQ         $4, SI
	DECQ         CX
	JNZ          last
	VMOVUPS      Z0, (DI)
	VMOVUPS      Z1, 64(DI)

done:
	VZEROUPPER
	RET

// func weighPagesAVX512(out, score *float32, pages **float32, positions, stride, at uintptr)
TEXT ·weighPagesAVX512(SB), NOSPLIT, $0-48
	MOVQ   out+0(FP), DI
	MOVQ   score+8(FP), SI
	MOVQ   pages+16(FP), DX
	MOVQ   positions+24(FP), R8
	MOVQ   stride+32(FP), R9
	MOVQ   at+40(FP), R10
	VPXORD Z8, Z8, Z8
	VPXORD Z9, Z9, Z9
	XORQ   R15, R15             // pages done

pair:
	CMPQ   R8, $64
	JLT    single
	MOVQ   (DX), AX
	MOVQ   8(DX), BX
	ADDQ   R10, AX
	ADDQ   R10, BX
	MOVQ   AX, R11
	MOVQ   BX, R12
	CMPQ   R8, $65
	JLT    start
	MOVQ   16(DX), R11
	ADDQ   R10, R11
	CMPQ   R8, $97
	JLT    start
	MOVQ   24(DX), R12
	ADDQ   R10, R12

start:
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
	MOVQ   $32, CX

step:
	VBROADCASTSS (SI), Z4
	VBROADCASTSS 128(SI), Z5
	VFMADD231PS  (AX), Z4, Z0
	VFMADD231PS  64(AX), Z4, Z1
	VFMADD231PS  (BX), Z5, Z2
	VFMADD231PS  64(BX), Z5, Z3
	PREFETCHT0   (R11)
	PREFETCHT0   64(R11)
	PREFETCHT0   (R12)
	PREFETCHT0   64(R12)
	ADDQ         R9, AX
	ADDQ         R9, BX
	ADDQ         R9, R11
	ADDQ         R9, R12
	ADDQ         $4, SI
	DECQ         CX
	JNZ          step
	TESTQ        R15, R15
	JNZ          more
	VMOVAPS      Z0, Z8
	VMOVAPS      Z1, Z9
	JMP          second

more:
	VADDPS Z8, Z0, Z8
	VADDPS Z9, Z1, Z9

second:
	VADDPS Z8, Z2, Z8
	VADDPS Z9, Z3, Z9
	ADDQ   $128, SI
	ADDQ   $16, DX
	ADDQ   $2, R15
	SUBQ   $64, R8
	JMP    pair

single:
	TESTQ   R8, R8
	JZ      done
	MOVQ    (DX), AX
	ADDQ    R10, AX
	MOVQ    $32, CX
	CMPQ    R8, CX
	CMOVQLT R8, CX
	SUBQ    CX, R8
	VPXORD  Z0, Z0, Z0
	VPXORD  Z1, Z1, Z1

last:
	VBROADCASTSS (SI), Z4
	VFMADD231PS  (AX), Z4, Z0
	VFMADD231PS  64(AX), Z4, Z1
	ADDQ         R9, AX
	ADDQ         $4, SI
	DECQ         CX
	JNZ          last
	TESTQ        R15, R15
	JNZ          add
	VMOVAPS      Z0, Z8
	VMOVAPS      Z1, Z9
	JMP          next

add:
	VADDPS Z8, Z0, Z8
	VADDPS Z9, Z1, Z9

next:
	INCQ R15
	ADDQ $8, DX
	JMP  single

done:
	VMOVUPS Z8, (DI)
	VMOVUPS Z9, 64(DI)
	VZEROUPPER
	RET
