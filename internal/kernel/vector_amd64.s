//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

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

// func normSIMD(dst, x, gain *float32, n uintptr, inv float32)
TEXT ·normSIMD(SB), NOSPLIT, $0-36
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         gain+16(FP), DX
	MOVQ         n+24(FP), CX
	VBROADCASTSS inv+32(FP), Y0
	IFAVX512(avx512)
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

avx512:
	VBROADCASTSS inv+32(FP), Z0
	SUBQ         $16, CX
	JLT          tail16

loop16:
	VMULPS  (SI), Z0, Z1
	VMULPS  (DX), Z1, Z1
	VMOVUPS Z1, (DI)
	ADDQ    $64, DI
	ADDQ    $64, SI
	ADDQ    $64, DX
	SUBQ    $16, CX
	JGE     loop16

tail16:
	ADDQ      $16, CX
	JZ        done
	LEFT(K1)
	VMULPS.Z  (SI), Z0, K1, Z1
	VMULPS.Z  (DX), Z1, K1, Z1
	VMOVUPS   Z1, K1, (DI)
	JMP       done

// NORMBACK adds the gradients for the gradient dout, the input x and the gain to dx and dgain; t is free.
#define NORMBACK(inv, scale, dx, dgain, dout, x, gain, t) \
	VMULPS inv, gain, gain;  \
	VMULPS dout, gain, gain; \
	VMULPS scale, x, t;      \
	VSUBPS t, gain, gain;    \
	VADDPS gain, dx, dx;     \
	VMULPS inv, x, x;        \
	VMULPS dout, x, x;       \
	VADDPS x, dgain, dgain

// func normBackSIMD(dx, dgain, dout, x, gain *float32, n uintptr, inv, s float32)
TEXT ·normBackSIMD(SB), NOSPLIT, $0-56
	MOVQ         dx+0(FP), DI
	MOVQ         dgain+8(FP), R8
	MOVQ         dout+16(FP), R9
	MOVQ         x+24(FP), SI
	MOVQ         gain+32(FP), DX
	MOVQ         n+40(FP), CX
	VBROADCASTSS inv+48(FP), Y0
	VBROADCASTSS s+52(FP), Y1
	IFAVX512(avx512)
	SUBQ         $8, CX
	JLT          tail

loop:
	VMOVUPS (DI), Y2
	VMOVUPS (R8), Y3
	VMOVUPS (R9), Y4
	VMOVUPS (SI), Y5
	VMOVUPS (DX), Y6
	NORMBACK(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y8)
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
	NORMBACK(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y8)
	VMASKMOVPS Y2, Y7, (DI)
	VMASKMOVPS Y3, Y7, (R8)

done:
	VZEROUPPER
	RET

avx512:
	VBROADCASTSS inv+48(FP), Z0
	VBROADCASTSS s+52(FP), Z1
	SUBQ         $16, CX
	JLT          tail16

loop16:
	VMOVUPS (DI), Z2
	VMOVUPS (R8), Z3
	VMOVUPS (R9), Z4
	VMOVUPS (SI), Z5
	VMOVUPS (DX), Z6
	NORMBACK(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z8)
	VMOVUPS Z2, (DI)
	VMOVUPS Z3, (R8)
	ADDQ    $64, DI
	ADDQ    $64, R8
	ADDQ    $64, R9
	ADDQ    $64, SI
	ADDQ    $64, DX
	SUBQ    $16, CX
	JGE     loop16

tail16:
	ADDQ      $16, CX
	JZ        done
	LEFT(K1)
	VMOVUPS.Z (DI), K1, Z2
	VMOVUPS.Z (R8), K1, Z3
	VMOVUPS.Z (R9), K1, Z4
	VMOVUPS.Z (SI), K1, Z5
	VMOVUPS.Z (DX), K1, Z6
	NORMBACK(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z8)
	VMOVUPS   Z2, K1, (DI)
	VMOVUPS   Z3, K1, (R8)
	JMP       done

// ADAMW updates w, m and v for the gradient g; t and u are free. The operations and their order are AdamWRef's.
#define ADAMW(w, g, m, v, t, u, scale, decay, beta1, rest1, beta2, rest2, root, eps, rate) \
	VMULPS  scale, g, g; \
	VMULPS  beta1, m, m; \
	VMULPS  rest1, g, t; \
	VADDPS  t, m, m;     \
	VMULPS  g, g, t;     \
	VMULPS  rest2, t, t; \
	VMULPS  beta2, v, v; \
	VADDPS  t, v, v;     \
	VSQRTPS v, t;        \
	VMULPS  root, t, t;  \
	VADDPS  eps, t, t;   \
	VMULPS  rate, m, u;  \
	VDIVPS  t, u, u;     \
	VMULPS  decay, w, w; \
	VSUBPS  u, w, w

// func adamwSIMD(w, grad, m, v *float32, n uintptr, f *adamwFactors[float32])
TEXT ·adamwSIMD(SB), NOSPLIT, $0-48
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
	IFAVX512(avx512)
	SUBQ         $8, CX
	JLT          tail

loop:
	VMOVUPS (DI), Y0
	VMOVUPS (SI), Y1
	VMOVUPS (R8), Y2
	VMOVUPS (R9), Y3
	ADAMW(Y0, Y1, Y2, Y3, Y4, Y5, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15)
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
	ADAMW(Y0, Y1, Y2, Y3, Y4, Y5, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15)
	VMASKMOVPS Y0, Y6, (DI)
	VMASKMOVPS Y2, Y6, (R8)
	VMASKMOVPS Y3, Y6, (R9)

done:
	VZEROUPPER
	RET

avx512:
	VBROADCASTSS (DX), Z7
	VBROADCASTSS 4(DX), Z8
	VBROADCASTSS 8(DX), Z9
	VBROADCASTSS 12(DX), Z10
	VBROADCASTSS 16(DX), Z11
	VBROADCASTSS 20(DX), Z12
	VBROADCASTSS 24(DX), Z13
	VBROADCASTSS 28(DX), Z14
	VBROADCASTSS 32(DX), Z15
	SUBQ         $16, CX
	JLT          tail16

loop16:
	VMOVUPS (DI), Z0
	VMOVUPS (SI), Z1
	VMOVUPS (R8), Z2
	VMOVUPS (R9), Z3
	ADAMW(Z0, Z1, Z2, Z3, Z4, Z5, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)
	VMOVUPS Z0, (DI)
	VMOVUPS Z2, (R8)
	VMOVUPS Z3, (R9)
	ADDQ    $64, DI
	ADDQ    $64, SI
	ADDQ    $64, R8
	ADDQ    $64, R9
	SUBQ    $16, CX
	JGE     loop16

tail16:
	ADDQ      $16, CX
	JZ        done
	LEFT(K1)
	VMOVUPS.Z (DI), K1, Z0
	VMOVUPS.Z (SI), K1, Z1
	VMOVUPS.Z (R8), K1, Z2
	VMOVUPS.Z (R9), K1, Z3
	ADAMW(Z0, Z1, Z2, Z3, Z4, Z5, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)
	VMOVUPS   Z0, K1, (DI)
	VMOVUPS   Z2, K1, (R8)
	VMOVUPS   Z3, K1, (R9)
	JMP       done
