package runtime

import (
	"errors"
	"fmt"
)

// CheckIdle says what a Runtime that runs nothing still holds of its last call.
func (rt *Runtime) CheckIdle() error {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	vm := rt.vm
	vm.baton.mu.Lock()
	defer vm.baton.mu.Unlock()
	var wrong []error
	bad := func(is bool, format string, args ...any) {
		if is {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	bad(rt.running != nil, "a call is running")
	bad(vm.baton.held || len(vm.baton.queue) > 0, "the lock is held: %v, %d wait for it", vm.baton.held, len(vm.baton.queue))
	bad(vm.call != nil, "the VM has a call")
	bad(vm.tasks != 0, "%d tasks are unfinished", vm.tasks)
	bad(vm.raising, "an error is on its way")
	bad(len(vm.loader.busy) > 0, "%d modules are being loaded", len(vm.loader.busy))
	bad(vm.root.G.CurrentThread != vm.root, "a thread is current")
	bad(vm.root.GetTop() != 0, "%d values are on the stack", vm.root.GetTop())
	bad(vm.coroutines.live.Load() < 0, "%d coroutines live", vm.coroutines.live.Load())
	for _, th := range vm.free {
		bad(th.GetTop() != 0, "a free thread has %d values on its stack", th.GetTop())
		bad(frames(th) != 0, "a free thread has %d open calls", frames(th))
		bad(gateOf(th).caller != nil || gateOf(th).co != nil, "a free thread keeps its caller")
	}
	return errors.Join(wrong...)
}
