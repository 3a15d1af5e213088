package hudtest_test

import (
	"testing"

	"github.com/hudrl/hudrl/runtime/hud"
	"github.com/hudrl/hudrl/runtime/hud/hudtest"
)

func TestFakeIsAService(t *testing.T) {
	t.Parallel()
	hudtest.RunService(t, func(testing.TB) hud.Service { return hudtest.NewFake() }, hudtest.Config{Model: hudtest.FakeModel, MaxContext: 512})
}
