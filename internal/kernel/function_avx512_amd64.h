// The functions of function_amd64.s for AVX-512: the same operations in the same order, and so the same bits. What
// EXPCONSTANTS loads stays in Z16 to Z27.

#define LOGSERIESZ \
	VBROADCASTSS     K(2), Z4;      \
	VFMADD213PS.BCST K(3), Z2, Z4;  \
	VFMADD213PS.BCST K(4), Z2, Z4;  \
	VFMADD213PS.BCST K(5), Z2, Z4;  \
	VFMADD213PS.BCST K(6), Z2, Z4;  \
	VFMADD213PS.BCST K(7), Z2, Z4;  \
	VFMADD213PS.BCST K(8), Z2, Z4;  \
	VFMADD213PS.BCST K(9), Z2, Z4;  \
	VFMADD213PS.BCST K(10), Z2, Z4; \
	VFMADD213PS.BCST K(11), Z2, Z4; \
	VMULPS           Z2, Z2, Z0;    \
	VMULPS           Z4, Z0, Z0;    \
	VFMADD231PS.BCST K(12), Z3, Z0; \
	VADDPS           Z2, Z0, Z0;    \
	VFMADD231PS.BCST K(13), Z3, Z0

#define EXPONENTZ \
	VPSUBD.BCST K(14), Z1, Z3; \
	VPSRAD      $23, Z3, Z3;   \
	VPSLLD      $23, Z3, Z2;   \
	VPSUBD      Z2, Z1, Z2

#define LOGZ \
	VMOVAPS          Z0, Z10;              \
	VMOVAPS          Z0, Z1;               \
	VCMPPS.BCST      $17, K(15), Z0, K2;   \
	VMULPS.BCST      K(16), Z0, K2, Z1;    \
	EXPONENTZ;                             \
	VCVTDQ2PS        Z3, Z3;               \
	VSUBPS.BCST      K(17), Z3, K2, Z3;    \
	VSUBPS.BCST      K(18), Z2, Z2;        \
	LOGSERIESZ;                            \
	VFIXUPIMMPS.BCST $0, K(27), Z10, Z0

#define LOG1PCOREZ \
	VADDPS.BCST  K(18), Z0, Z1; \
	EXPONENTZ;                  \
	VPSLLD       $23, Z3, Z4;   \
	VBROADCASTSS K(18), Z2;     \
	VPSUBD       Z4, Z2, Z4;    \
	VSUBPS       Z2, Z4, Z2;    \
	VFMADD231PS  Z0, Z4, Z2;    \
	VCVTDQ2PS    Z3, Z3;        \
	LOGSERIESZ

#define LOG1PZ \
	VMOVAPS          Z0, Z10;              \
	VADDPS.BCST      K(18), Z0, Z1;        \
	EXPONENTZ;                             \
	VSUBPS.BCST      K(18), Z2, Z5;        \
	VPSLLD           $23, Z3, Z4;          \
	VBROADCASTSS     K(18), Z2;            \
	VPSUBD           Z4, Z2, Z4;           \
	VSUBPS           Z2, Z4, Z2;           \
	VFMADD231PS      Z0, Z4, Z2;           \
	VCMPPS.BCST      $29, K(20), Z0, K2;   \
	VMOVAPS          Z5, K2, Z2;           \
	VCVTDQ2PS        Z3, Z3;               \
	LOGSERIESZ;                            \
	VCMPPS.BCST      $17, K(21), Z10, K2;  \
	VPTERNLOGD       $255, Z0, Z0, K2, Z0; \
	VCMPPS.BCST      $0, K(21), Z10, K2;   \
	VBROADCASTSS     ·minusInf(SB), K2, Z0; \
	VFIXUPIMMPS.BCST $0, K(28), Z10, Z0

#define EXPM1Z \
	VMOVAPS      Z0, Z5;              \
	VMINPS       Z0, Z24, Z0;         \
	VBROADCASTSS K(22), Z1;           \
	VMAXPS       Z0, Z1, Z0;          \
	VMOVAPS      Z27, Z1;             \
	VFMADD231PS  Z16, Z0, Z1;         \
	VSUBPS       Z27, Z1, Z6;         \
	VFNMADD231PS Z17, Z6, Z0;         \
	VMOVAPS      Z0, Z8;              \
	VFNMADD231PS Z18, Z6, Z0;         \
	VMOVAPS      Z19, Z2;             \
	VFMADD213PS  Z20, Z0, Z2;         \
	VFMADD213PS  Z21, Z0, Z2;         \
	VFMADD213PS  Z22, Z0, Z2;         \
	VFMADD213PS  Z23, Z0, Z2;         \
	VMULPS       Z0, Z0, Z3;          \
	VMULPS       Z3, Z2, Z2;          \
	VFNMADD231PS Z18, Z6, Z2;         \
	VADDPS       Z8, Z2, Z2;          \
	VPSLLD       $23, Z1, Z1;         \
	VPADDD.BCST  K(23), Z1, Z1;       \
	VADDPS.BCST  K(11), Z1, Z0;       \
	VFMADD231PS  Z2, Z1, Z0;          \
	VADDPS       Z0, Z0, Z0;          \
	VANDPS.BCST  K(1), Z5, Z1;        \
	VCMPPS.BCST  $17, K(24), Z1, K2;  \
	VMOVAPS      Z5, K2, Z0

#define DECAYZ \
	VMOVAPS    Z0, Z9;        \
	VORPS.BCST K(0), Z0, Z0;  \
	EXPZ(Z0, Z1, Z2)

#define SIGMOIDZ \
	DECAYZ;                  \
	VADDPS   Z26, Z0, Z2;    \
	VPMOVD2M Z9, K2;         \
	VMOVAPS  Z26, Z1;        \
	VMOVAPS  Z0, K2, Z1;     \
	VDIVPS   Z2, Z1, Z0

#define SIGMOIDSLOPEZ \
	DECAYZ;                \
	VADDPS Z26, Z0, Z2;    \
	VMULPS Z2, Z2, Z2;     \
	VDIVPS Z2, Z0, Z0

#define SOFTPLUSZ \
	DECAYZ;                \
	LOG1PCOREZ;            \
	VPXORD Z1, Z1, Z1;     \
	VMAXPS Z1, Z9, Z1;     \
	VADDPS Z1, Z0, Z0

#define LOGSIGMOIDZ \
	VXORPS.BCST K(0), Z0, Z0; \
	SOFTPLUSZ;                \
	VXORPS.BCST K(0), Z0, Z0

#define TANHZ \
	VMOVAPS      Z0, Z9;        \
	VANDPS.BCST  K(1), Z0, Z0;  \
	VADDPS       Z0, Z0, Z0;    \
	VBROADCASTSS K(25), Z1;     \
	VMINPS       Z0, Z1, Z0;    \
	EXPM1Z;                     \
	VADDPS.BCST  K(26), Z0, Z1; \
	VDIVPS       Z1, Z0, Z0;    \
	VANDPS.BCST  K(0), Z9, Z9;  \
	VORPS        Z9, Z0, Z0
