package local

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/runtime/hud"
)

// TestBaseModels: both are in every directory under the same ids, sample, and
// have the shapes the design fixes.
func TestBaseModels(t *testing.T) {
	t.Parallel()
	s := openIn(t, t.TempDir(), Options{})
	models, err := s.Models(bg)
	if err != nil || len(models) != 2 {
		t.Fatalf("models: got %v, %v, want the two bases", models, err)
	}
	for i, want := range []struct {
		slug  string
		shape policy.Config
	}{{"hudrl/nano", policy.Nano}, {"hudrl/mini", policy.Mini}} {
		m := models[i]
		if m.ModelName != want.slug || m.IsTrainable || m.SDKAgentType != "openai_compatible" || m.Provider.Name == "" {
			t.Errorf("model %d: got %+v", i, m)
		}
		if c, err := bases[i].config(); err != nil || c != want.shape {
			t.Errorf("%s: shape %+v, %v, want %+v", want.slug, c, err, want.shape)
		}
		if r := chat(t, s, seeded(want.slug, "What is 2 + 2?", 1)); r.Model != want.slug || r.CheckpointID != "" || len(r.Choices[0].TokenIDs) == 0 {
			t.Errorf("chat: got %+v", r)
		}
		f, err := s.Fork(bg, m.ID, want.slug)
		if err != nil || f.ModelName != want.slug+"-2" {
			t.Errorf("fork under the base's own name: got %+v, %v", f, err)
		}
		if cs, err := s.Checkpoints(bg, m.ID); err != nil || len(cs) != 0 {
			t.Errorf("checkpoints: got %v, %v", cs, err)
		}
		// A fork of a base answers as the base does.
		a, b := chat(t, s, seeded(m.ModelName, "hi", 3)), chat(t, s, seeded(f.ModelName, "hi", 3))
		if !slices.Equal(a.Choices[0].TokenIDs, b.Choices[0].TokenIDs) {
			t.Error("the fork answers differently")
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	second := create(t, s, CreateOptions{Name: "My Model", Config: &tiny})
	if second.ModelName != "my-model" {
		t.Errorf("slug: got %q, want my-model", second.ModelName)
	}
	third := create(t, s, CreateOptions{Name: "My Model", Config: &tiny})
	if third.ModelName != "my-model-2" {
		t.Errorf("second of the name: got %q, want my-model-2", third.ModelName)
	}
	for name, want := range map[string]string{
		"tiny": m.ID, m.ID: m.ID, strings.ToUpper(m.ID): m.ID, strings.ReplaceAll(m.ID, "-", ""): m.ID, "{" + m.ID + "}": m.ID, "urn:uuid:" + m.ID: m.ID,
		"my-model": second.ID, "My Model": third.ID, "hudrl/nano": bases[0].id, bases[1].id: bases[1].id,
	} {
		if got, err := s.Resolve(bg, name); err != nil || got.ID != want {
			t.Errorf("%s: got %s, %v, want %s", name, got.ID, err, want)
		}
	}
	_, err := s.Resolve(bg, "tinny")
	wantError(t, err, "resolve", hud.CodeNotFound, `model "tinny" not found`)
	var e *hud.Error
	if errors.As(err, &e); e.Hint != `did you mean "tiny"?` {
		t.Errorf("hint: got %q", e.Hint)
	}
	_, err = s.Fork(bg, "nothing", "x")
	wantError(t, err, "fork", hud.CodeNotFound, `model "nothing" not found`)
	_, err = s.Losses(bg, "nothing")
	wantError(t, err, "losses", hud.CodeNotFound, "not found")
	if names, err := s.Losses(bg, m.ID); err != nil || !slices.Equal(names, []string{"cross_entropy", "importance_sampling", "ppo", "cispo", "dro"}) {
		t.Errorf("losses: got %v, %v", names, err)
	}
}

func TestBadNamesAndShapes(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	for name, part := range map[string]string{
		"": "name: got \"\"", "  ": "want at least one letter or digit", "---": "want at least one letter or digit",
		m.ID: "reads as an id", "tiny/step-0001": "reads as a checkpoint", strings.Repeat("x", 300): "name: got 300 bytes, want at most 200",
	} {
		_, err := s.Fork(bg, m.ID, name)
		wantError(t, err, "fork", hud.CodeValidation, part)
		_, err = s.Create(bg, CreateOptions{Name: name, Config: &tiny})
		wantError(t, err, "create", hud.CodeValidation, part)
	}
	small, odd := tiny, tiny
	small.Vocab, odd.Heads = 100, 3
	for _, tt := range []struct {
		o    CreateOptions
		part string
	}{
		{CreateOptions{Name: "x"}, `shape: got "", want nano or mini`},
		{CreateOptions{Name: "x", Shape: "huge"}, `shape: got "huge"`},
		{CreateOptions{Name: "x", Shape: "mini", Config: &tiny}, "want one of the two"},
		{CreateOptions{Name: "x", Config: &small}, "vocab: got 100, want at least the tokenizer's 264"},
		{CreateOptions{Name: "x", Config: &odd}, "heads must divide dim"},
	} {
		_, err := s.Create(bg, tt.o)
		wantError(t, err, "create", hud.CodeValidation, tt.part)
	}
	if models, _ := s.Models(bg); len(models) != 3 {
		t.Errorf("got %d models after refusals, want 3", len(models))
	}
}

func TestExport(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	one := train(t, s, m.ID, 1)
	train(t, s, m.ID, 2)
	for name, want := range map[string][]float32{m.ModelName: paramsOf(t, s, m.ID), one.SamplerPath: paramsOf(t, s, one.CheckpointID)} {
		dir := filepath.Join(t.TempDir(), "new", "dir")
		if err := s.Export(bg, name, dir, "f32"); err != nil {
			t.Fatal(err)
		}
		var c policy.Config
		config, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(config, &c); err != nil || c != tiny {
			t.Errorf("config: got %+v, %v", c, err)
		}
		data, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Decode(data); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: exported weights differ, %v", name, err)
		}
		files, _ := os.ReadDir(dir)
		if len(files) != 2 {
			t.Errorf("got %d files, want 2", len(files))
		}
	}
	wantError(t, s.Export(bg, "tiny", t.TempDir(), "f64"), "export", hud.CodeValidation, `dtype: got "f64", want f32 or bf16`)
	wantError(t, s.Export(bg, "nothing", t.TempDir(), ""), "export", hud.CodeNotFound, "not found")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Export(bg, "tiny", filepath.Join(file, "x"), ""), "export", hud.CodeValidation, "directory")
}

// TestGC: nothing that a model needs is removed.
func TestGC(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	for n := 1; n <= 8; n++ {
		train(t, s, m.ID, n)
	}
	res, err := s.GC(bg)
	if err != nil || res.Checkpoints != 3 || res.Files != 3 {
		t.Fatalf("got %+v, %v, want the moments of 3 checkpoints removed", res, err)
	}
	train(t, s, m.ID, 9)
	if err := s.SetHead(bg, m.ID, "step-0005"); err != nil {
		t.Error(err)
	}
	wantError(t, s.SetHead(bg, m.ID, "step-0003"), "set_head", hud.CodeNotFound, "pruned")
}

// TestOpenErrors are typed and say what to do.
func TestOpenErrors(t *testing.T) {
	t.Parallel()
	garbage := t.TempDir()
	if err := os.WriteFile(filepath.Join(garbage, "hudrl.db"), []byte(strings.Repeat("garbage ", 1000)), 0o644); err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{garbage: "the store is damaged"}
	if runtime.GOOS == "linux" { // /sys refuses new directories, even to root
		dirs["/sys/hudrl"] = "cannot be written"
	}
	for dir, part := range dirs {
		_, err := Open(dir)
		wantError(t, err, "open", hud.CodeServer, part)
		var e *hud.Error
		if errors.As(err, &e); !strings.Contains(e.Hint, "--data") {
			t.Errorf("%s: hint: got %q", dir, e.Hint)
		}
	}
	if _, err := Open(t.TempDir(), Options{}, Options{}); err == nil {
		t.Error("two options were accepted")
	}
	_, err := Open(t.TempDir(), Options{ReadOnly: true})
	wantError(t, err, "open", hud.CodeNotFound, "holds no store")
}

// TestDamagedWeights are noticed when they are used, by name.
func TestDamagedWeights(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	step := train(t, s, m.ID, 1)
	s.Close()
	blobs, _ := filepath.Glob(filepath.Join(s.Dir(), "blobs", "*.safetensors"))
	for _, path := range blobs {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)-1] ^= 1
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s = openIn(t, s.Dir(), Options{})
	if c := head(t, s, m.ID); c.ID != step.CheckpointID {
		t.Errorf("head: got %+v", c)
	}
	_, err := s.Chat(bg, seeded("tiny", "hi", 1))
	wantError(t, err, "chat", hud.CodeServer, "the store is damaged")
	_, err = s.ForwardBackward(bg, m.ID, fb("ppo", randomInputs(1, 2)))
	wantError(t, err, "forward_backward", hud.CodeServer, "the store is damaged")
}

// TestReadOnlyService samples and reads, and refuses what writes.
func TestReadOnlyService(t *testing.T) {
	t.Parallel()
	s, m := newTiny(t)
	train(t, s, m.ID, 1)
	ro := openIn(t, s.Dir(), Options{ReadOnly: true})
	req := seeded("tiny", "hi", 1)
	req.TraceID = "t"
	chat(t, ro, req)
	accumulate(t, ro, m.ID, fb(hud.LossCrossEntropy, randomInputs(1, 2)))
	_, err := ro.OptimStep(bg, m.ID, adam(1e-3))
	wantError(t, err, "optim_step", hud.CodeServer, "read-only")
	_, err = ro.Fork(bg, m.ID, "x")
	wantError(t, err, "fork", hud.CodeServer, "read-only")
}
