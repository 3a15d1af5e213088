package serve

import (
	"encoding/json"
	"net/http"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

// telemetry takes the spans of a rollout and keeps the turns in them, where
// the service can. Spans are of many kinds and grow: what is not known is
// passed over, and a turn that cannot be kept costs nobody the others.
func (h *handler) telemetry(w http.ResponseWriter, r *http.Request) error {
	const op = "telemetry_upload"
	var turns []hud.TrajectorySample
	err := body(r, op, func(j *httpjson.Reader) error {
		return j.Fields(httpjson.Field{Name: "telemetry", Required: true, Read: func() error {
			return j.List(func(int) error {
				turn, err := readSpan(j)
				if turn != nil {
					turns = append(turns, *turn)
				}
				return err
			})
		}})
	})
	if err != nil {
		return err
	}
	recorder, keeps := h.svc.(hud.SampleRecorder)
	for _, turn := range turns {
		if !keeps {
			break
		}
		if err := recorder.RecordSample(lasting(r), r.PathValue("trace"), turn); err != nil {
			h.opts.Logger.Warn("a turn of a trace was not kept", "error", err)
		}
	}
	return answer(w, http.StatusOK, struct{}{})
}

// readSpan reads a span; the turn is nil unless it is an agent's step that
// carries one.
func readSpan(j *httpjson.Reader) (*hud.TrajectorySample, error) {
	schema, source := "", ""
	var sample json.RawMessage
	// Text is read where it is wanted; another kind of value is passed over.
	text := func(dst *string) error {
		if j.Kind() != '"' {
			return j.Skip()
		}
		return httpjson.Into(dst, j.String)()
	}
	within := func(member func(key string) error) error {
		if j.Kind() != '{' {
			return j.Skip()
		}
		return j.Object(member)
	}
	err := j.Object(func(key string) error {
		if key != "attributes" {
			return j.Skip()
		}
		return within(func(key string) error {
			switch key {
			case "hud.schema":
				return text(&schema)
			case "hud.payload":
				return within(func(key string) error {
					switch key {
					case "source":
						return text(&source)
					case "sample":
						return httpjson.Into(&sample, j.Raw)()
					}
					return j.Skip()
				})
			}
			return j.Skip()
		})
	})
	if err != nil || schema != "hud.step.v1" || source != "agent" {
		return nil, err
	}
	var turn hud.TrajectorySample
	if json.Unmarshal(sample, &turn) != nil || len(turn.OutputTokenIDs) == 0 {
		return nil, nil
	}
	return &turn, nil
}

// drop takes what HUD's command line tells of its use, and forgets it.
func (h *handler) drop(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, http.StatusOK, struct{}{})
}
