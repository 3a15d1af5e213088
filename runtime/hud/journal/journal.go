package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// A Run is what a journal is about. Every field may be empty.
type Run struct {
	Script  string `json:"script,omitempty"`  // where it is
	Source  string `json:"source,omitempty"`  // a hash of its text
	Args    string `json:"args,omitempty"`    // a hash of its arguments: they may hold what is secret
	Service string `json:"service,omitempty"` // the service's name or origin
	Seed    int64  `json:"seed,omitempty"`
}

// An Op is a training call that changes something at the service, by the name
// that a script calls it.
type Op string

// The calls that are journaled. Forward has no lasting effect.
const (
	ForwardBackward Op = "forward_backward"
	Backward        Op = "backward"
	OptimStep       Op = "optim_step"
)

// A Place is where in a script a call is made: in which loop of steps,
// counted from 1 as the script begins them, in which step, and of how many.
// The zero value is outside of all loops.
type Place struct {
	Loop int `json:"loop,omitempty"`
	Step int `json:"step,omitempty"`
	Of   int `json:"of,omitempty"`
}

// A Sent is a call as it was sent.
type Sent struct {
	Op    Op     `json:"op"`
	Model string `json:"model"`           // its id
	Name  string `json:"name,omitempty"`  // what the script calls it
	Where string `json:"where,omitempty"` // the service's origin, where it is another than the run's
	Hash  string `json:"hash,omitempty"`  // of what was sent
	Place

	// Of an optim_step: what is saved with it, and the tree before it.
	LearningRate float64                    `json:"learning_rate,omitempty"`
	State        map[string]json.RawMessage `json:"state,omitempty"`
	Cursors      map[string]json.RawMessage `json:"cursors,omitempty"`
	Tree         *Tree                      `json:"tree,omitempty"` // nil: not known
}

// A Fork is a model that the run made.
type Fork struct {
	Source string `json:"source"` // as the script calls it
	Name   string `json:"name"`
	Model  string `json:"model"` // its id
}

// A Tree is what is known of a model's checkpoints.
type Tree struct {
	Head   string `json:"head"`   // "" is the base weights
	Newest string `json:"newest"` // the last of the list; "" when there is none
	Step   int    `json:"step"`   // the largest step number, 0 when not known
}

// A Journal is the record of one run. It is safe for concurrent use.
type Journal struct {
	path      string // "" keeps it in memory
	run       Run
	continued bool // the file was there

	mu     sync.Mutex
	file   *os.File // nil before the first line, and after Close
	size   int64
	closed bool
	broken error    // a line could not be written: nothing may be sent any more
	held   []record // written with the first call
	seq    int
	place  Place
	state  state
	before int    // the last call of earlier processes
	forks  []Fork // that those made and this one did not ask for yet
	from   Place  // of the last step that one of those applied

	outside int  // steps that those applied outside of all loops
	mixed   bool // their loops took turns
}

// Memory is a journal that ends with the process: it finds what is in doubt,
// and cannot be continued.
func Memory() *Journal { return &Journal{state: newState()} }

// Open continues the journal at path, or begins one: then the file, and the
// directory it is in, are made when the first call is sent. It fails while
// another process has the journal, and when its lines cannot be read.
func Open(path string, run Run) (*Journal, error) {
	j := &Journal{path: path, run: run, state: newState()}
	f, err := openLocked(path, false)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return nil, j.failed("open", err)
	}
	if err := j.load(f); err != nil {
		_ = closeLocked(f)
		return nil, err
	}
	return j, nil
}

// load reads what earlier processes wrote and announces this one.
func (j *Journal) load(f *os.File) error {
	var first *record
	end, err := read(f, func(r *record) error {
		if first == nil {
			first = r
		}
		if r.Kind == kindSent {
			j.seq = r.Seq
		}
		return j.state.apply(r)
	})
	if err != nil {
		return j.failed("read", err)
	}
	if err := f.Truncate(end); err != nil {
		return j.failed("repair", err)
	}
	if _, err := f.Seek(end, io.SeekStart); err != nil {
		return j.failed("repair", err)
	}
	if first != nil {
		j.run, j.continued = *first.Run, true
	}
	j.file, j.size = f, end
	j.before, j.from, j.forks = j.seq, j.state.place, slices.Clone(j.state.forks)
	j.outside, j.mixed = j.state.outside, j.state.mixed
	j.append(true, record{Kind: kindRun, Version: version, PID: os.Getpid(), Run: &j.run})
	return j.broken
}

func (j *Journal) failed(what string, err error) error {
	if errors.Is(err, errLocked) {
		who := "another process"
		if pid := lastPID(j.path); pid > 0 {
			who = fmt.Sprintf("process %d", pid)
		}
		return &Error{Path: j.path, Detail: who + " has it open", Hint: "wait for that run to end, or stop it: one process may write a journal", Err: err}
	}
	hint := ""
	switch what {
	case "read":
		hint = "nothing was changed in it: put it right, or move it away and begin a new run"
	case "make":
		hint = "a run keeps its journal where it can write: hudrl run --data DIR names another place"
	}
	return &Error{Path: j.path, Detail: what + ": " + cause(err).Error(), Hint: hint, Err: err}
}

// cause is err without the path that a file's error begins with.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// An Error is a journal that cannot be opened, read or written.
type Error struct {
	Path   string
	Detail string
	Hint   string
	Err    error
}

func (e *Error) Error() string     { return "journal " + e.Path + ": " + e.Detail }
func (e *Error) Unwrap() error     { return e.Err }
func (e *Error) ErrorHint() string { return e.Hint }

// Path is the journal's file, "" in memory.
func (j *Journal) Path() string { return j.path }

// Run is what the journal is about: what the process that began it said.
func (j *Journal) Run() Run { return j.run }

// Continued reports whether the file was there when it was opened.
func (j *Journal) Continued() bool { return j.continued }

// Written reports whether there is something to go on with: a file with calls.
func (j *Journal) Written() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size > 0
}

// Durable reports whether the journal is a file.
func (j *Journal) Durable() bool { return j.path != "" }

// append applies records and writes them. A line that cannot be written
// breaks the journal. Called with mu held, or before anybody has the journal.
func (j *Journal) append(sync bool, records ...record) {
	now := time.Now().UTC()
	for i := range records {
		records[i].At = now
		j.decide(&records[i])
		// The state's own records always fit it.
		_ = j.state.apply(&records[i])
	}
	if j.path == "" || j.broken != nil {
		return
	}
	if j.file == nil {
		if !sync {
			j.held = append(j.held, records...)
			return
		}
		if j.broken = j.create(); j.broken != nil {
			return
		}
		records = append(append([]record{{Kind: kindRun, At: now, Version: version, PID: os.Getpid(), Run: &j.run}}, j.held...), records...)
		j.held = nil
	}
	var lines []byte
	for i := range records {
		line, err := encode(&records[i])
		if err != nil {
			j.broken = j.failed("write", err)
			return
		}
		lines = append(lines, line...)
	}
	_, err := j.file.Write(lines)
	if err == nil && sync {
		err = j.file.Sync()
	}
	if err != nil {
		_ = j.file.Truncate(j.size) // half a line would hide the next
		j.broken = j.failed("write", err)
		return
	}
	j.size += int64(len(lines))
}

// decide takes note of what an earlier process's step in doubt turns out to be.
func (j *Journal) decide(r *record) {
	if r.Outcome != Applied {
		return
	}
	for _, e := range j.state.model(r.Model).doubts {
		p := e.sent.Place
		switch {
		case e.seq > j.before || e.sent.Op != OptimStep:
		case p.Step == 0:
			j.outside++
		case p.Loop < j.from.Loop:
			j.mixed = true
		case p.Loop > j.from.Loop || p.Step > j.from.Step:
			j.from = p
		}
	}
}

// create makes the file and its directory, and makes sure that both last.
func (j *Journal) create() error {
	if j.closed {
		return &Error{Path: j.path, Detail: "it is closed"}
	}
	dir := filepath.Dir(j.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return j.failed("make", err)
	}
	f, err := openLocked(j.path, true)
	if err != nil {
		return j.failed("make", err)
	}
	if info, err := f.Stat(); err != nil || info.Size() > 0 {
		_ = closeLocked(f)
		return &Error{Path: j.path, Detail: "another process made it meanwhile", Err: err}
	}
	for _, name := range []string{dir, filepath.Dir(dir)} {
		if d, err := os.Open(name); err == nil {
			_ = d.Sync() // not every system can
			d.Close()
		}
	}
	j.file = f
	return nil
}

// Close lets the journal go. ok says that the run is complete, which it is
// not while something is in doubt.
func (j *Journal) Close(ok bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	if ok && j.file != nil && !j.state.doubtful() {
		j.append(true, record{Kind: kindEnd})
	}
	j.closed = true
	if j.file == nil {
		return nil
	}
	err := closeLocked(j.file)
	j.file = nil
	if err != nil {
		return j.failed("close", err)
	}
	return nil
}

// Enter says where in the script the calls from now on are made.
func (j *Journal) Enter(p Place) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.place = p
}

// Leave says that a loop ended by itself, after its last step.
func (j *Journal) Leave(loop int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.place = Place{}
	j.append(false, record{Kind: kindLoop, Loop: loop})
}

// Forked says that the run made a model.
func (j *Journal) Forked(f Fork) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.append(false, record{Kind: kindFork, Fork: &f})
}

// Forks is the id of the model that an earlier process of a continued run
// forked of source by that name, "" for none. Each is told of once, in the
// order they were made: a script that begins again asks for them again.
func (j *Journal) Forks(source, name string) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, f := range j.forks {
		if f.Source == source && f.Name == name {
			j.forks = slices.Delete(j.forks, i, i+1)
			return f.Model
		}
	}
	return ""
}

// Last is the last optimizer step known to be applied, by whichever process,
// nil when there is none.
func (j *Journal) Last() *Sent {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.last
}

// Reached is where the last optimizer step was made that is known to be applied
// in a loop, by whichever process; zero when there is none.
func (j *Journal) Reached() Place {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.place
}

// State is what was saved with the last applied step under a name, by an
// earlier process or this one; nil if nothing was.
func (j *Journal) State(name string) json.RawMessage {
	if last := j.Last(); last != nil {
		return last.State[name]
	}
	return nil
}

// After is the step after which a loop of a continued run begins: the last
// one that was applied in it. loop counts from 1 as the script begins its
// loops, and n is its number of steps; within says that it begins in a step of
// another. A loop before the one that was under way is over; that one must
// have ended by itself, or else nobody knows. Nor does anybody which of the
// loops in another's steps was under way.
func (j *Journal) After(loop, n int, within bool) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := j.from
	detail := fmt.Sprintf("loop %d did not end before loop %d began: it was left, or has the other inside", loop, at.Loop)
	switch {
	case j.continued && j.mixed:
		detail = "loops of steps took turns: one is inside the other, or they ran at the same time"
	case !j.continued || loop > at.Loop:
		return 0, nil
	case within:
		detail = fmt.Sprintf("loop %d is inside another: nobody knows which time it was interrupted", loop)
	case loop == at.Loop:
		return min(at.Step, n), nil
	case j.state.ended[loop]:
		return n, nil
	}
	return 0, &Error{
		Path:   j.path,
		Detail: detail,
		Hint:   "say where it goes on: hud.steps(n, { after = step }), with the step kept in hud.state",
	}
}

// Outside is how many optimizer steps earlier processes of a continued run
// applied outside of all loops.
func (j *Journal) Outside() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.outside
}

// Resumes reports whether a loop that begins after a step is the one that was
// under way when the last process ended, going on with its next step.
func (j *Journal) Resumes(loop, after int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.continued && j.from.Step > 0 && loop == j.from.Loop && after == j.from.Step
}

// Trained reports whether a model had a step in the loop that was under way,
// or nothing had.
func (j *Journal) Trained(modelID string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.state.trained) == 0 || j.state.trained[modelID]
}

// Cut reports how many optimizer steps were applied in the last step of the
// loop that was under way, and how many in the step before it, when they are
// fewer: the process may have died between two of them.
func (j *Journal) Cut() (applied, before int, cut bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := &j.state
	return s.steps, s.stepsBefore, j.continued && s.steps < s.stepsBefore
}

// Models are the ids of the models that something is in doubt of.
func (j *Journal) Models() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(j.state.models)) {
		if m := j.state.models[id]; len(m.doubts) > 0 || m.stale {
			ids = append(ids, id)
		}
	}
	return ids
}
