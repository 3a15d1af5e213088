package tensor_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/hudrl/hudrl/runtime/tensor"
)

func TestSafetensors(t *testing.T) {
	t.Parallel()
	m := tensor.From([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	in := map[string]*tensor.Tensor{"m": m, "view": m.T(), "row": m.Select(0, 1).RequireGrad(), "made": m.Mul(m).Sum(0), "none": tensor.Zeros(0, 2)}
	var b, again bytes.Buffer
	if err := tensor.WriteSafetensors(&b, in, map[string]string{"by": "hand"}); err != nil {
		t.Fatal(err)
	}
	out, metadata, err := tensor.ReadSafetensors(iotest.OneByteReader(bytes.NewReader(b.Bytes())), int64(b.Len()))
	if err != nil || len(out) != len(in) || metadata["by"] != "hand" {
		t.Fatalf("got %v, %v, %v", out, metadata, err)
	}
	for name, want := range in {
		if got := out[name]; !got.Equal(want) || got.RequiresGrad() || !slices.Equal(got.Shape(), want.Shape()) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if err := tensor.WriteSafetensors(&again, out, metadata); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("writing again gives other bytes: %v", err)
	}
}

func TestSafetensorsRefused(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	broken := tensor.Zeros(2).Reshape(3)
	if err := tensor.WriteSafetensors(new(bytes.Buffer), map[string]*tensor.Tensor{"x": broken}, nil); err == nil || err.Error() != broken.Err().Error() {
		t.Errorf("a failed tensor: got %v, want its error", err)
	}
	if err := tensor.WriteSafetensors(new(bytes.Buffer), map[string]*tensor.Tensor{"x": nil}, nil); err == nil {
		t.Error("a nil tensor was written")
	}
	_, _, err := tensor.ReadSafetensors(iotest.ErrReader(full), 100)
	var own *tensor.Error
	if !errors.As(err, &own) || own.Op != "load" || !errors.Is(err, full) {
		t.Errorf("a failing reader: got %v", err)
	}

	var b bytes.Buffer
	if err := tensor.WriteSafetensors(&b, map[string]*tensor.Tensor{"a": tensor.Zeros(1000), "b": tensor.Zeros(1000)}, nil); err != nil {
		t.Fatal(err)
	}
	limit := tensor.NewLimit(6000)
	_, _, err = tensor.NewAllocator(limit).ReadSafetensors(&b, 1<<20)
	var over *tensor.LimitError
	if !errors.As(err, &over) || !strings.HasPrefix(err.Error(), "load: tensor memory limit") {
		t.Errorf("a file over the budget: got %v", err)
	}
}

func FuzzReadSafetensors(f *testing.F) {
	var b bytes.Buffer
	if err := tensor.WriteSafetensors(&b, map[string]*tensor.Tensor{"x": tensor.Ones(2, 2), "y": tensor.Zeros(0)}, map[string]string{"k": "v"}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()-1])
	f.Fuzz(func(t *testing.T, data []byte) {
		limit := tensor.NewLimit(1 << 20)
		out, metadata, err := tensor.NewAllocator(limit).ReadSafetensors(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			var own *tensor.Error
			if !errors.As(err, &own) || out != nil {
				t.Fatalf("got %v and %v, want an Error and nothing", err, out)
			}
			return
		}
		var b bytes.Buffer
		if err := tensor.WriteSafetensors(&b, out, metadata); err != nil {
			t.Fatal(err)
		}
		again, _, err := tensor.ReadSafetensors(&b, int64(b.Len()))
		if err != nil || len(again) != len(out) {
			t.Fatalf("got %v, %v, want the same %d tensors", again, err, len(out))
		}
	})
}
