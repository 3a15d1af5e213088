package kernel

import (
	"runtime"
	"sync/atomic"
	"time"
)

// spinTime is how long a worker, and a caller whose last items run elsewhere, polls before it gives its core back.
// Waking a sleeping goroutine costs about 80 µs, a polling one answers in well under one.
const spinTime = time.Millisecond

// workers is the process's one pool. Its goroutines start on demand and end once nothing came for spinTime, so an
// idle process has none.
var workers struct {
	owned atomic.Bool         // a Parallel call has the pool
	job   atomic.Pointer[job] // what the workers are to help with
	alive atomic.Int32        // workers that poll or run
}

// job is one Parallel call, or a Queue.
type job struct {
	f       func(int)
	n       atomic.Int64        // items there are; of a Queue it grows
	next    atomic.Int64        // the first item nobody took
	done    atomic.Int64        // items that returned
	failure atomic.Pointer[any] // the first panic
	asleep  atomic.Bool         // the caller waits for woken
	woken   chan struct{}
}

// Parallel runs f(0) to f(n-1), each once, on up to GOMAXPROCS goroutines, the caller among them, and returns when
// all have returned. Items are handed out one by one in ascending order, so pieces may differ in size; the caller takes
// the first. A panic in f is raised again in the caller when no item runs any more.
//
// Concurrent calls are safe: while one call has the workers, another, also one made inside f, runs its items itself.
func Parallel(n int, f func(i int)) {
	cores := runtime.GOMAXPROCS(0)
	if n <= 1 || cores == 1 || !workers.owned.CompareAndSwap(false, true) {
		for i := range n {
			f(i)
		}
		return
	}
	j := begin(f, n, min(n, cores)-1)
	j.run()
	j.end()
}

// begin offers a job to the pool, which the caller has taken, and sees to it that so many workers are alive.
func begin(f func(i int), n, helpers int) *job {
	j := &job{f: f}
	j.n.Store(int64(n))
	workers.job.Store(j)
	for range helpers - int(workers.alive.Load()) {
		workers.alive.Add(1)
		go work(j)
	}
	return j
}

// end waits for the job's last items and gives the pool back.
func (j *job) end() {
	j.wait()
	workers.job.Store(nil)
	workers.owned.Store(false)
	if p := j.failure.Load(); p != nil {
		panic(*p)
	}
}

// A Queue runs items on the other cores while its caller makes more of them. Its zero value is not in use.
type Queue struct {
	j *job
	f func(i int)
	n int
}

// Start makes a queue that is not in use one whose items are run by f, as those of [Parallel] are. While another call has
// the workers, they run as soon as they are added.
func (q *Queue) Start(f func(i int)) {
	*q = Queue{f: f}
	if cores := runtime.GOMAXPROCS(0); cores > 1 && workers.owned.CompareAndSwap(false, true) {
		q.j = begin(f, 0, cores-1)
	}
}

// Add makes another item: the first is number 0.
func (q *Queue) Add() {
	if q.n++; q.j == nil {
		q.f(q.n - 1)
		return
	}
	q.j.n.Store(int64(q.n))
}

// Wait runs the items that nobody took yet, returns when all have returned, and ends the queue. A panic of an item is
// raised again then.
func (q *Queue) Wait() {
	j := q.j
	*q = Queue{}
	if j != nil {
		j.run()
		j.end()
	}
}

// Cores is how many goroutines a call of [Parallel] would run on now: 1 while another call has the workers, so that
// who is inside one does not cut work up in vain.
func Cores() int {
	if workers.owned.Load() {
		return 1
	}
	return runtime.GOMAXPROCS(0)
}

// Wake sees to it that a following [Parallel], and the small products that only share themselves with who is awake, find
// the other cores polling.
func Wake() {
	if workers.alive.Load() == 0 {
		Parallel(runtime.GOMAXPROCS(0), func(int) {})
	}
}

// run takes items until none is left.
func (j *job) run() {
	for {
		i := j.next.Load()
		if i >= j.n.Load() {
			return
		}
		if j.next.CompareAndSwap(i, i+1) {
			j.item(int(i))
		}
	}
}

func (j *job) item(i int) {
	defer func() {
		if p := recover(); p != nil {
			j.failure.CompareAndSwap(nil, &p)
		}
		if j.done.Add(1) == j.n.Load() && j.asleep.Load() {
			close(j.woken)
		}
	}()
	j.f(i)
}

// wait returns when every item has returned.
func (j *job) wait() {
	for range 100 { // the other pieces of an even cut are about to be done
		if j.done.Load() == j.n.Load() {
			return
		}
		pause()
	}
	for start := time.Now(); time.Since(start) < spinTime; {
		if j.done.Load() == j.n.Load() {
			return
		}
		yieldCore()
		runtime.Gosched()
	}
	j.woken = make(chan struct{})
	j.asleep.Store(true)
	if j.done.Load() < j.n.Load() {
		<-j.woken // whoever makes done reach n sees asleep
	}
}

// work helps with first and with every later job until none came for spinTime.
func work(first *job) {
	defer workers.alive.Add(-1)
	first.run()
	last, idle := first, time.Now()
	for polls := 1; ; polls++ {
		if j := workers.job.Load(); j != nil && (j != last || j.next.Load() < j.n.Load()) {
			j.run()
			last, idle, polls = j, time.Now(), 1
		}
		pause()
		if polls%64 == 0 {
			if time.Since(idle) > spinTime {
				return
			}
			yieldCore()
			runtime.Gosched()
		}
	}
}
