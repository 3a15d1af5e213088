package bindings_test

import (
	"testing"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
)

// BenchmarkNew makes a VM with every module and closes it.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		rt, err := runtime.New(bindings.Default(nil))
		if err != nil {
			b.Fatal(err)
		}
		rt.Close()
	}
}
