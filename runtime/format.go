package runtime

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// verb is one parsed conversion of a format string.
type verb struct {
	flags     string
	width     int
	precision int // -1 when absent
	letter    byte
}

// parseVerb reads the conversion after a %, within C's bounds of two digits
// for width and precision.
func parseVerb(s string) (v verb, rest string, err error) {
	v.precision = -1
	n := 0
	for n < len(s) && strings.IndexByte("-+ #0", s[n]) >= 0 {
		n++
	}
	if n > 5 {
		return v, "", fmt.Errorf("repeated flags in %q", "%"+s[:n])
	}
	v.flags, s = s[:n], s[n:]
	digits := func() (int, bool, error) {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		if n > 2 {
			return 0, false, fmt.Errorf("width or precision %s is too large: at most 99", s[:n])
		}
		d, _ := strconv.Atoi(s[:n])
		s = s[n:]
		return d, n > 0, nil
	}
	if v.width, _, err = digits(); err != nil {
		return v, "", err
	}
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		if v.precision, _, err = digits(); err != nil {
			return v, "", err
		}
	}
	if s == "" {
		return v, "", fmt.Errorf("the format ends in the middle of a conversion")
	}
	v.letter = s[0]
	return v, s[1:], nil
}

// pad sets text in the verb's width, in bytes as C does.
func (v verb) pad(text string) string {
	n := v.width - len(text)
	if n <= 0 {
		return text
	}
	if strings.Contains(v.flags, "-") {
		return text + strings.Repeat(" ", n)
	}
	return strings.Repeat(" ", n) + text
}

func (v verb) number(letter byte, arg any) string {
	f := "%" + v.flags
	if v.width > 0 {
		f += strconv.Itoa(v.width)
	}
	if v.precision >= 0 {
		f += "." + strconv.Itoa(v.precision)
	}
	return fmt.Sprintf(f+string(letter), arg)
}

func (vm *VM) luaFormat(L *lua.LState) int {
	format := vm.checkText(L, 1, "string.format", "format")
	var b strings.Builder
	next := 2
	w := vm.newWork(L)
	for {
		w.spend(4)
		i := strings.IndexByte(format, '%')
		if i < 0 {
			b.WriteString(format)
			break
		}
		b.WriteString(format[:i])
		format = format[i+1:]
		if strings.HasPrefix(format, "%") {
			b.WriteByte('%')
			format = format[1:]
			continue
		}
		v, rest, err := parseVerb(format)
		if err != nil {
			vm.Raise(L, Faultf(CodeValidation, "string.format: %w", err))
		}
		format = rest
		if next > L.GetTop() {
			vm.Raise(L, Faultf(CodeValidation, "string.format: %%%c has no argument: got %d arguments after the format", v.letter, L.GetTop()-1))
		}
		w.spend(16 + textSize(L.Get(next)))
		b.WriteString(vm.formatOne(L, v, next))
		vm.CheckString(L, b.Len())
		next++
	}
	vm.CheckString(L, b.Len())
	L.Push(lua.LString(b.String()))
	return 1
}

func (vm *VM) formatOne(L *lua.LState, v verb, i int) string {
	arg := L.Get(i)
	number := func() float64 {
		f, ok := asNumber(arg)
		if !ok {
			vm.Raise(L, Faultf(CodeValidation, "string.format: argument %d: got %s, want number for %%%c", i, display(arg), v.letter))
		}
		return f
	}
	switch v.letter {
	case 'd', 'i', 'o', 'u', 'x', 'X', 'c':
		return vm.formatInteger(L, v, number(), i)
	case 'e', 'E', 'f', 'g', 'G':
		return formatFloat(v, number())
	case 's':
		s := vm.Text(L, arg)
		if v.precision >= 0 && v.precision < len(s) {
			s = s[:v.precision]
		}
		return v.pad(s)
	case 'q':
		switch arg.Type() {
		case lua.LTString, lua.LTNumber:
			return quote(vm.Text(L, arg))
		}
		vm.Raise(L, Faultf(CodeValidation, "string.format: argument %d: got %s, want string for %%q", i, typeName(arg)))
	}
	vm.Raise(L, Faultf(CodeValidation, "string.format: no such conversion: %%%c (d i u o x X c e E f g G q s %%)", v.letter))
	return ""
}

func (vm *VM) formatInteger(L *lua.LState, v verb, f float64, i int) string {
	if f != math.Trunc(f) || math.Abs(f) > 1<<63 || f == 1<<63 {
		vm.Raise(L, &Fault{Code: CodeValidation,
			Message: fmt.Sprintf("string.format: argument %d: got %s, want a whole number for %%%c", i, formatNumber(f), v.letter),
			Hint:    "%.0f rounds, math.floor cuts off"})
	}
	n := int64(f)
	if v.letter == 'c' {
		return v.pad(string([]byte{byte(n)}))
	}
	return v.integer(n)
}

// integer is C's printf of a long: two's complement in the unsigned conversions,
// to which the flags for signs do not apply.
func (v verb) integer(n int64) string {
	sign, magnitude, base := "", uint64(n), 10
	switch v.letter {
	case 'd', 'i':
		switch {
		case n < 0:
			sign, magnitude = "-", -magnitude
		case strings.Contains(v.flags, "+"):
			sign = "+"
		case strings.Contains(v.flags, " "):
			sign = " "
		}
	case 'o':
		base = 8
	case 'x', 'X':
		base = 16
	}
	digits := strconv.FormatUint(magnitude, base)
	if magnitude == 0 && v.precision == 0 {
		digits = ""
	}
	digits = strings.Repeat("0", max(v.precision-len(digits), 0)) + digits
	if strings.Contains(v.flags, "#") {
		switch {
		case v.letter == 'o' && !strings.HasPrefix(digits, "0"):
			digits = "0" + digits
		case base == 16 && magnitude != 0:
			sign = "0x"
		}
	}
	if v.precision < 0 && strings.Contains(v.flags, "0") && !strings.Contains(v.flags, "-") {
		digits = strings.Repeat("0", max(v.width-len(sign)-len(digits), 0)) + digits
	}
	if v.letter == 'X' {
		return v.pad(strings.ToUpper(sign + digits))
	}
	return v.pad(sign + digits)
}

func formatFloat(v verb, f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		text := formatNumber(f)
		if f > 0 && strings.Contains(v.flags, "+") {
			text = "+" + text
		}
		if v.letter >= 'A' && v.letter <= 'Z' {
			text = strings.ToUpper(text)
		}
		return v.pad(text)
	}
	if v.precision < 0 {
		v.precision = 6
	}
	return v.number(v.letter, f)
}

// quote writes s as a literal that Lua reads back.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(s) {
		switch c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString("\\\n")
		case '\r':
			b.WriteString("\\r")
		case 0:
			b.WriteString("\\000")
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
