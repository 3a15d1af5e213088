package serve

import (
	"net/http"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

// What HUD's protocol cannot ask is below /hudrl/v1, where HUD has nothing.

// extensions says what there is, so that a client can find out before it sends
// a batch to a service that knows none of it.
func (h *handler) extensions(w http.ResponseWriter, _ *http.Request) error {
	known := []string{"min_datums", "reference", "stream"}
	if _, ok := h.svc.(hud.TokenizerSource); ok {
		known = append(known, "tokenizer")
	}
	return answer(w, http.StatusOK, map[string][]string{"extensions": known})
}

// tokenizer answers with a tokenizer's definition: of the model that is named,
// or of the service's only one.
func (h *handler) tokenizer(w http.ResponseWriter, r *http.Request) error {
	source, ok := h.svc.(hud.TokenizerSource)
	if !ok {
		return noTokenizer("this service hands out no tokenizers")
	}
	tok, err := source.Tokenizer(r.Context(), r.URL.Query().Get("model"))
	if err != nil {
		return err
	}
	defined, ok := tok.(hud.DefinedTokenizer)
	if !ok {
		return noTokenizer("this tokenizer cannot be sent: it has no definition")
	}
	return answer(w, http.StatusOK, defined.Definition())
}

func noTokenizer(why string) error {
	return &hud.Error{Op: "tokenizer", Code: hud.CodeValidation, Status: http.StatusNotFound, Detail: why}
}

// reference is forward under another model or checkpoint.
func (h *handler) reference(w http.ResponseWriter, r *http.Request) error {
	return h.score(w, r, func(j *httpjson.Reader, req *hud.ForwardRequest) []httpjson.Field {
		return []httpjson.Field{{Name: "checkpoint", Required: true, Read: func() (err error) {
			if req.Checkpoint, err = j.String(); err == nil && req.Checkpoint == "" {
				err = &httpjson.Error{Detail: "got an empty name"}
			}
			return err
		}}}
	})
}
