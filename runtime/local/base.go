package local

import (
	"embed"
	"encoding/json"
	"fmt"
	"path"

	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/runtime/hud"
)

// The base models' weights (bfloat16 safetensors) and shapes, made by
// scripts/pretrain.lua.
//
//go:embed models/nano models/mini
var embedded embed.FS

// A base is a model of the binary: sampled and forked, never trained.
type base struct {
	id, slug, dir string
}

// The ids are UUIDv5 of https://github.com/hudrl/hudrl/models/NAME in the URL
// namespace, so they are the same everywhere.
var bases = []base{
	{id: "02ca6f7d-7440-5c71-8910-b6b73c9b6a56", slug: "hudrl/nano", dir: "models/nano"},
	{id: "f66e5e9f-d8f3-54e2-a868-5002eea69489", slug: "hudrl/mini", dir: "models/mini"},
}

func (b *base) model() hud.Model {
	return hud.Model{ID: b.id, Name: b.slug, ModelName: b.slug, SDKAgentType: "openai_compatible", Provider: hud.Provider{Name: provider}}
}

// config is the shape, weights the safetensors file.
func (b *base) config() (policy.Config, error) {
	var c policy.Config
	data, err := embedded.ReadFile(path.Join(b.dir, "config.json"))
	if err != nil {
		return c, fmt.Errorf("this build lacks the base model %s: %w", b.slug, err)
	}
	if err := json.Unmarshal(data, &c); err != nil {
		return c, fmt.Errorf("the embedded config.json of %s is damaged: %w", b.slug, err)
	}
	return c, nil
}

func (b *base) weights() ([]byte, error) {
	data, err := embedded.ReadFile(path.Join(b.dir, "model.safetensors"))
	if err != nil {
		return nil, fmt.Errorf("this build lacks the base model %s: %w", b.slug, err)
	}
	return data, nil
}

// baseNamed finds a base by slug or id, nil for none.
func baseNamed(name string) *base {
	for i := range bases {
		if bases[i].slug == name || bases[i].id == name {
			return &bases[i]
		}
	}
	return nil
}

// isBaseSlug reports whether a slug is reserved.
func isBaseSlug(slug string) bool { return baseNamed(slug) != nil }
