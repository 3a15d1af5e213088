package hud

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// HUD's protocol has no tokenizers and no references. A service of hudrl's has
// them below this path, where HUD's has nothing.
const extensionPath = "/hudrl/v1"

// minDatumsHeader is OptimStepRequest.MinDatums.
const minDatumsHeader = "Hudrl-Min-Datums"

// extended fails unless the service at an origin has an extension.
func (r *Remote) extended(ctx context.Context, op, origin, name, lacks string) error {
	has, err := r.extension(ctx, op, origin, name)
	if err == nil && !has {
		err = &Error{Op: op, Code: CodeValidation, Detail: lacks, Hint: "only services of hudrl's do: the embedded one, or hudrl serve"}
	}
	return err
}

// extension reports whether the service at an origin has an extension. It is
// asked once, and before anything is sent that would be in vain.
func (r *Remote) extension(ctx context.Context, op, origin, name string) (bool, error) {
	r.mu.Lock()
	known, asked := r.extensions[origin]
	r.mu.Unlock()
	if !asked {
		err := r.do(ctx, &request{
			op: op, method: http.MethodGet, url: origin + extensionPath, policy: patiently,
			read: func(j *httpjson.Reader) error {
				known = nil
				return member(j, "extensions", func() error {
					return j.List(func(int) error {
						one, err := j.String()
						known = append(known, one)
						return err
					})
				})
			},
		})
		if err != nil && !unheardOf(err) {
			return false, err
		}
		r.mu.Lock()
		r.extensions[origin] = known
		r.mu.Unlock()
	}
	return slices.Contains(known, name), nil
}

// unheardOf reports whether a service answered as one does that knows no
// extensions: without such a path, or with something else there.
func unheardOf(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case CodeNotFound, CodeValidation:
		return e.Status != 0
	case CodeServer: // a page for people, or a redirect to one
		return e.Status < 400 && e.Err == nil
	}
	return false
}

// Tokenizer implements TokenizerSource, where the service is one of hudrl's.
// A tokenizer is asked for once.
func (r *Remote) Tokenizer(ctx context.Context, model string) (Tokenizer, error) {
	const op = "tokenizer"
	r.mu.Lock()
	tok := r.tokenizers[model]
	r.mu.Unlock()
	if tok != nil {
		return tok, nil
	}
	if err := r.extended(ctx, op, r.config.APIURL, "tokenizer", "the service hands out no tokenizers"); err != nil {
		return nil, err
	}
	var d TokenizerDefinition
	err := r.do(ctx, &request{
		op: op, method: http.MethodGet, url: r.config.APIURL + extensionPath + "/tokenizer?model=" + pythonQuote(model), policy: patiently,
		read: func(j *httpjson.Reader) (err error) {
			d, err = readDefinition(j)
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	if tok, err = d.Tokenizer(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tokenizers[model] = tok
	return tok, nil
}

func readDefinition(r *httpjson.Reader) (d TokenizerDefinition, err error) {
	d.Roles = map[string]int{}
	err = members(r, map[string]func() error{
		"kind": text(r, &d.Kind), "vocab": whole(r, &d.Vocab), "bos": whole(r, &d.BOS), "end": whole(r, &d.End),
		"roles": func() error {
			return r.Object(func(role string) error {
				id := 0
				err := whole(r, &id)()
				d.Roles[role] = id
				return err
			})
		},
	})
	return d, err
}

// reference is Forward under another model or checkpoint. It changes nothing,
// so that it is tried again as what is read is.
func (r *Remote) reference(ctx context.Context, op, modelID string, req *ForwardRequest) (*ForwardResult, error) {
	if err := r.extended(ctx, op, r.config.RLURL, "reference", "the service computes no logprobs of another model or checkpoint"); err != nil {
		return nil, err
	}
	rest := struct {
		Checkpoint  string  `json:"checkpoint"`
		GroupSize   int     `json:"group_size,omitempty"`
		RewardScale float64 `json:"reward_scale"`
	}{req.Checkpoint, req.GroupSize, req.RewardScale}
	var res *ForwardResult
	err := r.do(ctx, &request{
		op: op, method: http.MethodPost, policy: patiently, body: inputsBody(req.Inputs, rest),
		url: r.config.RLURL + extensionPath + "/models/" + url.PathEscape(modelID) + "/train/reference",
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
