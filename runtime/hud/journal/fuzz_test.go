package journal

import (
	"bytes"
	"testing"
)

// Whatever a file holds, reading it fails with an error or leads to a state
// whose every doubt can be settled. Lines are given their checksum, which
// would otherwise hide everything behind it.
func FuzzRead(f *testing.F) {
	var seed []byte
	sent := &Sent{Op: OptimStep, Model: "m", Place: Place{1, 2, 3}, Tree: &Tree{}}
	for _, r := range []record{
		{Kind: kindRun, Version: version, Run: &Run{}}, {Kind: kindSent, Seq: 1, Sent: sent}, {Kind: kindUnknown, Seq: 1},
		{Kind: kindSettled, Model: "m", Outcome: Applied}, {Kind: kindSent, Seq: 2, Sent: &Sent{Op: Backward, Model: "m"}},
		{Kind: kindAck, Seq: 2}, {Kind: kindFork, Fork: &Fork{}}, {Kind: kindLoop, Loop: 1}, {Kind: kindMoved, Model: "m"}, {Kind: kindEnd},
	} {
		line, err := encode(&r)
		if err != nil {
			f.Fatal(err)
		}
		seed = append(seed, line...)
	}
	f.Add(seed, false)
	f.Add(seed, true)
	f.Add([]byte("{}\n"), true)
	f.Fuzz(func(t *testing.T, text []byte, sums bool) {
		if sums {
			text = summed(text)
		}
		s := newState()
		end, err := read(bytes.NewReader(text), s.apply)
		if end > int64(len(text)) || end > 0 && text[end-1] != '\n' {
			t.Fatalf("the last whole line ends at %d of %d", end, len(text))
		}
		if err != nil {
			return
		}
		s.orphan()
		for id, m := range s.models {
			if err := s.apply(&record{Kind: kindSettled, Model: id, Outcome: NotApplied, Cleared: true}); err != nil {
				t.Fatal(err)
			}
			if m.flying != 0 || m.refuses(ForwardBackward) {
				t.Fatalf("model %q: %d calls under way, and a doubt that cannot be settled", id, m.flying)
			}
		}
		if s.doubtful() {
			t.Fatal("a doubt is left")
		}
	})
}

// summed gives each line the checksum it should have.
func summed(text []byte) (out []byte) {
	for line := range bytes.Lines(text) {
		body, _ := bytes.CutSuffix(line, []byte("\n"))
		if at := bytes.LastIndex(body, []byte(crcMark)); at >= 0 {
			body = body[:at]
		}
		out = append(out, withSum(body)...)
	}
	return out
}
