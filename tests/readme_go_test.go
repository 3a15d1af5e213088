package tests

import (
	"os"
	"strings"
	"testing"

	"github.com/hudrl/hudrl/bindings"
	"github.com/hudrl/hudrl/runtime"
	"github.com/hudrl/hudrl/runtime/local"
)

// game is what the README's program shows its scripts.
type game struct{ x int }

func (g *game) State() map[string]int { return map[string]int{"x": g.x} }
func (g *game) Move(dx int)           { g.x += dx }

// The README's Go program is the one below, line by line, and works.
func TestReadmeGo(t *testing.T) {
	t.Parallel()
	ctx, dir, game := t.Context(), t.TempDir(), &game{}
	source := `local model, n = ... game:move(n) return model .. "!", game:state().x / 4`
	var name string
	var reward float64

	svc, err := local.Open(dir)
	noError(t, err)
	defer svc.Close()
	rt, err := runtime.New(bindings.Default(svc))
	noError(t, err)
	defer rt.Close()
	err = rt.Set("game", game, "State", "Move")
	noError(t, err)
	chunk, err := runtime.Compile("train.lua", source)
	noError(t, err)
	out, err := rt.Run(ctx, chunk, "sums", 60)
	noError(t, err)
	err = runtime.Scan(out, &name, &reward)
	noError(t, err)
	if name != "sums!" || reward != 15 {
		t.Errorf("got %s and %v", name, reward)
	}

	readme, err := os.ReadFile("../README.md")
	noError(t, err)
	_, code, found := strings.Cut(string(readme), "```go\n")
	code, _, ended := strings.Cut(code, "```")
	if !found || !ended {
		t.Fatal("the README has no Go program")
	}
	this, err := os.ReadFile("readme_go_test.go")
	noError(t, err)
	for line := range strings.Lines(code) {
		line, _, _ = strings.Cut(line, " //")
		if line = strings.TrimSpace(line); !strings.Contains(string(this), "\t"+line+"\n") {
			t.Errorf("%q is not in this test", line)
		}
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
