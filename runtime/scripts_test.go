package runtime_test

import (
	"testing"

	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/runtimetest"
)

// The library as a training script meets it, file by file.
func TestScripts(t *testing.T) {
	t.Parallel()
	runtimetest.RunFiles(t, runtime.Config{}, "testdata/*.lua")
}
