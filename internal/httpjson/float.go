package httpjson

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// padding is how many zero bytes follow the text in a buffer that numbers are
// read from, so that eight bytes can be looked at wherever a digit may be.
const padding = 8

// tens[e+maxTen] is 10^e, at most 1 ulp off.
const maxTen = 64

var tens = func() (t [2*maxTen + 1]float64) {
	for i := range t {
		t[i] = math.Pow10(i - maxTen)
	}
	return t
}()

// tenBits are the bits of tens, which are in the same order.
var tenBits = func() (t [2 * maxTen]uint64) {
	for i := range t {
		t[i] = math.Float64bits(tens[i])
	}
	return t
}()

// wholeTens[n] is 10^n; room[n] is the largest mantissa that n more digits may
// follow within 63 bits.
var wholeTens, room = func() (p, r [9]uint64) {
	for n, x := 0, uint64(1); n < len(p); n, x = n+1, x*10 {
		p[n], r[n] = x, math.MaxInt64/x-1
	}
	return p, r
}()

// parts[n] is the value of the last of 8+n digits after the point.
var parts = [8]float64{1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15}

// window is how much text plains may look at.
const window = 40

// plains reads numbers as logprobs are written, a digit, a point and eight
// digits or more, with commas between them, from b[i:] as long as they begin
// before safe. They are what float32At would return. It stops before one that
// is of another form or takes more to be sure, or, if after, where no comma
// follows.
//
// Digits after the sixteenth are left out. A number of at least 0.1 then lies
// at most 10 ulp of float64 above the mantissa, and what is computed from that
// at most 14 from the number: the conversion and the product round, and the
// power of ten is 1 ulp off.
func plains(dst []float32, b []byte, i, safe int) (_ []float32, next int, after bool) {
	for i < safe {
		p := (*[window]byte)(b[i:])
		negative := 0
		if p[0] == '-' {
			negative = 1
		}
		q := (*[window - 1]byte)(p[negative:])
		lead := uint64(q[0] - '0')
		x := binary.LittleEndian.Uint64(q[2:]) ^ 0x3030303030303030
		y := binary.LittleEndian.Uint64(q[10:]) ^ 0x3030303030303030
		if lead > 9 || q[1] != '.' || others(x) != 0 {
			break
		}
		m := lead*1e8 + eight(x)
		var d float64
		size := 0
		if stop := others(y); stop != 0 {
			n := bits.TrailingZeros64(stop) / 8 & 7
			d = float64(int64(m*wholeTens[n]+eight(y<<8<<(uint(56-8*n)&63)))) * parts[n]
			size = negative + 10 + n
		} else {
			z := binary.LittleEndian.Uint64(q[18:]) ^ 0x3030303030303030
			stop = others(z)
			if stop == 0 || m < 1e7 {
				break
			}
			d = float64(int64(m*1e8+eight(y))) * 1e-16
			size = negative + 18 + bits.TrailingZeros64(stop)/8
		}
		end := p[size]
		if end|0x20 == 'e' || !sureOf(d) {
			break
		}
		dst = append(dst, math.Float32frombits(math.Float32bits(float32(d))|uint32(negative)<<31))
		i += size
		if end != ',' {
			return dst, i, true
		}
		if i++; b[i] == ' ' {
			i++
		}
	}
	return dst, i, false
}

// others has the high bit of each byte set that is no digit of x, whose bytes
// are characters without the bits of '0'; above the first one they may be set
// wrongly.
func others(x uint64) uint64 { return (x + 0x7676767676767676 | x) & 0x8080808080808080 }

// guard is how far a computed number may be from what it stands for, in ulp of
// float64.
const guard = 16

// sureOf reports whether d is not so near a midpoint of two float32s that
// guard decides which of them it is, and has a normal float32.
func sureOf(d float64) bool {
	const midpoint = 1 << 28 // of the 29 bits that float32 has not
	low, power := math.Float64bits(d)&(1<<29-1), math.Float64bits(d)>>52
	return low-midpoint+guard > 2*guard && power-(1023-125) <= 125+126
}

// float32At reads the JSON number at b[i:], which padding follows, and returns
// float32 of the float64 that strconv.ParseFloat would give. ok is false when
// there is no number or it takes strconv to be sure.
//
// The mantissa, below 2^63, times a power of ten from a table is within 4 ulp
// of the exact value: three roundings of half an ulp and the table's one. That
// decides the float32 unless the midpoint of two float32s is as near.
func float32At(b []byte, i int) (f float32, next int, ok bool) {
	negative := b[i] == '-'
	if negative {
		i++
	}
	start := i
	m := uint64(b[i] - '0')
	if m > 9 {
		return 0, 0, false
	}
	for i++; b[i]-'0' <= 9; i++ {
		if m > room[1] {
			return 0, 0, false
		}
		m = m*10 + uint64(b[i]-'0')
	}
	if b[start] == '0' && i-start > 1 {
		return 0, 0, false
	}
	exp := 0
	if b[i] == '.' {
		i++
		first := i
		// Eight characters at once; of the last eight those before the first that
		// is no digit.
		x := binary.LittleEndian.Uint64(b[i:]) ^ 0x3030303030303030
		stop := others(x)
		for stop == 0 {
			if m > room[8] {
				return 0, 0, false
			}
			m = m*1e8 + eight(x)
			i += 8
			x = binary.LittleEndian.Uint64(b[i:]) ^ 0x3030303030303030
			stop = others(x)
		}
		if stop&0x80 == 0 {
			n := uint(bits.TrailingZeros64(stop)) / 8 & 7
			if m > room[n] {
				return 0, 0, false
			}
			m = m*wholeTens[n] + eight(x<<(64-8*n&63))
			i += int(n)
		}
		if i == first {
			return 0, 0, false
		}
		exp = first - i
	}
	if b[i]|0x20 == 'e' {
		e, end := exponentAt(b, i+1)
		if end == 0 {
			return 0, 0, false
		}
		exp, i = exp+e, end
	}
	if m == 0 {
		if negative {
			return float32(math.Copysign(0, -1)), i, true
		}
		return 0, i, true
	}
	if uint(exp+maxTen) > 2*maxTen {
		return 0, 0, false
	}
	d := float64(int64(m)) * tens[exp+maxTen]
	if !sureOf(d) {
		return 0, 0, false
	}
	if negative {
		d = -d
	}
	return float32(d), i, true
}

// eight is the number of eight decimal digits, one a byte, the first lowest.
func eight(x uint64) uint64 {
	x = x*10 + x>>8
	return (x&0xff000000ff*(100+1000000<<32) + x>>16&0xff000000ff*(1+10000<<32)) >> 32
}

// exponentAt reads a sign and up to four digits; end is 0 where there are none
// or more.
func exponentAt(b []byte, i int) (e, end int) {
	negative := b[i] == '-'
	if negative || b[i] == '+' {
		i++
	}
	first := i
	for ; b[i]-'0' <= 9 && i-first < 4; i++ {
		e = e*10 + int(b[i]-'0')
	}
	if i == first || b[i]-'0' <= 9 {
		return 0, 0
	}
	if negative {
		e = -e
	}
	return e, i
}

// longest is more than AppendFloat32 writes: a sign, "0.0000" and 9 digits, or
// 9 digits with a point and "e-45".
const longest = 24

// AppendFloat32 appends a finite f as a JSON number of at most nine significant
// digits, from which every float32 is read back exactly: nine digits are never
// further than 5e-9 of the value from it, half the distance to the next
// float32 never less than 2^-25 of it.
func AppendFloat32(b []byte, f float32) []byte {
	b = slices.Grow(b, longest)
	at := len(b)
	return b[:at+putFloat32(b[at:at+longest], f)]
}

// putFloat32 writes f and returns how long it is.
func putFloat32(b []byte, f float32) (n int) {
	_ = b[longest-1]
	b[0] = '-' // stays if f is negative, which nothing predicts
	n = int(math.Float32bits(f) >> 31)
	d := math.Abs(float64(f))
	if d == 0 {
		b[n] = '0'
		return n + 1
	}
	// 10^e <= 2^k <= d, and 1233/4096 is log10(2) closely enough that e is
	// right or one too small. Nothing predicts which, so it is no branch.
	x64 := math.Float64bits(d)
	e := (int(x64>>52) - 1023) * 1233 >> 12
	e += int((tenBits[(e+1+maxTen)&127] - 1 - x64) >> 63)
	m := uint32(d*tens[8-e+maxTen] + 0.5)
	if m >= 1e9 { // rounded up to the next power, or 1 ulp of it too far
		e++
		m = uint32(d*tens[8-e+maxTen] + 0.5)
	}
	top, x := byte('0'+m/1e8), spread(uint64(m%1e8))
	size := 9 - bits.LeadingZeros64(x)/8 // without the zeros at the end
	x += 0x3030303030303030
	switch {
	case e < 0 && e >= -5:
		copy(b[n:n+8], "0.000000")
		n += 1 - e
		b[n] = top
		binary.LittleEndian.PutUint64(b[n+1:], x)
		n += size
	case e >= 0 && e < 9:
		b[n] = top
		binary.LittleEndian.PutUint64(b[n+1:], x)
		if size <= e+1 { // a whole number
			return n + e + 1
		}
		b[n+1+e] = '.'
		binary.LittleEndian.PutUint64(b[n+2+e:], x>>(8*e))
		n += size + 1
	default:
		b[n] = top
		n++
		if size > 1 {
			b[n] = '.'
			binary.LittleEndian.PutUint64(b[n+1:], x)
			n += size
		}
		b[n] = 'e'
		n++
		if e < 0 {
			b[n] = '-'
			n, e = n+1, -e
		}
		b[n], b[n+1] = byte('0'+e/10), byte('0'+e%10)
		n += 2
	}
	return n
}

// spread is the eight decimal digits of x, one a byte, the first lowest. The
// multiplications divide exactly for the two and four digits they meet.
func spread(x uint64) uint64 {
	x = x/10000 | x%10000<<32
	q := x * 10486 >> 20 & 0x7f0000007f // x/100 of each half
	x = q | (x-100*q)<<16
	q = x * 103 >> 10 & 0xf000f000f000f // x/10 of each quarter
	return q | (x-10*q)<<8
}

// NotFinite is the index of the first number of list that JSON cannot carry,
// or -1.
func NotFinite(list []float32) int {
	for i, f := range list {
		if math.Float32bits(f)&0x7f800000 == 0x7f800000 {
			return i
		}
	}
	return -1
}

// AppendFloat32s appends the numbers of list with commas between them. A
// number that JSON cannot carry is an error; positions count from 1.
func AppendFloat32s(b []byte, list []float32) ([]byte, error) {
	if i := NotFinite(list); i >= 0 {
		return b, fmt.Errorf("value %d: got %v, want a finite number", i+1, list[i])
	}
	b = slices.Grow(b, len(list)*(longest/2)+2*longest)
	for i, f := range list {
		if i > 0 {
			b = append(b, ',')
		}
		at := len(b)
		if cap(b)-at < longest {
			b = slices.Grow(b, longest)
		}
		b = b[:at+putFloat32(b[at:at+longest], f)]
	}
	return b, nil
}
