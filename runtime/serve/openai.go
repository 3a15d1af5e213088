package serve

import (
	"cmp"
	"net/http"

	"github.com/hudrl/hudrl/runtime/hud"
)

// openAIModel is a model as OpenAI's clients list it. When it was made is not
// known.
type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func openAIModelOf(m hud.Model) openAIModel {
	return openAIModel{ID: cmp.Or(m.ModelName, m.ID), Object: "model", OwnedBy: cmp.Or(m.Provider.Name, "hudrl")}
}

func (h *handler) openAIModels(w http.ResponseWriter, r *http.Request) error {
	models, err := h.svc.Models(r.Context())
	if err != nil {
		return err
	}
	data := make([]openAIModel, len(models))
	for i, m := range models {
		data[i] = openAIModelOf(m)
	}
	return answer(w, http.StatusOK, struct {
		Object string        `json:"object"`
		Data   []openAIModel `json:"data"`
	}{"list", data})
}

func (h *handler) openAIModel(w http.ResponseWriter, r *http.Request) error {
	m, err := h.svc.Resolve(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, openAIModelOf(m))
}

// openAIError is an error as OpenAI's clients read it.
type openAIError struct {
	Message string   `json:"message"`
	Type    string   `json:"type"`
	Code    hud.Code `json:"code"`
}

func openAIErrorOf(e *hud.Error) *openAIError {
	out := &openAIError{Message: e.Detail, Type: "invalid_request_error", Code: e.Code}
	if e.Hint != "" {
		out.Message += " (" + e.Hint + ")"
	}
	switch e.Code {
	case hud.CodeServer, hud.CodeTimeout, hud.CodeNetwork:
		out.Type = "server_error"
	}
	return out
}
