// Package tokenizer is the vocabulary of the embedded models: the 256 byte
// values, followed by markers that no text can produce.
package tokenizer

import "github.com/hudrl/hudrl/runtime/hud"

// The markers. Ids 262 and 263 are unused rows that round the vocabulary up.
const (
	BOS       = 256 // begins every prompt
	System    = 257
	User      = 258
	Assistant = 259
	Tool      = 260
	End       = 261 // ends an assistant turn

	Vocab = 264
)

// New is the tokenizer of every embedded model.
func New() *hud.ByteTokenizer {
	t, err := hud.TokenizerDefinition{
		Kind: hud.TokenizerBytes, Vocab: Vocab, BOS: BOS, End: End,
		Roles: map[string]int{"system": System, "user": User, "assistant": Assistant, "tool": Tool},
	}.Tokenizer()
	if err != nil {
		panic(err) // of constants
	}
	return t
}
