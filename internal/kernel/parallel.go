package kernel

import (
	"runtime"
	"sync"
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

// job is one Parallel call.
type job struct {
	f       func(int)
	n       int64
	next    atomic.Int64 // the first item nobody took
	done    atomic.Int64 // items that returned
	pending sync.WaitGroup
	failure atomic.Pointer[any] // the first panic
}

// Parallel runs f(0) to f(n-1), each once, on up to GOMAXPROCS goroutines, the caller among them, and returns when
// all have returned. Items are handed out one by one in ascending order, so pieces may differ in size. A panic in f
// is raised again in the caller when no item runs any more.
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
	j := &job{f: f, n: int64(n)}
	j.pending.Add(n)
	workers.job.Store(j)
	for range min(n, cores) - 1 - int(workers.alive.Load()) {
		workers.alive.Add(1)
		go work(j)
	}
	j.run()
	j.wait()
	workers.job.Store(nil)
	workers.owned.Store(false)
	if p := j.failure.Load(); p != nil {
		panic(*p)
	}
}

// run takes items until none is left.
func (j *job) run() {
	for i := j.next.Add(1) - 1; i < j.n; i = j.next.Add(1) - 1 {
		j.item(int(i))
	}
}

func (j *job) item(i int) {
	defer func() {
		if p := recover(); p != nil {
			j.failure.CompareAndSwap(nil, &p)
		}
		j.done.Add(1)
		j.pending.Done()
	}()
	j.f(i)
}

// wait returns when every item has returned.
func (j *job) wait() {
	start := time.Now()
	for j.done.Load() < j.n && time.Since(start) < spinTime {
		pause()
		runtime.Gosched()
	}
	j.pending.Wait()
}

// work helps with first and with every later job until none came for spinTime.
func work(first *job) {
	defer workers.alive.Add(-1)
	first.run()
	last, idle := first, time.Now()
	for polls := 1; ; polls++ {
		if j := workers.job.Load(); j != nil && j != last {
			j.run()
			last, idle = j, time.Now()
		}
		pause()
		if polls%16 == 0 {
			if time.Since(idle) > spinTime {
				return
			}
			runtime.Gosched()
		}
	}
}
