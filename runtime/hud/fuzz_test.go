package hud

import (
	"testing"

	"github.com/hudrl/hudrl/internal/httpjson"
)

// Whatever a service answers, reading it ends, without a panic, and a batch
// that was taken has the shape of one.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"forward_id":"f","data":[{"reward":1,"traj_idx":0,"group_idx":null,"logprobs":[-1,-2],"sampling_logprobs":[0,-2],"mask":[0,1]}]}`,
		`{"choices":[{"message":{"role":"assistant","content":"x"},"token_ids":[1],"logprobs":{"content":[{"logprob":-1}]}}],"usage":{"prompt_tokens":1}}`,
		`{"id":"c","name":"step-0001","created_at":"2026-01-02T03:04:05Z","metrics":{"a":"1"},"is_active":true,"num_traces":null}`,
		`{"detail":[{"loc":["body",1],"msg":"x"}],"code":"conflict","hint":null}`, `{"detail":{}}`, `<html>`, ``,
	} {
		f.Add([]byte(seed), 409)
	}
	f.Fuzz(func(t *testing.T, text []byte, status int) {
		read := func() *httpjson.Reader { return httpjson.Bytes(text) }
		if res, err := readForward(read(), &ForwardRequest{}); err == nil {
			p := res.Data
			n, count := len(p.Logprobs), len(p.Offsets)-1
			if res.ForwardID == "" || p.Tokens() != n || len(p.SamplingLogprobs) != n || len(p.Mask) != n ||
				len(p.Reward) != count || len(p.TrajIdx) != count || len(p.GroupIdx) != count {
				t.Errorf("%q was taken as %+v", text, p)
			}
		}
		if res, err := readChat(read()); err == nil && len(res.Choices) == 0 {
			t.Errorf("%q was taken as a chat without a choice", text)
		}
		if c, err := readCheckpoint(read()); err == nil && (c.ID == "" || c.Metrics == nil) {
			t.Errorf("%q was taken as the checkpoint %+v", text, c)
		}
		_, _ = readModel(read())
		if e := readAnswer(status, text).failure("op"); e.Code == "" || e.Detail == "" || len(e.Detail) > 2*maxErrorText {
			t.Errorf("%d %q: got %+v, want a code and a detail", status, text, e)
		}
	})
}
