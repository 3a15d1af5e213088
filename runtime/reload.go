package runtime

import (
	"context"
	"errors"
	"slices"

	lua "github.com/yuin/gopher-lua"
)

// given is a value of [Runtime.Set], which every version gets.
type given struct {
	name    string
	value   any
	methods []string
}

// Reload replaces what rt runs. The chunk runs in a new VM of the same Config,
// with the values of Set; when it has succeeded the Runtime changes over, after
// the call that is running and before the next, and the old VM is released. A
// chunk that fails leaves everything as it was: a call sees one version or the
// other, never parts of both. Globals and modules begin anew: what is to outlive
// a version belongs to the host, or to what hud.state saves.
//
// The script finds its version in arg.version, from 1, and the Logger carries it
// as an attribute from 2 on. The functions that
// [Runtime.Func] found are the new ones from then on. Reload waits until ctx
// ends or rt is closed for a call to finish; it must not be called from inside
// one.
func (rt *Runtime) Reload(ctx context.Context, chunk *Chunk, args ...any) error {
	if err := checkChunk("Reload", chunk); err != nil {
		return err
	}
	if ctx == nil {
		return errNoContext
	}
	rt.mu.Lock()
	closed, version, values, sets := rt.closed, rt.version+1, slices.Clone(rt.given), rt.sets
	rt.mu.Unlock()
	if closed {
		return ErrClosed
	}
	next, err := newRuntime(rt.cfg, version)
	if err != nil {
		return err
	}
	caller := ctx
	ctx, done := rt.load(ctx)
	defer done()
	if err = next.setAll(values); err == nil {
		_, err = next.Run(ctx, chunk, args...)
	}
	if err != nil {
		return errors.Join(err, next.Close())
	}
	for {
		rt.mu.Lock()
		switch {
		case rt.closed:
			err = ErrClosed
		case rt.version != version-1:
			err = errors.New("runtime: Reload: another Reload came first")
		case rt.vm.profile != nil:
			err = errors.New("runtime: Reload: a profile is being made: stop it first")
		case rt.running == nil && rt.sets != sets: // meanwhile
			values, sets = slices.Clone(rt.given), rt.sets
			rt.mu.Unlock()
			if err = next.setAll(values); err != nil {
				return errors.Join(err, next.Close())
			}
			continue
		case rt.running == nil:
			old := rt.vm
			rt.vm, rt.version = next.vm, version
			next.vm.owner.Store(rt)
			rt.mu.Unlock()
			old.close()
			rt.cfg.Logger.Info("reloaded", "script", chunk.name, "version", version)
			return nil
		}
		idle := rt.idle
		rt.mu.Unlock()
		if err != nil {
			return errors.Join(err, next.Close())
		}
		select {
		case <-idle:
		case <-ctx.Done():
			return errors.Join(withContext(caller, causeOf(ctx)), next.Close())
		}
	}
}

// load makes a context for a Reload, which Close ends; done must be called.
func (rt *Runtime) load(ctx context.Context) (loading context.Context, done func()) {
	loading, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(rt.life, func() { cancel(ErrClosed) })
	return loading, func() { stop(); cancel(nil) }
}

func (rt *Runtime) setAll(values []given) error {
	for _, g := range values {
		if err := rt.Set(g.name, g.value, g.methods...); err != nil {
			return err
		}
	}
	return nil
}

// Version is how many chunks rt has taken on: 1, and 1 more for each Reload.
func (rt *Runtime) Version() int {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	return rt.version
}

// setVersion tells the script which version it is.
func (vm *VM) setVersion(version int) {
	if arg, ok := vm.root.G.Global.RawGetString("arg").(*lua.LTable); ok {
		arg.RawSetString("version", lua.LNumber(version))
	}
}

// Between is where a script stands between two units of its work: hud.steps
// calls it before each step. It reports whether the host stops it there, see
// [Config.Between].
func (vm *VM) Between() (stopped bool) {
	if vm.cfg.Between == nil {
		return false
	}
	err := vm.cfg.Between()
	if err != nil {
		vm.owner.Load().Interrupt(err)
	}
	return err != nil
}
