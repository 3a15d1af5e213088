package hud_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

// A gateway answers each chat with the next of its answers, and knows how to
// stream or does not.
type gateway struct {
	extensions string
	answers    []func(http.ResponseWriter)
	asked      []string
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		io.WriteString(w, g.extensions)
		return
	}
	body, _ := io.ReadAll(r.Body)
	g.asked = append(g.asked, string(body))
	answer := g.answers[0]
	if len(g.answers) > 1 {
		g.answers = g.answers[1:]
	}
	answer(w)
}

// events streams, flushing each piece; the last may be "cut".
func events(pieces ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for _, p := range pieces {
			control := http.NewResponseController(w)
			if p == "cut" {
				control.Flush()
				if conn, _, err := control.Hijack(); err == nil {
					conn.Close()
				}
				return
			}
			fmt.Fprintf(w, "data: %s\n\n", p)
			control.Flush()
		}
	}
}

func says(status int, text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

const (
	canStream = `{"extensions":["stream"]}`
	whole     = `{"id":"x","choices":[{"message":{"content":"in one piece"},"finish_reason":"stop"}]}`
	ending    = `{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"length","prompt_token_ids":[1],"token_ids":[72,105],"logprobs":{"content":[{"logprob":-0.1},{"logprob":-2}]}}],"checkpoint_id":"k"}`
)

func piece(index int, text string) string {
	return fmt.Sprintf(`{"id":"c","choices":[{"index":%d,"delta":{"content":%q}}],"usage":null}`, index, text)
}

func TestStreamedChats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		extensions string // canStream if ""
		answers    []func(http.ResponseWriter)
		told       []string // pieces that the caller is given
		content    []string // of the choices
		seen       int
		code       hud.Code
		detail     string
	}{
		{name: "in pieces", answers: []func(http.ResponseWriter){events(piece(0, ""), piece(0, "H"), piece(1, "other"), piece(0, "i"), ending, `{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}`, "[DONE]")},
			told: []string{"H", "i"}, content: []string{"Hi", "other"}, seen: 1},
		{name: "a service that answers in one piece", answers: []func(http.ResponseWriter){says(200, whole)}, told: []string{"in one piece"}, content: []string{"in one piece"}, seen: 1},
		{name: "a service that cannot", extensions: `{"extensions":[]}`, answers: []func(http.ResponseWriter){says(200, whole)}, told: []string{"in one piece"}, content: []string{"in one piece"}, seen: 1},
		{name: "a page for people", extensions: `<html>`, answers: []func(http.ResponseWriter){says(200, whole)}, told: []string{"in one piece"}, content: []string{"in one piece"}, seen: 1},
		{name: "cut before anything was told", answers: []func(http.ResponseWriter){events(piece(0, ""), "cut"), events(piece(0, "H"), ending, "[DONE]")}, told: []string{"H"}, content: []string{"H"}, seen: 2},
		{name: "busy at first", answers: []func(http.ResponseWriter){says(503, ""), events(piece(0, "H"), ending, "[DONE]")}, told: []string{"H"}, content: []string{"H"}, seen: 2},
		{name: "cut afterwards", answers: []func(http.ResponseWriter){events(piece(0, "H"), "cut")}, told: []string{"H"}, seen: 1, code: hud.CodeNetwork, detail: "unexpected EOF"},
		{name: "no end", answers: []func(http.ResponseWriter){events(piece(0, "H"), ending)}, told: []string{"H"}, seen: 1, code: hud.CodeNetwork, detail: "unexpected EOF"},
		{name: "an error on the way", answers: []func(http.ResponseWriter){events(piece(0, "H"), `{"error":{"message":"out of memory near `+testKey+`","code":"limit"}}`)}, told: []string{"H"}, seen: 1, code: hud.CodeLimit, detail: "out of memory near [secret]"},
		{name: "an error of no known kind", answers: []func(http.ResponseWriter){events(`{"error":{"message":"no","code":17}}`)}, seen: 1, code: hud.CodeServer, detail: "no"},
		{name: "garbage", answers: []func(http.ResponseWriter){events(piece(0, "H"), "<html>")}, told: []string{"H"}, seen: 1, code: hud.CodeServer, detail: "not what it should be"},
		{name: "a choice out of the blue", answers: []func(http.ResponseWriter){events(piece(7, "H"))}, seen: 1, code: hud.CodeServer, detail: "index: got 7 after 0 choices"},
		{name: "no choice", answers: []func(http.ResponseWriter){events("[DONE]")}, seen: 1, code: hud.CodeServer, detail: "choices: got none"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := &gateway{extensions: c.extensions, answers: c.answers}
				if g.extensions == "" {
					g.extensions = canStream
				}
				server := hudtest.NewServer(t, g)
				remote, err := hud.Dial(hud.Config{
					Settings:    hud.Settings{APIKey: testKey, APIURL: server.URL, RLURL: server.URL, GatewayURL: server.URL},
					DialContext: server.DialContext,
				})
				if err != nil {
					t.Fatal(err)
				}
				defer remote.Close()
				var told []string
				res, err := remote.Chat(t.Context(), &hud.ChatRequest{
					Model: "m", Messages: []hud.Message{{Role: "user", Content: "hi"}}, ReturnTokenIDs: true,
					Stream: func(text string) { told = append(told, text) },
				})
				if !slices.Equal(told, c.told) || len(g.asked) != c.seen {
					t.Errorf("told %q in %d calls, want %q in %d", told, len(g.asked), c.told, c.seen)
				}
				if streams := strings.Contains(g.asked[0], `"stream":true,"stream_options":{"include_usage":true}`); streams != (g.extensions == canStream) {
					t.Errorf("asked %s", g.asked[0])
				}
				if c.code != "" {
					var e *hud.Error
					if !errors.As(err, &e) || e.Code != c.code || !strings.Contains(e.Detail, c.detail) || e.Op != "chat" {
						t.Errorf("got %+v, want code %s: %s", err, c.code, c.detail)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				var content []string
				for _, choice := range res.Choices {
					content = append(content, choice.Message.Content)
				}
				if !slices.Equal(content, c.content) {
					t.Errorf("got %q, want %q", content, c.content)
				}
				if first := res.Choices[0]; c.name == "in pieces" && (!slices.Equal(first.TokenIDs, []int{72, 105}) || !slices.Equal(first.PromptTokenIDs, []int{1}) ||
					!slices.Equal(first.Logprobs, []float32{-0.1, -2}) || first.FinishReason != "length" || first.Message.Role != "assistant" ||
					res.CheckpointID != "k" || res.ID != "c" || res.Model != "m" || res.Usage != (hud.Usage{PromptTokens: 1, CompletionTokens: 2})) {
					t.Errorf("got %+v", res)
				}
			})
		})
	}
}
