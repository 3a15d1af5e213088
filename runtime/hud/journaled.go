package hud

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"math"
	"slices"

	"github.com/hudrl/hudrl/runtime/hud/journal"
)

// hints of calls that the journal refuses.
const (
	hintDoubt = "trainer:recover() finds out what became of it (in Go TrainingClient.Recover); until then this model gets no pass and no step"
	hintStale = "trainer:recover{ discard = true } discards them; then repeat the step from its first pass"
)

// refused is why the journal let a call not be sent.
func refused(op string, err error) error {
	var doubt *journal.Doubt
	if errors.As(err, &doubt) {
		e := &Error{Op: op, Code: CodeConflict, Status: 409, Detail: doubt.Error(), Hint: hintDoubt, Err: err}
		switch {
		case doubt.Asking:
			e.Hint = "wait for trainer:recover() to return"
		case len(doubt.Calls) == 0:
			e.Hint = hintStale
		}
		return e
	}
	e := &Error{Op: op, Code: CodeLimit, Detail: err.Error() + ": nothing was sent", Err: err}
	var broken *journal.Error
	if errors.As(err, &broken) {
		e.Hint = broken.Hint
	}
	return e
}

// settled fails while something about the model is in doubt, as begin would:
// for operations that spend something before their call.
func (c *TrainingClient) settled(op, id string, call journal.Op) error {
	if err := c.journal.Check(id, c.model, call); err != nil {
		return refused(op, err)
	}
	return nil
}

// begin journals a call that is about to be sent. hash writes what is sent.
func (c *TrainingClient) begin(op string, s journal.Sent, hash func(*hasher)) (*journal.Call, error) {
	s.Name, s.Where = c.model, c.where
	if c.journal.Durable() {
		h := new(hasher)
		h.text(string(s.Op))
		hash(h)
		s.Hash = h.hex()
	}
	call, err := c.journal.Begin(s)
	if err != nil {
		return nil, refused(op, err)
	}
	return call, nil
}

// lost journals a call that failed.
func (c *TrainingClient) lost(call *journal.Call, id string, err error) {
	c.failed()
	var e *Error
	if !errors.As(err, &e) {
		// A service that is not one of ours: a call that was stopped may have
		// been sent.
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			call.Lose(string(CodeTimeout), err.Error())
		} else {
			call.Fail(string(CodeServer), err.Error(), false)
		}
		return
	}
	if e.Unknown {
		call.Lose(string(e.Code), e.Detail)
		return
	}
	call.Fail(string(e.Code), e.Detail, e.Code == CodeNoGradient)
	if e.Code == CodeConflict {
		c.journal.Know(id, nil) // somebody else is there
	}
}

// tree is what is known of the model's checkpoints before a step; the service
// is asked when nothing is. Without an answer a run that is to survive a crash
// goes no further.
func (c *TrainingClient) tree(ctx context.Context, op, id string) (*journal.Tree, error) {
	st := c.journal.Status(id)
	if st.Tree != nil {
		return st.Tree, nil
	}
	list, err := c.svc.Checkpoints(ctx, id)
	if err != nil {
		if c.journal.Durable() && ctx.Err() == nil {
			e := &Error{Op: op, Code: CodeServer, Err: err}
			if known := (*Error)(nil); errors.As(err, &known) {
				*e = *known
				e.Op = op
			} else {
				e.Detail = err.Error()
			}
			e.Detail = "nothing was sent, the checkpoints could not be read: " + e.Detail
			e.Unknown = false
			return nil, e
		}
		return nil, nil
	}
	t := treeOf(list)
	c.moved(op, st, t)
	c.journal.Know(id, &t)
	return &t, nil
}

// moved warns when the head is not where the run had it.
func (c *TrainingClient) moved(op string, st journal.Status, now journal.Tree) {
	before, when := st.Tree, "after the run's last step"
	if before == nil {
		before, when = st.Was, "when the run was interrupted"
	}
	if before != nil && before.Head != now.Head {
		c.warnOnce("moved", fmt.Sprintf("%s: the head of %s is %s, and was %s %s", op, cmp.Or(st.Name, c.model), orBase(now.Head), orBase(before.Head), when))
	}
}

func treeOf(list []Checkpoint) (t journal.Tree) {
	for i := range list {
		t.Newest = list[i].ID
		t.Step = max(t.Step, list[i].Step)
		if list[i].IsActive {
			t.Head = list[i].ID
		}
	}
	return t
}

// stepped warns when steps of somebody else came in between.
func (c *TrainingClient) stepped(before *journal.Tree, res *OptimStepResult) {
	if before != nil && before.Step > 0 && res.Step > before.Step+1 {
		c.warnOnce("jump", fmt.Sprintf("optim_step: the model went from step %d to step %d: somebody else's step, or one that arrived late, came in between; "+
			"look at trainer:checkpoints(), and run one trainer per model", before.Step, res.Step))
	}
}

// A hasher sums what is sent, by meaning and not by wire format. Two checksums
// that processors compute tell batches apart; they are no defence against
// anybody, which nothing needs.
type hasher struct {
	ieee, castagnoli uint32
	buf              []byte
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (h *hasher) flush() {
	h.ieee = crc32.Update(h.ieee, crc32.IEEETable, h.buf)
	h.castagnoli = crc32.Update(h.castagnoli, castagnoli, h.buf)
	h.buf = h.buf[:0]
}

// room makes sure that the buffer takes n more bytes without growing, unless n
// is larger than the whole of it.
func (h *hasher) room(n int) {
	if len(h.buf)+n > 1<<14 {
		h.flush()
	}
}

func (h *hasher) number(x uint64) {
	h.room(8)
	h.buf = binary.LittleEndian.AppendUint64(h.buf, x)
}

func (h *hasher) float(x float64) { h.number(math.Float64bits(x)) }

func (h *hasher) text(s string) {
	h.number(uint64(len(s)))
	h.room(len(s))
	h.buf = append(h.buf, s...)
}

const hashRow = 1024 // values between two looks at the buffer

func (h *hasher) ids(list []int) {
	h.number(uint64(len(list)))
	for row := range slices.Chunk(list, hashRow) {
		h.room(4 * len(row))
		for _, x := range row {
			h.buf = binary.LittleEndian.AppendUint32(h.buf, uint32(x)) // no vocabulary is larger
		}
	}
}

func (h *hasher) floats(list []float32) {
	h.number(uint64(len(list)))
	for row := range slices.Chunk(list, hashRow) {
		h.room(4 * len(row))
		for _, x := range row {
			h.buf = binary.LittleEndian.AppendUint32(h.buf, math.Float32bits(x))
		}
	}
}

func (h *hasher) named(m map[string]float64) {
	h.number(uint64(len(m)))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		h.text(name)
		h.float(m[name])
	}
}

func (h *hasher) inputs(list []TrainInput) {
	h.number(uint64(len(list)))
	for _, in := range list {
		h.text(in.TraceID)
		if in.Payload == nil {
			continue
		}
		h.float(in.Payload.Reward)
		h.number(uint64(len(in.Payload.Samples)))
		for i := range in.Payload.Samples {
			s := &in.Payload.Samples[i]
			h.ids(s.PromptTokenIDs)
			h.number(uint64(len(s.PromptChunks)))
			for _, chunk := range s.PromptChunks {
				h.text(string(chunk))
			}
			h.ids(s.OutputTokenIDs)
			h.floats(s.OutputLogprobs)
		}
	}
}

func (h *hasher) hex() string {
	h.flush()
	return fmt.Sprintf("%08x%08x", h.ieee, h.castagnoli)
}

func (r *ForwardBackwardRequest) hash(h *hasher) {
	h.text(r.LossFn)
	h.named(r.LossFnConfig)
	h.number(uint64(r.GroupSize))
	h.float(r.RewardScale)
	h.number(uint64(r.NumSubsteps))
	h.inputs(r.Inputs)
}

// The forward pass's id is left out: the same step has another when repeated.
func (r *BackwardRequest) hash(h *hasher) {
	h.named(r.Metrics)
	h.number(uint64(len(r.Weights)))
	for _, row := range r.Weights {
		h.floats(row)
	}
}

func (r *OptimStepRequest) hash(h *hasher) {
	for _, x := range []float64{r.LearningRate, r.Beta1, r.Beta2, r.Eps, r.WeightDecay} {
		h.float(x)
	}
}
