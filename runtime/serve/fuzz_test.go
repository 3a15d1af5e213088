package serve_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/serve"
)

// requests seeds a fuzz target with good and wrong requests.
func requests(f *testing.F) {
	for _, e := range endpoints {
		f.Add(e.method, e.path, e.good)
		f.Add(e.method, e.path, e.good[:len(e.good)-1])
	}
	for _, tt := range wrong {
		f.Add(tt.method, tt.path, tt.body)
	}
	for _, path := range []string{both, forward, back, step, chat, "/v2/models/fork", "/v2/trace/abc/exit", "/v2/trace/abc/enter", "/v2/trace/job/abc/enter"} {
		f.Add("POST", path, `{"inputs":["abc"],"status":"completed","reward":1,"job_id":"abc"}`)
	}
	f.Add("POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"max_tokens":3,"prompt_token_ids":[1],"continuation_from":1}`)
	f.Add("POST", chat, `{"model":"tiny","messages":[{"role":"user","content":"x"}],"max_tokens":3,"stream":true,"n":2,"stream_options":{"include_usage":true},"tools":[],"logit_bias":{}}`)
	f.Add("POST", "/trace/abc/telemetry-upload", `{"telemetry":[{"attributes":{"hud.schema":"hud.step.v1","hud.payload":{"source":"agent","sample":{"prompt_token_ids":[1],"output_token_ids":[2],"output_logprobs":[-1]}}}}]}`)
	f.Add("GET", "/v1/models/fake%2Fbigram", "")
	f.Add("GET", "/v2/models/resolve?model=%00", "")
	f.Add("GET", "/metrics", "")
}

// answers holds a handler to its promise: whatever is sent, the answer has a
// status and is what it says it is, and nothing fails inside.
func answers(t *testing.T, h http.Handler, method, path, body string) {
	r, err := http.NewRequest(method, "http://x"+path, strings.NewReader(body))
	if err != nil || len(body) > 10000 {
		return
	}
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	kind := w.Header().Get("Content-Type") // of streams and metrics it is text
	if kind == "application/json" && !json.Valid(w.Body.Bytes()) || kind == "" || w.Code < 200 || w.Code >= 300 && w.Code < 400 || w.Code >= 500 {
		t.Errorf("%s %q %q: got %d %q", method, path, body, w.Code, w.Body)
	}
}

func FuzzHandler(f *testing.F) {
	requests(f)
	d := newDesk(f, serve.Options{})
	f.Fuzz(func(t *testing.T, method, path, body string) {
		answers(t, d, method, strings.ReplaceAll(path, "MODEL", d.model), strings.ReplaceAll(body, `"tiny"`, `"fake/bigram"`))
	})
}

// FuzzEmbedded sends the same to the embedded service. Forks, which would fill
// its directory, are FuzzHandler's.
func FuzzEmbedded(f *testing.F) {
	requests(f)
	svc := open(f)
	m, err := svc.Resolve(f.Context(), "tiny")
	if err != nil {
		f.Fatal(err)
	}
	h := serve.Handler(svc, serve.Options{})
	pass := func() string { // a new one each time: it is good for once
		r := httptest.NewRequest("POST", strings.ReplaceAll(forward, "MODEL", m.ID), strings.NewReader(`{"inputs":`+work+`}`))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var res struct {
			ForwardID string `json:"forward_id"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &res); err != nil {
			f.Fatal(err)
		}
		return res.ForwardID
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if strings.Contains(path, "fork") {
			return
		}
		if strings.Contains(body, "PASS") {
			body = strings.ReplaceAll(body, "PASS", pass())
		}
		answers(t, h, method, strings.ReplaceAll(path, "MODEL", m.ID), body)
	})
}
