package hud

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// object is a small body, sent with its length.
func object(v any) func() *httpjson.Stream {
	return func() *httpjson.Stream {
		return httpjson.NewStream(func(b []byte) ([]byte, error) {
			text, err := json.Marshal(v)
			if err != nil {
				return b, err
			}
			return append(b, text...), io.EOF
		})
	}
}

// Models implements Catalog. A service may answer with the first of several
// pages: it says how many models there are in all, and the rest are asked for.
func (r *Remote) Models(ctx context.Context) ([]Model, error) {
	const op = "models"
	var models []Model
	for {
		address := r.config.APIURL + "/v2/models"
		if len(models) > 0 {
			address += fmt.Sprintf("?limit=100&offset=%d", len(models))
		}
		var page []Model
		total := 0
		err := r.do(ctx, &request{
			op: op, method: http.MethodGet, url: address, policy: patiently,
			read: func(j *httpjson.Reader) error {
				page, total = []Model{}, 0
				listed := false
				err := members(j, map[string]func() error{
					"total": whole(j, &total),
					"items": func() error {
						listed = true
						return j.List(func(int) error {
							m, err := readModel(j)
							page = append(page, m)
							return err
						})
					},
				})
				if err == nil && !listed {
					err = lack("items")
				}
				return err
			},
		})
		if err != nil {
			return nil, err
		}
		models = append(models, page...)
		switch {
		case len(models) >= total:
			return models, nil
		case len(page) == 0:
			return nil, &Error{Op: op, Code: CodeServer, Detail: fmt.Sprintf("the service listed %d models of %d and then none", len(models), total)}
		}
	}
}

func readModel(r *httpjson.Reader) (m Model, err error) {
	err = members(r, map[string]func() error{
		"id":             text(r, &m.ID),
		"name":           text(r, &m.Name),
		"model_name":     text(r, &m.ModelName),
		"sdk_agent_type": text(r, &m.SDKAgentType),
		"is_trainable":   yes(r, &m.IsTrainable),
		"provider": func() error {
			return members(r, map[string]func() error{"name": text(r, &m.Provider.Name)})
		},
	})
	return m, err
}

// pythonQuote is urllib's quote with nothing safe but letters, digits and
// "_.-~".
func pythonQuote(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// Resolve implements Catalog. HUD's service finds slugs only, and answers
// with no more than the id.
func (r *Remote) Resolve(ctx context.Context, name string) (Model, error) {
	var m Model
	err := r.do(ctx, &request{
		op: "resolve", method: http.MethodGet, url: r.config.APIURL + "/v2/models/resolve?model=" + pythonQuote(name), policy: patiently,
		read: func(j *httpjson.Reader) (err error) {
			if m, err = readModel(j); err == nil && m.ID == "" {
				err = lack("id")
			}
			return err
		},
	})
	if err == nil && m.ModelName == "" {
		m.ModelName = name
	}
	return m, err
}

// Fork implements Catalog.
func (r *Remote) Fork(ctx context.Context, source, name string) (Model, error) {
	var m Model
	err := r.do(ctx, &request{
		op: "fork", method: http.MethodPost, url: r.config.APIURL + "/v2/models/fork", policy: patiently,
		body: object(struct {
			Source string `json:"source_model_id"`
			Name   string `json:"name"`
		}{source, name}),
		read: func(j *httpjson.Reader) (err error) {
			if m, err = readModel(j); err == nil && m.ID == "" {
				err = lack("id")
			}
			return err
		},
	})
	if err == nil && m.Name == "" {
		m.Name = name
	}
	return m, err
}

// Checkpoints implements Catalog.
func (r *Remote) Checkpoints(ctx context.Context, modelID string) ([]Checkpoint, error) {
	var tree []Checkpoint
	err := r.do(ctx, &request{
		op: "checkpoints", method: http.MethodGet, url: r.model(modelID) + "/checkpoints", policy: patiently,
		read: func(j *httpjson.Reader) error {
			tree = nil
			return j.List(func(int) error {
				c, err := readCheckpoint(j)
				tree = append(tree, c)
				return err
			})
		},
	})
	return tree, err
}

func (r *Remote) model(id string) string { return r.config.APIURL + "/v2/models/" + url.PathEscape(id) }

func readCheckpoint(r *httpjson.Reader) (c Checkpoint, err error) {
	count := func(dst **int) func() error {
		return some(dst, func(v *int) func() error { return whole(r, v) })
	}
	float := func(dst **float64) func() error {
		return some(dst, func(v *float64) func() error { return number(r, v) })
	}
	c.Metrics = map[string]float64{}
	err = members(r, map[string]func() error{
		"id":                       text(r, &c.ID),
		"name":                     text(r, &c.Name),
		"checkpoint_name":          text(r, &c.CheckpointName),
		"prev_model_checkpoint_id": text(r, &c.PrevModelCheckpointID),
		"is_active":                yes(r, &c.IsActive),
		"created_at":               instant(r, &c.CreatedAt),
		"num_traces":               count(&c.NumTraces),
		"num_datums":               count(&c.NumDatums),
		"num_tokens":               count(&c.NumTokens),
		"mean_reward":              float(&c.MeanReward),
		"learning_rate":            float(&c.LearningRate),
		"loss_fn":                  text(r, &c.LossFn),
		"metrics":                  metrics(r, &c.Metrics),
		"step":                     whole(r, &c.Step),
	})
	if err == nil && c.ID == "" {
		err = lack("id")
	}
	if number, found := strings.CutPrefix(c.Name, "step-"); found && c.Step == 0 {
		c.Step, _ = strconv.Atoi(number) // 0 when it is another name
	}
	return c, err
}

// SetHead implements Catalog.
func (r *Remote) SetHead(ctx context.Context, modelID, checkpointID string) error {
	return r.do(ctx, &request{
		op: "set_head", method: http.MethodPut, url: r.model(modelID) + "/head", policy: patiently,
		body: object(struct {
			ID string `json:"checkpoint_id"`
		}{checkpointID}),
		read: unheard,
	})
}
