package replay

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/hudrl/hudrl/runtime/hud"
)

// PlayOptions configure Open. The zero value is good.
type PlayOptions struct {
	// OnDivergence is told of the first request that is not the recorded one,
	// before the call that made it fails: a program that would go on without
	// an answer may be stopped there. It may be nil.
	OnDivergence func(*Divergence)
}

// A Player is a hud.Service, and whatever else a service may be, that answers
// from a recording. It reaches nothing else.
type Player struct {
	*service
	deck  *deck
	about About
}

// Open reads a recording.
func Open(r io.Reader, o PlayOptions) (*Player, error) {
	d := &deck{onDivergence: o.OnDivergence, names: newNames()}
	about, err := d.load(r)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return &Player{&service{medium: d, names: d.names}, d, about}, nil
}

// About is what the recording says of itself.
func (p *Player) About() About { return p.about }

// Divergence is the first request that was not the recorded one, or nil.
func (p *Player) Divergence() *Divergence {
	p.deck.mu.Lock()
	defer p.deck.mu.Unlock()
	return p.deck.diverged
}

// Close ends the replay. It returns a *Divergence if a request was not the
// recorded one, or if less was asked than is recorded.
func (p *Player) Close() error {
	d := p.deck
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.diverged == nil {
		if next := d.left(); next != nil {
			d.diverged = &Divergence{Line: next.line, RecordedOp: next.op, Recorded: string(next.request)}
		}
	}
	if d.diverged == nil {
		return nil
	}
	return d.diverged
}

// A card is a recorded exchange.
type card struct {
	exchange
	same   key
	line   int
	answer []byte // not nil
	failed error
	played bool

	// abandoned says that the caller did not wait for the answer, as when a
	// rollout is given up: it need not be asked for again.
	abandoned bool
}

// A key is the same for the same requests.
type key [sha256.Size]byte

func (x *exchange) key() (k key) {
	h := sha256.New()
	fmt.Fprintf(h, "%q%q", x.op, x.at)
	h.Write(x.request)
	h.Sum(k[:0])
	return k
}

// lookups are operations that have the same answer until a model changes. Tasks
// that run at once may make one of them once or twice, as it happens.
var lookups = map[string]bool{
	"models": true, "resolve": true, "losses": true, "checkpoints": true, "state": true, "at": true,
	"tokenizer": true, "encode": true, "decode": true, "render": true,
}

// A window is what may come in any order, and what must come after it.
type window struct {
	cards []*card
	by    map[key]*stack // of cards
	then  *card          // that changes a model; nil at the end
}

// A stack is the cards of one key.
type stack struct {
	rest []*card
	last *card // that was played
}

func newWindow() *window { return &window{by: map[key]*stack{}} }

func (w *window) add(c *card) {
	w.cards = append(w.cards, c)
	c.same = c.key()
	s := w.by[c.same]
	if s == nil {
		s = &stack{}
		w.by[c.same] = s
	}
	s.rest = append(s.rest, c)
}

// take plays the next card of a key, or nil.
func (w *window) take(k key) *card {
	s := w.by[k]
	switch {
	case s == nil:
		return nil
	case len(s.rest) > 0:
		s.last, s.rest = s.rest[0], s.rest[1:]
		s.last.played = true
	case !lookups[s.last.op]:
		return nil
	}
	return s.last
}

// first is the first card that must still be played, or nil.
func (w *window) first() *card {
	for _, c := range w.cards {
		if c.played || c.abandoned || lookups[c.op] && w.by[c.same].last != nil {
			continue
		}
		return c
	}
	return nil
}

// A deck is a recording that is being replayed.
type deck struct {
	onDivergence func(*Divergence)
	names        *names

	mu       sync.Mutex
	windows  []*window          // in order; one alone when the recording overlaps
	lanes    map[string][]*card // when it overlaps: by model, those that change it
	last     int                // the last line
	cut      bool               // the recording has no end
	diverged *Divergence
}

// load reads the lines.
func (d *deck) load(r io.Reader) (About, error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	text, whole, err := nextLine(lines)
	if err != nil {
		return About{}, err
	}
	var h header
	if json.Unmarshal(text, &h) != nil || h.Recording == 0 || !whole {
		return About{}, errors.New("line 1: this is no recording: want one that hudrl run --record made")
	}
	if h.Recording != Version {
		return About{}, fmt.Errorf("line 1: the recording has format %d, want %d: another hudrl made it", h.Recording, Version)
	}
	var cards []*card
	overlaps := false
	for d.last, d.cut = 1, true; ; {
		text, whole, err := nextLine(lines)
		if err != nil {
			return About{}, err
		}
		if !whole {
			break // nothing, or a line that was being written
		}
		d.last++
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			return About{}, fmt.Errorf("line %d: %w", d.last, err)
		}
		if l.End != nil {
			d.cut = false
			break
		}
		c, err := l.card(d.last)
		if err != nil {
			return About{}, fmt.Errorf("line %d: %w", d.last, err)
		}
		overlaps = overlaps || l.Overlaps
		cards = append(cards, c)
	}
	d.deal(cards, overlaps)
	return h.About, nil
}

// nextLine reads a line; one without an end is not whole.
func nextLine(r *bufio.Reader) (text []byte, whole bool, err error) {
	text, err = r.ReadBytes('\n')
	if err == io.EOF {
		return text, false, nil
	}
	return text, true, err
}

func (l *line) card(number int) (*card, error) {
	if l.Op == "" || l.Request == nil {
		return nil, errors.New("got no exchange: want an op and a request")
	}
	c := &card{exchange: exchange{op: l.Op, at: l.At, deltas: l.Deltas}, line: number, answer: []byte{}}
	if l.Answer != nil {
		c.answer = l.Answer
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, l.Request); err != nil {
		return nil, err
	}
	c.request = compact.Bytes()
	if changes[c.op] {
		var named struct {
			ModelID string `json:"model_id"`
		}
		if err := json.Unmarshal(c.request, &named); err != nil {
			return nil, fmt.Errorf("request: %w", err)
		}
		c.model = named.ModelID
	}
	if l.Error != nil {
		f, err := decode[failure](l.Error)
		if err != nil {
			return nil, fmt.Errorf("error: %w", err)
		}
		c.failed, c.abandoned = f.err(), f.Cause != ""
	}
	return c, nil
}

// deal puts the cards where requests find them.
func (d *deck) deal(cards []*card, overlaps bool) {
	w := newWindow()
	d.windows, d.lanes = []*window{w}, map[string][]*card{}
	for _, c := range cards {
		switch {
		case !changes[c.op]:
			w.add(c)
		case overlaps:
			lane := c.at + "\x00" + c.model
			d.lanes[lane] = append(d.lanes[lane], c)
		default:
			w.then = c
			w = newWindow()
			d.windows = append(d.windows, w)
		}
	}
}

// pass implements medium.
func (d *deck) pass(_ context.Context, x *exchange, _ func() (any, error)) (any, []byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.diverged == nil {
		c, other := d.play(x)
		if c != nil {
			x.deltas = c.deltas
			return nil, c.answer, c.failed
		}
		d.diverged = d.compare(x, other)
		if d.onDivergence != nil {
			d.onDivergence(d.diverged)
		}
	}
	return nil, []byte{}, &hud.Error{Op: "replay", Code: hud.CodeConflict, Detail: strings.TrimPrefix(d.diverged.Error(), "replay: "), Err: d.diverged}
}

// play finds the card of a request, or the one that is there instead: nil
// where there is none.
func (d *deck) play(x *exchange) (found, other *card) {
	if !changes[x.op] {
		w := d.windows[0]
		if c := w.take(x.key()); c != nil {
			return c, nil
		}
		if d.cut && w.then == nil {
			return nil, nil // among what came last it may have been lost
		}
		if c, same := d.nearest(w, x); c != nil {
			if same {
				return w.take(c.same), nil
			}
			return nil, c
		}
		return nil, d.left()
	}
	if len(d.windows) == 1 && d.windows[0].then == nil { // overlapping, or at the end
		lane := x.at + "\x00" + x.model
		if list := d.lanes[lane]; len(list) > 0 {
			if !matches(x, list[0]) {
				return nil, list[0]
			}
			d.lanes[lane] = list[1:]
			list[0].played = true
			return list[0], nil
		}
		return nil, d.left()
	}
	w := d.windows[0]
	if c := w.first(); c != nil {
		return nil, c
	}
	if !matches(x, w.then) {
		return nil, w.then
	}
	d.windows = d.windows[1:]
	w.then.played = true
	return w.then, nil
}

// left is the first card that must still be played, or nil.
func (d *deck) left() *card {
	var next *card
	consider := func(c *card) {
		if c != nil && !c.abandoned && (next == nil || c.line < next.line) {
			next = c
		}
	}
	for _, w := range d.windows {
		consider(w.first())
		consider(w.then)
		if next != nil {
			break
		}
	}
	for _, lane := range d.lanes {
		for _, c := range lane {
			consider(c)
		}
	}
	return next
}
