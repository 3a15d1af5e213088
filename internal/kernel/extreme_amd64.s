//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "avx2_amd64.h"
#include "avx512_amd64.h"

// EXTREME is a function of (x *float32, n uintptr, start float32) float32: the OP of start and every x[i], NaN if one
// is, and 0 for -0. VMAXPS and VMINPS lose a NaN, so Y14 or K2 collects where there was one; predicate 3 is unordered.
#define EXTREME(name, OP, OPS) \
TEXT name(SB), NOSPLIT, $0-28;      \
	MOVQ         x+0(FP), SI;       \
	MOVQ         n+8(FP), CX;       \
	IFAVX512(avx512);               \
	VBROADCASTSS start+16(FP), Y0;  \
	VMOVAPS      Y0, Y1;            \
	VMOVAPS      Y0, Y2;            \
	VMOVAPS      Y0, Y3;            \
	VMOVAPS      Y0, Y15;           \
	VXORPS       Y14, Y14, Y14;     \
	SUBQ         $32, CX;           \
	JLT          short;             \
wide:                               \
	VMOVUPS      (SI), Y4;          \
	VMOVUPS      32(SI), Y5;        \
	VMOVUPS      64(SI), Y6;        \
	VMOVUPS      96(SI), Y7;        \
	OP           Y4, Y0, Y0;        \
	OP           Y5, Y1, Y1;        \
	OP           Y6, Y2, Y2;        \
	OP           Y7, Y3, Y3;        \
	VCMPPS       $3, Y4, Y5, Y4;    \
	VCMPPS       $3, Y6, Y7, Y6;    \
	VORPS        Y4, Y14, Y14;      \
	VORPS        Y6, Y14, Y14;      \
	SUBQ         $-128, SI;         \
	SUBQ         $32, CX;           \
	JGE          wide;              \
short:                              \
	ADDQ         $24, CX;           \
	JLT          tail;              \
loop:                               \
	VMOVUPS      (SI), Y4;          \
	OP           Y4, Y0, Y0;        \
	VCMPPS       $3, Y4, Y4, Y4;    \
	VORPS        Y4, Y14, Y14;      \
	ADDQ         $32, SI;           \
	SUBQ         $8, CX;            \
	JGE          loop;              \
tail:                               \
	ADDQ         $8, CX;            \
	JZ           done;              \
	TAILMASK(Y13);                  \
	VMASKMOVPS   (SI), Y13, Y4;     \
	VBLENDVPS    Y13, Y4, Y15, Y4;  \
	OP           Y4, Y0, Y0;        \
	VCMPPS       $3, Y4, Y4, Y4;    \
	VORPS        Y4, Y14, Y14;      \
done:                               \
	VMOVMSKPS    Y14, AX;           \
	OP           Y1, Y0, Y0;        \
	OP           Y3, Y2, Y2;        \
	OP           Y2, Y0, Y0;        \
fold:                               \
	TESTL        AX, AX;            \
	JNZ          nan;               \
	VEXTRACTF128 $1, Y0, X1;        \
	OP           X1, X0, X0;        \
	VMOVHLPS     X0, X0, X1;        \
	OP           X1, X0, X0;        \
	VMOVSHDUP    X0, X1;            \
	OPS          X1, X0, X0;        \
	VXORPS       X1, X1, X1;        \
	VADDSS       X1, X0, X0;        \
	VMOVSS       X0, ret+24(FP);    \
	VZEROUPPER;                     \
	RET;                            \
nan:                                \
	MOVL         $0x7fc00000, ret+24(FP); \
	VZEROUPPER;                     \
	RET;                            \
avx512:                             \
	VBROADCASTSS start+16(FP), Z0;  \
	VMOVAPS      Z0, Z1;            \
	VMOVAPS      Z0, Z2;            \
	VMOVAPS      Z0, Z3;            \
	KXORW        K2, K2, K2;        \
	SUBQ         $64, CX;           \
	JLT          short16;           \
wide16:                             \
	VMOVUPS      (SI), Z4;          \
	VMOVUPS      64(SI), Z5;        \
	VMOVUPS      128(SI), Z6;       \
	VMOVUPS      192(SI), Z7;       \
	OP           Z4, Z0, Z0;        \
	OP           Z5, Z1, Z1;        \
	OP           Z6, Z2, Z2;        \
	OP           Z7, Z3, Z3;        \
	VCMPPS       $3, Z4, Z5, K3;    \
	VCMPPS       $3, Z6, Z7, K4;    \
	KORW         K3, K2, K2;        \
	KORW         K4, K2, K2;        \
	ADDQ         $256, SI;          \
	SUBQ         $64, CX;           \
	JGE          wide16;            \
short16:                            \
	ADDQ         $48, CX;           \
	JLT          tail16;            \
loop16:                             \
	VMOVUPS      (SI), Z4;          \
	OP           Z4, Z0, Z0;        \
	VCMPPS       $3, Z4, Z4, K3;    \
	KORW         K3, K2, K2;        \
	ADDQ         $64, SI;           \
	SUBQ         $16, CX;           \
	JGE          loop16;            \
tail16:                             \
	ADDQ         $16, CX;           \
	JZ           done16;            \
	LEFT(K1);                       \
	VMOVUPS.Z    (SI), K1, Z4;      \
	OP           Z4, Z0, K1, Z0;    \
	VCMPPS       $3, Z4, Z4, K3;    \
	KORW         K3, K2, K2;        \
done16:                             \
	KMOVW        K2, AX;            \
	OP           Z1, Z0, Z0;        \
	OP           Z3, Z2, Z2;        \
	OP           Z2, Z0, Z0;        \
	VEXTRACTF64X4 $1, Z0, Y1;       \
	OP           Y1, Y0, Y0;        \
	JMP          fold

EXTREME(·maxSIMD, VMAXPS, VMAXSS)
EXTREME(·minSIMD, VMINPS, VMINSS)

// func countSIMD(x *float32, n uintptr, v float32) uintptr
// It counts what is not v.
TEXT ·countSIMD(SB), NOSPLIT, $0-32
	MOVQ   x+0(FP), SI
	MOVQ   n+8(FP), CX
	XORL   BX, BX
	IFAVX512(avx512)
	VBROADCASTSS v+16(FP), Y15
	SUBQ   $8, CX
	JLT    tail

loop:
	VCMPPS    $4, (SI), Y15, Y0
	VMOVMSKPS Y0, AX
	POPCNTL   AX, AX
	ADDQ      AX, BX
	ADDQ      $32, SI
	SUBQ      $8, CX
	JGE       loop

tail:
	ADDQ       $8, CX
	JZ         done
	TAILMASK(Y13)
	VMASKMOVPS (SI), Y13, Y0
	VCMPPS     $4, Y0, Y15, Y0
	VANDPS     Y13, Y0, Y0
	VMOVMSKPS  Y0, AX
	POPCNTL    AX, AX
	ADDQ       AX, BX

done:
	MOVQ BX, ret+24(FP)
	VZEROUPPER
	RET

avx512:
	VBROADCASTSS v+16(FP), Z15
	SUBQ $16, CX
	JLT  tail16

loop16:
	VCMPPS  $4, (SI), Z15, K2
	KMOVW   K2, AX
	POPCNTL AX, AX
	ADDQ    AX, BX
	ADDQ    $64, SI
	SUBQ    $16, CX
	JGE     loop16

tail16:
	ADDQ      $16, CX
	JZ        done
	LEFT(K1)
	VMOVUPS.Z (SI), K1, Z0
	VCMPPS    $4, Z0, Z15, K1, K2
	KMOVW     K2, AX
	POPCNTL   AX, AX
	ADDQ      AX, BX
	JMP       done

// func indexSIMD(x *float32, n uintptr, v float32) uintptr
// The first that equals v, or n.
TEXT ·indexSIMD(SB), NOSPLIT, $0-32
	MOVQ x+0(FP), SI
	MOVQ n+8(FP), CX
	XORL BX, BX
	MOVQ CX, DX
	IFAVX512(avx512)
	VBROADCASTSS v+16(FP), Y15
	SUBQ         $8, CX
	JLT          tail

loop:
	VCMPPS    $0, (SI)(BX*4), Y15, Y0
	VMOVMSKPS Y0, AX
	TESTL     AX, AX
	JNZ       found
	ADDQ      $8, BX
	SUBQ      $8, CX
	JGE       loop

tail:
	ADDQ       $8, CX
	JZ         none
	TAILMASK(Y13)
	VMASKMOVPS (SI)(BX*4), Y13, Y0
	VCMPPS     $0, Y0, Y15, Y0
	VANDPS     Y13, Y0, Y0
	VMOVMSKPS  Y0, AX
	TESTL      AX, AX
	JNZ        found

none:
	MOVQ DX, BX
	JMP  done

found:
	BSFL AX, AX
	ADDQ AX, BX

done:
	MOVQ BX, ret+24(FP)
	VZEROUPPER
	RET

avx512:
	VBROADCASTSS v+16(FP), Z15
	SUBQ         $16, CX
	JLT          tail16

loop16:
	VCMPPS   $0, (SI)(BX*4), Z15, K2
	KORTESTW K2, K2
	JNZ      found16
	ADDQ     $16, BX
	SUBQ     $16, CX
	JGE      loop16

tail16:
	ADDQ      $16, CX
	JZ        none
	LEFT(K1)
	VMOVUPS.Z (SI)(BX*4), K1, Z0
	VCMPPS    $0, Z0, Z15, K1, K2
	KORTESTW  K2, K2
	JZ        none

found16:
	KMOVW K2, AX
	JMP   found
