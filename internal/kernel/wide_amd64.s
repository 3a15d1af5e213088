//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// W is a row of ·wideTable.
#define W(i) ·wideTable+(32*i)(SB)

// WIDE is a function of (dst, x, y, z *float32, n, sx, sy, sz uintptr, c, d float64) that computes in float64 and
// rounds once: OP leaves in Y0 what it makes of four elements of x, y and z, Y0 to Y2, c, Y14, and d, Y15; FINISH joins
// eight, Y0, with those of dst, Y1, into Y0. sx, sy and sz are 32, or 0 for one value again and again. OP may use the
// registers below Y12. OPZ is OP for eight elements in AVX-512.
#define WIDE(name, OP, OPZ, FINISH) \
TEXT name(SB), NOSPLIT, $352-80;    \
	MOVQ         dst+0(FP), DI;     \
	MOVQ         x+8(FP), SI;       \
	MOVQ         y+16(FP), DX;      \
	MOVQ         z+24(FP), R8;      \
	MOVQ         n+32(FP), CX;      \
	MOVQ         sx+40(FP), R9;     \
	MOVQ         sy+48(FP), R10;    \
	MOVQ         sz+56(FP), R11;    \
	SPREAD(SI, R9, 0, x)            \
	SPREAD(DX, R10, 64, y)          \
	SPREAD(R8, R11, 128, z)         \
	IFAVX512(avx512);               \
	VBROADCASTSD c+64(FP), Y14;     \
	VBROADCASTSD d+72(FP), Y15;     \
	SUBQ         $8, CX;            \
	JLT          tail;              \
loop:                               \
	BOTH(OP);                       \
	VMOVUPS      (DI), Y1;          \
	FINISH;                         \
	VMOVUPS      Y0, (DI);          \
	ADDQ         R9, SI;            \
	ADDQ         R10, DX;           \
	ADDQ         R11, R8;           \
	ADDQ         $32, DI;           \
	SUBQ         $8, CX;            \
	JGE          loop;              \
tail:                               \
	ADDQ         $8, CX;            \
	JZ           done;              \
	REST;                           \
	BOTH(OP);                       \
	VMASKMOVPS   (DI), Y13, Y1;     \
	FINISH;                         \
	VMASKMOVPS   Y0, Y13, (DI);     \
done:                               \
	VZEROUPPER;                     \
	RET;                            \
avx512:                             \
	VBROADCASTSD c+64(FP), Z14;     \
	VBROADCASTSD d+72(FP), Z15;     \
	SUBQ         $8, CX;            \
	JLT          tail8;             \
loop8:                              \
	EIGHT(OPZ);                     \
	VMOVUPS      (DI), Y1;          \
	FINISH;                         \
	VMOVUPS      Y0, (DI);          \
	ADDQ         R9, SI;            \
	ADDQ         R10, DX;           \
	ADDQ         R11, R8;           \
	ADDQ         $32, DI;           \
	SUBQ         $8, CX;            \
	JGE          loop8;             \
tail8:                              \
	ADDQ         $8, CX;            \
	JZ           done;              \
	REST;                           \
	EIGHT(OPZ);                     \
	VMASKMOVPS   (DI), Y13, Y1;     \
	FINISH;                         \
	VMASKMOVPS   Y0, Y13, (DI);     \
	JMP          done

#define BOTH(OP) \
	VCVTPS2PD   (SI), Y0;         \
	VCVTPS2PD   (DX), Y1;         \
	VCVTPS2PD   (R8), Y2;         \
	OP;                           \
	VCVTPD2PSY  Y0, X12;          \
	VCVTPS2PD   16(SI), Y0;       \
	VCVTPS2PD   16(DX), Y1;       \
	VCVTPS2PD   16(R8), Y2;       \
	OP;                           \
	VCVTPD2PSY  Y0, X0;           \
	VINSERTF128 $1, X0, Y12, Y0

#define EIGHT(OP) \
	VCVTPS2PD (SI), Z0; \
	VCVTPS2PD (DX), Z1; \
	VCVTPS2PD (R8), Z2; \
	OP;                 \
	VCVTPD2PS Z0, Y0

// REST copies the CX elements that are left into the frame, where more may be read.
#define REST \
	TAILMASK(Y13);             \
	VMASKMOVPS (SI), Y13, Y0;  \
	VMASKMOVPS (DX), Y13, Y1;  \
	VMASKMOVPS (R8), Y13, Y2;  \
	VMOVUPS    Y0, x-96(SP);   \
	VMOVUPS    Y1, y-64(SP);   \
	VMOVUPS    Y2, z-32(SP);   \
	LEAQ       x-96(SP), SI;   \
	LEAQ       y-64(SP), DX;   \
	LEAQ       z-32(SP), R8

#define STORE
#define INCREASE VADDPS Y0, Y1, Y0

// DECREASE leaves dst where x is 0; predicate 4 is not equal.
#define DECREASE \
	VXORPS Y2, Y2, Y2;          \
	VCMPPS $4, (SI), Y2, Y2;    \
	VANDPS Y2, Y0, Y0;          \
	VSUBPS Y0, Y1, Y0

// SCALED is (x-c)·d·y.
#define SCALED \
	VSUBPD Y14, Y0, Y0; \
	VMULPD Y15, Y0, Y0; \
	VMULPD Y1, Y0, Y0

#define SCALEDZ \
	VSUBPD Z14, Z0, Z0; \
	VMULPD Z15, Z0, Z0; \
	VMULPD Z1, Z0, Z0

// LESS is x-y·c.
#define LESS \
	VMULPD Y14, Y1, Y1; \
	VSUBPD Y1, Y0, Y0

#define LESSZ \
	VMULPD Z14, Z1, Z1; \
	VSUBPD Z1, Z0, Z0

// QUOTIENT is x·y/z².
#define QUOTIENT \
	VMULPD Y1, Y0, Y0; \
	VMULPD Y2, Y2, Y2; \
	VDIVPD Y2, Y0, Y0

#define QUOTIENTZ \
	VMULPD Z1, Z0, Z0; \
	VMULPD Z2, Z2, Z2; \
	VDIVPD Z2, Z0, Z0

// POWER is x to the power of y: see ·wideTable. Y3 is |x|, Y4 its logarithm.
#define POWER \
	VANDPD       W(0), Y0, Y3;        \
	VPADDQ       W(1), Y3, Y4;        \
	VPSRLQ       $52, Y4, Y5;         \
	VPOR         W(2), Y5, Y5;        \
	VSUBPD       W(3), Y5, Y5;        \
	VPAND        W(4), Y4, Y4;        \
	VPADDQ       W(5), Y4, Y4;        \
	VSUBPD       W(6), Y4, Y6;        \
	VADDPD       W(6), Y4, Y4;        \
	VDIVPD       Y4, Y6, Y6;          \
	VMULPD       Y6, Y6, Y7;          \
	VMOVUPD      W(7), Y4;            \
	VFMADD213PD  W(8), Y7, Y4;        \
	VFMADD213PD  W(9), Y7, Y4;        \
	VFMADD213PD  W(10), Y7, Y4;       \
	VFMADD213PD  W(11), Y7, Y4;       \
	VFMADD213PD  W(12), Y7, Y4;       \
	VFMADD213PD  W(13), Y7, Y4;       \
	VFMADD213PD  W(14), Y7, Y4;       \
	VFMADD213PD  Y5, Y6, Y4;          \
	VXORPD       Y8, Y8, Y8;          \
	VCMPPD       $21, W(15), Y3, Y5;  \
	VBLENDVPD    Y5, Y3, Y4, Y4;      \
	VCMPPD       $0, Y8, Y3, Y5;      \
	VBLENDVPD    Y5, W(16), Y4, Y4;   \
	VCMPPD       $0, Y8, Y1, Y5;      \
	VCMPPD       $0, Y8, Y4, Y6;      \
	VORPD        Y6, Y5, Y5;          \
	VMULPD       Y1, Y4, Y4;          \
	VANDNPD      Y4, Y5, Y4;          \
	VMOVUPD      W(17), Y5;           \
	VMINPD       Y4, Y5, Y4;          \
	VMOVUPD      W(18), Y5;           \
	VMAXPD       Y4, Y5, Y4;          \
	VROUNDPD     $8, Y4, Y5;          \
	VSUBPD       Y5, Y4, Y4;          \
	VMULPD       W(19), Y4, Y4;       \
	VMOVUPD      W(20), Y6;           \
	VFMADD213PD  W(21), Y4, Y6;       \
	VFMADD213PD  W(22), Y4, Y6;       \
	VFMADD213PD  W(23), Y4, Y6;       \
	VFMADD213PD  W(24), Y4, Y6;       \
	VFMADD213PD  W(25), Y4, Y6;       \
	VFMADD213PD  W(26), Y4, Y6;       \
	VFMADD213PD  W(27), Y4, Y6;       \
	VFMADD213PD  W(28), Y4, Y6;       \
	VFMADD213PD  W(6), Y4, Y6;        \
	VFMADD213PD  W(6), Y4, Y6;        \
	VADDPD       W(3), Y5, Y5;        \
	VPSLLQ       $52, Y5, Y5;         \
	VMULPD       Y5, Y6, Y6;          \
	VROUNDPD     $8, Y1, Y5;          \
	VCMPPD       $4, Y5, Y1, Y7;      \
	VMULPD       W(28), Y1, Y3;       \
	VROUNDPD     $8, Y3, Y5;          \
	VCMPPD       $4, Y5, Y3, Y3;      \
	VANDNPD      Y3, Y7, Y3;          \
	VANDPD       Y0, Y3, Y3;          \
	VANDPD       W(29), Y3, Y3;       \
	VORPD        Y3, Y6, Y6;          \
	VCMPPD       $17, Y8, Y0, Y3;     \
	VCMPPD       $30, W(16), Y0, Y5;  \
	VANDPD       Y5, Y3, Y3;          \
	VANDPD       Y7, Y3, Y3;          \
	VORPD        Y3, Y6, Y0

#define POWERZ \
	VANDPD.BCST      W(0), Z0, Z3;       \
	VPADDQ.BCST      W(1), Z3, Z4;       \
	VPSRLQ           $52, Z4, Z5;        \
	VPORQ.BCST       W(2), Z5, Z5;       \
	VSUBPD.BCST      W(3), Z5, Z5;       \
	VPANDQ.BCST      W(4), Z4, Z4;       \
	VPADDQ.BCST      W(5), Z4, Z4;       \
	VSUBPD.BCST      W(6), Z4, Z6;       \
	VADDPD.BCST      W(6), Z4, Z4;       \
	VDIVPD           Z4, Z6, Z6;         \
	VMULPD           Z6, Z6, Z7;         \
	VBROADCASTSD     W(7), Z4;           \
	VFMADD213PD.BCST W(8), Z7, Z4;       \
	VFMADD213PD.BCST W(9), Z7, Z4;       \
	VFMADD213PD.BCST W(10), Z7, Z4;      \
	VFMADD213PD.BCST W(11), Z7, Z4;      \
	VFMADD213PD.BCST W(12), Z7, Z4;      \
	VFMADD213PD.BCST W(13), Z7, Z4;      \
	VFMADD213PD.BCST W(14), Z7, Z4;      \
	VFMADD213PD      Z5, Z6, Z4;         \
	VPXORQ           Z8, Z8, Z8;         \
	VCMPPD.BCST      $21, W(15), Z3, K2; \
	VMOVAPD          Z3, K2, Z4;         \
	VCMPPD           $0, Z8, Z3, K2;     \
	VBROADCASTSD     W(16), K2, Z4;      \
	VCMPPD           $0, Z8, Z1, K2;     \
	VCMPPD           $0, Z8, Z4, K3;     \
	KORW             K3, K2, K2;         \
	VMULPD           Z1, Z4, Z4;         \
	VMOVAPD          Z8, K2, Z4;         \
	VBROADCASTSD     W(17), Z5;          \
	VMINPD           Z4, Z5, Z4;         \
	VBROADCASTSD     W(18), Z5;          \
	VMAXPD           Z4, Z5, Z4;         \
	VRNDSCALEPD      $8, Z4, Z5;         \
	VSUBPD           Z5, Z4, Z4;         \
	VMULPD.BCST      W(19), Z4, Z4;      \
	VBROADCASTSD     W(20), Z6;          \
	VFMADD213PD.BCST W(21), Z4, Z6;      \
	VFMADD213PD.BCST W(22), Z4, Z6;      \
	VFMADD213PD.BCST W(23), Z4, Z6;      \
	VFMADD213PD.BCST W(24), Z4, Z6;      \
	VFMADD213PD.BCST W(25), Z4, Z6;      \
	VFMADD213PD.BCST W(26), Z4, Z6;      \
	VFMADD213PD.BCST W(27), Z4, Z6;      \
	VFMADD213PD.BCST W(28), Z4, Z6;      \
	VFMADD213PD.BCST W(6), Z4, Z6;       \
	VFMADD213PD.BCST W(6), Z4, Z6;       \
	VADDPD.BCST      W(3), Z5, Z5;       \
	VPSLLQ           $52, Z5, Z5;        \
	VMULPD           Z5, Z6, Z6;         \
	VRNDSCALEPD      $8, Z1, Z5;         \
	VCMPPD           $4, Z5, Z1, K4;     \
	VMULPD.BCST      W(28), Z1, Z3;      \
	VRNDSCALEPD      $8, Z3, Z5;         \
	VCMPPD           $4, Z5, Z3, K3;     \
	KANDNW           K3, K4, K3;         \
	VANDPD.BCST      W(29), Z0, Z3;      \
	VORPD            Z3, Z6, K3, Z6;     \
	VCMPPD           $17, Z8, Z0, K4, K4; \
	VCMPPD.BCST      $30, W(16), Z0, K4, K4; \
	VPTERNLOGQ       $255, Z6, Z6, K4, Z6; \
	VMOVAPD          Z6, Z0

// POWERSLOPE is z·y·x to the power of y-1, and 0 where y is.
#define POWERSLOPE \
	VMOVAPD Y1, Y10;       \
	VMOVAPD Y2, Y11;       \
	VSUBPD  W(6), Y1, Y1;  \
	POWER;                 \
	VMULPD  Y10, Y0, Y0;   \
	VMULPD  Y11, Y0, Y0;   \
	VXORPD  Y8, Y8, Y8;    \
	VCMPPD  $4, Y8, Y10, Y8; \
	VANDPD  Y8, Y0, Y0

#define POWERSLOPEZ \
	VMOVAPD     Z1, Z10;         \
	VMOVAPD     Z2, Z11;         \
	VSUBPD.BCST W(6), Z1, Z1;    \
	POWERZ;                      \
	VMULPD      Z10, Z0, Z0;     \
	VMULPD      Z11, Z0, Z0;     \
	VCMPPD      $4, Z8, Z10, K2; \
	VMOVAPD.Z   Z0, K2, Z0

// INCREASEWHERE leaves dst where z is 0.
#define INCREASEWHERE \
	VXORPS Y2, Y2, Y2;       \
	VCMPPS $4, (R8), Y2, Y2; \
	VANDPS Y2, Y0, Y0;       \
	VADDPS Y0, Y1, Y0

WIDE(·addScaledSIMD, SCALED, SCALEDZ, INCREASE)
WIDE(·lessSIMD, LESS, LESSZ, STORE)
WIDE(·addLessSIMD, LESS, LESSZ, INCREASE)
WIDE(·divBackSIMD, QUOTIENT, QUOTIENTZ, DECREASE)
WIDE(·powSIMD, POWER, POWERZ, STORE)
WIDE(·powBackSIMD, POWERSLOPE, POWERSLOPEZ, INCREASEWHERE)
