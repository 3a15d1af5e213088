package serve

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// metrics leaves out what JSON cannot carry.
func (h *handler) metrics(m map[string]float64) map[string]float64 {
	out := make(map[string]float64, len(m))
	for name, v := range m {
		if p := h.number(name, &v); p != nil {
			out[name] = v
		}
	}
	return out
}

// number is p, or nil when JSON cannot carry it.
func (h *handler) number(name string, p *float64) *float64 {
	if p != nil && !finite(*p) {
		h.opts.Logger.Warn("a metric that is no finite number was left out", "name", name, "value", *p)
		return nil
	}
	return p
}

func (h *handler) losses(w http.ResponseWriter, r *http.Request) error {
	losses, err := h.svc.Losses(r.Context(), r.PathValue("model"))
	if err != nil {
		return err
	}
	if losses == nil {
		losses = []string{}
	}
	return answer(w, http.StatusOK, map[string][]string{"losses": losses})
}

// inputs reads the inputs of a pass, one at a time.
func inputs(j *httpjson.Reader, dst *[]hud.TrainInput) httpjson.Field {
	return httpjson.Field{Name: "inputs", Required: true, Read: func() error {
		return j.List(func(int) error {
			text, err := j.Raw()
			if err != nil {
				return err
			}
			var in hud.TrainInput
			if err := in.UnmarshalJSON(text); err != nil {
				var broken *httpjson.Error
				if errors.As(err, &broken) {
					return broken
				}
				return &httpjson.Error{Detail: err.Error()}
			}
			*dst = append(*dst, in)
			return nil
		})
	}}
}

// atLeastOne reads a whole number that has no zero.
func atLeastOne(j *httpjson.Reader, dst *int) func() error {
	return func() error {
		n, err := j.Int()
		if err == nil && n < 1 {
			err = &httpjson.Error{Detail: fmt.Sprintf("got %d, want at least 1", n)}
		}
		*dst = n
		return err
	}
}

// numbers reads numbers by name.
func numbers(j *httpjson.Reader, dst *map[string]float64) func() error {
	return func() error {
		*dst = map[string]float64{}
		return j.Object(func(name string) error {
			v, err := j.Float()
			(*dst)[name] = v
			return err
		})
	}
}

func (h *handler) forwardBackward(w http.ResponseWriter, r *http.Request) error {
	const op = "forward_backward"
	req := &hud.ForwardBackwardRequest{LossFn: hud.LossImportanceSampling, RewardScale: 1, NumSubsteps: 1}
	err := body(r, op, func(j *httpjson.Reader) error {
		return j.Fields(
			inputs(j, &req.Inputs),
			httpjson.Field{Name: "loss_fn", Read: func() (err error) {
				if req.LossFn, err = j.String(); err == nil && req.LossFn == "" {
					err = &httpjson.Error{Detail: "got an empty name"}
				}
				return err
			}},
			httpjson.Field{Name: "loss_fn_config", Read: numbers(j, &req.LossFnConfig)},
			httpjson.Field{Name: "group_size", Read: atLeastOne(j, &req.GroupSize)},
			httpjson.Field{Name: "reward_scale", Read: httpjson.Into(&req.RewardScale, j.Float)},
			httpjson.Field{Name: "num_substeps", Read: atLeastOne(j, &req.NumSubsteps)},
		)
	})
	if err != nil {
		return err
	}
	res, err := h.svc.ForwardBackward(lasting(r), r.PathValue("model"), req)
	return h.pass(w, op, res, err)
}

// pass answers with exactly the protocol's two members.
func (h *handler) pass(w http.ResponseWriter, op string, res *hud.ForwardBackwardResult, err error) error {
	if err != nil {
		return err
	}
	h.meter.pass(op, res.NumDatums)
	return answer(w, http.StatusOK, struct {
		Metrics   map[string]float64 `json:"metrics"`
		NumDatums int                `json:"num_datums"`
	}{h.metrics(res.Metrics), res.NumDatums})
}

func (h *handler) forward(w http.ResponseWriter, r *http.Request) error {
	return h.score(w, r, func(*httpjson.Reader, *hud.ForwardRequest) []httpjson.Field { return nil })
}

// score answers with a forward pass. more are the fields of a request that it
// has beside the protocol's.
func (h *handler) score(w http.ResponseWriter, r *http.Request, more func(*httpjson.Reader, *hud.ForwardRequest) []httpjson.Field) error {
	const op = "forward"
	req := &hud.ForwardRequest{RewardScale: 1}
	err := body(r, op, func(j *httpjson.Reader) error {
		return j.Fields(append([]httpjson.Field{
			inputs(j, &req.Inputs),
			{Name: "group_size", Read: atLeastOne(j, &req.GroupSize)},
			{Name: "reward_scale", Read: httpjson.Into(&req.RewardScale, j.Float)},
		}, more(j, req)...)...)
	})
	if err != nil {
		return err
	}
	res, err := h.svc.Forward(lasting(r), r.PathValue("model"), req)
	if err != nil {
		return err
	}
	p := res.Data
	h.meter.pass(op, p.Len())
	for _, list := range [][]float32{p.Logprobs, p.SamplingLogprobs, p.Mask} {
		if i := httpjson.NotFinite(list); i >= 0 {
			return fmt.Errorf("forward: position %d is %v", i+1, list[i])
		}
	}
	for d, reward := range p.Reward {
		if !finite(reward) {
			return fmt.Errorf("forward: the reward of datum %d is %v", d+1, reward)
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = httpjson.NewStream(datums(res)).WriteTo(w) // a client that has gone reads no answer
	return nil
}

// datums writes a forward pass, a datum at a time.
func datums(res *hud.ForwardResult) func([]byte) ([]byte, error) {
	p, d := res.Data, -1
	return func(b []byte) ([]byte, error) {
		if d++; d == 0 {
			b = append(b, '{')
			if res.ForwardID != "" { // a reference has none
				b = append(strconv.AppendQuoteToASCII(append(b, `"forward_id":`...), res.ForwardID), ',')
			}
			b = append(b, `"data":[`...)
		}
		if d == p.Len() {
			return append(b, "]}\n"...), io.EOF
		}
		if d > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"reward":`...)
		b = strconv.AppendFloat(b, p.Reward[d], 'g', -1, 64)
		b = fmt.Appendf(b, `,"traj_idx":%d,"group_idx":`, p.TrajIdx[d])
		if p.GroupIdx[d] < 0 {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendInt(b, int64(p.GroupIdx[d]), 10)
		}
		lo, hi := p.Range(d)
		for _, list := range []struct {
			name   string
			values []float32
		}{{"logprobs", p.Logprobs}, {"sampling_logprobs", p.SamplingLogprobs}, {"mask", p.Mask}} {
			b = append(append(append(b, `,"`...), list.name...), `":[`...)
			var err error
			if b, err = httpjson.AppendFloat32s(b, list.values[lo:hi]); err != nil {
				return b, err
			}
			b = append(b, ']')
		}
		return append(b, '}'), nil
	}
}

func (h *handler) backward(w http.ResponseWriter, r *http.Request) error {
	const op = "backward"
	req := &hud.BackwardRequest{Metrics: map[string]float64{}}
	err := body(r, op, func(j *httpjson.Reader) error {
		return j.Fields(
			httpjson.Field{Name: "forward_id", Required: true, Read: httpjson.Into(&req.ForwardID, j.String)},
			httpjson.Field{Name: "weights", Required: true, Read: func() error {
				return j.List(func(int) error {
					row, err := j.Float32s(nil)
					req.Weights = append(req.Weights, row)
					return err
				})
			}},
			httpjson.Field{Name: "metrics", Read: numbers(j, &req.Metrics)},
		)
	})
	if err != nil {
		return err
	}
	res, err := h.svc.Backward(lasting(r), r.PathValue("model"), req)
	return h.pass(w, op, res, err)
}

func (h *handler) optimStep(w http.ResponseWriter, r *http.Request) error {
	const op = "optim_step"
	req := &hud.OptimStepRequest{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8}
	err := body(r, op, func(j *httpjson.Reader) error {
		return j.Fields(
			httpjson.Field{Name: "learning_rate", Required: true, Read: httpjson.Into(&req.LearningRate, j.Float)},
			httpjson.Field{Name: "beta1", Read: httpjson.Into(&req.Beta1, j.Float)},
			httpjson.Field{Name: "beta2", Read: httpjson.Into(&req.Beta2, j.Float)},
			httpjson.Field{Name: "eps", Read: httpjson.Into(&req.Eps, j.Float)},
			httpjson.Field{Name: "weight_decay", Read: httpjson.Into(&req.WeightDecay, j.Float)},
		)
	})
	if err != nil {
		return err
	}
	if text := r.Header.Get("Hudrl-Min-Datums"); text != "" {
		if req.MinDatums, err = strconv.Atoi(text); err != nil || req.MinDatums < 0 {
			return refuse(op, http.StatusUnprocessableEntity, "Hudrl-Min-Datums: got %q, want a whole number of 0 or more", text)
		}
	}
	res, err := h.svc.OptimStep(lasting(r), r.PathValue("model"), req)
	if err != nil {
		return err
	}
	h.meter.step()
	return answer(w, http.StatusOK, res)
}
