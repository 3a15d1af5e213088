//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"

// RATIOSTART clears the sums and points SI, DI and DX at x, q and mask, CX at how many are left.
#define RATIOSTART \
	MOVQ   c+0(FP), BX;            \
	MOVQ   ratioCall_x(BX), SI;    \
	MOVQ   ratioCall_q(BX), DI;    \
	MOVQ   ratioCall_mask(BX), DX; \
	MOVQ   ratioCall_out(BX), R9;  \
	MOVQ   ratioCall_n(BX), CX;    \
	VXORPS Y9, Y9, Y9;             \
	VXORPS Y10, Y10, Y10;          \
	VXORPS Y11, Y11, Y11;          \
	VXORPS Y12, Y12, Y12;          \
	VXORPS Y13, Y13, Y13;          \
	VXORPS Y14, Y14, Y14;          \
	VXORPS Y15, Y15, Y15;          \
	VMOVUPD Y15, part-320(SP);     \
	VMOVUPD Y15, part-256(SP);     \
	VMOVUPD Y15, part-192(SP);     \
	VMOVUPD Y15, part-128(SP);     \
	VMOVUPD Y15, part-64(SP);      \
	XORQ   R11, R11;               \
	XORQ   R12, R12;               \
	XORQ   R13, R13

// TALLY adds the number of lanes that y selects to n.
#define TALLY(y, n) \
	VMOVMSKPS y, AX;  \
	POPCNTL   AX, AX; \
	ADDQ      AX, n

// RATIO takes 8 values of the mask in Y7 and adds to the sums. It leaves the positions looked at in Y8, x in Y0, d in
// Y2 with what its rounding lost in Y1, and r in Y6. See the AVX-512 version.
#define RATIO \
	VXORPS       Y3, Y3, Y3;              \
	VCMPPS       $4, Y3, Y7, Y8;          \
	VMASKMOVPS   (SI), Y8, Y0;            \
	VMASKMOVPS   (DI), Y8, Y1;            \
	VSUBPS       Y1, Y0, Y2;              \
	VSUBPS       Y0, Y2, Y3;              \
	VSUBPS       Y3, Y2, Y4;              \
	VSUBPS       Y4, Y0, Y4;              \
	VADDPS       Y3, Y1, Y5;              \
	VSUBPS       Y5, Y4, Y1;              \
	VMOVUPS      ·expTable+0(SB), Y5;     \
	VFMADD213PS  ·ratioTable+64(SB), Y2, Y5; \
	VSUBPS       ·ratioTable+64(SB), Y5, Y3; \
	VMOVAPS      Y2, Y7;                    \
	VFNMADD231PS ·expTable+32(SB), Y3, Y7;  \
	VADDPS       Y1, Y7, Y7;                \
	VMOVUPS      ·expTable+96(SB), Y6;      \
	VFMADD213PS  ·expTable+128(SB), Y7, Y6; \
	VFMADD213PS  ·expTable+160(SB), Y7, Y6; \
	VFMADD213PS  ·expTable+192(SB), Y7, Y6; \
	VFMADD213PS  ·expTable+224(SB), Y7, Y6; \
	VFMADD213PS  ·expTable+320(SB), Y7, Y6; \
	VFMADD213PS  ·expTable+320(SB), Y7, Y6; \
	VPSLLD       $23, Y5, Y5;               \
	VPADDD       Y5, Y6, Y6;                \
	VANDPS       Y8, Y6, Y6;                \
	VADDPS       Y6, Y10, Y10;              \
	VFMADD231PS  Y6, Y6, Y11;               \
	VADDPS       Y2, Y12, Y12;              \
	VFMADD231PS  Y2, Y2, Y13;               \
	VMAXPS       Y6, Y14, Y14;              \
	VANDPS       ·ratioTable+0(SB), Y2, Y3; \
	VPMAXUD      Y3, Y15, Y15;              \
	TALLY(Y8, R11)

// FLUSH adds a float32 sum to its part in float64 and clears it.
#define FLUSH(x, y, i) \
	VCVTPS2PD    x, Y3;                             \
	VEXTRACTF128 $1, y, X4;                         \
	VCVTPS2PD    X4, Y4;                            \
	VADDPD       Y3, Y4, Y3;                        \
	VADDPD       part-(64*(5-i))(SP), Y3, Y3; \
	VMOVUPD      Y3, part-(64*(5-i))(SP);     \
	VXORPS       y, y, y

// FINISH adds up what a sum holds.
#define FINISH(x, y, i) \
	FLUSH(x, y, i);              \
	VEXTRACTF128 $1, Y3, X4;     \
	VADDPD       X4, X3, X3;     \
	VUNPCKHPD    X3, X3, X4;     \
	VADDSD       X4, X3, X3;     \
	VMOVSD       X3, (Ratios_Loss+8*i)(BX)

// FOLD joins the lanes of y with op, into the lowest of X3.
#define FOLD(op, x, y) \
	VEXTRACTI128 $1, y, X4;      \
	op           X4, x, X3;      \
	VPSHUFD      $0x4E, X3, X4;  \
	op           X4, X3, X3;     \
	VPSHUFD      $0xB1, X3, X4;  \
	op           X4, X3, X3

// RESULTS writes what both functions add up.
#define RESULTS \
	FINISH(X10, Y10, 1);               \
	FINISH(X11, Y11, 2);               \
	FINISH(X12, Y12, 3);               \
	FINISH(X13, Y13, 4);               \
	MOVQ R11, Ratios_Tokens(BX);    \
	FOLD(VMAXPS, X14, Y14);            \
	VMOVSS X3, Ratios_MaxRatio(BX); \
	FOLD(VPMAXUD, X15, Y15);           \
	VMOVSS X3, Ratios_MaxLog(BX)

// PIECE gives the value in Y3 and the derivative in Y4; see the AVX-512 version for the comparisons.
#define PIECE(label) \
	VBROADCASTSS ratioCall_low(BX), Y3;       \
	VSUBPS       Y3, Y2, Y3;                  \
	VADDPS       Y1, Y3, Y3;                  \
	VBROADCASTSS ratioCall_lowRest(BX), Y4;   \
	VCMPPS       $1, Y4, Y3, Y5;              \
	VANDPS       Y8, Y5, Y5;                  \
	VBROADCASTSS ratioCall_high(BX), Y3;      \
	VSUBPS       Y3, Y2, Y3;                  \
	VADDPS       Y1, Y3, Y3;                  \
	VBROADCASTSS ratioCall_highRest(BX), Y4;  \
	VCMPPS       $14, Y4, Y3, Y7;             \
	VANDPS       Y8, Y7, Y7;                  \
	TALLY(Y5, R12);                           \
	TALLY(Y7, R13);                           \
	VBROADCASTSS ratioCall_slope(BX), Y4;     \
	VMULPS       Y6, Y4, Y4;                  \
	VBROADCASTSS ratioCall_lowValue(BX), Y3;  \
	VBLENDVPS    Y5, Y3, Y4, Y3;              \
	VBROADCASTSS ratioCall_highValue(BX), Y1; \
	VBLENDVPS    Y7, Y1, Y3, Y3;              \
	VBROADCASTSS ratioCall_lowSlope(BX), Y1;  \
	VBLENDVPS    Y5, Y1, Y4, Y4;              \
	VBROADCASTSS ratioCall_highSlope(BX), Y1; \
	VBLENDVPS    Y7, Y1, Y4, Y4;              \
	CMPL         ratioCall_times(BX), $0;     \
	JEQ          label;                       \
	VMULPS       Y4, Y0, Y3

// SCALED multiplies by the scale, the value into its sum.
#define SCALED \
	VMASKMOVPS  (R8), Y8, Y7; \
	VFMADD231PS Y7, Y3, Y9;   \
	VMULPS      Y7, Y4, Y4;   \
	VANDPS      Y8, Y4, Y4

// func piecewiseAVX2(c *ratioCall)
TEXT ·piecewiseAVX2(SB), NOSPLIT, $320-8
	RATIOSTART
	MOVQ ratioCall_scale(BX), R8
	SUBQ $8, CX
	JLT  tail

block:
	MOVQ $16, R10

loop:
	VMOVUPS (DX), Y7
	RATIO
	PIECE(value)

value:
	SCALED
	TESTQ   R9, R9
	JZ      next
	VMOVUPS Y4, (R9)
	ADDQ    $32, R9

next:
	ADDQ $32, SI
	ADDQ $32, DI
	ADDQ $32, DX
	ADDQ $32, R8
	SUBQ $8, CX
	JLT  tail
	DECQ R10
	JNZ  loop
	FLUSH(X9, Y9, 0)
	FLUSH(X10, Y10, 1)
	FLUSH(X11, Y11, 2)
	FLUSH(X12, Y12, 3)
	FLUSH(X13, Y13, 4)
	JMP  block

tail:
	ADDQ       $8, CX
	JZ         done
	MOVQ       CX, R10
	TAILMASK(Y6)
	VMASKMOVPS (DX), Y6, Y7
	RATIO
	PIECE(tailvalue)

tailvalue:
	SCALED
	TESTQ      R9, R9
	JZ         done
	MOVQ       R10, CX
	TAILMASK(Y6)
	VMASKMOVPS Y4, Y6, (R9)

done:
	MOVQ ratioCall_sums(BX), BX
	FINISH(X9, Y9, 0)
	RESULTS
	MOVQ R12, Ratios_Low(BX)
	MOVQ R13, Ratios_High(BX)
	VZEROUPPER
	RET

// func ratioAVX2(c *ratioCall)
TEXT ·ratioAVX2(SB), NOSPLIT, $320-8
	RATIOSTART
	MOVQ ratioCall_ratio(BX), R8
	SUBQ $8, CX
	JLT  tail

block:
	MOVQ $16, R10

loop:
	VMOVUPS (DX), Y7
	RATIO
	VMOVUPS Y2, (R9)
	VMOVUPS Y6, (R8)
	ADDQ    $32, R9
	ADDQ    $32, R8
	ADDQ    $32, SI
	ADDQ    $32, DI
	ADDQ    $32, DX
	SUBQ    $8, CX
	JLT     tail
	DECQ    R10
	JNZ     loop
	FLUSH(X10, Y10, 1)
	FLUSH(X11, Y11, 2)
	FLUSH(X12, Y12, 3)
	FLUSH(X13, Y13, 4)
	JMP     block

tail:
	ADDQ       $8, CX
	JZ         done
	MOVQ       CX, R10
	TAILMASK(Y6)
	VMASKMOVPS (DX), Y6, Y7
	RATIO
	MOVQ       R10, CX
	TAILMASK(Y7)
	VMASKMOVPS Y2, Y7, (R9)
	VMASKMOVPS Y6, Y7, (R8)

done:
	MOVQ ratioCall_sums(BX), BX
	RESULTS
	VZEROUPPER
	RET

// QUICK is RATIO without what the rounding of d lost; Y1 is left alone.
#define QUICK \
	VXORPS       Y3, Y3, Y3;                \
	VCMPPS       $4, Y3, Y7, Y8;            \
	VMASKMOVPS   (SI), Y8, Y0;              \
	VMASKMOVPS   (DI), Y8, Y3;              \
	VSUBPS       Y3, Y0, Y2;                \
	VMOVUPS      ·expTable+0(SB), Y5;       \
	VFMADD213PS  ·ratioTable+64(SB), Y2, Y5; \
	VSUBPS       ·ratioTable+64(SB), Y5, Y3; \
	VMOVAPS      Y2, Y7;                    \
	VFNMADD231PS ·expTable+32(SB), Y3, Y7;  \
	VMOVUPS      ·expTable+96(SB), Y6;      \
	VFMADD213PS  ·expTable+128(SB), Y7, Y6; \
	VFMADD213PS  ·expTable+160(SB), Y7, Y6; \
	VFMADD213PS  ·expTable+192(SB), Y7, Y6; \
	VFMADD213PS  ·expTable+224(SB), Y7, Y6; \
	VFMADD213PS  ·expTable+320(SB), Y7, Y6; \
	VFMADD213PS  ·expTable+320(SB), Y7, Y6; \
	VPSLLD       $23, Y5, Y5;               \
	VPADDD       Y5, Y6, Y6;                \
	VANDPS       Y8, Y6, Y6;                \
	VADDPS       Y6, Y10, Y10;              \
	VFMADD231PS  Y6, Y6, Y11;               \
	VADDPS       Y2, Y12, Y12;              \
	VFMADD231PS  Y2, Y2, Y13;               \
	VMAXPS       Y6, Y14, Y14;              \
	VANDPS       ·ratioTable+0(SB), Y2, Y3; \
	VPMAXUD      Y3, Y15, Y15;              \
	TALLY(Y8, R11)

// QUICKPIECE adds the value to its sum and leaves the gradient in Y4. Y5 are those that are not below the bounds, Y7 of
// these those that are not above; Y1 gathers who is at one.
#define QUICKPIECE \
	VBROADCASTSS ratioCall_low(BX), Y3;       \
	VCMPPS       $13, Y3, Y2, Y5;             \
	VANDPS       Y8, Y5, Y5;                  \
	TALLY(Y5, R12);                           \
	VBROADCASTSS ratioCall_high(BX), Y3;      \
	VCMPPS       $2, Y3, Y2, Y7;              \
	VANDPS       Y5, Y7, Y7;                  \
	TALLY(Y7, R13);                           \
	VBROADCASTSS ratioCall_lowTie(BX), Y3;    \
	VCMPPS       $0, Y3, Y2, Y3;              \
	VORPS        Y3, Y1, Y1;                  \
	VBROADCASTSS ratioCall_highTie(BX), Y3;   \
	VCMPPS       $0, Y3, Y2, Y3;              \
	VORPS        Y3, Y1, Y1;                  \
	VMASKMOVPS   (R8), Y8, Y3;                \
	VMULPS       Y3, Y6, Y4;                  \
	VANDPS       Y7, Y4, Y4;                  \
	VBROADCASTSS ratioCall_slope(BX), Y0;     \
	VFMADD231PS  Y0, Y4, Y9;                  \
	VANDNPS      Y8, Y5, Y0;                  \
	VANDPS       Y3, Y0, Y0;                  \
	VBROADCASTSS ratioCall_lowValue(BX), Y2;  \
	VFMADD231PS  Y2, Y0, Y9;                  \
	VANDNPS      Y5, Y7, Y0;                  \
	VANDPS       Y3, Y0, Y0;                  \
	VBROADCASTSS ratioCall_highValue(BX), Y2; \
	VFMADD231PS  Y2, Y0, Y9;                  \
	VBROADCASTSS ratioCall_factor(BX), Y0;    \
	VMULPS       Y0, Y4, Y4;                  \
	VANDPS       Y7, Y4, Y4

// func quickAVX2(c *ratioCall)
TEXT ·quickAVX2(SB), NOSPLIT, $320-8
	RATIOSTART
	MOVQ   ratioCall_scale(BX), R8
	VXORPS Y1, Y1, Y1
	SUBQ   $8, CX
	JLT    tail

block:
	MOVQ $16, R10

loop:
	VMOVUPS (DX), Y7
	QUICK
	QUICKPIECE
	TESTQ   R9, R9
	JZ      next
	VMOVUPS Y4, (R9)
	ADDQ    $32, R9

next:
	ADDQ $32, SI
	ADDQ $32, DI
	ADDQ $32, DX
	ADDQ $32, R8
	SUBQ $8, CX
	JLT  tail
	DECQ R10
	JNZ  loop
	FLUSH(X9, Y9, 0)
	FLUSH(X10, Y10, 1)
	FLUSH(X11, Y11, 2)
	FLUSH(X12, Y12, 3)
	FLUSH(X13, Y13, 4)
	JMP  block

tail:
	ADDQ       $8, CX
	JZ         done
	MOVQ       CX, R10
	TAILMASK(Y6)
	VMASKMOVPS (DX), Y6, Y7
	QUICK
	QUICKPIECE
	TESTQ      R9, R9
	JZ         done
	MOVQ       R10, CX
	TAILMASK(Y6)
	VMASKMOVPS Y4, Y6, (R9)

done:
	VMOVMSKPS Y1, AX
	MOVL      AX, ratioCall_ties(BX)
	MOVQ      ratioCall_sums(BX), BX
	FINISH(X9, Y9, 0)
	RESULTS
	SUBQ      R12, R11
	SUBQ      R13, R12
	MOVQ      R11, Ratios_Low(BX)
	MOVQ      R12, Ratios_High(BX)
	VZEROUPPER
	RET

// func quickSumsAVX2(c *ratioCall)
TEXT ·quickSumsAVX2(SB), NOSPLIT, $320-8
	RATIOSTART
	MOVQ ratioCall_scale(BX), R8
	SUBQ $8, CX
	JLT  tail

block:
	MOVQ $16, R10

loop:
	VMOVUPS    (DX), Y7
	QUICK
	VMASKMOVPS (R8), Y8, Y3
	VADDPS     Y3, Y9, Y9
	ADDQ       $32, SI
	ADDQ       $32, DI
	ADDQ       $32, DX
	ADDQ       $32, R8
	SUBQ       $8, CX
	JLT        tail
	DECQ       R10
	JNZ        loop
	FLUSH(X9, Y9, 0)
	FLUSH(X10, Y10, 1)
	FLUSH(X11, Y11, 2)
	FLUSH(X12, Y12, 3)
	FLUSH(X13, Y13, 4)
	JMP        block

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK(Y6)
	VMASKMOVPS (DX), Y6, Y7
	QUICK
	VMASKMOVPS (R8), Y8, Y3
	VADDPS     Y3, Y9, Y9

done:
	MOVQ ratioCall_sums(BX), BX
	FINISH(X9, Y9, 0)
	RESULTS
	VZEROUPPER
	RET
