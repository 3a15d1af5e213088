package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Divergence is the first thing that a replay asked and its recording did
// not, with both sides.
type Divergence struct {
	Op    string // what was asked, as "forward_backward"; "" when the script had ended
	Asked string // JSON: of the argument at Path, or of all arguments

	Line       int    // of the recording; 0 when it had ended
	RecordedOp string // what it has there
	Recorded   string // JSON, as Asked

	// Path is the first argument that differs, as "messages[1].content", where
	// both sides are the same operation. Positions count from 1.
	Path string

	LastLine int  // of the recording
	Cut      bool // it ends without an end: the run that was recorded was killed

	// Hint says what may be the reason; a host may set it.
	Hint string
}

// Error is one line with both sides.
func (d *Divergence) Error() string {
	asked := d.Op + " " + clip(d.Asked)
	recorded := fmt.Sprintf("line %d of the recording has %s %s", d.Line, d.RecordedOp, clip(d.Recorded))
	switch {
	case d.Op == "":
		return "replay: the script has ended; " + recorded
	case d.Line == 0 && d.Cut:
		return fmt.Sprintf("replay: the script asks %s; the recording ends at line %d, where its run was cut short", asked, d.LastLine)
	case d.Line == 0:
		return fmt.Sprintf("replay: the script asks %s; the recording ends at line %d", asked, d.LastLine)
	case d.Path == "":
		return fmt.Sprintf("replay: the script asks %s; %s", asked, recorded)
	}
	return fmt.Sprintf("replay: %s: %s: the script has %s; line %d of the recording has %s", d.Op, d.Path, d.Asked, d.Line, d.Recorded)
}

// ErrorHint says what to do about it.
func (d *Divergence) ErrorHint() string { return d.Hint }

// compare says how a request differs from what the recording has instead.
func (d *deck) compare(x *exchange, c *card) *Divergence {
	v := &Divergence{Op: x.op, Asked: string(x.request), LastLine: d.last, Cut: d.cut}
	if c == nil {
		return v
	}
	v.Line, v.RecordedOp, v.Recorded = c.line, c.op, string(c.request)
	if c.op != x.op {
		return v
	}
	if c.at != x.at {
		v.Path, v.Asked, v.Recorded = "base_url", place(x.at), place(c.at)
		return v
	}
	if first := differences(tree(x.request), tree(c.request), 1); len(first) > 0 {
		v.Path, v.Asked, v.Recorded = first[0].path, first[0].asked, first[0].recorded
	}
	return v
}

func place(at string) string {
	if at == "" {
		return "none"
	}
	return at
}

// matches reports whether a request is the recorded one, also where a program
// has written the recording anew.
func matches(x *exchange, c *card) bool {
	return c != nil && x.op == c.op && x.at == c.at &&
		(bytes.Equal(x.request, c.request) || len(differences(tree(x.request), tree(c.request), 1)) == 0)
}

// enough is how many differences make a request just another one.
const enough = 64

// nearest is the card of the window that a request most likely is meant to be:
// the one of its kind with the fewest differences.
func (d *deck) nearest(w *window, x *exchange) (nearest *card, same bool) {
	asked, best := tree(x.request), enough+1
	for _, c := range w.cards {
		if c.played || c.op != x.op || c.at != x.at {
			continue
		}
		if n := len(differences(asked, tree(c.request), best)); n < best {
			nearest, best = c, n
		}
		if best == 0 {
			return nearest, true
		}
	}
	return nearest, false
}

// tree is a JSON value with its numbers as they are written.
func tree(text []byte) any {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return string(text)
	}
	return v
}

// A difference is a place where two values are not the same.
type difference struct{ path, asked, recorded string }

// differences finds at most limit of them, in the order of names and positions.
func differences(asked, recorded any, limit int) []difference {
	f := &finder{limit: limit}
	f.find("", asked, recorded)
	return f.found
}

type finder struct {
	limit int
	found []difference
}

func (f *finder) add(path, asked, recorded string) {
	f.found = append(f.found, difference{path, asked, recorded})
}

func (f *finder) find(path string, a, b any) {
	if len(f.found) >= f.limit {
		return
	}
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			break
		}
		all := map[string]bool{}
		for name := range x {
			all[name] = true
		}
		for name := range y {
			all[name] = true
		}
		for _, name := range slices.Sorted(maps.Keys(all)) {
			step := name
			if path != "" {
				step = path + "." + name
			}
			v, here := x[name]
			w, there := y[name]
			switch {
			case len(f.found) >= f.limit:
				return
			case !here:
				f.add(step, "none", shown(w, nil))
			case !there:
				f.add(step, shown(v, nil), "none")
			default:
				f.find(step, v, w)
			}
		}
		return
	case []any:
		y, ok := b.([]any)
		if !ok {
			break
		}
		for i := range min(len(x), len(y)) {
			f.find(path+"["+strconv.Itoa(i+1)+"]", x[i], y[i])
		}
		if len(x) != len(y) && len(f.found) < f.limit {
			f.add(path, count(len(x)), count(len(y)))
		}
		return
	case json.Number:
		// The same number may be written otherwise.
		if y, ok := b.(json.Number); ok && x != y {
			v, bad := strconv.ParseFloat(string(x), 64)
			w, worse := strconv.ParseFloat(string(y), 64)
			if bad == nil && worse == nil && v == w && !(isWhole(x) && isWhole(y)) {
				return
			}
		}
	}
	if a != b {
		f.add(path, shown(a, b), shown(b, a))
	}
}

func isWhole(n json.Number) bool { return !strings.ContainsAny(string(n), ".eE") }

func count(n int) string {
	if n == 1 {
		return "1 value"
	}
	return strconv.Itoa(n) + " values"
}

// mostShown is how much of a value is shown.
const mostShown = 120

// shown is a value for people. Of a long text it is the part where another one
// differs.
func shown(v, other any) string {
	text, ok := v.(string)
	if !ok {
		raw, _ := json.Marshal(v) // it was JSON
		return clip(string(raw))
	}
	before, after := "", ""
	if same, ok := other.(string); ok {
		at := 0
		for at < min(len(text), len(same)) && text[at] == same[at] {
			at++
		}
		if from := at - mostShown/3; from > 0 && len(text) > mostShown {
			for !utf8.RuneStart(text[from]) {
				from--
			}
			before, text = "…", text[from:]
		}
	}
	if len(text) > mostShown {
		text, after = strings.ToValidUTF8(text[:mostShown], ""), "…"
	}
	return strconv.Quote(before + text + after)
}

func clip(text string) string {
	if len(text) <= mostShown {
		return text
	}
	return strings.ToValidUTF8(text[:mostShown], "") + "…"
}
