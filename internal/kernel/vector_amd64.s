//go:build !purego

#include "textflag.h"
#include "avx2_amd64.h"

// SUMLANES adds the lanes of y into the first of x, its lower half.
#define SUMLANES(y, x, t) \
	VEXTRACTF128 $1, y, t; \
	VADDPS       t, x, x;  \
	VMOVHLPS     x, x, t;  \
	VADDPS       t, x, x;  \
	VMOVSHDUP    x, t;     \
	VADDSS       t, x, x

// func dotAVX2(x, y *float32, n uintptr) float32
TEXT ·dotAVX2(SB), NOSPLIT, $0-28
	MOVQ   x+0(FP), SI
	MOVQ   y+8(FP), DI
	MOVQ   n+16(FP), CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	SUBQ   $32, CX
	JLT    short

wide:
	VMOVUPS     (SI), Y4
	VMOVUPS     32(SI), Y5
	VMOVUPS     64(SI), Y6
	VMOVUPS     96(SI), Y7
	VFMADD231PS (DI), Y4, Y0
	VFMADD231PS 32(DI), Y5, Y1
	VFMADD231PS 64(DI), Y6, Y2
	VFMADD231PS 96(DI), Y7, Y3
	ADDQ        $128, SI
	ADDQ        $128, DI
	SUBQ        $32, CX
	JGE         wide

short:
	ADDQ $24, CX
	JLT  tail

loop:
	VMOVUPS     (SI), Y4
	VFMADD231PS (DI), Y4, Y0
	ADDQ        $32, SI
	ADDQ        $32, DI
	SUBQ        $8, CX
	JGE         loop

tail:
	ADDQ        $8, CX
	JZ          done
	TAILMASK(Y6)
	VMASKMOVPS  (SI), Y6, Y4
	VMASKMOVPS  (DI), Y6, Y5
	VFMADD231PS Y5, Y4, Y1

done:
	VADDPS     Y2, Y0, Y0
	VADDPS     Y3, Y1, Y1
	VADDPS     Y1, Y0, Y0
	SUMLANES(Y0, X0, X1)
	VMOVSS     X0, ret+24(FP)
	VZEROUPPER
	RET

// func axpyAVX2(alpha float32, x, y *float32, n uintptr)
TEXT ·axpyAVX2(SB), NOSPLIT, $0-32
	VBROADCASTSS alpha+0(FP), Y0
	MOVQ         x+8(FP), SI
	MOVQ         y+16(FP), DI
	MOVQ         n+24(FP), CX
	SUBQ         $8, CX
	JLT          tail

loop:
	VMOVUPS     (DI), Y1
	VFMADD231PS (SI), Y0, Y1
	VMOVUPS     Y1, (DI)
	ADDQ        $32, SI
	ADDQ        $32, DI
	SUBQ        $8, CX
	JGE         loop

tail:
	ADDQ        $8, CX
	JZ          done
	TAILMASK(Y6)
	VMASKMOVPS  (DI), Y6, Y1
	VMASKMOVPS  (SI), Y6, Y2
	VFMADD231PS Y2, Y0, Y1
	VMASKMOVPS  Y1, Y6, (DI)

done:
	VZEROUPPER
	RET

// func scaleAVX2(alpha float32, x *float32, n uintptr)
TEXT ·scaleAVX2(SB), NOSPLIT, $0-24
	VBROADCASTSS alpha+0(FP), Y0
	MOVQ         x+8(FP), DI
	MOVQ         n+16(FP), CX
	SUBQ         $8, CX
	JLT          tail

loop:
	VMULPS  (DI), Y0, Y1
	VMOVUPS Y1, (DI)
	ADDQ    $32, DI
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK(Y6)
	VMASKMOVPS (DI), Y6, Y1
	VMULPS     Y1, Y0, Y1
	VMASKMOVPS Y1, Y6, (DI)

done:
	VZEROUPPER
	RET

// func maxAVX2(x *float32, n uintptr) float32
// VMAXPS loses a NaN, so Y2 collects where there was one.
TEXT ·maxAVX2(SB), NOSPLIT, $0-20
	MOVQ         x+0(FP), SI
	MOVQ         n+8(FP), CX
	VBROADCASTSS ·minusInf(SB), Y0
	VXORPS       Y2, Y2, Y2
	SUBQ         $8, CX
	JLT          tail

loop:
	VMOVUPS (SI), Y1
	VCMPPS  $3, Y1, Y1, Y3
	VORPS   Y3, Y2, Y2
	VMAXPS  Y1, Y0, Y0
	ADDQ    $32, SI
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ         $8, CX
	JZ           done
	TAILMASK(Y6)
	VMASKMOVPS   (SI), Y6, Y1
	VBROADCASTSS ·minusInf(SB), Y4
	VBLENDVPS    Y6, Y1, Y4, Y1
	VCMPPS       $3, Y1, Y1, Y3
	VORPS        Y3, Y2, Y2
	VMAXPS       Y1, Y0, Y0

done:
	VMOVMSKPS    Y2, AX
	TESTL        AX, AX
	JNZ          nan
	VEXTRACTF128 $1, Y0, X1
	VMAXPS       X1, X0, X0
	VMOVHLPS     X0, X0, X1
	VMAXPS       X1, X0, X0
	VMOVSHDUP    X0, X1
	VMAXSS       X1, X0, X0
	VMOVSS       X0, ret+16(FP)
	VZEROUPPER
	RET

nan:
	MOVL $0x7fc00000, ret+16(FP)
	VZEROUPPER
	RET

// func sumSquaresAVX2(x *float32, n uintptr) float64
TEXT ·sumSquaresAVX2(SB), NOSPLIT, $0-24
	MOVQ   x+0(FP), SI
	MOVQ   n+8(FP), CX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	SUBQ   $8, CX
	JLT    tail

loop:
	VCVTPS2PD   (SI), Y2
	VCVTPS2PD   16(SI), Y3
	VFMADD231PD Y2, Y2, Y0
	VFMADD231PD Y3, Y3, Y1
	ADDQ        $32, SI
	SUBQ        $8, CX
	JGE         loop

tail:
	ADDQ         $8, CX
	JZ           done
	TAILMASK(Y6)
	VMASKMOVPS   (SI), Y6, Y4
	VEXTRACTF128 $1, Y4, X5
	VCVTPS2PD    X4, Y2
	VCVTPS2PD    X5, Y3
	VFMADD231PD  Y2, Y2, Y0
	VFMADD231PD  Y3, Y3, Y1

done:
	VADDPD       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPD       X1, X0, X0
	VUNPCKHPD    X0, X0, X1
	VADDSD       X1, X0, X0
	VMOVSD       X0, ret+16(FP)
	VZEROUPPER
	RET

// func normAVX2(dst, x, gain *float32, n uintptr, inv float32)
TEXT ·normAVX2(SB), NOSPLIT, $0-36
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         gain+16(FP), DX
	MOVQ         n+24(FP), CX
	VBROADCASTSS inv+32(FP), Y0
	SUBQ         $8, CX
	JLT          tail

loop:
	VMULPS  (SI), Y0, Y1
	VMULPS  (DX), Y1, Y1
	VMOVUPS Y1, (DI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, DX
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK(Y6)
	VMASKMOVPS (SI), Y6, Y1
	VMASKMOVPS (DX), Y6, Y2
	VMULPS     Y1, Y0, Y1
	VMULPS     Y2, Y1, Y1
	VMASKMOVPS Y1, Y6, (DI)

done:
	VZEROUPPER
	RET

// func dot3AVX2(x, y, z *float32, n uintptr) float32
TEXT ·dot3AVX2(SB), NOSPLIT, $0-36
	MOVQ   x+0(FP), SI
	MOVQ   y+8(FP), DI
	MOVQ   z+16(FP), DX
	MOVQ   n+24(FP), CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	SUBQ   $16, CX
	JLT    short

wide:
	VMOVUPS     (SI), Y2
	VMOVUPS     32(SI), Y3
	VMULPS      (DI), Y2, Y2
	VMULPS      32(DI), Y3, Y3
	VFMADD231PS (DX), Y2, Y0
	VFMADD231PS 32(DX), Y3, Y1
	ADDQ        $64, SI
	ADDQ        $64, DI
	ADDQ        $64, DX
	SUBQ        $16, CX
	JGE         wide

short:
	ADDQ        $8, CX
	JLT         tail
	VMOVUPS     (SI), Y2
	VMULPS      (DI), Y2, Y2
	VFMADD231PS (DX), Y2, Y0
	ADDQ        $32, SI
	ADDQ        $32, DI
	ADDQ        $32, DX
	SUBQ        $8, CX

tail:
	ADDQ        $8, CX
	JZ          done
	TAILMASK(Y6)
	VMASKMOVPS  (SI), Y6, Y2
	VMASKMOVPS  (DI), Y6, Y3
	VMASKMOVPS  (DX), Y6, Y4
	VMULPS      Y3, Y2, Y2
	VFMADD231PS Y4, Y2, Y1

done:
	VADDPS     Y1, Y0, Y0
	SUMLANES(Y0, X0, X1)
	VMOVSS     X0, ret+32(FP)
	VZEROUPPER
	RET

// NORMBACK adds the gradients for the gradient Y4, the input Y5 and the gain Y6 to dx, Y2, and dgain, Y3.
#define NORMBACK \
	VMULPS       Y0, Y6, Y6; \
	VFMADD231PS  Y4, Y6, Y2; \
	VFNMADD231PS Y1, Y5, Y2; \
	VMULPS       Y0, Y5, Y5; \
	VFMADD231PS  Y4, Y5, Y3

// func normBackAVX2(dx, dgain, dout, x, gain *float32, n uintptr, inv, s float32)
TEXT ·normBackAVX2(SB), NOSPLIT, $0-56
	MOVQ         dx+0(FP), DI
	MOVQ         dgain+8(FP), R8
	MOVQ         dout+16(FP), R9
	MOVQ         x+24(FP), SI
	MOVQ         gain+32(FP), DX
	MOVQ         n+40(FP), CX
	VBROADCASTSS inv+48(FP), Y0
	VBROADCASTSS s+52(FP), Y1
	SUBQ         $8, CX
	JLT          tail

loop:
	VMOVUPS (DI), Y2
	VMOVUPS (R8), Y3
	VMOVUPS (R9), Y4
	VMOVUPS (SI), Y5
	VMOVUPS (DX), Y6
	NORMBACK
	VMOVUPS Y2, (DI)
	VMOVUPS Y3, (R8)
	ADDQ    $32, DI
	ADDQ    $32, R8
	ADDQ    $32, R9
	ADDQ    $32, SI
	ADDQ    $32, DX
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK(Y7)
	VMASKMOVPS (DI), Y7, Y2
	VMASKMOVPS (R8), Y7, Y3
	VMASKMOVPS (R9), Y7, Y4
	VMASKMOVPS (SI), Y7, Y5
	VMASKMOVPS (DX), Y7, Y6
	NORMBACK
	VMASKMOVPS Y2, Y7, (DI)
	VMASKMOVPS Y3, Y7, (R8)

done:
	VZEROUPPER
	RET

// ADAMW updates w, Y0, m, Y2, and v, Y3, for the gradient Y1. The operations and their order are AdamWRef's.
#define ADAMW \
	VMULPS  Y7, Y1, Y1;   \
	VMULPS  Y9, Y2, Y2;   \
	VMULPS  Y10, Y1, Y4;  \
	VADDPS  Y4, Y2, Y2;   \
	VMULPS  Y1, Y1, Y4;   \
	VMULPS  Y12, Y4, Y4;  \
	VMULPS  Y11, Y3, Y3;  \
	VADDPS  Y4, Y3, Y3;   \
	VSQRTPS Y3, Y4;       \
	VMULPS  Y13, Y4, Y4;  \
	VADDPS  Y14, Y4, Y4;  \
	VMULPS  Y15, Y2, Y5;  \
	VDIVPS  Y4, Y5, Y5;   \
	VMULPS  Y8, Y0, Y0;   \
	VSUBPS  Y5, Y0, Y0

// func adamwAVX2(w, grad, m, v *float32, n uintptr, f *adamwFactors[float32])
TEXT ·adamwAVX2(SB), NOSPLIT, $0-48
	MOVQ         w+0(FP), DI
	MOVQ         grad+8(FP), SI
	MOVQ         m+16(FP), R8
	MOVQ         v+24(FP), R9
	MOVQ         n+32(FP), CX
	MOVQ         f+40(FP), DX
	VBROADCASTSS (DX), Y7
	VBROADCASTSS 4(DX), Y8
	VBROADCASTSS 8(DX), Y9
	VBROADCASTSS 12(DX), Y10
	VBROADCASTSS 16(DX), Y11
	VBROADCASTSS 20(DX), Y12
	VBROADCASTSS 24(DX), Y13
	VBROADCASTSS 28(DX), Y14
	VBROADCASTSS 32(DX), Y15
	SUBQ         $8, CX
	JLT          tail

loop:
	VMOVUPS (DI), Y0
	VMOVUPS (SI), Y1
	VMOVUPS (R8), Y2
	VMOVUPS (R9), Y3
	ADAMW
	VMOVUPS Y0, (DI)
	VMOVUPS Y2, (R8)
	VMOVUPS Y3, (R9)
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, R8
	ADDQ    $32, R9
	SUBQ    $8, CX
	JGE     loop

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK(Y6)
	VMASKMOVPS (DI), Y6, Y0
	VMASKMOVPS (SI), Y6, Y1
	VMASKMOVPS (R8), Y6, Y2
	VMASKMOVPS (R9), Y6, Y3
	ADAMW
	VMASKMOVPS Y0, Y6, (DI)
	VMASKMOVPS Y2, Y6, (R8)
	VMASKMOVPS Y3, Y6, (R9)

done:
	VZEROUPPER
	RET
