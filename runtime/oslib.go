package runtime

import (
	"fmt"
	"math"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

func (vm *VM) osFunctions() map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"clock": func(L *lua.LState) int {
			L.Push(lua.LNumber(vm.Now().Seconds()))
			return 1
		},
		"difftime": func(L *lua.LState) int {
			a, ok := asNumber(L.Get(1))
			if !ok {
				vm.badArg(L, "os.difftime", "t2", L.Get(1), "number")
			}
			b, ok := asNumber(L.Get(2))
			if !ok && L.Get(2) != lua.LNil {
				vm.badArg(L, "os.difftime", "t1", L.Get(2), "number")
			}
			L.Push(lua.LNumber(a - b))
			return 1
		},
		"exit": vm.luaExit,
		"time": vm.luaTime,
		"date": vm.luaDate,
	}
}

// wallClock is the date, or the Unix epoch plus the VM's age where the host
// does not grant the clock.
func (vm *VM) wallClock() time.Time {
	if vm.cfg.Capabilities.Clock {
		return time.Now().UTC()
	}
	return time.Unix(0, 0).UTC().Add(vm.Now())
}

// luaExit stops the whole call; pcall cannot hold it.
func (vm *VM) luaExit(L *lua.LState) int {
	code := 0
	switch v := L.Get(1).(type) {
	case *lua.LNilType:
	case lua.LBool:
		if !bool(v) {
			code = 1
		}
	default:
		code = vm.checkInt(L, 1, "os.exit", "code")
		if code < 0 || code > 255 {
			vm.Raise(L, Faultf(CodeValidation, "os.exit: code: got %s, want 0 to 255", display(v)))
		}
	}
	exit := &ExitError{code}
	vm.call.cancel(exit)
	vm.Raise(L, exit)
	return 0
}

func (vm *VM) luaTime(L *lua.LState) int {
	if L.Get(1) == lua.LNil {
		L.Push(lua.LNumber(vm.wallClock().Unix()))
		return 1
	}
	t := vm.checkTable(L, 1, "os.time", "table")
	field := func(name string, def int) int {
		v := t.RawGetString(name)
		if v == lua.LNil {
			if def < 0 {
				vm.Raise(L, Faultf(CodeValidation, "os.time: field %q is missing", name))
			}
			return def
		}
		payNumeral(vm, L, v)
		f, ok := asNumber(v)
		if !ok || math.Abs(f) > 1e9 || f != math.Trunc(f) {
			vm.Raise(L, Faultf(CodeValidation, "os.time: %s: got %s, want a whole number", name, display(v)))
		}
		return int(f)
	}
	date := time.Date(field("year", -1), time.Month(field("month", -1)), field("day", -1),
		field("hour", 12), field("min", 0), field("sec", 0), 0, time.UTC)
	L.Push(lua.LNumber(date.Unix()))
	return 1
}

func (vm *VM) luaDate(L *lua.LState) int {
	format := "%c"
	if L.Get(1) != lua.LNil {
		format = vm.checkText(L, 1, "os.date", "format")
	}
	t := vm.wallClock()
	if L.Get(2) != lua.LNil {
		f, ok := asNumber(L.Get(2))
		if !ok || !(math.Abs(f) < 1e11) {
			vm.Raise(L, Faultf(CodeValidation, "os.date: time: got %s, want seconds since 1970", display(L.Get(2))))
		}
		t = time.Unix(int64(f), 0).UTC()
	}
	format = strings.TrimPrefix(format, "!")
	if strings.HasPrefix(format, "*t") {
		out := vm.NewTable(0, 9)
		for name, v := range map[string]int{"year": t.Year(), "month": int(t.Month()), "day": t.Day(), "hour": t.Hour(),
			"min": t.Minute(), "sec": t.Second(), "wday": int(t.Weekday()) + 1, "yday": t.YearDay()} {
			out.RawSetString(name, lua.LNumber(v))
		}
		out.RawSetString("isdst", lua.LFalse)
		L.Push(out)
		return 1
	}
	var b strings.Builder
	w := vm.newWork(L)
	for i := 0; i < len(format); i++ {
		w.spend(1)
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		i++
		if i == len(format) {
			vm.Raise(L, Faultf(CodeValidation, "os.date: format: it ends with a single %%"))
		}
		w.spend(32)
		text, ok := dateField(t, format[i])
		if !ok {
			vm.Raise(L, Faultf(CodeValidation, "os.date: format: no such conversion %%%c", format[i]))
		}
		vm.CheckString(L, b.Len()+len(text))
		b.WriteString(text)
	}
	L.Push(lua.LString(b.String()))
	return 1
}

var dateLayouts = map[byte]string{
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'c': "Mon Jan _2 15:04:05 2006", 'd': "02",
	'F': "2006-01-02", 'H': "15", 'I': "03", 'm': "01", 'M': "04", 'p': "PM", 'S': "05", 'T': "15:04:05",
	'x': "01/02/06", 'X': "15:04:05", 'y': "06", 'Y': "2006", 'z': "-0700", 'Z': "MST", 'D': "01/02/06",
	'e': "_2", 'h': "Jan", 'r': "03:04:05 PM", 'R': "15:04",
}

// dateField is a conversion of C's strftime in the C locale.
func dateField(t time.Time, c byte) (string, bool) {
	if layout, ok := dateLayouts[c]; ok {
		return t.Format(layout), true
	}
	switch c {
	case 'j':
		return fmt.Sprintf("%03d", t.YearDay()), true
	case 'w':
		return fmt.Sprint(int(t.Weekday())), true
	case 's':
		return fmt.Sprint(t.Unix()), true
	case 'u': // 1 to 7, from Monday
		return fmt.Sprint((int(t.Weekday())+6)%7 + 1), true
	case 'C':
		return fmt.Sprintf("%02d", t.Year()/100), true
	case 'U': // weeks from the first Sunday
		return fmt.Sprintf("%02d", (t.YearDay()+6-int(t.Weekday()))/7), true
	case 'W': // weeks from the first Monday
		return fmt.Sprintf("%02d", (t.YearDay()+6-(int(t.Weekday())+6)%7)/7), true
	case 'V', 'G', 'g': // ISO 8601's week, and its year
		year, week := t.ISOWeek()
		switch c {
		case 'V':
			return fmt.Sprintf("%02d", week), true
		case 'G':
			return fmt.Sprint(year), true
		}
		return fmt.Sprintf("%02d", year%100), true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	case '%':
		return "%", true
	}
	return "", false
}
