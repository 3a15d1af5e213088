package tensor

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/hudrl/hudrl/runtime/tensor"
)

// fresh is the result that is being made: operations put it into an object with
// its userdata. It is empty outside of methods and operators, which keep nothing.
type fresh struct {
	wanted bool
	ud     *lua.LUserData
	of     *tensor.Tensor
}

// held is a userdata with what it refers to.
type held[T any] struct {
	ud   lua.LUserData
	room T
}

// note says that ud is for t.
func (b *Binding) note(ud *lua.LUserData, t *tensor.Tensor) {
	ud.Value, ud.Env, ud.Metatable = t, b.env, b.meta
	b.ud, b.of = ud, t
}

// take is the userdata made with t, or nil.
func (b *Binding) take(t *tensor.Tensor) *lua.LUserData {
	ud, of := b.ud, b.of
	b.fresh = fresh{}
	if of != t {
		return nil
	}
	return ud
}

// Recorded, Constant, Deferred, Reduced and View are for the tensors' Allocator.
func (b *Binding) Recorded() *tensor.Recorded {
	if !b.wanted {
		return &tensor.Recorded{}
	}
	h := &held[tensor.Recorded]{}
	b.note(&h.ud, h.room.Tensor())
	return &h.room
}

// Constant is like Recorded.
func (b *Binding) Constant() *tensor.Constant {
	if !b.wanted {
		return &tensor.Constant{}
	}
	h := &held[tensor.Constant]{}
	b.note(&h.ud, h.room.Tensor())
	return &h.room
}

// Deferred is like Recorded.
func (b *Binding) Deferred() *tensor.Deferred {
	if !b.wanted {
		return &tensor.Deferred{}
	}
	h := &held[tensor.Deferred]{}
	b.note(&h.ud, h.room.Tensor())
	return &h.room
}

// Reduced is like Recorded.
func (b *Binding) Reduced() *tensor.Reduced {
	if !b.wanted {
		return &tensor.Reduced{}
	}
	h := &held[tensor.Reduced]{}
	b.note(&h.ud, h.room.Tensor())
	return &h.room
}

// View is like Recorded.
func (b *Binding) View() *tensor.Tensor {
	if !b.wanted {
		return &tensor.Tensor{}
	}
	h := &held[tensor.Tensor]{}
	b.note(&h.ud, &h.room)
	return &h.room
}
