package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/safetensors"
	"github.com/hudrl/hudrl/runtime/hud"
)

// What is exported is imported bit for bit, in another directory by another
// process, as a model that is trained like the first.
func TestImport(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	m := create(t, s, CreateOptions{Name: "tiny", Config: &tiny, Seed: 1, GradClip: 0.75})
	train(t, s, m.ID, 1)
	train(t, s, m.ID, 2)
	for _, tt := range []struct{ name, dtype, file string }{
		{"tiny", "f32", ""}, {"tiny", "f32", "model.safetensors"}, {"tiny/step-0001", "f32", ""}, {"tiny", "bf16", ""}, {"hudrl/nano", "f32", ""},
	} {
		dir := t.TempDir()
		if err := s.Export(bg, tt.name, dir, tt.dtype); err != nil {
			t.Fatal(err)
		}
		if tt.file != "" { // the file has all that is needed
			if err := os.Remove(filepath.Join(dir, "config.json")); err != nil {
				t.Fatal(err)
			}
		}
		other := openIn(t, t.TempDir(), Options{})
		got, err := other.Import(bg, ImportOptions{Name: "Mine", Path: filepath.Join(dir, tt.file)})
		if err != nil || got.ModelName != "mine" || !got.IsTrainable {
			t.Fatalf("%+v: got %+v, %v", tt, got, err)
		}
		again := t.TempDir()
		if err := other.Export(bg, "mine", again, tt.dtype); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(filepath.Join(dir, "model.safetensors"))
		after, err := os.ReadFile(filepath.Join(again, "model.safetensors"))
		if err != nil || len(before) == 0 || !bytes.Equal(before, after) {
			t.Errorf("%+v: the file came back with other bytes, %v", tt, err)
		}
		if list, err := other.Checkpoints(bg, got.ID); err != nil || len(list) != 0 {
			t.Errorf("%+v: got %d checkpoints, %v, want a tree of its own", tt, len(list), err)
		}
	}
	// Step for step as the fork of what was exported.
	dir := t.TempDir()
	if err := s.Export(bg, "tiny", dir, ""); err != nil {
		t.Fatal(err)
	}
	fork, err := s.Fork(bg, m.ID, "fork")
	if err != nil {
		t.Fatal(err)
	}
	in, err := s.Import(bg, ImportOptions{Name: "imported", Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 2; n++ {
		train(t, s, fork.ID, n)
		train(t, s, in.ID, n)
	}
	if !slices.Equal(paramsOf(t, s, fork.ID), paramsOf(t, s, in.ID)) {
		t.Error("an imported model and a fork trained apart")
	}
	loud, err := s.Import(bg, ImportOptions{Name: "imported", Path: dir, GradClip: new(0.0)})
	if err != nil || loud.ModelName != "imported-2" {
		t.Fatalf("got %+v, %v, want another slug", loud, err)
	}
	train(t, s, loud.ID, 1)
	if one, _ := s.Fork(bg, in.ID+"", "x"); one.ID == "" || slices.Equal(paramsOf(t, s, loud.ID), paramsOf(t, s, fork.ID)) {
		t.Error("grad_clip 0 did not take the file's place")
	}
}

// A file is one safetensors file put together for a test.
type weightsOf struct {
	tensors  []safetensors.Tensor
	metadata map[string]string
	dtype    safetensors.DType
}

func TestImportRefuses(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	good := func() weightsOf {
		params := tiny.Init(1)
		w := weightsOf{dtype: safetensors.F32}
		for _, x := range tiny.Tensors() {
			w.tensors = append(w.tensors, safetensors.Tensor{Name: x.Name, Shape: x.Shape, Data: slices.Clone(x.In(params))})
		}
		meta, err := s.metadata(tiny, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.metadata = meta
		return w
	}
	other := tiny
	other.FFN = 32
	otherConfig, _ := json.Marshal(other)
	small := tiny
	small.Vocab = 260
	smallConfig, _ := json.Marshal(small)
	long := tiny
	long.MaxContext = 1 << 20
	longConfig, _ := json.Marshal(long)
	ownConfig, _ := json.Marshal(tiny)
	for _, tt := range []struct {
		name   string
		edit   func(w *weightsOf)
		bytes  func(data []byte) []byte
		config string // beside it
		want   string
	}{
		{name: "missing tensor", edit: func(w *weightsOf) { w.tensors = w.tensors[1:] }, want: "weights lack a tensor: want model.embed_tokens.weight [264 16]"},
		{name: "extra tensor", edit: func(w *weightsOf) {
			w.tensors = append(w.tensors, safetensors.Tensor{Name: "model.layers.9.bias", Shape: []int{1}, Data: []float32{1}})
		}, want: "weights have a tensor that the shape does not: got model.layers.9.bias [1]"},
		{name: "misshapen tensor", edit: func(w *weightsOf) { w.tensors[0].Shape = []int{16, 264} }, want: "tensor model.embed_tokens.weight has the wrong shape: got [16 264], want [264 16]"},
		{name: "not a number", edit: func(w *weightsOf) { w.tensors[2].Data[3] = float32(math.NaN()) }, want: "is not finite at element 3: got NaN"},
		{name: "infinite", edit: func(w *weightsOf) { w.tensors[0].Data[0] = float32(math.Inf(-1)) }, want: "tensor model.embed_tokens.weight is not finite at element 0: got -Inf"},
		{name: "wrong dtype", bytes: func(data []byte) []byte {
			return bytes.Replace(data, []byte(`"dtype":"F32"`), []byte(`"dtype":"I32"`), 1)
		}, want: "tensor model.embed_tokens.weight has the wrong dtype: got I32, want F32, BF16 or F16"},
		{name: "cut short", bytes: func(data []byte) []byte { return data[:len(data)-7] }, want: "bytes end outside the file"},
		{name: "cut in the header", bytes: func(data []byte) []byte { return data[:100] }, want: "header does not fit the file"},
		{name: "empty", bytes: func([]byte) []byte { return nil }, want: "file is cut short: got 0 bytes"},
		{name: "trailing bytes", bytes: func(data []byte) []byte { return append(data, 0) }, want: "bytes that no tensor owns"},
		{name: "no safetensors", bytes: func([]byte) []byte { return []byte("PK\x03\x04 and more of it") }, want: "header does not fit the file"},
		{name: "no shape", edit: func(w *weightsOf) { delete(w.metadata, metaConfig) }, want: "its metadata have no hudrl.config, and there is no config.json beside it"},
		{name: "another shape", edit: func(w *weightsOf) { w.metadata[metaConfig] = string(otherConfig) }, want: "has the wrong shape: got [24 16], want [32 16]"},
		{name: "another shape beside it", config: string(otherConfig), want: "config.json beside it tells another shape than its own metadata"},
		{name: "a broken shape", edit: func(w *weightsOf) { w.metadata[metaConfig] = "{" }, want: "metadata hudrl.config: "},
		{name: "a broken shape beside it", config: `{"model_type":"gpt2"}`, want: `config.json beside it: policy config: unknown model_type: got "gpt2"`},
		{name: "another vocabulary", edit: func(w *weightsOf) { w.metadata[metaConfig] = string(smallConfig) }, want: "vocab_size: got 260, want at least the tokenizer's 264"},
		{name: "an endless context", edit: func(w *weightsOf) { w.metadata[metaConfig] = string(longConfig) }, want: "max_position_embeddings: got 1048576, want at most 32768"},
		{name: "another tokenizer", edit: func(w *weightsOf) {
			w.metadata[metaTokenizer] = strings.Replace(w.metadata[metaTokenizer], "261", "262", 1)
		}, want: "it has another tokenizer: got "},
		{name: "a broken tokenizer", edit: func(w *weightsOf) { w.metadata[metaTokenizer] = "[]" }, want: "metadata hudrl.tokenizer: "},
		{name: "a broken grad_clip", edit: func(w *weightsOf) { w.metadata[metaGradClip] = "-1" }, want: `metadata hudrl.grad_clip: got "-1", want a finite number above 0`},
		{name: "good"},
		{name: "good, of another tool", edit: func(w *weightsOf) { w.metadata = map[string]string{"format": "pt"} }, config: string(ownConfig)},
		{name: "good, narrow", edit: func(w *weightsOf) { w.dtype = safetensors.BF16 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, dir := good(), t.TempDir()
			if tt.edit != nil {
				tt.edit(&w)
			}
			var b bytes.Buffer
			if err := safetensors.Encode(&b, w.tensors, w.dtype, w.metadata); err != nil {
				t.Fatal(err)
			}
			data := b.Bytes()
			if tt.bytes != nil {
				data = tt.bytes(data)
			}
			path := filepath.Join(dir, "model.safetensors")
			files := map[string][]byte{path: data}
			if tt.config != "" {
				files[filepath.Join(dir, "config.json")] = []byte(tt.config)
			}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				if err := os.WriteFile(name, files[name], 0o644); err != nil {
					t.Fatal(err)
				}
			}
			before, _ := s.Models(bg)
			_, err := s.Import(bg, ImportOptions{Name: "x", Path: dir})
			after, _ := s.Models(bg)
			if tt.want == "" {
				if err != nil || len(after) != len(before)+1 {
					t.Errorf("got %v, want a model", err)
				}
				return
			}
			wantError(t, err, "import", hud.CodeValidation, tt.want)
			if !strings.Contains(err.Error(), path+": ") || len(after) != len(before) {
				t.Errorf("got %q and %d models more, want the file's name and none", err, len(after)-len(before))
			}
		})
	}
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "cannot read " + filepath.Join(dir, "none") + ": no such file", dir: "cannot read " + filepath.Join(dir, "model.safetensors"),
	} {
		_, err := s.Import(bg, ImportOptions{Name: "x", Path: path})
		wantError(t, err, "import", hud.CodeValidation, want)
	}
	_, err := s.Import(bg, ImportOptions{Name: "", Path: dir})
	wantError(t, err, "import", hud.CodeValidation, "name: got \"\"")
	_, err = s.Import(bg, ImportOptions{Name: "x", Path: dir, GradClip: new(-1.0)})
	wantError(t, err, "import", hud.CodeValidation, "grad_clip: got -1")
}

// A model is removed with its tree and nothing else; what is in use, or what
// others came from, stays.
func TestRemove(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openIn(t, dir, Options{KeepAll: true})
	a := create(t, s, CreateOptions{Name: "a", Config: &tiny, Seed: 1})
	b := create(t, s, CreateOptions{Name: "b", Config: &tiny, Seed: 2})
	for n := 1; n <= 3; n++ {
		train(t, s, a.ID, n)
		train(t, s, b.ID, n)
	}
	kept := paramsOf(t, s, b.ID)
	fork, err := s.Fork(bg, "a/step-0002", "branch")
	if err != nil {
		t.Fatal(err)
	}
	remove := func(name string) error {
		_, err := s.Remove(bg, name)
		return err
	}
	wantError(t, remove("a"), "rm", hud.CodeConflict, "models were forked from it: branch")
	wantError(t, remove("hudrl/mini"), "rm", hud.CodeValidation, "hudrl/mini is a base model")
	wantError(t, remove("c"), "rm", hud.CodeNotFound, `model "c" not found`)
	accumulate(t, s, fork.ID, fb("ppo", randomInputs(1, 2)))
	wantError(t, remove("branch"), "rm", hud.CodeConflict, "branch is being trained: 1 passes wait for their optim_step")
	stepWith(t, s, fork.ID, 1e-3)

	// Another process trains the model while this one removes it.
	other := openIn(t, dir, Options{})
	accumulate(t, other, fork.ID, fb("ppo", randomInputs(1, 2)))
	res, err := s.Remove(bg, "branch")
	if err != nil || res.Checkpoints != 1 || res.Model != fork {
		t.Errorf("got %+v, %v, want branch and its checkpoint", res, err)
	}
	_, err = other.OptimStep(bg, fork.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeNotFound, "not found")
	for what, err := range map[string]error{
		"optim_step": func() error { _, err := s.OptimStep(bg, fork.ID, adam(1)); return err }(),
		"chat":       func() error { _, err := s.Chat(bg, seeded("branch", "hi", 1)); return err }(),
		"rm":         remove("branch"),
	} {
		wantError(t, err, what, hud.CodeNotFound, "not found")
	}
	if err := remove(a.ID); err != nil {
		t.Fatal(err)
	}
	// What is left is whole, now and to those who come later, and the name is
	// free again.
	if _, err := s.GC(bg); err != nil {
		t.Fatal(err)
	}
	models, err := other.Models(bg)
	if err != nil || len(models) != 3 || models[2] != b {
		t.Errorf("got %+v, %v, want the bases and b", models, err)
	}
	if !slices.Equal(paramsOf(t, other, b.ID), kept) {
		t.Error("b's weights changed")
	}
	if list, err := s.Checkpoints(bg, b.ID); err != nil || len(list) != 3 {
		t.Errorf("got %d checkpoints of b, %v, want 3", len(list), err)
	}
	if again := create(t, s, CreateOptions{Name: "a", Config: &tiny, Seed: 1}); again.ModelName != "a" || again.ID == a.ID {
		t.Errorf("got %+v, want a new model of the name", again)
	}
	_, err = openIn(t, dir, Options{ReadOnly: true}).Remove(bg, "b")
	var e *hud.Error
	if !errors.As(err, &e) || e.Code != hud.CodeServer {
		t.Errorf("a read-only service removed a model: %v", err)
	}
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if _, err := s.Remove(ctx, "b"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
