//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// The AVX-512 strips: r rows of A (r from 1 to 12) times packed panels of 32 columns.
//
// R8, R13, AX, BX point at rows 0, 3, 6, 9 of A, R9 is the row stride, R10 the column stride. SI points at B, R11 is
// its row stride. DX points at C, R12 is its row stride. R15 counts the panels left, CX the depth. Z0 and Z1 hold a
// row of B, Z2 to Z25 the sums, K1 and K2 the columns that exist. All strides are in bytes.
//
// A is prefetched eight columns ahead: the columns of a transposed A are too far apart for the hardware to do it.

#define ROW(addr, lo, hi) \
	VBROADCASTSS addr, Z31;   \
	VFMADD231PS  Z0, Z31, lo; \
	VFMADD231PS  Z1, Z31, hi

#define FMA1 ROW((R8), Z2, Z3)
#define FMA2 FMA1; ROW((R8)(R9*1), Z4, Z5)
#define FMA3 FMA2; ROW((R8)(R9*2), Z6, Z7)
#define FMA4 FMA3; ROW((R13), Z8, Z9)
#define FMA5 FMA4; ROW((R13)(R9*1), Z10, Z11)
#define FMA6 FMA5; ROW((R13)(R9*2), Z12, Z13)
#define FMA7 FMA6; ROW((AX), Z14, Z15)
#define FMA8 FMA7; ROW((AX)(R9*1), Z16, Z17)
#define FMA9 FMA8; ROW((AX)(R9*2), Z18, Z19)
#define FMA10 FMA9; ROW((BX), Z20, Z21)
#define FMA11 FMA10; ROW((BX)(R9*1), Z22, Z23)
#define FMA12 FMA11; ROW((BX)(R9*2), Z24, Z25)

#define CLEAR(lo, hi) \
	VPXORD lo, lo, lo; \
	VPXORD hi, hi, hi

#define ZERO1 CLEAR(Z2, Z3)
#define ZERO2 ZERO1; CLEAR(Z4, Z5)
#define ZERO3 ZERO2; CLEAR(Z6, Z7)
#define ZERO4 ZERO3; CLEAR(Z8, Z9)
#define ZERO5 ZERO4; CLEAR(Z10, Z11)
#define ZERO6 ZERO5; CLEAR(Z12, Z13)
#define ZERO7 ZERO6; CLEAR(Z14, Z15)
#define ZERO8 ZERO7; CLEAR(Z16, Z17)
#define ZERO9 ZERO8; CLEAR(Z18, Z19)
#define ZERO10 ZERO9; CLEAR(Z20, Z21)
#define ZERO11 ZERO10; CLEAR(Z22, Z23)
#define ZERO12 ZERO11; CLEAR(Z24, Z25)

#define ADDROW(lo, hi) \
	VADDPS (CX), lo, K1, lo;   \
	VADDPS 64(CX), hi, K2, hi; \
	ADDQ   R12, CX

#define ADD1 ADDROW(Z2, Z3)
#define ADD2 ADD1; ADDROW(Z4, Z5)
#define ADD3 ADD2; ADDROW(Z6, Z7)
#define ADD4 ADD3; ADDROW(Z8, Z9)
#define ADD5 ADD4; ADDROW(Z10, Z11)
#define ADD6 ADD5; ADDROW(Z12, Z13)
#define ADD7 ADD6; ADDROW(Z14, Z15)
#define ADD8 ADD7; ADDROW(Z16, Z17)
#define ADD9 ADD8; ADDROW(Z18, Z19)
#define ADD10 ADD9; ADDROW(Z20, Z21)
#define ADD11 ADD10; ADDROW(Z22, Z23)
#define ADD12 ADD11; ADDROW(Z24, Z25)

#define PUTROW(lo, hi) \
	VMOVUPS lo, K1, (CX);   \
	VMOVUPS hi, K2, 64(CX); \
	ADDQ    R12, CX

#define PUT1 PUTROW(Z2, Z3)
#define PUT2 PUT1; PUTROW(Z4, Z5)
#define PUT3 PUT2; PUTROW(Z6, Z7)
#define PUT4 PUT3; PUTROW(Z8, Z9)
#define PUT5 PUT4; PUTROW(Z10, Z11)
#define PUT6 PUT5; PUTROW(Z12, Z13)
#define PUT7 PUT6; PUTROW(Z14, Z15)
#define PUT8 PUT7; PUTROW(Z16, Z17)
#define PUT9 PUT8; PUTROW(Z18, Z19)
#define PUT10 PUT9; PUTROW(Z20, Z21)
#define PUT11 PUT10; PUTROW(Z22, Z23)
#define PUT12 PUT11; PUTROW(Z24, Z25)

// PRE fetches a tile of C ahead: adding to it would otherwise wait for a slower cache at the end of every panel.
#define PREROW \
	PREFETCHT0 (CX);   \
	PREFETCHT0 64(CX); \
	ADDQ       R12, CX

#define PRE1 PREROW
#define PRE2 PRE1; PREROW
#define PRE3 PRE2; PREROW
#define PRE4 PRE3; PREROW
#define PRE5 PRE4; PREROW
#define PRE6 PRE5; PREROW
#define PRE7 PRE6; PREROW
#define PRE8 PRE7; PREROW
#define PRE9 PRE8; PREROW
#define PRE10 PRE9; PREROW
#define PRE11 PRE10; PREROW
#define PRE12 PRE11; PREROW

// LOAD fetches what stays the same over the panels.
#define LOAD \
	MOVQ   s+0(FP), DI;             \
	MOVQ   strip_rs(DI), R9;        \
	MOVQ   strip_cs(DI), R10;       \
	MOVQ   strip_b(DI), SI;         \
	MOVQ   strip_bs(DI), R11;       \
	MOVQ   strip_c(DI), DX;         \
	MOVQ   strip_ldc(DI), R12;      \
	MOVQ   strip_panels(DI), R15;   \
	KXNORW K1, K1, K1;              \
	KXNORW K2, K2, K2

// ROWPOINTERS points at the first column of A.
#define ROWPOINTERS \
	MOVQ strip_a(DI), R8;   \
	LEAQ (R9)(R9*2), CX;    \
	LEAQ (R8)(CX*1), R13;   \
	LEAQ (R8)(CX*2), AX;    \
	LEAQ (R13)(CX*2), BX;   \
	MOVQ strip_depth(DI), CX

// LASTMASK narrows the masks to the columns of the last panel.
#define LASTMASK \
	MOVQ  strip_mask(DI), CX; \
	KMOVW CX, K1;             \
	SHRQ  $16, CX;            \
	KMOVW CX, K2

// PANELS computes a strip panel by panel.
#define PANELS(pre, zero, fma, add, put) \
panel: \
	MOVQ  DX, CX;                \
	pre;                        \
	ROWPOINTERS;                \
	MOVQ  SI, R14;              \
	zero;                       \
step: \
	VMOVUPS (SI), Z0;           \
	VMOVUPS 64(SI), Z1;         \
	PREFETCHT0 (R8)(R10*8);     \
	PREFETCHT0 8(BX)(R10*8);    \
	fma;                        \
	ADDQ  R11, SI;              \
	ADDQ  R10, R8;              \
	ADDQ  R10, R13;             \
	ADDQ  R10, AX;              \
	ADDQ  R10, BX;              \
	DECQ  CX;                   \
	JNZ   step;                 \
	CMPQ  R15, $1;              \
	JNE   full;                 \
	LASTMASK;                   \
full: \
	CMPQ  strip_add(DI), $0;    \
	JEQ   store;                \
	MOVQ  DX, CX;               \
	add;                        \
store: \
	MOVQ  DX, CX;               \
	put;                        \
	ADDQ  $128, DX;             \
	MOVQ  R14, SI;              \
	ADDQ  strip_bpanel(DI), SI; \
	DECQ  R15;                  \
	JNZ   panel;                \
	VZEROUPPER;                 \
	RET

TEXT ·strip1AVX512(SB), NOSPLIT, $0-8
	LOAD
	CMPQ R15, $4
	JLT  rest

	// One row has too few sums to hide the latency of an addition: take four panels at a time,
	// or three or two where a small model or a core's part has no more.
wide:
	MOVQ strip_a(DI), R8
	MOVQ strip_bpanel(DI), AX
	LEAQ (SI)(AX*2), R13
	MOVQ SI, R14
	MOVQ strip_depth(DI), CX
	ZERO4

widestep:
	VBROADCASTSS (R8), Z31
	VFMADD231PS  (SI), Z31, Z2
	VFMADD231PS  64(SI), Z31, Z3
	VFMADD231PS  (SI)(AX*1), Z31, Z4
	VFMADD231PS  64(SI)(AX*1), Z31, Z5
	VFMADD231PS  (R13), Z31, Z6
	VFMADD231PS  64(R13), Z31, Z7
	VFMADD231PS  (R13)(AX*1), Z31, Z8
	VFMADD231PS  64(R13)(AX*1), Z31, Z9
	ADDQ         R11, SI
	ADDQ         R11, R13
	ADDQ         R10, R8
	DECQ         CX
	JNZ          widestep
	CMPQ         R15, $4
	JNE          widefull
	LASTMASK

widefull:
	CMPQ   strip_add(DI), $0
	JEQ    widestore
	VADDPS (DX), Z2, Z2
	VADDPS 64(DX), Z3, Z3
	VADDPS 128(DX), Z4, Z4
	VADDPS 192(DX), Z5, Z5
	VADDPS 256(DX), Z6, Z6
	VADDPS 320(DX), Z7, Z7
	VADDPS 384(DX), Z8, K1, Z8
	VADDPS 448(DX), Z9, K2, Z9

widestore:
	VMOVUPS Z2, (DX)
	VMOVUPS Z3, 64(DX)
	VMOVUPS Z4, 128(DX)
	VMOVUPS Z5, 192(DX)
	VMOVUPS Z6, 256(DX)
	VMOVUPS Z7, 320(DX)
	VMOVUPS Z8, K1, 384(DX)
	VMOVUPS Z9, K2, 448(DX)
	ADDQ    $512, DX
	LEAQ    (R14)(AX*4), SI
	SUBQ    $4, R15
	CMPQ    R15, $4
	JGE     wide
	TESTQ   R15, R15
	JNZ     rest
	VZEROUPPER
	RET

rest:
	CMPQ R15, $2
	JEQ  two
	CMPQ R15, $3
	JNE  panel
	MOVQ strip_a(DI), R8
	MOVQ strip_bpanel(DI), AX
	MOVQ strip_depth(DI), CX
	ZERO3

threestep:
	VBROADCASTSS (R8), Z31
	VFMADD231PS  (SI), Z31, Z2
	VFMADD231PS  64(SI), Z31, Z3
	VFMADD231PS  (SI)(AX*1), Z31, Z4
	VFMADD231PS  64(SI)(AX*1), Z31, Z5
	VFMADD231PS  (SI)(AX*2), Z31, Z6
	VFMADD231PS  64(SI)(AX*2), Z31, Z7
	ADDQ         R11, SI
	ADDQ         R10, R8
	DECQ         CX
	JNZ          threestep
	LASTMASK
	CMPQ         strip_add(DI), $0
	JEQ          threestore
	VADDPS       (DX), Z2, Z2
	VADDPS       64(DX), Z3, Z3
	VADDPS       128(DX), Z4, Z4
	VADDPS       192(DX), Z5, Z5
	VADDPS       256(DX), Z6, K1, Z6
	VADDPS       320(DX), Z7, K2, Z7

threestore:
	VMOVUPS Z2, (DX)
	VMOVUPS Z3, 64(DX)
	VMOVUPS Z4, 128(DX)
	VMOVUPS Z5, 192(DX)
	VMOVUPS Z6, K1, 256(DX)
	VMOVUPS Z7, K2, 320(DX)
	VZEROUPPER
	RET

two:
	MOVQ strip_a(DI), R8
	MOVQ strip_bpanel(DI), AX
	MOVQ strip_depth(DI), CX
	ZERO2

twostep:
	VBROADCASTSS (R8), Z31
	VFMADD231PS  (SI), Z31, Z2
	VFMADD231PS  64(SI), Z31, Z3
	VFMADD231PS  (SI)(AX*1), Z31, Z4
	VFMADD231PS  64(SI)(AX*1), Z31, Z5
	ADDQ         R11, SI
	ADDQ         R10, R8
	DECQ         CX
	JNZ          twostep
	LASTMASK
	CMPQ         strip_add(DI), $0
	JEQ          twostore
	VADDPS       (DX), Z2, Z2
	VADDPS       64(DX), Z3, Z3
	VADDPS       128(DX), Z4, K1, Z4
	VADDPS       192(DX), Z5, K2, Z5

twostore:
	VMOVUPS Z2, (DX)
	VMOVUPS Z3, 64(DX)
	VMOVUPS Z4, K1, 128(DX)
	VMOVUPS Z5, K2, 192(DX)
	VZEROUPPER
	RET

	PANELS(PRE1, ZERO1, FMA1, ADD1, PUT1)

TEXT ·strip2AVX512(SB), NOSPLIT, $0-8
	LOAD
	CMPQ R15, $4
	JLT  rest

wide:
	MOVQ strip_a(DI), R8
	MOVQ strip_bpanel(DI), AX
	LEAQ (SI)(AX*2), R13
	MOVQ SI, R14
	MOVQ strip_depth(DI), CX
	ZERO8

widestep:
	VBROADCASTSS (R8), Z30
	VBROADCASTSS (R8)(R9*1), Z31
	VMOVUPS      (SI), Z0
	VMOVUPS      64(SI), Z1
	VMOVUPS      (SI)(AX*1), Z26
	VMOVUPS      64(SI)(AX*1), Z27
	VFMADD231PS  Z0, Z30, Z2
	VFMADD231PS  Z0, Z31, Z10
	VFMADD231PS  Z1, Z30, Z3
	VFMADD231PS  Z1, Z31, Z11
	VFMADD231PS  Z26, Z30, Z4
	VFMADD231PS  Z26, Z31, Z12
	VFMADD231PS  Z27, Z30, Z5
	VFMADD231PS  Z27, Z31, Z13
	VMOVUPS      (R13), Z0
	VMOVUPS      64(R13), Z1
	VMOVUPS      (R13)(AX*1), Z26
	VMOVUPS      64(R13)(AX*1), Z27
	VFMADD231PS  Z0, Z30, Z6
	VFMADD231PS  Z0, Z31, Z14
	VFMADD231PS  Z1, Z30, Z7
	VFMADD231PS  Z1, Z31, Z15
	VFMADD231PS  Z26, Z30, Z8
	VFMADD231PS  Z26, Z31, Z16
	VFMADD231PS  Z27, Z30, Z9
	VFMADD231PS  Z27, Z31, Z17
	ADDQ         R11, SI
	ADDQ         R11, R13
	ADDQ         R10, R8
	DECQ         CX
	JNZ          widestep
	CMPQ         R15, $4
	JNE          widefull
	LASTMASK

widefull:
	LEAQ   (DX)(R12*1), CX
	CMPQ   strip_add(DI), $0
	JEQ    widestore
	VADDPS (DX), Z2, Z2
	VADDPS 64(DX), Z3, Z3
	VADDPS 128(DX), Z4, Z4
	VADDPS 192(DX), Z5, Z5
	VADDPS 256(DX), Z6, Z6
	VADDPS 320(DX), Z7, Z7
	VADDPS 384(DX), Z8, K1, Z8
	VADDPS 448(DX), Z9, K2, Z9
	VADDPS (CX), Z10, Z10
	VADDPS 64(CX), Z11, Z11
	VADDPS 128(CX), Z12, Z12
	VADDPS 192(CX), Z13, Z13
	VADDPS 256(CX), Z14, Z14
	VADDPS 320(CX), Z15, Z15
	VADDPS 384(CX), Z16, K1, Z16
	VADDPS 448(CX), Z17, K2, Z17

widestore:
	VMOVUPS Z2, (DX)
	VMOVUPS Z3, 64(DX)
	VMOVUPS Z4, 128(DX)
	VMOVUPS Z5, 192(DX)
	VMOVUPS Z6, 256(DX)
	VMOVUPS Z7, 320(DX)
	VMOVUPS Z8, K1, 384(DX)
	VMOVUPS Z9, K2, 448(DX)
	VMOVUPS Z10, (CX)
	VMOVUPS Z11, 64(CX)
	VMOVUPS Z12, 128(CX)
	VMOVUPS Z13, 192(CX)
	VMOVUPS Z14, 256(CX)
	VMOVUPS Z15, 320(CX)
	VMOVUPS Z16, K1, 384(CX)
	VMOVUPS Z17, K2, 448(CX)
	ADDQ    $512, DX
	LEAQ    (R14)(AX*4), SI
	SUBQ    $4, R15
	CMPQ    R15, $4
	JGE     wide
	TESTQ   R15, R15
	JNZ     rest
	VZEROUPPER
	RET

rest:
	CMPQ R15, $3
	JNE  panel
	MOVQ strip_a(DI), R8
	MOVQ strip_bpanel(DI), AX
	MOVQ strip_depth(DI), CX
	ZERO6

threestep:
	VBROADCASTSS (R8), Z30
	VBROADCASTSS (R8)(R9*1), Z31
	VMOVUPS      (SI), Z0
	VMOVUPS      64(SI), Z1
	VMOVUPS      (SI)(AX*1), Z26
	VMOVUPS      64(SI)(AX*1), Z27
	VMOVUPS      (SI)(AX*2), Z28
	VMOVUPS      64(SI)(AX*2), Z29
	VFMADD231PS  Z0, Z30, Z2
	VFMADD231PS  Z0, Z31, Z8
	VFMADD231PS  Z1, Z30, Z3
	VFMADD231PS  Z1, Z31, Z9
	VFMADD231PS  Z26, Z30, Z4
	VFMADD231PS  Z26, Z31, Z10
	VFMADD231PS  Z27, Z30, Z5
	VFMADD231PS  Z27, Z31, Z11
	VFMADD231PS  Z28, Z30, Z6
	VFMADD231PS  Z28, Z31, Z12
	VFMADD231PS  Z29, Z30, Z7
	VFMADD231PS  Z29, Z31, Z13
	ADDQ         R11, SI
	ADDQ         R10, R8
	DECQ         CX
	JNZ          threestep
	LASTMASK
	LEAQ         (DX)(R12*1), CX
	CMPQ         strip_add(DI), $0
	JEQ          threestore
	VADDPS       (DX), Z2, Z2
	VADDPS       64(DX), Z3, Z3
	VADDPS       128(DX), Z4, Z4
	VADDPS       192(DX), Z5, Z5
	VADDPS       256(DX), Z6, K1, Z6
	VADDPS       320(DX), Z7, K2, Z7
	VADDPS       (CX), Z8, Z8
	VADDPS       64(CX), Z9, Z9
	VADDPS       128(CX), Z10, Z10
	VADDPS       192(CX), Z11, Z11
	VADDPS       256(CX), Z12, K1, Z12
	VADDPS       320(CX), Z13, K2, Z13

threestore:
	VMOVUPS Z2, (DX)
	VMOVUPS Z3, 64(DX)
	VMOVUPS Z4, 128(DX)
	VMOVUPS Z5, 192(DX)
	VMOVUPS Z6, K1, 256(DX)
	VMOVUPS Z7, K2, 320(DX)
	VMOVUPS Z8, (CX)
	VMOVUPS Z9, 64(CX)
	VMOVUPS Z10, 128(CX)
	VMOVUPS Z11, 192(CX)
	VMOVUPS Z12, K1, 256(CX)
	VMOVUPS Z13, K2, 320(CX)
	VZEROUPPER
	RET

	PANELS(PRE2, ZERO2, FMA2, ADD2, PUT2)

TEXT ·strip3AVX512(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE3, ZERO3, FMA3, ADD3, PUT3)

TEXT ·strip4AVX512(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE4, ZERO4, FMA4, ADD4, PUT4)

TEXT ·strip5AVX512(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE5, ZERO5, FMA5, ADD5, PUT5)

TEXT ·strip6AVX512(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE6, ZERO6, FMA6, ADD6, PUT6)

TEXT ·strip7AVX512(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE7, ZERO7, FMA7, ADD7, PUT7)

TEXT ·strip8AVX512(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE8, ZERO8, FMA8, ADD8, PUT8)

TEXT ·strip9AVX512(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE9, ZERO9, FMA9, ADD9, PUT9)

TEXT ·strip10AVX512(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE10, ZERO10, FMA10, ADD10, PUT10)

TEXT ·strip11AVX512(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE11, ZERO11, FMA11, ADD11, PUT11)

TEXT ·strip12AVX512(SB), NOSPLIT, $0-8
	LOAD
	PANELS(PRE12, ZERO12, FMA12, ADD12, PUT12)
