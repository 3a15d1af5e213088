package replay

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

// fill sets everything that v holds, and that is recorded, to something that
// is not zero.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Type() {
	case rawType:
		v.SetBytes([]byte(`{"a":[1,null,"x"]}`))
		return
	case timeType:
		v.Set(reflect.ValueOf(time.Date(2024, 2, 3, 4, 5, 6, *n, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(-*n))
	case reflect.Uint64:
		v.SetUint(math.MaxUint64 - uint64(*n))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(float32(1) / float32(*n+2)))
	case reflect.String:
		v.SetString(strings.Repeat("é<\xff", *n%3) + "text")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range 3 {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for _, name := range []string{"a", "b:sum"} {
			value := reflect.New(v.Type().Elem()).Elem()
			fill(value, n)
			v.SetMapIndex(reflect.ValueOf(name), value)
		}
	case reflect.Struct:
		for _, m := range members(v.Type()) {
			fill(v.FieldByIndex(m.index), n)
		}
	default:
		panic(v.Type().String())
	}
}

// answers and requests are every type that passes a service.
var answers = []any{
	[]hud.Model{}, hud.Model{}, []hud.Checkpoint{}, []string{}, &hud.ForwardBackwardResult{}, &hud.ForwardResult{}, &hud.OptimStepResult{},
	&hud.ChatResponse{}, json.RawMessage{}, vocabulary{}, []int{}, "", failure{},
}

var requests = []any{
	&hud.ForwardBackwardRequest{}, &hud.ForwardRequest{}, &hud.BackwardRequest{}, &hud.OptimStepRequest{}, &hud.ChatRequest{},
	hud.TraceEnter{}, hud.TraceExit{}, hud.TrajectorySample{},
}

// Every field of every answer is written and read back the same; every field
// of every request is written, but for those that no service is sent.
func TestEverythingIsWritten(t *testing.T) {
	t.Parallel()
	for _, a := range answers {
		v := reflect.New(reflect.TypeOf(a)).Elem()
		fill(v, new(int))
		text := new(encoder).encode(v.Interface())
		got := reflect.New(v.Type()).Elem()
		r := httpjson.Bytes(text)
		if err := read(r, got); err != nil {
			t.Errorf("%T: %v in %s", a, err, text)
		} else if !reflect.DeepEqual(got.Interface(), v.Interface()) {
			t.Errorf("%T: got %+v back, want %+v", a, got.Interface(), v.Interface())
		}
	}
	for _, a := range requests {
		v := reflect.New(reflect.TypeOf(a)).Elem()
		fill(v, new(int))
		text := new(encoder).encode(v.Interface())
		if !json.Valid(text) {
			t.Errorf("%T: not JSON: %s", a, text)
		}
		shape := v.Type()
		if shape.Kind() == reflect.Pointer {
			shape = shape.Elem()
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(text, &got); err != nil || len(got) != len(members(shape)) {
			t.Errorf("%T: got %d members, %v, want %d: %s", a, len(got), err, len(members(shape)), text)
		}
		for f := range shape.Fields() {
			recorded := slices.ContainsFunc(members(shape), func(m member) bool { return m.index[0] == f.Index[0] })
			if !recorded && !unsent[f.Name] {
				t.Errorf("%T: %s is not recorded", a, f.Name)
			}
		}
	}
}

// Numbers are read back bit for bit, also those that JSON lacks.
func TestNumbersAreExact(t *testing.T) {
	t.Parallel()
	type numbers struct {
		Plain, Broken []float32
		Double        []float64
		None, Empty   []float32
	}
	inf := math.Inf(1)
	want := numbers{
		Plain:  []float32{0, float32(math.Copysign(0, -1)), 1, -0.1, math.MaxFloat32, math.SmallestNonzeroFloat32, 16777217, 3.4e-39},
		Broken: []float32{float32(inf), float32(math.NaN()), -1e-20, float32(-inf)},
		Double: []float64{math.Copysign(0, -1), 0.1, math.MaxFloat64, 5e-324, math.NaN(), inf, -inf, 1 << 53},
		Empty:  []float32{},
	}
	got, err := decode[numbers](new(encoder).encode(want))
	if err != nil {
		t.Fatal(err)
	}
	bits := func(n numbers) (all []uint64) {
		for _, list := range [][]float32{n.Plain, n.Broken} {
			for _, f := range list {
				all = append(all, uint64(math.Float32bits(f)))
			}
		}
		for _, f := range n.Double {
			all = append(all, math.Float64bits(f))
		}
		return all
	}
	if !slices.Equal(bits(got), bits(want)) || got.None != nil || got.Empty == nil {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A key is never written.
func TestSecretsAreNotWritten(t *testing.T) {
	t.Parallel()
	text := new(encoder).encode(hud.Settings{APIKey: "hud-key-1234", APIURL: "http://x"})
	if strings.Contains(string(text), "1234") || !strings.Contains(string(text), "[secret]") {
		t.Errorf("got %s", text)
	}
}

func TestSnake(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ModelID": "model_id", "PromptTokenIDs": "prompt_token_ids", "GroupIdx": "group_idx", "BaseURL": "base_url",
		"EndOfTurn": "end_of_turn", "Text": "text", "JobName": "job_name", "TopP": "top_p",
	} {
		if got := snake(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
