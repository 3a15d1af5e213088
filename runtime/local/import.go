package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/safetensors"
	"github.com/hudrl/hudrl/internal/store"
	"github.com/hudrl/hudrl/internal/tokenizer"
	"github.com/hudrl/hudrl/runtime/hud"
)

// ImportOptions describe a model whose weights come from files.
type ImportOptions struct {
	Name     string
	Path     string   // a directory with model.safetensors, or a safetensors file
	GradClip *float64 // as in CreateOptions; nil: what the file says
}

// Import makes a trainable model of exported weights: with fresh optimizer
// state and an empty tree, as a fork has. The shape is the one that Export
// wrote into the file, else that of the config.json beside it. Nothing is made
// unless every tensor of the shape is there, and no other, in F32, BF16 or
// F16, and finite.
func (s *Service) Import(ctx context.Context, o ImportOptions) (hud.Model, error) {
	const op = "import"
	slug, err := slugOf(op, o.Name)
	if err != nil {
		return hud.Model{}, err
	}
	if o.GradClip != nil && (!finite(*o.GradClip) || *o.GradClip < 0) {
		return hud.Model{}, invalid(op, "grad_clip: got %v, want a finite number of 0 or more", *o.GradClip)
	}
	path := o.Path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, weightsFile)
	}
	c, params, gradClip, err := s.readModel(path)
	if err != nil {
		var e *fs.PathError
		if errors.As(err, &e) {
			return hud.Model{}, hinted(invalid(op, "cannot read %s: %v", e.Path, e.Err), "want a directory as `hudrl models export` writes it, or a safetensors file")
		}
		return hud.Model{}, invalid(op, "%s: %s", path, strings.TrimPrefix(strings.TrimPrefix(err.Error(), "safetensors: "), "policy: "))
	}
	if o.GradClip != nil {
		gradClip = *o.GradClip
	}
	var weights bytes.Buffer
	if err := writeWeights(&weights, c, params); err != nil {
		return hud.Model{}, invalid(op, "%v", err)
	}
	return s.add(ctx, op, store.Model{ID: newID(), Slug: slug, Name: o.Name, GradClip: gradClip}, c, weights.Bytes())
}

// readModel reads a file of weights. Its errors are about the file, or a
// *fs.PathError.
func (s *Service) readModel(path string) (c policy.Config, params []float32, gradClip float64, err error) {
	fail := func(err error) (policy.Config, []float32, float64, error) { return policy.Config{}, nil, 0, err }
	file, err := openFile(path)
	if err != nil {
		return fail(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fail(err)
	}
	f, err := safetensors.Read(file, info.Size(), func(t safetensors.Tensor, n int) ([]float32, error) {
		switch t.DType {
		case safetensors.F32, safetensors.BF16, "F16":
			return make([]float32, n), nil
		}
		return nil, fmt.Errorf("tensor %s has the wrong dtype: got %s, want F32, BF16 or F16", t.Name, t.DType)
	})
	if err != nil {
		return fail(err)
	}
	if c, err = configOf(f, filepath.Join(filepath.Dir(path), configFile)); err != nil {
		return fail(err)
	}
	if err := s.checkShape(f, c); err != nil {
		return fail(err)
	}
	if text, ok := f.Metadata[metaGradClip]; ok {
		if gradClip, err = strconv.ParseFloat(text, 64); err != nil || !finite(gradClip) || gradClip <= 0 {
			return fail(fmt.Errorf("metadata %s: got %q, want a finite number above 0", metaGradClip, text))
		}
	}
	params, err = c.Params(f)
	return c, params, gradClip, err
}

// configOf is the shape that the file states, or the config.json beside it.
// Where there are both they must agree.
func configOf(f *safetensors.File, beside string) (c policy.Config, err error) {
	own, stated := f.Metadata[metaConfig]
	if stated {
		if err := json.Unmarshal([]byte(own), &c); err != nil {
			return c, fmt.Errorf("metadata %s: %w", metaConfig, err)
		}
	}
	data, err := readSome(beside)
	if errors.Is(err, fs.ErrNotExist) {
		if !stated {
			return c, fmt.Errorf("its metadata have no %s, and there is no %s beside it that tells the shape", metaConfig, configFile)
		}
		return c, nil
	}
	if err != nil {
		return c, err
	}
	var other policy.Config
	if err := json.Unmarshal(data, &other); err != nil {
		return c, fmt.Errorf("%s beside it: %w", configFile, err)
	}
	if stated && other != c {
		return c, fmt.Errorf("%s beside it tells another shape than its own metadata: got %+v, want %+v", configFile, other, c)
	}
	return other, nil
}

// openFile opens what is a file: opening a pipe would wait for its writer.
func openFile(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is no file")}
	}
	return os.Open(path)
}

// readSome reads a file that is not long.
func readSome(path string) ([]byte, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// maxImported is the longest context of an imported model, in tokens, which
// are bytes.
const maxImported = 1 << 15

// checkShape refuses a model of other tokens than the embedded ones, or of a
// context that none could fill.
func (s *Service) checkShape(f *safetensors.File, c policy.Config) error {
	if c.MaxContext > maxImported {
		return fmt.Errorf("max_position_embeddings: got %d, want at most %d: a model keeps a table of that length", c.MaxContext, maxImported)
	}
	if c.Vocab < tokenizer.Vocab {
		return fmt.Errorf("vocab_size: got %d, want at least the tokenizer's %d", c.Vocab, tokenizer.Vocab)
	}
	text, ok := f.Metadata[metaTokenizer]
	if !ok {
		return nil
	}
	var got hud.TokenizerDefinition
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		return fmt.Errorf("metadata %s: %w", metaTokenizer, err)
	}
	a, _ := json.Marshal(got) // of strings and whole numbers
	b, _ := json.Marshal(s.tok.Definition())
	if !bytes.Equal(a, b) {
		return fmt.Errorf("it has another tokenizer: got %s, want %s", a, b)
	}
	return nil
}
