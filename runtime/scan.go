package runtime

import (
	"fmt"
	"reflect"
)

// Scan puts results of Run, Call or Eval into variables, checking that they fit:
//
//	var action string
//	var target struct{ X, Y int }
//	err := runtime.Scan(out, &action, &target)
//
// A number must fit its type without rounding, a list goes into a slice or an
// array, a table with names into a map or a struct, whose fields have the names
// that they have in Lua: see [VM.ToLua]. What is nil or missing leaves nil where
// a pointer, slice, map or interface may be it; results without a variable are
// passed over. After an error the variables may be partly filled.
func Scan(results []any, into ...any) error {
	for i, p := range into {
		to := reflect.ValueOf(p)
		if to.Kind() != reflect.Pointer || to.IsNil() {
			return fmt.Errorf("runtime: Scan: variable %d: got %T, want a pointer", i+1, p)
		}
		var v any
		if i < len(results) {
			v = results[i]
		}
		if err := assign(to.Elem(), v, 0); err != nil {
			return &Error{Message: fmt.Sprintf("result %d: %v", i+1, err), Code: CodeValidation, Hint: errorHint(err), Err: err}
		}
	}
	return nil
}

// assign sets to from what a Lua value became in Go.
func assign(to reflect.Value, v any, depth int) error {
	t := to.Type()
	if depth > maxNested {
		return fmt.Errorf("data nests deeper than %d", maxNested)
	}
	if v == nil {
		if !nilable(t) {
			return fmt.Errorf("got nil, want %s", luaType(t))
		}
		to.SetZero()
		return nil
	}
	if r := reflect.ValueOf(v); r.Type().AssignableTo(t) {
		to.Set(r)
		return nil
	}
	if t.Kind() == reflect.Pointer {
		inner := reflect.New(t.Elem())
		if err := assign(inner.Elem(), v, depth+1); err != nil {
			return err
		}
		to.Set(inner)
		return nil
	}
	switch v := v.(type) {
	case bool:
		if t.Kind() == reflect.Bool {
			to.SetBool(v)
			return nil
		}
	case string:
		if isText(t) {
			to.Set(reflect.ValueOf(v).Convert(t))
			return nil
		}
	case float64:
		r, err := number(v, t)
		if err != nil {
			return err
		}
		to.Set(r)
		return nil
	case []any:
		return assignList(to, v, depth)
	case map[string]any:
		return assignTable(to, v, depth)
	}
	return fmt.Errorf("got %s, want %s", goType(v), luaType(t))
}

func assignList(to reflect.Value, list []any, depth int) error {
	switch t := to.Type(); {
	case t.Kind() == reflect.Slice:
		to.Set(reflect.MakeSlice(t, len(list), len(list)))
	case t.Kind() == reflect.Array && t.Len() == len(list):
	case t.Kind() == reflect.Array:
		return fmt.Errorf("got a list of %d, want %d", len(list), t.Len())
	case len(list) == 0: // an empty table may be either
		return assignTable(to, nil, depth)
	default:
		return fmt.Errorf("got a list, want %s", luaType(t))
	}
	for i, e := range list {
		if err := assign(to.Index(i), e, depth+1); err != nil {
			return fmt.Errorf("[%d]: %w", i+1, err)
		}
	}
	return nil
}

func assignTable(to reflect.Value, table map[string]any, depth int) error {
	t := to.Type()
	switch {
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		to.Set(reflect.MakeMapWithSize(t, len(table)))
	case t.Kind() == reflect.Struct:
	default:
		return fmt.Errorf("got a table with names, want %s", luaType(t))
	}
	for key, v := range table {
		if t.Kind() == reflect.Map {
			e := reflect.New(t.Elem()).Elem()
			if err := assign(e, v, depth+1); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			to.SetMapIndex(reflect.ValueOf(key).Convert(t.Key()), e)
			continue
		}
		f, err := fieldNamed(structFields(t), key)
		if err != nil {
			return err
		}
		e, err := field(to, f.Index)
		if err == nil {
			err = assign(e, v, depth+1)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// nilable reports whether a t can be nil.
func nilable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface, reflect.Map, reflect.Pointer, reflect.Slice:
		return true
	}
	return false
}

// isText reports whether a Lua string becomes a t.
func isText(t reflect.Type) bool {
	return t.Kind() == reflect.String || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8
}

// goType names what a Lua value became in Go.
func goType(v any) string {
	switch v.(type) {
	case bool:
		return "boolean"
	case string:
		return "string"
	case *Func:
		return "function"
	case error:
		return "error"
	}
	return fmt.Sprintf("%T", v)
}
