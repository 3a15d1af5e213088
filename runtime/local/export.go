package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/safetensors"
	"github.com/hudrl/hudrl/runtime/hud"
)

// The files of an exported model, and what its metadata are called: all that
// Import needs is in the weights' file.
const (
	weightsFile = "model.safetensors"
	configFile  = "config.json"

	metaConfig    = "hudrl.config"    // config.json
	metaTokenizer = "hudrl.tokenizer" // a hud.TokenizerDefinition
	metaGradClip  = "hudrl.grad_clip" // a number above 0, or absent
)

// Export writes a model's head, or a checkpoint (by id or checkpoint name),
// into dir as model.safetensors and config.json of a LlamaForCausalLM, dtype
// "f32" ("" too) or "bf16". Each file appears whole or not at all. Import
// reads them back, of f32 bit for bit.
func (s *Service) Export(ctx context.Context, name, dir, dtype string) error {
	const op = "export"
	types := map[string]safetensors.DType{"": safetensors.F32, "f32": safetensors.F32, "bf16": safetensors.BF16}
	dt, ok := types[dtype]
	if !ok {
		return invalid(op, "dtype: got %q, want f32 or bf16", dtype)
	}
	m, gradClip, err := s.exported(ctx, op, name)
	if err != nil {
		return err
	}
	meta, err := s.metadata(m.Config, gradClip)
	if err != nil {
		return failed(op, hud.CodeServer, http.StatusInternalServerError, "%v", err)
	}
	var weights bytes.Buffer
	if err := m.Config.Encode(&weights, m.Params, dt, meta); err != nil {
		return failed(op, hud.CodeServer, http.StatusInternalServerError, "%v", err)
	}
	config, err := json.MarshalIndent(m.Config, "", "  ")
	if err != nil {
		return failed(op, hud.CodeServer, http.StatusInternalServerError, "%v", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return invalid(op, "directory %s: %v", dir, err)
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{weightsFile, weights.Bytes()}, {configFile, append(config, '\n')}} {
		if err := replaceFile(filepath.Join(dir, f.name), f.data); err != nil {
			return failed(op, hud.CodeServer, http.StatusInternalServerError, "write %s: %v", filepath.Join(dir, f.name), err)
		}
	}
	return nil
}

// metadata are what a file of weights says of its model.
func (s *Service) metadata(c policy.Config, gradClip float64) (map[string]string, error) {
	config, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	tok, err := json.Marshal(s.tok.Definition())
	if err != nil {
		return nil, err
	}
	meta := map[string]string{metaConfig: string(config), metaTokenizer: string(tok)}
	if gradClip > 0 {
		meta[metaGradClip] = strconv.FormatFloat(gradClip, 'g', -1, 64)
	}
	return meta, nil
}

func (s *Service) exported(ctx context.Context, op, name string) (m *policy.Model, gradClip float64, err error) {
	r, err := s.resolve(ctx, op, name)
	if err == nil {
		_, m, err := s.serving(ctx, r)
		return m, r.row.GradClip, storeError(op, err)
	}
	c, row, found := s.anyCheckpoint(ctx, name)
	if !found {
		return nil, 0, err
	}
	if c.Weights == "" {
		return nil, 0, s.pruned(op, c)
	}
	m, err = s.blobWeights(row.Config, c.Weights)
	return m, row.GradClip, storeError(op, err)
}

// replaceFile writes a file under a temporary name and renames it.
func replaceFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
