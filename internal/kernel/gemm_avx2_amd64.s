//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The AVX2 strips: r rows of A (r from 1 to 6) times packed panels of 16 columns, all of them whole.
//
// R8 and R13 point at rows 0 and 3 of A; the other registers are as in the AVX-512 strips. Y0 and Y1 hold a row of B,
// Y4 to Y15 the sums.

#define ROW(addr, t, lo, hi) \
	VBROADCASTSS addr, t;   \
	VFMADD231PS  Y0, t, lo; \
	VFMADD231PS  Y1, t, hi

#define FMA1 ROW((R8), Y2, Y4, Y5)
#define FMA2 FMA1; ROW((R8)(R9*1), Y3, Y6, Y7)
#define FMA3 FMA2; ROW((R8)(R9*2), Y2, Y8, Y9)
#define FMA4 FMA3; ROW((R13), Y3, Y10, Y11)
#define FMA5 FMA4; ROW((R13)(R9*1), Y2, Y12, Y13)
#define FMA6 FMA5; ROW((R13)(R9*2), Y3, Y14, Y15)

#define CLEAR(lo, hi) \
	VXORPS lo, lo, lo; \
	VXORPS hi, hi, hi

#define ZERO1 CLEAR(Y4, Y5)
#define ZERO2 ZERO1; CLEAR(Y6, Y7)
#define ZERO3 ZERO2; CLEAR(Y8, Y9)
#define ZERO4 ZERO3; CLEAR(Y10, Y11)
#define ZERO5 ZERO4; CLEAR(Y12, Y13)
#define ZERO6 ZERO5; CLEAR(Y14, Y15)

#define ADDROW(lo, hi) \
	VADDPS (CX), lo, lo;   \
	VADDPS 32(CX), hi, hi; \
	ADDQ   R12, CX

#define ADD1 ADDROW(Y4, Y5)
#define ADD2 ADD1; ADDROW(Y6, Y7)
#define ADD3 ADD2; ADDROW(Y8, Y9)
#define ADD4 ADD3; ADDROW(Y10, Y11)
#define ADD5 ADD4; ADDROW(Y12, Y13)
#define ADD6 ADD5; ADDROW(Y14, Y15)

#define PUTROW(lo, hi) \
	VMOVUPS lo, (CX);   \
	VMOVUPS hi, 32(CX); \
	ADDQ    R12, CX

#define PUT1 PUTROW(Y4, Y5)
#define PUT2 PUT1; PUTROW(Y6, Y7)
#define PUT3 PUT2; PUTROW(Y8, Y9)
#define PUT4 PUT3; PUTROW(Y10, Y11)
#define PUT5 PUT4; PUTROW(Y12, Y13)
#define PUT6 PUT5; PUTROW(Y14, Y15)

// PRE fetches a tile of C ahead: adding to it would otherwise wait for a slower cache at the end of every panel.
#define PREROW \
	PREFETCHT0 (CX);   \
	PREFETCHT0 32(CX); \
	ADDQ       R12, CX

#define PRE1 PREROW
#define PRE2 PRE1; PREROW
#define PRE3 PRE2; PREROW
#define PRE4 PRE3; PREROW
#define PRE5 PRE4; PREROW
#define PRE6 PRE5; PREROW

#define LOAD \
	MOVQ s+0(FP), DI;           \
	MOVQ strip_rs(DI), R9;      \
	MOVQ strip_cs(DI), R10;     \
	MOVQ strip_b(DI), SI;       \
	MOVQ strip_bs(DI), R11;     \
	MOVQ strip_c(DI), DX;       \
	MOVQ strip_ldc(DI), R12;    \
	MOVQ strip_panels(DI), R15

#define PANELS(pre, zero, fma, add, put) \
panel: \
	MOVQ  DX, CX;                \
	pre;                        \
	MOVQ  strip_a(DI), R8;      \
	LEAQ  (R9)(R9*2), CX;       \
	LEAQ  (R8)(CX*1), R13;      \
	MOVQ  strip_depth(DI), CX;  \
	MOVQ  SI, R14;              \
	zero;                       \
step: \
	VMOVUPS (SI), Y0;           \
	VMOVUPS 32(SI), Y1;         \
	fma;                        \
	ADDQ  R11, SI;              \
	ADDQ  R10, R8;              \
	ADDQ  R10, R13;             \
	DECQ  CX;                   \
	JNZ   step;                 \
	CMPQ  strip_add(DI), $0;    \
	JEQ   store;                \
	MOVQ  DX, CX;               \
	add;                        \
store: \
	MOVQ  DX, CX;               \
	put;                        \
	ADDQ  $64, DX;              \
	MOVQ  R14, SI;              \
	ADDQ  strip_bpanel(DI), SI; \
	DECQ  R15;                  \
	JNZ   panel;                \
	VZEROUPPER;                 \
	RET

TEXT ·strip1AVX2(SB), NOSPLIT, $0-8
	LOAD
	CMPQ R15, $4
	JLT  panel

	// One row has too few sums to hide the latency of an addition: take four panels at a time.
wide:
	MOVQ strip_a(DI), R8
	MOVQ strip_bpanel(DI), AX
	LEAQ (SI)(AX*2), R13
	MOVQ SI, R14
	MOVQ strip_depth(DI), CX
	ZERO4

widestep:
	VBROADCASTSS (R8), Y2
	VFMADD231PS  (SI), Y2, Y4
	VFMADD231PS  32(SI), Y2, Y5
	VFMADD231PS  (SI)(AX*1), Y2, Y6
	VFMADD231PS  32(SI)(AX*1), Y2, Y7
	VFMADD231PS  (R13), Y2, Y8
	VFMADD231PS  32(R13), Y2, Y9
	VFMADD231PS  (R13)(AX*1), Y2, Y10
	VFMADD231PS  32(R13)(AX*1), Y2, Y11
	ADDQ         R11, SI
	ADDQ         R11, R13
	ADDQ         R10, R8
	DECQ         CX
	JNZ          widestep
	CMPQ         strip_add(DI), $0
	JEQ          widestore
	VADDPS       (DX), Y4, Y4
	VADDPS       32(DX), Y5, Y5
	VADDPS       64(DX), Y6, Y6
	VADDPS       96(DX), Y7, Y7
	VADDPS       128(DX), Y8, Y8
	VADDPS       160(DX), Y9, Y9
	VADDPS       192(DX), Y10, Y10
	VADDPS       224(DX), Y11, Y11

widestore:
	VMOVUPS Y4, (DX)
	VMOVUPS Y5, 32(DX)
	VMOVUPS Y6, 64(DX)
	VMOVUPS Y7, 96(DX)
	VMOVUPS Y8, 128(DX)
	VMOVUPS Y9, 160(DX)
	VMOVUPS Y10, 192(DX)
	VMOVUPS Y11, 224(DX)
	ADDQ    $256, DX
	LEAQ    (R14)(AX*4), SI
	SUBQ    $4, R15
	CMPQ    R15, $4
	JGE     wide
	TESTQ   R15, R15
	JNZ     panel
	VZEROUPPER
	RET

	PANELS(PRE1, ZERO1, FMA1, ADD1, PUT1)

TEXT ·strip2AVX2(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE2, ZERO2, FMA2, ADD2, PUT2)

TEXT ·strip3AVX2(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE3, ZERO3, FMA3, ADD3, PUT3)

TEXT ·strip4AVX2(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE4, ZERO4, FMA4, ADD4, PUT4)

TEXT ·strip5AVX2(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE5, ZERO5, FMA5, ADD5, PUT5)

TEXT ·strip6AVX2(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE6, ZERO6, FMA6, ADD6, PUT6)
