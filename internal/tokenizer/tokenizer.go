// Package tokenizer turns chats into token ids for the embedded models.
//
// The vocabulary is the 256 byte values followed by markers that no text can
// produce, so user content never forges a role. A chat is rendered as
//
//	bos, then per message: role marker, content bytes; an assistant message is
//	closed by end
//
// and the generation prompt is the assistant marker: what the model has to
// continue until it says end.
package tokenizer

import (
	"fmt"
	"strings"

	"github.com/hudrl/hudrl/runtime/hud"
)

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

// Bytes is the byte-level tokenizer. The zero value is ready, and it is safe
// for concurrent use.
type Bytes struct{}

var _ hud.Tokenizer = (*Bytes)(nil)

// Encode returns one id per byte of text; it adds no markers.
func (*Bytes) Encode(text string) []int {
	ids := make([]int, len(text))
	for i := range len(text) {
		ids[i] = int(text[i])
	}
	return ids
}

// Decode is the inverse of Encode. Markers and ids outside the vocabulary
// decode to nothing. Bytes that are not valid UTF-8 are kept as they are, so
// that Encode(Decode(ids)) gives back every byte.
func (*Bytes) Decode(ids []int) string {
	var b strings.Builder
	for _, id := range ids {
		if 0 <= id && id < 256 {
			b.WriteByte(byte(id))
		}
	}
	return b.String()
}

// AppendText appends the bytes that one id stands for: none for a marker.
func (*Bytes) AppendText(dst []byte, id int32) []byte {
	if 0 <= id && id < 256 {
		dst = append(dst, byte(id))
	}
	return dst
}

// Render gives the prompt ids of messages. With addGenerationPrompt it ends
// with the assistant marker. Roles are system, user, assistant and tool.
func (t *Bytes) Render(messages []hud.Message, addGenerationPrompt bool) ([]int, error) {
	return t.RenderAfter([]int{BOS}, messages, addGenerationPrompt)
}

// RenderAfter continues ids, the tokens of earlier turns, with messages. It
// begins no new chat: multi-turn continuation appends what the model has not
// seen yet to exactly the tokens it has. ids is not written to.
func (t *Bytes) RenderAfter(ids []int, messages []hud.Message, addGenerationPrompt bool) ([]int, error) {
	n := len(ids) + 1
	for _, m := range messages {
		n += len(m.Content) + 2
	}
	ids = append(make([]int, 0, n), ids...)
	for i, m := range messages {
		marker, ok := role(m.Role)
		if !ok {
			return nil, fmt.Errorf("render: message %d: unknown role %q: want system, user, assistant or tool", i+1, m.Role)
		}
		ids = append(ids, marker)
		text := m.Text()
		for j := range len(text) {
			ids = append(ids, int(text[j]))
		}
		if marker == Assistant {
			ids = append(ids, End)
		}
	}
	if addGenerationPrompt {
		ids = append(ids, Assistant)
	}
	return ids, nil
}

// EndOfTurn is the marker that ends an assistant turn.
func (*Bytes) EndOfTurn() int { return End }

// Name describes one id for people: the marker's name in angle brackets, or
// the byte as text.
func (*Bytes) Name(id int) string {
	switch id {
	case BOS:
		return "<bos>"
	case System:
		return "<system>"
	case User:
		return "<user>"
	case Assistant:
		return "<assistant>"
	case Tool:
		return "<tool>"
	case End:
		return "<end>"
	}
	if 0 <= id && id < 256 {
		return string([]byte{byte(id)})
	}
	return fmt.Sprintf("<%d>", id)
}

func role(name string) (marker int, ok bool) {
	switch name {
	case "system":
		return System, true
	case "user":
		return User, true
	case "assistant":
		return Assistant, true
	case "tool":
		return Tool, true
	}
	return 0, false
}
