// What several files of AVX2 assembly use.

// EXP is x = exp(x), see expTable. 2ⁿ is multiplied in as two halves: the first product is exact, so that a denormal
// result is rounded once. The limits come first in VMINPS and VMAXPS, so that NaN passes. It
// uses Y8.
#define EXP(x, n, p, q) \
	VMOVUPS      ·expTable+256(SB), p;    \
	VMINPS       x, p, x;                 \
	VMOVUPS      ·expTable+288(SB), p;    \
	VMAXPS       x, p, x;                 \
	VMULPS       ·expTable+0(SB), x, n;   \
	VROUNDPS     $8, n, n;                \
	VFNMADD231PS ·expTable+32(SB), n, x;  \
	VMOVAPS      x, Y8;                   \
	VFNMADD231PS ·expTable+64(SB), n, x;  \
	VMOVUPS      ·expTable+96(SB), p;     \
	VFMADD213PS  ·expTable+128(SB), x, p; \
	VFMADD213PS  ·expTable+160(SB), x, p; \
	VFMADD213PS  ·expTable+192(SB), x, p; \
	VFMADD213PS  ·expTable+224(SB), x, p; \
	VMULPS       x, x, q;                 \
	VMULPS       q, p, p;                 \
	VFNMADD231PS ·expTable+64(SB), n, p;  \
	VADDPS       Y8, p, p;                \
	VADDPS       ·expTable+320(SB), p, p; \
	VCVTPS2DQ    n, n;                    \
	VPSRAD       $1, n, q;                \
	VPSUBD       q, n, n;                 \
	VPSLLD       $23, q, q;               \
	VPSLLD       $23, n, n;               \
	VPADDD       ·expTable+320(SB), q, q; \
	VPADDD       ·expTable+320(SB), n, n; \
	VMULPS       q, p, p;                 \
	VMULPS       n, p, x

// TAILMASK sets m to the CX (1 to 7) values that are left.
#define TAILMASK(m) \
	LEAQ    ·tailMask+32(SB), AX; \
	SHLQ    $2, CX;               \
	SUBQ    CX, AX;               \
	VMOVUPS (AX), m

// SPREAD makes p point to eight copies of the value there, in the frame, if it does not advance. They begin at a
// multiple of 64, so that no load of them touches two cache lines.
#define SPREAD(p, step, at, label) \
	TESTQ        step, step;   \
	JNZ          label;        \
	VBROADCASTSS (p), Y0;      \
	LEAQ         at+63(SP), p; \
	ANDQ         $-64, p;      \
	VMOVUPS      Y0, (p);      \
label:
