package tensor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime"
)

func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{Limits: runtime.Limits{StringBytes: 4096, TensorBytes: 1 << 20}})
	// The file was put together by hand from the format's description: eight
	// bytes of header length, the header, then 1 and −2.5.
	const header = `{"__metadata__":{"step":"7"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}}`
	want := string([]byte{byte(len(header)), 0, 0, 0, 0, 0, 0, 0}) + header + "\x00\x00\x80?\x00\x00 \xc0"
	for _, c := range []struct{ src, want string }{
		{`return tensor.save({w = tensor{{-2.5}}:requires_grad_(), a = tensor.scalar(1)}, {metadata = {step = "7"}})`, want},
		{`local all, about = tensor.load(tensor.save({w = tensor{{-2.5}}:requires_grad_(), a = tensor.scalar(1)}, {metadata = {step = "7"}}))
		  return all.w:shape(), all.w[{1,1}]:item(), all.a:dim(), tostring(all.w), about.step`, "{1 1} -2.5 0  -2.5000\n[float32 1x1] 7"},
		{`local all, about = tensor.load(tensor.save{}); return next(all), next(about)`, "<nil> <nil>"},
		{`local m = tensor{{1,2},{3,4}}:t(); return tensor.load(tensor.save{m = m}).m:equal(m)`, "true"},
		{`local m = tensor.zeros(0, 3); return tensor.load(tensor.save{m = m}).m:shape()`, "{0 3}"},
		{`local m = tensor{0/0, 1/0, -1/0, 1e-45, -0}; local got = tensor.load(tensor.save{m = m}).m:tolist(); return got[1] ~= got[1], got[2], got[3], got[4] > 0, 1 / got[5]`, "true inf -inf true -inf"},

		{`tensor.save{tensor{1}}`, "! save: tensors: a name: got number, want string"},
		{`tensor.save{w = 3}`, "! save: tensors.w: got number, want tensor"},
		{`tensor.save{w = {v = tensor{1}}}`, "! save: tensors.w: got table, want tensor"},
		{`tensor.save({}, {metadata = {step = 7}})`, "! save: metadata.step: got number, want string"},
		{`tensor.save({}, {meta = {}})`, `! save: unknown option "meta" (save takes metadata)`},
		{`tensor.save{__metadata__ = tensor{1}}`, `! save: safetensors: name used twice or reserved: got "__metadata__"`},
		{`tensor.save{w = tensor.zeros(1024)}`, "! string size: used 4097 bytes of 4096 bytes"},
		{`tensor.load("")`, "! load: safetensors: file is cut short: got 0 bytes, want at least 8"},
		{`local s = tensor.save{w = tensor{1,2}}; tensor.load(s:sub(1, -2))`, `! load: safetensors: "w": bytes end outside the file: got 0 to 8 of 7`},
		{`local s = tensor.save{w = tensor{1,2}}; tensor.load(s .. "x")`, `! load: safetensors: file has bytes that no tensor owns at its end`},
		{`tensor.load(7)`, "! load: bytes: got number, want string"},
	} {
		out, err := run(t, rt, c.src)
		if message, ok := strings.CutPrefix(c.want, "! "); ok {
			var e *runtime.Error
			if !errors.As(err, &e) || !strings.Contains(e.Message, message) {
				t.Errorf("%s\ngot %v, %v\nwant error %s", c.src, out, err, message)
			}
			continue
		}
		parts := make([]string, len(out))
		for i, v := range out {
			parts[i] = show(v)
		}
		if got := strings.Join(parts, " "); err != nil || got != c.want {
			t.Errorf("%s\ngot  %q, %v\nwant %q", c.src, got, err, c.want)
		}
	}
}

// What is loaded counts as tensor memory.
func TestLoadIsCounted(t *testing.T) {
	t.Parallel()
	rt := newVM(t, runtime.Config{Limits: runtime.Limits{TensorBytes: 1 << 20}})
	out, err := run(t, rt, `
		local s = tensor.save{w = tensor.zeros(2^16)}   -- a quarter
		local keep, ok, e = {}, nil, nil
		for i = 1, 10 do
			ok, e = pcall(tensor.load, s)
			if not ok then return i, e.code end
			keep[i] = e
		end`)
	if err != nil || fmt.Sprint(out) != "[5 limit]" {
		t.Errorf("got %v, %v, want the fifth load refused", out, err)
	}
}
