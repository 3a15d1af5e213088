//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// SUM is a function of (x, y, z *float32, n uintptr, c float64) float64 that sums a term of x[i], y[i], z[i] and c in
// the order of lanes.total: element i goes to sum i mod 32. TERM(at, sum, t, u) adds those of four elements at byte at
// of SI, DX and R8 to sum, PART those of eight to two sums, where the mask at byte at of AX is set. Y15 is c. TERMZ and
// PARTZ are for eight elements in AVX-512, where a mask is given. Nothing is read where no element is: a masked load from
// a page that is not there yet costs a hundred cycles.
#define SUM(name, TERM, PART, TERMZ, PARTZ) \
TEXT name(SB), NOSPLIT, $0-48;      \
	MOVQ         x+0(FP), SI;       \
	MOVQ         y+8(FP), DX;       \
	MOVQ         z+16(FP), R8;      \
	MOVQ         n+24(FP), CX;      \
	IFAVX512(avx512);               \
	VBROADCASTSD c+32(FP), Y15;     \
	VXORPD       Y0, Y0, Y0;        \
	VXORPD       Y1, Y1, Y1;        \
	VXORPD       Y2, Y2, Y2;        \
	VXORPD       Y3, Y3, Y3;        \
	VXORPD       Y4, Y4, Y4;        \
	VXORPD       Y5, Y5, Y5;        \
	VXORPD       Y6, Y6, Y6;        \
	VXORPD       Y7, Y7, Y7;        \
	SUBQ         $32, CX;           \
	JLT          tail;              \
wide:                               \
	TERM(0, Y0, Y8, Y9);            \
	TERM(16, Y1, Y10, Y11);         \
	TERM(32, Y2, Y12, Y13);         \
	TERM(48, Y3, Y8, Y9);           \
	TERM(64, Y4, Y10, Y11);         \
	TERM(80, Y5, Y12, Y13);         \
	TERM(96, Y6, Y8, Y9);           \
	TERM(112, Y7, Y10, Y11);        \
	SUBQ         $-128, SI;         \
	SUBQ         $-128, DX;         \
	SUBQ         $-128, R8;         \
	SUBQ         $32, CX;           \
	JGE          wide;              \
tail:                               \
	ADDQ         $32, CX;           \
	JZ           done;              \
	LEAQ         ·laneMask+128(SB), AX; \
	SHLQ         $2, CX;            \
	SUBQ         CX, AX;            \
	PART(0, Y0, Y1);                \
	CMPQ         CX, $32;           \
	JLE          done;              \
	PART(32, Y2, Y3);               \
	CMPQ         CX, $64;           \
	JLE          done;              \
	PART(64, Y4, Y5);               \
	CMPQ         CX, $96;           \
	JLE          done;              \
	PART(96, Y6, Y7);               \
done:                               \
	VADDPD       Y4, Y0, Y0;        \
	VADDPD       Y5, Y1, Y1;        \
	VADDPD       Y6, Y2, Y2;        \
	VADDPD       Y7, Y3, Y3;        \
	VADDPD       Y2, Y0, Y0;        \
	VADDPD       Y3, Y1, Y1;        \
	VADDPD       Y1, Y0, Y0;        \
fold:                               \
	VEXTRACTF128 $1, Y0, X1;        \
	VADDPD       X1, X0, X0;        \
	VUNPCKHPD    X0, X0, X1;        \
	VADDSD       X1, X0, X0;        \
	VMOVSD       X0, ret+40(FP);    \
	VZEROUPPER;                     \
	RET;                            \
avx512:                             \
	VBROADCASTSD c+32(FP), Z15;     \
	VPXORD       Z0, Z0, Z0;        \
	VPXORD       Z1, Z1, Z1;        \
	VPXORD       Z2, Z2, Z2;        \
	VPXORD       Z3, Z3, Z3;        \
	VPXORD       Z14, Z14, Z14;     \
	SUBQ         $32, CX;           \
	JLT          tail16;            \
wide16:                             \
	TERMZ(0, Z0, Z4, Z5);           \
	TERMZ(32, Z1, Z6, Z7);          \
	TERMZ(64, Z2, Z8, Z9);          \
	TERMZ(96, Z3, Z10, Z11);        \
	SUBQ         $-128, SI;         \
	SUBQ         $-128, DX;         \
	SUBQ         $-128, R8;         \
	SUBQ         $32, CX;           \
	JGE          wide16;            \
tail16:                             \
	ADDQ         $32, CX;           \
	JZ           done16;            \
	MOVQ         $-1, AX;           \
	SHLQ         CX, AX;            \
	NOTQ         AX;                \
	KMOVD        AX, K1;            \
	PARTZ(0, K1, Z0);               \
	CMPQ         CX, $8;            \
	JLE          done16;            \
	KSHIFTRD     $8, K1, K2;        \
	PARTZ(32, K2, Z1);              \
	CMPQ         CX, $16;           \
	JLE          done16;            \
	KSHIFTRD     $16, K1, K2;       \
	PARTZ(64, K2, Z2);              \
	CMPQ         CX, $24;           \
	JLE          done16;            \
	KSHIFTRD     $24, K1, K2;       \
	PARTZ(96, K2, Z3);              \
done16:                             \
	VADDPD        Z2, Z0, Z0;       \
	VADDPD        Z3, Z1, Z1;       \
	VADDPD        Z1, Z0, Z0;       \
	VEXTRACTF64X4 $1, Z0, Y1;       \
	VADDPD        Y1, Y0, Y0;       \
	JMP           fold

// HALVES widens the eight values of y to those of lo and hi.
#define HALVES(y, x, xhi, lo, hi) \
	VEXTRACTF128 $1, y, xhi; \
	VCVTPS2PD    x, lo;      \
	VCVTPS2PD    xhi, hi

#define VALUE(at, sum, t, u) \
	VCVTPS2PD at(SI), t;  \
	VADDPD    t, sum, sum

#define VALUES(at, a, b) \
	VMOVUPS    at(AX), Y14;          \
	VMASKMOVPS at(SI), Y14, Y8;      \
	HALVES(Y8, X8, X9, Y8, Y9);      \
	VADDPD     Y8, a, a;             \
	VADDPD     Y9, b, b

#define VALUEZ(at, k, sum) \
	VCVTPS2PD.Z at(SI), k, Z4; \
	VADDPD      Z4, sum, sum

// The product of two widened float32 is exact: added in one step or two, the result is the same.
#define SQUARE(at, sum, t, u) \
	VCVTPS2PD   at(SI), t; \
	VFMADD231PD t, t, sum

#define SQUARES(at, a, b) \
	VMOVUPS     at(AX), Y14;     \
	VMASKMOVPS  at(SI), Y14, Y8; \
	HALVES(Y8, X8, X9, Y8, Y9);  \
	VFMADD231PD Y8, Y8, a;       \
	VFMADD231PD Y9, Y9, b

#define SQUAREZ(at, k, sum) \
	VCVTPS2PD.Z at(SI), k, Z4; \
	VFMADD231PD Z4, Z4, sum

#define PRODUCT(at, sum, t, u) \
	VCVTPS2PD   at(SI), t; \
	VCVTPS2PD   at(DX), u; \
	VFMADD231PD u, t, sum

#define PRODUCTS(at, a, b) \
	VMOVUPS     at(AX), Y14;        \
	VMASKMOVPS  at(SI), Y14, Y8;    \
	VMASKMOVPS  at(DX), Y14, Y10;   \
	HALVES(Y8, X8, X9, Y8, Y9);     \
	HALVES(Y10, X10, X11, Y10, Y11); \
	VFMADD231PD Y10, Y8, a;         \
	VFMADD231PD Y11, Y9, b

#define PRODUCTZ(at, k, sum) \
	VCVTPS2PD.Z at(SI), k, Z4; \
	VCVTPS2PD.Z at(DX), k, Z5; \
	VFMADD231PD Z5, Z4, sum

// Here the product of the first two is rounded to float32.
#define TRIPLE(at, sum, t, u, tx) \
	VMOVUPS     at(SI), tx;     \
	VMULPS      at(DX), tx, tx; \
	VCVTPS2PD   tx, t;          \
	VCVTPS2PD   at(R8), u;      \
	VFMADD231PD u, t, sum

#define TRIPLE4(at, sum, t, u) TRIPLE(at, sum, Y14, u, X14)
#define TRIPLE8(at, sum, t, u) TRIPLE(at, sum, Z13, u, Y13)

#define TRIPLES(at, a, b) \
	VMOVUPS     at(AX), Y14;        \
	VMASKMOVPS  at(SI), Y14, Y8;    \
	VMASKMOVPS  at(DX), Y14, Y10;   \
	VMULPS      Y10, Y8, Y8;        \
	VMASKMOVPS  at(R8), Y14, Y10;   \
	HALVES(Y8, X8, X9, Y8, Y9);     \
	HALVES(Y10, X10, X11, Y10, Y11); \
	VFMADD231PD Y10, Y8, a;         \
	VFMADD231PD Y11, Y9, b

#define TRIPLEZ(at, k, sum) \
	VMOVUPS.Z   at(SI), k, Y4;     \
	VMULPS.Z    at(DX), Y4, k, Y4; \
	VCVTPS2PD   Y4, Z4;            \
	VCVTPS2PD.Z at(R8), k, Z5;     \
	VFMADD231PD Z5, Z4, sum

// SCALED is TRIPLE with one value, which both halves of c hold, in place of a slice.
#define SCALED(at, sum, t, u, c, tx) \
	VMULPS      at(SI), c, tx; \
	VCVTPS2PD   tx, t;         \
	VCVTPS2PD   at(DX), u;     \
	VFMADD231PD u, t, sum

#define SCALED4(at, sum, t, u) SCALED(at, sum, t, u, X15, X14)
#define SCALED8(at, sum, t, u) SCALED(at, sum, Z13, u, Y15, Y13)

#define SCALEDS(at, a, b) \
	VMOVUPS     at(AX), Y14;        \
	VMASKMOVPS  at(SI), Y14, Y8;    \
	VMULPS      Y15, Y8, Y8;        \
	VMASKMOVPS  at(DX), Y14, Y10;   \
	VANDPS      Y14, Y8, Y8;        \
	HALVES(Y8, X8, X9, Y8, Y9);     \
	HALVES(Y10, X10, X11, Y10, Y11); \
	VFMADD231PD Y10, Y8, a;         \
	VFMADD231PD Y11, Y9, b

#define SCALEDZ(at, k, sum) \
	VMULPS.Z    at(SI), Y15, k, Y4; \
	VCVTPS2PD   Y4, Z4;             \
	VCVTPS2PD.Z at(DX), k, Z5;      \
	VFMADD231PD Z5, Z4, sum

// The square of a distance is rounded before it is added.
#define DISTANCE(at, sum, t, u) \
	VCVTPS2PD at(SI), t;   \
	VSUBPD    Y15, t, t;   \
	VMULPD    t, t, t;     \
	VADDPD    t, sum, sum

#define DISTANCES(at, a, b) \
	VMOVUPS      at(AX), Y14;     \
	VMASKMOVPS   at(SI), Y14, Y8; \
	HALVES(Y8, X8, X9, Y8, Y9);   \
	VSUBPD       Y15, Y8, Y8;     \
	VSUBPD       Y15, Y9, Y9;     \
	VPMOVSXDQ    at(AX), Y10;     \
	VPMOVSXDQ    at+16(AX), Y11;  \
	VANDPD       Y10, Y8, Y8;     \
	VANDPD       Y11, Y9, Y9;     \
	VMULPD       Y8, Y8, Y8;      \
	VMULPD       Y9, Y9, Y9;      \
	VADDPD       Y8, a, a;        \
	VADDPD       Y9, b, b

#define DISTANCE8(at, sum, t, u) \
	VCVTPS2PD at(SI), t;   \
	VSUBPD    Z15, t, t;   \
	VMULPD    t, t, t;     \
	VADDPD    t, sum, sum

#define DISTANCEZ(at, k, sum) \
	VCVTPS2PD.Z at(SI), k, Z4;      \
	VSUBPD.Z    Z15, Z4, k, Z4;     \
	VMULPD      Z4, Z4, Z4;         \
	VADDPD      Z4, sum, sum

// WHERE takes x[i] where y[i] is not 0; predicate 4 is not equal.
#define WHERE(at, sum, t, u) \
	VXORPS    X14, X14, X14;       \
	VCMPPS    $4, at(DX), X14, X14; \
	VANDPS    at(SI), X14, X14;    \
	VCVTPS2PD X14, t;              \
	VADDPD    t, sum, sum

#define WHERES(at, a, b) \
	VMOVUPS    at(AX), Y14;         \
	VMASKMOVPS at(DX), Y14, Y8;     \
	VXORPS     Y9, Y9, Y9;          \
	VCMPPS     $4, Y9, Y8, Y9;      \
	VMASKMOVPS at(SI), Y14, Y8;     \
	VANDPS     Y9, Y8, Y8;          \
	HALVES(Y8, X8, X9, Y8, Y9);     \
	VADDPD     Y8, a, a;            \
	VADDPD     Y9, b, b

#define WHERE8(at, sum, t, u) \
	VCMPPS      $4, at(DX), Y14, K2; \
	VCVTPS2PD.Z at(SI), K2, t;       \
	VADDPD      t, sum, sum

#define WHEREZ(at, k, sum) \
	VMOVUPS.Z   at(DX), k, Y4;     \
	VCMPPS      $4, Y14, Y4, k, K3; \
	VCVTPS2PD.Z at(SI), K3, Z4;    \
	VADDPD      Z4, sum, sum

SUM(·sumSIMD, VALUE, VALUES, VALUE, VALUEZ)
SUM(·sumSquaresSIMD, SQUARE, SQUARES, SQUARE, SQUAREZ)
SUM(·sumProductsSIMD, PRODUCT, PRODUCTS, PRODUCT, PRODUCTZ)
SUM(·sumTriplesSIMD, TRIPLE4, TRIPLES, TRIPLE8, TRIPLEZ)
SUM(·sumScaledSIMD, SCALED4, SCALEDS, SCALED8, SCALEDZ)
SUM(·sumDistancesSIMD, DISTANCE, DISTANCES, DISTANCE8, DISTANCEZ)
SUM(·sumWhereSIMD, WHERE, WHERES, WHERE8, WHEREZ)
