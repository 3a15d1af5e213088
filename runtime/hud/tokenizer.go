package hud

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A TokenizerDefinition is a tokenizer as data, so that a client, or a
// recording, has the one of its service.
type TokenizerDefinition struct {
	Kind  string         `json:"kind"`  // TokenizerBytes
	Vocab int            `json:"vocab"` // ids are 0 to Vocab−1
	BOS   int            `json:"bos"`   // begins every prompt
	Roles map[string]int `json:"roles"` // the marker that begins a message, by its role
	End   int            `json:"end"`   // ends an assistant's message
}

// TokenizerBytes is the kind of a ByteTokenizer.
const TokenizerBytes = "bytes"

// A DefinedTokenizer can be made elsewhere from its definition.
type DefinedTokenizer interface {
	Tokenizer
	Definition() TokenizerDefinition
}

// Tokenizer makes the tokenizer that d defines.
func (d TokenizerDefinition) Tokenizer() (*ByteTokenizer, error) {
	const op = "tokenizer"
	if d.Kind != TokenizerBytes {
		return nil, &Error{Op: op, Code: CodeValidation, Detail: fmt.Sprintf("kind: got %q, want %s", d.Kind, TokenizerBytes), Hint: "a newer hudrl may know it"}
	}
	if d.Vocab < 1<<8 {
		return nil, invalid(op, "vocab: got %d, want at least 256, one for each byte", d.Vocab)
	}
	markers := map[string]int{"bos": d.BOS, "end": d.End}
	for role, id := range d.Roles {
		markers["roles."+role] = id
	}
	for _, name := range slices.Sorted(maps.Keys(markers)) {
		if id := markers[name]; id < 1<<8 || id >= d.Vocab {
			return nil, invalid(op, "%s: got %d, want an id from 256 to %d: the others are bytes", name, id, d.Vocab-1)
		}
	}
	if _, known := d.Roles["assistant"]; !known {
		return nil, invalid(op, "roles: got none for assistant")
	}
	d.Roles = maps.Clone(d.Roles)
	return &ByteTokenizer{d}, nil
}

// A ByteTokenizer has the 256 byte values as tokens, followed by markers that
// no text can produce, so that user content never forges a role. A chat is
// rendered as
//
//	bos, then per message: the role's marker, the text's bytes; an assistant's
//	message is closed by end
//
// and the generation prompt is the assistant's marker: what the model has to
// continue until it says end. TokenizerDefinition.Tokenizer makes one; it is
// safe for concurrent use.
type ByteTokenizer struct{ definition TokenizerDefinition }

var _ DefinedTokenizer = (*ByteTokenizer)(nil)

// Definition implements DefinedTokenizer.
func (t *ByteTokenizer) Definition() TokenizerDefinition {
	d := t.definition
	d.Roles = maps.Clone(d.Roles)
	return d
}

// Encode returns one id per byte of text; it adds no markers.
func (*ByteTokenizer) Encode(text string) []int { return appendBytes(make([]int, 0, len(text)), text) }

func appendBytes(ids []int, text string) []int {
	for i := range len(text) {
		ids = append(ids, int(text[i]))
	}
	return ids
}

// Decode is the inverse of Encode. Markers and ids outside the vocabulary
// decode to nothing. Bytes that are not valid UTF-8 are kept as they are, so
// that Encode(Decode(ids)) gives back every byte.
func (*ByteTokenizer) Decode(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		if 0 <= id && id < 256 {
			b.WriteByte(byte(id))
		}
	}
	return b.String()
}

// AppendText appends the bytes that one id stands for: none for a marker.
func (*ByteTokenizer) AppendText(dst []byte, id int32) []byte {
	if 0 <= id && id < 256 {
		dst = append(dst, byte(id))
	}
	return dst
}

// Render gives the prompt ids of messages. With addGenerationPrompt it ends
// with the assistant's marker.
func (t *ByteTokenizer) Render(messages []Message, addGenerationPrompt bool) ([]int, error) {
	return t.RenderAfter([]int{t.definition.BOS}, messages, addGenerationPrompt)
}

// RenderAfter continues ids, the tokens of earlier turns, with messages. It
// begins no new chat: multi-turn continuation appends what the model has not
// seen yet to exactly the tokens it has. ids is not written to.
func (t *ByteTokenizer) RenderAfter(ids []int, messages []Message, addGenerationPrompt bool) ([]int, error) {
	d := &t.definition
	n := len(ids) + 1
	for i := range messages {
		n += len(messages[i].Content) + 2
	}
	ids = append(make([]int, 0, n), ids...)
	for i := range messages {
		m := &messages[i]
		marker, known := d.Roles[m.Role]
		if !known {
			return nil, fmt.Errorf("render: message %d: unknown role %q: want system, user, assistant or tool", i+1, m.Role)
		}
		ids = appendBytes(append(ids, marker), m.Text())
		if m.Role == "assistant" {
			ids = append(ids, d.End)
		}
	}
	if addGenerationPrompt {
		ids = append(ids, d.Roles["assistant"])
	}
	return ids, nil
}

// EndOfTurn is the marker that ends an assistant turn.
func (t *ByteTokenizer) EndOfTurn() int { return t.definition.End }
