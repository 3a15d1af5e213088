package hud_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
)

const bytesDefinition = `{"kind":"bytes","vocab":300,"bos":256,"roles":{"user":270,"assistant":271},"end":299}`

func definition(t *testing.T, text string) hud.TokenizerDefinition {
	t.Helper()
	var d hud.TokenizerDefinition
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// A tokenizer from a definition has the markers the definition says.
func TestTokenizerFromItsDefinition(t *testing.T) {
	t.Parallel()
	tok, err := definition(t, bytesDefinition).Tokenizer()
	if err != nil {
		t.Fatal(err)
	}
	got, err := tok.Render([]hud.Message{{Role: "user", Content: "Hi"}, {Role: "assistant", Content: "!"}}, true)
	if want := []int{256, 270, 'H', 'i', 271, '!', 299, 271}; err != nil || !slices.Equal(got, want) {
		t.Errorf("render: got %v, %v, want %v", got, err, want)
	}
	if _, err := tok.Render([]hud.Message{{Role: "tool"}}, false); err == nil || !strings.Contains(err.Error(), `message 1: unknown role "tool"`) {
		t.Errorf("a role without a marker: got %v", err)
	}
	if tok.EndOfTurn() != 299 || tok.Decode([]int{72, 270, 105, 299, 4000, -1}) != "Hi" {
		t.Errorf("got end of turn %d and %q", tok.EndOfTurn(), tok.Decode([]int{72, 270, 105, 299, 4000, -1}))
	}
	text, err := json.Marshal(tok.Definition())
	if err != nil || string(text) != strings.Replace(bytesDefinition, `{"user":270,"assistant":271}`, `{"assistant":271,"user":270}`, 1) {
		t.Errorf("the definition is %s, %v", text, err)
	}
	tok.Definition().Roles["user"] = 1 // a copy
	if again, _ := tok.Render([]hud.Message{{Role: "user"}}, false); !slices.Equal(again, []int{256, 270}) {
		t.Errorf("a changed definition changed the tokenizer: %v", again)
	}
}

func TestBadTokenizerDefinitions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, want string }{
		{`"bytes"`, `"bpe"`, `kind: got "bpe", want bytes`},
		{`300`, `255`, `vocab: got 255, want at least 256`},
		{`299`, `300`, `end: got 300, want an id from 256 to 299`},
		{`"bos":256`, `"bos":65`, `bos: got 65, want an id from 256 to 299`},
		{`270`, `-1`, `roles.user: got -1`},
		{`"assistant"`, `"model"`, `roles: got none for assistant`},
	} {
		tok, err := definition(t, strings.Replace(bytesDefinition, c.from, c.to, 1)).Tokenizer()
		if err == nil || tok != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %s: got %v, want %q", c.from, c.to, err, c.want)
		}
	}
}
