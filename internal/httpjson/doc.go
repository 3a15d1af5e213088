// Package httpjson reads and writes the JSON of large requests and answers
// without holding them: a Reader pulls values out of a stream, float arrays
// straight into packed slices; a Stream is a body that is written while it is
// sent.
//
// Numbers are read as float32 of what strconv makes of them as float64, bit
// for bit, and written so that every float32 is read back the same. The reader
// is strict: no NaN, no Infinity, no null where a number belongs, no duplicate
// keys, no nesting beyond MaxDepth, nothing after the value.
package httpjson
