// Package golden is expected values that come from another implementation:
// each NAME.json was written by NAME.py with torch, whose version it records.
// run.sh writes them all anew.
package golden

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
)

//go:embed *.json
var files embed.FS

// File is the text of a file, NAME.json.
func File(name string) ([]byte, error) { return files.ReadFile(name) }

// A Number is a float32; JSON has no NaN and no infinities, which are strings.
type Number float32

// UnmarshalJSON reads a number, "nan", "inf" or "-inf".
func (n *Number) UnmarshalJSON(b []byte) error {
	if len(b) > 1 && b[0] == '"' {
		b = b[1 : len(b)-1]
	}
	v, err := strconv.ParseFloat(string(b), 32)
	*n = Number(v)
	return err
}

// Floats are numbers as float32.
func Floats(x []Number) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// A TensorCase is an operation's inputs, parameters, result and gradients.
type TensorCase struct {
	In []TensorInput
	P  TensorParams
	Ys []int      // the result's shape
	Y  []Number   // and elements
	G  []Number   // the gradient that arrives at it
	D  [][]Number // of each leaf that has one, null where it is 0; nil where none was computed
}

// A TensorInput is a leaf, and how the operation sees it.
type TensorInput struct {
	S []int    // the leaf's shape
	X []Number // and elements
	V string   // the view: "" itself, "t" its last two dimensions swapped, "n" without the last one's edges, "s" position 1 of the first, "e" the first expanded
	E int      // to this length
}

// TensorParams are what an operation gets beside tensors, those it has.
type TensorParams struct {
	Dim                  *int
	Dims, Sizes, Offsets []int
	Length, Index, N     int
	Start, Stop, Step    float64
	Min, Max             *float64
}

// TensorOps are the cases of each tensor operation.
func TensorOps() (map[string][]TensorCase, error) {
	data, err := File("tensor_ops.json")
	if err != nil {
		return nil, err
	}
	var f struct {
		Ops map[string][]TensorCase
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("tensor_ops.json: %w", err)
	}
	return f.Ops, nil
}
