package hud

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

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

// Forward implements Trainer. HUD's protocol cannot ask for another
// checkpoint's logprobs: only services of hudrl's are asked.
func (r *Remote) Forward(ctx context.Context, modelID string, req *ForwardRequest) (*ForwardResult, error) {
	const op = "forward"
	if !finite(req.RewardScale) {
		return nil, invalid(op, "reward_scale: got %v, want a finite number", req.RewardScale)
	}
	if req.Checkpoint != "" {
		return r.reference(ctx, op, modelID, req)
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
	header := http.Header{}
	if req.MinDatums > 0 {
		// A step is not for want of an answer to this: it is a further check.
		if known, _ := r.extension(ctx, op, r.config.RLURL, "min_datums"); known {
			header.Set(minDatumsHeader, strconv.Itoa(req.MinDatums))
		}
	}
	res := new(OptimStepResult)
	err := r.do(ctx, &request{
		op: op, method: http.MethodPost, url: r.train(modelID, "optim-step"), policy: never, body: object(req), header: header,
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
