package serve

import (
	"context"
	"strings"
	"time"

	"github.com/hudrl/hudrl/internal/httpjson"
	"github.com/hudrl/hudrl/runtime/hud"
)

// completion is a chat's answer in one piece.
type completion struct {
	ID           string             `json:"id"`
	Object       string             `json:"object"`
	Created      int64              `json:"created"`
	Model        string             `json:"model"`
	Choices      []completionChoice `json:"choices"`
	Usage        usage              `json:"usage"`
	CheckpointID string             `json:"checkpoint_id"` // hudrl's own; "" for base weights
}

type usage struct {
	hud.Usage
	TotalTokens int `json:"total_tokens"`
}

func usageOf(u hud.Usage) usage { return usage{u, u.PromptTokens + u.CompletionTokens} }

type completionChoice struct {
	Index        int           `json:"index"`
	Message      hud.Message   `json:"message"`
	FinishReason string        `json:"finish_reason"`
	Logprobs     *logprobsJSON `json:"logprobs"`
	captured
}

// captured are the tokens of a choice, for whoever trains on them.
type captured struct {
	PromptTokenIDs []int `json:"prompt_token_ids,omitempty"`
	TokenIDs       []int `json:"token_ids,omitempty"`
}

type logprobsJSON struct {
	Content []tokenLogprob `json:"content"`
}

// tokenLogprob is an entry of OpenAI's shape. A token need not be text: half
// of a character is U+FFFD, and Bytes has what it is. Both are empty for a
// marker and where the service does not tell its tokens' texts.
type tokenLogprob struct {
	Token       string     `json:"token"`
	Logprob     exact      `json:"logprob"`
	Bytes       []int      `json:"bytes"`
	TopLogprobs []struct{} `json:"top_logprobs"`
}

// exact is a number from whose text the same float32 is read, also by way of
// float64.
type exact float32

func (f exact) MarshalJSON() ([]byte, error) {
	return httpjson.AppendFloat32s(nil, []float32{float32(f)})
}

// completions writes answers to one request.
type completions struct {
	created  int64
	ids      bool // the client asked for tokens
	logprobs bool
	texts    hud.Tokenizer // nil where there is none
}

// completions prepares the answers to req. To give the texts of tokens it asks
// the service for their ids, which are not told unless the client asked.
func (h *handler) completions(ctx context.Context, req *chatRequest) *completions {
	c := &completions{created: time.Now().Unix(), ids: req.ReturnTokenIDs, logprobs: req.Logprobs || req.ReturnTokenIDs}
	if source, ok := h.svc.(hud.TokenizerSource); ok && c.logprobs {
		if texts, err := source.Tokenizer(ctx, req.Model); err == nil { // else Chat says why
			c.texts, req.ReturnTokenIDs = texts, true
		}
	}
	return c
}

// logprobsOf are those of a choice, nil when nobody asked for them.
func (c *completions) logprobsOf(choice *hud.Choice) *logprobsJSON {
	if !c.logprobs {
		return nil
	}
	out := &logprobsJSON{Content: make([]tokenLogprob, len(choice.Logprobs))}
	for i, lp := range choice.Logprobs {
		entry := &out.Content[i]
		entry.Logprob, entry.TopLogprobs = exact(lp), []struct{}{}
		if c.texts == nil || i >= len(choice.TokenIDs) {
			continue
		}
		text := c.texts.Decode(choice.TokenIDs[i : i+1])
		entry.Token, entry.Bytes = strings.ToValidUTF8(text, "\uFFFD"), make([]int, len(text))
		for k := range len(text) {
			entry.Bytes[k] = int(text[k])
		}
	}
	return out
}

func (c *completions) captured(choice *hud.Choice) captured {
	if !c.ids {
		return captured{}
	}
	return captured{choice.PromptTokenIDs, choice.TokenIDs}
}

func (c *completions) whole(res *hud.ChatResponse) completion {
	out := completion{
		ID: res.ID, Object: "chat.completion", Created: c.created, Model: res.Model, CheckpointID: res.CheckpointID,
		Choices: make([]completionChoice, len(res.Choices)), Usage: usageOf(res.Usage),
	}
	for i := range res.Choices {
		choice := &res.Choices[i]
		out.Choices[i] = completionChoice{i, choice.Message, choice.FinishReason, c.logprobsOf(choice), c.captured(choice)}
	}
	return out
}
