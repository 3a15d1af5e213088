package httpjson

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// sure is what strconv makes of a number's text, by way of float64.
func sure(text string) float32 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return float32(math.NaN())
	}
	return float32(v)
}

// anyFloat32 is a finite float32 with random bits.
func anyFloat32(rng *rand.Rand) float32 {
	for {
		if f := math.Float32frombits(rng.Uint32()); f-f == 0 {
			return f
		}
	}
}

// The texts of numbers in every spelling there is, with those between two
// float32s, whose nearest neighbour only exact arithmetic finds.
func spellings(rng *rand.Rand) []string {
	f := anyFloat32(rng)
	x := float64(f)
	middle := (x + float64(math.Nextafter32(f, float32(math.Inf(1))))) / 2
	list := []string{
		strconv.FormatFloat(x, 'g', -1, 64),
		strconv.FormatFloat(x, 'g', -1, 32),
		strconv.FormatFloat(x, 'e', 8, 64),
		strconv.FormatFloat(rng.Float64(), 'f', rng.IntN(25)+1, 64),
		strconv.FormatFloat(rng.NormFloat64(), 'g', rng.IntN(25)+1, 64),
		strconv.FormatFloat(rng.NormFloat64()*math.Pow10(rng.IntN(60)-30), 'g', -1, 64),
		strconv.Itoa(rng.IntN(1e6) - 5e5),
	}
	if !math.IsInf(middle, 0) {
		for _, m := range []float64{middle, math.Nextafter(middle, 0), math.Nextafter(middle, math.Inf(1))} {
			list = append(list, strconv.FormatFloat(m, 'g', -1, 64), strconv.FormatFloat(m, 'f', 30, 64))
		}
	}
	return list
}

func TestNumbersAreReadAsStrconvReadsThem(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	texts := []string{
		"0", "-0", "0.0", "-0.0e5", "0e-99999", "1e-400", "-1e-400", "1e-46", "7e-46", "1.17549435e-38", "1.1754942e-38", "1.401298464324817e-45",
		"3.4028234663852886e38", "3.4028235e+38", "9007199254740993", "18446744073709551615", "123456789012345678901234567890",
		"0.000000000000000000000000000000123456789", "1.00000005960464477539062500000000000000000000001", "16777217", "1e0", "1E+2", "1e02",
	}
	for range 50000 {
		texts = append(texts, spellings(rng)...)
		texts = append(texts, strconv.FormatFloat(-10*rng.ExpFloat64(), 'f', 8+rng.IntN(14), 64))
	}
	fast, plainly := 0, 0
	for _, text := range texts {
		padded := append([]byte(text), make([]byte, window)...)
		if got, next, after := plains(nil, padded, 0, 1); after {
			plainly++
			if want := sure(text); math.Float32bits(got[0]) != math.Float32bits(want) || next != len(text) {
				t.Fatalf("%s: got %v of %d characters, want %v of all %d", text, got, next, want, len(text))
			}
		}
		got, next, ok := float32At(padded, 0)
		if !ok {
			continue
		}
		fast++
		if want := sure(text); math.Float32bits(got) != math.Float32bits(want) || next != len(text) {
			t.Fatalf("%s: got %v of %d characters, want %v of all %d", text, got, next, want, len(text))
		}
	}
	if fast < len(texts)/2 || plainly < len(texts)/20 {
		t.Errorf("%d and %d of %d numbers were read without strconv, want at least half and a twentieth", fast, plainly, len(texts))
	}
}

func TestNumbersAreWrittenExactly(t *testing.T) {
	t.Parallel()
	for f, want := range map[float32]string{
		0: "0", 1: "1", -1: "-1", 0.5: "0.5", 100: "100", 1e8: "100000000", 1e9: "1e09", -0.2: "-0.200000003", 12345.678: "12345.6777",
		1e-5: "9.99999975e-06", 2e-5: "0.0000199999995", 123456792: "123456792", math.MaxFloat32: "3.40282347e38", math.SmallestNonzeroFloat32: "1.40129846e-45",
		0.99999994: "0.99999994", 9.9999999e-5: "0.0000999999975",
	} {
		if got := string(AppendFloat32([]byte("x"), f)); got != "x"+want {
			t.Errorf("got %s, want x%s", got, want)
		}
	}
	if got := string(AppendFloat32(nil, float32(math.Copysign(0, -1)))); got != "-0" {
		t.Errorf("got %s, want -0", got)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range 300000 {
		wantRoundTrip(t, anyFloat32(rng))
	}
	for e := range 255 { // around every power of two
		for d := range uint32(7) {
			wantRoundTrip(t, math.Float32frombits((uint32(e)<<23+d-3)&0x7f7fffff))
		}
	}
}

func wantRoundTrip(t *testing.T, f float32) {
	t.Helper()
	text := AppendFloat32(nil, f)
	if got := sure(string(text)); math.Float32bits(got) != math.Float32bits(f) || !json.Valid(text) || len(text) > longest-8 {
		t.Fatalf("%v was written as %s, which is read as %v", f, text, got)
	}
	if got, err := strconv.ParseFloat(string(text), 32); err != nil || float32(got) != f {
		t.Fatalf("%v was written as %s, which is read as %v", f, text, got)
	}
}

func TestNumbersJSONCannotCarryAreNotWritten(t *testing.T) {
	t.Parallel()
	for _, f := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		if text, err := AppendFloat32s(nil, []float32{1, f}); err == nil || err.Error()[:8] != "value 2:" {
			t.Errorf("%v: got %s, %v, want an error that names value 2", f, text, err)
		}
	}
}

func FuzzWrite(f *testing.F) {
	f.Add(uint32(0))
	f.Add(math.Float32bits(0.1))
	f.Fuzz(func(t *testing.T, bits uint32) {
		if v := math.Float32frombits(bits); v-v == 0 {
			wantRoundTrip(t, v)
		}
	})
}
