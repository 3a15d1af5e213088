package hud

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// Answers are read leniently: unknown members are passed over, null is
// absence, and a number may come as a string.

// members reads an object; members without a reader are passed over, nulls
// are too.
func members(r *httpjson.Reader, readers map[string]func() error) error {
	return r.Object(func(key string) error {
		read, known := readers[key]
		if !known {
			return r.Skip()
		}
		if r.Null() {
			return nil
		}
		return read()
	})
}

// member reads an object for one member, which must be there.
func member(r *httpjson.Reader, name string, read func() error) error {
	met := false
	err := members(r, map[string]func() error{name: func() error {
		met = true
		return read()
	}})
	if err == nil && !met {
		err = lack(name)
	}
	return err
}

// unheard reads an answer that says nothing: a value, or none at all.
func unheard(r *httpjson.Reader) error {
	if r.Kind() == 0 && r.End() == nil {
		return nil
	}
	return r.Skip()
}

func lack(name string) error { return &httpjson.Error{Path: name, Detail: "missing"} }

// text reads a string, or a number or a boolean as it is written.
func text(r *httpjson.Reader, dst *string) func() error {
	return func() (err error) {
		switch r.Kind() {
		case '"':
			*dst, err = r.String()
		case '{', '[':
			err = r.Expected("a string")
		default:
			raw, rawErr := r.Raw()
			*dst, err = string(raw), rawErr
		}
		return err
	}
}

// number reads a number, a string of one, or a boolean.
func number(r *httpjson.Reader, dst *float64) func() error {
	return func() (err error) {
		switch r.Kind() {
		case '"':
			var s string
			if s, err = r.String(); err != nil {
				return err
			}
			v, bad := strconv.ParseFloat(strings.TrimSpace(s), 64)
			if bad != nil || math.IsNaN(v) || math.IsInf(v, 0) {
				return &httpjson.Error{Detail: "got " + strconv.Quote(clipText(s)) + ", want a number"}
			}
			*dst = v
		case 't', 'f':
			var b bool
			if b, err = r.Bool(); b {
				*dst = 1
			}
		default:
			*dst, err = r.Float()
		}
		return err
	}
}

// whole reads a number without a fraction, however it is written.
func whole(r *httpjson.Reader, dst *int) func() error {
	return func() error {
		var v float64
		if err := number(r, &v)(); err != nil {
			return err
		}
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return &httpjson.Error{Detail: "got " + strconv.FormatFloat(v, 'g', -1, 64) + ", want a whole number"}
		}
		*dst = int(v)
		return nil
	}
}

// some reads into a new value that *dst then points to.
func some[T any](dst **T, reader func(*T) func() error) func() error {
	return func() error {
		v := new(T)
		if err := reader(v)(); err != nil {
			return err
		}
		*dst = v
		return nil
	}
}

func yes(r *httpjson.Reader, dst *bool) func() error {
	return func() error {
		var v float64
		err := number(r, &v)()
		*dst = v != 0
		return err
	}
}

// metrics reads numbers by name. What is no number is passed over: a service
// that sends more than it should does not cost a training step its answer.
func metrics(r *httpjson.Reader, dst *map[string]float64) func() error {
	return func() error {
		*dst = map[string]float64{}
		return r.Object(func(name string) error {
			switch r.Kind() {
			case '{', '[', 'n':
				return r.Skip()
			}
			var v float64
			if err := number(r, &v)(); err != nil {
				return err
			}
			(*dst)[name] = v
			return nil
		})
	}
}

// timeForms are how services write a time. One without a zone is UTC.
var timeForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999"}

// instant reads a time; one of no known form is none.
func instant(r *httpjson.Reader, dst *time.Time) func() error {
	return func() error {
		var s string
		if err := text(r, &s)(); err != nil {
			return err
		}
		for _, form := range timeForms {
			if t, err := time.Parse(form, s); err == nil {
				*dst = t.UTC()
				break
			}
		}
		return nil
	}
}
