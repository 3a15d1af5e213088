package serve

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

// modelJSON leaves out what is not known: a null provider breaks a client.
type modelJSON struct {
	ID           string        `json:"id"`
	Name         string        `json:"name,omitempty"`
	ModelName    string        `json:"model_name"`
	SDKAgentType string        `json:"sdk_agent_type,omitempty"`
	IsTrainable  bool          `json:"is_trainable"`
	Provider     *hud.Provider `json:"provider,omitempty"`
}

func modelOf(m hud.Model) modelJSON {
	out := modelJSON{ID: m.ID, Name: m.Name, ModelName: cmp.Or(m.ModelName, m.ID), SDKAgentType: m.SDKAgentType, IsTrainable: m.IsTrainable}
	if m.Provider.Name != "" {
		out.Provider = &m.Provider
	}
	return out
}

// models answers with every model, or with the page that limit and offset
// ask for.
func (h *handler) models(w http.ResponseWriter, r *http.Request) error {
	limit, offset := math.MaxInt, 0
	for name, dst := range map[string]*int{"limit": &limit, "offset": &offset} {
		text := r.URL.Query().Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return refuse("models", http.StatusUnprocessableEntity, "%s: got %q, want a whole number of 0 or more", name, text)
		}
		*dst = n
	}
	models, err := h.svc.Models(r.Context())
	if err != nil {
		return err
	}
	page := models[min(offset, len(models)):]
	page = page[:min(limit, len(page))]
	items := make([]modelJSON, len(page))
	for i, m := range page {
		items[i] = modelOf(m)
	}
	return answer(w, http.StatusOK, struct {
		Items []modelJSON `json:"items"`
		Total int         `json:"total"`
	}{items, len(models)})
}

func (h *handler) resolve(w http.ResponseWriter, r *http.Request) error {
	name := r.URL.Query().Get("model")
	if name == "" {
		return refuse("resolve", http.StatusUnprocessableEntity, "model: missing")
	}
	m, err := h.svc.Resolve(r.Context(), name)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, modelOf(m))
}

func (h *handler) fork(w http.ResponseWriter, r *http.Request) error {
	var source, name string
	err := body(r, "fork", func(j *httpjson.Reader) error {
		return j.Fields(
			httpjson.Field{Name: "source_model_id", Required: true, Read: httpjson.Into(&source, j.String)},
			httpjson.Field{Name: "name", Required: true, Read: httpjson.Into(&name, j.String)},
		)
	})
	if err != nil {
		return err
	}
	m, err := h.forks.once(source, name, func() (hud.Model, error) {
		if err := h.free(r, name); err != nil {
			return hud.Model{}, err
		}
		return h.svc.Fork(lasting(r), source, name)
	})
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, modelOf(m))
}

// free refuses a name that a model has, which HUD's command line counts on:
// hud models fork --if-not-exists. A script of hudrl's may make several forks
// of a name, here as in its own process; their slugs differ.
func (h *handler) free(r *http.Request, name string) error {
	if r.UserAgent() == "hudrl" {
		return nil
	}
	models, err := h.svc.Models(r.Context())
	if err != nil {
		return err
	}
	for _, m := range models {
		if strings.EqualFold(m.Name, name) || strings.EqualFold(m.ModelName, name) {
			return &hud.Error{Op: "fork", Code: hud.CodeConflict, Status: http.StatusConflict, Detail: fmt.Sprintf("name: a model named %q exists: %s", name, m.ID)}
		}
	}
	return nil
}

// forks remembers the forks made lately. A client that lost the answer asks
// again, and should find the model it made and not get another.
type forks struct {
	mu   sync.Mutex
	made map[[2]string]madeFork // by source and name
}

type madeFork struct {
	hud.Model
	at time.Time
}

// lately is longer than a client goes on trying.
const lately = time.Minute

// once makes a fork unless the same was made lately and nobody has named it
// since.
func (f *forks) once(source, name string, fork func() (hud.Model, error)) (hud.Model, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := [2]string{source, name}
	if made, ok := f.made[key]; ok && time.Since(made.at) < lately {
		return made.Model, nil
	}
	m, err := fork()
	if err != nil {
		return m, err
	}
	maps.DeleteFunc(f.made, func(_ [2]string, made madeFork) bool { return time.Since(made.at) >= lately })
	f.made[key] = madeFork{m, time.Now()}
	return m, nil
}

// named forgets a fork that somebody knows.
func (f *forks) named(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.made, func(_ [2]string, made madeFork) bool { return made.ID == id })
}

// checkpointJSON has the protocol's members, null where the service does not
// know, except those that must not be null.
type checkpointJSON struct {
	ID                    string             `json:"id"`
	Name                  *string            `json:"name"`
	CheckpointName        *string            `json:"checkpoint_name"`
	PrevModelCheckpointID *string            `json:"prev_model_checkpoint_id"`
	IsActive              bool               `json:"is_active"`
	CreatedAt             *string            `json:"created_at"`
	NumTraces             *int               `json:"num_traces"`
	NumDatums             *int               `json:"num_datums"`
	NumTokens             *int               `json:"num_tokens"`
	MeanReward            *float64           `json:"mean_reward"`
	LearningRate          *float64           `json:"learning_rate"`
	LossFn                *string            `json:"loss_fn"`
	Metrics               map[string]float64 `json:"metrics"`
	Step                  int                `json:"step,omitempty"` // hudrl's own
}

func (h *handler) checkpointOf(c *hud.Checkpoint) checkpointJSON {
	known := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	out := checkpointJSON{
		ID: c.ID, Name: known(c.Name), CheckpointName: known(c.CheckpointName), PrevModelCheckpointID: known(c.PrevModelCheckpointID),
		IsActive: c.IsActive, NumTraces: c.NumTraces, NumDatums: c.NumDatums, NumTokens: c.NumTokens,
		MeanReward: h.number("mean_reward", c.MeanReward), LearningRate: h.number("learning_rate", c.LearningRate),
		LossFn: known(c.LossFn), Metrics: h.metrics(c.Metrics), Step: c.Step,
	}
	if !c.CreatedAt.IsZero() {
		out.CreatedAt = known(c.CreatedAt.UTC().Format(time.RFC3339Nano))
	}
	return out
}

func (h *handler) checkpoints(w http.ResponseWriter, r *http.Request) error {
	tree, err := h.svc.Checkpoints(r.Context(), r.PathValue("model"))
	if err != nil {
		return err
	}
	out := make([]checkpointJSON, len(tree))
	for i := range tree {
		out[i] = h.checkpointOf(&tree[i])
	}
	return answer(w, http.StatusOK, out)
}

func (h *handler) setHead(w http.ResponseWriter, r *http.Request) error {
	var id string
	err := body(r, "set_head", func(j *httpjson.Reader) error {
		return j.Fields(httpjson.Field{Name: "checkpoint_id", Required: true, Read: httpjson.Into(&id, j.String)})
	})
	if err != nil {
		return err
	}
	if err := h.svc.SetHead(lasting(r), r.PathValue("model"), id); err != nil {
		return err
	}
	return answer(w, http.StatusOK, struct{}{})
}
