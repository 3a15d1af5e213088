package tokenizer_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/internal/tokenizer"
	"github.com/hudrl/hudrl/runtime/hud"
)

func TestRender(t *testing.T) {
	t.Parallel()
	tok := tokenizer.New()
	// The ids are written out by hand from the chat format in the package
	// documentation; letters are their ASCII codes.
	for _, c := range []struct {
		name     string
		messages []hud.Message
		gen      bool
		want     []int
	}{
		{"nothing", nil, false, []int{256}},
		{"generation prompt alone", nil, true, []int{256, 259}},
		{"question", []hud.Message{{Role: "user", Content: "Hi"}}, true, []int{256, 258, 72, 105, 259}},
		{"all roles", []hud.Message{
			{Role: "system", Content: "A"}, {Role: "user", Content: "B"},
			{Role: "assistant", Content: "C"}, {Role: "tool", Content: "D"},
		}, true, []int{256, 257, 65, 258, 66, 259, 67, 261, 260, 68, 259}},
		{"empty content", []hud.Message{{Role: "assistant"}}, false, []int{256, 259, 261}},
		{"two-byte rune", []hud.Message{{Role: "user", Content: "é"}}, false, []int{256, 258, 0xc3, 0xa9}},
	} {
		got, err := tok.Render(c.messages, c.gen)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, %v, want %v", c.name, got, err, c.want)
		}
	}
}

func TestRenderAfterIsAPrefixExtension(t *testing.T) {
	t.Parallel()
	tok := tokenizer.New()
	seen := []int{256, 258, 72, 259, 88, 261}
	before := slices.Clone(seen)
	got, err := tok.RenderAfter(seen[:5:6], []hud.Message{{Role: "user", Content: "Y"}}, true)
	if want := []int{256, 258, 72, 259, 88, 258, 89, 259}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if !slices.Equal(seen, before) {
		t.Errorf("the caller's ids were written to: %v", seen)
	}
}

func TestUnknownRole(t *testing.T) {
	t.Parallel()
	tok := tokenizer.New()
	_, err := tok.Render([]hud.Message{{Role: "user"}, {Role: "robot"}}, false)
	if err == nil || !strings.Contains(err.Error(), `message 2: unknown role "robot"`) {
		t.Errorf("got %v", err)
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"", "plain", "ключ", "\xff\xfe", "a\x00b", "<bos>"} {
		f.Add(s)
	}
	tok := tokenizer.New()
	f.Fuzz(func(t *testing.T, s string) {
		ids := tok.Encode(s)
		if len(ids) != len(s) {
			t.Fatalf("got %d ids of %d bytes", len(ids), len(s))
		}
		if got := tok.Decode(ids); got != s {
			t.Fatalf("got %q, want %q", got, s)
		}
		// Markers and strangers between the bytes change no text.
		mixed := []int{256, -1, 9999}
		var text []byte
		for _, id := range ids {
			mixed = append(mixed, id, 261, 263)
			text = tok.AppendText(tok.AppendText(text, int32(id)), 261)
		}
		if got := tok.Decode(mixed); got != s || string(text) != s {
			t.Fatalf("got %q and %q, want %q", got, text, s)
		}
		// A prompt holds the content and exactly the markers of the format.
		prompt, err := tok.Render([]hud.Message{{Role: "user", Content: s}}, true)
		if err != nil || len(prompt) != len(s)+3 || tok.Decode(prompt) != s {
			t.Fatalf("rendered %v, %v", prompt, err)
		}
	})
}
