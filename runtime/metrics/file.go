package metrics

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// A File is a file of JSON lines, one for each row:
//
//	{"step":10,"_seconds":2.125,"_at":[1,10],"reward":0.375,"train/loss":1.29}
//
// _at is the row's Place, left out where that is zero. What JSON has no number
// for is a string: "NaN", "Infinity", "-Infinity".
type File struct {
	path string
	file *os.File // nil before the first row
	size int64
	buf  []byte
}

// The names that rows have of their own.
const (
	stepName    = "step"
	secondsName = "_seconds"
	atName      = "_at"
)

// MaxBytes is how large a file may become: what logs is a script, which may
// write nothing else.
const MaxBytes = 64 << 20

// ErrFull is a file that has reached MaxBytes.
var ErrFull = fmt.Errorf("the file has %d MiB, and gets no more", MaxBytes>>20)

// Reserved reports whether no value may have that name.
func Reserved(name string) bool { return name == stepName || name == secondsName || name == atName }

// OpenFile is the file at path, which is made, with its directory, for the
// first row. Of the rows that are there, keep is called with one after the
// other: the first that it refuses, and what follows, is cut off, and so is a
// last line that was never finished. When the context ends meanwhile, the file
// stays as it is.
func OpenFile(ctx context.Context, path string, keep func(Row) bool) (*File, error) {
	f := &File{path: path}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	f.file = file
	if err := f.load(ctx, keep); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return f, nil
}

func (f *File) load(ctx context.Context, keep func(Row) bool) (err error) {
	if f.size, err = read(ctx, f.file, f.path, keep); err != nil {
		return err
	}
	if err := f.file.Truncate(f.size); err != nil {
		return err
	}
	_, err = f.file.Seek(f.size, io.SeekStart)
	return err
}

// Read calls row with each row of a file that is called name, also of one that
// a run is still writing.
func Read(in io.Reader, name string, row func(Row)) error {
	_, err := read(context.Background(), in, name, func(r Row) bool { row(r); return true })
	return err
}

// read calls keep with each row until it refuses one, and returns the size of
// those before. A last line that was never finished is no row.
func read(ctx context.Context, r io.Reader, name string, keep func(Row) bool) (size int64, err error) {
	in := bufio.NewReader(r)
	for n := 1; ; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return size, context.Cause(ctx)
		}
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return size, nil
		}
		if err != nil {
			return size, err
		}
		row, err := decode(line)
		if err != nil {
			return size, fmt.Errorf("%s:%d: it is no row of metrics: %w", name, n, err)
		}
		if !keep(row) {
			return size, nil
		}
		size += int64(len(line))
	}
}

// Path is where the file is, or will be.
func (f *File) Path() string { return f.path }

// Written reports whether there is a file.
func (f *File) Written() bool { return f.file != nil }

// Log appends a row as a whole or not at all.
func (f *File) Log(r Row) error {
	if f.file == nil {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
			return err
		}
		file, err := os.OpenFile(f.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			return err
		}
		f.file = file
	}
	f.buf = encode(f.buf[:0], r)
	if f.size+int64(len(f.buf)) > MaxBytes {
		return fmt.Errorf("%s: %w", f.path, ErrFull)
	}
	n, err := f.file.Write(f.buf)
	if err != nil {
		// Half a line would spoil the next.
		if cut := f.file.Truncate(f.size); cut == nil {
			_, cut = f.file.Seek(f.size, io.SeekStart)
			return errors.Join(err, cut)
		}
		return err
	}
	f.size += int64(n)
	return nil
}

// Close lets the file go.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// encode appends a row's line.
func encode(b []byte, r Row) []byte {
	b = append(b, `{"step":`...)
	b = strconv.AppendInt(b, int64(r.Step), 10)
	b = append(b, `,"_seconds":`...)
	b = strconv.AppendFloat(b, math.Round(r.Seconds*1000)/1000, 'f', -1, 64)
	if r.Place != (Place{}) {
		b = fmt.Appendf(b, `,"_at":[%d,%d]`, r.Place.Loop, r.Place.Step)
	}
	for _, v := range r.Values {
		name, _ := json.Marshal(v.Name) // a string always can
		b = append(append(append(b, ','), name...), ':')
		switch {
		case math.IsNaN(v.Value):
			b = append(b, `"NaN"`...)
		case math.IsInf(v.Value, 1):
			b = append(b, `"Infinity"`...)
		case math.IsInf(v.Value, -1):
			b = append(b, `"-Infinity"`...)
		default:
			b = strconv.AppendFloat(b, v.Value, 'g', -1, 64)
		}
	}
	return append(b, "}\n"...)
}

// decode reads a row's line. Its values are in the line's order.
func decode(line []byte) (Row, error) {
	var r Row
	in := json.NewDecoder(bytes.NewReader(line))
	if t, err := in.Token(); err != nil || t != json.Delim('{') {
		return r, errors.New("it is no object")
	}
	stepped := false
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return r, err
		}
		name, _ := key.(string) // the decoder lets no other key through
		switch name {
		case stepName:
			stepped = true
			err = in.Decode(&r.Step)
		case secondsName:
			err = in.Decode(&r.Seconds)
		case atName:
			err = in.Decode((*placeJSON)(&r.Place))
		default:
			var v number
			err = in.Decode(&v)
			r.Values = append(r.Values, Value{name, float64(v)})
		}
		if err != nil {
			return r, fmt.Errorf("%s: %w", name, err)
		}
	}
	if !stepped {
		return r, errors.New("it has no step")
	}
	_, err := in.Token()
	return r, err
}

type placeJSON Place

func (p *placeJSON) UnmarshalJSON(text []byte) error {
	var at [2]int
	err := json.Unmarshal(text, &at)
	p.Loop, p.Step = at[0], at[1]
	return err
}

// A number is one of JSON's, or the string of one that JSON lacks.
type number float64

func (n *number) UnmarshalJSON(text []byte) error {
	switch string(text) {
	case `"NaN"`:
		*n = number(math.NaN())
	case `"Infinity"`:
		*n = number(math.Inf(1))
	case `"-Infinity"`:
		*n = number(math.Inf(-1))
	default:
		return json.Unmarshal(text, (*float64)(n))
	}
	return nil
}
