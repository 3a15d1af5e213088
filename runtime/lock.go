package runtime

import "sync"

// baton is the interpreter lock: whoever holds it may touch the VM. It is
// handed over first come, first served.
type baton struct {
	mu    sync.Mutex
	held  bool
	queue []chan struct{}
}

// enqueue takes a place in the line; the caller holds the baton once the
// returned channel is closed. A nil channel means that it holds it already.
func (b *baton) enqueue() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.held {
		b.held = true
		return nil
	}
	turn := make(chan struct{})
	b.queue = append(b.queue, turn)
	return turn
}

func (b *baton) acquire() {
	if turn := b.enqueue(); turn != nil {
		<-turn
	}
}

func (b *baton) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.held = false
		return
	}
	next := b.queue[0]
	b.queue[0] = nil
	b.queue = b.queue[1:]
	close(next)
}
