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
	Message      messageJSON   `json:"message"`
	FinishReason string        `json:"finish_reason"`
	Logprobs     *logprobsJSON `json:"logprobs"`
	captured
}

// messageJSON is a message whose content is null where tool calls are all that
// it has.
type messageJSON struct {
	Role      string         `json:"role"`
	Content   *string        `json:"content"`
	ToolCalls []hud.ToolCall `json:"tool_calls,omitempty"`
}

func messageOf(m *hud.Message) messageJSON {
	out := messageJSON{Role: m.Role, Content: &m.Content, ToolCalls: m.ToolCalls}
	if m.Content == "" && len(m.ToolCalls) > 0 {
		out.Content = nil
	}
	return out
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
	tokenJSON
	TopLogprobs []topLogprob `json:"top_logprobs"`
}

type tokenJSON struct {
	Token   string `json:"token"`
	Logprob exact  `json:"logprob"`
	Bytes   []int  `json:"bytes"`
}

type topLogprob struct {
	tokenJSON
	TokenID int `json:"token_id"` // hudrl's own; -1 where the service does not say
}

// tokenOf writes a token of which text is known, or nothing.
func tokenOf(text string, logprob float32) tokenJSON {
	t := tokenJSON{Token: strings.ToValidUTF8(text, "\uFFFD"), Logprob: exact(logprob), Bytes: make([]int, len(text))}
	for k := range len(text) {
		t.Bytes[k] = int(text[k])
	}
	return t
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
	c := &completions{created: time.Now().Unix(), ids: req.ReturnTokenIDs, logprobs: req.Logprobs || req.ReturnTokenIDs || req.TopLogprobs > 0}
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
		entry.tokenJSON = tokenJSON{Logprob: exact(lp)}
		if c.texts != nil && i < len(choice.TokenIDs) {
			entry.tokenJSON = tokenOf(c.texts.Decode(choice.TokenIDs[i:i+1]), lp)
		}
		entry.TopLogprobs = []topLogprob{}
		if i < len(choice.TopLogprobs) {
			for _, t := range choice.TopLogprobs[i] {
				entry.TopLogprobs = append(entry.TopLogprobs, topLogprob{tokenOf(t.Token, t.Logprob), t.TokenID})
			}
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
		out.Choices[i] = completionChoice{i, messageOf(&choice.Message), choice.FinishReason, c.logprobsOf(choice), c.captured(choice)}
	}
	return out
}
