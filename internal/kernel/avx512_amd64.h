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
