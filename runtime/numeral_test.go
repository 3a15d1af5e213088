package runtime

import (
	"math/big"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Long numerals are rounded right, bit for bit.
func TestShortNumerals(t *testing.T) {
	t.Parallel()
	zeros, nines := strings.Repeat("0", 3000), strings.Repeat("9", 3000)
	all := []string{
		nines, zeros, zeros + "1", "1" + zeros, "0." + zeros + "1", "0." + zeros[:300] + nines, "." + nines, nines + ".", nines + "." + nines,
		"1" + zeros + "e-3000", "1" + zeros + ".5e-2990", "0." + zeros + "1e3005", nines + "e-2995", nines + "e+1", "1e" + nines, "1e-" + nines,
		zeros + "." + zeros, zeros + "e5", nines + "e", nines + "e+", "." + zeros + "x", nines + "x", nines + ".1.1", zeros + "e1.5", "e" + nines, "." + "e5" + zeros,
	}
	// Halfway between two floats, a unit in the 2,000th digit decides.
	exact := "1." + strings.Repeat("0", 15) + "11102230246251565404236316680908203125" // 1 + 2^-53
	all = append(all, exact+zeros, exact+zeros+"1", exact[:len(exact)-1]+"4"+nines)
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var b strings.Builder
		for range r.IntN(5) {
			b.WriteString(strings.Repeat(string(rune('0'+r.IntN(10))), r.IntN(700)))
		}
		if r.IntN(2) == 0 {
			b.WriteByte('.')
		}
		for range r.IntN(900) {
			b.WriteByte(byte('0' + r.IntN(10)))
		}
		if r.IntN(2) == 0 {
			b.WriteString("e" + strconv.Itoa(r.IntN(6000)-3000))
		}
		all = append(all, b.String())
	}
	for _, s := range all {
		want, ok := exactly64(s)
		short, got := shortNumeral(s)
		if ok != got || len(short) > maxDigits+32 {
			t.Fatalf("%.60s… (%d bytes): got %v, %d bytes, want %v", s, len(s), got, len(short), ok)
		}
		if f, ok := parseNumber(s); ok != got || f != want {
			t.Fatalf("%.60s… (%d bytes): got %v, %v (%.40s…), want %v", s, len(s), f, ok, short, want)
		}
	}
}

// exactly64 rounds once, from 30,000 bits.
func exactly64(s string) (float64, bool) {
	if !regexp.MustCompile(`^(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$`).MatchString(s) {
		return 0, false
	}
	if mantissa, exp, ok := strings.Cut(s, "e"); ok && len(exp) > 9 {
		s = mantissa + "e" + exp[:6] // beyond any float64 all the same
	}
	f, _, err := big.ParseFloat(s, 10, 30_000, big.ToNearestEven)
	if err != nil {
		return 0, false
	}
	want, _ := f.Float64()
	return want, true
}
