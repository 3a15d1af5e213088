package hud

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"

	"github.com/hudrl/hudrl/internal/httpjson"
)

func (r *Remote) train(modelID, call string) string {
	return r.config.RLURL + "/v1/models/" + url.PathEscape(modelID) + "/train/" + call
}

// Losses implements Trainer.
func (r *Remote) Losses(ctx context.Context, modelID string) ([]string, error) {
	var losses []string
	err := r.do(ctx, &request{
		op: "losses", method: http.MethodGet, url: r.train(modelID, "losses"), policy: patiently,
		read: func(j *httpjson.Reader) error {
			losses = nil
			return member(j, "losses", func() error {
				return j.List(func(int) error {
					name, err := j.String()
					losses = append(losses, name)
					return err
				})
			})
		},
	})
	return losses, err
}

// ForwardBackward implements Trainer.
func (r *Remote) ForwardBackward(ctx context.Context, modelID string, req *ForwardBackwardRequest) (*ForwardBackwardResult, error) {
	const op = "forward_backward"
	if err := checkMetrics(op, "loss_fn_config", req.LossFnConfig); err != nil {
		return nil, err
	}
	if !finite(req.RewardScale) {
		return nil, invalid(op, "reward_scale: got %v, want a finite number", req.RewardScale)
	}
	rest := struct { // null members are left out: an older service may not know them
		LossFn       string             `json:"loss_fn"`
		LossFnConfig map[string]float64 `json:"loss_fn_config,omitempty"`
		GroupSize    int                `json:"group_size,omitempty"`
		RewardScale  float64            `json:"reward_scale"`
		NumSubsteps  int                `json:"num_substeps"`
	}{cmp.Or(req.LossFn, LossImportanceSampling), req.LossFnConfig, req.GroupSize, req.RewardScale, cmp.Or(req.NumSubsteps, 1)}
	return r.pass(ctx, op, r.train(modelID, "forward-backward"), inputsBody(req.Inputs, rest))
}

// pass sends what answers with a ForwardBackwardResult.
func (r *Remote) pass(ctx context.Context, op, url string, body func() *httpjson.Stream) (*ForwardBackwardResult, error) {
	res := &ForwardBackwardResult{Metrics: map[string]float64{}, NumDatums: -1}
	err := r.do(ctx, &request{
		op: op, method: http.MethodPost, url: url, policy: never, body: body,
		read: func(j *httpjson.Reader) error {
			err := members(j, map[string]func() error{"metrics": metrics(j, &res.Metrics), "num_datums": whole(j, &res.NumDatums)})
			if err == nil && res.NumDatums < 0 {
				err = lack("num_datums")
			}
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// inputsBody is an object of the inputs, written one at a time, and the
// members of rest.
func inputsBody(inputs []TrainInput, rest any) func() *httpjson.Stream {
	return func() *httpjson.Stream {
		i := -1
		return httpjson.NewStream(func(b []byte) ([]byte, error) {
			i++
			if i == 0 {
				b = append(b, `{"inputs":[`...)
			}
			if i == len(inputs) {
				tail, err := json.Marshal(rest)
				if err != nil {
					return b, err
				}
				tail[0] = ',' // for its brace
				return append(append(b, ']'), tail...), io.EOF
			}
			if i > 0 {
				b = append(b, ',')
			}
			out, err := appendInput(b, inputs[i])
			if err != nil {
				return b, fmt.Errorf("inputs[%d]: %w", i+1, err)
			}
			return out, nil
		})
	}
}

// Forward implements Trainer. The protocol cannot ask for another
// checkpoint's logprobs: such a request is refused.
func (r *Remote) Forward(ctx context.Context, modelID string, req *ForwardRequest) (*ForwardResult, error) {
	const op = "forward"
	if req.Checkpoint != "" {
		return nil, &Error{
			Op: op, Code: CodeValidation, Detail: "a service over HTTP computes no logprobs of another model or checkpoint",
			Hint: "leave out the reference, or use the embedded service",
		}
	}
	if !finite(req.RewardScale) {
		return nil, invalid(op, "reward_scale: got %v, want a finite number", req.RewardScale)
	}
	rest := struct {
		GroupSize   int     `json:"group_size,omitempty"`
		RewardScale float64 `json:"reward_scale"`
	}{req.GroupSize, req.RewardScale}
	var res *ForwardResult
	err := r.do(ctx, &request{
		op: op, method: http.MethodPost, url: r.train(modelID, "forward"), policy: never, body: inputsBody(req.Inputs, rest),
		read: func(j *httpjson.Reader) (err error) {
			res, err = readForward(j, req)
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}

// positions bounds the positions of a batch's inline inputs.
func positions(inputs []TrainInput) (n int) {
	for _, in := range inputs {
		if in.Payload == nil {
			continue
		}
		for i := range in.Payload.Samples {
			s := &in.Payload.Samples[i]
			n += len(s.PromptTokenIDs) + len(s.OutputTokenIDs)
		}
	}
	return n
}

// readForward reads the answer of forward straight into packed slices.
func readForward(r *httpjson.Reader, req *ForwardRequest) (*ForwardResult, error) {
	n := positions(req.Inputs)
	res := &ForwardResult{Data: &Packed{
		Offsets:  []int{0},
		Logprobs: make([]float32, 0, n), SamplingLogprobs: make([]float32, 0, n), Mask: make([]float32, 0, n),
	}}
	p := res.Data
	datum := func(int) error {
		reward, traj, group := math.NaN(), -1, -1
		lists := map[string]*[]float32{"logprobs": &p.Logprobs, "sampling_logprobs": &p.SamplingLogprobs, "mask": &p.Mask}
		readers := map[string]func() error{"reward": number(r, &reward), "traj_idx": whole(r, &traj), "group_idx": whole(r, &group)}
		for name, dst := range lists {
			readers[name] = func() (err error) {
				*dst, err = r.Float32s(*dst)
				return err
			}
		}
		if err := members(r, readers); err != nil {
			return err
		}
		if math.IsNaN(reward) {
			return lack("reward")
		}
		if traj < 0 {
			return lack("traj_idx")
		}
		at := p.Tokens()
		if len(p.Mask) != len(p.Logprobs) || len(p.SamplingLogprobs) != len(p.Logprobs) {
			return &httpjson.Error{Detail: fmt.Sprintf("got %d logprobs, %d sampling_logprobs and %d values of mask, want as many of each",
				len(p.Logprobs)-at, len(p.SamplingLogprobs)-at, len(p.Mask)-at)}
		}
		p.Offsets = append(p.Offsets, len(p.Logprobs))
		p.Reward, p.TrajIdx, p.GroupIdx = append(p.Reward, reward), append(p.TrajIdx, traj), append(p.GroupIdx, group)
		return nil
	}
	met := false
	err := members(r, map[string]func() error{
		"forward_id": text(r, &res.ForwardID),
		"data": func() error {
			met = true
			return r.List(datum)
		},
	})
	switch {
	case err != nil:
		return nil, err
	case res.ForwardID == "":
		return nil, lack("forward_id")
	case !met:
		return nil, lack("data")
	}
	return res, nil
}

// Backward implements Trainer.
func (r *Remote) Backward(ctx context.Context, modelID string, req *BackwardRequest) (*ForwardBackwardResult, error) {
	const op = "backward"
	if err := checkMetrics(op, "metrics", req.Metrics); err != nil {
		return nil, err
	}
	if _, err := checkWeights(op, req.Weights); err != nil {
		return nil, err
	}
	return r.pass(ctx, op, r.train(modelID, "backward"), func() *httpjson.Stream {
		return httpjson.NewStream(weightsBody(req))
	})
}

// weightsRow is how many weights are one piece of a body.
const weightsRow = 4096

// weightsBody writes every member always: metrics too, {} when there are none.
func weightsBody(req *BackwardRequest) func([]byte) ([]byte, error) {
	d, at, begun := 0, 0, false
	return func(b []byte) ([]byte, error) {
		if !begun {
			begun = true
			b = appendString(append(b, `{"forward_id":`...), req.ForwardID)
			b = append(b, `,"weights":[`...)
		}
		if d == len(req.Weights) {
			b = append(b, `],"metrics":{`...)
			for i, name := range slices.Sorted(maps.Keys(req.Metrics)) {
				if i > 0 {
					b = append(b, ',')
				}
				var err error
				if b, err = appendFloat(append(appendString(b, name), ':'), req.Metrics[name]); err != nil {
					return b, fmt.Errorf("metrics: %s: %w", name, err)
				}
			}
			return append(b, "}}"...), io.EOF
		}
		row := req.Weights[d]
		switch {
		case at > 0:
			b = append(b, ',')
		case d > 0:
			b = append(b, ",["...)
		default:
			b = append(b, '[')
		}
		end := min(at+weightsRow, len(row))
		b, err := httpjson.AppendFloat32s(b, row[at:end])
		if err != nil {
			return b, fmt.Errorf("weights: datum %d: %w", d+1, err)
		}
		if at = end; at == len(row) {
			b = append(b, ']')
			d, at = d+1, 0
		}
		return b, nil
	}
}

// OptimStep implements Trainer. State stays with the caller.
func (r *Remote) OptimStep(ctx context.Context, modelID string, req *OptimStepRequest) (*OptimStepResult, error) {
	const op = "optim_step"
	for _, f := range []struct {
		name string
		x    float64
	}{{"learning_rate", req.LearningRate}, {"beta1", req.Beta1}, {"beta2", req.Beta2}, {"eps", req.Eps}, {"weight_decay", req.WeightDecay}} {
		if !finite(f.x) {
			return nil, invalid(op, "%s: got %v, want a finite number", f.name, f.x)
		}
	}
	res := new(OptimStepResult)
	err := r.do(ctx, &request{
		op: op, method: http.MethodPost, url: r.train(modelID, "optim-step"), policy: never, body: object(req),
		read: func(j *httpjson.Reader) error {
			err := members(j, map[string]func() error{
				"step":          whole(j, &res.Step),
				"checkpoint_id": text(j, &res.CheckpointID),
				"sampler_path":  text(j, &res.SamplerPath),
				"state_path":    text(j, &res.StatePath),
				"model":         text(j, &res.Model),
			})
			if err == nil && res.CheckpointID == "" {
				err = lack("checkpoint_id")
			}
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	return res, nil
}
