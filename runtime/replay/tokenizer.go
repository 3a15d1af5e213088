package replay

import (
	"context"

	"github.com/hudrl/hudrl/runtime/hud"
)

// A vocabulary is what is recorded of a tokenizer: its definition, or that it
// has none and is asked each time.
type vocabulary struct {
	Definition *hud.TokenizerDefinition
	EndOfTurn  int
}

// Tokenizer fails where the service hands out none.
func (s *service) Tokenizer(ctx context.Context, model string) (hud.Tokenizer, error) {
	var tok hud.Tokenizer
	v, err := through(ctx, s, exchange{op: "tokenizer", named: model}, struct{ Model string }{model}, func() (v vocabulary, err error) {
		source, ok := s.inner.(hud.TokenizerSource)
		if !ok {
			return v, &hud.Error{Op: "tokenizer", Code: hud.CodeValidation, Detail: "the service hands out no tokenizers"}
		}
		if tok, err = source.Tokenizer(ctx, model); err != nil {
			return v, err
		}
		if defined, ok := tok.(hud.DefinedTokenizer); ok {
			v.Definition = new(defined.Definition())
		}
		v.EndOfTurn = tok.EndOfTurn()
		return v, nil
	})
	switch {
	case err != nil:
		return nil, err
	case v.Definition == nil:
		return &tokenizer{s, tok, model, v.EndOfTurn}, nil
	case tok != nil:
		return tok, nil
	}
	made, err := v.Definition.Tokenizer()
	if err != nil {
		return nil, err
	}
	return made, nil
}

// A tokenizer that nobody can make from data: what it says is recorded.
type tokenizer struct {
	*service
	inner     hud.Tokenizer // nil in a player
	model     string
	endOfTurn int
}

func (t *tokenizer) Encode(text string) []int {
	ids, _ := through(context.Background(), t.service, exchange{op: "encode"}, struct{ Model, Text string }{t.model, text},
		func() ([]int, error) { return t.inner.Encode(text), nil })
	return ids // none where the recording has none: the run has diverged
}

func (t *tokenizer) Decode(ids []int) string {
	text, _ := through(context.Background(), t.service, exchange{op: "decode"}, struct {
		Model    string
		TokenIDs []int
	}{t.model, ids}, func() (string, error) { return t.inner.Decode(ids), nil })
	return text
}

func (t *tokenizer) Render(messages []hud.Message, addGenerationPrompt bool) ([]int, error) {
	return through(context.Background(), t.service, exchange{op: "render"}, struct {
		Model               string
		Messages            []hud.Message
		AddGenerationPrompt bool
	}{t.model, messages, addGenerationPrompt}, func() ([]int, error) { return t.inner.Render(messages, addGenerationPrompt) })
}

func (t *tokenizer) EndOfTurn() int { return t.endOfTurn }
