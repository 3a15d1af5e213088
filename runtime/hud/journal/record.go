package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// version is that of the lines; a file of another is refused.
const version = 1

// The kinds of lines.
const (
	kindRun     = "run"          // a process begins; the first line of a file is one
	kindSent    = "sent"         // a call is about to be sent
	kindAck     = "acknowledged" // the service did it
	kindFailed  = "failed"       // it certainly had no effect
	kindUnknown = "unknown"      // it was sent, and nobody knows
	kindMoved   = "moved"        // the head was set: nothing is accumulated any more
	kindSettled = "settled"      // what became of the calls in doubt
	kindLoop    = "loop"         // a loop of steps ended
	kindFork    = "fork"         // a model was forked before the first step, or between loops
	kindEnd     = "end"          // the run ended well
)

// A record is a line. Which fields it has follows from its kind.
type record struct {
	Kind string    `json:"kind"`
	At   time.Time `json:"at"`

	Version int  `json:"version,omitempty"` // run
	PID     int  `json:"pid,omitempty"`
	Run     *Run `json:"run,omitempty"`

	Seq   int    `json:"seq,omitempty"` // of the call
	Model string `json:"model,omitempty"`
	Sent  *Sent  `json:"sent,omitempty"`

	Step       int     `json:"step,omitempty"` // acknowledged and settled
	Checkpoint string  `json:"checkpoint,omitempty"`
	Code       string  `json:"code,omitempty"` // failed and unknown
	Detail     string  `json:"detail,omitempty"`
	Cleared    bool    `json:"cleared,omitempty"` // failed: and nothing is accumulated any more
	Outcome    Outcome `json:"outcome,omitempty"` // settled
	Head       string  `json:"head,omitempty"`    // settled: the head now
	Newest     string  `json:"newest,omitempty"`  // settled: the newest checkpoint now

	Loop int   `json:"loop,omitempty"` // that ended
	Fork *Fork `json:"fork,omitempty"`
}

// crcMark is how a line's checksum begins; eight hex digits, a quote and a
// brace follow.
const crcMark = `,"crc":"`

// encode is a record's line.
func encode(r *record) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return nil, err
	}
	return withSum(bytes.TrimSuffix(b.Bytes(), []byte("}\n"))), nil
}

// withSum ends a line that lacks its brace.
func withSum(body []byte) []byte {
	sum := crc32.ChecksumIEEE(body)
	return fmt.Appendf(body, "%s%08x\"}\n", crcMark, sum)
}

// decode reads a line without its end.
func decode(line []byte) (*record, error) {
	cut := len(line) - len(crcMark) - len(`00000000"}`)
	if cut < 0 || string(line[cut:cut+len(crcMark)]) != crcMark {
		return nil, errors.New("it is no line of a journal")
	}
	if want := fmt.Appendf(nil, "%s%08x\"}", crcMark, crc32.ChecksumIEEE(line[:cut])); !bytes.Equal(line[cut:], want) {
		return nil, errors.New("its checksum is wrong: it was changed or damaged")
	}
	r := new(record)
	if err := json.Unmarshal(append(bytes.Clone(line[:cut]), '}'), r); err != nil {
		return nil, err
	}
	return r, nil
}

// read calls f with each record and returns where the last whole line ends.
// What follows it, the beginning of a line that was never finished, is left.
func read(r io.Reader, f func(*record) error) (end int64, err error) {
	in := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err == io.EOF {
			return end, nil
		}
		if err != nil {
			return end, err
		}
		rec, err := decode(line[:len(line)-1])
		if err == nil {
			if n == 1 && (rec.Kind != kindRun || rec.Run == nil) {
				err = errors.New("it does not begin as a journal does")
			} else if n == 1 && rec.Version != version {
				err = fmt.Errorf("it is of version %d, want %d", rec.Version, version)
			} else {
				err = f(rec)
			}
		}
		if err != nil {
			return end, fmt.Errorf("line %d: %w", n, err)
		}
		end += int64(len(line))
	}
}
