package local

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/hudrl/hudrl/internal/optim"
	"github.com/hudrl/hudrl/internal/policy"
	"github.com/hudrl/hudrl/internal/safetensors"
	"github.com/hudrl/hudrl/internal/store"
)

// maxLoaded is how many sets of weights stay in memory beside those a trainer
// or a request holds.
const maxLoaded = 4

// A weightsCache holds the latest used weights by weightsKey, or a base's id.
type weightsCache struct {
	mu      sync.Mutex
	entries []*cachedWeights // latest used last
}

type cachedWeights struct {
	key   string
	once  sync.Once
	model *policy.Model
	err   error
	ready atomic.Pointer[policy.Model] // model, for those who did not wait
}

// get returns the weights of key, loading them once however many ask.
func (c *weightsCache) get(key string, load func() (*policy.Model, error)) (*policy.Model, error) {
	c.mu.Lock()
	i := slices.IndexFunc(c.entries, func(e *cachedWeights) bool { return e.key == key })
	var e *cachedWeights
	if i >= 0 {
		e = c.entries[i]
		c.entries = append(slices.Delete(c.entries, i, i+1), e)
	} else {
		e = &cachedWeights{key: key}
		c.entries = append(c.entries, e)
		if len(c.entries) > maxLoaded {
			c.entries = slices.Delete(c.entries, 0, 1)
		}
	}
	c.mu.Unlock()
	e.once.Do(func() {
		e.model, e.err = load()
		e.ready.Store(e.model)
	})
	if e.err != nil {
		c.forget(e)
	}
	return e.model, e.err
}

// put adds weights that are already in memory.
func (c *weightsCache) put(key string, m *policy.Model) {
	_, _ = c.get(key, func() (*policy.Model, error) { return m, nil })
}

// forget drops a failed load, so that the next request tries again.
func (c *weightsCache) forget(e *cachedWeights) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = slices.DeleteFunc(c.entries, func(x *cachedWeights) bool { return x == e })
}

// drop forgets weights that are unlikely to be asked for again: a superseded
// head, 12 bytes a parameter with its packed matrices.
func (c *weightsCache) drop(m *policy.Model) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = slices.DeleteFunc(c.entries, func(x *cachedWeights) bool { return x.ready.Load() == m })
}

// baseWeights are those of a base model.
func (s *Service) baseWeights(b *base) (*policy.Model, error) {
	return s.loaded.get(b.id, func() (*policy.Model, error) {
		c, err := b.config()
		if err != nil {
			return nil, err
		}
		data, err := b.weights()
		if err != nil {
			return nil, err
		}
		return newModel(c, data)
	})
}

// weightsKey names weights in the cache. Two shapes may have equal tensors.
func weightsKey(config, hash string) string { return hash + " " + config }

// blobWeights are those of a blob.
func (s *Service) blobWeights(config, hash string) (*policy.Model, error) {
	return s.loaded.get(weightsKey(config, hash), func() (*policy.Model, error) {
		c, err := parseConfig(config)
		if err != nil {
			return nil, err
		}
		data, err := s.store.Blob(hash)
		if err != nil {
			return nil, err
		}
		return newModel(c, data)
	})
}

func parseConfig(config string) (policy.Config, error) {
	var c policy.Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		return c, fmt.Errorf("%w: config.json: %w", store.ErrCorrupt, err)
	}
	return c, nil
}

func newModel(c policy.Config, data []byte) (*policy.Model, error) {
	params, err := c.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return policy.New(c, params)
}

// withBlobs writes blobs and commits what refers to them. When a clean-up
// removed one in between, because nothing else did, it does so again.
func (s *Service) withBlobs(blobs [][]byte, commit func(hashes []string) error) error {
	for tries := 1; ; tries++ {
		hashes, err := s.store.PutBlobs(blobs...)
		if err != nil {
			return err
		}
		if err = commit(hashes); tries == 3 || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// writeWeights encodes a parameter slab into an empty buffer.
func writeWeights(b *bytes.Buffer, c policy.Config, params []float32) error {
	b.Grow(4*len(params) + 1<<13)
	return c.Encode(b, params, safetensors.F32, nil)
}

// buffers are reused from step to step: a checkpoint has 12 bytes a parameter.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func takeBuffer() *bytes.Buffer {
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	return b
}

// The optimizer's averages are stored under torch's names for them.
const (
	firstMoment  = "exp_avg."
	secondMoment = "exp_avg_sq."
)

// writeMoments encodes an optimizer's state into an empty buffer.
func writeMoments(b *bytes.Buffer, c policy.Config, o *optim.AdamW) error {
	var ts []safetensors.Tensor
	for _, t := range c.Tensors() {
		ts = append(ts,
			safetensors.Tensor{Name: firstMoment + t.Name, Shape: t.Shape, Data: t.In(o.M)},
			safetensors.Tensor{Name: secondMoment + t.Name, Shape: t.Shape, Data: t.In(o.V)})
	}
	b.Grow(8*len(o.M) + 1<<14)
	return safetensors.Encode(b, ts, safetensors.F32, map[string]string{"step": strconv.Itoa(o.T)})
}

func decodeMoments(c policy.Config, data []byte, t int) (*optim.AdamW, error) {
	f, err := safetensors.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w: optimizer state: %w", store.ErrCorrupt, err)
	}
	if got := f.Metadata["step"]; got != strconv.Itoa(t) {
		return nil, fmt.Errorf("%w: optimizer state is of its step %q, want %d", store.ErrCorrupt, got, t)
	}
	o := optim.New(c.NumParams())
	o.T = t
	for _, spec := range c.Tensors() {
		for prefix, slab := range map[string][]float32{firstMoment: o.M, secondMoment: o.V} {
			got, ok := f.Tensor(prefix + spec.Name)
			if !ok || !slices.Equal(got.Shape, spec.Shape) {
				return nil, fmt.Errorf("%w: optimizer state: tensor %s%s: got %v, want %v", store.ErrCorrupt, prefix, spec.Name, got.Shape, spec.Shape)
			}
			copy(spec.In(slab), got.Data)
		}
	}
	return o, nil
}
