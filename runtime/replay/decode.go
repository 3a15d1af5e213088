package replay

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// decode reads a text that an encoder wrote into a new T. Members that T does
// not have are passed over: a later hudrl may have written them.
func decode[T any](text []byte) (T, error) {
	var v T
	if len(text) == 0 {
		return v, nil
	}
	r := httpjson.Bytes(text)
	err := read(r, reflect.ValueOf(&v).Elem())
	if err == nil {
		err = r.End()
	}
	return v, err
}

func read(r *httpjson.Reader, v reflect.Value) error {
	if r.Null() {
		return nil
	}
	switch v.Type() {
	case rawType:
		if r.Kind() == '{' {
			raw, err := r.Raw()
			if data, isBytes := base64Of(raw); isBytes {
				raw = data
			}
			v.SetBytes(raw)
			return err
		}
		raw, err := r.Raw()
		v.SetBytes(raw)
		return err
	case timeType:
		text, err := r.String()
		if err != nil {
			return err
		}
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return &httpjson.Error{Detail: fmt.Sprintf("got %q, want a time", text)}
		}
		v.Set(reflect.ValueOf(t))
		return nil
	}
	switch v.Kind() {
	case reflect.Bool:
		b, err := r.Bool()
		v.SetBool(b)
		return err
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := r.Int()
		v.SetInt(int64(n))
		return err
	case reflect.Float32, reflect.Float64:
		f, err := readFloat(r)
		v.SetFloat(f)
		return err
	case reflect.String:
		s, err := readText(r)
		v.SetString(s)
		return err
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return read(r, v.Elem())
	case reflect.Slice:
		return readSlice(r, v)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		return r.Object(func(name string) error {
			value := reflect.New(v.Type().Elem()).Elem()
			err := read(r, value)
			v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), value)
			return err
		})
	case reflect.Struct:
		at := map[string][]int{}
		for _, m := range members(v.Type()) {
			at[m.name] = m.index
		}
		return r.Object(func(name string) error {
			index, known := at[name]
			if !known {
				return r.Skip()
			}
			return read(r, v.FieldByIndex(index))
		})
	}
	panic(fmt.Sprintf("replay: cannot read a %v", v.Type())) // TestEverythingIsWritten
}

func readSlice(r *httpjson.Reader, v reflect.Value) error {
	switch list := v.Addr().Interface().(type) {
	case *[]float32:
		if r.Kind() != '{' {
			out, err := r.Float32s([]float32{})
			*list = out
			return err
		}
		raw, err := r.Raw()
		if err != nil {
			return err
		}
		data, ok := base64Of(raw)
		if !ok || len(data)%4 != 0 {
			return &httpjson.Error{Detail: "got an object, want a list of numbers"}
		}
		*list = make([]float32, len(data)/4)
		for i := range *list {
			(*list)[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
		}
		return nil
	case *[]int:
		out, err := r.Ints([]int{})
		*list = out
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	return r.List(func(int) error {
		element := reflect.New(v.Type().Elem()).Elem()
		err := read(r, element)
		v.Set(reflect.Append(v, element))
		return err
	})
}

// readFloat reads a number, or the name of one that JSON lacks.
func readFloat(r *httpjson.Reader) (float64, error) {
	if r.Kind() != '"' {
		return r.Float()
	}
	name, err := r.String()
	if err != nil {
		return 0, err
	}
	if name != "NaN" && name != "Infinity" && name != "-Infinity" {
		return 0, &httpjson.Error{Detail: fmt.Sprintf("got %q, want a number", name)}
	}
	return strconv.ParseFloat(name, 64)
}

// readText reads a string, or the bytes of one that is no UTF-8.
func readText(r *httpjson.Reader) (string, error) {
	if r.Kind() != '{' {
		return r.String()
	}
	raw, err := r.Raw()
	if err != nil {
		return "", err
	}
	data, ok := base64Of(raw)
	if !ok {
		return "", &httpjson.Error{Detail: "got an object, want a string"}
	}
	return string(data), nil
}

// base64Of reads {"base64":…}.
func base64Of(raw []byte) (data []byte, ok bool) {
	r, text := httpjson.Bytes(raw), ""
	if r.Fields(httpjson.Field{Name: "base64", Required: true, Read: httpjson.Into(&text, r.String)}) != nil {
		return nil, false
	}
	data, err := base64.StdEncoding.DecodeString(text)
	return data, err == nil
}
