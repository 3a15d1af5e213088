package replay

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

// Go values are written as one JSON text each, the same whenever the values
// are: members in the order of the fields, names of a map in theirs, floats so
// that they are read back bit for bit, zero fields left out. What JSON lacks
// has forms of its own: a string that is no UTF-8 is {"base64":…}, and so is a
// list of float32 that are not all finite (little-endian); one such number is
// "NaN", "Infinity" or "-Infinity".
//
// Plain numbers, and not base64 throughout, are what people read, compare and
// search; compressed, a recording has much the same size either way.

// unsent are fields that no service is sent.
var unsent = map[string]bool{"Extra": true, "Sampling": true, "Stream": true}

// A member is a struct's field and its name in the text.
type member struct {
	name  string
	index []int
}

var structs sync.Map // of a struct type to its []member

// members are a struct type's, those of an embedded struct among them.
func members(t reflect.Type) []member {
	if known, ok := structs.Load(t); ok {
		return known.([]member)
	}
	var list []member
	for f := range t.Fields() {
		if !f.IsExported() || unsent[f.Name] || f.Type.Kind() == reflect.Func {
			continue
		}
		if f.Anonymous {
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			for _, m := range members(inner) {
				list = append(list, member{m.name, append(slices.Clone(f.Index), m.index...)})
			}
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			name = snake(f.Name)
		}
		list = append(list, member{name, f.Index})
	}
	structs.Store(t, list)
	return list
}

// snake is a Go name as the protocol writes names.
func snake(name string) string {
	name = strings.ReplaceAll(name, "IDs", "Ids")
	var b strings.Builder
	letters := []rune(name)
	for i, c := range letters {
		begins := i > 0 && unicode.IsUpper(c) && (!unicode.IsUpper(letters[i-1]) || i+1 < len(letters) && unicode.IsLower(letters[i+1]))
		if begins {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

var (
	rawType    = reflect.TypeFor[json.RawMessage]()
	timeType   = reflect.TypeFor[time.Time]()
	secretType = reflect.TypeFor[hud.Secret]()
)

// An encoder writes Go values.
type encoder struct {
	// trace names traces: their ids are made anew at every run.
	trace func(id string) string
}

// encode is v's text.
func (e *encoder) encode(v any) []byte { return e.append(nil, reflect.ValueOf(v)) }

func (e *encoder) append(b []byte, v reflect.Value) []byte {
	if !v.IsValid() {
		return append(b, "null"...)
	}
	switch v.Type() {
	case rawType:
		return appendRaw(b, v.Bytes())
	case timeType:
		return v.Interface().(time.Time).UTC().AppendFormat(append(b, '"'), time.RFC3339Nano+`"`)
	case secretType:
		return appendText(b, hud.Secret(v.String()).String())
	}
	switch v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.Float32:
		return appendFloat(b, v.Float(), 32)
	case reflect.Float64:
		return appendFloat(b, v.Float(), 64)
	case reflect.String:
		return appendText(b, v.String())
	case reflect.Pointer, reflect.Interface:
		return e.append(b, v.Elem())
	case reflect.Slice:
		return e.appendSlice(b, v)
	case reflect.Map:
		return e.appendMap(b, v)
	case reflect.Struct:
		return e.appendStruct(b, v)
	}
	panic(fmt.Sprintf("replay: cannot write a %v", v.Type())) // TestEverythingIsWritten
}

func (e *encoder) appendSlice(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(b, "null"...)
	}
	switch list := v.Interface().(type) {
	case []float32:
		return appendFloat32s(b, list)
	case []int:
		b = append(b, '[')
		for i, n := range list {
			if i > 0 {
				b = append(b, ',')
			}
			b = strconv.AppendInt(b, int64(n), 10)
		}
		return append(b, ']')
	}
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.append(b, v.Index(i))
	}
	return append(b, ']')
}

func (e *encoder) appendMap(b []byte, v reflect.Value) []byte {
	if v.IsNil() {
		return append(b, "null"...)
	}
	keys := v.MapKeys()
	slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
	b = append(b, '{')
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.append(append(appendName(b, key.String()), ':'), v.MapIndex(key))
	}
	return append(b, '}')
}

func (e *encoder) appendStruct(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	first := true
	for _, m := range members(v.Type()) {
		f, err := v.FieldByIndexErr(m.index) // of an embedded pointer that is nil
		if err != nil || f.IsZero() {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendName(b, m.name), ':')
		if m.name == "trace_id" && e.trace != nil {
			b = appendText(b, e.trace(f.String()))
		} else {
			b = e.append(b, f)
		}
	}
	return append(b, '}')
}

// appendRaw appends what is JSON already, without its spaces.
func appendRaw(b []byte, raw []byte) []byte {
	if raw == nil {
		return append(b, "null"...)
	}
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return appendBase64(b, raw)
	}
	return append(b, compact.Bytes()...)
}

func appendBase64(b []byte, data []byte) []byte {
	b = append(b, `{"base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, data)
	return append(b, `"}`...)
}

// appendName appends a member's name, which is text that people may read.
func appendName(b []byte, name string) []byte {
	return appendText(b, strings.ToValidUTF8(name, "\uFFFD"))
}

// appendText appends a string of any bytes. Unlike encoding/json it leaves <, >
// and & as they are, for people.
func appendText(b []byte, s string) []byte {
	if !utf8.ValidString(s) {
		return appendBase64(b, []byte(s))
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can always be written
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}

func appendFloat(b []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, f, 'g', -1, bits)
}

func appendFloat32s(b []byte, list []float32) []byte {
	start := len(b)
	b, err := httpjson.AppendFloat32s(append(b, '['), list)
	if err == nil {
		return append(b, ']')
	}
	data := make([]byte, 0, 4*len(list))
	for _, f := range list {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(f))
	}
	return appendBase64(b[:start], data)
}
