package hud

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/bindings/luax"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/hud"
)

// chat is hud.chat: one request to the gateway. Without a seed the request
// takes one from the task's random stream.
func (l *library) chat(L *lua.LState) int {
	a := luax.Read(L, "chat")
	o := a.AsOptions(a.Table("request"), "model", "messages", "max_tokens", "temperature", "top_p", "top_k", "min_p", "stop",
		"seed", "n", "logprobs_mode", "return_token_ids", "prompt_token_ids", "continuation_from", "checkpoint", "trace_id",
		"tools", "tool_choice", "parallel_tool_calls", "top_logprobs")
	a.End()
	req := &hud.ChatRequest{
		Model:            o.NeedString("model"),
		Messages:         l.messages(&a, "messages", a.AsTable("messages", o.Value("messages"))),
		MaxTokens:        positive(&a, &o, "max_tokens"),
		Temperature:      optNumber(&o, "temperature"),
		TopP:             optNumber(&o, "top_p"),
		TopK:             o.Int("top_k", 0),
		MinP:             o.Number("min_p", 0),
		Stop:             stops(&a, o.Value("stop")),
		Seed:             seed(&a, &o),
		N:                positive(&a, &o, "n"),
		LogprobsMode:     o.OneOf("logprobs_mode", "", "raw", "processed"),
		ContinuationFrom: o.Int("continuation_from", 0),
		Checkpoint:       o.String("checkpoint", ""),
		TraceID:          o.String("trace_id", ""),
		Tools:            described(l.tools(&a, o.Table("tools"))),
		ToolChoice:       hud.ToolChoice(o.String("tool_choice", "")),
		TopLogprobs:      positive(&a, &o, "top_logprobs"),
	}
	if o.Has("parallel_tool_calls") {
		req.ParallelToolCalls = new(o.Bool("parallel_tool_calls", true))
	}
	if o.Bool("return_token_ids", true) {
		req.ReturnTokenIDs, req.Logprobs = true, true
	}
	if t := o.Table("prompt_token_ids"); t != nil {
		req.PromptTokenIDs = luax.Numbers[int](&a, "prompt_token_ids", t)
	}
	if req.Seed == nil {
		req.Seed = new(l.vm.Rand(L).Uint64())
	}
	res, err := l.svc.Chat(callContext(l.vm, L), req)
	l.check(L, err)
	if len(res.Choices) == 0 {
		l.vm.Raise(L, &hud.Error{Op: "chat", Code: hud.CodeServer, Detail: "the service answered without a choice"})
	}
	choices := l.vm.NewTable(len(res.Choices), 0)
	for i := range res.Choices {
		choices.RawSetInt(i+1, l.choiceTable(req, res, &res.Choices[i]))
	}
	t := l.choiceTable(req, res, &res.Choices[0])
	t.RawSetString("choices", choices)
	t.RawSetString("usage", l.usageTable(res.Usage))
	t.RawSetString("model", lua.LString(res.Model))
	L.Push(luax.Record(l.vm, "reply", t, replyText))
	return 1
}

// choiceTable is one completion; its sample can be trained on.
func (l *library) choiceTable(req *hud.ChatRequest, res *hud.ChatResponse, c *hud.Choice) *lua.LTable {
	t := l.vm.NewTable(0, 6)
	t.RawSetString("text", lua.LString(c.Message.Content))
	t.RawSetString("message", l.messageTable(c.Message))
	t.RawSetString("finish_reason", lua.LString(c.FinishReason))
	if len(c.Message.ToolCalls) > 0 {
		t.RawSetString("tool_calls", l.toolCallList(c.Message.ToolCalls))
	}
	if c.TopLogprobs != nil {
		t.RawSetString("top_logprobs", l.likeliest(c.TopLogprobs))
	}
	if len(c.TokenIDs) > 0 && len(c.PromptTokenIDs) > 0 {
		info := &hud.SamplingInfo{
			Temperature: 1, TopP: 1, TopK: req.TopK, MinP: req.MinP,
			FinishReason: c.FinishReason, CheckpointID: res.CheckpointID,
		}
		if req.Temperature != nil {
			info.Temperature = *req.Temperature
		}
		if req.TopP != nil {
			info.TopP = *req.TopP
		}
		t.RawSetString("sample", l.sampleTable(hud.TrajectorySample{
			PromptTokenIDs: c.PromptTokenIDs, OutputTokenIDs: c.TokenIDs, OutputLogprobs: c.Logprobs, Sampling: info,
		}))
	}
	return t
}

// likeliest is a list of tokens for each position.
func (l *library) likeliest(positions [][]hud.TokenLogprob) *lua.LTable {
	out := l.vm.NewTable(len(positions), 0)
	for i, tokens := range positions {
		list := l.vm.NewTable(len(tokens), 0)
		for k, token := range tokens {
			t := l.vm.NewTable(0, 3)
			if token.TokenID >= 0 {
				t.RawSetString("token_id", lua.LNumber(token.TokenID))
			}
			t.RawSetString("token", lua.LString(token.Token))
			t.RawSetString("logprob", lua.LNumber(token.Logprob))
			list.RawSetInt(k+1, t)
		}
		out.RawSetInt(i+1, list)
	}
	return out
}

// A tokenizer is a hud.Tokenizer in Lua.
type tokenizer struct {
	hud.Tokenizer
	model string
}

func (t *tokenizer) String() string { return "tokenizer of " + t.model }

// maxEncode bytes become tokens at once, which takes some 50 ms.
const maxEncode = 2 << 20

func (l *library) defineTokenizer() {
	luax.Define(l.vm, luax.Class[*tokenizer]{
		Name: "tokenizer",
		Methods: map[string]lua.LGFunction{
			"encode": func(L *lua.LState) int {
				a := luax.Read(L, "encode")
				t := luax.Self[*tokenizer](&a)
				text := a.String("text")
				a.End()
				if len(text) > maxEncode {
					l.vm.Raise(L, &runtime.Fault{Code: runtime.CodeLimit, Hint: "encode it in parts: no model reads so much at once",
						Message: fmt.Sprintf("encode: text: got %d bytes, want at most %d", len(text), maxEncode)})
				}
				L.Push(luax.List(l.vm, t.Encode(text)))
				return 1
			},
			"decode": func(L *lua.LState) int {
				a := luax.Read(L, "decode")
				t := luax.Self[*tokenizer](&a)
				ids := luax.Numbers[int](&a, "ids", a.Table("ids"))
				a.End()
				text := t.Decode(ids)
				l.vm.CheckString(L, len(text))
				L.Push(lua.LString(text))
				return 1
			},
			"render": func(L *lua.LState) int {
				a := luax.Read(L, "render")
				t := luax.Self[*tokenizer](&a)
				messages := l.messages(&a, "messages", a.Table("messages"))
				o := a.Options("add_generation_prompt", "tools")
				generate := o.Bool("add_generation_prompt", false)
				tools := described(l.tools(&a, o.Table("tools")))
				a.End()
				ids, err := t.Render(hud.WithTools(messages, tools), generate)
				l.check(L, err)
				L.Push(luax.List(l.vm, ids))
				return 1
			},
		},
	})
}

// tokenizer is hud.tokenizer.
func (l *library) tokenizer(L *lua.LState) int {
	a := luax.Read(L, "tokenizer")
	model := a.OptString("model", "")
	a.End()
	tok, err := l.svc.Tokenizer(callContext(l.vm, L), model)
	l.check(L, err)
	if model == "" {
		model = "the service"
	}
	L.Push(luax.Wrap(L, &tokenizer{tok, model}))
	return 1
}
