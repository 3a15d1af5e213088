package safetensors

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A kind is how elements of one type become float32: exact is false where
// float32 cannot hold the value.
type kind struct {
	size int
	read func(b []byte) (v float32, exact bool)
}

// kinds are the element types that can be read.
var kinds = map[DType]kind{
	F32: {4, func(b []byte) (float32, bool) { return math.Float32frombits(binary.LittleEndian.Uint32(b)), true }},
	BF16: {2, func(b []byte) (float32, bool) {
		return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16), true
	}},
	"F16": {2, func(b []byte) (float32, bool) { return fromF16(binary.LittleEndian.Uint16(b)), true }},
	"F64": {8, func(b []byte) (float32, bool) {
		return float32(math.Float64frombits(binary.LittleEndian.Uint64(b))), true
	}},
	"I64":  {8, func(b []byte) (float32, bool) { return whole(int64(binary.LittleEndian.Uint64(b))) }},
	"I32":  {4, func(b []byte) (float32, bool) { return whole(int64(int32(binary.LittleEndian.Uint32(b)))) }},
	"I16":  {2, func(b []byte) (float32, bool) { return float32(int16(binary.LittleEndian.Uint16(b))), true }},
	"I8":   {1, func(b []byte) (float32, bool) { return float32(int8(b[0])), true }},
	"U64":  {8, func(b []byte) (float32, bool) { return natural(binary.LittleEndian.Uint64(b)) }},
	"U32":  {4, func(b []byte) (float32, bool) { return whole(int64(binary.LittleEndian.Uint32(b))) }},
	"U16":  {2, func(b []byte) (float32, bool) { return float32(binary.LittleEndian.Uint16(b)), true }},
	"U8":   {1, func(b []byte) (float32, bool) { return float32(b[0]), true }},
	"BOOL": {1, func(b []byte) (float32, bool) { return float32(b[0]), b[0] <= 1 }},
}

// whole is n, exact up to 2²⁴ and where enough of its low bits are 0. 2⁶³ as a
// float32 has no int64 to compare with.
func whole(n int64) (float32, bool) {
	v := float32(n)
	return v, v < 0x1p63 && int64(v) == n
}

func natural(n uint64) (float32, bool) {
	v := float32(n)
	return v, v < 0x1p64 && uint64(v) == n
}

// decode fills dst from as many elements of b.
func decode(dst []float32, b []byte, dtype DType) error {
	k := kinds[dtype]
	if dtype == F32 {
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		return nil
	}
	for i := range dst {
		at := b[i*k.size : (i+1)*k.size]
		v, exact := k.read(at)
		if !exact {
			return fmt.Errorf("float32 cannot hold an element of type %s: got bytes % x", dtype, at)
		}
		dst[i] = v
	}
	return nil
}

// toBF16 rounds to nearest, ties to even. A NaN stays one.
func toBF16(v float32) uint16 {
	bits := math.Float32bits(v)
	if v != v {
		return uint16(bits>>16) | 0x40
	}
	return uint16((bits + 0x7fff + bits>>16&1) >> 16)
}

func fromF16(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, uint32(h>>10&31), uint32(h&0x3ff)
	switch exp {
	case 0: // zero or denormal: frac·2⁻²⁴
		return math.Float32frombits(math.Float32bits(float32(frac)*0x1p-24) | sign)
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}
