package runtime

import (
	"math"
	"strconv"
	"strings"
)

// formatNumber is %.14g, the one way in which numbers become text.
func formatNumber(f float64) string {
	var buf [32]byte
	return string(appendNumber(buf[:0], f))
}

func appendNumber(b []byte, f float64) []byte {
	switch {
	case f == math.Trunc(f) && math.Abs(f) < 1e14 && (f != 0 || !math.Signbit(f)):
		return strconv.AppendInt(b, int64(f), 10)
	case math.IsNaN(f):
		return append(b, "nan"...)
	case math.IsInf(f, 1):
		return append(b, "inf"...)
	case math.IsInf(f, -1):
		return append(b, "-inf"...)
	}
	return strconv.AppendFloat(b, f, 'g', 14, 64)
}

// FormatNumber is how print, tostring and .. show a number: %.14g.
func FormatNumber(f float64) string { return formatNumber(f) }

// spaces are what C's isspace says.
const spaces = " \t\n\v\f\r"

// parseNumber reads a number as tonumber does: decimal or hexadecimal, with an
// exponent, "inf" and "nan" as print writes them; spaces around are ignored.
func parseNumber(s string) (float64, bool) {
	s = strings.Trim(s, spaces)
	body, negative := s, false
	if body != "" && (body[0] == '-' || body[0] == '+') {
		negative, body = body[0] == '-', body[1:]
	}
	var f float64
	switch {
	case body == "" || body[0] == '-' || body[0] == '+':
		return 0, false
	case strings.EqualFold(body, "inf"):
		f = math.Inf(1)
	case strings.EqualFold(body, "nan"):
		return math.NaN(), true
	case len(body) > 2 && body[0] == '0' && (body[1] == 'x' || body[1] == 'X'):
		for _, c := range []byte(body[2:]) {
			d := digit(c)
			if d >= 16 {
				return 0, false
			}
			f = f*16 + float64(d)
		}
	default:
		if len(body) > longNumeral {
			short, ok := shortNumeral(body)
			if !ok {
				return 0, false
			}
			body = short
		}
		for _, c := range []byte(body) {
			if (c < '0' || c > '9') && c != '.' && c != 'e' && c != 'E' && c != '+' && c != '-' {
				return 0, false
			}
		}
		var err error
		f, err = strconv.ParseFloat(body, 64)
		if err != nil && !math.IsInf(f, 0) {
			return 0, false
		}
	}
	if negative {
		f = -f
	}
	return f, true
}

// digit is the value of c in bases up to 36, 99 for anything else.
func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	}
	return 99
}
