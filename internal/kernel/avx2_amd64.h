// What several files of AVX2 assembly use.

// EXP is x = exp(x), see expTable: n = round(x/ln 2) is what adding 1.5·2²³ leaves. 2ⁿ is multiplied in as two halves:
// the first product is exact, so that a denormal result is rounded once. The limits come first in VMINPS and VMAXPS, so
// that NaN passes.
#define EXP(x, n, p, q) \
	VMOVUPS      ·expTable+256(SB), p;    \
	VMINPS       x, p, x;                 \
	VMOVUPS      ·expTable+288(SB), p;    \
	VMAXPS       x, p, x;                 \
	VMOVUPS      ·expTable+352(SB), n;    \
	VFMADD231PS  ·expTable+0(SB), x, n;   \
	VSUBPS       ·expTable+352(SB), n, q; \
	VFNMADD231PS ·expTable+32(SB), q, x;  \
	VFNMADD231PS ·expTable+64(SB), q, x;  \
	VMOVUPS      ·expTable+96(SB), p;     \
	VFMADD213PS  ·expTable+128(SB), x, p; \
	VFMADD213PS  ·expTable+160(SB), x, p; \
	VFMADD213PS  ·expTable+192(SB), x, p; \
	VFMADD213PS  ·expTable+224(SB), x, p; \
	VFMADD213PS  ·expTable+320(SB), x, p; \
	VFMADD213PS  ·expTable+320(SB), x, p; \
	VPSUBD       ·expTable+352(SB), n, n; \
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
