// What several files of AVX-512 assembly use.

// LEFT sets k to the CX (1 to 15) values that are left.
#define LEFT(k) \
	MOVQ  $-1, AX; \
	SHLQ  CX, AX;  \
	NOTQ  AX;      \
	KMOVW AX, k

// IFAVX512 goes on at label where the processor has AVX-512.
#define IFAVX512(label) \
	CMPQ ·active(SB), $const_levelAVX512; \
	JEQ  label

// SPREAD16 is SPREAD with sixteen copies; step becomes that of sixteen values.
#define SPREAD16(p, step, at, label) \
	ADDQ         step, step;   \
	JNZ          label;        \
	VBROADCASTSS (p), Z0;      \
	LEAQ         at+63(SP), p; \
	ANDQ         $-64, p;      \
	VMOVUPS      Z0, (p);      \
label:

// EXPCONSTANTS loads what EXPZ needs: rows of ·expTable, 32 bytes apart.
#define EXPCONSTANTS \
	VBROADCASTSS ·expTable+0(SB), Z16;   \
	VBROADCASTSS ·expTable+32(SB), Z17;  \
	VBROADCASTSS ·expTable+64(SB), Z18;  \
	VBROADCASTSS ·expTable+96(SB), Z19;  \
	VBROADCASTSS ·expTable+128(SB), Z20; \
	VBROADCASTSS ·expTable+160(SB), Z21; \
	VBROADCASTSS ·expTable+192(SB), Z22; \
	VBROADCASTSS ·expTable+224(SB), Z23; \
	VBROADCASTSS ·expTable+256(SB), Z24; \
	VBROADCASTSS ·expTable+288(SB), Z25; \
	VBROADCASTSS ·expTable+320(SB), Z26; \
	VBROADCASTSS ·expTable+352(SB), Z27

// EXPZ is EXP, with the same bits.
#define EXPZ(x, n, p) \
	VMINPS       x, Z24, x;   \
	VMAXPS       x, Z25, x;   \
	VMOVAPS      Z27, n;      \
	VFMADD231PS  Z16, x, n;   \
	VSUBPS       Z27, n, n;   \
	VFNMADD231PS Z17, n, x;   \
	VFNMADD231PS Z18, n, x;   \
	VMOVAPS      Z19, p;      \
	VFMADD213PS  Z20, x, p;   \
	VFMADD213PS  Z21, x, p;   \
	VFMADD213PS  Z22, x, p;   \
	VFMADD213PS  Z23, x, p;   \
	VFMADD213PS  Z26, x, p;   \
	VFMADD213PS  Z26, x, p;   \
	VSCALEFPS    n, p, x
