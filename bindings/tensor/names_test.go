package tensor_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/runtime/tensor"
	"github.com/hudrl/hudrl/stdlib"
)

// Whoever knows a tensor's methods in one language finds them in the other:
// matmul is MatMul, log_softmax LogSoftmax. The exceptions are Go's manners.
func TestNamesAreGos(t *testing.T) {
	t.Parallel()
	other := map[string]string{
		"dim": "Dims", "numel": "Len", "tolist": "Data", "view": "Reshape", "requires_grad_": "RequireGrad", "allclose": "AllClose",
		"land": "And", "lor": "Or", "lnot": "Not",
	}
	goType := reflect.TypeFor[*tensor.Tensor]()
	names := map[string]string{} // without case
	for i := range goType.NumMethod() {
		names[strings.ToLower(goType.Method(i).Name)] = goType.Method(i).Name
	}
	checked := 0
	for _, e := range stdlib.Entries() {
		name, ok := strings.CutPrefix(e.Name, "tensor:")
		if !ok || !e.Function {
			continue
		}
		checked++
		want := other[name]
		if want == "" {
			want = strings.ReplaceAll(name, "_", "")
			if strings.HasSuffix(name, "_") {
				want = "assign" // what works in place is an Assign
			}
		}
		if names[strings.ToLower(want)] == "" {
			t.Errorf("%s: a tensor has no Go method %s", e.Name, want)
		}
	}
	if checked < 100 {
		t.Errorf("got %d methods, want all", checked)
	}
}
