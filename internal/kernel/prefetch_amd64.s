//go:build !purego

#include "textflag.h"

// func prefetchWrite(x *float32, lines uintptr)
TEXT ·prefetchWrite(SB), NOSPLIT, $0-16
	MOVQ x+0(FP), SI
	MOVQ lines+8(FP), CX

loop:
	BYTE $0x0f; BYTE $0x0d; BYTE $0x0e // PREFETCHW (SI), which the assembler does not know
	ADDQ $64, SI
	DECQ CX
	JNZ  loop
	RET
