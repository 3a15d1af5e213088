//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// START loads the constants, clears the sums and points SI, DI and DX at x, q and mask, CX at how many are left.
#define START \
	MOVQ         c+0(FP), BX;           \
	MOVQ         ratioCall_x(BX), SI;    \
	MOVQ         ratioCall_q(BX), DI;    \
	MOVQ         ratioCall_mask(BX), DX; \
	MOVQ         ratioCall_out(BX), R9;  \
	MOVQ         ratioCall_n(BX), CX;    \
	VBROADCASTSS ·expTable+0(SB), Z16;   \
	VBROADCASTSS ·expTable+32(SB), Z17;  \
	VBROADCASTSS ·ratioTable+64(SB), Z18; \
	VBROADCASTSS ·expTable+96(SB), Z19;  \
	VBROADCASTSS ·expTable+128(SB), Z20; \
	VBROADCASTSS ·expTable+160(SB), Z21; \
	VBROADCASTSS ·expTable+192(SB), Z22; \
	VBROADCASTSS ·expTable+224(SB), Z23; \
	VBROADCASTSS ·expTable+320(SB), Z24; \
	VPXORD       Z8, Z8, Z8;             \
	VPXORD       Z9, Z9, Z9;             \
	VPXORD       Z10, Z10, Z10;          \
	VPXORD       Z11, Z11, Z11;          \
	VPXORD       Z12, Z12, Z12;          \
	VPXORD       Z13, Z13, Z13;          \
	VPXORD       Z14, Z14, Z14;          \
	VPXORD       Z15, Z15, Z15;          \
	XORQ         R11, R11;               \
	XORQ         R12, R12;               \
	XORQ         R14, R14;               \
	VMOVUPD      Z8, part-320(SP);       \
	VMOVUPD      Z8, part-256(SP);       \
	VMOVUPD      Z8, part-192(SP);       \
	VMOVUPD      Z8, part-128(SP);       \
	VMOVUPD      Z8, part-64(SP);        \
	KXNORW       K5, K5, K5

// TALLY adds the number of lanes that k selects to n.
#define TALLY(k, n) \
	KMOVW   k, AX;   \
	POPCNTL AX, AX;  \
	ADDQ    AX, n

// LAST sets K5 to the CX values that are left, if they do not fill a vector.
#define LAST(full) \
	CMPQ  CX, $16; \
	JGE   full;    \
	MOVQ  $-1, AX; \
	SHLQ  CX, AX;  \
	NOTQ  AX;      \
	KMOVW AX, K5

// RATIO reads 16 positions and adds to the sums. It leaves the mask in K1, x in Z0, d in Z2 with what its rounding
// lost in Z1, and r in Z6. What was lost is exact (Knuth's two-sum) and enters the exponential, see expTable, with the
// reduced argument. At |d| below 20 the lower part of ln 2 is worth half a unit at most and left out; adding 1.5·2²³
// rounds to a whole number, whose bits then go to the exponent.
#define RATIO \
	VMOVUPS.Z      (DX), K5, Z7;                        \
	VCMPPS         $4, Z8, Z7, K5, K1;                  \
	VMOVUPS.Z      (SI), K1, Z0;                        \
	VMOVUPS.Z      (DI), K1, Z1;                        \
	VSUBPS         Z1, Z0, Z2;                          \
	VSUBPS         Z0, Z2, Z3;                          \
	VSUBPS         Z3, Z2, Z4;                          \
	VSUBPS         Z4, Z0, Z4;                          \
	VADDPS         Z3, Z1, Z5;                          \
	VSUBPS         Z5, Z4, Z1;                          \
	VMOVAPS        Z16, Z5;                             \
	VFMADD213PS    Z18, Z2, Z5;                         \
	VSUBPS         Z18, Z5, Z3;                         \
	VMOVAPS        Z2, Z7;                              \
	VFNMADD231PS   Z17, Z3, Z7;                         \
	VADDPS         Z1, Z7, Z7;                          \
	VMOVAPS        Z19, Z6;                             \
	VFMADD213PS    Z20, Z7, Z6;                         \
	VFMADD213PS    Z21, Z7, Z6;                         \
	VFMADD213PS    Z22, Z7, Z6;                         \
	VFMADD213PS    Z23, Z7, Z6;                         \
	VFMADD213PS    Z24, Z7, Z6;                         \
	VFMADD213PS    Z24, Z7, Z6;                         \
	VPSLLD         $23, Z5, Z5;                         \
	VPADDD.Z       Z5, Z6, K1, Z6;                      \
	VADDPS         Z6, Z10, Z10;                        \
	VFMADD231PS    Z6, Z6, Z11;                         \
	VADDPS         Z2, Z12, Z12;                        \
	VFMADD231PS    Z2, Z2, Z13;                         \
	VMAXPS         Z6, Z14, Z14;                        \
	VRANGEPS       $11, Z2, Z15, Z15;                   \
	TALLY(K1, R14)

// FLUSH adds a float32 sum to its part in float64 and clears it.
#define FLUSH(z, y, i) \
	VCVTPS2PD     y, Z3;                                 \
	VEXTRACTF64X4 $1, z, Y4;                             \
	VCVTPS2PD     Y4, Z4;                                \
	VADDPD        Z3, Z4, Z3;                            \
	VADDPD        part-(64*(5-i))(SP), Z3, Z3;     \
	VMOVUPD       Z3, part-(64*(5-i))(SP);         \
	VPXORD        z, z, z

// WHOLE is what a float32 sum and its part hold together, eight numbers.
#define WHOLE(z, y, i) \
	VEXTRACTF64X4 $1, z, Y4;                   \
	VCVTPS2PD     y, z;                        \
	VCVTPS2PD     Y4, Z4;                      \
	VADDPD        z, Z4, z;                    \
	VADDPD        part-(64*(5-i))(SP), z, z

// FOLD joins the lanes of z with op, into the lowest of X3.
#define FOLD(op, z, y) \
	VEXTRACTI64X4 $1, z, Y4;     \
	op            Y4, y, Y3;     \
	VEXTRACTI128  $1, Y3, X4;    \
	op            X4, X3, X3;    \
	VPSHUFD       $0x4E, X3, X4; \
	op            X4, X3, X3;    \
	VPSHUFD       $0xB1, X3, X4; \
	op            X4, X3, X3

// LOSS writes the sum of the loss.
#define LOSS \
	WHOLE(Z9, Y9, 0);            \
	VEXTRACTF64X4 $1, Z9, Y4;    \
	VADDPD        Y4, Y9, Y9;    \
	VEXTRACTF128  $1, Y9, X4;    \
	VADDPD        X4, X9, X9;    \
	VUNPCKHPD     X9, X9, X4;    \
	VADDSD        X4, X9, X9;    \
	VMOVSD        X9, Ratios_Loss(BX)

// PAIRS adds neighbours: z is a's and b's sums in turn.
#define PAIRS(a, b, z, y) \
	VUNPCKLPD     b, a, z;   \
	VUNPCKHPD     b, a, Z4;  \
	VADDPD        Z4, z, z;  \
	VEXTRACTF64X4 $1, z, Y4; \
	VADDPD        Y4, y, y

// RESULTS writes what all functions add up.
#define RESULTS \
	WHOLE(Z10, Y10, 1);                \
	WHOLE(Z11, Y11, 2);                \
	WHOLE(Z12, Y12, 3);                \
	WHOLE(Z13, Y13, 4);                \
	PAIRS(Z10, Z11, Z2, Y2);           \
	PAIRS(Z12, Z13, Z3, Y3);           \
	VPERM2F128 $0x20, Y3, Y2, Y4;      \
	VPERM2F128 $0x31, Y3, Y2, Y2;      \
	VADDPD     Y4, Y2, Y2;             \
	VMOVUPD    Y2, Ratios_Ratio(BX);   \
	MOVQ       R14, Ratios_Tokens(BX); \
	FOLD(VMAXPS, Z14, Y14);            \
	VMOVSS     X3, Ratios_MaxRatio(BX); \
	FOLD(VMAXPS, Z15, Y15);            \
	VMOVSS     X3, Ratios_MaxLog(BX)

// func piecewiseAVX512(c *ratioCall)
TEXT ·piecewiseAVX512(SB), NOSPLIT, $320-8
	START
	MOVQ         ratioCall_scale(BX), R8
	MOVL         ratioCall_times(BX), AX
	KMOVW        AX, K6
	VBROADCASTSS ratioCall_low(BX), Z28
	VBROADCASTSS ratioCall_lowRest(BX), Z29
	VBROADCASTSS ratioCall_high(BX), Z30
	VBROADCASTSS ratioCall_highRest(BX), Z31

block:
	MOVQ $16, R10

loop:
	LAST(full)

full:
	RATIO

	// d is below a bound in two parts where d − bound + its rest is below the bound's rest: the difference is exact
	// where the first parts are close.
	VSUBPS            Z28, Z2, Z3
	VADDPS            Z1, Z3, Z3
	VCMPPS            $1, Z29, Z3, K1, K2
	VSUBPS            Z30, Z2, Z3
	VADDPS            Z1, Z3, Z3
	VCMPPS            $14, Z31, Z3, K1, K3
	TALLY(K2, R11)
	TALLY(K3, R12)
	VMULPS.BCST       ratioCall_slope(BX), Z6, Z4
	VMOVAPS           Z4, Z5
	VBROADCASTSS      ratioCall_lowSlope(BX), K2, Z4
	VBROADCASTSS      ratioCall_highSlope(BX), K3, Z4
	VBROADCASTSS      ratioCall_lowValue(BX), K2, Z5
	VBROADCASTSS      ratioCall_highValue(BX), K3, Z5
	VMULPS            Z4, Z0, K6, Z5
	VMOVUPS.Z         (R8), K1, Z7
	VFMADD231PS       Z7, Z5, Z9
	TESTQ             R9, R9
	JZ                next
	VMULPS.Z          Z7, Z4, K1, Z4
	VMOVUPS           Z4, K5, (R9)
	ADDQ              $64, R9

next:
	ADDQ $64, SI
	ADDQ $64, DI
	ADDQ $64, DX
	ADDQ $64, R8
	SUBQ $16, CX
	JLE  done
	DECQ R10
	JNZ  loop
	FLUSH(Z9, Y9, 0)
	FLUSH(Z10, Y10, 1)
	FLUSH(Z11, Y11, 2)
	FLUSH(Z12, Y12, 3)
	FLUSH(Z13, Y13, 4)
	JMP  block

done:
	MOVQ ratioCall_sums(BX), BX
	LOSS
	RESULTS
	MOVQ R11, Ratios_Low(BX)
	MOVQ R12, Ratios_High(BX)
	VZEROUPPER
	RET

// func ratioAVX512(c *ratioCall)
TEXT ·ratioAVX512(SB), NOSPLIT, $320-8
	START
	MOVQ ratioCall_ratio(BX), R8

block:
	MOVQ $16, R10

loop:
	LAST(full)

full:
	RATIO
	VMOVUPS Z2, K5, (R9)
	VMOVUPS Z6, K5, (R8)
	ADDQ    $64, R9
	ADDQ    $64, R8
	ADDQ    $64, SI
	ADDQ    $64, DI
	ADDQ    $64, DX
	SUBQ    $16, CX
	JLE     done
	DECQ    R10
	JNZ     loop
	FLUSH(Z10, Y10, 1)
	FLUSH(Z11, Y11, 2)
	FLUSH(Z12, Y12, 3)
	FLUSH(Z13, Y13, 4)
	JMP     block

done:
	MOVQ ratioCall_sums(BX), BX
	RESULTS
	VZEROUPPER
	RET

// QUICK is RATIO without what the rounding of d lost, for x in Z0 and the mask and q at R13 behind DX and DI.
#define QUICK \
	VCMPPS       $4, (DX)(R13*1), Z8, K5, K1;        \
	VSUBPS.Z     (DI)(R13*1), Z0, K1, Z2;            \
	VMOVAPS      Z16, Z5;                            \
	VFMADD213PS  Z18, Z2, Z5;                        \
	VSUBPS       Z18, Z5, Z3;                        \
	VMOVAPS      Z2, Z4;                             \
	VFNMADD231PS Z17, Z3, Z4;                        \
	VMOVAPS      Z19, Z6;                            \
	VFMADD213PS  Z20, Z4, Z6;                        \
	VFMADD213PS  Z21, Z4, Z6;                        \
	VFMADD213PS  Z22, Z4, Z6;                        \
	VFMADD213PS  Z23, Z4, Z6;                        \
	VFMADD213PS  Z24, Z4, Z6;                        \
	VFMADD213PS  Z24, Z4, Z6;                        \
	VPSLLD       $23, Z5, Z5;                        \
	VPADDD.Z     Z5, Z6, K1, Z6;                     \
	VADDPS       Z6, Z10, Z10;                       \
	VFMADD231PS  Z6, Z6, Z11;                        \
	VADDPS       Z2, Z12, Z12;                       \
	VFMADD231PS  Z2, Z2, Z13;                        \
	VMAXPS       Z6, Z14, Z14;                       \
	VRANGEPS     $11, Z2, Z15, Z15;                  \
	TALLY(K1, R14)

// func quickAVX512(c *ratioCall)
TEXT ·quickAVX512(SB), NOSPLIT, $320-8
	START
	MOVQ         ratioCall_scale(BX), R8
	VBROADCASTSS ratioCall_low(BX), Z28
	VBROADCASTSS ratioCall_high(BX), Z30
	VBROADCASTSS ratioCall_lowTie(BX), Z29
	VBROADCASTSS ratioCall_highTie(BX), Z31
	XORQ         R13, R13
	KXNORW       K6, K6, K6
	KXNORW       K7, K7, K7

block:
	MOVQ $16, R10

loop:
	CMPQ    CX, $16
	JLT     tail
	VMOVUPS (SI)(R13*1), Z0
	VMOVUPS (R8)(R13*1), Z7

full:
	QUICK

	// K2 are those that are not below the bounds, K3 of these those that are not above; K6 and K7 lose who is at one.
	VCMPPS      $13, Z28, Z2, K1, K2
	VCMPPS      $2, Z30, Z2, K2, K3
	VCMPPS      $4, Z29, Z2, K6, K6
	VCMPPS      $4, Z31, Z2, K7, K7
	TALLY(K2, R11)
	TALLY(K3, R12)
	VMULPS.Z    Z7, Z6, K3, Z4
	TESTQ       R9, R9
	JZ          value
	VMULPS.BCST.Z ratioCall_factor(BX), Z4, K3, Z3
	VMOVUPS     Z3, K5, (R9)(R13*1)

value:
	VFMADD231PS.BCST ratioCall_slope(BX), Z4, Z9
	CMPL        ratioCall_lowValue(BX), $0
	JEQ         high
	KANDNW      K1, K2, K4
	VFMADD231PS.BCST ratioCall_lowValue(BX), Z7, K4, Z9

high:
	CMPL        ratioCall_highValue(BX), $0
	JZ          next
	KANDNW      K2, K3, K4
	VFMADD231PS.BCST ratioCall_highValue(BX), Z7, K4, Z9

next:
	ADDQ   $64, R13
	SUBQ   $16, CX
	JLE    done
	DECQ   R10
	JNZ    loop
	FLUSH(Z9, Y9, 0)
	FLUSH(Z10, Y10, 1)
	FLUSH(Z11, Y11, 2)
	FLUSH(Z12, Y12, 3)
	FLUSH(Z13, Y13, 4)
	JMP    block

tail:
	LAST(full)
	VMOVUPS.Z (SI)(R13*1), K5, Z0
	VMOVUPS.Z (R8)(R13*1), K5, Z7
	JMP       full

done:
	KANDW K6, K7, K6
	KNOTW K6, K6
	KMOVW K6, AX
	MOVL  AX, ratioCall_ties(BX)
	MOVQ ratioCall_sums(BX), BX
	LOSS
	RESULTS
	SUBQ R11, R14
	SUBQ R12, R11
	MOVQ R14, Ratios_Low(BX)
	MOVQ R11, Ratios_High(BX)
	VZEROUPPER
	RET

// func quickSumsAVX512(c *ratioCall)
TEXT ·quickSumsAVX512(SB), NOSPLIT, $320-8
	START
	MOVQ ratioCall_scale(BX), R8
	XORQ R13, R13

block:
	MOVQ $16, R10

loop:
	CMPQ    CX, $16
	JLT     tail
	VMOVUPS (SI)(R13*1), Z0

full:
	QUICK
	VADDPS (R8)(R13*1), Z9, K1, Z9
	ADDQ   $64, R13
	SUBQ   $16, CX
	JLE    done
	DECQ   R10
	JNZ    loop
	FLUSH(Z9, Y9, 0)
	FLUSH(Z10, Y10, 1)
	FLUSH(Z11, Y11, 2)
	FLUSH(Z12, Y12, 3)
	FLUSH(Z13, Y13, 4)
	JMP    block

tail:
	LAST(full)
	VMOVUPS.Z (SI)(R13*1), K5, Z0
	JMP       full

done:
	MOVQ ratioCall_sums(BX), BX
	LOSS
	RESULTS
	VZEROUPPER
	RET
