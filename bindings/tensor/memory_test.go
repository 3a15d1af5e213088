package tensor_test

import (
	"fmt"
	gc "runtime"
	"testing"
	"weak"

	lua "github.com/yuin/gopher-lua"

	bind "github.com/hudrl/hudrl/bindings/tensor"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/tensor"
)

// A loop may make any number of tensors as long as it keeps few: 100,000 under a
// limit of ten.
func TestTemporaries(t *testing.T) {
	t.Parallel()
	const bytes = 4 * 4096 // of one
	rt := newVM(t, runtime.Config{Limits: runtime.Limits{TensorBytes: 10 * bytes, Steps: -1, WallTime: -1}})
	for name, src := range map[string]string{
		"an operation": `
			local a = tensor.ones(4096)
			for i = 1, 100000 do local b = a * i end
			return a:sum():item()`,
		"a running value": `
			local a = tensor.zeros(4096)
			for i = 1, 200 do a = (a + 1) * 1 end
			return a[1]:item() + 3896`,
		"read each time": `
			local a, total = tensor.ones(4096), 0
			for i = 1, 200 do
				local b = a * 2
				total = total + (b - a):exp():log():sum():item() / 200
			end
			return total`,
		"a graph": `
			local w, total = tensor.ones(1024):requires_grad_(), 0
			for i = 1, 200 do
				local loss = ((w * 2):exp():log() - w):mean()
				loss:backward()
				total = total + w.grad:sum():item() / 200
				w:zero_grad()
			end
			return total * 4096`,
		"a graph that is dropped": `
			local w = tensor.ones(1024):requires_grad_()
			for i = 1, 200 do local loss = (w * 2):exp():log():sum() end
			return 4096`,
	} {
		out, err := run(t, rt, src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := out[0].(float64); got < 4095.9 || got > 4096.1 {
			t.Errorf("%s: got %v, want 4096", name, got)
		}
	}
}

// Whatever a step made and a script kept stays what it was, though buffers are
// used again: step by step every intermediate goes into a global, together with
// its elements as numbers.
func TestKeptIntermediates(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{})
	out, err := run(t, rt, `
		kept = {}
		local function keep(x)
			kept[#kept + 1] = { x, x:detach():tolist() }
			return x
		end
		local offsets = {0, 700, 700, 1500, 2000}
		local w = tensor.zeros(2000):requires_grad_()
		for step = 1, 40 do
			local q = keep(tensor.randn(2000) * 0.3)
			local mask = keep(tensor.rand(2000):gt(0.2))
			local adv = keep(tensor.randn(4):segment_expand(offsets))
			local ratio = keep((w - q):exp())
			local clipped = keep(ratio:clamp{min = 0.8, max = 1.2})
			local each = keep(keep(ratio * adv):minimum(keep(clipped * adv)))
			local picked = keep(tensor.where(mask, each, 0))
			local rows = keep(picked:segment_sum(offsets))
			local loss = keep(-rows:sum() / mask:sum())
			loss:backward()
			keep(w.grad)
			local before = keep(w:clone():detach())
			w:sub_(keep(w.grad * 0.1))
			w:zero_grad()
		end
		local wrong = 0
		for i, k in ipairs(kept) do
			local now, then_ = k[1], tensor(k[2])
			if not now:detach():equal(then_) then wrong = wrong + 1 end
		end
		return #kept, wrong`)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(out); got != "[560 0]" {
		t.Errorf("got %s, want 560 kept and 0 of them changed", got)
	}
}

// What Go code makes is nobody's but its own, also after a method that failed.
func TestMadeElsewhere(t *testing.T) {
	t.Parallel()
	var made weak.Pointer[tensor.Tensor]
	rt := newVM(t, runtime.Config{Modules: []runtime.Module{{Name: "make", Open: func(vm *runtime.VM) (lua.LValue, error) {
		alloc := bind.Of(vm).Allocator()
		return vm.NewFunction(func(L *lua.LState) int {
			made = weak.Make(alloc.Ones(1024).RequireGrad().Mul(alloc.Scalar(2)))
			return 0
		}), nil
	}}}})
	if _, err := run(t, rt, `
		local make, x = require("make"), tensor.ones(4)
		x:add(1)
		pcall(function() x:add(tensor.ones(3)) end)
		pcall(function() x:clamp("no") end)
		make()`); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		gc.GC()
		if made.Value() == nil {
			return
		}
	}
	t.Error("a tensor that Go code made is still there")
}

// A function that returned keeps nothing: what only its local functions had
// captured makes room.
func TestRoomOfReturnedFunctions(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{Limits: runtime.Limits{TensorBytes: 1 << 20, Steps: -1, WallTime: -1}})
	out, err := run(t, rt, `
		local function f()
			local z = tensor.ones(180000) -- 720 kB of 1 MiB
			local function r(n) local w = z if n == 0 then return 0 end return 1 + r(n - 1) end
			return r(10)
		end
		local n = f()
		return n + tensor.ones(180000):numel()`)
	if err != nil || out[0].(float64) != 180010 {
		t.Errorf("got %v, %v, want 180010", out, err)
	}
}
