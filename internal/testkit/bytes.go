package testkit

import "math"

// Bytes turns the bytes of a fuzz target into choices. When they have run out
// every choice is the first one, so that whatever is built from them ends.
type Bytes struct{ data []byte }

// NewBytes reads data from its front.
func NewBytes(data []byte) *Bytes { return &Bytes{data} }

// Left is how many bytes have not been read.
func (b *Bytes) Left() int { return len(b.data) }

// Choose is one of 0 to n-1.
func (b *Bytes) Choose(n int) int {
	if len(b.data) == 0 || n < 2 {
		return 0
	}
	c := int(b.data[0])
	b.data = b.data[1:]
	if n > 256 && len(b.data) > 0 {
		c = c<<8 | int(b.data[0])
		b.data = b.data[1:]
	}
	return c % n
}

// Pick is one of list.
func Pick[T any](b *Bytes, list []T) T { return list[b.Choose(len(list))] }

// OddNumbers are at the edges of everything that code does with numbers.
var OddNumbers = []float64{
	0, 1, -1, 2, 3, 0.5, -0.5, 10, 255, 256, -2, 7, 1e14, 123456789.125, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1),
	1 << 31, 1<<31 - 1, -1 << 31, 1<<32 + 1, 1 << 53, 1<<53 + 2, -1 << 53, -1<<53 - 2, 1 << 63, -1 << 63, 1 << 64,
	math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, math.MaxFloat32, math.MaxFloat32 * 1.01, 1e-50, 1.0000000000000002, 200_001, 1<<20 + 1, 67_108_864,
}

// Number is a small whole number, an odd one, or any bits.
func (b *Bytes) Number() float64 {
	switch b.Choose(4) {
	case 0:
		return float64(b.Choose(256)) - 16
	case 1:
		return float64(b.Choose(65536)) / 64
	case 2:
		return Pick(b, OddNumbers)
	}
	var bits uint64
	for range 8 {
		bits = bits<<8 | uint64(b.Choose(256))
	}
	return math.Float64frombits(bits)
}

// OddStrings mean something to some reader of text.
var OddStrings = []string{
	"", "a", "x", "n", "abc", "hello world", "1", "0x10", "1e5", "-1e-4", " 5 ", "nan", "inf", "\x00", "a\x00b", "\xff\xfe", "é", "日本語",
	"\n", "\r\n", "\"", "'", "\\", "]]", "%", "%%", "%d", "%s", "%5.2f", "%q", "%99999d", "%b()", "%f[%w]", "(", ")", "[", "[^a]", "[%", "()", "(.-)",
	".*", "a?", "%1", "^a$", "*t", "!%c", "k", "v", "#", "__index", "nil", "return 1", "x = ", "\x1bLua", "a.b", "hud", "../a", "tasks",
}

// Text is an odd string, bytes, or a long run.
func (b *Bytes) Text() string {
	switch b.Choose(4) {
	case 0, 1:
		return Pick(b, OddStrings)
	case 2:
		out := make([]byte, b.Choose(12))
		for i := range out {
			out[i] = byte(b.Choose(256))
		}
		return string(out)
	}
	out := make([]byte, 1<<b.Choose(13))
	c := byte(b.Choose(256))
	for i := range out {
		out[i] = c
	}
	return string(out)
}
